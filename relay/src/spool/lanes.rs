//! One of something for each lane, found without a bounds check.

use protocol::ids::Lane;
use serde::{Deserialize, Serialize};

/// A value for each lane, most important first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct ByLane<T>(pub(super) [T; Lane::COUNT]);

impl<T> ByLane<T> {
    pub(super) fn from_fn(make: impl FnMut(Lane) -> T) -> Self {
        Self(Lane::ALL.map(make))
    }

    pub(super) const fn get(&self, lane: Lane) -> &T {
        let [
            control,
            errors,
            control_backlog,
            errors_backlog,
            logs,
            traces,
            blobs,
        ] = &self.0;
        match lane {
            Lane::Control => control,
            Lane::Errors => errors,
            Lane::ControlBacklog => control_backlog,
            Lane::ErrorsBacklog => errors_backlog,
            Lane::Logs => logs,
            Lane::Traces => traces,
            Lane::Blobs => blobs,
        }
    }

    pub(super) const fn get_mut(&mut self, lane: Lane) -> &mut T {
        let [
            control,
            errors,
            control_backlog,
            errors_backlog,
            logs,
            traces,
            blobs,
        ] = &mut self.0;
        match lane {
            Lane::Control => control,
            Lane::Errors => errors,
            Lane::ControlBacklog => control_backlog,
            Lane::ErrorsBacklog => errors_backlog,
            Lane::Logs => logs,
            Lane::Traces => traces,
            Lane::Blobs => blobs,
        }
    }
}
