/** The issue itself: what is true of all its events, and what can be done with it. */

import { Link, useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import type { StatusChange } from "../../api/issues.ts";
import type { IssueDetail } from "../../api/types.ts";
import type { FilterSearch } from "../../routes.tsx";
import { Badge, Level } from "../../ui/Badge.tsx";
import { Copy } from "../../ui/Copy.tsx";
import { Confirm } from "../../ui/Dialog.tsx";
import { Icon } from "../../ui/icons.tsx";
import { Menu, MenuItem } from "../../ui/Menu.tsx";
import { useIssueActions } from "./actions.ts";
import styles from "./IssuePage.module.css";
import { headline, statusDetail, statusWords } from "./issue-text.ts";
import { StatusActions } from "./StatusActions.tsx";

interface Props {
  org: string;
  issue: IssueDetail;
  /** Goes along, but for the project: that is the issue's own. */
  filter: FilterSearch;
  onChange: (to: StatusChange) => void;
}

export function IssueHeader({ org, issue, filter, onChange }: Props) {
  const { title, message } = headline(issue);
  const status = statusWords(issue);
  const { remove } = useIssueActions(org);
  const navigate = useNavigate();
  const [asking, setAsking] = useState(false);
  return (
    <header className={styles.header}>
      <div className={styles.identity}>
        <nav className={styles.crumbs} aria-label="Where this issue is">
          <Link
            to="/organizations/$org/issues"
            params={{ org }}
            search={{ ...filter, project: [issue.project.id] }}
          >
            {issue.project.slug}
          </Link>
          <Icon name="right" size={11} />
          <span>{issue.shortId}</span>
          <Copy text={issue.permalink || issue.shortId} label="Copy the link to this issue" />
        </nav>
        <h1 className={styles.title}>
          <span>{title}</span>
          {issue.culprit ? <span className={styles.culprit}>{issue.culprit}</span> : null}
        </h1>
        <div className={styles.second}>
          <Level level={issue.level} />
          {status ? (
            <Badge tone={status.tone} title={statusDetail(issue)}>
              {status.text}
            </Badge>
          ) : null}
          {issue.isUnhandled ? <Badge tone="danger">unhandled</Badge> : null}
          <span className={styles.message} title={message}>
            {message}
          </span>
        </div>
      </div>
      <div className={styles.actions}>
        <StatusActions status={issue.status} onChange={onChange} />
        <Menu name="More actions" label={<Icon name="dots" />} caret={false} align="end">
          {(close) => (
            <MenuItem
              danger
              icon="trash"
              onSelect={() => {
                close();
                setAsking(true);
              }}
            >
              Delete
            </MenuItem>
          )}
        </Menu>
      </div>
      {asking ? (
        <Confirm
          title={`Delete ${issue.shortId}?`}
          confirm="Delete"
          onClose={() => setAsking(false)}
          onConfirm={() => {
            setAsking(false);
            void remove([issue]).then(() => navigate({ to: "/organizations/$org/issues", params: { org } }));
          }}
        >
          Its events go with it, and nothing can bring them back. If the error happens again, it starts as a
          new issue.
        </Confirm>
      ) : null}
    </header>
  );
}
