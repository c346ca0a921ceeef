/** Keys that act wherever one is on the page, and never while one types. */

import { useEffect, useRef } from "react";
import { type ShortcutGroup, type ShortcutId, shortcutsOf } from "../lib/shortcuts.ts";

/** By the event's key; two with a blank between them are pressed one after the other. */
export type Hotkeys = Record<string, (event?: KeyboardEvent) => void>;

/** How long after the first key the second still counts. */
const CHORD_MS = 1200;

export function useHotkeys(keys: Hotkeys): void {
  const latest = useRef(keys);
  useEffect(() => {
    latest.current = keys;
  });
  useEffect(() => {
    let first = "";
    let at = 0;
    const onKey = (event: KeyboardEvent) => {
      if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target))
        return;
      if (document.querySelector("dialog[open]") || document.querySelector(":popover-open")) return;
      const all = latest.current;
      const isSecond = first !== "" && Date.now() - at < CHORD_MS;
      const act = isSecond ? all[`${first} ${event.key}`] : all[event.key];
      first = "";
      if (!isSecond && Object.keys(all).some((key) => key.startsWith(`${event.key} `))) {
        first = event.key;
        at = Date.now();
      } else act?.(event);
    };
    window.addEventListener("keydown", onKey);
    return () => window.removeEventListener("keydown", onKey);
  }, []);
}

/** `null`: there is nothing to do it to, so that the palette does not offer it. */
type Handler = ((event?: KeyboardEvent) => void) | null;
type Handlers<G extends ShortcutGroup> = Record<ShortcutId<G>, Handler>;

/** What each part of the page that is there can do, in the order in which they came. */
const mounted = new Set<() => Action[]>();

function useMounted(actions: () => Action[]): void {
  const latest = useRef(actions);
  useEffect(() => {
    latest.current = actions;
  });
  useEffect(() => {
    const here = () => latest.current();
    mounted.add(here);
    return () => {
      mounted.delete(here);
    };
  }, []);
}

/** A group of the table of shortcuts, each with what it does here. */
export function useShortcuts<G extends ShortcutGroup>(group: G, handlers: Handlers<G>): void {
  const byId = handlers as Record<string, Handler>;
  useMounted(() =>
    shortcutsOf(group)
      .filter(([id, { isMove }]) => !isMove && byId[id])
      .map(([id, { key, does }]) => ({ id: `${group}.${id}`, does, keys: key, run: () => byId[id]?.() })),
  );
  useHotkeys(Object.fromEntries(shortcutsOf(group).map(([id, { key }]) => [key, byId[id] ?? (() => {})])));
}

export interface Action {
  id: string;
  does: string;
  /** Absent: it has no key, and is found in the palette. */
  keys?: string;
  run: () => void;
}

/** What a part of the page can do without a key. */
export function useActions(part: string, actions: readonly Omit<Action, "keys">[]): void {
  useMounted(() => actions.map((action) => ({ ...action, id: `${part}.${action.id}` })));
}

/** What the shown page can do, for who does not know the key, or where there is none. */
export function actionsNow(): Action[] {
  return [...mounted].flatMap((actions) => actions());
}

function isTyping(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  if (target.isContentEditable || target.tagName === "TEXTAREA" || target.tagName === "SELECT") return true;
  return target instanceof HTMLInputElement && !["checkbox", "radio", "button"].includes(target.type);
}
