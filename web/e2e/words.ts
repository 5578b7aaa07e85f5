import type { Page } from 'playwright-core';
import { messages as attendee } from '../src/attendee/messages';
import { messages as control } from '../src/control/messages';
import { messages as screen } from '../src/screen/messages';
import { common } from '../src/shared/messages';
import { messages as verify } from '../src/verify/messages';

export type Lang = 'zh' | 'en';
type Values = Record<string, string | number>;

function reader(words: object): (path: string, values?: Values) => string {
  return (path, values = {}) => {
    const found = path
      .split('.')
      .reduce<unknown>((at, name) => (at as Record<string, unknown>)?.[name], words);
    if (typeof found !== 'string') throw new Error(`no words at ${path}`);
    return found.replace(/\{(\w+)\}/g, (place, name: string) => String(values[name] ?? place));
  };
}

/** The pages' own words in a language, by their names: what a test presses and waits for. */
export function wordsOf(lang: Lang) {
  return {
    common: reader(common[lang]),
    control: reader(control[lang]),
    attendee: reader(attendee[lang]),
    screen: reader(screen[lang]),
    verify: reader(verify[lang]),
  };
}

/**
 * Words of the other language on a page, each with its place. In English any Han letter but those of WeChat's own buttons
 * between quotation marks; in Chinese a text of two and more Latin words and nothing else, outside of codes. `data` is what
 * people typed.
 */
export async function strangers(page: Page, lang: Lang, data: readonly string[] = []): Promise<string[]> {
  return page.evaluate(
    ([lang, data]) => {
      const english = lang === 'en';
      const chinese = /[\u3400-\u9fff]/;
      const wrong = (text: string): boolean =>
        english ? chinese.test(text) : /[A-Za-z]{2,} [A-Za-z]{2,}/.test(text) && !chinese.test(text);
      const skipped = english
        ? 'script, style, [lang="zh-CN"]:not(html), [lang="zh"]:not(html)'
        : 'script, style, [lang="en"], code, pre, .mono, .num';
      const found: string[] = [];
      const look = (text: string, element: Element, where: string): void => {
        const bare = data.reduce((left, known) => left.split(known).join(''), text).replace(/“[^”]*”/g, '');
        if (!wrong(bare) || element.closest(skipped) !== null) return;
        if (!element.checkVisibility({ visibilityProperty: true })) return;
        found.push(
          `${where} of <${element.tagName.toLowerCase()} class="${element.className}">: ${text.trim()}`,
        );
      };
      const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
      for (let node = walk.nextNode(); node !== null; node = walk.nextNode()) {
        if (node.parentElement !== null) look(node.textContent ?? '', node.parentElement, 'text');
      }
      for (const name of ['placeholder', 'title', 'aria-label', 'alt', 'data-label']) {
        for (const element of document.querySelectorAll(`[${name}]`)) {
          look(element.getAttribute(name) ?? '', element, name);
        }
      }
      return found;
    },
    [lang, data] as const,
  );
}
