//! Whose turn it is: the most important lane first, and a share for every other that waits.

use protocol::ids::Lane;

/// Of what others send, a waiting lane is owed one part in this many.
const SHARE: u64 = 20;
/// A lane takes its share when it is owed this many bytes.
const QUANTUM_BYTES: u64 = 64 * 1024;

/// What each lane is owed.
#[derive(Debug, Default)]
pub(super) struct Turns {
    owed: [u64; Lane::ALL.len()],
}

impl Turns {
    /// The lane to send from, among those that wait.
    pub(super) fn pick(&self, waiting: [bool; Lane::ALL.len()]) -> Option<Lane> {
        let waits = |lane: &Lane| waiting.get(lane.index()).copied().unwrap_or_default();
        let is_owed = |lane: &Lane| {
            let owed = self.owed.get(lane.index()).copied();
            owed.unwrap_or_default() >= QUANTUM_BYTES
        };
        let lanes = || Lane::ALL.into_iter().filter(waits);
        lanes().find(is_owed).or_else(|| lanes().next())
    }

    /// Notes that a lane has sent, while these waited.
    pub(super) fn sent(&mut self, sender: Lane, bytes: u64, waiting: [bool; Lane::ALL.len()]) {
        for ((lane, owed), waits) in Lane::ALL.into_iter().zip(&mut self.owed).zip(waiting) {
            if lane == sender {
                *owed = owed.saturating_sub(bytes);
            } else if waits {
                *owed = owed.saturating_add(bytes / SHARE);
            } else {
                *owed = 0;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_lane_goes_first_and_the_others_get_their_share() {
        let waiting =
            Lane::ALL.map(|lane| matches!(lane, Lane::Errors | Lane::ErrorsBacklog | Lane::Blobs));
        let mut turns = Turns::default();
        let mut sent = [0_u64; Lane::COUNT];
        for _ in 0..10_000 {
            let lane = turns.pick(waiting).unwrap();
            sent[lane.index()] += 16 * 1024;
            turns.sent(lane, 16 * 1024, waiting);
        }
        let all: u64 = sent.iter().sum();
        let share = |lane: Lane| sent[lane.index()] * 1000 / all;
        assert!(share(Lane::Errors) > 880, "{sent:?}");
        assert!(share(Lane::ErrorsBacklog) >= 40, "{sent:?}");
        assert!(share(Lane::Blobs) >= 40, "{sent:?}");
        assert_eq!(share(Lane::Control) + share(Lane::Logs), 0);
    }

    #[test]
    fn nobody_waits_nobody_goes() {
        assert_eq!(Turns::default().pick([false; Lane::COUNT]), None);
    }
}
