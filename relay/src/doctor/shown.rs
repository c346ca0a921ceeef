//! What the running relay's own figures say.

use super::{Finding, note, text, well, wrong};
use crate::status::Summary;

/// A clock that is off by more makes times on the dashboard hard to believe, in milliseconds.
const CLOCK_OFF: i64 = 5_000;

/// What waits longer than this on a link that stands is behind, in seconds.
const BEHIND_SECS: u64 = 900;
/// A disk that failed so recently is failing, in seconds.
const DISK_TROUBLE_SECS: u64 = 600;

/// Whether it takes requests.
pub(super) fn program(summary: &Summary) -> Finding {
    const WHAT: &str = "relay";
    if summary.is_drained {
        let remedy = "if it is to work again, say so on the hub's fleet page";
        return note(WHAT, "it is drained, and takes nothing new", remedy);
    }
    if summary.ready {
        let up = text::span(summary.uptime_secs);
        return well(WHAT, format!("{} runs, for {up}", summary.version));
    }
    let error = summary.spool.last_error.clone().unwrap_or_default();
    let remedy = "look at the disk: see `journalctl -u vedette-relay`";
    wrong(WHAT, format!("it refuses requests: {error}"), remedy)
}

pub(super) fn clock(summary: &Summary) -> Option<Finding> {
    const WHAT: &str = "clock";
    let offset = summary.link.clock_offset_ms?;
    let found = format!("{offset:+} ms against the hub");
    Some(if offset.abs() > CLOCK_OFF {
        note(
            WHAT,
            found,
            "switch time synchronisation on: `timedatectl set-ntp true`",
        )
    } else {
        well(WHAT, found)
    })
}

/// Whether the hub takes the relay.
pub(super) fn link(summary: &Summary) -> Finding {
    const WHAT: &str = "link";
    let link = &summary.link;
    let hub = link.hub.as_deref().unwrap_or("the hub");
    let is_connected = link.state == "connected";
    let found = match (&link.last_error, is_connected) {
        (_, true) => format!("connected to {hub} since {}", link.since),
        (None, false) => format!("{hub} is not reached yet"),
        (Some(error), false) => format!("{hub} is away since {}: {error}", link.since),
    };
    let remedy = link.remedy.clone();
    match (is_connected, remedy) {
        (true, None) => well(WHAT, found),
        (true, Some(remedy)) => note(WHAT, found, remedy),
        (false, Some(remedy)) => wrong(WHAT, found, remedy),
        (false, None) => note(
            WHAT,
            found,
            "it buffers meanwhile and tries again by itself; see below whether the hub can be reached",
        ),
    }
}

/// Whether what it keeps gets away.
pub(super) fn backlog(summary: &Summary) -> Finding {
    const WHAT: &str = "backlog";
    let lanes = summary.spool.lanes.iter().filter(|lane| lane.records > 0);
    let records: u64 = lanes.clone().map(|lane| lane.records).sum();
    let oldest = lanes.max_by_key(|lane| lane.oldest_age_secs);
    let Some((lane, age)) = oldest.and_then(|lane| Some((lane, lane.oldest_age_secs?))) else {
        return well(WHAT, "nothing waits");
    };
    let found = format!(
        "{records} records wait, the oldest, in lane {}, for {}",
        lane.lane,
        text::span(age)
    );
    if age < BEHIND_SECS {
        return well(WHAT, found);
    }
    let remedy = match summary.link.state.as_str() {
        "connected" if summary.link.is_quiet || summary.link.bandwidth_max.is_some() => {
            "the link is limited: see `vedette-relay status`, and whether the limit is still meant"
        }
        "connected" => "it is on its way; if it does not shrink, see the hub's own state",
        _ => "nothing of it is lost; see above why the hub is not reached",
    };
    note(WHAT, found, remedy)
}

/// What the disk did lately, and what it damaged.
pub(super) fn disk(summary: &Summary) -> Option<Finding> {
    const WHAT: &str = "spool";
    let spool = &summary.spool;
    let age = spool.last_error_age_secs;
    if let Some((error, age)) = spool.last_error.as_ref().zip(age)
        && age < DISK_TROUBLE_SECS
    {
        let found = format!("the disk failed {} ago: {error}", text::span(age));
        let remedy =
            "see `dmesg` and the disk's own report (`smartctl -a`); move the spool if it goes on";
        return Some(wrong(WHAT, found, remedy));
    }
    (spool.quarantined > 0).then(|| {
        let found = format!("{} damaged segments are kept aside", spool.quarantined);
        let remedy = "see them with `vedette-relay spool ls`; `vedette-relay spool repair` saves what can be read";
        note(WHAT, found, remedy)
    })
}

pub(super) fn space(summary: &Summary) -> Finding {
    const WHAT: &str = "space";
    let spool = &summary.spool;
    let found = format!(
        "the spool has {} of {}",
        text::bytes(spool.bytes_used),
        text::bytes(spool.bytes_max)
    );
    // Nine tenths: what comes next pushes something out.
    if spool.bytes_used / 9 >= spool.bytes_max / 10 {
        let remedy = "see why the hub does not take it (above), or set `spool.bytes_max` higher";
        wrong(WHAT, found, remedy)
    } else {
        well(WHAT, found)
    }
}

pub(super) fn ledger(summary: &Summary) -> Finding {
    const WHAT: &str = "ledger";
    let ledger = &summary.ledger;
    let remedy = "see the relay's page on the hub, and report it: this is never expected";
    match (ledger.all.deficit, ledger.divergence) {
        (0, 0) => well(WHAT, "every item is accounted for"),
        (0, n) => wrong(WHAT, format!("the hub's books differ by {n} items"), remedy),
        (n, _) => wrong(WHAT, format!("{n} items are not accounted for"), remedy),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Grade;
    use super::*;
    use crate::status::LaneSummary;

    #[test]
    fn a_full_spool_and_a_ledger_that_is_off_are_wrong() {
        let mut summary = Summary::default();
        summary.spool.bytes_max = 1000;
        summary.spool.bytes_used = 890;
        assert_eq!(space(&summary).grade, Grade::Well);
        summary.spool.bytes_used = 900;
        assert_eq!(space(&summary).grade, Grade::Wrong);
        assert_eq!(ledger(&summary).grade, Grade::Well);
        summary.ledger.divergence = 1;
        assert_eq!(ledger(&summary).grade, Grade::Wrong);
        summary.link.clock_offset_ms = Some(-5001);
        assert_eq!(clock(&summary).unwrap().grade, Grade::Note);
    }

    #[test]
    fn a_relay_that_the_hub_shuts_out_is_told_why_and_what_to_do() {
        let mut summary = Summary::default();
        summary.link.state = "connected".to_owned();
        assert_eq!(link(&summary).grade, Grade::Well);
        summary.link.state = "away".to_owned();
        summary.link.last_error = Some("relay is revoked".to_owned());
        assert_eq!(
            link(&summary).grade,
            Grade::Note,
            "it may be back by itself"
        );
        summary.link.remedy = Some("join anew".to_owned());
        let found = link(&summary);
        assert_eq!(found.grade, Grade::Wrong);
        assert_eq!(found.remedy.as_deref(), Some("join anew"));
        assert!(found.found.contains("relay is revoked"), "{found:?}");
    }

    #[test]
    fn what_waits_long_and_what_the_disk_did_is_told() {
        let mut summary = Summary::default();
        assert_eq!(backlog(&summary).grade, Grade::Well);
        summary.spool.lanes = vec![LaneSummary {
            lane: "L1".to_owned(),
            records: 12,
            oldest_age_secs: Some(BEHIND_SECS),
            ..LaneSummary::default()
        }];
        let found = backlog(&summary);
        assert_eq!(found.grade, Grade::Note);
        assert!(found.found.starts_with("12 records wait"), "{found:?}");
        assert_eq!(disk(&summary), None);
        summary.spool.quarantined = 1;
        assert_eq!(disk(&summary).unwrap().grade, Grade::Note);
        summary.spool.last_error = Some("no space left".to_owned());
        summary.spool.last_error_age_secs = Some(30);
        assert_eq!(disk(&summary).unwrap().grade, Grade::Wrong);
        summary.is_drained = true;
        assert_eq!(program(&summary).grade, Grade::Note);
    }
}
