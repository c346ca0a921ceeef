/** Choosing among bars: the one under the pointer or the arrow keys, and a range of them to zoom into. */

import { type KeyboardEvent, type PointerEvent, useState } from "react";

export interface Brush {
  /** The bar that is pointed at. */
  at: number | null;
  /** First and last bar of the range that is being drawn. */
  range: readonly [first: number, last: number] | null;
  handlers: {
    onPointerDown: (event: PointerEvent<Element>) => void;
    onPointerMove: (event: PointerEvent<Element>) => void;
    onPointerUp: () => void;
    onPointerLeave: () => void;
    onPointerCancel: () => void;
    onKeyDown: (event: KeyboardEvent) => void;
    onBlur: () => void;
  };
}

/** Of `n` bars. Without `onZoom` no range can be drawn. */
export function useBrush(n: number, onZoom?: (first: number, last: number) => void): Brush {
  const [at, setAt] = useState<number | null>(null);
  const [from, setFrom] = useState<number | null>(null);
  const range = from === null || at === null ? null : ([Math.min(from, at), Math.max(from, at)] as const);
  const bar = (event: PointerEvent<Element>): number | null => {
    const box = event.currentTarget.getBoundingClientRect();
    const i = Math.floor(((event.clientX - box.left) / Math.max(box.width, 1)) * n);
    return i >= 0 && i < n ? i : null;
  };
  const leave = () => {
    setAt(null);
    setFrom(null);
  };
  const zoom = () => {
    if (range) onZoom?.(range[0], range[1]);
    leave();
  };
  const step = (by: number, drawing: boolean) => {
    if (drawing && onZoom) setFrom(from ?? at ?? 0);
    else setFrom(null);
    setAt(Math.min(Math.max((at ?? (by > 0 ? -1 : n)) + by, 0), n - 1));
  };
  return {
    at,
    range,
    handlers: {
      onPointerDown: (event) => {
        if (onZoom && event.button === 0) setFrom(bar(event));
      },
      onPointerMove: (event) => setAt(bar(event)),
      onPointerUp: () => {
        // A click is no range.
        if (range && range[0] !== range[1]) zoom();
        else setFrom(null);
      },
      onPointerLeave: leave,
      onPointerCancel: leave,
      onKeyDown: (event) => {
        if (event.key === "ArrowRight") step(1, event.shiftKey);
        else if (event.key === "ArrowLeft") step(-1, event.shiftKey);
        else if (event.key === "Enter" && range) zoom();
        else if (event.key === "Escape" && from !== null) setFrom(null);
        else return;
        event.preventDefault();
      },
      onBlur: leave,
    },
  };
}
