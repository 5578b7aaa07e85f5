import { ElMessage } from 'element-plus';
import { ApiError } from '../../shared/api';
import { session } from './session';

/** Any thrown thing as an `ApiError`; what is no such error is a fault of this page and goes on up. */
export function asApiError(cause: unknown): ApiError {
  if (cause instanceof ApiError) {
    session.noticed(cause);
    return cause;
  }
  throw cause;
}

/** Codes that mean: somebody else was faster, look at what is there now. */
const OVERTAKEN = ['stale', 'already_drawn', 'draw_open', 'seat_replaced', 'entropy_order', 'approval_void'];

export function isOvertaken(error: ApiError): boolean {
  return OVERTAKEN.includes(error.code);
}

/** Says the server's own sentence. */
export function say(error: ApiError): void {
  if (error.status === 401) return;
  ElMessage({
    message: error.detail,
    type: isOvertaken(error) ? 'warning' : 'error',
    // Long enough to write its number down.
    duration: error.status >= 500 ? 30_000 : 6000,
    showClose: true,
    grouping: true,
  });
}
