import { ElMessage } from 'element-plus';
import type { Wire } from '../../wire';

/** True when a command was not carried out but waits for a second person: says so. */
export function isAsked(answer: object | undefined, words: string): answer is Wire['RequestView'] {
  const asked = answer !== undefined && 'asked_by' in answer;
  if (asked) ElMessage({ message: words, type: 'success', duration: 6000, showClose: true });
  return asked;
}
