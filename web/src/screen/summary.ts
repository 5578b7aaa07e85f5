import type { PrizeWinners } from './seats';

/** A prize on a page; a long one goes on over several. */
export interface SummaryPart extends PrizeWinners {
  /** All winners of the prize, on all pages. */
  total: number;
}

/** Prizes in pages of `rows` rows; a heading takes one row, then come rows of `columns` names. */
export function summaryPages(
  prizes: readonly PrizeWinners[],
  columns: number,
  rows: number,
): SummaryPart[][] {
  const pages: SummaryPart[][] = [];
  let page: SummaryPart[] = [];
  let left = rows;
  const turn = (): void => {
    if (page.length > 0) pages.push(page);
    page = [];
    left = rows;
  };
  for (const prize of prizes) {
    let at = 0;
    while (at < prize.seats.length) {
      // A heading without a row of names below it is no use.
      if (left < 2) turn();
      const take = prize.seats.slice(at, at + (left - 1) * columns);
      page.push({ ...prize, seats: take, total: prize.seats.length });
      at += take.length;
      left -= 1 + Math.ceil(take.length / columns);
    }
  }
  turn();
  return pages;
}
