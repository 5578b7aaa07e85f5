import { ElMessageBox } from 'element-plus';

/** Asks before something that cannot be taken back; Esc means no. */
export async function ask(question: string, yes: string, no: string): Promise<boolean> {
  try {
    // What it does is also the dialog's name.
    await ElMessageBox.confirm(question, yes, {
      confirmButtonText: yes,
      cancelButtonText: no,
      confirmButtonClass: 'el-button--danger',
      autofocus: false,
      // Its name would be English on every page: the dialog stands outside of the page's language.
      showClose: false,
    });
    return true;
  } catch {
    return false;
  }
}

/** Asks for a sentence before something that cannot be taken back; `null` means no. */
export async function askText(
  question: string,
  { yes, no }: { yes: string; no: string },
  most: number,
): Promise<string | null> {
  try {
    const { value } = await ElMessageBox.prompt(question, yes, {
      confirmButtonText: yes,
      cancelButtonText: no,
      confirmButtonClass: 'el-button--danger',
      inputValidator: (text) => (text ?? '').trim() !== '' && text.trim().length <= most,
      inputErrorMessage: ' ',
      showClose: false,
    });
    return value.trim();
  } catch {
    return null;
  }
}
