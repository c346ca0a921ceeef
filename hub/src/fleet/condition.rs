//! What is wrong with a relay. Pure: the caller brings the relay and the time.

use std::time::Duration;

use protocol::timestamp::Timestamp;
use protocol::wire::PROTO;
use serde::{Deserialize, Serialize};

use super::{Config, Relay, RelayState, equation};

/// A disk that failed so recently is failing.
const DISK_TROUBLE: Duration = Duration::from_secs(600);
/// A second holder that was met so recently may still be there.
const CLONE_TROUBLE: Duration = Duration::from_secs(24 * 3600);
/// A sync that took so long stands between requests and their answers.
const SLOW_SYNC: Duration = Duration::from_secs(2);

/// A kind of trouble.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConditionKind {
    /// Nothing is heard of it.
    Dark,
    /// What it keeps does not get away.
    Behind,
    /// Its accounts, or its and ours, do not add up.
    Unbalanced,
    /// Its disk fails.
    FailingDisk,
    /// Another holds its identity.
    Cloned,
    /// It and this hub have no version of the link in common.
    Incompatible,
}

impl ConditionKind {
    /// Every kind.
    pub const ALL: [Self; 6] = [
        Self::Dark,
        Self::Behind,
        Self::Unbalanced,
        Self::FailingDisk,
        Self::Cloned,
        Self::Incompatible,
    ];

    /// The name in the store, in the API and in notifications.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Dark => "dark",
            Self::Behind => "behind",
            Self::Unbalanced => "unbalanced",
            Self::FailingDisk => "failing_disk",
            Self::Cloned => "cloned",
            Self::Incompatible => "incompatible",
        }
    }

    /// The kind of a name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// What is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// The kind of trouble.
    pub kind: ConditionKind,
    /// The figures, for a person to read.
    pub detail: String,
}

/// What is wrong with a relay at `now`. `watching_since` is when this hub began to listen: of the
/// time before it knows nothing.
#[must_use]
pub fn judge(
    relay: &Relay,
    config: &Config,
    watching_since: Timestamp,
    now: Timestamp,
) -> Vec<Condition> {
    if relay.state == RelayState::Revoked {
        return Vec::new();
    }
    let found = [
        (
            ConditionKind::Dark,
            dark(relay, config, watching_since, now),
        ),
        (ConditionKind::Behind, behind(relay, config, now)),
        (ConditionKind::Unbalanced, unbalanced(relay)),
        (ConditionKind::FailingDisk, failing_disk(relay, now)),
        (ConditionKind::Cloned, cloned(relay, now)),
        (ConditionKind::Incompatible, incompatible(relay)),
    ];
    found
        .into_iter()
        .filter_map(|(kind, detail)| {
            Some(Condition {
                kind,
                detail: detail?,
            })
        })
        .collect()
}

fn dark(
    relay: &Relay,
    config: &Config,
    watching_since: Timestamp,
    now: Timestamp,
) -> Option<String> {
    // One that was drained is expected to go.
    if relay.state == RelayState::Drained {
        return None;
    }
    let last = relay.last_seen_at.unwrap_or(relay.joined_at);
    let silent = since(last.max(watching_since), now);
    (silent > config.dark_after.0).then(|| format!("not heard of for {}", words(since(last, now))))
}

fn behind(relay: &Relay, config: &Config, now: Timestamp) -> Option<String> {
    let report = relay.report.as_ref()?;
    let waited = since(report.at, now);
    let ages = report.lanes.iter().filter_map(|lane| {
        let age = Duration::from_millis(lane.oldest_age_ms?).saturating_add(waited);
        Some((age, lane))
    });
    let (age, lane) = ages.max_by_key(|(age, _)| *age)?;
    (age > config.behind_after.0).then(|| {
        let records: u64 = report.lanes.iter().map(|lane| lane.records).sum();
        format!(
            "{records} records wait, the oldest, in lane {}, for {}",
            u8::from(lane.lane),
            words(age)
        )
    })
}

fn unbalanced(relay: &Relay) -> Option<String> {
    let report = relay.report.as_ref()?;
    if !report.differences.is_empty() {
        let by = equation::divergence(&report.differences);
        return Some(match by {
            0 => "relay and hub booked differently; the accounts are being asked for".to_owned(),
            1 => "relay and hub differ by one item".to_owned(),
            n => format!("relay and hub differ by {n} items"),
        });
    }
    let books = report.books.as_ref().filter(|books| books.is_whole)?;
    let n = equation::deficit(books);
    match n {
        0 => None,
        1 => Some("one item is not accounted for at the relay".to_owned()),
        n => Some(format!("{n} items are not accounted for at the relay")),
    }
}

fn incompatible(relay: &Relay) -> Option<String> {
    let (oldest, newest) = relay.incompatible?;
    Some(format!(
        "it speaks versions {oldest} to {newest} of the link, this hub speaks {PROTO}"
    ))
}

fn failing_disk(relay: &Relay, now: Timestamp) -> Option<String> {
    let report = relay.report.as_ref()?;
    let disk = &report.disk;
    if let (Some(error), Some(age)) = (&disk.last_error, disk.last_error_age_ms) {
        let age = Duration::from_millis(age).saturating_add(since(report.at, now));
        if age < DISK_TROUBLE {
            return Some(format!("{error}, {} ago", words(age)));
        }
    }
    let sync = Duration::from_micros(disk.sync_last_us);
    (sync > SLOW_SYNC).then(|| format!("the last sync took {}", words(sync)))
}

fn cloned(relay: &Relay, now: Timestamp) -> Option<String> {
    let second = relay.second_holder.as_ref()?;
    let age = since(second.at, now);
    (age < CLONE_TROUBLE).then(|| {
        let from = second.addresses.join(" and ");
        format!(
            "two hold its identity, at {from}; the second was kept out {} ago",
            words(age)
        )
    })
}

fn since(then: Timestamp, now: Timestamp) -> Duration {
    Duration::from_millis(u64::try_from(now.millis_since(then)).unwrap_or_default())
}

/// A time as a person says it: the two largest units.
fn words(time: Duration) -> String {
    let secs = time.as_secs();
    let (days, hours, minutes) = (secs / 86_400, secs / 3600 % 24, secs / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{secs} s"),
        (0, 0, minutes) => format!("{minutes} min {} s", secs % 60),
        (0, hours, minutes) => format!("{hours} h {minutes} min"),
        (days, hours, _) => format!("{days} d {hours} h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::ids::{Lane, ProjectId, RelayId, Seq};
    use protocol::item::Category;
    use protocol::outcome::Term;
    use protocol::wire::{Backlog, Books, Difference, DiskReport, Report, Total};

    use crate::fleet::{RelayCertificate, RelayReport, SecondHolder};

    const NOW: Timestamp = Timestamp::from_millis(10_000_000);

    fn relay(seen_secs_ago: i64, report: Report) -> Relay {
        let at = NOW.plus_millis(-seen_secs_ago * 1000);
        Relay {
            id: RelayId::from_bytes([1; 16]),
            name: "shop".to_owned(),
            labels: std::collections::BTreeMap::new(),
            state: RelayState::Active,
            version: "0.1.0".to_owned(),
            joined_at: Timestamp::from_millis(0),
            last_seen_at: Some(at),
            address: None,
            clock_offset_ms: None,
            certificate: RelayCertificate::default(),
            generation: 1,
            incompatible: None,
            second_holder: None,
            report: Some(RelayReport::from_wire(
                &Report { wall: at, ..report },
                None,
                at,
            )),
        }
    }

    fn kinds(relay: &Relay) -> Vec<&'static str> {
        let found = judge(relay, &Config::default(), Timestamp::from_millis(0), NOW);
        found.iter().map(|found| found.kind.name()).collect()
    }

    fn waiting(secs: i64) -> Report {
        Report {
            lanes: vec![Backlog {
                lane: Lane::Errors,
                records: 5,
                bytes: 9,
                oldest_received_at: Some(NOW.plus_millis(-secs * 1000)),
            }],
            ..Report::default()
        }
    }

    fn failed(secs_ago: i64) -> Report {
        Report {
            disk: DiskReport {
                last_error: Some("commit not durable: input/output error".to_owned()),
                last_error_at: Some(NOW.plus_millis(-secs_ago * 1000)),
                ..DiskReport::default()
            },
            ..Report::default()
        }
    }

    fn differing(relay: u64, hub: u64) -> Report {
        Report {
            differences: vec![Difference {
                lane: Lane::Errors,
                upto: Seq(9),
                project: ProjectId::new(1).ok(),
                category: Category::Error,
                relay,
                hub,
            }],
            ..Report::default()
        }
    }

    fn accepted(n: u64) -> Report {
        let total = |term| Total {
            project: ProjectId::new(1).ok(),
            category: Category::Error,
            term,
            reason: String::new(),
            n,
        };
        Report {
            books: Some(Books {
                totals: vec![total(Term::Received), total(Term::Accepted)],
                is_whole: true,
                ..Books::default()
            }),
            ..Report::default()
        }
    }

    #[test]
    fn each_trouble_is_seen_and_only_then() {
        let check = |what: &str, relay: Relay, expected: &[&str]| {
            assert_eq!(kinds(&relay), expected, "{what}");
        };
        check("well", relay(0, Report::default()), &[]);
        check("silent for 90 s", relay(90, Report::default()), &[]);
        check("silent for 91 s", relay(91, Report::default()), &["dark"]);
        check("14 minutes behind", relay(0, waiting(14 * 60)), &[]);
        check("16 minutes behind", relay(0, waiting(16 * 60)), &["behind"]);
        check(
            "grew old since",
            relay(80, waiting(15 * 60 + 1)),
            &["behind"],
        );
        check("one less", relay(0, differing(6, 5)), &["unbalanced"]);
        check("not accounted for", relay(0, accepted(1)), &["unbalanced"]);
        check("nothing accepted", relay(0, accepted(0)), &[]);
        check("disk failed now", relay(0, failed(1)), &["failing_disk"]);
        check("disk failed once", relay(0, failed(601)), &[]);
        let slow = DiskReport {
            sync_last_us: 2_000_001,
            ..DiskReport::default()
        };
        let slow = Report {
            disk: slow,
            ..Report::default()
        };
        check("slow disk", relay(0, slow), &["failing_disk"]);
        let mut twice = relay(0, Report::default());
        twice.second_holder = Some(SecondHolder {
            at: NOW.plus_millis(-3_600_000),
            addresses: vec!["10.0.0.1".to_owned(), "10.0.0.2".to_owned()],
        });
        let mut later = relay(0, Report::default());
        later.incompatible = Some((2, 3));
        check("of another version", later, &["incompatible"]);
        check("held twice", twice.clone(), &["cloned"]);
        twice.second_holder.as_mut().unwrap().at = NOW.plus_millis(-90_000_000);
        check("held twice once", twice, &[]);
        let mut revoked = relay(1000, waiting(10_000));
        revoked.state = RelayState::Revoked;
        check("revoked", revoked, &[]);
        let mut drained = relay(1000, Report::default());
        drained.state = RelayState::Drained;
        check("drained", drained, &[]);
    }

    #[test]
    fn a_hub_that_was_away_does_not_call_its_relays_dark_at_once() {
        let silent = relay(3600, Report::default());
        let config = Config::default();
        let just_started = NOW.plus_millis(-10_000);
        assert_eq!(judge(&silent, &config, just_started, NOW), []);
        let later = NOW.plus_millis(81_000);
        let found = judge(&silent, &config, just_started, later);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].detail, "not heard of for 1 h 1 min");
    }
}
