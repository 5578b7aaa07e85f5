import type { Wire } from '../../wire';

type Settings = Wire['MeetingSettings'];
type BindBy = Wire['BindBy'];
type Registration = Wire['Registration'];

/** What the form edits: all that the host may set. */
export interface Draft {
  name: string;
  require_follow: boolean;
  bind_by: BindBy;
  registration: Registration;
  expected_people: number;
  checkin: boolean;
  min_level: string;
  /** Seconds. */
  show_s: number;
  auto_confirm_s: number;
  send_name: string;
  act_name: string;
  wishing: string;
  winners: boolean;
  template: string;
  fields: { name: string; text: string }[];
}

/** Fields of a packet's text and how many bytes of UTF-8 WeChat Pay takes. */
export const BYTES = { send_name: 31, act_name: 31, wishing: 127 } as const;

export const LEVELS = ['A0', 'A1', 'A2'] as const;
export const DOORS = ['closed', 'approval', 'open'] as const;
export const WAYS = ['sms', 'staff', 'badge'] as const;
/** Most fields of a template message. */
export const FIELDS = 10;

export function bytes(text: string): number {
  return new TextEncoder().encode(text).length;
}

export function draftOf({ name, settings }: Pick<Wire['MeetingView'], 'name' | 'settings'>): Draft {
  const { notify } = settings;
  return {
    name,
    require_follow: settings.require_follow,
    bind_by: settings.bind_by,
    registration: settings.registration,
    expected_people: settings.expected_people,
    checkin: settings.checkin,
    min_level: settings.min_level,
    show_s: settings.commit_show_ms / 1000,
    auto_confirm_s: settings.auto_confirm_s,
    send_name: settings.send_name,
    act_name: settings.act_name,
    wishing: settings.wishing,
    winners: notify.winners,
    template: notify.template,
    fields: Object.entries(notify.fields).map(([field, text]) => ({ name: field, text })),
  };
}

/** What is sent. What the form does not show (`four_eyes`) stays as it was seen. */
export function settingsOf(draft: Draft, seen: Settings): Settings {
  const named = draft.fields.filter(({ name, text }) => name.trim() !== '' || text.trim() !== '');
  return {
    ...seen,
    require_follow: draft.require_follow,
    bind_by: draft.bind_by,
    registration: draft.registration,
    expected_people: draft.expected_people,
    checkin: draft.checkin,
    min_level: draft.min_level,
    commit_show_ms: Math.round(draft.show_s * 1000),
    auto_confirm_s: draft.auto_confirm_s,
    send_name: draft.send_name.trim(),
    act_name: draft.act_name.trim(),
    wishing: draft.wishing.trim(),
    notify: {
      winners: draft.winners,
      template: draft.template.trim(),
      fields: Object.fromEntries(named.map(({ name, text }) => [name.trim(), text.trim()])),
    },
  };
}

/** Whether both say the same. */
export function same(one: Draft, other: Draft): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}
