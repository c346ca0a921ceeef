/** In work. */

export function AlertsPage() {
  return null;
}
