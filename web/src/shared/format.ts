const ZONE = 'Asia/Shanghai';

/** Integer fen as text: 888 → "¥8.88", 123456789 → "¥1,234,567.89". No floating point is involved. */
export function formatFen(fen: number): string {
  const sign = fen < 0 ? '-' : '';
  const digits = String(Math.abs(fen)).padStart(3, '0');
  const yuan = digits.slice(0, -2).replace(/\B(?=(\d{3})+$)/g, ',');
  return `${sign}¥${yuan}.${digits.slice(-2)}`;
}

/** What a person typed as yuan, in fen: "8.88" → 888. `null` when it is no amount with at most two decimals. */
export function parseYuan(text: string): number | null {
  const match = /^[¥￥]?\s*(\d{1,12})(?:\.(\d{1,2}))?$/.exec(text.trim().replace(/,/g, ''));
  if (!match) return null;
  return Number(`${match[1]}${(match[2] ?? '').padEnd(2, '0')}`);
}

const dateTime = new Intl.DateTimeFormat('zh-CN', {
  timeZone: ZONE,
  year: 'numeric',
  month: '2-digit',
  day: '2-digit',
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  hourCycle: 'h23',
});

type Part = 'year' | 'month' | 'day' | 'hour' | 'minute' | 'second';

function parts(ms: number): Record<Part, string> {
  const out = { year: '', month: '', day: '', hour: '', minute: '', second: '' };
  for (const { type, value } of dateTime.formatToParts(ms)) if (type in out) out[type as Part] = value;
  return out;
}

/** Milliseconds UTC as a date and time of day in China: "2026-11-26 21:40". */
export function formatDateTime(ms: number): string {
  const p = parts(ms);
  return `${p.year}-${p.month}-${p.day} ${p.hour}:${p.minute}`;
}

/** Milliseconds UTC as a time of day in China: "21:40:05". */
export function formatTime(ms: number): string {
  const p = parts(ms);
  return `${p.hour}:${p.minute}:${p.second}`;
}

/** Milliseconds UTC as a date in China: "2026-11-26". */
export function formatDate(ms: number): string {
  return formatDateTime(ms).slice(0, 10);
}
