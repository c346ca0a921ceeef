/** What the ways to group events are called. */

const NAMES: Record<string, string> = {
  app: "Frames of the application",
  system: "All frames",
  default: "What was looked at",
  custom_fingerprint: "Fingerprint",
  checksum: "Checksum",
  fallback: "Fallback",
};

/** What a variant is called. */
export function variantName(key: string): string {
  return NAMES[key] ?? key.replace(/_/g, " ");
}
