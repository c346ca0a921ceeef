/**
 * Every key that does something: what the pages listen to, what the help shows, and what the command
 * palette offers. Two keys with a blank between them are pressed one after the other.
 */

interface Shortcut {
  key: string;
  does: string;
  /** How the key is drawn; absent is as it is. */
  drawn?: string;
  /** It moves within the page: the palette, which covers the page, does not offer it. */
  isMove?: true;
}

interface Group {
  title: string;
  keys: Readonly<Record<string, Shortcut>>;
}

export const SHORTCUTS = {
  everywhere: {
    title: "Everywhere",
    keys: {
      help: { key: "?", does: "Keyboard shortcuts" },
      search: { key: "/", does: "Search on this page", isMove: true },
      undo: { key: "z", does: "Undo" },
      theme: { key: "g t", does: "Light or dark theme" },
    },
  },
  places: {
    title: "Go to",
    keys: {
      issues: { key: "g i", does: "Issues" },
      feedback: { key: "g b", does: "Feedback" },
      items: { key: "g e", does: "Items" },
      releases: { key: "g r", does: "Releases" },
      projects: { key: "g p", does: "Projects" },
      fleet: { key: "g f", does: "Fleet" },
      outcomes: { key: "g o", does: "Outcomes" },
      privacy: { key: "g v", does: "Privacy" },
      alerts: { key: "g a", does: "Alerts" },
      settings: { key: "g s", does: "Settings" },
    },
  },
  issues: {
    title: "List of issues",
    keys: {
      next: { key: "j", does: "Next row", isMove: true },
      previous: { key: "k", does: "Previous row", isMove: true },
      down: { key: "ArrowDown", drawn: "↓", does: "Next row, from a chosen one", isMove: true },
      up: { key: "ArrowUp", drawn: "↑", does: "Previous row, from a chosen one", isMove: true },
      open: { key: "Enter", drawn: "enter", does: "Open", isMove: true },
      select: { key: "x", does: "Select or deselect" },
      resolve: { key: "e", does: "Resolve or reopen" },
      archive: { key: "m", does: "Archive or reopen" },
      assign: { key: "a", does: "Assign" },
      bookmark: { key: "b", does: "Bookmark or unbookmark" },
      review: { key: "r", does: "Mark as reviewed" },
    },
  },
  issue: {
    title: "Issue",
    keys: {
      older: { key: "[", does: "Older event" },
      newer: { key: "]", does: "Newer event" },
      oldest: { key: "{", does: "Oldest event" },
      latest: { key: "}", does: "Latest event" },
      resolve: { key: "e", does: "Resolve or reopen" },
      archive: { key: "m", does: "Archive or reopen" },
      assign: { key: "a", does: "Assign" },
      bookmark: { key: "b", does: "Bookmark or unbookmark" },
      review: { key: "r", does: "Mark as reviewed" },
      markdown: { key: "y", does: "Copy the issue as Markdown" },
      compare: { key: "c", does: "Compare two events" },
    },
  },
  stack: {
    title: "Stack trace",
    keys: {
      system: { key: "s", does: "Show or hide system frames" },
      spread: { key: "o", does: "Open or close all frames" },
    },
  },
  items: {
    title: "Items",
    keys: {
      next: { key: "j", does: "Next row", isMove: true },
      previous: { key: "k", does: "Previous row", isMove: true },
      down: { key: "ArrowDown", drawn: "↓", does: "Next row, from a chosen one", isMove: true },
      up: { key: "ArrowUp", drawn: "↑", does: "Previous row, from a chosen one", isMove: true },
      close: { key: "Escape", drawn: "esc", does: "Close the item", isMove: true },
    },
  },
  fleet: {
    title: "Fleet",
    keys: {
      next: { key: "j", does: "Next relay", isMove: true },
      previous: { key: "k", does: "Previous relay", isMove: true },
      down: { key: "ArrowDown", drawn: "↓", does: "Next relay, from a chosen one", isMove: true },
      up: { key: "ArrowUp", drawn: "↑", does: "Previous relay, from a chosen one", isMove: true },
      open: { key: "Enter", drawn: "enter", does: "Open", isMove: true },
    },
  },
} as const satisfies Record<string, Group>;

export type ShortcutGroup = keyof typeof SHORTCUTS;
export type ShortcutId<G extends ShortcutGroup> = keyof (typeof SHORTCUTS)[G]["keys"] & string;

/** The shortcuts of a group, in their order. */
export function shortcutsOf(group: ShortcutGroup): [id: string, shortcut: Shortcut][] {
  return Object.entries((SHORTCUTS[group] as Group).keys);
}
