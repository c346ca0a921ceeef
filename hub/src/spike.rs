//! Limits against spikes that are reached: notes when each begins and ends, and tells people.
//!
//! Relays refuse what is beyond a project's limit and count it; the counts come with what is not
//! beyond. A spike begins with the first of them and has ended when none came for a while. What
//! begins or ends is told in the transaction that notes it, to whom the project's alert rules
//! tell, so that a crash neither loses nor repeats it.
//!
//! What it never does: send, or read the clock. The app says what time it is.

use std::collections::BTreeSet;

use protocol::ids::ProjectId;
use protocol::timestamp::Timestamp;
use serde_json::json;

use crate::store::spikes::{Refused, SpikeRow};
use crate::store::{Store, StoreError};

/// How long nothing more is refused before a spike has ended, in milliseconds.
const QUIET_MS: i64 = 10 * 60_000;

/// What a look at a project's counts says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// Nothing was refused since the last one ended.
    Nothing,
    /// The first errors are refused.
    Begins {
        /// How many.
        refused: i64,
    },
    /// It goes on.
    GoesOn {
        /// Errors that it refused so far.
        refused: i64,
    },
    /// It is over.
    Ends,
}

/// What follows from the last spike of a project and all that was ever refused.
fn step(last: Option<&SpikeRow>, total: i64, now: Timestamp) -> Step {
    let counted = last.map_or(0, |last| last.counted);
    let open = last.filter(|last| last.ended_at.is_none());
    match open {
        None if total > counted => Step::Begins {
            refused: total - counted,
        },
        Some(open) if total > counted => Step::GoesOn {
            refused: open.refused + total - counted,
        },
        Some(open) if now.as_millis() - open.seen_at >= QUIET_MS => Step::Ends,
        None | Some(_) => Step::Nothing,
    }
}

/// Looks at every project; answers how many notifications were written.
///
/// # Errors
/// [`StoreError`]; then all of it is done the next time.
pub async fn look(store: &Store, public_url: &str, now: Timestamp) -> Result<usize, StoreError> {
    let mut n_written = 0;
    for project in store.refused_as_spikes().await? {
        let last = store.last_spike(project.project_id).await?;
        let step = step(last.as_ref(), project.total, now);
        let at = now.as_millis();
        let row = match (step, last) {
            (Step::Begins { refused }, _) => SpikeRow {
                id: 0,
                project_id: project.project_id,
                began_at: at,
                seen_at: at,
                ended_at: None,
                refused,
                counted: project.total,
            },
            (Step::GoesOn { refused }, Some(last)) => SpikeRow {
                seen_at: at,
                refused,
                counted: project.total,
                ..last
            },
            (Step::Ends, Some(last)) => SpikeRow {
                ended_at: Some(at),
                ..last
            },
            (Step::Nothing | Step::GoesOn { .. } | Step::Ends, _) => continue,
        };
        n_written += note(store, &project, &row, step, public_url, now).await?;
    }
    Ok(n_written)
}

/// Writes what is known of a spike, and who is told of it.
async fn note(
    store: &Store,
    project: &Refused,
    row: &SpikeRow,
    step: Step,
    public_url: &str,
    now: Timestamp,
) -> Result<usize, StoreError> {
    let id = u64::try_from(project.project_id).ok();
    let id = id.and_then(|id| ProjectId::new(id).ok());
    let is_told = matches!(step, Step::Begins { .. } | Step::Ends);
    let rules = match id.filter(|_| is_told) {
        Some(id) => store.enabled_rules(id).await?,
        None => Vec::new(),
    };
    let payload = payload(project, row, public_url).to_string();
    let (mut told, mut n_written) = (BTreeSet::new(), 0);
    let mut write = store.begin().await?;
    write.put_spike(row).await?;
    for rule in &rules {
        for action in &rule.rule.actions {
            let action = serde_json::to_string(action).unwrap_or_default();
            // Several rules may tell the same people.
            if told.insert(action.clone()) {
                let kind = "spike_protection";
                write
                    .add_project_notification(rule.id, kind, &action, &payload, now)
                    .await?;
                n_written += 1;
            }
        }
    }
    write.commit().await?;
    if is_told {
        let (project, refused) = (project.project_id, row.refused);
        let is_over = row.ended_at.is_some();
        tracing::info!(project.id = project, refused, is_over, "spike protection");
    }
    Ok(n_written)
}

/// What a notification says.
fn payload(project: &Refused, row: &SpikeRow, public_url: &str) -> serde_json::Value {
    let base = public_url.trim_end_matches('/');
    let time = |at: i64| Timestamp::from_millis(at).to_rfc3339();
    json!({
        "action": if row.ended_at.is_some() { "resolved" } else { "triggered" },
        "change": "spike_protection",
        "data": {
            "project": {"id": project.project_id.to_string(), "slug": project.slug},
            "refused": row.refused,
            "since": time(row.began_at),
            "until": row.ended_at.map(time),
            "web_url": format!("{base}/organizations/{}/outcomes?project={}",
                project.organization, project.slug),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_767_323_045_000);

    fn row(refused: i64, counted: i64, seen_before: i64, is_open: bool) -> SpikeRow {
        let seen_at = NOW.as_millis() - seen_before;
        SpikeRow {
            id: 1,
            project_id: 1,
            began_at: seen_at,
            seen_at,
            ended_at: (!is_open).then_some(seen_at),
            refused,
            counted,
        }
    }

    #[test]
    fn a_spike_begins_goes_on_ends_once_and_another_begins() {
        let check = |last: Option<SpikeRow>, total: i64, expected: Step| {
            assert_eq!(
                step(last.as_ref(), total, NOW),
                expected,
                "{last:?} {total}"
            );
        };
        check(None, 0, Step::Nothing);
        check(None, 7, Step::Begins { refused: 7 });
        check(Some(row(7, 7, 1000, true)), 9, Step::GoesOn { refused: 9 });
        check(Some(row(9, 9, 1000, true)), 9, Step::Nothing);
        check(Some(row(9, 9, QUIET_MS, true)), 9, Step::Ends);
        check(Some(row(9, 9, QUIET_MS, false)), 9, Step::Nothing);
        check(
            Some(row(9, 9, QUIET_MS, false)),
            12,
            Step::Begins { refused: 3 },
        );
        // Counts of a relay that was set back.
        check(Some(row(9, 9, 1000, true)), 5, Step::Nothing);
    }
}
