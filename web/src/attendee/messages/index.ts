import { door } from './door';
import { en } from './en';
import { referral } from './referral';
import { voucher } from './voucher';
import { zh } from './zh';

export const messages = {
  zh: { ...zh, ...voucher.zh, ...referral.zh, ...door.zh },
  en: { ...en, ...voucher.en, ...referral.en, ...door.en },
};
