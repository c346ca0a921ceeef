/** In work. */

export function FirstRunPage() {
  return null;
}
