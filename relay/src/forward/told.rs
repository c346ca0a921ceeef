//! The roster on its way in, and what became of it on its way out.

use protocol::wire::{Config, ConfigOutcome, ConfigStatus, Welcome};

use super::Link;
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
