//! What projects set, applied to events.

use super::*;

fn rules(enhancements: &str, fingerprints: &str) -> Rules {
    Rules {
        enhancements: Enhancements::parse(enhancements).unwrap(),
        fingerprints: FingerprintRules::parse(fingerprints).unwrap(),
        ..Rules::default()
    }
}

fn first_hash(event: &Json, enhancements: &str, fingerprints: &str) -> [u8; 16] {
    grouped_by(event, &rules(enhancements, fingerprints)).hashes[0]
}

fn of(helper: &str, line: &str) -> Json {
    json!({"platform": "python", "exception": {"type": "E", "value": "v", "stacktrace": {"frames": [
        {"module": "shop", "function": "main", "in_app": true},
        {"module": "shop.cart", "function": "add", "in_app": true, "context_line": line},
        {"module": "shop.log", "function": helper, "abs_path": "/srv/Shop/log.py", "in_app": true},
    ]}}})
}

#[test]
fn lets_rules_say_which_frames_count() {
    let check = |rule: &str, is_same: bool| {
        let a = first_hash(&of("warn", "x"), rule, "");
        let b = first_hash(&of("fail", "x"), rule, "");
        assert_eq!(a == b, is_same, "{rule}");
    };
    check("", false);
    check("module:shop.log -group", true);
    check("module:shop.log -app", true);
    check("path:/srv/shop/** -group", true);
    check("path:/srv/* -group", false);
    check("family:javascript -group", false);
    check("function:add ^-group", true);
    check("function:add v-group", false);
    check("function:add | [ module:shop.log ] +app", false);
    check("[ function:add ] | module:shop.log -group", true);
    check("[ function:main ] | module:shop.log -group", false);
    check("type:E module:shop.log -group", true);
    check("type:F module:shop.log -group", false);
    check("module:shop.log -group\nmodule:shop.* +group", false);
    check("module:shop.log category=log\ncategory:log -group", true);
    check("!app:no module:shop.log -app", true);
}

#[test]
fn counts_frames_from_the_crash() {
    let a = of("warn", "x");
    let mut b = of("warn", "x");
    b["exception"]["stacktrace"]["frames"][0]["function"] = json!("start");
    apart(&a, &b);
    let near = "function:* max-frames=2";
    assert_eq!(first_hash(&a, near, ""), first_hash(&b, near, ""));
    // Too few frames: the words decide.
    let many = "function:* min-frames=9";
    let mut c = a.clone();
    c["exception"]["value"] = json!("another");
    assert_eq!(first_hash(&a, "", ""), first_hash(&c, "", ""));
    assert_ne!(first_hash(&a, many, ""), first_hash(&c, many, ""));
}

#[test]
fn names_the_rule_that_decided() {
    let grouping = grouped_by(&of("warn", "x"), &rules("module:shop.log -group", ""));
    let text = serde_json::to_string(&grouping.variants).unwrap();
    assert!(
        text.contains(r#""rule":"module:shop.log -group""#),
        "{text}"
    );
    let grouping = grouped_by(&of("warn", "x"), &rules("", "type:E -> mine"));
    let rule = grouping.variants[0].rule.as_deref();
    assert_eq!(rule, Some("type:E -> mine"));
}

#[test]
fn lets_rules_set_fingerprint_and_title() {
    let rule =
        r#"type:E module:shop.cart function:add -> cart, {{ type }} title="Cart: {{ value }}""#;
    let (mut a, mut b) = (of("warn", "x"), of("fail", "y"));
    b["exception"]["value"] = json!("w");
    assert_eq!(first_hash(&a, "", rule), first_hash(&b, "", rule));
    assert_eq!(grouped_by(&b, &rules("", rule)).title, "Cart: w");
    // A rule goes before what the SDK says; conditions on frames hold on one frame.
    a["fingerprint"] = json!(["a"]);
    assert_eq!(first_hash(&a, "", rule), first_hash(&b, "", rule));
    let none = "module:shop.cart function:main -> x";
    assert_eq!(first_hash(&b, "", none), first_hash(&b, "", ""));
    let hybrid = "tags.kind:b* -> {{ default }}, {{ tags.kind }}";
    a["tags"] = json!({"kind": "big"});
    b["tags"] = json!({"kind": "small"});
    assert_ne!(first_hash(&a, "", hybrid), first_hash(&a, "", ""));
    assert_eq!(first_hash(&b, "", hybrid), first_hash(&b, "", ""));
    let reset = "type:E -> {{ default }}";
    let plain = of("warn", "x");
    assert_eq!(first_hash(&plain, "", reset), first_hash(&plain, "", ""));
}

#[test]
fn tells_the_events_of_a_split_issue_apart_by_the_tag() {
    let with = |tenant: &str| {
        let mut event = of("warn", "x");
        event["tags"] = json!({ "tenant": tenant });
        event
    };
    let hash = first_hash(&of("warn", "x"), "", "");
    let mut split = Rules::default();
    split.splits.insert(hash, "tenant".to_owned());
    let of_split = |event: &Json| grouped_by(event, &split).hashes[0];
    assert_ne!(of_split(&with("a")), of_split(&with("b")));
    assert_eq!(of_split(&with("a")), of_split(&with("a")));
    assert_eq!(of_split(&of("warn", "x")), hash);
}

#[test]
fn keeps_a_rule_to_what_counts() {
    // Frames that only start a program count when a rule says so.
    let event = json!({"platform": "native", "exception": {"type": "E", "stacktrace": {"frames": [
        {"function": "__libc_start_main", "in_app": false}, {"function": "main", "in_app": true},
    ]}}});
    let of_all = |rule: &str| *grouped_by(&event, &rules(rule, "")).hashes.last().unwrap();
    assert_ne!(of_all(""), of_all("function:__libc_start_main +group"));
}
