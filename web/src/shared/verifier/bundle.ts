import { isHex, isInt, isRecord } from './bytes';
import { need } from './report';

/** Nesting from which on a bundle counts as unreadable. */
const MAX_DEPTH = 100;

export interface Checkpoint {
  event: string;
  size: number;
  head: string;
  sig: string;
}

/** An item of `draws`; what is in it is looked into only when it is checked. */
export interface BundleDraw {
  draw: number;
  proofs: unknown[];
  pool?: unknown;
  taps?: unknown;
}

export interface Bundle {
  log: string[];
  checkpoint: Checkpoint;
  draws: BundleDraw[];
}

function tooDeep(value: unknown, left: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (left === 0) return true;
  return Object.values(value).some((child) => tooDeep(child, left - 1));
}

function onlyKeys(value: Record<string, unknown>, required: string[], optional: string[] = []): boolean {
  const keys = Object.keys(value);
  return (
    required.every((key) => keys.includes(key)) &&
    keys.every((key) => required.includes(key) || optional.includes(key))
  );
}

/** The value as a checkpoint if it has its fields; more of them only matter to the bundle. */
export function readCheckpoint(value: unknown): Checkpoint | null {
  if (!isRecord(value)) return null;
  const { event, size, head, sig } = value;
  if (!isHex(event, 16) || !isInt(size) || !isHex(head, 32) || !isHex(sig, 64)) return null;
  return { event, size, head, sig };
}

function isDrawItem(value: unknown): boolean {
  return (
    isRecord(value) &&
    onlyKeys(value, ['draw', 'proofs'], ['pool', 'taps']) &&
    isInt(value.draw) &&
    Array.isArray(value.proofs)
  );
}

/** Step 1: the bundle has its shape and no other keys. */
export function readBundle(value: unknown): Bundle {
  need(!tooDeep(value, MAX_DEPTH), 'E_SCHEMA');
  need(isRecord(value) && onlyKeys(value, ['v', 'log', 'checkpoint', 'draws']), 'E_SCHEMA');
  const { v, log, checkpoint, draws } = value;
  need(v === 'mlot1', 'E_SCHEMA');
  need(Array.isArray(log) && log.length > 0 && log.every((line) => typeof line === 'string'), 'E_SCHEMA');
  const signed = readCheckpoint(checkpoint);
  need(signed !== null && isRecord(checkpoint) && Object.keys(checkpoint).length === 4, 'E_SCHEMA');
  need(Array.isArray(draws) && draws.every(isDrawItem), 'E_SCHEMA');
  return { log, checkpoint: signed, draws };
}

/** The JSON of a text, `E_SCHEMA` when it is none. */
export function parseBundle(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return need(false, 'E_SCHEMA');
  }
}
