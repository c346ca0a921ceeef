/** When one looks into an issue without leaving the list, and where on the page. */

import { useEffect, useRef, useState } from "react";
import type { Issue } from "../../api/types.ts";

/** Whoever only passes by sees nothing flash. */
const REST_MS = 450;
export const WIDTH = 560;
export const HEIGHT_MAX = 300;
const EDGE = 8;

export interface Looked {
  issue: Issue;
  /** In the window, in pixels. */
  left: number;
  top: number;
}

/** What is looked at, once someone rests there, and the function that says so. */
export function usePeek(): [Looked | null, (issue: Issue | null, at?: HTMLElement) => void] {
  const [looked, setLooked] = useState<Looked | null>(null);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  const peek = useRef((issue: Issue | null, at?: HTMLElement) => {
    clearTimeout(timer.current);
    if (!issue || !at) {
      setLooked(null);
      return;
    }
    timer.current = setTimeout(() => {
      // The row may have left the list in the meantime.
      if (!at.isConnected) return;
      const box = at.getBoundingClientRect();
      const fits = box.bottom + HEIGHT_MAX + EDGE < window.innerHeight;
      setLooked({
        issue,
        left: Math.max(EDGE, Math.min(box.left, window.innerWidth - WIDTH - EDGE)),
        top: fits ? box.bottom + 22 : box.top - EDGE,
      });
    }, REST_MS);
  });
  useEffect(() => {
    const away = () => {
      clearTimeout(timer.current);
      setLooked(null);
    };
    const onKey = (event: KeyboardEvent) => {
      if (event.key === "Escape") away();
    };
    window.addEventListener("scroll", away, { passive: true });
    window.addEventListener("keydown", onKey);
    return () => {
      clearTimeout(timer.current);
      window.removeEventListener("scroll", away);
      window.removeEventListener("keydown", onKey);
    };
  }, []);
  return [looked, peek.current];
}
