import { formatFen } from '../../shared/format';

/** What the server's short notes in the audit trail are called. */
const SHAPES = {
  cap: /^cap (?<fen>\d+) fen$/,
  import: /^new (?<new>\d+) update (?<update>\d+) errors (?<errors>\d+)$/,
  statement: /^(?<lines>\d+) lines, (?<matched>\d+) matched, (?<differ>\d+) differ$/,
} as const;

/** A note as a message: its key and values; `null` for what people wrote themselves, and for what is not known. */
export function noteOf(what: string, note: string): { key: string; values: Record<string, string> } | null {
  if (what === 'seat.mark') return { key: `seat.${note}`, values: {} };
  if (what === 'seat.confirm_all') return { key: 'trail.notes.seats', values: { n: note } };
  for (const [name, shape] of Object.entries(SHAPES)) {
    const found = shape.exec(note)?.groups;
    if (found === undefined) continue;
    const { fen, ...values } = found;
    return {
      key: `trail.notes.${name}`,
      values: fen === undefined ? values : { money: formatFen(Number(fen)) },
    };
  }
  return null;
}
