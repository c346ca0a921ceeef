/** Scrolls a list sideways, and never the page, until a part of it is seen. */
export function bringIn(list: HTMLElement | null, part: HTMLElement | null | undefined): void {
  if (!list || !part) return;
  const left = part.offsetLeft - list.offsetLeft;
  const beyond = left + part.offsetWidth - list.clientWidth;
  if (list.scrollLeft > left) list.scrollLeft = left;
  else if (list.scrollLeft < beyond) list.scrollLeft = beyond;
}
