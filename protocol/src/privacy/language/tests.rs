//! What a document may say, and how it is refused.

use super::builtin;
use super::program::Program;
use super::selector::{Item, Selector, types};
use super::*;

fn compile(document: &str) -> Result<Program, RuleError> {
    Program::compile(&[RuleDocument::parse(document)?])
}

fn refused(document: &str) -> String {
    compile(document).unwrap_err().to_string()
}

#[test]
fn all_82_built_in_rules_exist_and_compile() {
    let names = builtin::names();
    assert_eq!(names.len(), 82);
    for dialect in ["vedette", "reference"] {
        for name in &names {
            let document = format!(
                "{{\"dialect\":\"{dialect}\",\"applications\":{{\"$string\":[\"{name}\"]}}}}"
            );
            let program = compile(&document).unwrap();
            assert!(!program.steps.is_empty(), "{name}");
            let is_anything = name.starts_with("@anything");
            let is_empty = |step: &program::Step| matches!(step.kind, kinds::Kind::Anything);
            assert_eq!(program.steps.iter().any(is_empty), is_anything, "{name}");
        }
    }
}

#[test]
fn every_national_number_compiles() {
    let names = builtin::national_names();
    assert!(names.len() >= 10);
    for name in names {
        for method in ["", ":mask", ":hash", ":remove", ":replace", ":filter"] {
            compile(&format!(
                "{{\"applications\":{{\"$string\":[\"{name}{method}\"]}}}}"
            ))
            .unwrap();
        }
    }
}

#[test]
fn selectors_are_read_with_their_precedence() {
    let key = |name: &str| Selector::Path(vec![Item::Key(name.to_owned())]);
    let not = |inner| Selector::Not(Box::new(inner));
    for text in [
        "!a && b || c",
        "~a & b | c",
        "(!a&&b)||(c)",
        " ! a && B || c ",
    ] {
        let expected = Selector::Or(vec![Selector::And(vec![not(key("a")), key("b")]), key("c")]);
        assert_eq!(Selector::parse(text).unwrap(), expected, "{text}");
    }
    let path = Selector::parse("$http.headers.'X ''y'''.*.0.**").unwrap();
    let items = vec![
        Item::Type(types::REQUEST),
        Item::Key("headers".to_owned()),
        Item::Key("x 'y'".to_owned()),
        Item::Any,
        Item::Index("0".to_owned()),
        Item::Deep,
    ];
    assert_eq!(path, Selector::Path(items));
}

#[test]
fn a_wrong_selector_is_refused_with_its_place() {
    for (text, problem) in [
        ("a..b", "at byte 2"),
        ("", "at byte 0"),
        ("a &&", "at byte 4"),
        ("(a", "`)` is expected at byte 2"),
        ("a b", "at byte 2"),
        ("-a", "at byte 0"),
        ("1a", "at byte 1"),
        ("'a", "`'` is expected"),
        ("a.$foo", "`$foo` at byte 2 is not a type"),
        ("**.a.**", "at byte 5"),
    ] {
        let error = Selector::parse(text).unwrap_err().to_string();
        assert!(error.contains(problem), "{text}: {error}");
    }
    let deep = "(".repeat(100);
    assert!(matches!(
        Selector::parse(&deep),
        Err(SelectorError::TooLong { .. })
    ));
    let long = "a.".repeat(100) + "a";
    assert!(matches!(
        Selector::parse(&long),
        Err(SelectorError::TooLong { .. })
    ));
}

#[test]
fn what_is_not_understood_is_refused_by_name() {
    for (document, problem) in [
        ("[]", "cannot be read"),
        (r#"{"rulez":{}}"#, "`rulez` in the privacy rules"),
        (
            r#"{"rules":{"r":{"type":"ip","foo":1}}}"#,
            "`foo` in rule `r`",
        ),
        (r#"{"rules":{"@ip":{"type":"ip"}}}"#, "`@ip`"),
        (r#"{"rules":{"r":{"type":"zzz"}}}"#, "unknown type `zzz`"),
        (r#"{"rules":{"r":{"type":"pattern"}}}"#, "needs `pattern`"),
        (
            r#"{"rules":{"r":{"type":"ip","pattern":"a"}}}"#,
            "does not take `pattern`",
        ),
        (
            r#"{"rules":{"r":{"type":"pattern","pattern":"("}}}"#,
            "pattern cannot be used",
        ),
        (
            r#"{"rules":{"r":{"type":"pattern","pattern":"\\w{5000}"}}}"#,
            "pattern cannot be used",
        ),
        (
            r#"{"rules":{"r":{"type":"pattern","pattern":"a","replaceGroups":[1]}}}"#,
            "no group 1",
        ),
        (
            r#"{"rules":{"r":{"type":"ip","redaction":{"method":"zz"}}}}"#,
            "unknown redaction `zz`",
        ),
        (
            r#"{"rules":{"r":{"type":"alias","rule":"x"}}}"#,
            "`x`, which does not exist",
        ),
        (
            r#"{"applications":{"a":["x"]}}"#,
            "selector `a` names the rule `x`",
        ),
        (
            r#"{"applications":{"a":["@imei:filter"]}}"#,
            "`@imei:filter`",
        ),
        (r#"{"applications":{"a..":["@ip"]}}"#, "selector `a..`"),
        (
            r#"{"rules":{"a":{"type":"alias","rule":"b"},"b":{"type":"alias","rule":"a"}},"applications":{"x":["a"]}}"#,
            "names itself",
        ),
    ] {
        let error = refused(document);
        assert!(error.contains(problem), "{document}: {error}");
    }
}

#[test]
fn a_document_that_would_grow_is_refused() {
    let mut rules = String::new();
    for n in 0..8 {
        let inner = format!("[{}]", vec![format!("\"m{}\"", n + 1); 10].join(","));
        rules += &format!("\"m{n}\":{{\"type\":\"multiple\",\"rules\":{inner}}},");
    }
    rules += "\"m8\":{\"type\":\"multiple\",\"rules\":[\"@ip\",\"@ip\",\"@ip\"]}";
    let document = format!("{{\"rules\":{{{rules}}},\"applications\":{{\"a\":[\"m0\"]}}}}");
    assert!(compile(&document).is_err());
    let selectors: Vec<String> = (0..199)
        .map(|n| format!("\"a{n}.b.c.d\":[\"@ip\"]"))
        .collect();
    let document = format!("{{\"applications\":{{{}}}}}", selectors.join(","));
    assert!(refused(&document).contains("items of selectors"));
    let large = format!(
        "{{\"rules\":{{}},\"vars\":{{\"hashKey\":\"{}\"}}}}",
        "a".repeat(70_000)
    );
    assert_eq!(RuleDocument::parse(&large), Err(RuleError::TooLarge));
}
