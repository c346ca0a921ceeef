//! What the running relay's own figures say.

use super::{Finding, note, text, well, wrong};
use crate::status::Summary;

/// A clock that is off by more makes times on the dashboard hard to believe, in milliseconds.
const CLOCK_OFF: i64 = 5_000;

/// Whether it takes requests.
pub(super) fn program(summary: &Summary) -> Finding {
    const WHAT: &str = "relay";
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
}
