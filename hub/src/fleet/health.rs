//! Whether relays that try a new roster do worse with it. Pure.
//!
//! Compared are shares of items, CPU time and memory, before a relay has the roster and since. A
//! busy host and busy applications are no fault of a roster: what counts is what rises without
//! more items to explain it.

use std::collections::VecDeque;

use protocol::outcome::{Term, reason};
use protocol::timestamp::Timestamp;
use protocol::wire::Total;

use super::ReportedProcess;

/// Items from which on a share says something.
const ITEMS_MIN: u64 = 20;
/// How much the share that goes wrong may rise, in percent of all items, besides doubling.
const RISE_MAX_PERCENT: u64 = 5;
/// Items from which on the share that filters leave says something.
const FILTERED_MIN: u64 = 100;
/// A share that is filtered from which on hardly anything is left, in percent, and one up to which
/// the filters before left enough.
const FILTERED_PERCENT: u64 = 95;
const FILTERED_BEFORE_PERCENT: u64 = 50;
/// Time from which on CPU time says something, in milliseconds.
const LOAD_TIME_MIN_MS: u64 = 15_000;
/// How much CPU may rise besides doubling, in thousandths of a core.
const CPU_RISE_MAX_PERMILLE: u64 = 250;
/// How much memory may rise besides doubling: a relay that was idle may become busy.
const RSS_RISE_MAX_BYTES: u64 = 64 << 20;
/// Time between two figures that are remembered.
const KEEP_EVERY_MS: i64 = 15_000;
/// Figures that are remembered of a relay: five minutes.
const KEPT_MAX: usize = 20;

/// What a relay has received since its spool was made, and how much of it went wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) received: u64,
    /// Refused as malformed or unknown.
    pub(super) refused: u64,
    /// Found to be of no use, such as what cannot be scrubbed.
    pub(super) invalid: u64,
    /// Not wanted, by the filters.
    pub(super) filtered: u64,
}

/// What a relay showed at a time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Vitals {
    pub(super) at: Timestamp,
    pub(super) tally: Tally,
    /// CPU time since its start in milliseconds, and memory in bytes; `None` where it does not tell.
    pub(super) process: Option<(u64, u64)>,
}

/// What a relay showed of late, the latest last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Recent {
    kept: VecDeque<Vitals>,
    latest: Vitals,
}

/// How a relay was when it took a roster.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Before {
    vitals: Vitals,
    load: Option<Load>,
}

/// What a relay took of its host over a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Load {
    /// Thousandths of a core.
    cpu_permille: u64,
    /// CPU time for each item, in microseconds; `None` where there were too few.
    item_us: Option<u64>,
    /// Memory, at the end.
    rss_bytes: u64,
}

impl Tally {
    pub(super) fn of(totals: &[Total]) -> Self {
        let mut tally = Self::default();
        for total in totals {
            let sum = match total.term {
                Term::Received => &mut tally.received,
                _ if is_no_roster_to_blame(&total.reason) => continue,
                Term::Invalid => &mut tally.invalid,
                Term::Refused => &mut tally.refused,
                Term::Filtered => &mut tally.filtered,
                _ => continue,
            };
            *sum = sum.saturating_add(total.n);
        }
        tally
    }

    fn since(self, before: Self) -> Self {
        Self {
            received: self.received.saturating_sub(before.received),
            refused: self.refused.saturating_sub(before.refused),
            invalid: self.invalid.saturating_sub(before.invalid),
            filtered: self.filtered.saturating_sub(before.filtered),
        }
    }

    /// A part of what was received, in percent, rounded up.
    fn percent(self, part: u64) -> u64 {
        let share = (u128::from(part) * 100).div_ceil(u128::from(self.received.max(1)));
        u64::try_from(share).unwrap_or(100).min(100)
    }
}

/// What says nothing about a roster: a limit that was meant, a busy host, a full disk, an SDK that
/// sends again what it sent.
fn is_no_roster_to_blame(why: &str) -> bool {
    [
        reason::DUPLICATE,
        reason::RATE_LIMITED,
        reason::OVERLOAD,
        reason::NOT_DURABLE,
        reason::SPOOL_FULL,
        reason::BACKPRESSURE,
        reason::FAIR_SHARE,
        reason::DRAINED,
    ]
    .contains(&why)
}

impl Recent {
    /// Adds what a relay reports. Accounts that it leaves out are those it told before.
    pub(super) fn add(
        &mut self,
        at: Timestamp,
        tally: Option<Tally>,
        process: Option<&ReportedProcess>,
    ) {
        self.latest = Vitals {
            at,
            tally: tally.unwrap_or(self.latest.tally),
            process: process.map(|process| (process.cpu_ms, process.rss_bytes)),
        };
        let is_due = |last: &Vitals| at.millis_since(last.at) >= KEEP_EVERY_MS;
        if self.kept.back().is_none_or(is_due) {
            self.kept.push_back(self.latest);
        }
        if self.kept.len() > KEPT_MAX {
            self.kept.pop_front();
        }
    }

    /// How the relay is by now, to be compared with later.
    pub(super) fn mark(&self) -> Before {
        let load = self
            .kept
            .front()
            .and_then(|first| load(first, &self.latest));
        Before {
            vitals: self.latest,
            load,
        }
    }

    /// What is worse than it was; `None` where nothing is, or too little is known.
    pub(super) fn worse_than(&self, before: &Before) -> Option<String> {
        let (was, now) = (before.vitals.tally, self.latest.tally);
        worse_share(was, now, |tally| tally.refused)
            .map(|(is, was)| format!("{is} % of its items are refused, {was} % were before"))
            .or_else(|| {
                let (is, was) = worse_share(was, now, |tally| tally.invalid)?;
                Some(format!(
                    "{is} % of its items cannot be read or scrubbed, {was} % could not before"
                ))
            })
            .or_else(|| worse_load(before.load.as_ref()?, &load(&before.vitals, &self.latest)?))
    }

    /// Whether hardly anything passes the filters any more that did. That can be meant, so it is
    /// apart from what is worse.
    pub(super) fn filters_nearly_all(&self, before: &Before) -> Option<String> {
        let (was, now) = (before.vitals.tally, self.latest.tally);
        let during = now.since(was);
        let (was, is) = (was.percent(was.filtered), during.percent(during.filtered));
        let is_so = during.received >= FILTERED_MIN
            && is >= FILTERED_PERCENT
            && was <= FILTERED_BEFORE_PERCENT;
        is_so.then(|| {
            format!(
                "{is} % of its items are filtered, {was} % were before; if that is meant, try it again"
            )
        })
    }
}

/// The share since, and the one before, where it has risen too far.
fn worse_share(before: Tally, now: Tally, part: fn(&Tally) -> u64) -> Option<(u64, u64)> {
    let during = now.since(before);
    if during.received < ITEMS_MIN {
        return None;
    }
    let (was, is) = (before.percent(part(&before)), during.percent(part(&during)));
    (is > was * 2 + RISE_MAX_PERCENT).then_some((is, was))
}

/// What a relay took from one time to another; `None` for too short a time, or where it was started
/// anew in between.
fn load(from: &Vitals, to: &Vitals) -> Option<Load> {
    let ((cpu_then, _), (cpu_now, rss_bytes)) = (from.process?, to.process?);
    let cpu_ms = cpu_now.checked_sub(cpu_then)?;
    let over_ms = u64::try_from(to.at.millis_since(from.at)).ok();
    let over_ms = over_ms.filter(|over| *over >= LOAD_TIME_MIN_MS)?;
    let items = to.tally.since(from.tally).received;
    Some(Load {
        cpu_permille: cpu_ms.saturating_mul(1000) / over_ms,
        item_us: (items >= ITEMS_MIN).then(|| cpu_ms.saturating_mul(1000) / items),
        rss_bytes,
    })
}

fn worse_load(was: &Load, is: &Load) -> Option<String> {
    let has_risen = |was: u64, is: u64, besides| is > was.saturating_mul(2).saturating_add(besides);
    let is_for_items = match (was.item_us, is.item_us) {
        (Some(was), Some(is)) => is <= was.saturating_mul(2),
        // Items have begun to come: there is nothing to compare with.
        (None, Some(_)) => true,
        (_, None) => false,
    };
    if has_risen(was.cpu_permille, is.cpu_permille, CPU_RISE_MAX_PERMILLE) && !is_for_items {
        let percent = |load: &Load| load.cpu_permille.div_ceil(10);
        return Some(format!(
            "it takes {} % of a core, {} % before",
            percent(is),
            percent(was)
        ));
    }
    has_risen(was.rss_bytes, is.rss_bytes, RSS_RISE_MAX_BYTES).then(|| {
        let mib = |load: &Load| load.rss_bytes >> 20;
        format!(
            "it takes {} MiB of memory, {} MiB before",
            mib(is),
            mib(was)
        )
    })
}

#[cfg(test)]
mod tests {
    use protocol::item::Category;

    use super::*;

    /// A relay that reports every five seconds.
    #[derive(Default)]
    struct Patient {
        recent: Recent,
        at_ms: i64,
        tally: Tally,
        cpu_ms: u64,
    }

    impl Patient {
        /// Lives on for so many seconds, with so much of everything in each.
        fn live(&mut self, secs: i64, items: u64, cpu_ms: u64, rss_mib: u64) -> &mut Self {
            for _ in 0..secs / 5 {
                self.at_ms += 5000;
                self.tally.received += items * 5;
                self.cpu_ms += cpu_ms * 5;
                let process = ReportedProcess {
                    cpu_ms: self.cpu_ms,
                    rss_bytes: rss_mib << 20,
                    cpu_permille: None,
                };
                let at = Timestamp::from_millis(self.at_ms);
                self.recent.add(at, Some(self.tally), Some(&process));
            }
            self
        }
    }

    /// Five minutes of one kind of life and, after the change, fifty seconds of another.
    fn check(before: (u64, u64, u64), during: (u64, u64, u64), expected: &str) {
        let mut patient = Patient::default();
        let (items, cpu, rss) = before;
        let mark = patient.live(300, items, cpu, rss).recent.mark();
        let (items, cpu, rss) = during;
        let recent = &patient.live(50, items, cpu, rss).recent;
        let found = recent.worse_than(&mark).unwrap_or_default();
        assert_eq!(found, expected, "{before:?} {during:?}");
    }

    #[test]
    fn cpu_and_memory_that_rise_for_no_items_are_noticed_and_a_busy_time_is_not() {
        check((10, 20, 20), (10, 22, 22), "");
        check((10, 20, 20), (10, 289, 20), "");
        check(
            (10, 20, 20),
            (10, 291, 20),
            "it takes 30 % of a core, 2 % before",
        );
        // A hundred times the items.
        check((10, 20, 20), (1000, 900, 64), "");
        // Items begin to come.
        check((0, 1, 12), (1000, 900, 64), "");
        // None come, and it is busy all the same.
        check(
            (10, 20, 20),
            (0, 900, 20),
            "it takes 90 % of a core, 2 % before",
        );
        check((10, 20, 20), (10, 20, 104), "");
        check(
            (10, 20, 20),
            (10, 20, 105),
            "it takes 105 MiB of memory, 20 MiB before",
        );
    }

    #[test]
    fn too_short_a_time_and_another_start_say_nothing_of_cpu_and_memory() {
        let mut patient = Patient::default();
        let mark = patient.live(300, 10, 20, 20).recent.mark();
        patient.live(10, 10, 900, 900);
        assert_eq!(patient.recent.worse_than(&mark), None);
        patient.live(5, 10, 900, 900);
        assert!(patient.recent.worse_than(&mark).is_some());
        patient.cpu_ms = 0;
        patient.live(30, 10, 20, 900);
        assert_eq!(patient.recent.worse_than(&mark), None);
        assert!(patient.recent.kept.len() <= KEPT_MAX);
    }

    /// Items and those of them that went wrong, before and by now.
    fn check_share(before: (u64, u64), now: (u64, u64), is_worse: bool) {
        let patients: [fn((u64, u64)) -> Tally; 2] = [
            |(received, refused)| Tally {
                received,
                refused,
                ..Tally::default()
            },
            |(received, invalid)| Tally {
                received,
                invalid,
                ..Tally::default()
            },
        ];
        for tally in patients {
            let mut recent = Recent::default();
            recent.add(Timestamp::from_millis(1), Some(tally(before)), None);
            let mark = recent.mark();
            recent.add(Timestamp::from_millis(2), Some(tally(now)), None);
            let found = recent.worse_than(&mark);
            assert_eq!(found.is_some(), is_worse, "{before:?} {now:?} {found:?}");
        }
    }

    #[test]
    fn a_rise_of_what_goes_wrong_is_noticed_and_noise_is_not() {
        check_share((1000, 10), (1100, 11), false);
        check_share((1000, 10), (1100, 15), false);
        check_share((1000, 10), (1100, 30), true);
        check_share((1000, 500), (1100, 590), false);
        check_share((0, 0), (10, 10), false);
        check_share((0, 0), (20, 20), true);
        check_share((1000, 10), (0, 0), false);
    }

    #[test]
    fn filters_that_leave_nothing_are_noticed_and_strict_ones_are_not() {
        let check = |before: (u64, u64), now: (u64, u64), is_noticed: bool| {
            let mut recent = Recent::default();
            let tally = |(received, filtered)| Tally {
                received,
                filtered,
                ..Tally::default()
            };
            recent.add(Timestamp::from_millis(1), Some(tally(before)), None);
            let mark = recent.mark();
            recent.add(Timestamp::from_millis(2), Some(tally(now)), None);
            let found = recent.filters_nearly_all(&mark);
            assert_eq!(found.is_some(), is_noticed, "{before:?} {now:?} {found:?}");
            assert_eq!(recent.worse_than(&mark), None);
        };
        check((1000, 10), (1100, 110), true);
        check((0, 0), (100, 100), true);
        check((0, 0), (99, 99), false);
        check((1000, 10), (1100, 100), false);
        check((1000, 900), (1100, 1000), false);
    }

    #[test]
    fn what_no_roster_is_to_blame_for_does_not_go_wrong() {
        let total = |term, why: &str, n| Total {
            project: None,
            category: Category::Error,
            term,
            reason: why.to_owned(),
            n,
        };
        let found = Tally::of(&[
            total(Term::Received, reason::NONE, 1000),
            total(Term::Refused, reason::RATE_LIMITED, 1),
            total(Term::Refused, reason::INVALID_JSON, 10),
            total(Term::Invalid, reason::DUPLICATE, 100),
            total(Term::Invalid, reason::PRIVACY_RULES, 7),
            total(Term::Filtered, reason::FILTER_RELEASE, 3),
        ]);
        let expected = Tally {
            received: 1000,
            refused: 10,
            invalid: 7,
            filtered: 3,
        };
        assert_eq!(found, expected);
    }
}
