//! How many wrong logins leave an entry of their own. Pure: time is an argument.
//!
//! Who guesses from many addresses is slowed down by account alone, and could fill the audit log:
//! beyond so many of an hour they are counted, and one entry tells how many there were.

use protocol::timestamp::Timestamp;

/// Wrong logins of an hour that each leave an entry.
pub(super) const WRITTEN_MAX: u32 = 100;

/// Wrong logins of this hour, and those that no entry tells of yet.
#[derive(Debug, Default)]
pub(super) struct WrongLogins {
    hour: i64,
    n_written: u32,
    n_left_out: u64,
}

impl WrongLogins {
    /// A login was wrong; answers whether it leaves an entry.
    pub(super) fn is_written(&mut self, now: Timestamp) -> bool {
        if self.hour != now.hour() {
            self.hour = now.hour();
            self.n_written = 0;
        }
        if self.n_written < WRITTEN_MAX {
            self.n_written += 1;
            return true;
        }
        self.n_left_out = self.n_left_out.saturating_add(1);
        false
    }

    /// They could not be told of.
    pub(super) const fn put_back(&mut self, n: u64) {
        self.n_left_out = self.n_left_out.saturating_add(n);
    }

    /// How many are to be told of in one entry, once their hour is over or nothing follows.
    pub(super) fn take_rest(&mut self, now: Timestamp, is_end: bool) -> Option<u64> {
        let is_over = is_end || self.hour != now.hour();
        let n = std::mem::take(&mut self.n_left_out);
        if is_over && n > 0 {
            return Some(n);
        }
        self.n_left_out = n;
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_leaves_so_many_entries_and_one_for_the_rest() {
        let hour = |hours: i64| Timestamp::from_millis(hours * 3_600_000 + 7);
        let mut logins = WrongLogins::default();
        let written = (0..250).filter(|_| logins.is_written(hour(5))).count();
        assert_eq!(written, usize::try_from(WRITTEN_MAX).unwrap());
        assert_eq!(logins.take_rest(hour(5), false), None);
        assert_eq!(logins.take_rest(hour(6), false), Some(150));
        assert_eq!(logins.take_rest(hour(6), true), None);
        assert!(logins.is_written(hour(6)), "another hour");
        for _ in 0..WRITTEN_MAX {
            logins.is_written(hour(6));
        }
        assert_eq!(logins.take_rest(hour(6), true), Some(1));
    }
}
