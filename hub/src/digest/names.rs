//! Which releases and environments there are, as events name them.
//!
//! What names itself anew with every event must not fill the tables, nor the lists that people
//! choose from: beyond so many new names of an hour, a project's further ones are noted as one,
//! which says so. The events keep their own names, and are found by them.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use protocol::ids::ProjectId;
use protocol::timestamp::Timestamp;

use super::effect::Incoming;
use crate::store::releases::{MORE_NAMES, ReleaseSeen};
use crate::store::{StoreError, Write};

/// New releases of a project that are noted in an hour.
pub(super) const RELEASES_MAX: u32 = 200;
/// New environments of a project that are noted in an hour.
pub(super) const ENVIRONMENTS_MAX: u32 = 50;

/// Length of the hour, in milliseconds.
const HOUR_MS: i64 = 3_600_000;

/// When a release was seen: the first time and the last.
type Seen = (Timestamp, Timestamp);

/// Notes the names of these events; gives how many were noted as one.
pub(super) async fn write(
    write: &mut Write,
    now: Timestamp,
    organizations: &HashMap<ProjectId, i64>,
    events: &[&Incoming],
) -> Result<usize, StoreError> {
    let mut releases: BTreeMap<(ProjectId, &str), Seen> = BTreeMap::new();
    let mut environments = BTreeSet::new();
    let mut projects = BTreeSet::new();
    for event in events {
        let project = event.stored.project;
        projects.insert(project);
        environments.insert((project, event.document.environment.as_deref().unwrap_or("")));
        if let Some(version) = event.document.release.as_deref() {
            let seen = (event.first_seen(), event.last_seen());
            see(&mut releases, (project, version), seen);
        }
    }
    let releases = releases
        .into_iter()
        .filter_map(|((project, version), seen)| {
            Some(ReleaseSeen {
                organization: *organizations.get(&project)?,
                project,
                version,
                first_seen: seen.0,
                last_seen: seen.1,
            })
        });
    let (releases, more_releases) = few_releases(write, now, releases.collect()).await?;
    write.see_releases(&releases, now).await?;
    let (environments, more) = few_environments(write, now, environments).await?;
    write.see_environments(&environments, now).await?;
    let projects: Vec<_> = projects.into_iter().collect();
    write.see_first_events(&projects, now).await?;
    Ok(more_releases + more)
}

fn see<'a>(
    releases: &mut BTreeMap<(ProjectId, &'a str), Seen>,
    release: (ProjectId, &'a str),
    at: Seen,
) {
    let seen = releases.entry(release).or_insert(at);
    *seen = (seen.0.min(at.0), seen.1.max(at.1));
}

/// The releases that are known or have room; the others are one.
async fn few_releases<'a>(
    write: &mut Write,
    now: Timestamp,
    seen: Vec<ReleaseSeen<'a>>,
) -> Result<(Vec<ReleaseSeen<'a>>, usize), StoreError> {
    let since = now.plus_millis(-HOUR_MS);
    let mut room: HashMap<ProjectId, u32> = HashMap::new();
    let (mut passed, mut n_more) = (Vec::with_capacity(seen.len()), 0);
    let mut more: HashMap<ProjectId, ReleaseSeen<'a>> = HashMap::new();
    for release in seen {
        if write.is_known_release(&release).await? {
            passed.push(release);
            continue;
        }
        let left = match room.get(&release.project) {
            Some(left) => *left,
            None => {
                let n = write.new_releases(&release, since, RELEASES_MAX).await?;
                RELEASES_MAX.saturating_sub(n)
            }
        };
        room.insert(release.project, left.saturating_sub(1));
        if left > 0 {
            passed.push(release);
            continue;
        }
        n_more += 1;
        let one = more.entry(release.project).or_insert(ReleaseSeen {
            version: MORE_NAMES,
            ..release.clone()
        });
        one.first_seen = one.first_seen.min(release.first_seen);
        one.last_seen = one.last_seen.max(release.last_seen);
    }
    passed.extend(more.into_values());
    Ok((passed, n_more))
}

/// The environments that are known or have room; the others are one.
async fn few_environments<'a>(
    write: &mut Write,
    now: Timestamp,
    seen: BTreeSet<(ProjectId, &'a str)>,
) -> Result<(Vec<(ProjectId, &'a str)>, usize), StoreError> {
    let since = now.plus_millis(-HOUR_MS);
    let mut room: HashMap<ProjectId, u32> = HashMap::new();
    let (mut passed, mut n_more) = (BTreeSet::new(), 0);
    for (project, name) in seen {
        if write.is_known_environment(project, name).await? {
            continue;
        }
        let left = match room.get(&project) {
            Some(left) => *left,
            None => {
                let n = write
                    .new_environments(project, since, ENVIRONMENTS_MAX)
                    .await?;
                ENVIRONMENTS_MAX.saturating_sub(n)
            }
        };
        room.insert(project, left.saturating_sub(1));
        let noted = if left > 0 { name } else { MORE_NAMES };
        n_more += usize::from(left == 0);
        passed.insert((project, noted));
    }
    Ok((passed.into_iter().collect(), n_more))
}
