/** What a person typed, as an address of ours to fetch. */
export type Source = { path: string } | { problem: 'address' } | { problem: 'foreign' };

const MEETING = /^[A-Za-z0-9_-]{1,64}$/;
const PROOF = /^\/api\/meetings\/[A-Za-z0-9_-]+\/(?:draws\/[0-9]+\/)?proof$/;
const PAGE = /^\/(?:screen|m)\/([A-Za-z0-9_-]+)\/?$/;

function proofOf(meeting: string): string {
  return `/api/meetings/${meeting}/proof`;
}

/** Reads a meeting's name, the address of one of its pages, or of a proof; only from our own server. */
export function readSource(text: string, origin: string): Source {
  const typed = text.trim();
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
