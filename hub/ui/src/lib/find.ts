/** Where a text is found in another, letters of any size alike. */

export interface Piece {
  text: string;
  /** Which find it is, from 0; absent for what lies between. */
  find?: number;
}

/** More finds than these are not marked. */
export const FINDS_MAX = 2000;

/** The text in pieces, every find one of its own. */
export function pieces(text: string, wanted: string): Piece[] {
  if (wanted === "") return [{ text }];
  const out: Piece[] = [];
  // Lower case may change the length of some letters: then they are looked for as they are.
  const lowered = text.toLowerCase();
  const same = lowered.length === text.length;
  const hay = same ? lowered : text;
  const needle = same ? wanted.toLowerCase() : wanted;
  let from = 0;
  let find = 0;
  for (let at = hay.indexOf(needle); at >= 0 && find < FINDS_MAX; at = hay.indexOf(needle, from)) {
    if (at > from) out.push({ text: text.slice(from, at) });
    out.push({ text: text.slice(at, at + needle.length), find });
    find += 1;
    from = at + needle.length;
  }
  if (from < text.length) out.push({ text: text.slice(from) });
  return out;
}

export function finds(list: readonly Piece[]): number {
  return list.reduce((n, piece) => n + (piece.find === undefined ? 0 : 1), 0);
}
