/** Whether the window is as a media query says. */

import { useSyncExternalStore } from "react";

/** Narrower than this the pages lay themselves out for a phone. */
export const PHONE = "(max-width: 760px)";

export function useMedia(query: string): boolean {
  return useSyncExternalStore(
    (listener) => {
      const media = matchMedia(query);
      media.addEventListener("change", listener);
      return () => media.removeEventListener("change", listener);
    },
    () => matchMedia(query).matches,
  );
}
