//! The dictionaries that the roster names: asked for, kept, used; given back to a hub that lost one.
//!
//! What always holds: nothing is compressed with a dictionary that is not on this relay's disk and
//! that the roster in force, which the hub signed, does not name by its SHA-256. A dictionary that
//! cannot be had costs bytes and nothing else: the one built in serves.

use protocol::dict::{self, DictId, DictKind, Dictionary};
use protocol::wire::{Dict, DictGet, Frame};

use super::Link;
use crate::roster::Roster;
use crate::spool::Spool;

/// Uses what the roster names and the spool has; gives what is to be asked for.
pub(super) fn settle(roster: &Roster, spool: &Spool) -> Vec<DictId> {
    let named = roster.dictionaries();
    let chosen: Vec<(DictKind, DictId)> = named
        .iter()
        .filter_map(|dict| Some((dict.kind()?, dict.id)))
        .collect();
    if let Err(error) = spool.use_dictionaries(&chosen) {
        tracing::debug!(%error, "a dictionary that is not needed stays on the disk");
    }
    let kept = spool.dictionaries();
    let missing = chosen.into_iter().map(|(_, id)| id);
    missing.filter(|id| !kept.contains(id)).collect()
}

/// The same beside the session, since it may wait for the disk: what is to be asked for.
pub(super) async fn missing(link: &Link) -> Vec<Frame> {
    let missing = beside(link, settle).await.unwrap_or_default();
    let ask = |id| Frame::DictGet(DictGet { id });
    missing.into_iter().map(ask).collect()
}

/// Keeps and uses a dictionary that was asked for; what the roster does not name is passed over.
pub(super) async fn take(link: &Link, dict: Dict) {
    let dictionary = match Dictionary::parse(dict.bytes.into()) {
        Ok(dictionary) => dictionary,
        Err(error) => {
            tracing::warn!(%error, "the hub sent what is no dictionary; it is not used");
            return;
        }
    };
    let (id, sha256) = (dictionary.id(), dictionary.sha256());
    let named = link.roster.dictionaries();
    if !named
        .iter()
        .any(|dict| dict.id == id && dict.sha256 == sha256)
    {
        tracing::debug!(dictionary = %id, "the roster does not name this dictionary");
        return;
    }
    let kept = beside(link, move |roster, spool| {
        let kept = spool.keep_dictionary(&dictionary);
        let _still_missing = settle(roster, spool);
        kept
    });
    match kept.await {
        Some(Ok(true)) => {
            tracing::info!(dictionary = %id, "new blocks use a dictionary of the hub");
        }
        Some(Ok(false)) => tracing::debug!(
            dictionary = %id,
            "the spool keeps as many dictionaries as it may, until older blocks are delivered"
        ),
        Some(Err(error)) => tracing::warn!(
            dictionary = %id, %error,
            "dictionary is not kept and not used; the next connection asks for it again"
        ),
        None => {}
    }
}

/// The answer to a hub that has lost a dictionary which a block needs; none when it is not here.
pub(super) fn answer(asked: DictGet) -> Option<Frame> {
    let bytes = dict::learnt(asked.id)?.bytes().to_vec();
    Some(Frame::Dict(Dict { bytes }))
}

/// Does something that may wait for the disk; nothing comes of it when the relay is ending.
async fn beside<T: Send + 'static>(
    link: &Link,
    work: impl FnOnce(&Roster, &Spool) -> T + Send + 'static,
) -> Option<T> {
    let (roster, spool) = (link.roster.clone(), link.spool.clone());
    let done = tokio::task::spawn_blocking(move || work(&roster, &spool));
    done.await.ok()
}
