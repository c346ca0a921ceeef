/** The frame around every page: navigation, theme, help, the signed-in user. */

import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, Outlet, useNavigate, useParams } from "@tanstack/react-router";
import { useEffect, useState } from "react";
import { useLiveIssues } from "../../api/live.ts";
import { logout, organizationsQuery, sessionQuery } from "../../api/session.ts";
import { initials } from "../../lib/format.ts";
import { IconButton } from "../../ui/Button.tsx";
import { cx } from "../../ui/classes.ts";
import { useHotkeys } from "../../ui/hotkeys.ts";
import { Icon, type IconName, Mark } from "../../ui/icons.tsx";
import { Menu, MenuItem, MenuLabel, MenuRule } from "../../ui/Menu.tsx";
import { useTheme } from "../../ui/stored.ts";
import { KeyboardHelp } from "./KeyboardHelp.tsx";
import styles from "./Shell.module.css";

const PLACES = [
  { to: "/organizations/$org/issues", name: "Issues", icon: "issues", key: "i" },
  { to: "/organizations/$org/projects", name: "Projects", icon: "projects", key: "p" },
  { to: "/organizations/$org/fleet", name: "Fleet", icon: "fleet", key: "f" },
  { to: "/organizations/$org/outcomes", name: "Outcomes", icon: "filter", key: "o" },
  { to: "/organizations/$org/privacy", name: "Privacy", icon: "shield", key: "v" },
  { to: "/organizations/$org/alerts", name: "Alerts", icon: "alerts", key: "a" },
  { to: "/organizations/$org/settings", name: "Settings", icon: "settings", key: "s" },
] as const satisfies readonly { to: string; name: string; icon: IconName; key: string }[];

/** How long after `g` a second key still counts. */
const CHORD_MS = 1200;

export function Shell() {
  const { org } = useParams({ from: "/signed-in/organizations/$org" });
  const navigate = useNavigate();
  const [theme, setTheme] = useTheme();
  const [help, setHelp] = useState(false);
  const [chord, setChord] = useState(0);
  useLiveIssues(org);

  useEffect(() => {
    document.documentElement.dataset.theme = theme;
  }, [theme]);

  const go = Object.fromEntries(
    PLACES.map((place) => [
      place.key,
      () => {
        if (Date.now() - chord < CHORD_MS) void navigate({ to: place.to, params: { org } });
      },
    ]),
  );
  useHotkeys({
    ...go,
    g: () => setChord(Date.now()),
    "?": () => setHelp(true),
    "/": (event) => {
      const search = document.querySelector<HTMLInputElement>("[data-search]");
      if (!search) return;
      event.preventDefault();
      search.focus();
      search.select();
    },
  });

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
        <nav className={styles.nav} aria-label="Main">
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
      <main id="page" className={styles.main} tabIndex={-1}>
        <Outlet />
      </main>
      {help ? <KeyboardHelp onClose={() => setHelp(false)} /> : null}
    </div>
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
      name={`Account of ${session.user.name}`}
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
