import { ElMessage } from 'element-plus';

/** Without a secure context (http in a hall's network) there is no clipboard API: the old way then. */
function copyOldWay(text: string): boolean {
  const area = document.createElement('textarea');
  area.value = text;
  area.className = 'visually-hidden';
  document.body.append(area);
  area.select();
  const done = document.execCommand('copy');
  area.remove();
  return done;
}

/** Copies a text and says so. */
export async function copy(text: string, said: string): Promise<void> {
  let done = false;
  try {
    await navigator.clipboard.writeText(text);
    done = true;
  } catch {
    done = copyOldWay(text);
  }
  if (done) ElMessage({ message: said, type: 'success', duration: 1500, grouping: true });
}
