/** The list of keys, as the table of shortcuts has them. */

import { SHORTCUTS, type ShortcutGroup, shortcutsOf } from "../../lib/shortcuts.ts";
import { Dialog } from "../../ui/Dialog.tsx";
import styles from "./KeyboardHelp.module.css";

export function KeyboardHelp({ onClose }: { onClose: () => void }) {
  return (
    <Dialog title="Keyboard shortcuts" onClose={onClose} wide>
      <div className={styles.groups}>
        {(Object.keys(SHORTCUTS) as ShortcutGroup[]).map((group) => (
          <section key={group}>
            <h3 className={styles.title}>{SHORTCUTS[group].title}</h3>
            <dl className={styles.list}>
              {/* Not in the table: it works while one types, too. */}
              {group === "everywhere" ? <Line keys="ctrl k" does="Command palette" /> : null}
              {shortcutsOf(group).map(([id, { key, drawn, does }]) => (
                <Line key={id} keys={drawn ?? key} does={does} />
              ))}
            </dl>
          </section>
        ))}
      </div>
    </Dialog>
  );
}

function Line({ keys, does }: { keys: string; does: string }) {
  return (
    <div className={styles.line}>
      <dt>
        {keys.split(" ").map((key) => (
          <kbd key={key} className={styles.key}>
            {key}
          </kbd>
        ))}
      </dt>
      <dd>{does}</dd>
    </div>
  );
}
