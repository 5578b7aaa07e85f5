import { computed, type Ref, ref } from 'vue';
import { api } from '../../shared/api';
import type { Wire } from '../../wire';
import type { Commands } from '../lib/command';
import type { Desk } from '../lib/desk';
import { intentOf, nextStep, type Step } from '../lib/next';

/** What people made for the open source, complete and checked; `null` while something is missing. */
export type Made = Wire['EntropyInput'] | null;

/** The big button: which step it stands for and how it is done. */
export function useSteps(desk: Desk, commands: Commands, now: Readonly<Ref<number>>) {
  /** The round that this host picked. */
  const chosen = ref<string | null>(null);
  const step = computed<Step>(() => nextStep(desk.state.value, { now: now.value, chosen: chosen.value }));

  const scene = (to: Wire['Scene']): Promise<Wire['Scene']> => api.post(desk.path('/scene'), to);

  /** The screen follows the draw, whatever it showed before. */
  async function follow(draw: number): Promise<void> {
    const { scene: shown } = desk.state.value;
    if (shown.name !== 'draw' || shown.draw !== draw) await scene({ name: 'draw', draw });
  }

  async function draw(path: string, body: unknown, key: string): Promise<void> {
    const committed = await api.post<Wire['Committed']>(desk.path(path), body, { key });
    chosen.value = null;
    await follow(committed.draw);
  }

  function entropy(number: number, i: number, value: Made, key: string): Promise<unknown> {
    const body = value === null ? { i } : { i, value };
    return api.post(desk.path(`/draws/${number}/entropy`), body, { key });
  }

  function command(of: Step, made: Made): ((key: string) => Promise<unknown>) | null {
    switch (of.kind) {
      case 'show':
        return () => scene({ name: 'ready', round_id: of.round.id });
      case 'commit':
        return (key) => draw(`/rounds/${encodeURIComponent(of.round.id)}/commit`, {}, key);
      case 'taps':
        return (key) => entropy(of.draw.draw, of.i, null, key);
      case 'dice':
      case 'words':
        return made === null ? null : (key) => entropy(of.draw.draw, of.i, made, key);
      case 'beacon':
        return (key) => entropy(of.draw.draw, of.i, made, key);
      case 'reveal':
        return async (key) => {
          await api.post(desk.path(`/draws/${of.draw.draw}/result`), {}, { key });
          await follow(of.draw.draw);
        };
      case 'seats':
        return (key) => api.post(desk.path(`/draws/${of.draw.draw}/seats`), { status: 'present' }, { key });
      case 'redraw':
        return (key) => draw(`/draws/${of.draw.draw}/redraw`, { ranks: of.ranks }, key);
      case 'summary':
        return () => scene({ name: 'summary' });
      default:
        return null;
    }
  }

  /** Does the step that the button shows; nothing while another command runs. */
  async function go(of: Step, made: Made): Promise<void> {
    const act = command(of, made);
    if (act !== null) await commands.run(intentOf(of), act);
  }

  function pick(round: Wire['RoundView']): Promise<unknown> {
    chosen.value = round.id;
    return commands.run(`show ${round.id}`, () => scene({ name: 'ready', round_id: round.id }));
  }

  /** Shows how the round will go; nothing of it counts. */
  function test(round: Wire['RoundView']): Promise<unknown> {
    return commands.run(`test ${round.id}`, (key) =>
      draw(`/rounds/${encodeURIComponent(round.id)}/commit`, { kind: 'test' }, key),
    );
  }

  /** The free seats of a round stay free, or can be redrawn again. Every desk is told. */
  function leave(round: string, left: boolean): Promise<unknown> {
    const body: Wire['LeaveRequest'] = { left };
    return commands.run(`leave ${round} ${left}`, (key) =>
      api.post(desk.path(`/rounds/${encodeURIComponent(round)}/leave`), body, { key }),
    );
  }

  return { step, chosen, go, pick, test, leave, scene };
}
