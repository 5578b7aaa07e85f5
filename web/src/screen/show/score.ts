import { hash, SPIN_MS } from './motion';
import type { Mood, Tune } from './music';

export type Voice = 'lead' | 'synth' | 'bass' | 'drum' | 'snare' | 'hat';

export interface Note {
  /** Server time, ms. */
  at: number;
  /** As MIDI counts. */
  pitch: number;
  /** Seconds. */
  length: number;
  loud: number;
  voice: Voice;
}

/** Five tones, and the seventh-less minor: nothing in them sounds wrong together. */
const SCALES = { festive: [0, 2, 4, 7, 9], modern: [0, 3, 5, 7, 10] } as const;
const ROOTS = { festive: [62, 62, 59, 57], modern: [57, 53, 60, 55] } as const;
/** Length of a sixteenth, ms. */
const STEP: Readonly<Record<Mood, number>> = {
  silence: 200,
  calm: 190,
  ready: 150,
  wait: 110,
  roll: 84,
  joy: 125,
};

/** Notes of one step. A function of the step's number alone: all screens, and a reloaded one, play the same. */
function stepNotes({ music, mood }: Tune, step: number): Omit<Note, 'at'>[] {
  const bar = Math.floor(step / 16);
  const beat = ((step % 16) + 16) % 16;
  const roots = ROOTS[music];
  const root = roots[((bar % 4) + 4) % 4] ?? 60;
  const scale = SCALES[music];
  const lead: Voice = music === 'festive' ? 'lead' : 'synth';
  const tone = (salt: number, octave = 0): number =>
    root + (scale[Math.floor(hash(bar % 8, beat + salt) * scale.length)] ?? 0) + 12 * octave;
  const out: Omit<Note, 'at'>[] = [];
  const add = (voice: Voice, pitch: number, length: number, loud: number): void =>
    void out.push({ voice, pitch, length, loud });
  if (mood === 'silence') return out;
  if (beat % 8 === 0) add('bass', root - 24, mood === 'calm' ? 1.6 : 0.5, 0.5);
  const dense = { calm: 0.4, ready: 0.5, wait: 0.65, roll: 0.9, joy: 0.8 }[mood];
  if (hash(beat, bar % 4) < dense && (mood !== 'calm' || beat % 2 === 0))
    add(
      lead,
      tone(3, mood === 'roll' ? 1 : 0),
      mood === 'calm' ? 1.2 : 0.35,
      music === 'festive' ? 0.3 : 0.16,
    );
  if (mood === 'calm') return out;
  if (beat % 4 === 0) add('drum', 36, 0.22, mood === 'ready' ? 0.5 : 0.8);
  if (mood === 'wait' || mood === 'roll')
    add('snare', 0, 0.07, 0.05 + (mood === 'roll' ? 0.16 : 0.09) * (beat % 4 === 2 ? 1 : 0.5));
  else if (beat % 8 === 4) add('snare', 0, 0.16, 0.25);
  if (beat % 2 === 1) add('hat', 0, 0.05, 0.08);
  if (mood === 'joy' && beat % 8 === 0)
    for (const up of [0, 4, 7]) add(lead, root + (music === 'modern' && up === 4 ? 3 : up), 0.9, 0.14);
  return out;
}

/** The chord that greets the winners. */
function fanfare(since: number): Note[] {
  const at = since + SPIN_MS + 900;
  const notes = [62, 66, 69, 74, 78, 81].map(
    (pitch, i): Note => ({ at: at + i * 70, pitch, length: 1.8, loud: 0.32, voice: 'lead' }),
  );
  return [
    ...notes,
    { at, pitch: 36, length: 0.5, loud: 1, voice: 'drum' },
    { at, pitch: 0, length: 0.9, loud: 0.3, voice: 'hat' },
  ];
}

/** All notes that begin in a stretch of server time. */
export function notesBetween(tune: Tune, from: number, to: number): Note[] {
  const each = STEP[tune.mood];
  const out: Note[] = [];
  for (let step = Math.ceil(from / each); step * each < to; step++) {
    for (const note of stepNotes(tune, step)) out.push({ ...note, at: step * each });
  }
  if (tune.mood === 'roll' || tune.mood === 'joy') {
    for (const note of fanfare(tune.since)) if (note.at >= from && note.at < to) out.push(note);
  }
  return out;
}
