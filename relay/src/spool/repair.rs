//! What opening would do, done now and for every byte, with a report.
//!
//! Opening looks at what was written last; damage elsewhere is found by the reader that comes to
//! it. Here every segment is read first, and what is damaged is set aside and counted at once.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::PathBuf;

use protocol::ids::Seq;
use protocol::outcome::Term;
use serde::Serialize;

use super::command::Command;
use super::inspect::{Finding, InspectError, Inspector};
use super::{Config, Keys, Spool, SpoolError};
use crate::ledger::Ledger;

/// What was repaired.
#[derive(Clone, Debug, Serialize)]
pub struct Repaired {
    /// What was damaged before.
    pub found: Vec<Finding>,
    /// What is damaged still, and not set aside.
    pub left: Vec<Finding>,
    /// What was newly counted as lost; of what cannot be told apart each record is one.
    pub lost: u64,
    /// Segments that were newly set aside.
    pub set_aside: u64,
    /// Unfinished writes that were cut away.
    pub torn: u64,
    /// Damages that cost nothing, because a second copy was there.
    pub second_copies: u64,
}

/// Why nothing was repaired.
#[derive(Debug, thiserror::Error)]
pub enum RepairError {
    /// The spool cannot be read.
    #[error(transparent)]
    Inspect(#[from] InspectError),
    /// The spool cannot be opened or written.
    #[error(transparent)]
    Spool(#[from] SpoolError),
    /// The index cannot be removed.
    #[error("index {} cannot be removed: {source}", .dir.display())]
    Index {
        /// Which.
        dir: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// Repairs the spool; no relay may have it open.
///
/// # Errors
/// [`RepairError`]; [`SpoolError::InUse`] while a relay runs, and then nothing was changed.
pub async fn repair(config: &Config) -> Result<Repaired, RepairError> {
    let keys = Keys::load(config).map_err(SpoolError::from)?;
    let before = Inspector::open(&config.dir, keys.clone())?;
    if before.is_running() {
        let dir = config.dir.clone();
        return Err(SpoolError::InUse { dir }.into());
    }
    let found = before.verify()?.findings;
    let lost_before = corrupt(&before)?;
    let quarantined_before = before.list()?.quarantined;
    remove_index(config)?;
    let spool = Spool::open(config, Ledger::default())?;
    let damaged: BTreeSet<_> = found
        .iter()
        .filter(|finding| !finding.is_known && finding.what.is_loss())
        .filter_map(|finding| Some((finding.lane?, finding.serial?)))
        .collect();
    for (lane, serial) in damaged {
        // Nothing is under way: the hub's next cursor says what it has.
        let damaged = |done| Command::Damaged {
            lane,
            serial,
            from: Seq(1),
            done,
        };
        spool.control(damaged).await?;
    }
    let status = spool.status();
    spool.close().await?;
    drop(spool);
    let after = Inspector::open(&config.dir, keys)?;
    let left = after.verify()?.findings.into_iter();
    Ok(Repaired {
        found,
        left: left.filter(|finding| !finding.is_known).collect(),
        lost: corrupt(&after)?.saturating_sub(lost_before),
        set_aside: status.quarantined.saturating_sub(quarantined_before),
        torn: status.torn,
        second_copies: status.repaired,
    })
}

/// What the ledger has counted as damaged.
fn corrupt(inspector: &Inspector) -> Result<u64, InspectError> {
    let totals = inspector.totals()?;
    let of_term = totals
        .iter()
        .filter(|(account, _)| account.term == Term::Corrupt);
    Ok(of_term.map(|(_, n)| n).sum())
}

/// The segments can tell again what it holds.
fn remove_index(config: &Config) -> Result<(), RepairError> {
    let dir = config.dir.join("index");
    match fs::remove_dir_all(&dir) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            Err(RepairError::Index { dir, source })
        }
        _ => Ok(()),
    }
}
