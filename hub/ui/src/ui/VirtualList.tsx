/** A long list in the page's own scroll, of which only the rows in the window exist. */

import { type ReactNode, type RefObject, useEffect, useImperativeHandle, useRef, useState } from "react";
import { rowsInWindow } from "../lib/window.ts";

export interface VirtualListHandle {
  /** Scrolls as far as is needed to see a row. */
  show: (index: number) => void;
}

interface Props<T> {
  items: readonly T[];
  /** Of every row, in pixels. */
  rowHeight: number;
  /** What stays at the top of the window and covers rows, in pixels. */
  headHeight: number;
  className?: string;
  handle: RefObject<VirtualListHandle | null>;
  /** The last rows come into the window. */
  onEnd: () => void;
  children: (item: T, index: number) => ReactNode;
}

/** The end is near while so many rows are left. */
const NEAR = 15;

export function VirtualList<T>(props: Props<T>) {
  const { items, rowHeight, headHeight, className, handle, onEnd, children } = props;
  const list = useRef<HTMLUListElement>(null);
  // Rows, not pixels: scrolling within a row draws nothing anew.
  const [first, setFirst] = useState(0);
  const [height, setHeight] = useState(() => window.innerHeight);
  useEffect(() => {
    const look = () => {
      const top = -(list.current?.getBoundingClientRect().top ?? 0);
      setFirst(Math.max(0, Math.floor(top / rowHeight)));
      setHeight(window.innerHeight);
    };
    look();
    window.addEventListener("scroll", look, { passive: true });
    window.addEventListener("resize", look);
    return () => {
      window.removeEventListener("scroll", look);
      window.removeEventListener("resize", look);
    };
  }, [rowHeight]);
  useImperativeHandle(handle, () => ({
    show: (index) => {
      const box = list.current?.getBoundingClientRect();
      if (!box) return;
      const top = box.top + index * rowHeight;
      if (top < headHeight) window.scrollBy({ top: top - headHeight, behavior: "instant" });
      else if (top + rowHeight > window.innerHeight)
        window.scrollBy({ top: top + rowHeight - window.innerHeight, behavior: "instant" });
    },
  }));
  const rows = rowsInWindow(items.length, rowHeight, first * rowHeight, height);
  const isNear = rows.to >= items.length - NEAR;
  useEffect(() => {
    if (isNear) onEnd();
  }, [isNear, onEnd]);
  return (
    <ul ref={list} className={className} style={{ paddingTop: rows.above, paddingBottom: rows.below }}>
      {items.slice(rows.from, rows.to).map((item, i) => children(item, rows.from + i))}
    </ul>
  );
}
