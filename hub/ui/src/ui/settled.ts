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
