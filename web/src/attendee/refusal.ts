/** Why the log-in through WeChat brought this page back without a session, in the fragment of the address. */
const WORDS = ['restart', 'snapshot', 'busy', 'away', 'unknown'] as const;
export type Refusal = (typeof WORDS)[number];

export function refusalIn(hash: string): Refusal | null {
  const word = /^#login=([a-z]{1,16})$/.exec(hash)?.[1];
  return WORDS.find((known) => known === word) ?? null;
}

/** Reads it and takes it out of the address, so that it is not there any more when the page is opened again. */
export function takeRefusal(): Refusal | null {
  const refusal = refusalIn(location.hash);
  if (refusal !== null) history.replaceState(null, '', location.pathname + location.search);
  return refusal;
}
