/** In work. */

export function NewProjectPage() {
  return null;
}
