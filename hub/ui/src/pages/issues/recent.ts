/** What was searched for lately: kept in this browser alone. */

import { useCallback } from "react";
import { useStored } from "../../ui/stored.ts";

const KEPT_MAX = 8;
/** Longer ones are not looked for again by hand. */
const LENGTH_MAX = 300;

export function useRecent(kind: string): [readonly string[], (query: string) => void] {
  const [stored, setStored] = useStored<string>(`recent.${kind}`, "[]");
  const add = useCallback(
    (query: string) => {
      if (query === "" || query.length > LENGTH_MAX) return;
      const rest = parse(stored).filter((each) => each !== query);
      setStored(JSON.stringify([query, ...rest].slice(0, KEPT_MAX)));
    },
    [stored, setStored],
  );
  return [parse(stored), add];
}

/** Storage may hold anything: another version wrote it, or a person. */
function parse(stored: string): string[] {
  try {
    const list: unknown = JSON.parse(stored);
    return Array.isArray(list) ? list.filter((each): each is string => typeof each === "string") : [];
  } catch {
    return [];
  }
}
