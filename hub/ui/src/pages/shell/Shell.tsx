/** The frame around every page: navigation, theme, help, the signed-in user. */

import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, Outlet, useLocation, useNavigate, useParams } from "@tanstack/react-router";
import { lazy, type RefObject, Suspense, useEffect, useLayoutEffect, useRef, useState } from "react";
import { useLiveIssues } from "../../api/live.ts";
import { logout, organizationsQuery, sessionQuery } from "../../api/session.ts";
import { initials } from "../../lib/format.ts";
import type { ShortcutId } from "../../lib/shortcuts.ts";
import { showZone } from "../../lib/time.ts";
import { IconButton } from "../../ui/Button.tsx";
import { bringIn } from "../../ui/bring.ts";
import { cx } from "../../ui/classes.ts";
import { useShortcuts } from "../../ui/hotkeys.ts";
import { Icon, Mark } from "../../ui/icons.tsx";
import { Menu, MenuItem, MenuLabel, MenuRule } from "../../ui/Menu.tsx";
import { useStored, useTheme } from "../../ui/stored.ts";
import { useUndo } from "../../ui/Toasts.tsx";
import { KeyboardHelp } from "./KeyboardHelp.tsx";
import { PLACES } from "./places.ts";
import styles from "./Shell.module.css";

const Palette = lazy(() => import("./Palette.tsx").then((module) => ({ default: module.Palette })));

export function Shell() {
  const { org } = useParams({ from: "/signed-in/organizations/$org" });
  const navigate = useNavigate();
  const [theme, setTheme] = useTheme();
  const [zone] = useStored<string>("zone", "");
  // Before what it shows is drawn; another zone draws the page anew.
  showZone(zone);
  const [help, setHelp] = useState(false);
  const [palette, setPalette] = useState(false);
  const typed = useRef("");
  const undo = useUndo();
  useLiveIssues(org);
  const nav = useRef<HTMLElement>(null);
  const here = useLocation({ select: ({ pathname }) => pathname });
  // On a phone the place where one is may stand outside.
  useLayoutEffect(() => {
    if (here) bringIn(nav.current, nav.current?.querySelector<HTMLElement>("[aria-current=page]"));
  }, [here]);

  useEffect(() => {
    document.documentElement.dataset.theme = theme;
  }, [theme]);

  const goTo = (to: (typeof PLACES)[number]["to"]) => () => void navigate({ to, params: { org } });
  useShortcuts(
    "places",
    Object.fromEntries(PLACES.map(({ id, to }) => [id, goTo(to)])) as Record<
      ShortcutId<"places">,
      () => void
    >,
  );
  useShortcuts("everywhere", {
    help: () => setHelp(true),
    undo,
    theme: () => setTheme(theme === "dark" ? "light" : "dark"),
    search: (event) => {
      const search = document.querySelector<HTMLInputElement>("[data-search]");
      if (!search) return;
      event?.preventDefault();
      search.focus();
      search.select();
    },
  });
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.key !== "k" || !(event.ctrlKey || event.metaKey) || event.altKey || event.shiftKey) return;
      event.preventDefault();
      // Over another dialog it would hide what that one asks.
      typed.current = "";
      setPalette((isOpen) => !isOpen && !document.querySelector("dialog[open]"));
    };
    window.addEventListener("keydown", onKey);
    return () => window.removeEventListener("keydown", onKey);
  }, []);

  return (
    <div className={styles.shell}>
      <a href="#page" className={styles.skip}>
        Skip to the page
      </a>
      <header className={styles.side}>
        <Link to="/organizations/$org/issues" params={{ org }} className={styles.brand}>
          <Mark size={24} />
          <span>Vedette</span>
        </Link>
        <nav ref={nav} className={styles.nav} aria-label="Main">
          {PLACES.map((place) => (
            <Link
              key={place.to}
              to={place.to}
              params={{ org }}
              className={styles.place}
              activeProps={{ className: styles.here }}
            >
              <Icon name={place.icon} size={17} />
              <span>{place.name}</span>
            </Link>
          ))}
        </nav>
        <div className={styles.foot}>
          <IconButton
            icon="search"
            label="Command palette, Ctrl or Cmd and K"
            onClick={() => {
              typed.current = "";
              setPalette(true);
            }}
          />
          <IconButton
            icon={theme === "dark" ? "sun" : "moon"}
            label={theme === "dark" ? "Light theme" : "Dark theme"}
            onClick={() => setTheme(theme === "dark" ? "light" : "dark")}
          />
          <IconButton
            icon="help"
            label="Keyboard shortcuts"
            className={styles.helpButton}
            onClick={() => setHelp(true)}
          />
          <UserMenu org={org} />
        </div>
      </header>
      <main key={zone} id="page" className={styles.main} tabIndex={-1}>
        <Outlet />
      </main>
      {help ? <KeyboardHelp onClose={() => setHelp(false)} /> : null}
      {palette ? (
        <Suspense fallback={<PaletteToCome typed={typed} />}>
          <Palette org={org} typed={typed} onClose={() => setPalette(false)} />
        </Suspense>
      ) : null}
    </div>
  );
}

/** Takes what is typed while the palette is on its way: it is meant for it, and for no key of the page. */
function PaletteToCome({ typed }: { typed: RefObject<string> }) {
  return (
    <dialog open className="visually-hidden" aria-label="Command palette">
      <input
        autoFocus
        aria-label="Go to or do"
        onChange={(event) => {
          typed.current = event.target.value;
        }}
      />
    </dialog>
  );
}

function UserMenu({ org }: { org: string }) {
  const client = useQueryClient();
  const navigate = useNavigate();
  const { data: session } = useQuery(sessionQuery);
  const { data: organizations = [] } = useQuery(organizationsQuery);
  if (!session) return null;
  const leave = async () => {
    await logout();
    client.clear();
    client.setQueryData(sessionQuery.queryKey, null);
    await navigate({ to: "/login" });
  };
  return (
    <Menu
      name={`${initials(session.user.name || session.user.email)}, account of ${session.user.name}`}
      caret={false}
      align="end"
      buttonClassName={cx(styles.avatar)}
      label={initials(session.user.name || session.user.email)}
    >
      {(close) => (
        <>
          <MenuLabel>{session.user.email}</MenuLabel>
          {organizations.length > 1
            ? organizations.map((each) => (
                <MenuItem
                  key={each.slug}
                  checked={each.slug === org}
                  onSelect={() => {
                    close();
                    void navigate({ to: "/organizations/$org/issues", params: { org: each.slug } });
                  }}
                >
                  {each.name}
                </MenuItem>
              ))
            : null}
          <MenuRule />
          <MenuItem
            icon="settings"
            onSelect={() => {
              close();
              void navigate({ to: "/organizations/$org/settings", params: { org } });
            }}
          >
            Settings
          </MenuItem>
          <MenuItem icon="signout" onSelect={() => void leave()}>
            Sign out
          </MenuItem>
        </>
      )}
    </Menu>
  );
}
