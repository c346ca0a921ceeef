/** A scrolling table of which only the rows in the window exist: thousands cost as much as fifty. */

import { type ReactNode, type RefObject, useEffect, useImperativeHandle, useRef, useState } from "react";
import { rowsInWindow } from "../lib/window.ts";

export interface VirtualTableHandle {
  /** Scrolls as far as is needed to see a row. */
  show: (index: number) => void;
}

interface Props<T> {
  label: string;
  items: readonly T[];
  /** Of every row, in pixels. */
  rowHeight: number;
  /** The head row, which stays at the top. */
  head: ReactNode;
  headHeight: number;
  /** Of the box that scrolls. */
  className?: string;
  tableClassName?: string;
  handle: RefObject<VirtualTableHandle | null>;
  children: (item: T, index: number) => ReactNode;
}

/** Before the box is measured, as in a test, it is as high as this. */
const HEIGHT_GUESS = 800;

export function VirtualTable<T>(props: Props<T>) {
  const { label, items, rowHeight, head, headHeight, className, tableClassName, handle, children } = props;
  const box = useRef<HTMLDivElement>(null);
  const [top, setTop] = useState(0);
  const [height, setHeight] = useState(HEIGHT_GUESS);
  useEffect(() => {
    const element = box.current;
    if (!element || typeof ResizeObserver === "undefined") return;
    const observer = new ResizeObserver(() => setHeight(element.clientHeight || HEIGHT_GUESS));
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  useImperativeHandle(handle, () => ({
    show: (index) => {
      const element = box.current;
      if (!element) return;
      const from = index * rowHeight;
      const room = (element.clientHeight || HEIGHT_GUESS) - headHeight;
      if (from < element.scrollTop) element.scrollTop = from;
      else if (from + rowHeight > element.scrollTop + room) element.scrollTop = from + rowHeight - room;
      setTop(element.scrollTop);
    },
  }));
  const rows = rowsInWindow(items.length, rowHeight, top, height);
  return (
    <div ref={box} className={className} onScroll={(event) => setTop(event.currentTarget.scrollTop)}>
      <table className={tableClassName} aria-label={label} aria-rowcount={items.length + 1}>
        <thead>{head}</thead>
        {/* What the rows would take that are not drawn; the body is a block. */}
        <tbody style={{ paddingTop: rows.above, paddingBottom: rows.below }}>
          {items.slice(rows.from, rows.to).map((item, i) => children(item, rows.from + i))}
        </tbody>
      </table>
    </div>
  );
}
