/** What a person typed or pasted: an address of ours to fetch, a proof itself, or what is wrong with it. */
export type Source = { path: string } | { text: string } | { problem: 'address' | 'foreign' | 'code' };

const MEETING = /^[A-Za-z0-9_-]{1,64}$/;
const PROOF = /^\/api\/meetings\/[A-Za-z0-9_-]+\/(?:draws\/[0-9]+\/)?proof$/;
const PAGE = /^\/(?:screen|m)\/([A-Za-z0-9_-]+)\/?$/;
/** As the screen shows it, or as somebody writes it down. */
const CODE = /^[0-9A-Z]{4}(?:[-\s]?[0-9A-Z]{4}){5}$/;

function proofOf(meeting: string): string {
  return `/api/meetings/${meeting}/proof`;
}

/** People copy an address without its scheme, as browsers show it. */
function withScheme(typed: string, home: URL): string {
  const bare = typed.toLowerCase().startsWith(`${home.host.toLowerCase()}/`);
  return bare ? `${home.protocol}//${typed}` : typed;
}

/** Reads a meeting's name, the address of one of its pages or of a proof, or a pasted proof; fetches only from our own server. */
export function readSource(text: string, origin: string): Source {
  const typed = withScheme(text.trim(), new URL(origin));
  if (typed.startsWith('{')) return { text: typed };
  if (CODE.test(typed)) return { problem: 'code' };
  if (MEETING.test(typed)) return { path: proofOf(typed) };
  if (!/^(?:https?:\/\/|\/)/i.test(typed)) return { problem: 'address' };
  let url: URL;
  try {
    url = new URL(typed, origin);
  } catch {
    return { problem: 'address' };
  }
  if (url.origin !== origin) return { problem: 'foreign' };
  if (PROOF.test(url.pathname)) return { path: url.pathname };
  const page = PAGE.exec(url.pathname);
  return page?.[1] ? { path: proofOf(page[1]) } : { problem: 'address' };
}

/** The meeting that a link names after its `#`, which is never sent anywhere by itself; empty for none. */
export function linkedIn(hash: string): string {
  try {
    return decodeURIComponent(hash.slice(1));
  } catch {
    // A broken escape names no meeting; the page says so when it is read as an address.
    return hash.slice(1);
  }
}

/** A proof and, when a phone exported it, what only that phone knows. */
export interface ProofFile {
  bundle: unknown;
  local: { pin?: unknown; seen?: unknown; me?: unknown };
}

/** A file that begins like a bundle is one. */
const PLAIN = /^\s*\{\s*"(?:v|log|checkpoint|draws)"\s*:/;

/** Splits an export of a phone (`{bundle, pin, seen, me}`); any other text is a bundle as it is. */
export function readProofFile(text: string): ProofFile {
  // A bundle of a million people is read once, in the worker: here it would freeze the page.
  if (PLAIN.test(text.slice(0, 200))) return { bundle: text, local: {} };
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && 'bundle' in value) {
      const { bundle, pin, seen, me } = value as Record<string, unknown>;
      return { bundle, local: { pin, seen, me } };
    }
  } catch {
    // The verifier says that it is unreadable.
  }
  return { bundle: text, local: {} };
}

/** Letters of a log code as typed by a person: no groups, and letters that look like others as Crockford reads them. */
export function codeLetters(text: string): string {
  return text
    .toUpperCase()
    .replace(/[^0-9A-Z]/g, '')
    .replace(/O/g, '0')
    .replace(/[IL]/g, '1');
}
