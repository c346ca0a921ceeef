//! Events of every age, and events that no client should send.

use super::*;

fn parse(json: &str) -> Parsed<'_> {
    Event::parse(json.as_bytes()).unwrap()
}

#[test]
fn reads_an_event_of_protocol_7() {
    let parsed = parse(
        r#"{"event_id":"9ec79c33ec9942ab8353589fcb2e04dc","level":"error","exception":{"values":[
        {"type":"ValueError","value":"no","stacktrace":{"frames":[{"function":"f","lineno":3,"vars":{"a":"1"}}]}}]},
        "tags":{"a":"b","n":1,"t":true,"z":null}}"#,
    );
    assert_eq!(parsed.notes, []);
    let exception = &parsed.event.exceptions[0];
    assert_eq!(exception.ty.as_deref(), Some("ValueError"));
    assert_eq!(exception.value.0.as_deref(), Some("no"));
    let frame = &exception.stacktrace.as_ref().unwrap().frames[0];
    assert_eq!(frame.lineno, Some(3));
    assert_eq!(frame.vars.as_ref().unwrap().get(), r#"{"a":"1"}"#);
    assert_eq!(parsed.event.tags.get("n"), Some("1"));
    assert_eq!(parsed.event.tags.get("t"), Some("true"));
    assert_eq!(parsed.event.tags.get("z"), None);
}

#[test]
fn reads_the_forms_of_older_protocols() {
    let check = |json: &str| {
        let parsed = parse(json);
        assert_eq!(parsed.notes, [], "{json}");
        assert_eq!(parsed.event.exceptions.len(), 1, "{json}");
        assert_eq!(
            parsed.event.exceptions[0].ty.as_deref(),
            Some("E"),
            "{json}"
        );
    };
    check(r#"{"exception":{"values":[{"type":"E"}]}}"#);
    check(r#"{"exception":[{"type":"E"}]}"#);
    check(r#"{"exception":{"type":"E","value":"v"}}"#);
    check(r#"{"exception":[null,{"type":"E"}]}"#);
    check(r#"{"sentry.interfaces.Exception":{"type":"E"}}"#);
    check(r#"{"sentry.interfaces.Exception":{"values":[{"type":"E"}],"exc_omitted":null}}"#);
}

#[test]
fn reads_messages_in_their_forms() {
    let formatted = |json: &'static str| {
        let message = parse(json).event.message.unwrap();
        message.formatted.0.unwrap()
    };
    assert_eq!(formatted(r#"{"message":"hello"}"#), "hello");
    assert_eq!(formatted(r#"{"message":{"formatted":"hello"}}"#), "hello");
    assert_eq!(formatted(r#"{"message":"a\nb"}"#), "a\nb");
}

#[test]
fn notes_what_has_the_wrong_type_and_goes_on() {
    let parsed = parse(
        r#"{"level":["error"],"release":{"a":1},"exception":{"values":[{"type":"E",
        "stacktrace":{"frames":[{"lineno":"x","function":{}},7]}}]},"user":"me","extra":[1],
        "tags":[["a"],["b","c"],5],"breadcrumbs":{"values":[{"what":1,"message":"m"}]},
        "nonsense":{"deep":[[[1]]]},"contexts":false,"threads":3,"timestamp":"soon"}"#,
    );
    let paths: Vec<_> = parsed.notes.iter().map(|note| note.path.as_str()).collect();
    assert_eq!(
        paths,
        [
            "level",
            "release",
            "exception.values.0.stacktrace.frames.0.lineno",
            "exception.values.0.stacktrace.frames.0.function",
            "exception.values.0.stacktrace.frames.1",
            "user",
            "extra",
            "tags",
            "tags",
            "breadcrumbs.values.0.what",
            "nonsense",
            "contexts",
            "threads",
            "timestamp",
        ]
    );
    assert_eq!(parsed.event.exceptions[0].ty.as_deref(), Some("E"));
    assert_eq!(parsed.event.tags.get("b"), Some("c"));
}

#[test]
fn tolerates_what_is_almost_json() {
    let parsed = parse(r#"{"message":"m","extra":{"x":NaN,"y":[-Infinity]},"release":"\ud800"}"#);
    assert_eq!(parsed.event.extra.0.len(), 1);
    assert_eq!(parsed.event.release.as_deref(), Some("\u{fffd}"));
}

#[test]
fn refuses_only_what_is_no_object() {
    assert!(matches!(Event::parse(b"[]"), Err(EventError::NotAnObject)));
    assert!(matches!(
        Event::parse(b"\"x\""),
        Err(EventError::NotAnObject)
    ));
    assert!(matches!(Event::parse(b""), Err(EventError::Json(_))));
    assert!(matches!(Event::parse(b"{\"a\":"), Err(EventError::Json(_))));
    assert!(Event::parse(b"{}").is_ok());
    assert!(Event::parse(br#"{"message":"a","message":"b"}"#).is_ok());
}

#[test]
fn survives_any_depth() {
    let deep = format!(
        r#"{{"extra":{{"a":{open}{close}}},"message":{open}{close},"x":{open}{close}}}"#,
        open = "[".repeat(10_000),
        close = "]".repeat(10_000)
    );
    let parsed = parse(&deep);
    assert_eq!(parsed.event.extra.0.len(), 1);
}

#[test]
fn what_is_not_known_is_noted_unless_it_says_nothing() {
    let parsed = parse(r#"{"source": null, "repos": {}, "mine": 1, "other": {"a": 1}}"#);
    let notes: Vec<_> = parsed
        .notes
        .iter()
        .map(|note| (note.path.as_str(), &note.kind))
        .collect();
    assert_eq!(
        notes,
        [("mine", &NoteKind::Unknown), ("other", &NoteKind::Unknown)]
    );
}

#[test]
fn bounds_its_notes() {
    let fields: Vec<_> = (0..500).map(|n| format!("\"f{n}\":1")).collect();
    let json = format!("{{{}}}", fields.join(","));
    let parsed = parse(&json);
    assert_eq!(parsed.notes.len(), NOTES_MAX);
    assert_eq!(parsed.n_notes_omitted, 400);
}

proptest::proptest! {
    #[test]
    fn never_panics_whatever_comes(bytes: Vec<u8>) {
        drop(Event::parse(&bytes));
    }
}
