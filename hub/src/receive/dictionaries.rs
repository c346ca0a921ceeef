//! The dictionaries of a session: relays ask for those that the roster names, and are asked for
//! those that blocks need and that this hub has lost.
//!
//! A hub that was set back to a backup may not have a dictionary that it had published since. The
//! relay that has blocks of it has it, too: the block is not taken, the dictionary is asked for, and
//! the relay sends the block again. Nothing is lost and nothing is compressed again.

use std::collections::BTreeSet;

use protocol::block::Head;
use protocol::dict::{self, DictId, Dictionary};
use protocol::wire::{Dict, DictGet, Frame, Nack, Verdict};

use super::session::refused;
use super::stream::SessionError;
use crate::clock;
use crate::fleet::Fleet;

/// After what time the relay sends a block again; the dictionary is here sooner on most links.
const RETRY_AFTER_MS: u32 = 1000;
/// Most that one session is asked for.
const ASKED_MAX: usize = 8;

/// What this session was asked for.
#[derive(Debug, Default)]
pub(super) struct Lost(BTreeSet<DictId>);

impl Lost {
    /// The answer to a relay's question; none when it is not here.
    pub(super) fn answer(asked: DictGet) -> Option<Frame> {
        let bytes = dict::learnt(asked.id)?.bytes().to_vec();
        Some(Frame::Dict(Dict { bytes }))
    }

    /// What the relay is told of a block that cannot be read here; nothing when it can.
    pub(super) fn missing(&mut self, head: &Head) -> Vec<Frame> {
        let id = head.dict;
        if dict::is_known(id) {
            return Vec::new();
        }
        let mut frames = Vec::new();
        if self.0.len() < ASKED_MAX && self.0.insert(id) {
            tracing::warn!(dictionary = %id, "a block needs a dictionary that is not here; its relay is asked for it");
            frames.push(Frame::DictGet(DictGet { id }));
        }
        frames.push(Frame::Nack(Nack {
            lane: head.lane,
            first_seq: head.first_seq,
            count: head.count,
            reason: format!("dictionary {id} is not here"),
            verdict: Verdict::RetryAfterMillis(RETRY_AFTER_MS),
        }));
        frames
    }

    /// Keeps a dictionary that was asked for.
    pub(super) async fn found(&self, fleet: &Fleet, dict: Dict) -> Result<(), SessionError> {
        let Ok(dictionary) = Dictionary::parse(dict.bytes.into()) else {
            return Err(SessionError::Unexpected("bytes that are no dictionary"));
        };
        if !self.0.contains(&dictionary.id()) {
            return Err(SessionError::Unexpected("dictionary"));
        }
        let kept = fleet.keep_dictionary(&dictionary, clock::now()).await;
        kept.map_err(refused)
    }
}
