//! How requests ended: counts by status, the time until the answer, what privacy rules removed.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use protocol::privacy::{Hits, Rule};

/// Upper bounds of the latency histogram, in microseconds.
pub const LATENCY_BOUNDS: [u64; 12] = [
    500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 250_000, 500_000, 1_000_000,
    2_500_000,
];

/// A handle on the counters.
#[derive(Clone, Debug, Default)]
pub struct Meter(Arc<Counters>);

#[derive(Debug, Default)]
struct Counters {
    by_status: Mutex<BTreeMap<u16, u64>>,
    latency: [AtomicU64; LATENCY_BOUNDS.len()],
    latency_n: AtomicU64,
    latency_sum_us: AtomicU64,
    by_rule: [AtomicU64; Rule::ALL.len()],
}

impl Meter {
    /// A request was answered.
    pub fn answered(&self, status: u16, took: Duration) {
        let counters = &*self.0;
        let mut by_status = counters
            .by_status
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *by_status.entry(status).or_default() += 1;
        drop(by_status);
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        for (bound, n) in LATENCY_BOUNDS.iter().zip(&counters.latency) {
            if micros <= *bound {
                n.fetch_add(1, Ordering::Relaxed);
            }
        }
        counters.latency_n.fetch_add(1, Ordering::Relaxed);
        counters.latency_sum_us.fetch_add(micros, Ordering::Relaxed);
    }

    /// Privacy rules removed something.
    pub fn scrubbed(&self, hits: &[Hits]) {
        for (rule, n) in hits.iter().flat_map(Hits::iter) {
            if let Some(counter) = self.0.by_rule.get(rule as usize) {
                counter.fetch_add(u64::from(n), Ordering::Relaxed);
            }
        }
    }

    /// Requests by status.
    #[must_use]
    pub fn by_status(&self) -> BTreeMap<u16, u64> {
        let by_status = self
            .0
            .by_status
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        by_status.clone()
    }

    /// Requests at or below each of [`LATENCY_BOUNDS`], all of them, and the sum of their times.
    #[must_use]
    pub fn latency(&self) -> (Vec<u64>, u64, Duration) {
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        (
            self.0.latency.iter().map(load).collect(),
            load(&self.0.latency_n),
            Duration::from_micros(load(&self.0.latency_sum_us)),
        )
    }

    /// How often each privacy rule removed something.
    #[must_use]
    pub fn by_rule(&self) -> Vec<(Rule, u64)> {
        let counts = self.0.by_rule.iter().map(|n| n.load(Ordering::Relaxed));
        Rule::ALL.into_iter().zip(counts).collect()
    }
}
