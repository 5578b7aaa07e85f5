import { onScopeDispose, type ShallowRef, shallowRef } from 'vue';

/** What a QR code at the door brings in the fragment of the address: no server sees it there. */
const KINDS = ['badge', 'checkin'] as const;
type Kind = (typeof KINDS)[number];

/** How long a code of the hall's screen is worth trying, ms: after it the server has another one. */
const CHECKIN_MS = 45_000;

interface Kept {
  text: string;
  at: number;
}

/** The code in a fragment, if it is one of ours. */
export function codeIn(hash: string): [Kind, string] | null {
  const match = /^#(badge|checkin)=([0-9A-Za-z-]{1,64})$/.exec(hash);
  return match ? [match[1] as Kind, match[2] ?? ''] : null;
}

/**
 * The codes that this tab came by. They are taken out of the address at once, so that they are neither shown nor shared, and
 * kept in this tab over the log-in, which comes back without them.
 */
export class Door {
  readonly badge: ShallowRef<string> = shallowRef('');
  readonly checkin: ShallowRef<string> = shallowRef('');

  constructor(private readonly meeting: string) {
    for (const kind of KINDS) this[kind].value = this.recall(kind);
    this.take();
  }

  /** Looks at the address. */
  take(): void {
    const found = codeIn(location.hash);
    if (found === null || this.meeting === '') return;
    const [kind, text] = found;
    history.replaceState(null, '', location.pathname + location.search);
    this.write(kind, { text, at: Date.now() });
    this[kind].value = text;
  }

  /** It has served, or is worth nothing. */
  forget(kind: Kind): void {
    this.write(kind, null);
    this[kind].value = '';
  }

  private key(kind: Kind): string {
    return `kaijiang.door.${kind}.${this.meeting}`;
  }

  private recall(kind: Kind): string {
    try {
      const kept: Partial<Kept> = JSON.parse(sessionStorage.getItem(this.key(kind)) ?? '{}');
      const late = kind === 'checkin' && Date.now() - (kept.at ?? 0) > CHECKIN_MS;
      return typeof kept.text === 'string' && !late ? kept.text : '';
    } catch {
      return '';
    }
  }

  private write(kind: Kind, kept: Kept | null): void {
    try {
      if (kept === null) sessionStorage.removeItem(this.key(kind));
      else sessionStorage.setItem(this.key(kind), JSON.stringify(kept));
    } catch {
      // Kept only for this page view then.
    }
  }
}

/** The door of this page, also when another code is read while it is open. */
export function useDoor(meeting: string): Door {
  const door = new Door(meeting);
  const look = (): void => door.take();
  addEventListener('hashchange', look);
  onScopeDispose(() => removeEventListener('hashchange', look));
  return door;
}
