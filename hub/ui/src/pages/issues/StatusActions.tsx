/** Resolve and archive as split buttons: the common case in one click, the others one further. */

import { lazy, Suspense } from "react";
import type { StatusChange } from "../../api/issues.ts";
import type { IssueStatus } from "../../api/types.ts";
import { Button, groupClass } from "../../ui/Button.tsx";
import { Icon } from "../../ui/icons.tsx";
import { ARCHIVE, REOPEN, RESOLVE } from "./actions.ts";
import styles from "./StatusActions.module.css";

const MoreResolve = lazy(() => import("./MoreWays.tsx").then((m) => ({ default: m.MoreResolve })));
const MoreArchive = lazy(() => import("./MoreWays.tsx").then((m) => ({ default: m.MoreArchive })));

interface Props {
  status: IssueStatus | "mixed";
  /** Ids of the projects that the issues are of. */
  projects: readonly string[];
  onChange: (to: StatusChange) => void;
  small?: boolean;
}

export function StatusActions({ status, projects, onChange, small }: Props) {
  const caret = small ? styles.caretSmall : styles.caret;
  // As wide as the menus will be, so that nothing moves.
  const awaited = (
    <Button small={small} className={caret} disabled aria-hidden="true">
      <Icon name="down" size={12} />
    </Button>
  );
  return (
    <>
      {status === "resolved" ? (
        <Button small={small} icon="reopen" onClick={() => onChange(REOPEN)}>
          Reopen
        </Button>
      ) : (
        <div className={groupClass}>
          <Button
            small={small}
            kind="plain"
            icon="check"
            className={styles.resolve}
            onClick={() => onChange(RESOLVE)}
          >
            Resolve
          </Button>
          <span>
            <Suspense fallback={awaited}>
              <MoreResolve projects={projects} onChange={onChange} buttonClassName={caret} />
            </Suspense>
          </span>
        </div>
      )}
      {status === "ignored" ? (
        <Button small={small} icon="reopen" onClick={() => onChange(REOPEN)}>
          Unarchive
        </Button>
      ) : (
        <div className={groupClass}>
          <Button small={small} icon="archive" onClick={() => onChange(ARCHIVE)}>
            Archive
          </Button>
          <span>
            <Suspense fallback={awaited}>
              <MoreArchive onChange={onChange} buttonClassName={caret} />
            </Suspense>
          </span>
        </div>
      )}
    </>
  );
}
