/** Archiving until a day, or a number, of one's own. */

import { type FormEvent, useState } from "react";
import type { StatusChange } from "../../api/issues.ts";
import type { StatusWish } from "../../api/types.ts";
import { fromInput } from "../../lib/time.ts";
import { Button } from "../../ui/Button.tsx";
import { Dialog, DialogActions } from "../../ui/Dialog.tsx";
import { formClass, rowClass, SelectField, TextField } from "../../ui/Form.tsx";
import { archived } from "./actions.ts";

const WAYS = [
  { value: "date", label: "Until a day and time" },
  { value: "events", label: "Until it happens so often" },
  { value: "users", label: "Until it affects so many users" },
] as const;
type Way = (typeof WAYS)[number]["value"];

/** Within how many minutes; the empty choice counts however long it takes. */
const WINDOWS = [
  { minutes: 0, label: "however long it takes" },
  { minutes: 60, label: "within an hour" },
  { minutes: 1440, label: "within a day" },
  { minutes: 10_080, label: "within a week" },
] as const;
const NUMBER_MAX = 1_000_000_000;

interface Props {
  onChange: (to: StatusChange) => void;
  onClose: () => void;
}

export function ArchiveUntilDialog({ onChange, onClose }: Props) {
  const [way, setWay] = useState<Way>("date");
  const [date, setDate] = useState("");
  const [number, setNumber] = useState("");
  const [minutes, setMinutes] = useState<number>(0);
  const wish = wishOf(way, date, Number(number), minutes);
  const isPast = way === "date" && date !== "" && wish === null;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (!wish) return;
    onClose();
    onChange(archived(wish));
  };
  return (
    <Dialog title="Archive until…" onClose={onClose}>
      <form className={formClass} onSubmit={submit}>
        <SelectField label="Until when" value={way} onChange={(event) => setWay(event.target.value as Way)}>
          {WAYS.map(({ value, label }) => (
            <option key={value} value={value}>
              {label}
            </option>
          ))}
        </SelectField>
        {way === "date" ? (
          <TextField
            label="Day and time"
            type="datetime-local"
            value={date}
            error={isPast ? "This is over already." : null}
            hint="In your time zone. Then it is unresolved again."
            onChange={(event) => setDate(event.target.value)}
          />
        ) : (
          <div className={rowClass}>
            <TextField
              label={way === "events" ? "Events from now on" : "Users from now on"}
              type="number"
              min={1}
              max={NUMBER_MAX}
              value={number}
              onChange={(event) => setNumber(event.target.value)}
            />
            {way === "events" ? (
              <SelectField
                label="In what time"
                value={minutes}
                onChange={(event) => setMinutes(Number(event.target.value))}
              >
                {WINDOWS.map((each) => (
                  <option key={each.minutes} value={each.minutes}>
                    {each.label}
                  </option>
                ))}
              </SelectField>
            ) : null}
          </div>
        )}
        <DialogActions>
          <Button onClick={onClose}>Cancel</Button>
          <Button kind="primary" type="submit" disabled={!wish}>
            Archive
          </Button>
        </DialogActions>
      </form>
    </Dialog>
  );
}

/** What the hub is asked for; nothing while it cannot be meant. */
function wishOf(way: Way, date: string, number: number, minutes: number): StatusWish | null {
  if (way === "date") {
    const until = fromInput(date);
    return until && Date.parse(until) > Date.now() ? { ignoreUntil: until } : null;
  }
  if (!Number.isInteger(number) || number < 1 || number > NUMBER_MAX) return null;
  if (way === "users") return { ignoreUserCount: number };
  return minutes > 0 ? { ignoreCount: number, ignoreWindow: minutes } : { ignoreCount: number };
}
