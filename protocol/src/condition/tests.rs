//! What conditions mean, and what is told of those that cannot be read.

use proptest::prelude::*;

use super::*;

const ROOTS: &[&str] = &["event"];

struct Part(&'static str);

impl Facts for Part {
    fn value(&self, name: &str) -> Option<Value<'_>> {
        (name == "ty").then_some(Value::text(self.0))
    }
    fn list(&self, _: &str) -> Vec<&dyn Facts> {
        Vec::new()
    }
}

struct Sample(Vec<Part>);

impl Facts for Sample {
    fn value(&self, name: &str) -> Option<Value<'_>> {
        Some(match name {
            "event.release" => Value::text("shop@1.10.2"),
            "event.user.ip" => Value::text("192.0.2.9"),
            "event.duration" => Value::Number(1500.0),
            "event.handled" => Value::Flag(false),
            _ => return None,
        })
    }
    fn list(&self, name: &str) -> Vec<&dyn Facts> {
        let parts = self.0.iter().filter(|_| name == "event.exceptions");
        parts.map(|part| part as &dyn Facts).collect()
    }
}

fn check(json: &str, expected: bool) {
    let facts = Sample(vec![Part("ValueError"), Part("KeyError")]);
    let condition = Condition::parse(json, ROOTS).unwrap_or_else(|e| panic!("{json}: {e}"));
    assert_eq!(condition.holds(&facts), expected, "{json}");
    let not = format!("{{\"op\":\"not\",\"inner\":{json}}}");
    let not = Condition::parse(&not, ROOTS).unwrap();
    assert_eq!(not.holds(&facts), !expected, "not {json}");
}

#[test]
fn facts_are_compared_by_their_kind() {
    check(
        r#"{"op":"eq","name":"event.release","value":"shop@1.10.2"}"#,
        true,
    );
    check(
        r#"{"op":"eq","name":"event.release","value":["x","shop@1.10.2"]}"#,
        true,
    );
    check(
        r#"{"op":"eq","name":"event.release","value":"SHOP@1.10.2"}"#,
        false,
    );
    check(
        r#"{"op":"eq","name":"event.release","value":"SHOP@1.10.2","options":{"ignoreCase":true}}"#,
        true,
    );
    check(r#"{"op":"eq","name":"event.missing","value":null}"#, true);
    check(r#"{"op":"eq","name":"event.release","value":null}"#, false);
    check(r#"{"op":"eq","name":"event.release","value":[]}"#, false);
    check(r#"{"op":"eq","name":"event.handled","value":false}"#, true);
    check(r#"{"op":"eq","name":"event.duration","value":1500}"#, true);
    check(
        r#"{"op":"eq","name":"event.duration","value":"1500"}"#,
        false,
    );
    check(r#"{"op":"gt","name":"event.duration","value":1500}"#, false);
    check(r#"{"op":"gte","name":"event.duration","value":1500}"#, true);
    check(
        r#"{"op":"lt","name":"event.duration","value":1500.5}"#,
        true,
    );
    check(r#"{"op":"lte","name":"event.release","value":7}"#, false);
    check(
        r#"{"op":"glob","name":"event.release","value":["x","shop@1.*"]}"#,
        true,
    );
    check(
        r#"{"op":"glob","name":"event.release","value":"shop@2.*"}"#,
        false,
    );
    check(
        r#"{"op":"cidr","name":"event.user.ip","value":["10.0.0.0/8","192.0.2.0/24"]}"#,
        true,
    );
    check(
        r#"{"op":"cidr","name":"event.release","value":["0.0.0.0/0"]}"#,
        false,
    );
    check(
        r#"{"op":"release","name":"event.release","cmp":"gt","value":"1.9"}"#,
        true,
    );
    check(
        r#"{"op":"release","name":"event.release","cmp":"lt","value":"1.9"}"#,
        false,
    );
    check(
        r#"{"op":"release","name":"event.release","value":"1.10.2"}"#,
        true,
    );
}

#[test]
fn conditions_are_put_together() {
    let yes = r#"{"op":"eq","name":"event.missing","value":null}"#;
    let no = r#"{"op":"eq","name":"event.release","value":null}"#;
    check(&format!("{{\"op\":\"and\",\"inner\":[{yes},{yes}]}}"), true);
    check(&format!("{{\"inner\":[{yes},{no}],\"op\":\"and\"}}"), false);
    check(&format!("{{\"op\":\"or\",\"inner\":[{no},{yes}]}}"), true);
    check(r#"{"op":"and","inner":[]}"#, true);
    check(r#"{"op":"or","inner":[]}"#, false);
    let ty = |op: &str, glob: &str| {
        format!(
            r#"{{"op":"{op}","name":"event.exceptions","inner":{{"op":"glob","name":"ty","value":["{glob}"]}}}}"#
        )
    };
    check(&ty("any", "Key*"), true);
    check(&ty("any", "Type*"), false);
    check(&ty("all", "*Error"), true);
    check(&ty("all", "Key*"), false);
}

#[test]
fn what_cannot_be_read_is_told_with_its_place() {
    let check = |json: &str, what: &str, marked: &str| {
        let error = Condition::parse(json, ROOTS).unwrap_err();
        assert!(error.what.contains(what), "{json}: {error}");
        let rest = json.get(error.at..).unwrap_or_default();
        assert!(rest.starts_with(marked), "{json}: {rest:?}");
    };
    check("", "EOF", "");
    check("[]", "expected a condition", "");
    check(
        "{\"op\":\"eq\",\n \"nam\":1}",
        "unknown field `nam`",
        "\":1}",
    );
    check(
        r#"{"op":"near","name":"event.x"}"#,
        "there is no `op` \"near\"",
        "}",
    );
    check(
        r#"{"op":"and","inner":[{"op":"eq","name":"event.a"}]}"#,
        "`eq` needs `value`",
        "}]}",
    );
    check(
        r#"{"op":"not","inner":{"op":"eq","name":"log.body","value":1}}"#,
        "names begin with `event.`",
        "\"log.body\"",
    );
    check(
        r#"{"op":"gt","name":"event.a","value":"x"}"#,
        "a number",
        "}",
    );
    check(
        r#"{"op":"cidr","name":"event.a","value":["x"]}"#,
        "\"x\" is not an address",
        "}",
    );
    check(
        r#"{"op":"release","name":"event.a","value":"soon"}"#,
        "a version",
        "}",
    );
    check(r#"{"op":"and","inner":{}}"#, "missing field `op`", "");
}

#[test]
fn conditions_are_bounded() {
    let leaf = r#"{"op":"eq","name":"event.a","value":1}"#;
    let deep = |n: usize| {
        let open = "{\"op\":\"not\",\"inner\":".repeat(n);
        format!("{open}{leaf}{}", "}".repeat(n))
    };
    assert!(Condition::parse(&deep(DEPTH_MAX - 1), ROOTS).is_ok());
    assert!(Condition::parse(&deep(DEPTH_MAX), ROOTS).is_err());
    assert!(Condition::parse(&deep(100_000), ROOTS).is_err());
    let wide = |n: usize| format!("{{\"op\":\"or\",\"inner\":[{}]}}", vec![leaf; n].join(","));
    assert!(Condition::parse(&wide(NODES_MAX - 1), ROOTS).is_ok());
    assert!(Condition::parse(&wide(NODES_MAX), ROOTS).is_err());
    assert!(Condition::parse(&wide(NODES_MAX * 4), ROOTS).is_err());
    let many = vec!["1"; VALUES_MAX + 1].join(",");
    let many = format!(r#"{{"op":"eq","name":"event.a","value":[{many}]}}"#);
    assert!(Condition::parse(&many, ROOTS).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn no_text_makes_reading_panic(text in "[ -~]{0,60}") {
        drop(Condition::parse(&text, ROOTS));
        let glob = format!(r#"{{"op":"glob","name":"event.a","value":[{text:?}]}}"#);
        drop(Condition::parse(&glob, ROOTS));
    }
}
