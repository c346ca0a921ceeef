/** A part of the page that scrolls by itself where it is too long: by the keyboard, too. */

import { type ReactNode, useLayoutEffect, useRef } from "react";

export function Scroll({ className, children }: { className?: string; children: ReactNode }) {
  const box = useRef<HTMLDivElement>(null);
  // What does not scroll is no stop on the way through the page.
  useLayoutEffect(() => {
    const element = box.current;
    if (!element) return;
    if (element.scrollHeight > element.clientHeight) element.tabIndex = 0;
    else element.removeAttribute("tabindex");
  });
  return (
    <div ref={box} className={className}>
      {children}
    </div>
  );
}
