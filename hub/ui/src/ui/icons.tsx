/** Every icon, drawn here: sixteen units, one line weight, the colour of the text around it. */

const PATHS = {
  issues: "M8 2.5v5.2M8 10.6v.1M2.6 12.6 8 2.4l5.4 10.2a.6.6 0 0 1-.5.9H3.1a.6.6 0 0 1-.5-.9Z",
  projects: "M2.5 4.2c0-.5.4-.9.9-.9h3l1.5 1.8h4.7c.5 0 .9.4.9.9v5.8c0 .5-.4.9-.9.9H3.4a.9.9 0 0 1-.9-.9Z",
  releases: "M8.6 2.5h4.3c.3 0 .6.3.6.6v4.3L7.6 13.3a.9.9 0 0 1-1.3 0L2.7 9.7a.9.9 0 0 1 0-1.3ZM10.8 5.2v.1",
  fleet:
    "M8 9.2a1.2 1.2 0 1 0 0-2.4 1.2 1.2 0 0 0 0 2.4ZM5.2 10.8a4 4 0 0 1 0-5.6M10.8 5.2a4 4 0 0 1 0 5.6M3.2 12.8a6.8 6.8 0 0 1 0-9.6M12.8 3.2a6.8 6.8 0 0 1 0 9.6",
  alerts: "M4 11.5V7a4 4 0 1 1 8 0v4.5M2.8 11.5h10.4M6.8 13.8h2.4",
  settings:
    "M2.5 4.5h6M12 4.5h1.5M2.5 11.5H4M7.5 11.5h6M10.2 6.2a1.7 1.7 0 1 0 0-3.4 1.7 1.7 0 0 0 0 3.4ZM5.8 13.2a1.7 1.7 0 1 0 0-3.4 1.7 1.7 0 0 0 0 3.4Z",
  star: "m8 2.4 1.7 3.5 3.9.5-2.8 2.7.7 3.8L8 11.1l-3.5 1.8.7-3.8L2.4 6.4l3.9-.5Z",
  feedback:
    "M2.5 4c0-.4.3-.7.7-.7h9.6c.4 0 .7.3.7.7v6.4c0 .4-.3.7-.7.7H7.4L4.6 13.4v-2.3H3.2a.7.7 0 0 1-.7-.7ZM5.2 6.2h5.6M5.2 8.4h3.4",
  items: "M2.6 4h.1M2.6 8h.1M2.6 12h.1M5.5 4h8M5.5 8h8M5.5 12h5",
  search: "M7 11.5a4.5 4.5 0 1 0 0-9 4.5 4.5 0 0 0 0 9ZM10.4 10.4l3.1 3.1",
  check: "m3 8.6 3.2 3.2L13 4.6",
  archive: "M2.5 3.5h11v2.6h-11ZM3.5 6.1v5.6c0 .5.4.9.9.9h7.2c.5 0 .9-.4.9-.9V6.1M6.5 8.7h3",
  reopen: "M3 8a5 5 0 1 0 1.6-3.7M3 2.6v3h3",
  trash:
    "M3 4.5h10M6.5 4.5v-1c0-.5.4-.9.9-.9h1.2c.5 0 .9.4.9.9v1M4.2 4.5l.6 8c0 .5.4.9.9.9h4.6c.5 0 .9-.4.9-.9l.6-8M6.8 7.2v3.6M9.2 7.2v3.6",
  edit: "M10.8 3.2 12.8 5.2 5.8 12.2 3 13l.8-2.8ZM9.3 4.7l2 2",
  copy: "M6 5.5h6.5c.3 0 .5.2.5.5v7c0 .3-.2.5-.5.5H6a.5.5 0 0 1-.5-.5V6c0-.3.2-.5.5-.5ZM10.5 5.4V3a.5.5 0 0 0-.5-.5H3.5A.5.5 0 0 0 3 3v7c0 .3.2.5.5.5h2",
  down: "m4 6.2 4 4 4-4",
  right: "m6.2 4 4 4-4 4",
  left: "m9.8 4-4 4 4 4",
  first: "M4 4v8M11.8 4l-4 4 4 4",
  last: "M12 4v8M4.2 4l4 4-4 4",
  close: "m4 4 8 8M12 4l-8 8",
  plus: "M8 3.2v9.6M3.2 8h9.6",
  sun: "M8 10.8a2.8 2.8 0 1 0 0-5.6 2.8 2.8 0 0 0 0 5.6ZM8 1.6v1.4M8 13v1.4M1.6 8H3M13 8h1.4M3.5 3.5l1 1M11.5 11.5l1 1M12.5 3.5l-1 1M4.5 11.5l-1 1",
  moon: "M13 9.6A5.4 5.4 0 1 1 6.4 3a4.4 4.4 0 0 0 6.6 6.6Z",
  help: "M8 13.8A5.8 5.8 0 1 0 8 2.2a5.8 5.8 0 0 0 0 11.6ZM6.4 6.4a1.7 1.7 0 1 1 2.4 1.5c-.5.3-.8.6-.8 1.2M8 11.2v.1",
  clock: "M8 13.8A5.8 5.8 0 1 0 8 2.2a5.8 5.8 0 0 0 0 11.6ZM8 4.8V8l2.2 1.4",
  user: "M8 8a2.6 2.6 0 1 0 0-5.2A2.6 2.6 0 0 0 8 8ZM3 13.4c.4-2.4 2.4-3.8 5-3.8s4.6 1.4 5 3.8",
  density: "M2.5 4h11M2.5 8h11M2.5 12h11",
  download: "M8 2.6v7.2M4.8 6.8 8 10l3.2-3.2M3 13.2h10",
  external: "M6.5 3.5h-3v9h9v-3M9 2.6h4.4V7M13.2 2.8 7.4 8.6",
  shield: "M8 2.2 3.4 4v3.8c0 3 2 5 4.6 6 2.6-1 4.6-3 4.6-6V4Z",
  link: "M6.6 9.4 9.4 6.6M7.2 5 9 3.2a2.7 2.7 0 0 1 3.8 3.8L11 8.8M8.8 11 7 12.8A2.7 2.7 0 0 1 3.2 9L5 7.2",
  key: "M5.4 10.6a2.6 2.6 0 1 0 0-5.2 2.6 2.6 0 0 0 0 5.2ZM8 8h6M11.8 8v2.2M13.6 8v1.4",
  mail: "M2.5 4.2c0-.4.3-.7.7-.7h9.6c.4 0 .7.3.7.7v7.6c0 .4-.3.7-.7.7H3.2a.7.7 0 0 1-.7-.7ZM2.8 4.4 8 8.6l5.2-4.2",
  signout: "M6.5 13.5h-3v-11h3M7 8h6.4M10.8 5.2 13.6 8l-2.8 2.8",
  refresh: "M13 8a5 5 0 1 1-1.6-3.7M13 2.6v3h-3",
  pause: "M5.5 3.5v9M10.5 3.5v9",
  filter: "M2.5 4h11M4.5 8h7M6.5 12h3",
  unfold: "M8 2.2v4M5.8 4.2 8 2l2.2 2.2M8 13.8v-4M5.8 11.8 8 14l2.2-2.2M3 8h10",
  fold: "M8 1.8v4M5.8 3.8 8 6l2.2-2.2M8 14.2v-4M5.8 12.2 8 10l2.2 2.2M3 8h10",
  compare: "M5.5 3v10M10.5 3v10M2.5 5.5 5.5 3M13.5 10.5l-3 2.5M2.5 8h3M10.5 8h3",
  columns: "M2.5 3.5h11v9h-11ZM6.2 3.5v9M9.8 3.5v9",
  file: "M4 2.5h5l3 3v8H4ZM9 2.5v3h3",
  dots: "M3.5 8h.1M8 8h.1M12.5 8h.1",
  send: "M13.5 2.5 7 9M13.5 2.5l-4 11L7 9 2.5 6.5Z",
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name, size = 16 }: { name: IconName; size?: number }) {
  return (
    <svg
      width={size}
      height={size}
      viewBox="0 0 16 16"
      fill="none"
      stroke="currentColor"
      strokeWidth={name === "dots" ? 2 : 1.4}
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden="true"
    >
      <path d={PATHS[name]} />
    </svg>
  );
}

/** The product's mark. */
export function Mark({ size = 24 }: { size?: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 32 32" aria-hidden="true">
      <rect width="32" height="32" rx="8" fill="#0f766e" />
      <path
        d="M7 9l9 15 9-15"
        fill="none"
        stroke="#fff"
        strokeWidth="3.2"
        strokeLinecap="round"
        strokeLinejoin="round"
      />
      <circle cx="16" cy="10" r="2.6" fill="#fff" />
    </svg>
  );
}
