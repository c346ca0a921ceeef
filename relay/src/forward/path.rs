//! Whether the path to the hub still carries anything.
//!
//! The hub answers what keeps a path alive, so one that is silent for longer than that takes is
//! suspect: another way is tried beside it, and whichever works first is gone on with. One that has
//! become another is dialled anew.

use std::time::Duration;

use super::channel::{Carrier, KEEP_ALIVE, PathFigures};

/// How long an answer may take beyond the keep-alive, at least.
const PATIENCE_MIN: Duration = Duration::from_millis(2500);
/// How long it may take in round trips.
const PATIENCE_ROUND_TRIPS: u32 = 4;
/// How long the hub may be silent while it owes an answer, at least.
const OWED_MIN: Duration = Duration::from_secs(1);

/// A path is another one when its round trip is this many times the shortest seen on the connection.
const LONGER_BY: u32 = 4;
/// Beyond noise of short paths.
const LONGER_MIN: Duration = Duration::from_millis(10);
/// For so many seconds in which more waited than could go.
const LONGER_SECS: u32 = 10;

/// Whether the path has become a longer one beneath a living connection, as when a site falls back
/// to a mobile or satellite uplink.
///
/// BBR, as quinn has it, never forgets the shortest round trip of a connection and lets no more be
/// under way than that one took, so a longer path would stay slow for as long as the connection.
#[derive(Debug, Default)]
pub(super) struct PathLength {
    shortest: Option<Duration>,
    longer_secs: u32,
}

impl PathLength {
    /// Notes the round trip of a second, and whether more waited in it than could go.
    pub(super) fn note(&mut self, rtt: Duration, was_full: bool) {
        let shortest = self.shortest.map_or(rtt, |shortest| shortest.min(rtt));
        self.shortest = Some(shortest);
        let is_longer = rtt
            > shortest
                .saturating_mul(LONGER_BY)
                .saturating_add(LONGER_MIN);
        self.longer_secs = match (is_longer, was_full) {
            (false, _) => 0,
            (true, false) => self.longer_secs,
            (true, true) => self.longer_secs.saturating_add(1),
        };
    }

    /// Whether it is another path than the connection knows.
    pub(super) const fn is_another(&self) -> bool {
        self.longer_secs >= LONGER_SECS
    }
}

/// After so many seconds in which the hub owed an answer and nothing of it came, the path has broken.
const BROKEN_SECS: u32 = 3;

/// How long a path holds before it breaks, as on a link that comes and goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Holding {
    /// Seconds since it last broke in which the hub was heard.
    held_secs: u32,
    /// Those before it last broke.
    before_secs: Option<u32>,
    silent_secs: u32,
}

impl Holding {
    /// Notes whether the hub was heard in a second, and whether it owed an answer.
    pub(super) const fn note(&mut self, is_heard: bool, is_owed: bool) {
        if is_heard {
            self.held_secs = self.held_secs.saturating_add(1);
            self.silent_secs = 0;
        } else if is_owed {
            self.silent_secs = self.silent_secs.saturating_add(1);
            if self.silent_secs == BROKEN_SECS {
                self.broke();
            }
        }
    }

    /// The path is gone; another connection counts as that too.
    pub(super) const fn broke(&mut self) {
        if self.held_secs > 0 {
            self.before_secs = Some(self.held_secs);
            self.held_secs = 0;
        }
    }

    /// How long it holds, as far as that is known: one that has held for longer than before holds
    /// at least that long.
    pub(super) fn holds(&self) -> Option<Duration> {
        let secs = self.before_secs?.max(self.held_secs);
        Some(Duration::from_secs(u64::from(secs)))
    }
}

/// What a path shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PathState {
    /// The hub is heard, or owes nothing.
    Lives,
    /// The hub is silent for longer than its answer takes.
    Owes,
    /// Not even what keeps the path alive was answered.
    Silent,
}

/// When the hub was last heard of.
#[derive(Debug, Default)]
pub(super) struct PathWatch {
    heard: u64,
    heard_at: Duration,
    /// Since when the hub owes an answer.
    owed_since: Option<Duration>,
}

impl PathWatch {
    pub(super) const fn new(now: Duration) -> Self {
        Self {
            heard: 0,
            heard_at: now,
            owed_since: None,
        }
    }

    /// Notes how much was heard of the hub by now, and whether it owes an answer; gives what that
    /// shows.
    pub(super) fn note(&mut self, figures: PathFigures, is_owed: bool, now: Duration) -> PathState {
        if figures.heard != self.heard {
            self.heard = figures.heard;
            self.heard_at = now;
        }
        self.owed_since = is_owed.then(|| self.owed_since.unwrap_or(now));
        let round_trips = figures.rtt.saturating_mul(PATIENCE_ROUND_TRIPS);
        let patience = KEEP_ALIVE.saturating_add(PATIENCE_MIN.max(round_trips));
        let owes_too_long = self.owed_since.is_some_and(|since| {
            now.saturating_sub(since.max(self.heard_at)) > OWED_MIN.max(round_trips)
        });
        match now.saturating_sub(self.heard_at) > patience {
            true => PathState::Silent,
            false if owes_too_long => PathState::Owes,
            false => PathState::Lives,
        }
    }
}

/// Which carrier won last, and when QUIC was last found not to.
#[derive(Debug, Default)]
pub(super) struct Preference {
    quic_failed_at: Option<Duration>,
}

impl Preference {
    /// Notes who won.
    pub(super) const fn won(&mut self, carrier: Carrier, now: Duration) {
        self.quic_failed_at = match carrier {
            Carrier::Quic => None,
            Carrier::Tcp => Some(now),
        };
    }

    /// Whom to try first.
    pub(super) fn first(&self, retry: Duration, now: Duration) -> Carrier {
        match self.quic_failed_at {
            Some(at) if now < at.saturating_add(retry) => Carrier::Tcp,
            _ => Carrier::Quic,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn seconds(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    #[test]
    fn a_path_that_became_longer_is_another_one_when_it_lasts() {
        let (near, far) = (Duration::from_millis(3), Duration::from_millis(200));
        let mut path = PathLength::default();
        path.note(near, true);
        for _ in 1..LONGER_SECS {
            path.note(far, true);
        }
        // What has nothing to send does not suffer.
        path.note(far, false);
        assert!(!path.is_another());
        path.note(far, true);
        assert!(path.is_another());
        path.note(near * 2, true);
        assert!(!path.is_another());
        let mut always_far = PathLength::default();
        for _ in 0..60 {
            always_far.note(far, true);
            always_far.note(far * 3, true);
        }
        assert!(!always_far.is_another());
    }

    #[test]
    fn how_long_a_path_holds_is_known_once_it_has_broken() {
        let mut holding = Holding::default();
        let mut pass = |heard, silent| {
            (0..heard).for_each(|_| holding.note(true, true));
            (0..silent).for_each(|_| holding.note(false, true));
            holding.holds().map(|holds| holds.as_secs())
        };
        assert_eq!(pass(4, 2), None);
        assert_eq!(pass(2, 3), Some(6));
        assert_eq!(pass(1, 7), Some(1));
        assert_eq!(pass(3, 0), Some(3));
        assert_eq!(pass(90, 0), Some(93));
        // A hub that owes nothing may be silent.
        (0..9).for_each(|_| holding.note(false, false));
        assert_eq!(holding.holds(), Some(seconds(93)));
        // What another connection follows is over, once.
        holding.broke();
        holding.broke();
        assert_eq!(holding.holds(), Some(seconds(93)));
    }

    #[test]
    fn a_path_is_silent_when_the_keep_alive_is_not_answered() {
        let rtt = Duration::from_millis(100);
        let mut path = PathWatch::new(seconds(100));
        let mut note = |heard, rtt, now| path.note(figures(heard, rtt), false, seconds(now));
        assert_eq!(note(7, rtt, 101), PathState::Lives);
        assert_eq!(note(7, rtt, 108), PathState::Lives);
        assert_eq!(note(7, rtt, 109), PathState::Silent);
        assert_eq!(note(8, rtt, 110), PathState::Lives);
        // Two seconds of round trip are no loss.
        assert_eq!(note(8, seconds(2), 123), PathState::Lives);
        assert_eq!(note(8, seconds(2), 124), PathState::Silent);
    }

    #[test]
    fn a_hub_that_owes_an_answer_is_missed_sooner() {
        let rtt = Duration::from_millis(100);
        let mut path = PathWatch::new(seconds(0));
        let mut note =
            |heard, rtt, is_owed, now| path.note(figures(heard, rtt), is_owed, seconds(now));
        // What it owes counts from when it came to owe it, and from when it was last heard.
        assert_eq!(note(1, rtt, false, 0), PathState::Lives);
        assert_eq!(note(1, rtt, true, 5), PathState::Lives);
        assert_eq!(note(1, rtt, true, 6), PathState::Lives);
        assert_eq!(note(1, rtt, true, 7), PathState::Owes);
        assert_eq!(note(2, rtt, true, 8), PathState::Lives);
        assert_eq!(note(2, rtt, false, 15), PathState::Lives);
        assert_eq!(note(3, seconds(2), true, 16), PathState::Lives);
        assert_eq!(note(3, seconds(2), true, 24), PathState::Lives);
        assert_eq!(note(3, seconds(2), true, 25), PathState::Owes);
    }

    fn figures(heard: u64, rtt: Duration) -> PathFigures {
        PathFigures {
            heard,
            rtt,
            ..PathFigures::default()
        }
    }

    #[test]
    fn tcp_is_kept_for_a_while_and_quic_for_ever() {
        let mut preference = Preference::default();
        assert_eq!(preference.first(seconds(600), seconds(5)), Carrier::Quic);
        preference.won(Carrier::Tcp, seconds(10));
        assert_eq!(preference.first(seconds(600), seconds(609)), Carrier::Tcp);
        assert_eq!(preference.first(seconds(600), seconds(610)), Carrier::Quic);
        preference.won(Carrier::Quic, seconds(11));
        assert_eq!(preference.first(seconds(600), seconds(12)), Carrier::Quic);
    }
}
