import { en } from './en';
import { voucher } from './voucher';
import { zh } from './zh';

export const messages = { zh: { ...zh, ...voucher.zh }, en: { ...en, ...voucher.en } };
