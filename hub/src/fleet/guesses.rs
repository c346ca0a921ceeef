//! Slows down who guesses join tokens. Pure: time is an argument.
//!
//! Counted by address, forgotten an hour after the last wrong token: the first few cost nothing,
//! then waits double. How often one token was guessed at is kept with the token itself, by the
//! store. Memory is bounded; the address heard of longest ago goes first.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use protocol::timestamp::Timestamp;

/// Most addresses that are counted.
const ADDRESSES_MAX: usize = 4096;
/// Wrong tokens of one address that cost nothing.
const FREE: u32 = 5;
/// The longest wait, in milliseconds.
const WAIT_MAX_MS: i64 = 15 * 60_000;
/// Wrong tokens are forgotten after this, in milliseconds.
const FORGET_MS: i64 = 3_600_000;

/// The counts.
#[derive(Debug, Default)]
pub(super) struct Guesses(HashMap<IpAddr, Wrong>);

#[derive(Clone, Copy, Debug)]
struct Wrong {
    n: u32,
    last: Timestamp,
}

impl Guesses {
    /// How long an address has to wait before its next token is looked at; zero when it has not.
    pub(super) fn wait(&self, from: IpAddr, now: Timestamp) -> Duration {
        let Some(wrong) = self.0.get(&counted(from)) else {
            return Duration::ZERO;
        };
        let passed = now.millis_since(wrong.last);
        // A clock that was set back must not lock anybody out.
        if wrong.n <= FREE || !(0..FORGET_MS).contains(&passed) {
            return Duration::ZERO;
        }
        let wait = 1000_i64.saturating_mul(1 << (wrong.n - FREE - 1).min(20));
        let left = wait.min(WAIT_MAX_MS).saturating_sub(passed);
        Duration::from_millis(u64::try_from(left).unwrap_or_default())
    }

    /// Notes a wrong token.
    pub(super) fn note(&mut self, from: IpAddr, now: Timestamp) {
        let from = counted(from);
        if self.0.len() >= ADDRESSES_MAX && !self.0.contains_key(&from) {
            let oldest = self.0.iter().min_by_key(|(_, wrong)| wrong.last);
            if let Some(oldest) = oldest.map(|(address, _)| *address) {
                self.0.remove(&oldest);
            }
        }
        let wrong = self.0.entry(from).or_insert(Wrong { n: 0, last: now });
        let is_forgotten = !(0..FORGET_MS).contains(&now.millis_since(wrong.last));
        wrong.n = if is_forgotten {
            1
        } else {
            wrong.n.saturating_add(1)
        };
        wrong.last = now;
    }
}

/// One host has a whole network of IPv6 addresses.
fn counted(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => {
            let network = address.to_bits() & (u128::MAX << 64);
            Ipv6Addr::from_bits(network).into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_767_323_045_678);

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn waits_double_from_the_sixth_wrong_token_on_and_have_a_bound() {
        let mut guesses = Guesses::default();
        let from = address("203.0.113.9");
        for _ in 0..5 {
            guesses.note(from, NOW);
            assert_eq!(guesses.wait(from, NOW), Duration::ZERO);
        }
        let mut waits = Vec::new();
        for _ in 0..40 {
            guesses.note(from, NOW);
            waits.push(guesses.wait(from, NOW).as_secs());
        }
        assert_eq!(waits[..5], [1, 2, 4, 8, 16]);
        assert_eq!(waits.last(), Some(&900));
        assert_eq!(guesses.wait(address("203.0.113.8"), NOW), Duration::ZERO);
        let later = NOW.plus_millis(FORGET_MS);
        assert_eq!(guesses.wait(from, later), Duration::ZERO);
        assert_eq!(guesses.wait(from, NOW.plus_millis(-1)), Duration::ZERO);
    }

    #[test]
    fn a_network_of_ipv6_addresses_counts_as_one() {
        let mut guesses = Guesses::default();
        for host in 0..7 {
            guesses.note(address(&format!("2001:db8::{host}")), NOW);
        }
        let wait = |text| guesses.wait(address(text), NOW);
        assert_eq!(wait("2001:db8::99").as_secs(), 2);
        assert_eq!(wait("2001:db8:0:1::1"), Duration::ZERO);
    }

    #[test]
    fn memory_is_bounded_and_who_was_heard_of_last_stays() {
        let mut guesses = Guesses::default();
        for n in 0..10_000_u32 {
            let from = IpAddr::from(n.to_be_bytes());
            guesses.note(from, NOW.plus_millis(i64::from(n)));
        }
        assert_eq!(guesses.0.len(), ADDRESSES_MAX);
        assert!(
            guesses
                .0
                .contains_key(&IpAddr::from(9_999_u32.to_be_bytes()))
        );
    }
}
