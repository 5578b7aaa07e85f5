import { createI18n } from 'vue-i18n';
import { common } from './messages';
import { speak } from './said';
import { recall, remember } from './storage';

/** The languages of every page; Chinese is the default and the fallback. */
export type Lang = 'zh' | 'en';

const KEY = 'kaijiang.lang';

/** The messages of one page, the same shape in both languages. */
export interface PageMessages<M> {
  zh: M;
  en: M;
}

/** The language chosen on this device, Chinese when none was. */
export function savedLang(): Lang {
  return recall(KEY) === 'en' ? 'en' : 'zh';
}

function markDocument(lang: Lang): void {
  if (typeof document !== 'undefined') document.documentElement.lang = lang === 'zh' ? 'zh-CN' : 'en';
}

/**
 * The i18n plugin of a page: its own messages at the top level, the shared ones under `common`.
 * Use it with `createApp(App).use(pageI18n(messages))` and `useI18n()` in components.
 */
export function pageI18n<M extends object>(messages: PageMessages<M>) {
  const locale = savedLang();
  markDocument(locale);
  void speak(locale);
  return createI18n({
    legacy: false,
    locale,
    fallbackLocale: 'zh',
    messages: {
      zh: { ...messages.zh, common: common.zh },
      en: { ...messages.en, common: common.en },
    },
  });
}

/** Remembers a language and marks the document; set `locale.value` of `useI18n()` to the same. */
export function rememberLang(lang: Lang): void {
  remember(KEY, lang);
  markDocument(lang);
  void speak(lang);
}

/** What stands between the names of a list. */
export function comma(lang: string): string {
  return lang === 'zh' ? '、' : ', ';
}
