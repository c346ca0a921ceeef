//! What a start finds on the disk, and how much of it is believed.

use std::path::Path;

use protocol::limits::{CONFIG_SIGNATURES_MAX, ROSTER_BYTES_MAX};
use protocol::roster::{ConfigKey, RosterBundle};
use protocol::wire::{Config, ConfigOutcome, ConfigStatus, decode_roster};

use super::check::check_understood;
use super::file::{self, Copy};
use super::keys::{self, Keys};
use super::table::Table;
use super::trial::{self, Found, STARTS_MAX, TRIAL, Trial};
use super::{PROGRAM, RosterError};
use crate::policy::Policy;

/// Reads what one of the believed keys signed. Nothing is decoded before that is known.
pub(super) fn read(
    config: &Config,
    believed: &[ConfigKey],
) -> Result<(RosterBundle, ConfigKey), RosterError> {
    let len = config.bytes.len();
    if len > ROSTER_BYTES_MAX || config.signatures.len() > CONFIG_SIGNATURES_MAX {
        return Err(RosterError::TooLarge { len });
    }
    let signed_by = keys::verify(config, believed)?;
    let bundle = decode_roster(&config.bytes).map_err(|_| RosterError::Unreadable)?;
    Ok((bundle, signed_by))
}

/// Counts a start within a trial; gives the version that is on trial, or what was reverted.
pub(super) fn begin_trial(
    dir: &Path,
) -> Result<(Option<Trial>, Option<ConfigStatus>), RosterError> {
    match trial::judge(trial::read(dir)) {
        Found::Nothing => Ok((None, None)),
        Found::GoesOn(trial) => {
            trial::write(dir, trial)?;
            Ok((Some(trial), None))
        }
        // The relay ended after the mark was made and before the roster was there.
        Found::Failed(trial) if !lies_there(dir, trial) => {
            trial::clear(dir)?;
            Ok((None, None))
        }
        Found::Failed(trial) => {
            let why = format!(
                "relay was started {STARTS_MAX} times within {} s of taking it",
                TRIAL.as_secs()
            );
            Ok((None, Some(revert(dir, trial, &why)?)))
        }
    }
}

/// Puts the previous copy in the newest one's place; gives what the hub is to be told.
pub(super) fn revert(dir: &Path, trial: Trial, why: &str) -> Result<ConfigStatus, RosterError> {
    let version = trial.version;
    trial::note_reverted(dir, version)?;
    file::revert(dir)?;
    trial::clear(dir)?;
    tracing::error!(roster.version = version, why, "roster is reverted");
    Ok(ConfigStatus {
        version,
        outcome: ConfigOutcome::Reverted,
        reason: why.to_owned(),
    })
}

/// What a start can use.
pub(super) struct Loaded {
    pub(super) table: Option<Table>,
    /// Keys that are to be pinned because of it: the relay ended between keeping a roster and
    /// pinning the key that it names.
    pub(super) keys: Option<Keys>,
}

/// The newest copy that can be believed. Nothing is changed on the disk.
pub(super) fn load(dir: &Path, key_dir: &Path, policy: &Policy) -> Result<Loaded, RosterError> {
    let pinned = keys::read(key_dir)?;
    for which in [Copy::Newest, Copy::Previous] {
        let config = match file::read(dir, which) {
            Ok(None) => continue,
            Ok(Some(config)) => config,
            Err(error @ RosterError::Damaged { .. }) => {
                tracing::warn!(%error, "trying the copy before it");
                continue;
            }
            Err(error) => return Err(error),
        };
        match believe(&config, pinned.as_ref(), policy) {
            Ok((table, next_key)) => {
                let keys = next_key.map(|next| Keys {
                    current: next,
                    previous: pinned.map(|pinned| pinned.current),
                });
                return Ok(Loaded {
                    table: Some(table),
                    keys,
                });
            }
            Err(error) => {
                let path = which.path(dir);
                tracing::warn!(path = %path.display(), %error, "roster on disk is not believed");
            }
        }
    }
    Ok(Loaded {
        table: None,
        keys: None,
    })
}

/// A copy from the disk, if it is to be used; and a key that is to be pinned because of it.
fn believe(
    config: &Config,
    pinned: Option<&Keys>,
    policy: &Policy,
) -> Result<(Table, Option<ConfigKey>), RosterError> {
    let pinned = pinned.ok_or(RosterError::NoKey)?;
    let believed: Vec<ConfigKey> = [pinned.current]
        .into_iter()
        .chain(pinned.previous)
        .collect();
    let (bundle, signed_by) = read(config, &believed)?;
    check_understood(&bundle, PROGRAM)?;
    bundle.check_bounds()?;
    let next_key = bundle.config_key.filter(|key| !pinned.trusts(key));
    let table = Table::build(bundle, signed_by, policy)?;
    Ok((table, next_key))
}

/// Whether what is on trial is the newest copy. It is not decoded to tell: what it holds may be
/// what the relay does not stand.
fn lies_there(dir: &Path, trial: Trial) -> bool {
    let newest = file::read(dir, Copy::Newest);
    newest.is_ok_and(|newest| newest.is_some_and(|config| trial.is_of(&config)))
}
