/** Which rows of a long list stand in its window. All rows have the same height. */

export interface Rows {
  /** The first row to draw. */
  from: number;
  /** The row behind the last to draw. */
  to: number;
  /** Empty pixels above. */
  above: number;
  /** Empty pixels below. */
  below: number;
}

/** Rows drawn beyond each edge, so that scrolling shows no gaps. */
const BEYOND = 8;

export function rowsInWindow(n: number, rowHeight: number, top: number, height: number): Rows {
  const first = Math.floor(Math.max(0, top) / rowHeight) - BEYOND;
  const last = Math.ceil((Math.max(0, top) + height) / rowHeight) + BEYOND;
  const from = Math.max(0, Math.min(first, n));
  const to = Math.max(from, Math.min(last, n));
  return { from, to, above: from * rowHeight, below: (n - to) * rowHeight };
}
