/** In work. */

export function FleetPage() {
  return null;
}
