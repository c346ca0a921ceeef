//! How many new issues a project may still make in this hour. What is beyond shares one issue, so
//! that errors none of which is like another cost no more than others do. Its events are kept.
//!
//! Counted in memory: a hub that starts again begins the hour anew.

use std::collections::HashMap;

use protocol::ids::ProjectId;
use protocol::timestamp::Timestamp;

use crate::store::hashes::GroupHash;

/// What the shared issue is bound by. No event has it: those are digests.
pub(super) const HASH: GroupHash = *b"new issues limit";
/// The shared issue's title.
pub(super) const TITLE: &str = "More new issues than a project may have in an hour";
/// The same as an issue's metadata.
pub(super) const METADATA: &str =
    r#"{"title":"More new issues than a project may have in an hour"}"#;

/// New issues by project.
pub(super) type Made = HashMap<ProjectId, u32>;

/// The new issues of an hour.
#[derive(Clone, Debug)]
pub(super) struct NewIssues {
    most: u32,
    hour: i64,
    made: Made,
}

impl NewIssues {
    pub(super) fn new(most: u32) -> Self {
        Self {
            most,
            hour: i64::MIN,
            made: Made::new(),
        }
    }

    /// Begins a new hour when it has come.
    pub(super) fn turn(&mut self, now: Timestamp) {
        if self.hour != now.hour() {
            self.hour = now.hour();
            self.made.clear();
        }
    }

    /// Whether the project may make one more, when it has made these in the transaction.
    pub(super) fn has_room(&self, project: ProjectId, in_transaction: u32) -> bool {
        let made = self.made.get(&project).copied().unwrap_or_default();
        made.saturating_add(in_transaction) < self.most
    }

    /// Counts what a transaction made.
    pub(super) fn add(&mut self, made: &Made) {
        for (project, n) in made {
            let sum = self.made.entry(*project).or_default();
            *sum = sum.saturating_add(*n);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_project_has_room_again_in_the_next_hour() {
        let project = |id| ProjectId::new(id).unwrap();
        let mut new = NewIssues::new(3);
        let now = Timestamp::from_millis(1_767_323_045_000);
        new.turn(now);
        assert!(new.has_room(project(1), 2) && !new.has_room(project(1), 3));
        new.add(&Made::from([(project(1), 2)]));
        new.turn(now.plus_millis(1));
        assert!(new.has_room(project(1), 0) && !new.has_room(project(1), 1));
        assert!(new.has_room(project(2), 2));
        new.turn(now.plus_millis(3_600_000));
        assert!(new.has_room(project(1), 2));
    }
}
