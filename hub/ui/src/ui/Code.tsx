/** A piece of code to copy. */

import { tokens } from "../lib/highlight.ts";
import styles from "./Code.module.css";
import { Copy } from "./Copy.tsx";
import { Pre } from "./Pre.tsx";

interface Props {
  text: string;
  label: string;
  title?: string;
  language?: string;
}

export function Code({ text, label, title, language = "" }: Props) {
  return (
    <figure className={styles.code}>
      <figcaption className={styles.head}>
        <span>{title ?? ""}</span>
        <Copy text={text} label={label} words="Copy" />
      </figcaption>
      <Pre className={styles.text}>
        <code>
          {text.split("\n").map((line, i) => (
            <span key={i}>
              {tokens(line, language).map((token, k) => (
                <span key={k} className={styles[token.kind]}>
                  {token.text}
                </span>
              ))}
              {"\n"}
            </span>
          ))}
        </code>
      </Pre>
    </figure>
  );
}

/** One line to copy, such as a key or a command. */
export function CodeLine({ text, label }: { text: string; label: string }) {
  return (
    <span className={styles.line}>
      <code>{text}</code>
      <Copy text={text} label={label} />
    </span>
  );
}
