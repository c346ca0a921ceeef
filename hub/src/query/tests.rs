//! The language by examples.

use proptest::prelude::*;

use super::*;

const NOW: Timestamp = Timestamp::from_millis(1_767_323_045_000);

/// A query in the form `and(level=error, not(text "x"))`, for short expectations.
fn show(expr: &Expr) -> String {
    let list = |parts: &[Expr]| parts.iter().map(show).collect::<Vec<_>>().join(", ");
    match expr {
        Expr::And(parts) => format!("and({})", list(parts)),
        Expr::Or(parts) => format!("or({})", list(parts)),
        Expr::Not(part) => format!("not({})", show(part)),
        Expr::Text(text) => format!("{:?}", show_pattern(&text.pattern)),
        Expr::Filter(filter) => {
            let key = match &filter.key {
                Key::Field(name) => name.clone(),
                Key::Tag(name) => format!("#{name}"),
                Key::Flag(name) => format!("flag {name}"),
            };
            let op = match filter.op {
                Op::Is => "=",
                Op::Gt => ">",
                Op::Ge => ">=",
                Op::Lt => "<",
                Op::Le => "<=",
                Op::Exists => "?",
            };
            let value = match &filter.value {
                Value::None => String::new(),
                Value::Text(pattern) => show_pattern(pattern),
                Value::List(patterns) => {
                    format!(
                        "[{}]",
                        patterns
                            .iter()
                            .map(show_pattern)
                            .collect::<Vec<_>>()
                            .join("|")
                    )
                }
                Value::Number(number) => number.to_string(),
                Value::Date(at) => at.to_rfc3339(),
            };
            format!("{key}{op}{value}")
        }
    }
}

fn show_pattern(pattern: &Pattern) -> String {
    let piece = |part: &Part| match part {
        Part::Literal(text) => text.clone(),
        Part::Any => "%".to_owned(),
    };
    pattern.parts.iter().map(piece).collect()
}

#[track_caller]
fn check(query: &str, expected: &str) {
    match parse(query, NOW) {
        Ok(expr) => assert_eq!(show(&expr), expected, "{query}"),
        Err(error) => panic!("{query}: {error} at {:?}", error.span),
    }
}

#[track_caller]
fn refuses(query: &str, part_of_message: &str, span: Range<usize>) {
    let error = parse(query, NOW).expect_err(query);
    assert!(error.message.contains(part_of_message), "{query}: {error}");
    assert_eq!(error.span, span, "{query}: {error}");
}

#[test]
fn reads_filters() {
    check("", "and()");
    check("level:error", "level=error");
    check(
        "  level:error  is:unresolved ",
        "and(level=error, is=unresolved)",
    );
    check("!level:error", "not(level=error)");
    check("level:[error, fatal, \"a b\"]", "level=[error|fatal|a b]");
    check("message:\"could not\"", "message=could not");
    check("\"my key\":x", "#my key=x");
    check("customer.tier:gold", "#customer.tier=gold");
    check("tags[level]:x", "#level=x");
    check("tags[n,number]:>5", "#n>5");
    check("flags[\"new-cart\"]:true", "flag new-cart=true");
    check("has:user", "user?");
    check("!has:release", "not(release?)");
    check("release:\"\"", "not(release?)");
    check("user.email:*@example.com", "user.email=%@example.com");
    check("error.value:a\\*b", "error.value=a*b");
    check("release:>=2.1", "release>=2.1");
    check("environment:!=prod", "not(environment=prod)");
    check("platform:python", "platform.name=python");
    check("device.family:iPhone", "#device.family=iPhone");
    check("error.mechanism:onerror", "#mechanism=onerror");
}

#[test]
fn reads_the_operators_that_interfaces_write() {
    check("message:\u{F00D}Contains\u{F00D}boom", "message=%boom%");
    check(
        "!message:\u{F00D}StartsWith\u{F00D}\"a b\"",
        "not(message=a b%)",
    );
    check("message:\u{F00D}EndsWith\u{F00D}c", "message=%c");
}

#[test]
fn reads_numbers_and_dates() {
    check("timesSeen:>100", "timesSeen>100");
    check("times_seen:1.5k", "timesSeen=1500");
    check("times_seen:>1e3", "timesSeen>1000");
    check("timesSeen:[1, 1.5k]", "or(timesSeen=1, timesSeen=1500)");
    check("!timesSeen:[2]", "not(or(timesSeen=2))");
    check("tags[ratio,number]:>0.8", "#ratio>0.8");
    check("tags[took,duration]:>=-1.5s", "#took>=-1500");
    check("tags[n,number]:[1, 2]", "#n=[1|2]");
    check("tags[n,number]:4*", "#n=4%");
    check("tags[on,boolean]:1", "#on=true");
    check("tags[n,string]:5", "#n=5");
    check("firstSeen:-24h", "firstSeen>=2026-01-01T03:04:05.000Z");
    check("age:+7d", "firstSeen<=2025-12-26T03:04:05.000Z");
    check(
        "lastSeen:2026-01-01",
        "and(lastSeen>=2026-01-01T00:00:00.000Z, lastSeen<2026-01-02T00:00:00.000Z)",
    );
    check(
        "timestamp:<2026-01-01T08:00:00",
        "timestamp<2026-01-01T08:00:00.000Z",
    );
}

#[test]
fn numbers_carry_their_units() {
    let reads = |text: &str, expected: f64| {
        assert_eq!(parse_number(text), Some(expected), "{text}");
    };
    reads("-0.5", -0.5);
    reads("1e3", 1000.0);
    reads("2.5E-1s", 250.0);
    reads("1.5k", 1500.0);
    reads("1eb", 1e18);
    reads("8bit", 1.0);
    reads("2nb", 1.0);
    reads("3pb", 3e15);
    reads("1zb", 1e21);
    reads("1yb", 1e24);
    reads("1pib", 2_f64.powi(50));
    reads("1eib", 2_f64.powi(60));
    reads("1zib", 2_f64.powi(70));
    reads("1yib", 2_f64.powi(80));
    for text in [
        "", "-", "e3", "1e", "1.2.3", "1-2", "4x", "inf", "nan", "1e999",
    ] {
        assert_eq!(parse_number(text), None, "{text}");
    }
}

#[test]
fn joins_words_to_a_phrase() {
    check("could not charge", "\"could not charge\"");
    check(
        "could  not level:error charge",
        "and(\"could not\", level=error, \"charge\")",
    );
    check("\"exact phrase\" more", "and(\"exact phrase\", \"more\")");
    check("https://example.com/x", "\"https://example.com/x\"");
    check("charg*", "\"charg%\"");
    check("TypeError: x is undefined", "\"TypeError: x is undefined\"");
}

#[test]
fn figures_of_groups_are_kept_apart() {
    let check = |text: &str, of_events: &str, of_groups: &[&str]| {
        let (events, groups) = parted(parse(text, NOW).unwrap()).unwrap();
        let groups: Vec<String> = groups.iter().map(show).collect();
        assert_eq!(
            (show(&events).as_str(), groups),
            (
                of_events,
                of_groups.iter().map(|text| (*text).to_owned()).collect()
            ),
            "{text}"
        );
    };
    check("count():>10", "and()", &["count()>10"]);
    check(
        "level:error count():>10 !count_unique(user):<3",
        "level=error",
        &["count()>10", "not(count_unique(user)<3)"],
    );
    check(
        "(last_seen():-24h OR count():>1k) boom",
        "\"boom\"",
        &["or(last_seen()>=2026-01-01T03:04:05.000Z, count()>1000)"],
    );
    check("level:error", "level=error", &[]);
    check("a:1 or b:2", "or(#a=1, #b=2)", &[]);
    let mixed = parse("level:error OR count():>10", NOW).unwrap();
    let error = parted(mixed).unwrap_err();
    assert!(error.message.contains("stands beside"), "{error}");
    assert_eq!(error.span, 15..26);
    refuses("x:1 p95(transaction.duration):>2s", "use count(),", 4..33);
    refuses("count():many", "needs a number", 0..12);
    // A call in what somebody pastes is words.
    assert!(parse("charge(card): failed", NOW).is_ok());
    assert!(parse("min(a, b): failed", NOW).is_ok());
}

#[test]
fn binds_and_tighter_than_or() {
    check("a:1 or b:2 c:3", "or(#a=1, and(#b=2, #c=3))");
    check("(a:1 OR b:2) AND c:3", "and(or(#a=1, #b=2), #c=3)");
    check("NOT (a:1 or b:2)", "not(or(#a=1, #b=2))");
    check("NOT a:1", "not(#a=1)");
    check("not a:1", "and(\"not\", #a=1)");
}

#[test]
fn says_where_and_what() {
    refuses("has:", "a value is missing", 0..4);
    refuses(
        "timesSeen:[1, many]",
        "needs numbers, as in :[1, 20]",
        0..19,
    );
    refuses("(level:error", "never closed", 0..1);
    refuses("level:error)", "closes nothing", 11..12);
    refuses("level:", "value is missing", 0..6);
    refuses("message:\"abc", "quote is never closed", 8..12);
    refuses("tags[n,number]:>x", "needs a number", 0..17);
    refuses("level:[a, b", "list is never closed", 6..11);
    refuses("release:>=[1.0, 2.0]", "a list cannot be compared", 0..20);
    refuses("release:>=2.*", "cannot be compared", 0..13);
    refuses("timesSeen:many", "number", 0..14);
    refuses("lastSeen:yesterday", "date", 0..18);
    refuses("OR level:error", "OR needs a term", 0..2);
    refuses("level:error AND", "AND needs a term", 12..15);
    let long = "x".repeat(VALUE_CHARS_MAX + 1);
    refuses(&format!("url:{long}"), "first 256 characters", 0..261);
    refuses(&format!("a:[1, *{long}]"), "first 256 characters", 0..265);
    assert!(parse(&format!("url:{}*", &long[1..]), NOW).is_ok());
    assert!(parse(&format!("message:\"{}\"", "word ".repeat(99)), NOW).is_ok());
    refuses(&long[..WORD_BYTES_MAX], "words of 128 bytes", 0..128);
    let deep = "(".repeat(QUERY_DEPTH_MAX + 1);
    refuses(&deep, "nested deeper", QUERY_DEPTH_MAX..QUERY_DEPTH_MAX + 1);
}

#[test]
fn patterns_match_as_a_whole_without_case() {
    let check = |pattern: &str, text: &str, expected: bool| {
        assert_eq!(
            Pattern::parse(pattern).matches(text),
            expected,
            "{pattern} on {text}"
        );
    };
    check("Error", "error", true);
    check("err", "error", false);
    check("err*", "error", true);
    check("*ab", "xabab", true);
    check("a*b*c", "a-b-b-c", true);
    check("a*b*c", "a-b-b-d", false);
    check("*", "", true);
}

proptest! {
    #[test]
    fn never_panics(text in "\\PC{0,200}") {
        drop(parse(&text, NOW));
    }

    #[test]
    fn never_panics_on_its_own_signs(text in "[a-c :!()\\[\\]\",*>=<\\-\u{F00D}ORAND]{0,60}") {
        if let Err(error) = parse(&text, NOW) {
            prop_assert!(error.span.end <= text.len() && error.span.start <= error.span.end);
        }
    }
}
