/** The list of keys. */

import { Dialog } from "../../ui/Dialog.tsx";
import styles from "./KeyboardHelp.module.css";

const GROUPS: readonly { title: string; keys: readonly (readonly [keys: string, does: string])[] }[] = [
  {
    title: "Everywhere",
    keys: [
      ["?", "This list"],
      ["/", "Search"],
      ["g i", "Issues"],
      ["g p", "Projects"],
      ["g f", "Fleet"],
      ["g o", "Outcomes"],
      ["g v", "Privacy"],
      ["g a", "Alerts"],
      ["g s", "Settings"],
    ],
  },
  {
    title: "List of issues",
    keys: [
      ["j k", "Next and previous row"],
      ["enter", "Open"],
      ["x", "Select"],
      ["e", "Resolve, or reopen"],
      ["m", "Archive"],
    ],
  },
  {
    title: "Fleet",
    keys: [
      ["/", "Filter"],
      ["j k", "Next and previous relay"],
      ["enter", "Open"],
    ],
  },
  {
    title: "Issue",
    keys: [
      ["[ ]", "Older and newer event"],
      ["{ }", "Oldest and latest event"],
      ["e", "Resolve, or reopen"],
      ["m", "Archive"],
      ["s", "Show or hide system frames"],
    ],
  },
];

export function KeyboardHelp({ onClose }: { onClose: () => void }) {
  return (
    <Dialog title="Keyboard shortcuts" onClose={onClose} wide>
      <div className={styles.groups}>
        {GROUPS.map((group) => (
          <section key={group.title}>
            <h3 className={styles.title}>{group.title}</h3>
            <dl className={styles.list}>
              {group.keys.map(([keys, does]) => (
                <div key={keys} className={styles.line}>
                  <dt>
                    {keys.split(" ").map((key) => (
                      <kbd key={key} className={styles.key}>
                        {key}
                      </kbd>
                    ))}
                  </dt>
                  <dd>{does}</dd>
                </div>
              ))}
            </dl>
          </section>
        ))}
      </div>
    </Dialog>
  );
}
