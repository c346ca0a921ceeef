/** What the browser's tab is called. */

import { useEffect } from "react";

export function useTitle(title: string | null | undefined): void {
  useEffect(() => {
    document.title = title ? `${title} · Vedette` : "Vedette";
  }, [title]);
}
