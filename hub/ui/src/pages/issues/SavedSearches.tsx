/** Searches to come back to: one's own, everyone's, and the one the list begins with. */

import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { pinSearch, removeSearch, saveSearch, searchesQuery, unpinSearch } from "../../api/searches.ts";
import { organizationsQuery } from "../../api/session.ts";
import type { SavedSearch } from "../../api/types.ts";
import { Button } from "../../ui/Button.tsx";
import { Dialog, DialogActions } from "../../ui/Dialog.tsx";
import { Check, formClass, TextField } from "../../ui/Form.tsx";
import { Menu, MenuItem, MenuLabel, MenuRule } from "../../ui/Menu.tsx";
import { Notice } from "../../ui/State.tsx";
import { useToast } from "../../ui/Toasts.tsx";

interface Props {
  org: string;
  query: string;
  sort: string;
  onPick: (search: Pick<SavedSearch, "query" | "sort">) => void;
}

export function SavedSearches({ org, query, sort, onPick }: Props) {
  const { data: searches = [] } = useQuery(searchesQuery(org));
  const { data: organizations = [] } = useQuery(organizationsQuery);
  const client = useQueryClient();
  const toast = useToast();
  const [saving, setSaving] = useState(false);
  const refresh = () => client.invalidateQueries({ queryKey: searchesQuery(org).queryKey });
  const act = useMutation({
    mutationFn: (task: () => Promise<unknown>) => task(),
    onSuccess: refresh,
    onError: (error) => toast({ text: error.message, tone: "danger" }),
  });
  const mayShare = organizations.some((each) => each.slug === org && each.access?.includes("org:write"));
  const is = (search: SavedSearch) => search.query === query && search.sort === sort;
  const here = searches.find((search) => search.id !== "" && is(search));
  const isPinned = searches.some((search) => search.isPinned && is(search));
  const groups = [
    { name: "Yours", items: searches.filter((each) => each.visibility !== "organization") },
    { name: "Everyone's", items: searches.filter((each) => each.visibility === "organization") },
  ].filter((group) => group.items.length > 0);
  return (
    <>
      <Menu name="Saved searches" label="Saved" align="end">
        {(close) => {
          const then = (task: () => void) => () => {
            close();
            task();
          };
          return (
            <>
              {groups.map((group) => (
                <div key={group.name}>
                  <MenuLabel>{group.name}</MenuLabel>
                  {group.items.map((search) => (
                    <MenuItem
                      key={search.id || "pinned"}
                      checked={is(search)}
                      hint={search.isPinned ? "begins your list" : undefined}
                      onSelect={then(() => onPick(search))}
                    >
                      {search.name}
                    </MenuItem>
                  ))}
                </div>
              ))}
              {groups.length > 0 ? <MenuRule /> : null}
              <MenuItem icon="plus" onSelect={then(() => setSaving(true))}>
                Save this search…
              </MenuItem>
              <MenuItem
                icon="first"
                onSelect={then(() =>
                  act.mutate(() => (isPinned ? unpinSearch(org) : pinSearch(org, { query, sort }))),
                )}
              >
                {isPinned ? "Begin the list as usual" : "Begin my list with this search"}
              </MenuItem>
              {here && (here.isOwn || mayShare) ? (
                <MenuItem
                  danger
                  icon="trash"
                  onSelect={then(() => act.mutate(() => removeSearch(org, here.id)))}
                >
                  Remove “{here.name}”
                </MenuItem>
              ) : null}
            </>
          );
        }}
      </Menu>
      {saving ? (
        <Save
          org={org}
          query={query}
          sort={sort}
          mayShare={mayShare}
          onClose={() => setSaving(false)}
          onSaved={async () => {
            setSaving(false);
            await refresh();
          }}
        />
      ) : null}
    </>
  );
}

interface SaveProps {
  org: string;
  query: string;
  sort: string;
  mayShare: boolean;
  onClose: () => void;
  onSaved: () => Promise<void>;
}

function Save({ org, query, sort, mayShare, onClose, onSaved }: SaveProps) {
  const [name, setName] = useState("");
  const [shared, setShared] = useState(false);
  const save = useMutation({
    mutationFn: () =>
      saveSearch(org, { name: name.trim(), query, sort, visibility: shared ? "organization" : "owner" }),
    onSuccess: onSaved,
  });
  return (
    <Dialog title="Save this search" onClose={onClose}>
      <form
        className={formClass}
        onSubmit={(event: FormEvent) => {
          event.preventDefault();
          save.mutate();
        }}
      >
        {save.isError ? <Notice tone="danger">{save.error.message}</Notice> : null}
        <TextField
          label="Name"
          required
          autoFocus
          value={name}
          hint={<code>{query || "all issues"}</code>}
          onChange={(event) => setName(event.target.value)}
        />
        {mayShare ? (
          <Check
            label="For everyone in the organization"
            hint="Left off, it is yours alone."
            checked={shared}
            onChange={setShared}
          />
        ) : null}
        <DialogActions>
          <Button onClick={onClose}>Cancel</Button>
          <Button kind="primary" type="submit" busy={save.isPending}>
            Save
          </Button>
        </DialogActions>
      </form>
    </Dialog>
  );
}
