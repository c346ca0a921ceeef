//! The ids of events that were kept of late, and whether they were told with others: such an event
//! leaves no id at the hub, which could else tell that it comes a second time.

use std::collections::hash_map::RandomState;
use std::collections::{HashMap, VecDeque};
use std::hash::BuildHasher as _;

use protocol::block::Items;
use protocol::item::ItemKind;

/// Most ids that are remembered, of all projects; 64 bits of each.
pub(super) const RECENT_MAX: usize = 1 << 17;

/// Ids of events, the last ones.
#[derive(Debug, Default)]
pub(super) struct Recent {
    /// Nobody outside can make two ids that look alike.
    hasher: RandomState,
    /// Whether each was told with others.
    known: HashMap<u64, bool>,
    order: VecDeque<u64>,
}

impl Recent {
    /// What stands for an event; `None` of what is more or other than one error event, such as a
    /// report about an event, which has its id.
    pub(super) fn name(&self, items: &Items) -> Option<u64> {
        let id = items.event_id?;
        let [item] = items.items.as_slice() else {
            return None;
        };
        let is_event = ItemKind::from_name(&item.kind) == ItemKind::Event;
        is_event.then(|| self.hasher.hash_one((items.project, id)))
    }

    /// Whether an event of this name is durable already.
    pub(super) fn knows(&self, name: u64) -> bool {
        self.known.contains_key(&name)
    }

    /// The same, and told with others.
    pub(super) fn was_folded(&self, name: u64) -> bool {
        self.known.get(&name).copied().unwrap_or_default()
    }

    /// Remembers one that is durable now, and forgets the oldest beyond the bound.
    pub(super) fn remember(&mut self, name: u64, is_folded: bool) {
        if let Some(was_folded) = self.known.get_mut(&name) {
            *was_folded |= is_folded;
            return;
        }
        if self.order.len() >= RECENT_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
        self.known.insert(name, is_folded);
        self.order.push_back(name);
    }
}
