/** What may stand where one types: keys and values, from what the hub has, with how often they occur. */

import { useQueries, useQuery } from "@tanstack/react-query";
import { environmentsQuery, issueTagsQuery, tagKeysQuery, tagValuesQuery } from "../../api/issues.ts";
import { membersQuery } from "../../api/people.ts";
import { projectsQuery } from "../../api/projects.ts";
import { KNOWN_KEYS } from "../../lib/query-keys.ts";
import { quote } from "../../lib/query-text.ts";
import type { Typing } from "../../lib/query-tokens.ts";

/** Where one searches: among issues of these projects (none is all), or among events of one issue. */
export type Scope =
  | { kind: "issues"; org: string; project: readonly string[] }
  | { kind: "events"; org: string; issue: string };

export interface Suggestion {
  /** As it is written into the query. */
  text: string;
  label: string;
  hint: string;
}

const SHOWN_MAX = 12;
/** Values are asked for in no more projects than these. */
const PROJECTS_MAX = 4;
const TAG_KEY = /^[A-Za-z][\w.-]*$/;

export function useSuggestions(scope: Scope, typing: Typing): Suggestion[] {
  const keys = useKeys(scope, typing?.what === "key");
  const values = useValues(scope, typing?.what === "value" ? typing : null);
  if (!typing) return [];
  const found = typing.what === "key" ? keys : values;
  const part = typing.part.toLowerCase();
  const starts = (each: Suggestion) => each.label.toLowerCase().startsWith(part);
  return found
    .filter((each) => each.label.toLowerCase().includes(part))
    .sort((a, b) => Number(starts(b)) - Number(starts(a)))
    .slice(0, SHOWN_MAX);
}

function useKeys(scope: Scope, isWanted: boolean): Suggestion[] {
  const { data: tags = [] } = useQuery({ ...tagKeysQuery(scope.org), enabled: isWanted });
  const known = KNOWN_KEYS.filter((each) => scope.kind === "issues" || !each.ofIssues);
  const names = new Set(known.map(({ key }) => key));
  return [
    ...known.map(({ key, about }) => ({ text: `${key}:`, label: key, hint: about })),
    ...tags
      .filter(({ key }) => !names.has(key))
      .map(({ key }) => ({
        text: TAG_KEY.test(key) ? `${key}:` : `tags[${key}]:`,
        label: key,
        hint: "tag",
      })),
  ];
}

function useValues(scope: Scope, typing: { key: string; part: string } | null): Suggestion[] {
  const key = typing?.key ?? "";
  const is = (...wanted: string[]) => wanted.includes(key);
  const beforehand = KNOWN_KEYS.find((each) => each.key === key)?.values;
  const asksTags = Boolean(key) && !beforehand && !is("project", "environment", "has", "assigned");
  const { data: projects = [] } = useQuery({
    ...projectsQuery(scope.org),
    enabled: is("project") || (asksTags && scope.kind === "issues"),
  });
  const { data: environments = [] } = useQuery({
    ...environmentsQuery(scope.org),
    enabled: is("environment"),
  });
  const { data: members = [] } = useQuery({ ...membersQuery(scope.org), enabled: is("assigned") });
  const { data: tags = [] } = useQuery({ ...tagKeysQuery(scope.org), enabled: is("has") });
  const counted = useTagValues(scope, asksTags ? key : null, typing?.part ?? "", projects);
  const plain = (list: readonly string[], hint = "") =>
    list.map((value) => ({ text: quote(value), label: value, hint }));
  if (is("project")) return plain(projects.map(({ slug }) => slug));
  if (is("environment")) return plain(environments.map(({ name }) => name).filter(Boolean));
  if (is("has")) return tags.map((tag) => ({ text: quote(tag.key), label: tag.key, hint: "tag" }));
  if (is("assigned")) return [...plain(beforehand ?? []), ...plain(members.map(({ email }) => email))];
  // Comparisons and relative times are written as they stand.
  if (beforehand) return beforehand.map((value) => ({ text: value, label: value, hint: "" }));
  return counted;
}

/** Values of a tag with how often they occur, summed over projects. */
function useTagValues(
  scope: Scope,
  key: string | null,
  part: string,
  projects: readonly { id: string; slug: string }[],
): Suggestion[] {
  const asked =
    key === null || scope.kind !== "issues"
      ? []
      : projects.filter(
          ({ id, slug }) =>
            scope.project.length === 0 || scope.project.includes(id) || scope.project.includes(slug),
        );
  const answers = useQueries({
    queries: asked.slice(0, PROJECTS_MAX).map(({ slug }) => tagValuesQuery(scope.org, slug, key ?? "", part)),
  });
  const { data: own = [] } = useQuery({
    ...issueTagsQuery(scope.org, scope.kind === "events" ? scope.issue : ""),
    enabled: key !== null && scope.kind === "events",
  });
  const counts = new Map<string, number>();
  const found =
    scope.kind === "events"
      ? (own.find((tag) => tag.key === key)?.topValues ?? [])
      : answers.flatMap(({ data = [] }) => data);
  for (const { value, count } of found) counts.set(value, (counts.get(value) ?? 0) + count);
  return [...counts]
    .filter(([value]) => value !== "")
    .sort((a, b) => b[1] - a[1])
    .map(([value, n]) => ({ text: quote(value), label: value, hint: `${n}` }));
}
