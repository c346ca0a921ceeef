/** What people wrote about what went wrong. */

import { infiniteQueryOptions } from "@tanstack/react-query";
import { getPage, type Page } from "./page.ts";
import type { Feedback } from "./types.ts";

const PAGE_SIZE = 50;

export interface FeedbackFilter {
  /** About this issue. */
  issue?: string;
  project?: readonly string[];
  statsPeriod?: string;
  start?: string;
  end?: string;
}

export const feedbackQuery = (org: string, filter: FeedbackFilter) =>
  infiniteQueryOptions({
    queryKey: ["org", org, "feedback", filter],
    queryFn: ({ signal, pageParam }) =>
      getPage<Feedback>(`organizations/${org}/vedette/feedback/`, {
        signal,
        query: { ...filter, cursor: pageParam, limit: PAGE_SIZE },
      }),
    initialPageParam: "",
    getNextPageParam: (page: Page<Feedback>) => page.next,
    staleTime: 10_000,
  });
