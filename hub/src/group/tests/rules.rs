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

#[test]
fn lets_rules_about_fingerprints_see_those_about_frames() {
    let by = |version: Version, fingerprints: &str| {
        let rules = Rules {
            version,
            ..rules("module:shop.log -app category=log", fingerprints)
        };
        grouped_by(&of("warn", "x"), &rules).hashes[0]
    };
    let check = |fingerprints: &str, sees: bool| {
        let plain = by(Version::Third, "");
        assert_eq!(by(Version::Second, ""), plain, "without rules they are one");
        let fits = by(Version::Third, fingerprints) != plain;
        assert_eq!(fits, sees, "{fingerprints}");
    };
    check("category:log -> x", true);
    check("function:warn app:no -> x", true);
    check("function:warn app:yes -> x", false);
    check("function:add category:log -> x", false);
    let before = by(Version::Second, "category:log -> x");
    assert_eq!(before, by(Version::Second, ""), "as ever");
    let before = by(Version::Second, "function:warn app:yes -> x");
    assert_ne!(before, by(Version::Second, ""), "as ever");
}

#[test]
fn marks_frames_as_grouping_takes_them() {
    let event = json!({"platform": "java",
        "exception": {"type": "E", "stacktrace": {"frames": [
            {"module": "shop.Cart", "function": "add", "in_app": true, "data": {"kept": 1}},
            {"module": "io.ktor.Call", "function": "run", "in_app": true},
        ]}},
        "threads": [{"stacktrace": {"frames": [
            {"module": "lib.Pool", "function": "wait", "in_app": false},
        ]}}],
    });
    let marked = |rules: &Rules| {
        let json = event.to_string();
        let mut event = normalise(json.as_bytes(), &receipt(ItemKind::Event)).unwrap();
        let mix = group_by(&event, rules).metadata.in_app_frame_mix;
        mark(&mut event, rules);
        let frames = event.stacktraces().flat_map(|stack| &stack.frames);
        let shown = frames.map(|frame| {
            let data = frame.data.as_ref().map_or("", |data| data.get());
            format!("{:?} {data}", frame.in_app.unwrap())
        });
        (shown.collect::<Vec<_>>(), mix)
    };
    let (shown, mix) = marked(&Rules::default());
    let expected = [r#"true {"kept":1}"#, r#"false {"orig_in_app":1}"#, "false "];
    assert_eq!(shown, expected);
    assert_eq!(mix, Some("mixed"));
    let (shown, mix) = marked(&rules(
        "family:other -app\nmodule:lib.* +app category=pool",
        "",
    ));
    let expected = [
        r#"false {"kept":1,"orig_in_app":1}"#,
        r#"false {"orig_in_app":1}"#,
        r#"true {"category":"pool","orig_in_app":0}"#,
    ];
    assert_eq!(shown, expected);
    assert_eq!(mix, Some("mixed"));
}
