import { fromHex, hash, isHex, isInt, isRecord, isWellFormed, utf8 } from './bytes';
import { verifyText } from './ed25519';
import { pidAt } from './proofs';
import { Disproved, type MyDraw, need } from './report';
import type { Draw, LogState } from './state';
import { checkPath, type Pool, readPath } from './tree';

function checkPid(event: string, me: Record<string, unknown>): string {
  const { salt, identity, pid } = me;
  need(isHex(salt, 32) && typeof identity === 'string' && isWellFormed(identity), 'E_ME_PID');
  need(isHex(pid, 32), 'E_ME_PID');
  const own = hash('mlot1/pid', fromHex(event), fromHex(salt), utf8(identity));
  need(
    own.every((byte, i) => byte === fromHex(pid)[i]),
    'E_ME_PID',
  );
  return pid;
}

/** The receipt is signed, and nobody was dropped from a pool committed after it. */
function checkReceipt(
  state: LogState,
  pools: ReadonlyMap<number, Pool>,
  me: Record<string, unknown>,
  pid: string,
): void {
  const { receipt, index } = me;
  if (receipt === undefined || receipt === null) return;
  need(isRecord(receipt) && isInt(index), 'E_RECEIPT');
  const { size, sig } = receipt;
  need(isInt(size), 'E_RECEIPT');
  const { event, key } = state.opening;
  need(verifyText(sig, `mlot1/receipt\n${event}\n${index}\n${pid}\n${size}\n`, key), 'E_RECEIPT');
  for (const { number, commit } of state.draws) {
    if (commit.seq < size) continue;
    need(commit.pool.n > index, 'E_DROPPED', { draw: number });
    const pool = pools.get(number);
    need(pool === undefined || pidAt(pool, index) === pid, 'E_DROPPED', { draw: number });
  }
}

function myDraw(draw: Draw, proof: unknown, index: unknown, pid: string): MyDraw {
  const place = { draw: draw.number };
  need(isRecord(proof) && isInt(index) && isInt(proof.w), 'E_ME_PROOF', place);
  const path = readPath(proof.path, false);
  const start = path && checkPath(draw.commit.pool, { index, pid, weight: proof.w }, path);
  if (start === null) throw new Disproved('E_ME_PROOF', place);
  const won = [...draw.winners.values()].filter((winner) => winner.pid === pid).map(({ r }) => r);
  return { tickets: [start, proof.w], won };
}

/** Step 7: my own place, from what only this device knows. */
export function checkMe(
  state: LogState,
  pools: ReadonlyMap<number, Pool>,
  me: unknown,
): Record<string, MyDraw> {
  if (me === undefined || me === null) return {};
  need(isRecord(me), 'E_ME_PID');
  const pid = checkPid(state.opening.event, me);
  checkReceipt(state, pools, me, pid);
  const proofs = me.proofs ?? {};
  need(isRecord(proofs), 'E_ME_PROOF');
  const out: Record<string, MyDraw> = {};
  for (const [number, proof] of Object.entries(proofs)) {
    if (proof === null) continue;
    const draw = /^[1-9][0-9]*$/.test(number) ? state.draw(Number(number)) : undefined;
    need(draw !== undefined, 'E_ME_PROOF');
    const mine = myDraw(draw, proof, me.index, pid);
    if (mine.tickets[1] === 0 && !draw.excluded.has(pid)) state.warnings.add(`W_ME_ZERO:${number}`);
    out[number] = mine;
  }
  return out;
}
