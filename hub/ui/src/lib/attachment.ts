/** What can be shown of a file that came from outside. Its name and type only hint; its bytes decide. */

export type View = "content" | "dump";

interface File {
  type: string;
  name: string;
  mimetype: string;
}

const DUMPS = new Set(["event.minidump", "event.applecrashreport"]);
const SHOWN_TYPES = /^(text\/|image\/(png|jpeg|gif|webp|bmp)|application\/(json|xml|x-ndjson|yaml|toml))/;
const SHOWN_NAMES = /\.(txt|log|json|ndjson|xml|ya?ml|toml|ini|cfg|csv|md|out|err|png|jpe?g|gif|webp|bmp)$/i;

/** How a file is looked into, or null where it is only kept. */
export function viewOf(file: File): View | null {
  if (DUMPS.has(file.type)) return "dump";
  return SHOWN_TYPES.test(file.mimetype) ||
    SHOWN_NAMES.test(file.name) ||
    file.type === "event.view_hierarchy"
    ? "content"
    : null;
}

const SIGNATURES: readonly (readonly [type: string, at: number, bytes: readonly number[]])[] = [
  ["image/png", 0, [0x89, 0x50, 0x4e, 0x47]],
  ["image/jpeg", 0, [0xff, 0xd8, 0xff]],
  ["image/gif", 0, [0x47, 0x49, 0x46, 0x38]],
  ["image/webp", 8, [0x57, 0x45, 0x42, 0x50]],
  ["image/bmp", 0, [0x42, 0x4d]],
];

/** The kind of image by its first bytes. Drawings with scripts in them are none of these. */
export function imageType(bytes: Uint8Array): string | null {
  const found = SIGNATURES.find(([, at, signature]) => signature.every((byte, i) => bytes[at + i] === byte));
  return found?.[0] ?? null;
}

/** An address that holds the bytes themselves; no other may be the source of an image. */
export function dataUrl(bytes: Uint8Array, type: string): string {
  let binary = "";
  const step = 0x8000;
  for (let i = 0; i < bytes.length; i += step) {
    binary += String.fromCharCode(...bytes.subarray(i, i + step));
  }
  return `data:${type};base64,${btoa(binary)}`;
}

/** The bytes as text, or null where they are none. A letter that is cut at the end is let go. */
export function readText(bytes: Uint8Array): string | null {
  if (bytes.includes(0)) return null;
  for (let cut = 0; cut < 4 && cut <= bytes.length; cut += 1) {
    try {
      return new TextDecoder("utf-8", { fatal: true }).decode(bytes.subarray(0, bytes.length - cut));
    } catch {
      // A longer cut may do.
    }
  }
  return null;
}

/** JSON with line breaks; anything else as it is. */
export function pretty(text: string): string {
  const start = text.trimStart()[0];
  if (start !== "{" && start !== "[") return text;
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
