import { run } from './run';
import { shell } from './shell';

const zh = { ...shell.zh, ...run.zh };

const en: typeof zh = { ...shell.en, ...run.en };

export const messages = { zh, en };
