"""Runs generated privacy rules over generated events, through our engine in its reference dialect and through Sentry's
scrubber (the `sentry-relay` package, called through its Python API), and reports how often they agree.

    compare.py PROGRAM CASES SEED

Agreement is on values: the same text under the same path. The scrubber also normalises events (it renames, reorders and adds
fields), so paths are brought into its form first. What differs on purpose is listed in DELIBERATE with its reason; such a case
is counted apart. Exit status 1: agreement is below AGREEMENT_MIN.
"""

import json
import random
import subprocess
import sys

from sentry_relay.processing import (
    convert_datascrubbing_config,
    pii_strip_event,
    validate_pii_config,
    validate_pii_selector,
)

AGREEMENT_MIN = 0.99

# name, reason, and whether a case (rules, event, path, ours, theirs) is one of it.
DELIBERATE = [
    (
        "mask of an IMEI",
        "the scrubber's `@imei:mask` makes a pseudonym without a key; ours masks, as its name says",
        lambda case: "@imei:mask" in case["text"],
    ),
    (
        "several lines",
        "the scrubber's `anything` takes a text line by line; ours takes it whole, so that its shape does not stay",
        lambda case: "\n" in str(case["before"]) and "anything" in case["text"],
    ),
    (
        "@userpath:filter",
        "release 0.10.1 does not have this rule, later ones do",
        lambda case: "filter" in case["text"] and is_home_path(str(case["before"])),
    ),
    (
        "address of a user",
        "the scrubber moves an address that is none any more to the user's id; ours leaves it where it is",
        lambda case: case["path"][:1] == ("user",) and case["path"][1:] in (("id",), ("ip_address",)),
    ),
    (
        "IPv6 in full",
        "the scrubber finds parts of an address (`2001:[ip]`); ours takes the whole address or none",
        lambda case: "::" in str(case["before"]) or "fe80" in str(case["before"]),
    ),
    (
        "credentials in URLs",
        "ours also knows passwords with signs, and users without a password",
        lambda case: "@urlauth" in case["text"] and "://" in str(case["before"]),
    ),
]


# What our own settings do otherwise than those of the scrubber, which no case here runs.
SETTINGS = [
    "a sensitive field leaves messages, exception values, addresses and code, and takes the field's own value there; elsewhere a "
    "value that names it goes whole, in tags and fields that are not known too",
    "words such as `password` in a value do not take the value whole: what stands behind them goes",
    "a safe field that is the name of a key leaves all below it alone; a selector leaves the value alone at which it ends",
    "a safe field has to name a key: `**` or `!a` would switch rules off, and is refused",
]


def is_home_path(text):
    return any(word in text for word in ("/home/", "Users"))


BASES = (
    "anything bearer creditcard email iban imei ip mac password pemkey urlauth userpath usssn uuid".split()
)
FILTERED = "anything bearer creditcard iban password pemkey userpath usssn".split()
BUILT_IN = (
    [f"@{base}{method}" for base in BASES for method in ("", ":remove", ":replace", ":mask", ":hash")]
    + [f"@{base}:filter" for base in FILTERED]
    + ["@urlauth:legacy", "@cookies:filter", "@common", "@common:filter"]
)
TEXTS = [
    "nothing to see here",
    "",
    "true",
    "mail bob.builder+x@ex-ample.co.uk please",
    "a@b.co, c@d.org",
    "host 127.0.0.1:8080 and 10.0.0.255",
    "999.1.2.3 is none",
    "card 4571234567890111 end",
    "card 4571-2345-6789-0111",
    "amex 378282246310005",
    "long 45712345678901112",
    "iban DE89370400440532013000.",
    "no iban DE893704",
    "imei 356938035643809",
    "35-693803-564380-9",
    "mac 4a:00:04:10:9b:50",
    "4a-00-04-10-9b-50 up",
    "id ceee0822-ed8f-4622-b2a3-789e73e75cd1",
    "ssn 078-05-1120",
    "x078-05-11201",
    "Authorization: Bearer abc.def-ghi",
    "my password is hunter2",
    "token=abc",
    "see token here",
    "path /home/bob/x/y",
    "C:\\Users\\Bob Y\\z.txt",
    "/Users/jane/a.py",
    "-----BEGIN EC PRIVATE KEY-----\nMIHbAgEBBEFtjA\n-----END EC PRIVATE KEY-----",
    "https://user:pass@host/x?y=1",
    "sid=1; sessionid=23; theme=dark",
    "::1 is home",
    "größe 4571234567890111 für bob@example.com",
    "\u65e5\u672c 127.0.0.1 \u8a9e",
    "line\nwith \"quotes\" and m@example.com",
]
KEYS = "a b foo password token otp api_key session note Auth data id user_name two-factor 0".split()
TYPES = "string number boolean array object frame http user error breadcrumb logentry span".split()
PATTERNS = [
    (r"\d+", None),
    (r"[a-z]+@", None),
    (r"(\w+)@(\w+)", [1]),
    (r"(\w+)@(\w+)", [1, 2]),
    (r"(?i)bearer", None),
    (r"b+", None),
    (r".*", None),
    (r"^\S+", None),
    (r"x|y|(z)", [1]),
    (r"ö|ü", None),
]


class Maker:
    """Makes rules and events from a seed."""

    def __init__(self, seed):
        self.dice = random.Random(seed)

    def some(self, values, most):
        return [self.dice.choice(values) for _ in range(self.dice.randint(1, most))]

    def value(self, depth=0):
        kind = self.dice.random()
        if kind < 0.65 or depth > 3:
            return self.dice.choice(TEXTS)
        if kind < 0.75:
            return self.dice.choice([0, 5, 1.5, True, None, 4571234567890111])
        if kind < 0.85:
            return [self.value(depth + 1) for _ in range(self.dice.randint(0, 3))]
        if kind < 0.90:
            return [[self.dice.choice(KEYS), self.dice.choice(TEXTS)] for _ in range(2)]
        return self.map(depth + 1)

    def map(self, depth=0):
        return {self.dice.choice(KEYS): self.value(depth) for _ in range(self.dice.randint(1, 4))}

    def texts(self):
        return {self.dice.choice(KEYS): self.dice.choice(TEXTS) for _ in range(self.dice.randint(1, 3))}

    def event(self):
        event = {"extra": self.map()}
        maybe = lambda chance: self.dice.random() < chance
        if maybe(0.3):
            event["logentry"] = {"formatted": self.dice.choice(TEXTS) or "x"}
        if maybe(0.3):
            frame = {"function": "f", "vars": self.map(), "lineno": 5}
            event["exception"] = {
                "values": [
                    {
                        "type": "Error",
                        "value": self.dice.choice(TEXTS) or "x",
                        "stacktrace": {"frames": [frame]},
                    }
                ]
            }
        if maybe(0.3):
            event["user"] = {"username": self.dice.choice(TEXTS), "data": self.map()}
        if maybe(0.3):
            event["request"] = {
                "method": "GET",
                "data": self.map(),
                "headers": [["X-Note", self.dice.choice(TEXTS) or "x"]],
                "env": self.texts(),
            }
        if maybe(0.3):
            event["breadcrumbs"] = {
                "values": [{"message": self.dice.choice(TEXTS) or "x", "data": self.map()}]
            }
        if maybe(0.2):
            event["tags"] = [["foo", self.dice.choice(TEXTS).split("\n")[0][:40] or "x"]]
        if maybe(0.2):
            event["contexts"] = {"mine": {"type": "mine", **self.texts()}}
        return event

    def item(self, at, n):
        kind = self.dice.random()
        if kind < 0.5:
            return self.dice.choice(KEYS + ["extra", "vars", "'foo'"])
        if kind < 0.6:
            return "*"
        if kind < 0.8:
            return "$" + self.dice.choice(TYPES)
        return str(self.dice.randint(0, 2)) if at else "extra"

    def path(self):
        n = self.dice.randint(1, 3)
        items = [self.item(at, n) for at in range(n)]
        # The scrubber cannot say what is left of an event of which nothing is left.
        if items == ["*"]:
            return "$string"
        if self.dice.random() < 0.25:
            items.insert(self.dice.randint(0, n), "**")
        return ".".join(items)

    def selector(self, depth=0):
        kind = self.dice.random()
        if kind < 0.35:
            return "$string"
        if kind < 0.75 or depth > 1:
            return self.path()
        if kind < 0.80:
            return "!" + self.path()
        sign = self.dice.choice([" && ", " || "])
        return "(" + self.selector(depth + 1) + ")" + sign + self.selector(depth + 1)

    def redaction(self):
        method = self.dice.choice(["remove", "replace", "mask", "hash", "default", None])
        if method is None:
            return {}
        redaction = {"method": method}
        if method == "replace" and self.dice.random() < 0.5:
            redaction["text"] = self.dice.choice(["[gone]", "Q", "ü"])
        return {"redaction": redaction}

    def rule(self, others):
        kind = self.dice.choice(
            "pattern pattern redact_pair multiple alias anything email ip creditcard iban imei mac uuid us_ssn "
            "userpath bearer password".split()
        )
        if kind == "pattern":
            pattern, groups = self.dice.choice(PATTERNS)
            rule = {"type": kind, "pattern": pattern, **self.redaction()}
            return {**rule, "replaceGroups": groups} if groups else rule
        if kind == "redact_pair":
            key = self.dice.choice(["foo", "^a$", "pass", "(?i)AUTH", "mail"])
            return {"type": kind, "keyPattern": key, **self.redaction()}
        if kind == "multiple":
            rule = {"type": kind, "rules": self.some(BUILT_IN + others, 3)}
            return {**rule, "hideInner": self.dice.random() < 0.5, **self.redaction()}
        if kind == "alias":
            return {"type": kind, "rule": self.dice.choice(BUILT_IN), "hideInner": self.dice.random() < 0.5}
        return {"type": kind, **self.redaction()}

    def rules(self):
        rules = {}
        for name in ("r1", "r2", "r3")[: self.dice.randint(0, 3)]:
            rules[name] = self.rule(sorted(rules))
        names = BUILT_IN + sorted(rules) * 20
        # One selector: the order of several is the scrubber's own affair.
        return {"rules": rules, "applications": {self.selector(): self.some(names, 3)}}


def leaves(value, path=()):
    """Every text and number with its path, as the scrubber names it."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if path or key != "_meta":
                yield from leaves(inner, (*path, key))
    elif isinstance(value, list):
        for n, inner in enumerate(value):
            yield from leaves(inner, (*path, str(n)))
    else:
        yield path, value


def run_ours(program, cases):
    lines = "".join(
        json.dumps({"rules": json.dumps({"dialect": "reference", **case[0]}), "event": case[1]}) + "\n" for case in cases
    )
    done = subprocess.run([program], input=lines, capture_output=True, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def normalised(event):
    """What the scrubber makes of an event without rules."""
    event = pii_strip_event({"rules": {}, "applications": {}}, event)
    event.pop("_meta", None)
    return event


def remarks(event):
    found = {}

    def walk(node, path):
        if isinstance(node, dict):
            for key, inner in node.items():
                if key == "":
                    found[path] = inner.get("rem", [])
                else:
                    walk(inner, (*path, key))

    walk(event.get("_meta") or {}, ())
    return found


def compare_events(program, n_cases, seed):
    maker = Maker(seed)
    cases = [(maker.rules(), normalised(maker.event())) for _ in range(n_cases)]
    n_values = n_agree = n_cases_agree = n_remarks = n_remarks_agree = n_deliberate = n_failed = 0
    deliberate, examples = {}, []
    for (rules, event), ours in zip(cases, run_ours(program, cases)):
        try:
            theirs = pii_strip_event(rules, event)
        except Exception:
            n_failed += 1
            continue
        left = dict(leaves(ours.get("event", ours)))
        right = dict(leaves(theirs))
        before = dict(leaves(event))
        is_same = True
        for path in sorted(left.keys() | right.keys()):
            n_values += 1
            if path in left and path in right and left[path] == right[path]:
                n_agree += 1
                continue
            case = {"text": json.dumps(rules), "path": path, "before": before.get(path)}
            why = next((name for name, _, is_it in DELIBERATE if is_it(case)), None)
            if why:
                deliberate[why] = deliberate.get(why, 0) + 1
                n_deliberate += 1
                continue
            is_same = False
            examples.append((rules, path, before.get(path), left.get(path, "-"), right.get(path, "-")))
        n_cases_agree += is_same
        if is_same:
            ours_said, theirs_said = remarks(ours.get("event", {})), remarks(theirs)
            for path in ours_said.keys() | theirs_said.keys():
                n_remarks += 1
                n_remarks_agree += ours_said.get(path) == theirs_said.get(path)
    for rules, path, before, left, right in examples[:30]:
        print(f"differs at {'.'.join(path)}: {before!r}\n   ours {left!r}\n theirs {right!r}\n  rules {json.dumps(rules)}")
    n_compared = n_cases - n_failed
    share = (n_agree + n_deliberate) / max(n_values, 1)
    print(f"events: {n_cases_agree} of {n_compared} alike ({n_cases_agree / max(n_compared, 1):.2%}); {n_failed} the scrubber could not write")
    print(f"values: {n_agree} of {n_values} alike, {n_deliberate} differ on purpose, {n_values - n_agree - n_deliberate} otherwise ({share:.3%})")
    print(f"notes:  {n_remarks_agree} of {n_remarks} alike ({n_remarks_agree / max(n_remarks, 1):.2%})")
    for name, reason, _ in DELIBERATE:
        print(f"  on purpose, {deliberate.get(name, 0)} values: {name}: {reason}")
    return n_cases_agree / max(n_compared, 1)


def has_lone_star(selector):
    """Whether a path of it is `*` and nothing else."""
    return any(path.strip("!~( )") == "*" for path in selector.replace("&", "|").split("|"))


def compare_validation(program, n_cases, seed):
    """Which selectors and documents are taken."""
    maker = Maker(seed + 1)
    signs = list("ab.*$!&|() 0-_") + ["$string", "extra", "**", "&&", "||"]
    selectors = ["".join(maker.some(signs, 6)) for _ in range(n_cases)]
    documents = [({"rules": {}, "applications": {selector: ["@ip"]}}, {}) for selector in selectors]
    ours = ["error" not in answer for answer in run_ours(program, documents)]
    n_agree, n_deliberate, examples = 0, 0, []
    for selector, is_taken in zip(selectors, ours):
        try:
            validate_pii_selector(selector)
            theirs = True
        except ValueError:
            theirs = False
        n_agree += is_taken == theirs
        if is_taken and not theirs and has_lone_star(selector):
            n_deliberate += 1
        elif is_taken != theirs:
            examples.append(f"{selector!r} ours {is_taken} theirs {theirs}")
    for example in examples[:10]:
        print("selector", example)
    n_otherwise = n_cases - n_agree - n_deliberate
    print(f"selectors: {n_agree} of {n_cases} taken or refused alike ({n_agree / n_cases:.2%}), {n_otherwise} otherwise")
    print(f"  on purpose, {n_deliberate} selectors: `*` alone: the scrubber refuses it, and takes `**` and `*.*`; to ours it is a path like others")
    wrong = [
        {"applications": {"a..": ["@ip"]}},
        {"rules": {"a": {"type": "pattern"}}},
        {"rules": {"a": {"type": "zzz"}}},
        {"rules": {"a": {"type": "alias"}}},
        {"rules": 5},
    ]
    for document, answer in zip(wrong, run_ours(program, [(document, {}) for document in wrong])):
        try:
            validate_pii_config(json.dumps(document))
            theirs = True
        except ValueError:
            theirs = False
        if theirs or "error" not in answer:
            print(f"document {document}: ours {answer}, theirs {'taken' if theirs else 'refused'}")
    return n_agree / n_cases


def compare_settings(program, n_cases, seed):
    """The scrubber's own rules for its settings, run by both."""
    rules = convert_datascrubbing_config(
        {
            "scrubData": True,
            "scrubDefaults": True,
            "scrubIpAddresses": True,
            "sensitiveFields": ["foo", "note"],
            "excludeFields": ["data"],
        }
    )
    maker = Maker(seed + 2)
    cases = [(rules, normalised(maker.event())) for _ in range(n_cases)]
    n_values = n_agree = n_deliberate = 0
    examples = []
    for (rules, event), ours in zip(cases, run_ours(program, cases)):
        left, right = dict(leaves(ours.get("event", ours))), dict(leaves(pii_strip_event(rules, event)))
        before = dict(leaves(event))
        for path in left.keys() | right.keys():
            n_values += 1
            is_same = path in left and path in right and left[path] == right[path]
            n_agree += is_same
            if not is_same:
                case = {"text": json.dumps(rules), "path": path, "before": before.get(path)}
                if any(is_it(case) for _, _, is_it in DELIBERATE):
                    n_deliberate += 1
                    continue
                examples.append(f"{'.'.join(path)}: {before.get(path)!r} ours {left.get(path, '-')!r} theirs {right.get(path, '-')!r}")
    for difference in SETTINGS:
        print(f"settings, on purpose: {difference}")
    for example in examples[:10]:
        print("settings", example)
    print(f"settings: {n_agree} of {n_values} values alike, {n_deliberate} differ on purpose ({(n_agree + n_deliberate) / max(n_values, 1):.3%})")


def main():
    program, n_cases, seed = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    print(f"{n_cases} cases, seed {seed}")
    agreement = compare_events(program, n_cases, seed)
    compare_validation(program, n_cases, seed)
    compare_settings(program, max(n_cases // 8, 1), seed)
    if agreement < AGREEMENT_MIN:
        sys.exit(f"agreement {agreement:.2%} is below {AGREEMENT_MIN:.0%}")


main()
