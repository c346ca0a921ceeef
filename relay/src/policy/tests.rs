//! The floor is never undercut, and only its owner writes it.

use std::os::unix::fs::PermissionsExt as _;

use bytes::Bytes;
use proptest::prelude::*;
use protocol::privacy::{Payload, Scrubber};

use super::*;

const EXAMPLE: &str = include_str!("../../../config/policy.example.toml");

fn load(text: &str, mode: u32) -> Result<Policy, String> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("policy.toml");
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
    let loaded = Policy::load(&Config { file: path.clone() });
    let loaded = loaded.map_err(|error| error.to_string());
    loaded.map_err(|text| text.replace(&path.display().to_string(), "policy.toml"))
}

fn uncommented(prefixes: &[&str]) -> String {
    let is_setting = |line: &str| {
        let name = line.split(" = ").next().unwrap_or_default();
        let is_key = name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
        line.starts_with('[') || (line.contains(" = ") && is_key)
    };
    let lines = EXAMPLE.lines().map(|line| {
        let rest = prefixes.iter().find_map(|prefix| line.strip_prefix(prefix));
        rest.filter(|rest| is_setting(rest)).unwrap_or(line)
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn the_example_shows_every_key_with_its_default() {
    let check = |text: &str| load(text, 0o644).unwrap();
    assert_eq!(check(EXAMPLE), Policy::default());
    assert_eq!(check(&uncommented(&["# "])), Policy::default());
    let full = check(&uncommented(&["# ", "## "]));
    assert_eq!(full.bandwidth_max, Some(Bandwidth(256 * 1024)));
    let limit = RateLimit {
        burst: Some(1000),
        ..RateLimit::new(6000, 60)
    };
    assert_eq!(full.rate_limit(None), Some(limit));
    let every_key = toml::to_string(&full).unwrap();
    for line in every_key.lines().filter(|line| line.contains(" = ")) {
        let key = line.split(" = ").next().unwrap();
        assert!(
            EXAMPLE.contains(&format!("# {key} = ")),
            "{key} is in the example"
        );
    }
}

#[test]
fn a_policy_that_others_may_write_is_none() {
    assert!(load("scrub_emails = true", 0o644).is_ok());
    assert!(load("scrub_emails = true", 0o400).is_ok());
    for mode in [0o666, 0o664, 0o602] {
        let error = load("scrub_emails = true", mode).unwrap_err();
        assert!(error.contains("can be written by others"), "{error}");
        assert!(error.contains("chmod go-w"), "{error}");
    }
}

#[test]
fn a_policy_of_another_user_is_none() {
    if !rustix::process::geteuid().is_root() {
        // Only root can give a file away.
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("policy.toml");
    std::fs::write(&file, "").unwrap();
    std::os::unix::fs::chown(&file, Some(12_345), None).unwrap();
    let error = Policy::load(&Config { file }).unwrap_err();
    assert!(matches!(error, PolicyError::Owner { owner: 12_345, .. }));
}

#[test]
fn a_mistake_in_a_policy_is_never_skipped() {
    let check = |text: &str, part: &str| {
        let error = load(text, 0o644).unwrap_err();
        assert!(error.contains(part), "{error}");
    };
    check("scrub_email = true", "scrub_email");
    check("scrub_defaults = false", "cannot be switched off");
    check("never_send = [\"control\"]", "neither a data category");
    check(
        "never_send = [\"client_report\"]",
        "neither a data category",
    );
    check("sensitive_fields = [\" \"]", "empty name");
    check(
        "[rate_limit_max]\ncount = 1\nwindow = \"500ms\"",
        "whole seconds",
    );
    check(
        "[rate_limit_max]\ncount = 1\nwindow = \"1s\"\nburst = 0",
        "at least 1",
    );
    check("bandwidth_max = \"0 B/s\"", "more than 0 B/s");
    check("quiet_hours = [\"8-9\"]", "span of the day");
}

#[test]
fn at_once_no_more_is_taken_than_the_policy_and_the_hub_allow() {
    let policy = load(
        "[rate_limit_max]\ncount = 10\nwindow = \"1m\"\nburst = 5",
        0o644,
    )
    .unwrap();
    let limit = |count, burst| RateLimit {
        burst: Some(burst),
        ..RateLimit::new(count, 60)
    };
    for (hub, in_force) in [
        (limit(100, 50), limit(10, 5)),
        (limit(3, 50), limit(3, 5)),
        (limit(100, 2), limit(10, 2)),
    ] {
        assert_eq!(policy.rate_limit(Some(hub)), Some(in_force));
    }
}

#[test]
fn only_the_default_file_may_be_missing() {
    let missing = Config {
        file: PathBuf::from("/nowhere/policy.toml"),
    };
    assert!(matches!(
        Policy::load(&missing),
        Err(PolicyError::Read { .. })
    ));
}

#[test]
fn categories_and_lanes_are_withheld_by_name() {
    let policy = load("never_send = [\"attachment\", \"traces\"]", 0o644).unwrap();
    assert!(policy.withholds(Lane::Blobs, Category::Attachment));
    assert!(policy.withholds(Lane::Traces, Category::Span));
    assert!(!policy.withholds(Lane::Blobs, Category::Replay));
    assert!(!policy.withholds(Lane::Errors, Category::Error));
}

#[test]
fn the_hub_cannot_exempt_what_is_protected_or_always_removed() {
    let policy = Policy {
        sensitive_fields: vec!["iban".to_owned()],
        protected_fields: vec!["Password".to_owned()],
        ..Policy::default()
    };
    let hub = PrivacySettings {
        safe_fields: ["password", "customer_IBAN", "token"]
            .map(str::to_owned)
            .to_vec(),
        ..PrivacySettings::default()
    };
    assert_eq!(policy.privacy(&hub).safe_fields, ["token"]);
    let all = Policy {
        protected_fields: vec!["*".to_owned()],
        ..Policy::default()
    };
    assert!(all.privacy(&hub).safe_fields.is_empty());
}

#[test]
fn this_hosts_rules_come_before_those_of_the_hub() {
    let rules = |selector: &str| format!("{{\"applications\":{{\"{selector}\":[\"@email\"]}}}}");
    let text = toml::toml! { privacy_rules = "x" }.to_string();
    let own = toml::Value::String(rules("extra.**")).to_string();
    let policy = load(&text.replace("\"x\"", &own), 0o644).unwrap();
    let hub = PrivacySettings {
        rules: vec![rules("user.**").into(), rules("extra.**").into()],
        ..PrivacySettings::default()
    };
    let in_force = policy.privacy(&hub);
    let expected: [Arc<str>; 2] = [rules("extra.**").into(), rules("user.**").into()];
    assert_eq!(in_force.rules, expected);
    let wrong = load("privacy_rules = '{\"rulez\":{}}'", 0o644).unwrap_err();
    assert!(wrong.contains("`privacy_rules` cannot be used"), "{wrong}");
    let key = load("pseudonym_key = \"abc\"", 0o644).unwrap_err();
    assert!(key.contains("hexadecimal"), "{key}");
}

const KEYS: [&str; 6] = ["password", "note", "iban", "customer_iban", "Token", "mail"];
const VALUE: &str = "a@example.com 203.0.113.7 4111111111111111";

fn fields() -> impl Strategy<Value = Vec<String>> {
    proptest::collection::vec(
        proptest::sample::select(&KEYS[..]).prop_map(str::to_owned),
        0..3,
    )
}

fn settings() -> impl Strategy<Value = PrivacySettings> {
    (any::<bool>(), any::<bool>(), fields(), fields()).prop_map(|(ip, email, sensitive, safe)| {
        PrivacySettings {
            scrub_ip_addresses: ip,
            scrub_emails: email,
            sensitive_fields: sensitive,
            safe_fields: safe,
            ..PrivacySettings::default()
        }
    })
}

/// What is left of each private part under each key.
fn left(settings: &PrivacySettings) -> Vec<(usize, bool)> {
    let pairs = KEYS.map(|key| format!("\"{key}\":\"{VALUE}\""));
    let payload = format!("{{\"extra\":{{{}}}}}", pairs.join(","));
    let scrubbed = Scrubber::new(settings).scrub_json(&Bytes::from(payload), Payload::Event);
    let json: serde_json::Value = serde_json::from_slice(&scrubbed.unwrap().payload).unwrap();
    let parts: Vec<&str> = VALUE.split(' ').collect();
    let text = |key: &str| json["extra"][key].as_str().unwrap_or_default().to_owned();
    let each = KEYS.iter().flat_map(|key| {
        let text = text(key);
        parts
            .iter()
            .map(|part| text.contains(part))
            .collect::<Vec<_>>()
    });
    each.enumerate().collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn the_settings_in_force_remove_whatever_hub_or_policy_removes(
        hub in settings(), floor in settings(), protected in fields(),
    ) {
        let policy = Policy {
            scrub_ip_addresses: floor.scrub_ip_addresses,
            scrub_emails: floor.scrub_emails,
            sensitive_fields: floor.sensitive_fields.clone(),
            protected_fields: protected.clone(),
            ..Policy::default()
        };
        let in_force = left(&policy.privacy(&hub));
        let by_hub = left(&hub);
        // The policy alone, with whatever the hub may still exempt.
        let exempt = hub.safe_fields.iter().filter(|f| !policy.protects(f)).cloned();
        let by_policy = left(&PrivacySettings { safe_fields: exempt.collect(), ..floor });
        for ((kept, hub), policy) in in_force.iter().zip(&by_hub).zip(&by_policy) {
            prop_assert!(!kept.1 || (hub.1 && policy.1), "part {} is looser", kept.0);
        }
    }

    #[test]
    fn the_limits_in_force_are_never_above_either(
        hub in proptest::option::of(1..10_000_u64), most in proptest::option::of(1..10_000_u64),
    ) {
        let settings = LinkSettings { bandwidth_max: hub, quiet_hours: Vec::new() };
        let policy = Policy { bandwidth_max: most.map(Bandwidth), ..Policy::default() };
        let in_force = policy.link(&settings).bandwidth_max;
        for limit in [hub, most].into_iter().flatten() {
            prop_assert!(in_force.is_some_and(|found| found <= limit));
        }
        prop_assert_eq!(in_force.is_none(), hub.is_none() && most.is_none());
    }
}
