/** Whom a note mentions: `@` and a person, `#` and a team. The hub reads them where a word begins. */

/** What is being typed, and where it began. */
export interface Typed {
  sign: "@" | "#";
  part: string;
  from: number;
}

export interface Mentionable {
  /** As it stands in the note. */
  text: string;
  name: string;
  hint: string;
}

interface Person {
  name: string;
  email: string;
}

export function mentionAt(text: string, caret: number): Typed | null {
  const word = /(?:^|[\s,;()])([@#])([^\s,;()]*)$/.exec(text.slice(0, caret));
  if (!word) return null;
  const [, sign, part = ""] = word;
  return { sign: sign as Typed["sign"], part, from: caret - part.length - 1 };
}

/** People by what stands before the `@` of their address, unless others have the same. */
export function mentionable(people: readonly Person[], teams: readonly { slug: string; name: string }[]) {
  const local = (email: string) => email.split("@", 1)[0] ?? "";
  const taken = new Map<string, number>();
  for (const { email } of people) taken.set(local(email), (taken.get(local(email)) ?? 0) + 1);
  const word = (email: string) => (taken.get(local(email)) === 1 ? local(email) : email);
  return {
    "@": people.map(
      ({ name, email }): Mentionable => ({ text: `@${word(email)}`, name: name || email, hint: email }),
    ),
    "#": teams.map(({ slug, name }): Mentionable => ({ text: `#${slug}`, name: `#${slug}`, hint: name })),
  };
}

/** The note with the chosen one in place of what was typed, and where the caret then is. */
export function withMention(text: string, typed: Typed, chosen: string): [string, number] {
  const head = `${text.slice(0, typed.from)}${chosen} `;
  const tail = text.slice(typed.from + 1 + typed.part.length).replace(/^ /, "");
  return [head + tail, head.length];
}
