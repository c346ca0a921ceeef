/** What the bare values of well-known context keys mean to a person. */

import type { Json } from "./event-shape.ts";
import { bytes } from "./format.ts";
import { duration, toMillis } from "./time.ts";

/** By the protocol in bytes; a graphics card's memory is in MiB. */
const SIZES =
  /^((total|free|usable|app)_)?(external_)?(memory|storage)(_size)?$|^(external_)?(free|total)_storage$/;
const BEGINNINGS = new Set(["boot_time", "app_start_time"]);
const MIB = 1024 * 1024;

/** A size with its unit, a share in percent, a beginning by its distance to the event at `at`. */
export function contextNote(
  context: string,
  key: string,
  value: Json | undefined,
  at: string,
): string | null {
  if (typeof value === "number") {
    if (value >= 0 && context === "gpu" && key === "memory_size") return bytes(value * MIB);
    if (value >= 1024 && SIZES.test(key)) return bytes(value);
    return null;
  }
  if (typeof value !== "string" || !BEGINNINGS.has(key)) return null;
  const [began, happened] = [toMillis(value), toMillis(at)];
  return began === null || happened === null || began > happened
    ? null
    : `${duration(happened - began)} before the event`;
}
