import { approval } from './approval';
import { charts } from './charts';
import { checks } from './checks';
import { deeds } from './deeds';
import { finance } from './finance';
import { goods } from './goods';
import { money } from './money';
import { payout } from './payout';
import { people } from './people';
import { privacy } from './privacy';
import { prizes } from './prizes';
import { proof } from './proof';
import { referral } from './referral';
import { run } from './run';
import { settings } from './settings';
import { shell } from './shell';
import { staff } from './staff';
import { stage } from './stage';
import { story } from './story';
import { voucher } from './voucher';

const zh = {
  ...shell.zh,
  ...run.zh,
  ...people.zh,
  ...privacy.zh,
  ...prizes.zh,
  ...money.zh,
  ...proof.zh,
  ...story.zh,
  ...finance.zh,
  ...approval.zh,
  ...payout.zh,
  ...checks.zh,
  ...deeds.zh,
  ...staff.zh,
  ...voucher.zh,
  ...referral.zh,
  ...stage.zh,
  ...settings.zh,
  ...goods.zh,
  ...charts.zh,
  packets: { ...money.zh.packets, ...payout.zh.packets },
};

const en: typeof zh = {
  ...shell.en,
  ...run.en,
  ...people.en,
  ...privacy.en,
  ...prizes.en,
  ...money.en,
  ...proof.en,
  ...story.en,
  ...finance.en,
  ...approval.en,
  ...payout.en,
  ...checks.en,
  ...deeds.en,
  ...staff.en,
  ...voucher.en,
  ...referral.en,
  ...stage.en,
  ...settings.en,
  ...goods.en,
  ...charts.en,
  packets: { ...money.en.packets, ...payout.en.packets },
};

export const messages = { zh, en };
