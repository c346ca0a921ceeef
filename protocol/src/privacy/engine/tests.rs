//! What people's rules do to payloads.

use bytes::Bytes;
use serde_json::{Value, json};

use super::*;

const KEY: &str = "000102030405060708090a0b0c0d0e0f";

fn rules(document: &Value) -> CustomRules {
    let key = PseudonymKey::try_from(KEY.to_owned()).unwrap();
    CustomRules::compile(&[document.to_string()], Some(key)).unwrap()
}

fn applied(document: &Value, payload: &Value) -> Value {
    let payload = Bytes::from(payload.to_string());
    let (scrubbed, n) = rules(document).apply(&payload, Payload::Event).unwrap();
    assert_eq!(n > 0, scrubbed.as_ptr() != payload.as_ptr());
    serde_json::from_slice(&scrubbed).unwrap()
}

/// One selector and one built-in rule over an event; `_meta` is left out.
fn check(selector: &str, rule: &str, before: &Value, after: &Value) {
    let mut left = applied(&json!({"applications": {selector: [rule]}}), before);
    left.as_object_mut().unwrap().remove("_meta");
    assert_eq!(&left, after, "{selector} {rule}");
}

/// A rule of its own over one text.
fn text(rule: &Value, before: &str) -> (Value, Value) {
    let document = json!({"rules": {"r": rule}, "applications": {"$string": ["r"]}});
    let mut left = applied(&document, &json!({"extra": {"a": before}}));
    let meta = left["_meta"]["extra"]["a"][""].take();
    (left["extra"]["a"].take(), meta)
}

#[test]
fn selectors_compare_keys_in_any_case_of_any_alphabet() {
    let event = json!({"extra": {"Ärzte": "vv", "ärzte": "ww", "a": ["xx"]}});
    let after = json!({"extra": {"Ärzte": "**", "ärzte": "**", "a": ["**"]}});
    check("extra.'ÄRZTE' || a.0", "@anything:mask", &event, &after);
}

#[test]
fn selectors_reach_what_they_name() {
    let event = json!({"extra": {"b": "vv", "a": "ww", "x": {"b": "zz", "y": {"b": "uu"}}}});
    for (selector, after) in [
        (
            "extra.**.b",
            json!({"b": "vv", "a": "ww", "x": {"b": "**", "y": {"b": "**"}}}),
        ),
        (
            "**.b",
            json!({"b": "**", "a": "ww", "x": {"b": "**", "y": {"b": "**"}}}),
        ),
        (
            "extra.*.b",
            json!({"b": "vv", "a": "ww", "x": {"b": "**", "y": {"b": "uu"}}}),
        ),
        (
            "EXTRA.B",
            json!({"b": "**", "a": "ww", "x": {"b": "zz", "y": {"b": "uu"}}}),
        ),
        (
            "x.y.b",
            json!({"b": "vv", "a": "ww", "x": {"b": "zz", "y": {"b": "**"}}}),
        ),
        (
            "b.**",
            json!({"b": "vv", "a": "ww", "x": {"b": "zz", "y": {"b": "uu"}}}),
        ),
        (
            "$object.b",
            json!({"b": "**", "a": "ww", "x": {"b": "**", "y": {"b": "**"}}}),
        ),
        (
            "$string && !x.b",
            json!({"b": "**", "a": "**", "x": {"b": "zz", "y": {"b": "**"}}}),
        ),
        (
            "$event.extra.a || y.b",
            json!({"b": "vv", "a": "**", "x": {"b": "zz", "y": {"b": "**"}}}),
        ),
        (
            "extra.x.$object",
            json!({"b": "vv", "a": "ww", "x": {"b": "zz", "y": null}}),
        ),
    ] {
        check(selector, "@anything:mask", &event, &json!({"extra": after}));
    }
}

#[test]
fn schema_types_and_pairs_are_known() {
    let event = json!({
        "message": "hello",
        "request": {"url": "/u", "headers": [["Authorization", "x"], ["b", "c"]]},
        "tags": {"foo": "bar"},
        "user": {"id": "7"},
        "exception": {"values": [{"type": "T", "value": "vv", "stacktrace": {"frames": [
            {"function": "ff", "vars": {"x": "yy", "n": 5, "t": true}}]}}]},
        "breadcrumbs": {"values": [{"message": "mm"}]},
        "extra": {"pairs": [["k", "v"], ["l", "m"]], "no": [["k", "v", 1]]},
    });
    let pointers = [
        ("$http.headers.authorization", "/request/headers/0/1"),
        ("$request.url", "/request/url"),
        ("tags.foo", "/tags/foo"),
        ("$user.id", "/user/id"),
        ("$error.value", "/exception/values/0/value"),
        ("exception.values.0.value", "/exception/values/0/value"),
        (
            "$frame.vars.x",
            "/exception/values/0/stacktrace/frames/0/vars/x",
        ),
        ("$breadcrumb.message", "/breadcrumbs/values/0/message"),
        ("$logentry.formatted", "/message"),
        ("$message", "/message"),
        ("extra.pairs.k", "/extra/pairs/0/1"),
    ];
    for (selector, pointer) in pointers {
        let mut after = event.clone();
        let value = after.pointer_mut(pointer).unwrap();
        *value = json!("*".repeat(value.as_str().unwrap().len()));
        check(selector, "@anything:mask", &event, &after);
    }
}

#[test]
fn wildcards_reach_what_users_wrote_and_nothing_else() {
    let event = json!({
        "event_id": "e", "release": "r", "transaction": "t", "tags": {"a": "b"}, "logger": "l",
        "request": {"url": "u", "method": "GET", "data": "d"},
        "exception": {"values": [{"type": "T", "value": "v", "stacktrace": {"frames": [
            {"function": "f", "filename": "x", "vars": "w"}]}}]},
        "extra": {"a": "b"}, "unknown": "z",
    });
    let after = json!({
        "event_id": "e", "release": "r", "transaction": "t", "tags": {"a": "b"}, "logger": "l",
        "request": {"url": "u", "method": "GET", "data": "*"},
        "exception": {"values": [{"type": "T", "value": "*", "stacktrace": {"frames": [
            {"function": "f", "filename": "x", "vars": "*"}]}}]},
        "extra": null, "unknown": "*",
    });
    check("**", "@anything:mask", &event, &after);
    let tags = json!({"tags": {"a": "b"}, "culprit": "c", "extra": {"0": "x", "l": ["x"]}});
    for selector in [
        "tags.*",
        "*.a",
        "tags.$string",
        "$string && a",
        "$number || a",
    ] {
        let after = json!({"tags": {"a": "*"}, "culprit": "c", "extra": {"0": "x", "l": ["x"]}});
        check(selector, "@anything:mask", &tags, &after);
    }
    for selector in ["**.a", "$string.0", "tags.**"] {
        check(selector, "@anything:mask", &tags, &tags);
    }
    let after = json!({"tags": {"a": "b"}, "culprit": "c", "extra": {"0": "x", "l": ["*"]}});
    check("*.0", "@anything:mask", &tags, &after);
    let after = json!({"tags": {"a": "b"}, "culprit": "c", "extra": {"0": "*", "l": ["x"]}});
    check("*.'0'", "@anything:mask", &tags, &after);
}

#[test]
fn redactions_leave_what_they_say() {
    let two = "x@example.com and y@example.com end";
    let email = |method: &str| json!({"type": "email", "redaction": {"method": method}});
    let (left, meta) = text(&email("mask"), two);
    assert_eq!(left, "************* and ************* end");
    assert_eq!(
        meta,
        json!({"rem": [["r", "m", 0, 13], ["r", "m", 18, 31]], "len": 35})
    );
    let (left, meta) = text(&email("remove"), two);
    assert_eq!(left, " and  end");
    assert_eq!(meta["rem"], json!([["r", "x", 0, 0], ["r", "x", 5, 5]]));
    assert_eq!(text(&email("default"), two).0, " and  end");
    let (left, meta) = text(&email("replace"), two);
    assert_eq!(left, "[Filtered] and [Filtered] end");
    assert_eq!(meta["rem"][1], json!(["r", "s", 15, 25]));
    let groups = json!({"type": "pattern", "pattern": "(x)@(exam)ple", "replaceGroups": [1, 2],
        "redaction": {"method": "replace", "text": "Q"}});
    assert_eq!(text(&groups, two).0, "Q@Qple.com and y@example.com end");
    let pair = json!({"type": "redact_pair", "keyPattern": "^a$"});
    let (left, meta) = text(&pair, two);
    assert_eq!(left, Value::Null);
    assert_eq!(meta, json!({"rem": [["r", "x"]]}));
}

#[test]
fn a_key_is_looked_at_whatever_its_value_is() {
    let pair = |pattern: &str| {
        let rule = json!({"type": "redact_pair", "keyPattern": pattern});
        json!({"rules": {"r": rule}, "applications": {"$string": ["r"]}})
    };
    for (document, key) in [
        (pair(r"^\d+$"), "77"),
        (pair("(?i)token"), "my_TOKEN"),
        (pair("^(?:a|bc)$"), "a"),
        (pair("(?i)token"), "to\u{212a}en"),
        (pair("größe"), "größe"),
        (
            json!({"applications": {"$string": ["@password:remove"]}}),
            "token",
        ),
        (
            json!({"applications": {"$string": ["@password:remove"]}}),
            "otp",
        ),
    ] {
        for value in ["@", "x", "a@b.co, c@d.org", "nothing to see here"] {
            let left = applied(
                &document,
                &json!({"extra": {key: value}, "user": {"b": value}}),
            );
            assert_eq!(left["extra"][key], Value::Null, "{document} {key} {value}");
            assert_eq!(left["user"]["b"], value, "{document} {key} {value}");
        }
    }
}

#[test]
fn a_pseudonym_is_the_same_for_the_same_text_and_key() {
    let hash = json!({"type": "email", "redaction": {"method": "hash"}});
    let (first, meta) = text(&hash, "a@example.com b@example.com a@example.com");
    let words: Vec<&str> = first.as_str().unwrap().split(' ').collect();
    assert_eq!(words[0], words[2]);
    assert_ne!(words[0], words[1]);
    assert_eq!(words[0].len(), 32);
    assert_eq!(meta["rem"][0], json!(["r", "p", 0, 32]));
    let document = json!({"rules": {"r": hash}, "applications": {"$string": ["r"]}}).to_string();
    let payload = Bytes::from_static(br#"{"extra":{"a":"a@example.com"}}"#);
    let with = |key: Option<&str>| {
        let key = key.map(|key| PseudonymKey::try_from(key.to_owned()).unwrap());
        let rules = CustomRules::compile(std::slice::from_ref(&document), key).unwrap();
        let (scrubbed, _) = rules.apply(&payload, Payload::Event).unwrap();
        serde_json::from_slice::<Value>(&scrubbed).unwrap()["extra"]["a"].take()
    };
    assert_eq!(with(Some(KEY)), words[0]);
    assert_ne!(with(Some("ff0102030405060708090a0b0c0d0e0f")), words[0]);
    // Without a key nothing is left that a dictionary could undo.
    assert_eq!(with(None), "[Filtered]");
}

#[test]
fn later_rules_see_what_earlier_ones_left() {
    let document = json!({
        "rules": {"w": {"type": "pattern", "pattern": "[a-z@.]+"}},
        "applications": {"$string": ["@ip", "w"]},
    });
    let left = applied(
        &document,
        &json!({"extra": {"a": "x@example.com 1.2.3.4 end"}}),
    );
    assert_eq!(left["extra"]["a"], " [ip] ");
    let rem = &left["_meta"]["extra"]["a"][""]["rem"];
    assert_eq!(
        rem,
        &json!([["w", "x", 0, 0], ["@ip", "s", 1, 5], ["w", "x", 6, 6]])
    );
}

#[test]
fn groups_of_rules_may_hide_the_rules_in_them() {
    let run = |rule: Value| {
        let document = json!({
            "rules": {"m": rule, "i": {"type": "ip", "redaction": {"method": "mask"}}},
            "applications": {"$string": ["m"]},
        });
        let left = applied(&document, &json!({"extra": {"a": "x@example.com 1.2.3.4"}}));
        (
            left["extra"]["a"].clone(),
            left["_meta"]["extra"]["a"][""]["rem"].clone(),
        )
    };
    let (left, rem) = run(json!({"type": "multiple", "rules": ["@email", "i"]}));
    assert_eq!(left, "[email] *******");
    assert_eq!(rem, json!([["@email", "s", 0, 7], ["i", "m", 8, 15]]));
    let (left, rem) = run(
        json!({"type": "multiple", "rules": ["@email", "i"], "hideInner": true,
        "redaction": {"method": "replace", "text": "H"}}),
    );
    assert_eq!(left, "H H");
    assert_eq!(rem, json!([["m", "s", 0, 1], ["m", "s", 2, 3]]));
    let (left, rem) = run(json!({"type": "alias", "rule": "i", "hideInner": true}));
    assert_eq!(left, "x@example.com *******");
    assert_eq!(rem, json!([["m", "m", 14, 21]]));
}

#[test]
fn an_alias_of_a_group_runs_all_of_it_in_both_dialects() {
    for dialect in ["vedette", "reference"] {
        let document = json!({
            "dialect": dialect,
            "rules": {"a": {"type": "alias", "rule": "@common", "hideInner": true}},
            "applications": {"$string": ["a", "a"]},
        });
        let text = "a@example.com 127.0.0.1 DE89370400440532013000";
        let left = applied(&document, &json!({"extra": {"a": text}}));
        assert_eq!(left["extra"]["a"], "[email] [ip] [iban]", "{dialect}");
    }
}

#[test]
fn a_group_hides_what_is_in_groups_within_it_but_for_the_reference() {
    let check = |dialect: &str, expected: &str| {
        let document = json!({
            "dialect": dialect,
            "rules": {"a": {"type": "multiple", "rules": ["@ip", "@common"], "hideInner": true,
                "redaction": {"method": "replace", "text": "H"}}},
            "applications": {"$string": ["a"]},
        });
        let left = applied(
            &document,
            &json!({"extra": {"a": "a@example.com 127.0.0.1"}}),
        );
        assert_eq!(left["extra"]["a"], expected, "{dialect}");
    };
    check("vedette", "H H");
    check("reference", "[email] H");
}

#[test]
fn what_says_nothing_is_never_private() {
    let event = json!({"extra": {"a": "", "b": "true", "c": "null", "d": true, "e": null, "f": "undefined", "g": []}});
    check("extra.*.x || $string", "@anything:mask", &event, &event);
    check("$boolean", "@anything", &event, &event);
}

#[test]
fn original_values_in_meta_are_private_too() {
    let document = json!({
        "rules": {"k": {"type": "redact_pair", "keyPattern": "secret"}},
        "applications": {"extra.**": ["@email", "k"]},
    });
    let event = json!({
        "extra": {"a": null, "secret": null},
        "_meta": {"extra": {
            "a": {"": {"err": ["x"], "val": "m@example.com"}},
            "secret": {"": {"val": "s"}},
        }},
    });
    let left = applied(&document, &event);
    assert_eq!(left["_meta"]["extra"]["a"][""]["val"], "[email]");
    assert_eq!(left["_meta"]["extra"]["a"][""]["err"], json!(["x"]));
    assert_eq!(left["_meta"]["extra"]["secret"][""]["val"], Value::Null);
}

#[test]
fn a_payload_without_matches_stays_byte_for_byte() {
    let all = rules(&json!({"applications": {"$string": ["@common", "@imei", "@mac", "@uuid"]}}));
    let payload = Bytes::from_static(br#" {"extra" : {"a":"nothing \u0041 here","n":[1, 2]}} "#);
    let trimmed = payload.slice_ref(payload.trim_ascii());
    let (left, n) = all.apply(&trimmed, Payload::Event).unwrap();
    assert_eq!((left.as_ptr(), n), (trimmed.as_ptr(), 0));
}

#[test]
fn escapes_and_other_scripts_hide_nothing() {
    for raw in [
        r"m\u0040example.com",
        r"\u006d@example.com \u00e4",
        "ä m@example.com",
        r"x\/y m@example.com",
    ] {
        let payload = Bytes::from(format!("{{\"extra\":{{\"a\":\"{raw}\"}}}}"));
        let all = rules(&json!({"applications": {"$string": ["@email"]}}));
        let (left, _) = all.apply(&payload, Payload::Event).unwrap();
        let left: Value = serde_json::from_slice(&left).unwrap();
        let left = left["extra"]["a"].as_str().unwrap();
        assert!(
            left.contains("[email]") && !left.contains('@'),
            "{raw}: {left}"
        );
    }
}

#[test]
fn check_digits_tell_numbers_apart() {
    for (rule, right, wrong) in [
        ("@creditcard", "4111 1111 1111 1111", "4111 1111 1111 1112"),
        ("@iban", "DE89370400440532013000", "DE88370400440532013000"),
        ("@imei", "490154203237518", "490154203237519"),
        ("@id-at-svnr", "1237 010180", "1238 010180"),
        ("@id-au-tfn", "123 456 782", "123 456 783"),
        ("@id-be-nrn", "85.07.30-033.28", "85.07.30-033.29"),
        ("@id-br-cpf", "529.982.247-25", "529.982.247-26"),
        ("@id-ca-sin", "193-456-787", "193-456-788"),
        ("@id-ch-ahv", "756.9217.0769.85", "756.9217.0769.86"),
        ("@id-cn-ric", "11010519491231002X", "110105194912310021"),
        ("@id-de-idnr", "86095742719", "86095742718"),
        ("@id-es-dni", "12345678Z", "12345678A"),
        ("@id-es-dni", "X1234567L", "X1234567M"),
        ("@id-fi-hetu", "131052-308T", "131052-308U"),
        (
            "@id-fr-nir",
            "2 55 08 14 168 025 38",
            "2 55 08 14 168 025 39",
        ),
        (
            "@id-gb-nino",
            "QQ 12 34 56 C no AB 12 34 56 C",
            "BG 12 34 56 E",
        ),
        ("@id-gb-nhs", "943 476 5919", "943 476 5918"),
        ("@id-in-aadhaar", "2341 2341 2346", "2341 2341 2347"),
        ("@id-it-cf", "RSSMRA85T10A562S", "RSSMRA85T10A562T"),
        ("@id-nl-bsn", "111222333", "111222334"),
        ("@id-no-fnr", "01010750160", "01010750161"),
        ("@id-pl-pesel", "44051401359", "44051401358"),
        ("@id-pt-nif", "123456789", "123456788"),
        ("@id-se-pnr", "811228-9874", "811228-9875"),
        ("@id-za-id", "8001015009087", "8001015009088"),
    ] {
        let event = |text: &str| json!({"extra": {"a": text}});
        let document = json!({"applications": {"$string": [rule]}});
        let left = applied(&document, &event(right));
        assert_ne!(left["extra"]["a"], right, "{rule} leaves {right}");
        assert_eq!(applied(&document, &event(wrong)), event(wrong), "{rule}");
    }
}
