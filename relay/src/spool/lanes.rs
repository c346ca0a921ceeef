//! One of something for each lane, found without a bounds check.

use protocol::ids::Lane;

/// Five values, by lane.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct ByLane<T>(pub(super) [T; 5]);

impl<T> ByLane<T> {
    pub(super) fn from_fn(make: impl FnMut(Lane) -> T) -> Self {
        Self(Lane::ALL.map(make))
    }

    pub(super) const fn get(&self, lane: Lane) -> &T {
        let [l0, l1, l2, l3, l4] = &self.0;
        match lane {
            Lane::Control => l0,
            Lane::Errors => l1,
            Lane::Logs => l2,
            Lane::Traces => l3,
            Lane::Blobs => l4,
        }
    }

    pub(super) const fn get_mut(&mut self, lane: Lane) -> &mut T {
        let [l0, l1, l2, l3, l4] = &mut self.0;
        match lane {
            Lane::Control => l0,
            Lane::Errors => l1,
            Lane::Logs => l2,
            Lane::Traces => l3,
            Lane::Blobs => l4,
        }
    }
}
