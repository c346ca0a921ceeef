//! How far releases have come: whether many sessions are theirs, were, or never.

use std::collections::{BTreeMap, BTreeSet};

use protocol::timestamp::Timestamp;
use serde_json::Value;

use super::{HOUR_MILLIS, HOURS, ROWS_MAX, counted, each, text};
use crate::api::ApiState;
use crate::api::error::ApiError;
use crate::api::types::stored_object;
use crate::store::items::ItemRow;

/// A release is adopted when at least one of so many sessions of an environment is its own.
const ONE_OF: u64 = 10;
const DAY_MILLIS: i64 = 24 * HOUR_MILLIS;

/// How far a release has come; what is not told of has few sessions or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::api) enum Stage {
    /// Within a day, an environment has many of its sessions.
    Adopted,
    /// An environment had so on a day of the last two weeks, and none has now.
    Replaced,
}

/// The releases of a project that are or were adopted, by what was told of their sessions within
/// two weeks.
pub(in crate::api) async fn stages(
    state: &ApiState,
    project: i64,
    now: Timestamp,
) -> Result<Vec<(String, Stage)>, ApiError> {
    let mut days = Days::default();
    let since = now.plus_millis(-HOURS * HOUR_MILLIS);
    each(state, project, since, ROWS_MAX, |row| days.add(row, now)).await?;
    Ok(days.stages())
}

/// Sessions by day (0 is the last one) and environment, and there by release.
#[derive(Default)]
struct Days(BTreeMap<(i64, String), BTreeMap<String, u64>>);

impl Days {
    fn add(&mut self, row: &ItemRow, now: Timestamp) {
        let facts = stored_object(&row.item.facts);
        let sessions = if row.item.kind == "sessions" {
            let counts = counted(&facts).into_iter();
            counts.fold(0, |sum: u64, (_, n)| sum.saturating_add(n))
        } else {
            u64::from(facts.get("init") == Some(&Value::Bool(true)))
        };
        let age = now.as_millis() - row.item.timestamp.as_millis();
        self.count(
            age.max(0) / DAY_MILLIS,
            text(&facts, "environment"),
            text(&facts, "release"),
            sessions,
        );
    }

    fn count(&mut self, day: i64, environment: &str, release: &str, sessions: u64) {
        // What names no environment is no deployment that a release could be adopted in.
        if environment.is_empty() || release.is_empty() {
            return;
        }
        let releases = self.0.entry((day, environment.to_owned())).or_default();
        let n = releases.entry(release.to_owned()).or_default();
        *n = n.saturating_add(sessions);
    }

    fn stages(self) -> Vec<(String, Stage)> {
        let (mut now, mut before) = (BTreeSet::new(), BTreeSet::new());
        for ((day, _), releases) in self.0 {
            let all = releases
                .values()
                .fold(0, |sum: u64, n| sum.saturating_add(*n));
            let many = releases
                .into_iter()
                .filter(|(_, n)| *n > 0 && n.saturating_mul(ONE_OF) >= all);
            let many = many.map(|(release, _)| release);
            if day == 0 {
                now.extend(many);
            } else {
                before.extend(many);
            }
        }
        let replaced: Vec<String> = before.difference(&now).cloned().collect();
        let adopted = now.into_iter().map(|release| (release, Stage::Adopted));
        let replaced = replaced
            .into_iter()
            .map(|release| (release, Stage::Replaced));
        adopted.chain(replaced).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_are_adopted_where_one_of_ten_sessions_is_theirs() {
        let mut days = Days::default();
        days.count(0, "production", "shop@2", 10);
        days.count(0, "production", "shop@1", 90);
        days.count(0, "production", "shop@0", 1);
        days.count(3, "production", "shop@0", 500);
        days.count(3, "production", "shop@1", 500);
        days.count(0, "staging", "shop@3", 1);
        days.count(0, "", "shop@4", 1000);
        let expected = [
            ("shop@1", Stage::Adopted),
            ("shop@3", Stage::Adopted),
            ("shop@0", Stage::Replaced),
        ];
        // 10 of 101 is less than a tenth.
        let expected = expected.map(|(release, stage)| (release.to_owned(), stage));
        assert_eq!(days.stages(), expected);
    }
}
