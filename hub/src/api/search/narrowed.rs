//! The events that a search means, within the issues that it found.

use std::collections::HashMap;

use protocol::timestamp::Timestamp;

use crate::api::ApiState;
use crate::api::error::ApiError;
use crate::api::issue_shape::{Filtered, StatsPeriod};
use crate::api::types::{Series, iso};
use crate::index::{Groups, Look, People, Points, Tally, Wanted};

/// What the index found for what a search demands of events.
pub(in crate::api) struct Narrowed(pub(super) Look);

impl Narrowed {
    /// Figures over the events meant, for issues of a page; issues that have none have no figures.
    pub(in crate::api) async fn figures(
        self,
        state: &ApiState,
        issues: &[i64],
        period: Option<StatsPeriod>,
        now: Timestamp,
    ) -> Result<HashMap<i64, Filtered>, ApiError> {
        let points = period.map_or(Points::NONE, |period| points(period, now));
        let wanted = Wanted {
            groups: Groups::Issues(issues.to_vec()),
            has_rest: false,
            points,
            people: People::OfGroups,
            with_others: false,
        };
        let tallies = state.index.tally(&self.0, wanted).await?;
        let tallies: HashMap<i64, Tally> = issues.iter().copied().zip(tallies).collect();
        let hits = self.0.issues.iter();
        let figures = hits.filter_map(|hit| {
            let tally = tallies.get(&hit.issue)?;
            let stats = period.map(|period| (period.name(), series(points, tally)));
            let figures = Filtered {
                count: hit.events.to_string(),
                user_count: tally.all.people,
                first_seen: iso(hit.first_seen.as_millis()),
                last_seen: iso(hit.last_seen.as_millis()),
                stats: stats.into_iter().collect(),
            };
            Some((hit.issue, figures))
        });
        Ok(figures.collect())
    }
}

/// The steps of a period.
fn points(period: StatsPeriod, now: Timestamp) -> Points {
    let (span, first, last) = period.range(now);
    let width_ms = span * 3_600_000;
    Points {
        from: Timestamp::from_millis(first * width_ms),
        width_ms,
        n: usize::try_from(last - first + 1).unwrap_or(0),
    }
}

/// Begins in Unix seconds, and counts.
fn series(points: Points, tally: &Tally) -> Series {
    let begins = (0..).map(|step| (points.from.as_millis() + step * points.width_ms) / 1000);
    let counts = tally.points.iter();
    let counts = counts.map(|count| i64::try_from(count.events).unwrap_or(i64::MAX));
    begins.zip(counts).collect()
}
