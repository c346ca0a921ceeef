import { expect, it } from "vitest";
import { contextNote } from "./context-notes.ts";

const AT = "2026-01-02T00:00:10Z";

it("says what bare values mean", () => {
  const check = (context: string, key: string, value: string | number | null, note: string | null) =>
    expect(contextNote(context, key, value, AT), `${context}.${key}`).toBe(note);
  check("device", "memory_size", 17_179_869_184, "16 GiB");
  check("device", "free_memory", 1_234_567_890, "1.1 GiB");
  check("device", "usable_memory", 1_048_576, "1 MiB");
  check("device", "storage_size", 512_000_000_000, "477 GiB");
  check("device", "free_storage", 1_048_576, "1 MiB");
  check("device", "external_storage_size", 2_097_152, "2 MiB");
  check("device", "external_free_storage", 2_097_152, "2 MiB");
  check("app", "app_memory", 2_097_152, "2 MiB");
  check("gpu", "memory_size", 8192, "8 GiB");
  check("device", "memory_size", 12, null);
  check("device", "memory_size", "plenty", null);
  check("device", "processor_count", 4096, null);
  check("app", "app_start_time", "2026-01-02T00:00:07Z", "3 s before the event");
  check("device", "boot_time", "2026-01-03T00:00:00Z", null);
  check("device", "boot_time", "yesterday", null);
});
