//! Which flows there are: bounded, and the silent ones are forgotten. Time is an argument.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

/// How long a flow stays that the hub never answered: what is no relay takes no place for long.
const UNANSWERED: Duration = Duration::from_secs(15);

/// A flow's times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Times {
    /// When anything last passed.
    pub(super) last: Duration,
    /// Whether the hub ever answered.
    pub(super) is_answered: bool,
}

impl Times {
    fn is_over(self, idle: Duration, now: Duration) -> bool {
        let patience = match self.is_answered {
            true => idle,
            false => idle.min(UNANSWERED),
        };
        now.saturating_sub(self.last) > patience
    }
}

/// Flows by where their relay is.
#[derive(Debug)]
pub(super) struct Table<F> {
    flows: HashMap<SocketAddr, F>,
    flows_max: usize,
    idle: Duration,
}

impl<F> Table<F> {
    pub(super) fn new(flows_max: usize, idle: Duration) -> Self {
        Self {
            flows: HashMap::new(),
            flows_max,
            idle,
        }
    }

    pub(super) fn get(&self, relay: &SocketAddr) -> Option<&F> {
        self.flows.get(relay)
    }

    pub(super) fn has_room(&self) -> bool {
        self.flows.len() < self.flows_max
    }

    pub(super) fn insert(&mut self, relay: SocketAddr, flow: F) {
        self.flows.insert(relay, flow);
    }

    pub(super) fn len(&self) -> usize {
        self.flows.len()
    }

    /// Forgets flows that were silent for too long.
    pub(super) fn sweep(&mut self, now: Duration, times: impl Fn(&F) -> Times) {
        let idle = self.idle;
        self.flows.retain(|_, flow| !times(flow).is_over(idle, now));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn seconds(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    #[test]
    fn flows_are_bounded_and_silent_ones_are_forgotten() {
        let mut table = Table::new(2, seconds(90));
        let relay = |n| SocketAddr::from(([10, 0, 0, n], 4900));
        let times = |last, is_answered| Times {
            last: seconds(last),
            is_answered,
        };
        table.insert(relay(1), times(100, true));
        assert!(table.has_room());
        table.insert(relay(2), times(100, false));
        assert!(!table.has_room());
        table.sweep(seconds(115), |flow| *flow);
        assert_eq!(table.len(), 2);
        table.sweep(seconds(116), |flow| *flow);
        assert!(table.get(&relay(1)).is_some() && table.get(&relay(2)).is_none());
        table.sweep(seconds(190), |flow| *flow);
        assert_eq!(table.len(), 1);
        table.sweep(seconds(191), |flow| *flow);
        assert_eq!(table.len(), 0);
    }
}
