/** Text as it is written, which scrolls sideways where it must: by the keyboard, too. */

import type { ReactNode } from "react";

export function Pre({ className, children }: { className?: string; children: ReactNode }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls is reached by the keyboard
    <pre className={className} tabIndex={0}>
      {children}
    </pre>
  );
}
