//! Which events are beyond the first of a minute.

use std::collections::HashMap;
use std::time::Duration;

use protocol::fold::Key;
use protocol::ids::ProjectId;

/// Length of the span in which events are counted.
const MINUTE: Duration = Duration::from_secs(60);
/// Most projects that are counted.
const PROJECTS_MAX: usize = 10_000;
/// Most kinds that are told apart of one project.
pub(super) const KINDS_MAX: usize = 500;
/// And of all projects together.
const KINDS_IN_ALL_MAX: usize = 10_000;

/// The events of a minute, counted.
#[derive(Debug)]
pub(super) struct Storms {
    after: u32,
    /// Minutes since the clock began.
    minute: u128,
    projects: HashMap<ProjectId, Sent>,
    kinds: HashMap<Key, u32>,
}

/// What a project sent.
#[derive(Clone, Copy, Debug, Default)]
struct Sent {
    events: u32,
    kinds: usize,
}

impl Storms {
    pub(super) fn new(after: u32) -> Self {
        Self {
            after,
            minute: 0,
            projects: HashMap::new(),
            kinds: HashMap::new(),
        }
    }

    /// Counts an event; whether its project sends so much that its kind matters.
    pub(super) fn is_stormy(&mut self, project: ProjectId, now: Duration) -> bool {
        let minute = now.as_nanos() / MINUTE.as_nanos();
        if minute != self.minute {
            self.minute = minute;
            self.projects.clear();
            self.kinds.clear();
        }
        if self.projects.len() >= PROJECTS_MAX && !self.projects.contains_key(&project) {
            return false;
        }
        let sent = self.projects.entry(project).or_default();
        sent.events = sent.events.saturating_add(1);
        sent.events > self.after
    }

    /// Counts an event of a kind; whether enough of it go as they are.
    pub(super) fn is_surplus(&mut self, project: ProjectId, kind: Key) -> bool {
        if let Some(n) = self.kinds.get_mut(&kind) {
            *n = n.saturating_add(1);
            return *n > self.after;
        }
        let sent = self.projects.entry(project).or_default();
        if sent.kinds < KINDS_MAX && self.kinds.len() < KINDS_IN_ALL_MAX {
            sent.kinds += 1;
            self.kinds.insert(kind, 1);
        }
        false
    }
}
