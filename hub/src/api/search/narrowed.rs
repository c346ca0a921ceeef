//! The events that a search means, within the issues that it found.

use std::collections::HashMap;

use protocol::timestamp::Timestamp;

use crate::api::ApiState;
use crate::api::error::ApiError;
use crate::api::issue_shape::{Filtered, StatsPeriod};
use crate::api::types::{Series, iso};
use crate::index::{IssueHit, Search};

/// What a search demands of events, and what the index found for it.
pub(in crate::api) struct Narrowed {
    /// The question.
    pub(super) search: Search,
    /// The issues that have such events.
    pub(super) hits: Vec<IssueHit>,
}

impl Narrowed {
    /// Figures over the events meant, for issues of a page; issues that have none have no figures.
    pub(in crate::api) async fn figures(
        self,
        state: &ApiState,
        issues: &[i64],
        periods: &[StatsPeriod],
        now: Timestamp,
    ) -> Result<HashMap<i64, Filtered>, ApiError> {
        if issues.is_empty() {
            return Ok(HashMap::new());
        }
        let of_page = Search {
            issues: Some(issues.to_vec()),
            ..self.search
        };
        let users = state.index.users(of_page.clone()).await?;
        let mut stats: HashMap<i64, HashMap<&'static str, Series>> = HashMap::new();
        for period in periods {
            let series = series(state, &of_page, issues, *period, now).await?;
            for (issue, series) in series {
                stats
                    .entry(issue)
                    .or_default()
                    .insert(period.name(), series);
            }
        }
        let hits = self.hits.into_iter();
        Ok(hits
            .filter(|hit| issues.contains(&hit.issue))
            .map(|hit| {
                let figures = Filtered {
                    count: hit.events.to_string(),
                    user_count: users.get(&hit.issue).copied().unwrap_or(0),
                    first_seen: iso(hit.first_seen.as_millis()),
                    last_seen: iso(hit.last_seen.as_millis()),
                    stats: stats.remove(&hit.issue).unwrap_or_default(),
                };
                (hit.issue, figures)
            })
            .collect())
    }
}

async fn series(
    state: &ApiState,
    search: &Search,
    issues: &[i64],
    period: StatsPeriod,
    now: Timestamp,
) -> Result<Vec<(i64, Series)>, ApiError> {
    let (span, first, last) = period.range(now);
    let point_ms = span * 3_600_000;
    let begin = Timestamp::from_millis(first * point_ms);
    let recent = Search {
        from: Some(search.from.map_or(begin, |from| from.max(begin))),
        ..search.clone()
    };
    let counts = state.index.histogram(recent, point_ms).await?;
    let count = |issue: i64, at: i64| counts.get(&(issue, at * point_ms)).copied();
    let series_of = |issue: i64| -> Series {
        (first..=last)
            .map(|at| {
                let n = count(issue, at).unwrap_or(0);
                (at * span * 3600, i64::try_from(n).unwrap_or(i64::MAX))
            })
            .collect()
    };
    Ok(issues
        .iter()
        .map(|issue| (*issue, series_of(*issue)))
        .collect())
}
