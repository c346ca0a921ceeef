//! Events of real SDKs with planted private data.

use super::*;

const RECORDINGS: &[(&str, &str)] = &[
    (
        "browser-0212",
        include_str!("../../../fixtures/privacy/browser-0212-event.json"),
    ),
    (
        "cli-0312",
        include_str!("../../../fixtures/privacy/cli-0312-event.json"),
    ),
    (
        "node-0118",
        include_str!("../../../fixtures/privacy/node-0118-event.json"),
    ),
    (
        "node-0122",
        include_str!("../../../fixtures/privacy/node-0122-event.json"),
    ),
    (
        "node-0131",
        include_str!("../../../fixtures/privacy/node-0131-event.json"),
    ),
    (
        "python-0003",
        include_str!("../../../fixtures/privacy/python-0003-event.json"),
    ),
    (
        "python-0004",
        include_str!("../../../fixtures/privacy/python-0004-event.json"),
    ),
    (
        "python-0007",
        include_str!("../../../fixtures/privacy/python-0007-event.json"),
    ),
    (
        "python-0008",
        include_str!("../../../fixtures/privacy/python-0008-event.json"),
    ),
    (
        "python-0086",
        include_str!("../../../fixtures/privacy/python-0086-event.json"),
    ),
    (
        "python-0087",
        include_str!("../../../fixtures/privacy/python-0087-transaction.json"),
    ),
    (
        "python-0088",
        include_str!("../../../fixtures/privacy/python-0088-event.json"),
    ),
    (
        "python-0089",
        include_str!("../../../fixtures/privacy/python-0089-transaction.json"),
    ),
    (
        "rust-0435",
        include_str!("../../../fixtures/privacy/rust-0435-event.json"),
    ),
    (
        "rust-0437",
        include_str!("../../../fixtures/privacy/rust-0437-event.json"),
    ),
];

/// Card, password, SSN, IBAN, bearer token, session, URL password, private key, API key, and a path to a home.
const SECRETS: &[&str] = &[
    "4111111111111111",
    "4111-1111-1111-1111",
    "hunter2-PLACEHOLDER",
    "078-05-1120",
    "DE89370400440532013000",
    "PLACEHOLDER_TOKEN_abcdef0123456789",
    "PLACEHOLDERSESSION0123456789",
    "PLACEHOLDERCSRF",
    "s3cretpw-PLACEHOLDER",
    "PLACEHOLDERPLACEHOLDER",
    "PLACEHOLDER_API_KEY_0001",
    "abc-PLACEHOLDER",
    "/home/janedoe",
];

/// Gone only when the project wants it.
const ADDRESSES: &[&str] = &[
    "jane.doe@example.com",
    "jane.doe%40example.com",
    "203.0.113.42",
];

/// What must still be readable afterwards.
const KEPT: &[&str] = &["event_id", "trace_id", "timestamp"];

#[test]
fn planted_secrets_are_gone() {
    for (name, recording) in RECORDINGS {
        let once = scrubbed(&PrivacySettings::default(), Payload::Event, recording);
        let text = String::from_utf8_lossy(&once.payload);
        for secret in SECRETS {
            assert!(!text.contains(secret), "{name} still has {secret}:\n{text}");
        }
        assert!(once.changed, "{name}");
    }
}

#[test]
fn addresses_go_when_the_project_wants_it() {
    for (name, recording) in RECORDINGS {
        let text = scrubbed(&all_switches(), Payload::Event, recording).payload;
        let text = String::from_utf8_lossy(&text);
        for secret in SECRETS.iter().chain(ADDRESSES) {
            assert!(!text.contains(secret), "{name} still has {secret}:\n{text}");
        }
    }
}

#[test]
fn what_is_not_private_is_the_same_as_before() {
    for (name, recording) in RECORDINGS {
        let before: Value = serde_json::from_str(recording).unwrap();
        let after = scrub_with(&PrivacySettings::default(), Payload::Event, recording);
        for key in KEPT {
            assert_eq!(before.get(key), after.get(key), "{name} {key}");
        }
        for pointer in [
            "/modules",
            "/sdk",
            "/release",
            "/debug_meta",
            "/contexts/trace",
            "/contexts/runtime",
            "/user/email",
            "/tags",
        ] {
            assert_eq!(
                before.pointer(pointer),
                after.pointer(pointer),
                "{name} {pointer}"
            );
        }
    }
}

#[test]
fn the_recording_with_every_needle_reads_well_afterwards() {
    let (_, recording) = RECORDINGS[8];
    let mut after = scrub_with(&PrivacySettings::default(), Payload::Event, recording);
    after.as_object_mut().unwrap().remove("modules");
    insta::assert_snapshot!(serde_json::json!([after["message"], after["contexts"]["db"], after["extra"]]), @r#"["cc=[creditcard] ssn=[usssn] email=jane.doe@example.com ip=203.0.113.42 iban=[iban]",{"dsn":"https://[auth]@db.example.com/app","mysql_pwd":"[Filtered]"},{"credentials":"[Filtered]","freeform":"user path /home/[user]/project/app.py mac 00:00:5e:00:53:af auth Bearer [token]","privkey":"-----BEGIN RSA PRIVATE KEY-----\n[pemkey]\n-----END RSA PRIVATE KEY-----","sys.argv":["/srv/app/shop/corpus/drivers/python_driver.py","pii_all_needles"]}]"#);
}
