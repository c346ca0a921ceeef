/** What may stand where one types: keys and values, from what the hub has, with how often they occur. */

import { queryOptions, useQuery } from "@tanstack/react-query";
import { issueTagsQuery, suggestionsQuery } from "../../api/issues.ts";
import { membersQuery } from "../../api/people.ts";
import { projectsQuery } from "../../api/projects.ts";
import { count, plural } from "../../lib/format.ts";
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
/** Keys whose values are people. */
const OWNERS = ["assigned", "assigned_or_suggested"];
const TAG_KEY = /^[A-Za-z][\w.-]*$/;

/** Fetched when somebody types: no page waits for it. */
const knownKeys = queryOptions({
  queryKey: ["known keys"],
  queryFn: () => import("../../lib/query-keys.ts").then(({ KNOWN_KEYS }) => KNOWN_KEYS),
  staleTime: Number.POSITIVE_INFINITY,
});

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
  const project = scope.kind === "issues" ? scope.project : [];
  const { data } = useQuery({ ...suggestionsQuery(scope.org, project), enabled: isWanted });
  // A tag may be called like a field of events: it is offered once.
  const offered = [...new Map((data?.suggestions ?? []).map((each) => [each.text, each])).values()];
  const { data: all = [] } = useQuery({ ...knownKeys, enabled: isWanted });
  const known = all.filter((each) => scope.kind === "issues" || !each.ofIssues);
  const names = new Set(known.map(({ key }) => key));
  const counts = new Map(offered.filter(({ isTag }) => !isTag).map(({ text, count: n }) => [text, n]));
  const events = (n: number | undefined) => (n === undefined ? "" : plural(n, "event"));
  return [
    ...known.map(({ key, about }) => ({
      text: `${key}:`,
      label: key,
      hint: counts.has(key) ? `${about}, ${count(counts.get(key) ?? 0)}` : about,
    })),
    ...offered
      .filter(({ text }) => !names.has(text))
      .map(({ text, isTag, count: n }) => ({
        text: !isTag || TAG_KEY.test(text) ? `${text}:` : `tags[${text}]:`,
        label: text,
        hint: `${isTag ? "tag, " : ""}${events(n)}`,
      })),
  ];
}

function useValues(scope: Scope, typing: { key: string; part: string } | null): Suggestion[] {
  const key = typing?.key ?? "";
  const is = (...wanted: string[]) => wanted.includes(key);
  const { data: known } = useQuery({ ...knownKeys, enabled: Boolean(key) });
  const beforehand = known?.find((each) => each.key === key)?.values;
  const asksTags = Boolean(key) && known !== undefined && !beforehand && !is("project", "has", ...OWNERS);
  const { data: projects = [] } = useQuery({ ...projectsQuery(scope.org), enabled: is("project") });
  const { data: members = [] } = useQuery({ ...membersQuery(scope.org), enabled: is(...OWNERS) });
  const keys = useKeys(scope, is("has"));
  const counted = useCounted(scope, asksTags ? key : null, typing?.part ?? "");
  const plain = (list: readonly string[], hint = "") =>
    list.map((value) => ({ text: quote(value), label: value, hint }));
  if (is("project")) return plain(projects.map(({ slug }) => slug));
  if (is("has")) return keys.map(({ label, hint }) => ({ text: quote(label), label, hint }));
  if (is(...OWNERS)) return [...plain(beforehand ?? []), ...plain(members.map(({ email }) => email))];
  // Comparisons and relative times are written as they stand.
  if (beforehand) return beforehand.map((value) => ({ text: value, label: value, hint: "" }));
  return counted;
}

/** Values of a key with how many events have them: of all events, or of those of one issue. */
function useCounted(scope: Scope, key: string | null, part: string): Suggestion[] {
  const isOfIssues = scope.kind === "issues";
  const { data: offered } = useQuery({
    ...suggestionsQuery(scope.org, isOfIssues ? scope.project : [], key ?? "", part),
    enabled: key !== null && isOfIssues,
  });
  const { data: own = [] } = useQuery({
    ...issueTagsQuery(scope.org, isOfIssues ? "" : scope.issue),
    enabled: key !== null && !isOfIssues,
  });
  const found = isOfIssues
    ? (offered?.suggestions ?? []).map(({ text, count: n }) => ({ value: text, n }))
    : (own.find((tag) => tag.key === key)?.topValues ?? []).map(({ value, count: n }) => ({ value, n }));
  return found
    .filter(({ value }) => value !== "")
    .map(({ value, n }) => ({ text: quote(value), label: value, hint: count(n) }));
}
