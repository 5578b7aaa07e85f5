import { watchEffect } from 'vue';

/** The page's title, most particular part first, kept up to date with what it shows and in which language. */
export function useTitle(parts: () => readonly (string | undefined)[]): void {
  watchEffect(() => {
    const said = parts().filter((part) => part !== undefined && part !== '');
    if (said.length > 0) document.title = said.join(' · ');
  });
}
