/** In work. */

export function ProjectSettingsPage() {
  return null;
}
