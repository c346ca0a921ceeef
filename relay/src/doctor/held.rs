//! What this host holds for the link: the key, its certificate, and the owner's policy.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use protocol::timestamp::Timestamp;

use super::{Finding, note, well, wrong};
use crate::policy::Policy;

/// How much too early a certificate may seem before the clock is named, in milliseconds.
const EARLY_MAX_MS: i64 = 300_000;

/// Whether the key is this user's alone. `None` where there is none: that is said elsewhere.
pub(super) fn key(path: &Path) -> Option<Finding> {
    const WHAT: &str = "key";
    let mode = fs::metadata(path).ok()?.mode() & 0o777;
    let shown = path.display();
    Some(if mode & 0o077 == 0 {
        well(WHAT, format!("{shown} is private (mode {mode:o})"))
    } else {
        let found = format!("{shown} can be read by others (mode {mode:o})");
        let remedy = format!(
            "`chmod 600 {shown}`; if others were on this host, join again with --force, and revoke \
             the relay on the hub's fleet page"
        );
        wrong(WHAT, found, remedy)
    })
}

/// Whether the certificate holds. Its times are the hub's, so what this clock is off by against it
/// is taken off where it is known.
pub(super) fn certificate(
    validity: Option<(Timestamp, Timestamp)>,
    now: Timestamp,
    clock_offset_ms: Option<i64>,
) -> Finding {
    const WHAT: &str = "cert";
    let Some((from, to)) = validity else {
        let remedy = "join again with --force";
        return wrong(WHAT, "the certificate cannot be read", remedy);
    };
    let at_hub = now.plus_millis(-clock_offset_ms.unwrap_or(0));
    let left = to.millis_since(at_hub);
    if at_hub.millis_since(from) < -EARLY_MAX_MS {
        let found = format!(
            "it was made at {}, and this clock says {}",
            from.to_rfc3339(),
            now.to_rfc3339()
        );
        return note(
            WHAT,
            found,
            "set the clock: `timedatectl set-ntp true`; the hub goes by its own and lets the relay in",
        );
    }
    if left <= 0 {
        let found = format!("it ended at {}", to.to_rfc3339());
        return wrong(
            WHAT,
            found,
            "let the relay reach the hub, which gives it another for its key; where the hub says it \
             has done so too often, join again with --force",
        );
    }
    let found = format!("the certificate holds until {}", to.to_rfc3339());
    // It is renewed after half of its life, give or take a tenth.
    if left < to.millis_since(from) / 3 {
        return note(
            WHAT,
            format!("{found}, and should have been renewed by now"),
            "it is renewed over the link: see why the hub is not reached, or what its log says",
        );
    }
    well(WHAT, found)
}

/// What the owner demands of every project, whatever the hub says.
pub(super) fn policy(path: &Path, policy: &Policy) -> Finding {
    const WHAT: &str = "policy";
    let mut demands = Vec::new();
    let mut say = |is_so: bool, what: String| {
        if is_so {
            demands.push(what);
        }
    };
    say(policy.scrub_ip_addresses, "IP addresses go".to_owned());
    say(policy.scrub_emails, "e-mail addresses go".to_owned());
    let (sensitive, protected) = (policy.sensitive_fields.len(), policy.protected_fields.len());
    say(sensitive > 0, format!("{sensitive} sensitive fields"));
    say(protected > 0, format!("{protected} protected fields"));
    let withheld: Vec<String> = policy
        .never_send
        .iter()
        .map(|one| String::from(*one))
        .collect();
    say(
        !withheld.is_empty(),
        format!("never sends {}", withheld.join(", ")),
    );
    if let Some(most) = policy.bandwidth_max {
        say(true, format!("at most {most}"));
    }
    let quiet: Vec<String> = policy.quiet_hours.iter().map(ToString::to_string).collect();
    say(!quiet.is_empty(), format!("quiet {}", quiet.join(", ")));
    say(
        policy.rate_limit_max.is_some(),
        "a limit for every key".to_owned(),
    );
    match (demands.is_empty(), path.exists()) {
        (true, false) => well(
            WHAT,
            "none: the hub's settings are in force, and the built-in rules",
        ),
        (true, true) => note(
            WHAT,
            format!("{} demands nothing", path.display()),
            "say in it what may never leave this host, or remove it",
        ),
        (false, _) => well(WHAT, format!("{}: {}", path.display(), demands.join("; "))),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::super::Grade;
    use super::*;

    #[test]
    fn a_certificate_is_judged_by_the_hubs_clock() {
        let day = |n: i64| Timestamp::from_millis(n * 86_400_000);
        let check = |now, offset_days: Option<i64>, grade, expected: &str| {
            let offset = offset_days.map(|n| n * 86_400_000);
            let found = certificate(Some((day(100), day(109))), now, offset);
            assert_eq!(found.grade, grade, "{found:?}");
            let text = format!("{} {}", found.found, found.remedy.unwrap_or_default());
            assert!(text.contains(expected), "{text}");
        };
        check(day(101), None, Grade::Well, "holds until");
        check(day(107), None, Grade::Note, "should have been renewed");
        check(day(109), None, Grade::Wrong, "join again with --force");
        check(day(99), None, Grade::Note, "timedatectl");
        // The clock is ten days ahead, and is known to be.
        check(day(112), Some(10), Grade::Well, "holds until");
        check(day(101), Some(-10), Grade::Wrong, "ended at");
        assert_eq!(certificate(None, day(1), None).grade, Grade::Wrong);
    }

    #[test]
    fn a_key_that_others_can_read_is_wrong() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("identity.json");
        assert_eq!(key(&path), None);
        fs::write(&path, "{}").unwrap();
        let grade = |mode| {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            key(&path).unwrap().grade
        };
        assert_eq!(grade(0o600), Grade::Well);
        assert_eq!(grade(0o640), Grade::Wrong);
    }

    #[test]
    fn what_the_policy_demands_is_said_and_an_idle_one_is_noted() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("policy.toml");
        let none = policy(&path, &Policy::default());
        assert_eq!(none.grade, Grade::Well);
        fs::write(&path, "").unwrap();
        assert_eq!(policy(&path, &Policy::default()).grade, Grade::Note);
        let strict = Policy {
            scrub_emails: true,
            bandwidth_max: Some("64 KiB/s".parse().unwrap()),
            ..Policy::default()
        };
        let found = policy(&path, &strict).found;
        assert!(
            found.ends_with("e-mail addresses go; at most 64 KiB/s"),
            "{found}"
        );
    }
}
