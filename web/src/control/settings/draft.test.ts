import { describe, expect, it } from 'vitest';
import { bytes, draftOf, same, settingsOf } from './draft';

const seen = {
  require_follow: false,
  commit_show_ms: 7500,
  min_level: 'A2',
  send_name: '开奖',
  act_name: '年会',
  wishing: '好运',
  auto_confirm_s: 0,
  notify: { winners: true, template: 'T1', fields: { thing1: '{meeting}' } },
  four_eyes: true,
  bind_by: 'badge' as const,
  registration: 'closed' as const,
  expected_people: 300,
  checkin: true,
};

describe('the settings form', () => {
  it('gives back what it was given, and what it does not show', () => {
    expect(settingsOf(draftOf({ name: '年会', settings: seen }), seen)).toEqual(seen);
  });

  it('knows whether anything was touched', () => {
    const draft = draftOf({ name: '年会', settings: seen });
    expect(draft).toMatchObject({ bind_by: 'badge', checkin: true, show_s: 7.5, auto_confirm_s: 0 });
    expect(same(draft, draftOf({ name: '年会', settings: { ...seen } }))).toBe(true);
    expect(same(draft, { ...draft, checkin: false })).toBe(false);
  });

  it('leaves empty lines of the template out and counts bytes as WeChat does', () => {
    const draft = { ...draftOf({ name: '', settings: seen }), fields: [{ name: ' ', text: '' }] };
    expect(settingsOf(draft, seen).notify.fields).toEqual({});
    expect(bytes('年会a')).toBe(7);
  });
});
