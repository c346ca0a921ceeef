/** What stands where no page can: waiting, missing, broken, and an account without an organization. */

import { type ErrorComponentProps, Link, useRouter } from "@tanstack/react-router";
import { ApiError } from "../../api/client.ts";
import { buttonClass } from "../../ui/Button.tsx";
import { EmptyState, ErrorState, Skeleton } from "../../ui/State.tsx";

export function Waiting() {
  return <Skeleton rows={8} label="Loading the page" />;
}

export function Failed({ error, reset }: ErrorComponentProps) {
  const router = useRouter();
  return (
    <ErrorState
      error={error}
      title="This page could not be shown"
      retry={() => {
        reset();
        void router.invalidate();
      }}
    />
  );
}

export function Missing() {
  return (
    <EmptyState
      icon="search"
      title="There is no such page"
      action={
        <Link to="/" className={buttonClass("primary")}>
          To the issues
        </Link>
      }
    >
      The address leads nowhere. It may have been mistyped, or what it named was deleted.
    </EmptyState>
  );
}

/** An event's id that leads to no event, which is told from a hub that does not answer. */
export function NoSuchEvent(props: ErrorComponentProps) {
  if (!(props.error instanceof ApiError && props.error.status === 404)) return <Failed {...props} />;
  return (
    <EmptyState
      icon="search"
      title="There is no such event"
      action={
        <Link to="/" className={buttonClass("primary")}>
          To the issues
        </Link>
      }
    >
      It may have been older than the time for which events are kept, or it never arrived here.
    </EmptyState>
  );
}

export function NoOrganization() {
  return (
    <EmptyState icon="user" title="You are in no organization yet">
      Ask an administrator to add you, or make one on the hub's host with <code>vedette-hub</code>.
    </EmptyState>
  );
}
