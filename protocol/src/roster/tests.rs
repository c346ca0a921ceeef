//! What a roster's fields mean, and what becomes of those that are not known.

use proptest::prelude::*;

use super::*;
use crate::wire::{decode_msgpack, encode_msgpack_named};

fn project() -> RosterProject {
    RosterProject {
        sampling: BTreeMap::from([("transaction".to_owned(), SampleRate(250_000))]),
        sampling_rules: vec![SamplingRule {
            id: 3001,
            category: "transaction".to_owned(),
            condition: "{\"op\":\"and\",\"inner\":[]}".to_owned(),
            rate: SampleRate(500_000),
            from: Some(Timestamp::from_millis(1)),
            until: None,
        }],
        filters: FilterSettings {
            web_crawlers: true,
            releases: vec!["1.*".to_owned()],
            ..FilterSettings::default()
        },
        quotas: vec![Quota {
            scope: QuotaScope::Organization,
            scope_id: 1,
            categories: vec!["error".to_owned()],
            limit: RateLimit {
                burst: Some(9),
                ..RateLimit::new(5, 60)
            },
            reason: "team_budget".to_owned(),
        }],
        ..RosterProject::new(ProjectId::new(1).unwrap(), "shop")
    }
}

#[test]
fn a_roster_is_read_as_it_was_written() {
    let bundle = RosterBundle {
        version: 7,
        parent: 6,
        expires_at: Some(Timestamp::from_millis(5)),
        min_version: "0.1.0".to_owned(),
        config_key: Some([9; 32]),
        projects: vec![project()],
        links: vec![RelayLink {
            relay: RelayId::from_bytes([1; 16]),
            link: LinkSettings {
                bandwidth_max: Some(8000),
                quiet_hours: vec!["22:00-06:30".parse().unwrap()],
            },
        }],
        drained: vec![RelayId::from_bytes([2; 16])],
        dicts: vec![RosterDict {
            kind: "errors".to_owned(),
            id: DictId(40_000),
            len: 65_536,
            sha256: [7; 32],
        }],
        ..RosterBundle::default()
    };
    let bytes = encode_msgpack_named(&bundle).unwrap();
    assert_eq!(decode_msgpack::<RosterBundle>(&bytes).unwrap(), bundle);
}

#[derive(Serialize)]
struct Later<P> {
    version: u64,
    a_field_of_later: Vec<u8>,
    projects: Vec<P>,
}

#[derive(Serialize)]
struct LaterProject<S> {
    id: u64,
    slug: &'static str,
    keys: Vec<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    privacy: Option<S>,
}

fn read_later<S: Serialize>(privacy: Option<S>) -> Option<RosterBundle> {
    let later = Later {
        version: 1,
        a_field_of_later: vec![1],
        projects: vec![LaterProject {
            id: 1,
            slug: "shop",
            keys: Vec::new(),
            privacy,
        }],
    };
    decode_msgpack(&encode_msgpack_named(&later).unwrap()).ok()
}

#[test]
fn unknown_fields_are_skipped_but_for_privacy() {
    let known = BTreeMap::from([("scrub_emails", true)]);
    let bundle = read_later(Some(known)).unwrap();
    assert!(bundle.projects[0].privacy.scrub_emails);
    let unknown = BTreeMap::from([("remove_everything_blue", true)]);
    assert_eq!(read_later(Some(unknown)), None);
}

#[test]
fn a_project_without_privacy_settings_has_the_strictest() {
    let bundle = read_later(None::<u8>).unwrap();
    assert_eq!(bundle.projects[0].privacy, PrivacySettings::strictest());
}

#[test]
fn sample_rates_keep_their_share_of_numbers() {
    let check = |share: f64, expected: usize| {
        let rate = SampleRate::from_share(share).unwrap();
        let n = (0..1_000_000_u64)
            .step_by(1000)
            .filter(|n| rate.keeps(*n))
            .count();
        assert_eq!(n, expected, "{share}");
    };
    check(0.0, 0);
    check(0.25, 250);
    check(1.0, 1000);
    for wrong in [-0.1, 1.1, f64::NAN, f64::INFINITY] {
        assert_eq!(SampleRate::from_share(wrong), Err(SampleRateError));
    }
    assert_eq!(SampleRate::try_from(1_000_001), Err(SampleRateError));
}

#[test]
fn quiet_hours_cover_their_span_of_every_day() {
    let at = |hour: i64, minute: i64| {
        Timestamp::from_millis((20_000 * 1440 + hour * 60 + minute) * 60_000)
    };
    let check = |span: &str, now: Timestamp, is_quiet: bool| {
        let settings = LinkSettings {
            bandwidth_max: None,
            quiet_hours: vec![span.parse().unwrap()],
        };
        assert_eq!(settings.quiet_hours[0].to_string(), span);
        assert_eq!(settings.is_quiet(now), is_quiet, "{span} at {now:?}");
    };
    check("08:00-18:00", at(7, 59), false);
    check("08:00-18:00", at(8, 0), true);
    check("08:00-18:00", at(18, 0), false);
    check("22:00-06:00", at(23, 30), true);
    check("22:00-06:00", at(5, 59), true);
    check("22:00-06:00", at(12, 0), false);
    check("00:00-24:00", at(12, 0), true);
    for wrong in [
        "",
        "22:00",
        "7:00-08:00",
        "07:60-08:00",
        "+7:00-08:00",
        "24:01-08:00",
        "08:00-08:00",
    ] {
        assert!(wrong.parse::<QuietHours>().is_err(), "{wrong}");
    }
}

fn windows() -> impl Strategy<Value = RateLimit> {
    (0..100_000_u64, 1..10_000_u64)
        .prop_map(|(count, window_secs)| RateLimit::new(count, window_secs))
}

fn limits() -> impl Strategy<Value = RateLimit> {
    let burst = prop::option::of(0..200_000_u64);
    (windows(), burst).prop_map(|(limit, burst)| RateLimit { burst, ..limit })
}

/// Most items that a limit allows in a stretch of time that ends with an item.
fn most(limit: RateLimit, secs: u64) -> u64 {
    match limit.burst {
        None => (secs / limit.window_secs + 1) * limit.count,
        Some(burst) => burst + secs * limit.count / limit.window_secs,
    }
}

#[test]
fn a_limit_without_a_burst_is_written_as_it_was_before_there_were_any() {
    #[derive(Serialize)]
    struct Before {
        count: u64,
        window_secs: u64,
    }
    let before = Before {
        count: 5,
        window_secs: 60,
    };
    assert_eq!(
        encode_msgpack_named(&before).unwrap(),
        encode_msgpack_named(&RateLimit::new(5, 60)).unwrap()
    );
}

proptest! {
    #[test]
    fn the_stricter_limit_allows_no_more_than_either_in_its_window(a in windows(), b in windows()) {
        let both = a.stricter(b);
        for limit in [a, b] {
            // As many of its windows as it takes to cover the other's.
            let n = limit.window_secs.div_ceil(both.window_secs);
            prop_assert!(n * both.count <= limit.count, "{a:?} {b:?} {both:?}");
        }
        prop_assert_eq!(both, b.stricter(a));
        prop_assert_eq!(a.stricter(a), a);
    }

    #[test]
    fn the_stricter_of_two_limits_with_bursts_never_allows_more_at_once_or_later(
        a in limits(),
        b in limits(),
        secs in 0..100_000_u64,
    ) {
        let both = a.stricter(b);
        for limit in [a, b].into_iter().filter(|limit| limit.burst.is_some()) {
            prop_assert!(most(both, secs) <= most(limit, secs), "{a:?} {b:?} {both:?}");
        }
        prop_assert_eq!(both, b.stricter(a));
        prop_assert_eq!(a.stricter(a), a);
    }
}
