/** Tastes, not data: kept in this browser alone. */

import { useCallback, useSyncExternalStore } from "react";

const PREFIX = "vedette.";
const listeners = new Set<() => void>();

export function useStored<T extends string>(key: string, fallback: T): [T, (value: T) => void] {
  const value = useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      window.addEventListener("storage", listener);
      return () => {
        listeners.delete(listener);
        window.removeEventListener("storage", listener);
      };
    },
    () => read(key) ?? fallback,
  );
  const set = useCallback(
    (next: T) => {
      try {
        localStorage.setItem(PREFIX + key, next);
      } catch {
        // Storage may be closed to us; the choice then lasts as long as the page.
      }
      for (const listener of listeners) listener();
    },
    [key],
  );
  return [value as T, set];
}

function read(key: string): string | null {
  try {
    return localStorage.getItem(PREFIX + key);
  } catch {
    return null;
  }
}

export type Theme = "light" | "dark";

/** The theme in force; the system's until one is chosen. */
export function useTheme(): [Theme, (theme: Theme) => void] {
  const [stored, setStored] = useStored<Theme | "system">("theme", "system");
  const system = useSyncExternalStore(
    (listener) => {
      const media = matchMedia("(prefers-color-scheme: dark)");
      media.addEventListener("change", listener);
      return () => media.removeEventListener("change", listener);
    },
    () => matchMedia("(prefers-color-scheme: dark)").matches,
  );
  const theme: Theme = stored === "system" ? (system ? "dark" : "light") : stored;
  return [theme, setStored];
}
