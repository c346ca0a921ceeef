/** In work. */

export function SettingsPage() {
  return null;
}
