/** Copies text, and says that it did. */

import { useEffect, useRef, useState } from "react";
import { Button, IconButton } from "./Button.tsx";

const SHOWN_MS = 1600;

export async function writeClipboard(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // Without https the browser offers no clipboard: fall back to a selection.
    const area = document.createElement("textarea");
    area.value = text;
    area.className = "visually-hidden";
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  }
}

interface Props {
  text: string | (() => string | Promise<string>);
  label: string;
  /** With words, not only an icon. */
  words?: string;
}

export function Copy({ text, label, words }: Props) {
  const [done, setDone] = useState(false);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  useEffect(() => () => clearTimeout(timer.current), []);
  const copy = async () => {
    if (await writeClipboard(typeof text === "string" ? text : await text())) {
      setDone(true);
      clearTimeout(timer.current);
      timer.current = setTimeout(() => setDone(false), SHOWN_MS);
    }
  };
  return (
    <>
      {words ? (
        <Button small kind="quiet" icon={done ? "check" : "copy"} onClick={copy} aria-label={label}>
          {done ? "Copied" : words}
        </Button>
      ) : (
        <IconButton small icon={done ? "check" : "copy"} label={label} onClick={copy} />
      )}
      <span className="visually-hidden" role="status">
        {done ? "Copied" : ""}
      </span>
    </>
  );
}
