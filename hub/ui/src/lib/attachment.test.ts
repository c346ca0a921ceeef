import { describe, expect, it } from "vitest";
import { dataUrl, imageType, pretty, readText, viewOf } from "./attachment.ts";

const bytes = (...list: number[]) => new Uint8Array(list);

describe("a file", () => {
  it("is looked into by what it says it is", () => {
    const check = (type: string, name: string, mimetype: string) => viewOf({ type, name, mimetype });
    expect(check("event.minidump", "crash.dmp", "application/octet-stream")).toBe("dump");
    expect(check("event.attachment", "app.log", "application/octet-stream")).toBe("content");
    expect(check("event.attachment", "shot", "image/png")).toBe("content");
    expect(check("event.attachment", "core.gz", "application/gzip")).toBe(null);
    expect(check("event.attachment", "drawing.svg", "image/svg+xml")).toBe(null);
  });

  it("is an image by its first bytes alone", () => {
    expect(imageType(bytes(0x89, 0x50, 0x4e, 0x47, 1))).toBe("image/png");
    expect(imageType(new TextEncoder().encode("<svg onload=alert(1)>"))).toBe(null);
    expect(imageType(bytes())).toBe(null);
    expect(dataUrl(bytes(1, 2, 3), "image/png")).toBe("data:image/png;base64,AQID");
  });

  it("is text where it decodes, even when a letter was cut", () => {
    expect(readText(new TextEncoder().encode("grün"))).toBe("grün");
    expect(readText(new TextEncoder().encode("grü").subarray(0, 3))).toBe("gr");
    expect(readText(bytes(1, 0, 2))).toBe(null);
    expect(readText(bytes(0xff, 0xfe, 0xfd, 0xfc, 0xfb, 0xfa))).toBe(null);
    expect(readText(bytes())).toBe("");
  });

  it("is set out when it is JSON", () => {
    expect(pretty('{"a":[1]}')).toBe('{\n  "a": [\n    1\n  ]\n}');
    expect(pretty('{"a":')).toBe('{"a":');
    expect(pretty("plain")).toBe("plain");
  });
});
