//! Whether relays that try a new roster do worse with it.

use protocol::outcome::{Term, reason};
use protocol::wire::Total;

/// Items from which on a share says something.
const ITEMS_MIN: u64 = 20;
/// How much the share that goes wrong may rise, in percent of all items, besides doubling.
const RISE_MAX_PERCENT: u64 = 5;

/// What a relay has received since its spool was made, and how much of it went wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) received: u64,
    /// Refused as malformed or unknown, or found to be of no use, such as what cannot be scrubbed.
    pub(super) wrong: u64,
}

impl Tally {
    pub(super) fn of(totals: &[Total]) -> Self {
        let mut tally = Self::default();
        for total in totals {
            match total.term {
                Term::Received => tally.received = tally.received.saturating_add(total.n),
                Term::Invalid => tally.wrong = tally.wrong.saturating_add(total.n),
                Term::Refused if !is_of_the_host(&total.reason) => {
                    tally.wrong = tally.wrong.saturating_add(total.n);
                }
                _ => {}
            }
        }
        tally
    }

    fn since(self, before: Self) -> Self {
        Self {
            received: self.received.saturating_sub(before.received),
            wrong: self.wrong.saturating_sub(before.wrong),
        }
    }

    /// In percent, rounded up.
    fn percent(self) -> u64 {
        let wrong = u128::from(self.wrong) * 100;
        let share = wrong.div_ceil(u128::from(self.received.max(1)));
        u64::try_from(share).unwrap_or(100).min(100)
    }
}

/// Refusals that say nothing about a roster: a limit that was meant, a busy host, a full disk.
fn is_of_the_host(why: &str) -> bool {
    [
        reason::RATE_LIMITED,
        reason::OVERLOAD,
        reason::NOT_DURABLE,
        reason::SPOOL_FULL,
    ]
    .contains(&why)
}

/// Compares what a relay counted before it took a roster with what it counts now; `Some` says what
/// is worse.
pub(super) fn worse(before: Tally, now: Tally) -> Option<String> {
    let during = now.since(before);
    if during.received < ITEMS_MIN {
        return None;
    }
    let (was, is) = (before.percent(), during.percent());
    (is > was * 2 + RISE_MAX_PERCENT)
        .then(|| format!("{is} % of its items go wrong, {was} % did before"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(before: (u64, u64), now: (u64, u64), is_worse: bool) {
        let tally = |(received, wrong)| Tally { received, wrong };
        let found = worse(tally(before), tally(now));
        assert_eq!(found.is_some(), is_worse, "{before:?} {now:?} {found:?}");
    }

    #[test]
    fn a_rise_of_what_goes_wrong_is_noticed_and_noise_is_not() {
        check((1000, 10), (1100, 11), false);
        check((1000, 10), (1100, 15), false);
        check((1000, 10), (1100, 30), true);
        check((1000, 500), (1100, 590), false);
        check((0, 0), (10, 10), false);
        check((0, 0), (20, 20), true);
        check((1000, 10), (0, 0), false);
    }
}
