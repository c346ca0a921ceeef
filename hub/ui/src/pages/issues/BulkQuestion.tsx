/** What is asked before many issues are merged, or go. */

import { useState } from "react";
import { exact, plural } from "../../lib/format.ts";
import { Confirm } from "../../ui/Dialog.tsx";
import { Check } from "../../ui/Form.tsx";

export type Question = "delete" | "discard" | "merge";

/** The hub merges this many at once that a search finds. */
const MERGED_MAX = 10_000;

const WORDS: Record<Question, string> = { delete: "Delete", discard: "Discard", merge: "Merge" };

interface Props {
  asking: Question;
  /** How many are chosen. */
  n: number;
  /** All that the search finds may be meant: there is more than what is loaded, which is chosen. */
  mayBeWhole: boolean;
  onClose: () => void;
  /** Whether all that the search finds is meant. */
  onConfirm: (isWhole: boolean) => void;
}

export function BulkQuestion({ asking, n, mayBeWhole, onClose, onConfirm }: Props) {
  const [isWhole, setIsWhole] = useState(false);
  const word = WORDS[asking];
  return (
    <Confirm
      title={isWhole ? `${word} all issues that match?` : `${word} ${plural(n, "issue")}?`}
      confirm={word}
      onClose={onClose}
      onConfirm={() => onConfirm(isWhole)}
    >
      {asking === "merge" ? (
        <p>
          The one with most events takes in the events of the others, and what comes of them from now on. For
          ten seconds you can take it back; after that they can be taken apart on its page.
        </p>
      ) : (
        <p>
          Their events go with them. For ten seconds you can take it back; after that nothing can. If an error
          happens again,{" "}
          {asking === "discard"
            ? "it is dropped and only counted, until you take that back in the project's settings."
            : "it starts as a new issue."}
        </p>
      )}
      {mayBeWhole ? (
        <Check
          label="Also all others that match this search"
          hint={
            asking === "merge"
              ? `${exact(MERGED_MAX)} at most; what is found when you confirm counts.`
              : "However many there are; what is found when you confirm counts."
          }
          checked={isWhole}
          onChange={setIsWhole}
        />
      ) : null}
    </Confirm>
  );
}
