//! Slows down who guesses passwords. Pure: time is an argument.
//!
//! Three counts of failures, each forgotten an hour after its last: by account and address
//! (waits double from the sixth on), by address (so that one address cannot try many accounts),
//! by account (so that many addresses cannot share the work). An address that logged in to the
//! account before is held to the first alone: a stranger slows down strangers, never the owner.
//! Memory is bounded by [`ENTRIES_MAX`] per count; the entry touched longest ago goes first.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::time::Duration;

use protocol::timestamp::Timestamp;

/// Most entries of each count.
const ENTRIES_MAX: usize = 10_000;
/// Failures are forgotten after this, in milliseconds.
const FORGET_MS: i64 = 3_600_000;
/// Failures by one address on one account that cost nothing.
const FREE_BY_PAIR: u32 = 5;
/// Failures by one address on any account that cost nothing.
const FREE_BY_ADDRESS: u32 = 30;
/// Guesses on one account from addresses unknown to it, per hour.
const FREE_BY_ACCOUNT: u32 = 100;
/// The longest wait.
const WAIT_MAX_MS: i64 = 15 * 60_000;

/// Whether a login may be tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It may.
    Allowed,
    /// Not yet.
    Wait(Duration),
}

#[derive(Clone, Copy, Debug)]
struct Failures {
    n: u32,
    last: Timestamp,
}

/// The counts.
#[derive(Debug, Default)]
pub(crate) struct Throttle {
    pairs: HashMap<(String, IpAddr), Failures>,
    addresses: HashMap<IpAddr, Failures>,
    accounts: HashMap<String, Failures>,
    known: HashMap<(String, IpAddr), Failures>,
}

impl Throttle {
    /// Whether a login to `account` from `address` may be tried at `now`.
    pub(crate) fn check(&self, now: Timestamp, account: &str, address: IpAddr) -> Verdict {
        let pair = (account.to_owned(), address);
        let mut millis = wait(now, self.pairs.get(&pair), FREE_BY_PAIR);
        if !self.known.contains_key(&pair) {
            let by_address = wait(now, self.addresses.get(&address), FREE_BY_ADDRESS);
            let by_account = wait(now, self.accounts.get(account), FREE_BY_ACCOUNT);
            millis = millis.max(by_address).max(by_account);
        }
        match u64::try_from(millis) {
            Ok(millis) if millis > 0 => Verdict::Wait(Duration::from_millis(millis)),
            _ => Verdict::Allowed,
        }
    }

    /// A login begins. It counts as failed until [`Throttle::succeeded`] says otherwise, so that
    /// guesses sent all at once are counted too.
    pub(crate) fn begin(&mut self, now: Timestamp, account: &str, address: IpAddr) {
        let pair = (account.to_owned(), address);
        if !self.known.contains_key(&pair) {
            count(&mut self.accounts, account.to_owned(), now);
        }
        count(&mut self.pairs, pair, now);
        count(&mut self.addresses, address, now);
    }

    /// A login succeeded.
    pub(crate) fn succeeded(&mut self, now: Timestamp, account: &str, address: IpAddr) {
        let pair = (account.to_owned(), address);
        self.pairs.remove(&pair);
        uncount(&mut self.addresses, &address);
        uncount(&mut self.accounts, account);
        count(&mut self.known, pair, now);
    }
}

/// Milliseconds still to wait: doubling from one second with each failure beyond the free ones.
fn wait(now: Timestamp, failures: Option<&Failures>, free: u32) -> i64 {
    let Some(failures) = failures else { return 0 };
    let since = now.millis_since(failures.last);
    if failures.n < free || since >= FORGET_MS {
        return 0;
    }
    let doublings = (failures.n - free).min(20);
    let due = (1000_i64 << doublings).min(WAIT_MAX_MS);
    (due - since).max(0)
}

fn count<K: Hash + Eq + Clone>(entries: &mut HashMap<K, Failures>, key: K, now: Timestamp) {
    if entries.len() >= ENTRIES_MAX && !entries.contains_key(&key) {
        entries.retain(|_, failures| now.millis_since(failures.last) < FORGET_MS);
        if entries.len() >= ENTRIES_MAX {
            let oldest = entries.iter().min_by_key(|(_, failures)| failures.last);
            if let Some(oldest) = oldest.map(|(key, _)| key.clone()) {
                entries.remove(&oldest);
            }
        }
    }
    let entry = entries.entry(key).or_insert(Failures { n: 0, last: now });
    if now.millis_since(entry.last) >= FORGET_MS {
        entry.n = 0;
    }
    entry.n = entry.n.saturating_add(1);
    entry.last = now;
}

fn uncount<Q, K>(entries: &mut HashMap<K, Failures>, key: &Q)
where
    K: Hash + Eq + std::borrow::Borrow<Q>,
    Q: Hash + Eq + ?Sized,
{
    if let Some(entry) = entries.get_mut(key) {
        entry.n = entry.n.saturating_sub(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOME: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_millis(secs * 1000)
    }

    fn stranger(n: u32) -> IpAddr {
        IpAddr::V4(std::net::Ipv4Addr::from(0x0a00_0000 + n))
    }

    #[test]
    fn waits_double_from_the_sixth_guess_and_end() {
        let mut throttle = Throttle::default();
        for _ in 0..5 {
            assert_eq!(throttle.check(at(0), "a", HOME), Verdict::Allowed);
            throttle.begin(at(0), "a", HOME);
        }
        let wait = |secs| Verdict::Wait(Duration::from_secs(secs));
        assert_eq!(throttle.check(at(0), "a", HOME), wait(1));
        throttle.begin(at(1), "a", HOME);
        assert_eq!(throttle.check(at(1), "a", HOME), wait(2));
        assert_eq!(throttle.check(at(3), "a", HOME), Verdict::Allowed);
        throttle.succeeded(at(3), "a", HOME);
        assert_eq!(throttle.check(at(3), "a", HOME), Verdict::Allowed);
    }

    #[test]
    fn a_stranger_cannot_lock_the_owner_out() {
        let mut throttle = Throttle::default();
        throttle.succeeded(at(0), "owner", HOME);
        for n in 0..500 {
            throttle.begin(at(1), "owner", stranger(n));
        }
        assert!(matches!(
            throttle.check(at(1), "owner", stranger(900)),
            Verdict::Wait(_)
        ));
        assert_eq!(throttle.check(at(1), "owner", HOME), Verdict::Allowed);
    }

    #[test]
    fn memory_stays_bounded() {
        let mut throttle = Throttle::default();
        for n in 0..(u32::try_from(ENTRIES_MAX).unwrap() + 50) {
            throttle.begin(at(i64::from(n)), &n.to_string(), stranger(n));
        }
        assert!(throttle.pairs.len() <= ENTRIES_MAX);
        assert!(throttle.accounts.len() <= ENTRIES_MAX);
        assert!(throttle.addresses.len() <= ENTRIES_MAX);
    }
}
