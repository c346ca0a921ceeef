//! What the hub tells with its welcome and later: where the spool goes on, and the roster.

use protocol::ids::{Lane, Seq};
use protocol::wire::{
    Config, ConfigOutcome, ConfigStatus, Cursor, Gap, GapReason, Rewind, Welcome,
};

use super::Link;
use super::error::LinkError;
use super::outbox::ByLane;
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

/// Takes the hub's time from its welcome.
pub(super) fn welcomed(link: &Link, welcome: &Welcome) {
    link.roster.note_hub_time(welcome.hub_time, clock::now());
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

/// Says that the hub was set back: what it lost is sent again as far as it is kept.
pub(super) fn note_rewind(rewind: &Rewind) {
    let lanes: Vec<Lane> = rewind.cursors.iter().map(|cursor| cursor.lane).collect();
    tracing::warn!(
        ?lanes,
        "hub was set back to a backup, what is kept of what it had is sent again"
    );
}

/// Says which records the hub had and has no more, and cannot get again. What they were, both
/// sides' books tell: they differ by just these.
pub(super) fn note_unkept(gap: &Gap, floors: &ByLane<Seq>) {
    let floor = floors.get(gap.lane.index()).copied().unwrap_or_default();
    if gap.reason == GapReason::Delivered && gap.upto > floor {
        let n = gap.upto.0.saturating_sub(gap.from.0).saturating_add(1);
        tracing::warn!(
            lane = %gap.lane,
            from = gap.from.0,
            upto = gap.upto.0,
            n,
            "hub lost records that it had and that are kept no more: see `spool.retain_acked`"
        );
    }
}
