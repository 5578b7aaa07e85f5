import type { Wire } from '../../wire';
import { Disc } from './disc';
import { type Note, notesBetween } from './score';

export type Mood = 'silence' | 'calm' | 'ready' | 'wait' | 'roll' | 'joy';

export interface Tune {
  music: Exclude<Wire['ShowMusic'], 'off'>;
  mood: Mood;
  /** When the result was logged, ms. */
  since: number;
  /** A piece of the host's in place of what is made here; empty for none. */
  track: string;
}

/** Notes are handed to the sound card so far ahead, s. */
const AHEAD = 0.35;
const EACH_MS = 120;

/** Plays notes that are made here: nothing is fetched, nobody's rights are touched. All screens play the same bar. */
export class Player {
  private context: AudioContext | null = null;
  private out: GainNode | null = null;
  private disc: Disc | null = null;
  private hiss: AudioBuffer | null = null;
  private tune: Tune | null = null;
  private timer: ReturnType<typeof setInterval> | null = null;
  /** Server time up to which notes are on their way, ms. */
  private done = 0;

  constructor(private readonly now: () => number) {}

  /** To be called from a press of a key or button; false where there is no sound at all. */
  unlock(): boolean {
    try {
      if (this.context === null) {
        this.context = new AudioContext();
        this.out = new GainNode(this.context, { gain: 0 });
        const calm = new DynamicsCompressorNode(this.context, { threshold: -14, ratio: 6 });
        this.out.connect(calm).connect(this.context.destination);
        this.hiss = this.noise(this.context);
        this.disc = new Disc(this.context, this.out, this.now);
      }
      void this.context.resume();
      return true;
    } catch {
      return false;
    }
  }

  private noise(context: AudioContext): AudioBuffer {
    const buffer = context.createBuffer(1, context.sampleRate / 2, context.sampleRate);
    const data = buffer.getChannelData(0);
    let state = 1;
    for (let i = 0; i < data.length; i++) {
      state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
      data[i] = state / 0x3fffffff - 1;
    }
    return buffer;
  }

  /** What sounds from now on; `null` fades out. */
  play(tune: Tune | null, volume: number): void {
    const before = this.tune;
    this.tune = tune;
    const { context, out } = this;
    if (context === null || out === null) return;
    out.gain.setTargetAtTime(tune === null ? 0 : 0.5 * volume ** 1.6, context.currentTime, 0.15);
    this.disc?.play(tune?.track ?? '');
    if (tune === null || tune.track !== '') {
      if (this.timer !== null) clearInterval(this.timer);
      this.timer = null;
      return;
    }
    if (before?.mood !== tune.mood || this.timer === null) this.done = this.now();
    if (this.timer === null) this.timer = setInterval(() => this.feed(), EACH_MS);
  }

  private feed(): void {
    const { context, tune } = this;
    if (context === null || tune === null || context.state !== 'running') return;
    const now = this.now();
    // After a pause of the page the missed notes are left out.
    const from = Math.max(this.done, now);
    const to = now + AHEAD * 1000;
    for (const note of notesBetween(tune, from, to))
      this.sound(note, context.currentTime + (note.at - now) / 1000);
    this.done = Math.max(from, to);
  }

  private sound({ pitch, length, loud, voice }: Note, at: number): void {
    const { context, out } = this;
    if (context === null || out === null) return;
    const shape = new GainNode(context, { gain: 0 });
    shape.connect(out);
    const start = Math.max(at, context.currentTime);
    shape.gain.setValueAtTime(0, start);
    shape.gain.linearRampToValueAtTime(loud, start + 0.008);
    shape.gain.exponentialRampToValueAtTime(0.0008, start + length);
    if (voice === 'snare' || voice === 'hat') {
      const source = new AudioBufferSourceNode(context, { buffer: this.hiss });
      const filter = new BiquadFilterNode(context, {
        type: voice === 'hat' ? 'highpass' : 'bandpass',
        frequency: voice === 'hat' ? 7000 : 1800,
      });
      source.connect(filter).connect(shape);
      source.start(start);
      source.stop(start + length);
      return;
    }
    const type: OscillatorType = voice === 'lead' ? 'triangle' : voice === 'synth' ? 'sawtooth' : 'sine';
    const source = new OscillatorNode(context, { type, frequency: 440 * 2 ** ((pitch - 69) / 12) });
    if (voice === 'drum') source.frequency.exponentialRampToValueAtTime(45, start + 0.12);
    const filter = new BiquadFilterNode(context, {
      type: 'lowpass',
      frequency: voice === 'synth' ? 1500 : 6000,
    });
    source.connect(filter).connect(shape);
    source.start(start);
    source.stop(start + length + 0.05);
  }

  end(): void {
    if (this.timer !== null) clearInterval(this.timer);
    this.timer = null;
    this.disc?.end();
    this.disc = null;
    void this.context?.close();
    this.context = null;
  }
}
