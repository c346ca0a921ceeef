//! What the hub tells with its welcome and later: where the spool goes on, and the roster.

use protocol::wire::{Config, ConfigOutcome, ConfigStatus, Cursor, Welcome};

use super::Link;
use super::error::LinkError;
use crate::clock;

/// Puts a roster in force beside the session, since that waits for the disk.
pub(super) async fn apply(link: &Link, config: Config) -> ConfigStatus {
    let roster = link.roster.clone();
    let offered = tokio::task::spawn_blocking(move || roster.offer(&config, clock::now())).await;
    offered.unwrap_or_else(|gone| ConfigStatus {
        version: 0,
        outcome: ConfigOutcome::Rejected,
        reason: gone.to_string(),
    })
}

/// Takes the hub's time from its welcome; gives what it is to be told of the relay's last start.
pub(super) fn welcomed(link: &Link, welcome: &Welcome) -> Option<ConfigStatus> {
    link.roster.note_hub_time(welcome.hub_time, clock::now());
    link.roster.take_notice()
}

/// Goes on behind what the hub has of another start of this relay. The hub let this start in
/// because it had written nothing; what was written since it said so may bear the same numbers.
///
/// # Errors
/// [`LinkError::Spool`], when it does: sending it would lose it.
pub(super) async fn go_on_behind(link: &Link, cursors: &[Cursor]) -> Result<(), LinkError> {
    // Once anything was sent, what the hub has under these numbers is from here.
    if link.shared.lock().blocks_sent > 0 {
        return Ok(());
    }
    for Cursor { lane, upto, .. } in cursors {
        let begin = link.first().get(lane.index()).copied().unwrap_or_default();
        if *upto >= begin {
            link.spool.go_on_behind(*lane, begin, *upto).await?;
            if let Some(first) = link.first().get_mut(lane.index()) {
                *first = upto.next();
            }
        }
    }
    Ok(())
}
