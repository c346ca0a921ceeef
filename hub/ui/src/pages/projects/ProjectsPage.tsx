/** In work. */

export function ProjectsPage() {
  return null;
}
