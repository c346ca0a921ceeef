//! Decides whether a key, a project or an organization may send more; takes the time as an argument.
//!
//! An account of a quota without a burst has a window that slides ([`window`]); one with a burst
//! has a bucket that fills ([`bucket`]).
//!
//! What always holds: in no stretch of time as long as the window is more allowed than the quota,
//! and the burst where there is one; a quota that changes forgets nothing of what was allowed;
//! at most [`ACCOUNTS_MAX`] accounts are remembered. The time is one that never goes back; should
//! it do so, it counts as standing still.

mod bucket;
mod window;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use protocol::ids::PublicKey;
use protocol::item::Category;
use protocol::roster::RateLimit;

use bucket::Bucket;
use window::Window;

/// Most accounts that are remembered; beyond it the one unused for longest is forgotten.
pub const ACCOUNTS_MAX: usize = 10_000;

/// Every account.
#[derive(Debug, Default)]
pub struct Limiter {
    accounts: HashMap<Place, Account>,
}

/// What a limit is counted for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Place {
    /// What a key sends of a category.
    Key(PublicKey, Category),
    /// What several keys send, by a name.
    Shared(Arc<str>),
}

/// The answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Go on; it is counted.
    Allowed,
    /// Not before `retry_after`; nothing is counted.
    Refused {
        /// Which of the limits says so, by its place in the list.
        by: usize,
        /// How long until one item may come again.
        retry_after: Duration,
    },
}

/// What was allowed in one place.
#[derive(Debug)]
struct Account {
    /// What it was asked for last.
    limit: RateLimit,
    count: Count,
    last_used: Duration,
}

#[derive(Debug)]
enum Count {
    Window(Window),
    Bucket(Bucket, u64),
}

impl Limiter {
    /// Takes `n` items out of every limit, or out of none. `now` counts from any fixed moment.
    pub fn take(&mut self, limits: &[(Place, RateLimit)], n: u64, now: Duration) -> Verdict {
        let mut longest = None;
        for (by, (place, limit)) in limits.iter().enumerate() {
            if let Some(wait) = self.account(place, *limit, now).refuses(n)
                && longest.is_none_or(|(_, longest)| wait > longest)
            {
                longest = Some((by, wait));
            }
        }
        if let Some((by, retry_after)) = longest {
            return Verdict::Refused { by, retry_after };
        }
        for (place, limit) in limits {
            self.account(place, *limit, now).count(n);
        }
        Verdict::Allowed
    }

    fn account(&mut self, place: &Place, limit: RateLimit, now: Duration) -> &mut Account {
        if !self.accounts.contains_key(place) && self.accounts.len() >= ACCOUNTS_MAX {
            self.forget_one();
        }
        let account = self.accounts.entry(place.clone());
        let account = account.or_insert_with(|| Account::new(limit, 0, now));
        account.ask(limit, now);
        account
    }

    fn forget_one(&mut self) {
        let oldest = self.accounts.iter().min_by_key(|(_, a)| a.last_used);
        if let Some(place) = oldest.map(|(place, _)| place.clone()) {
            self.accounts.remove(&place);
        }
    }
}

impl Account {
    fn new(limit: RateLimit, used: u64, now: Duration) -> Self {
        let count = match limit.burst {
            None => Count::Window(Window::new(limit, used, now)),
            Some(burst) => Count::Bucket(Bucket::new(limit, burst, used, now), burst),
        };
        Self {
            limit,
            count,
            last_used: now,
        }
    }

    /// Goes on to this time, and to this limit if it is another.
    fn ask(&mut self, limit: RateLimit, now: Duration) {
        let now = now.max(self.last_used);
        self.last_used = now;
        let shape = |limit: RateLimit| (limit.window_secs, limit.burst);
        if shape(limit) != shape(self.limit) {
            let used = match &mut self.count {
                Count::Window(window) => window.used_at(now),
                Count::Bucket(bucket, burst) => bucket.used_at(self.limit, *burst, now),
            };
            *self = Self::new(limit, used, now);
        }
        self.limit = limit;
    }

    /// How long `n` items must wait, if they must.
    fn refuses(&mut self, n: u64) -> Option<Duration> {
        match &mut self.count {
            Count::Window(window) => window.refuses(n, self.limit, self.last_used),
            Count::Bucket(bucket, burst) => bucket.refuses(n, self.limit, *burst, self.last_used),
        }
    }

    /// Counts what is not refused.
    fn count(&mut self, n: u64) {
        match &mut self.count {
            Count::Window(window) => window.count(n, self.last_used),
            Count::Bucket(bucket, _) => bucket.take(n),
        }
    }
}

#[cfg(test)]
mod tests;
