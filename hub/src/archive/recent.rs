//! Chunks that were read lately, bounded in bytes.

use std::collections::HashMap;
use std::sync::Arc;

use super::StoredEvent;

/// A pack's number and a chunk's offset in it.
type Key = (u64, u64);

#[derive(Debug)]
pub(super) struct Recent {
    chunks: HashMap<Key, Entry>,
    bytes: usize,
    bytes_max: usize,
    /// Counts uses; the entry used longest ago goes first.
    uses: u64,
}

#[derive(Debug)]
struct Entry {
    events: Arc<Vec<StoredEvent>>,
    bytes: usize,
    used: u64,
}

impl Recent {
    pub(super) fn new(bytes_max: usize) -> Self {
        Self {
            chunks: HashMap::new(),
            bytes: 0,
            bytes_max,
            uses: 0,
        }
    }

    pub(super) fn get(&mut self, key: Key) -> Option<Arc<Vec<StoredEvent>>> {
        self.uses += 1;
        let entry = self.chunks.get_mut(&key)?;
        entry.used = self.uses;
        Some(Arc::clone(&entry.events))
    }

    pub(super) fn put(&mut self, key: Key, events: Arc<Vec<StoredEvent>>, bytes: usize) {
        if bytes > self.bytes_max {
            return;
        }
        self.uses += 1;
        let used = self.uses;
        self.bytes += bytes;
        let entry = Entry {
            events,
            bytes,
            used,
        };
        if let Some(before) = self.chunks.insert(key, entry) {
            self.bytes -= before.bytes;
        }
        while self.bytes > self.bytes_max {
            let oldest = self.chunks.iter().min_by_key(|(_, entry)| entry.used);
            let Some(key) = oldest.map(|(key, _)| *key) else {
                return;
            };
            self.remove(key);
        }
    }

    /// Forgets every chunk of a pack.
    pub(super) fn forget(&mut self, pack: u64) {
        let keys: Vec<Key> = self.chunks.keys().copied().collect();
        for key in keys.into_iter().filter(|(number, _)| *number == pack) {
            self.remove(key);
        }
    }

    fn remove(&mut self, key: Key) {
        if let Some(entry) = self.chunks.remove(&key) {
            self.bytes -= entry.bytes;
        }
    }
}
