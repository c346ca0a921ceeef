//! The dictionaries of a session: relays ask for those that the roster names, and are asked for
//! those that blocks need and that this hub has lost.
//!
//! A hub that was set back to a backup may not have a dictionary that it had published since. The
//! relay that has blocks of it has it, too: the block is not taken, the dictionary is asked for, and
//! the relay sends the block again. Nothing is lost and nothing is compressed again.
//!
//! A relay that has lost it too must not wait for it for ever, and all its other records with it:
//! after a while its blocks are taken, and the digest sets aside what it cannot read.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use protocol::block::Head;
use protocol::dict::{self, DictId, Dictionary};
use protocol::ids::RelayId;
use protocol::wire::{Dict, DictGet, Frame, Nack, Verdict};
use tokio::time::Instant;

use super::session::refused;
use super::stream::SessionError;
use crate::clock;
use crate::fleet::Fleet;

/// After what time the relay sends a block again; the dictionary is here sooner on most links.
const RETRY_AFTER_MS: u32 = 1000;
/// Most that one session is asked for.
const ASKED_MAX: usize = 8;

/// How long a relay has for sending a dictionary: enough for a thin link that is away for a while.
const PATIENCE: Duration = Duration::from_secs(600);
/// Most relays and dictionaries that are waited for; beyond it, waiting begins anew for all.
const AWAITED_MAX: usize = 4096;

/// The dictionaries that relays were asked for, over all their sessions, and since when.
#[derive(Debug, Default)]
pub(super) struct Awaited(Mutex<HashMap<(RelayId, DictId), Instant>>);

impl Awaited {
    /// Whether a relay may still send a dictionary; the first question begins its time.
    pub(super) fn may_come(&self, relay: RelayId, id: DictId, now: Instant) -> bool {
        let mut awaited = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if awaited.len() >= AWAITED_MAX && !awaited.contains_key(&(relay, id)) {
            awaited.clear();
        }
        let since = *awaited.entry((relay, id)).or_insert(now);
        now.saturating_duration_since(since) < PATIENCE
    }
}

/// What this session's relay was asked for, each with what it is told once that is here.
#[derive(Debug, Default)]
pub(super) struct Lost(BTreeMap<DictId, Nack>);

impl Lost {
    /// The answer to a relay's question; none when it is not here.
    pub(super) fn answer(asked: DictGet) -> Option<Frame> {
        let bytes = dict::learnt(asked.id)?.bytes().to_vec();
        Some(Frame::Dict(Dict { bytes }))
    }

    /// What the relay is asked for, for a block that cannot be read here; once in a session.
    ///
    /// The block is refused when the dictionary is here: a relay ends its connection with a refusal,
    /// and what it was about to send with it.
    pub(super) fn missing(&mut self, head: &Head) -> Option<Frame> {
        let id = head.dict;
        if self.0.len() >= ASKED_MAX || self.0.contains_key(&id) {
            return None;
        }
        tracing::warn!(dictionary = %id, "a block needs a dictionary that is not here; its relay is asked for it");
        let refusal = Nack {
            lane: head.lane,
            first_seq: head.first_seq,
            count: head.count,
            reason: format!("dictionary {id} was not here"),
            verdict: Verdict::RetryAfterMillis(RETRY_AFTER_MS),
        };
        self.0.insert(id, refusal);
        Some(Frame::DictGet(DictGet { id }))
    }

    /// Keeps a dictionary that was asked for; gives what the relay is told then.
    pub(super) async fn found(&self, fleet: &Fleet, dict: Dict) -> Result<Frame, SessionError> {
        let Ok(dictionary) = Dictionary::parse(dict.bytes.into()) else {
            return Err(SessionError::Unexpected("bytes that are no dictionary"));
        };
        let Some(refusal) = self.0.get(&dictionary.id()) else {
            return Err(SessionError::Unexpected("dictionary"));
        };
        let kept = fleet.keep_dictionary(&dictionary, clock::now()).await;
        kept.map_err(refused)?;
        Ok(Frame::Nack(refusal.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dictionary_that_nobody_has_is_not_waited_for_without_end() {
        let awaited = Awaited::default();
        let (relay, other) = (RelayId::from_bytes([1; 16]), RelayId::from_bytes([2; 16]));
        let began = Instant::now();
        let later = began + PATIENCE;
        let check = |relay, id, now, may_come| {
            assert_eq!(awaited.may_come(relay, DictId(id), now), may_come);
        };
        check(relay, 7, began, true);
        check(relay, 7, later - Duration::from_secs(1), true);
        check(relay, 7, later, false);
        check(relay, 8, later, true);
        check(other, 7, later, true);
    }
}
