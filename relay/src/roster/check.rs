//! What a roster must be before it is put in force, besides signed.

use protocol::roster::RosterBundle;
use protocol::timestamp::Timestamp;

use super::{InForce, RosterError};

/// How far a hub's clock may run ahead of itself between two looks, in milliseconds.
const CLOCK_SLACK_MS: i64 = 5 * 60 * 1000;

/// What this program understands beyond the fields of this version. See [`protocol::roster`].
const UNDERSTOOD: &[&str] = &[];

/// The oldest thing a version may say of itself is three numbers: `1.2.3`.
type Version = (u64, u64, u64);

/// Checks everything that needs no compiling; `false` means the roster is in force already.
pub(super) fn is_news(
    bundle: &RosterBundle,
    in_force: Option<InForce>,
    reverted: Option<u64>,
    hub_now: Timestamp,
    program: &str,
) -> Result<bool, RosterError> {
    let version = bundle.version;
    if version == 0 {
        return Err(RosterError::Unreadable);
    }
    if let Some(in_force) = in_force {
        if version == in_force.version {
            return Ok(false);
        }
        if version < in_force.version {
            return Err(RosterError::Older {
                version,
                in_force: in_force.version,
            });
        }
    }
    if reverted == Some(version) {
        return Err(RosterError::RevertedBefore { version });
    }
    if bundle.issued_at.millis_since(hub_now) > CLOCK_SLACK_MS {
        return Err(RosterError::NotYet { version });
    }
    check_understood(bundle, program)?;
    bundle.check_bounds()?;
    let had_projects = in_force.is_some_and(|in_force| in_force.n_projects > 0);
    if bundle.projects.is_empty() && had_projects && !bundle.is_emptied {
        return Err(RosterError::Emptied { version });
    }
    let keys = bundle.projects.iter().flat_map(|project| &project.keys);
    let quotas = bundle.projects.iter().flat_map(|project| &project.quotas);
    let limits = keys.filter_map(|key| key.rate_limit);
    let mut limits = limits.chain(quotas.map(|quota| quota.limit));
    if limits.any(|limit| limit.window_secs == 0) {
        return Err(RosterError::Window { version });
    }
    Ok(true)
}

/// Whether this program is new enough; also asked of what lies on the disk, since a relay may have
/// been set back to an earlier program.
pub(super) fn check_understood(bundle: &RosterBundle, program: &str) -> Result<(), RosterError> {
    let wanted = &bundle.min_version;
    if !wanted.is_empty() {
        let is_new_enough = match (parse(wanted), parse(program)) {
            (Some(wanted), Some(program)) => program >= wanted,
            _ => false,
        };
        if !is_new_enough {
            return Err(RosterError::Program {
                wanted: wanted.chars().take(32).collect(),
            });
        }
    }
    let unknown = |name: &&String| !UNDERSTOOD.contains(&name.as_str());
    match bundle.requires.iter().find(unknown) {
        Some(name) => Err(RosterError::Requires {
            name: name.chars().take(64).collect(),
        }),
        None => Ok(()),
    }
}

/// What stands behind the numbers, as in `1.2.3-beta`, is not looked at.
fn parse(text: &str) -> Option<Version> {
    let numbers = text.split(['-', '+']).next()?;
    let mut parts = numbers.split('.').map(|part| part.parse::<u64>().ok());
    let version = (parts.next()??, parts.next()??, parts.next()??);
    parts.next().is_none().then_some(version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_by_their_numbers() {
        let check = |wanted: &str, program: &str, is_right: bool| {
            let bundle = RosterBundle {
                min_version: wanted.to_owned(),
                ..RosterBundle::default()
            };
            assert_eq!(
                check_understood(&bundle, program).is_ok(),
                is_right,
                "{wanted} {program}"
            );
        };
        check("", "0.1.0", true);
        check("0.1.0", "0.1.0", true);
        check("0.9.0", "0.10.0", true);
        check("1.0.0", "0.99.99", false);
        check("0.2.0", "0.2.0-beta", true);
        check("soon", "0.1.0", false);
        check("1.0", "2.0.0", false);
    }
}
