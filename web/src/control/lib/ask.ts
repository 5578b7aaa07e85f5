import { ElMessageBox } from 'element-plus';

/** Asks before something that cannot be taken back; Esc and the cross mean no. */
export async function ask(question: string, yes: string, no: string): Promise<boolean> {
  try {
    await ElMessageBox.confirm(question, {
      confirmButtonText: yes,
      cancelButtonText: no,
      confirmButtonClass: 'el-button--danger',
      autofocus: false,
    });
    return true;
  } catch {
    return false;
  }
}
