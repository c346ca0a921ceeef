/** A text that is being written, once its writer pauses. */

import { useEffect, useState } from "react";

/** How long one may pause in writing before something is asked about it. */
const PAUSE_MS = 400;

/** The text, once nobody has changed it for a moment. */
export function useSettled(text: string): string {
  const [settled, setSettled] = useState(text);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(text), PAUSE_MS);
    return () => clearTimeout(timer);
  }, [text]);
  return settled;
}

/** Where in a text the letter of a byte stands: the hub counts bytes, the browser letters. */
export function letters(text: string, bytes: number): number {
  return new TextDecoder().decode(new TextEncoder().encode(text).slice(0, bytes)).length;
}
