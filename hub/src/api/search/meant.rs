//! Events that were looked for, and figures over them within issues.

use std::collections::{HashMap, HashSet};

use protocol::timestamp::Timestamp;
use tokio::sync::OnceCell;

use super::plan::Counted;
use crate::api::ApiState;
use crate::api::error::ApiError;
use crate::api::issue_shape::{Filtered, StatsPeriod};
use crate::api::types::{Series, iso};
use crate::index::{Groups, IssueHit, Look, People, Points, Search, Tally, Wanted};
use crate::store::issue_condition::IssueColumn;
use crate::store::issue_list::IssueSort;
use crate::store::place::Place;

/// What the index found.
///
/// Events that were told with a stored one are counted unless the search demands something of
/// events: what it asks for may be another of theirs.
pub(in crate::api) struct Meant {
    look: Look,
    with_others: bool,
    /// How many people met those of each issue, once that was asked for.
    people: OnceCell<HashMap<i64, u64>>,
}

impl Meant {
    /// Looks for the events of a search.
    pub(super) async fn look(state: &ApiState, search: Search) -> Result<Self, ApiError> {
        let with_others = search.filter.is_everything();
        let look = state.index.look(search).await?;
        Ok(Self {
            look,
            with_others,
            people: OnceCell::new(),
        })
    }

    /// The issues that have one of the events.
    pub(super) fn issues(&self) -> Vec<i64> {
        self.look.issues.iter().map(|hit| hit.issue).collect()
    }

    /// Figures over the events, for issues of a page; issues that have none have no figures. They
    /// tell of these periods, and of people where those are counted.
    pub(super) async fn figures(
        &self,
        state: &ApiState,
        issues: &[i64],
        people: People,
        periods: &[StatsPeriod],
        now: Timestamp,
    ) -> Result<HashMap<i64, Filtered>, ApiError> {
        let people = match self.people.get() {
            Some(_) => People::NotCounted,
            None => people,
        };
        let wanted: HashSet<i64> = issues.iter().copied().collect();
        let hits = self.look.issues.iter();
        let hits = hits.filter(|hit| wanted.contains(&hit.issue));
        let mut figures: HashMap<i64, Filtered> =
            hits.map(|hit| (hit.issue, self.of_hit(hit))).collect();
        let mut rounds: Vec<Option<StatsPeriod>> = periods.iter().copied().map(Some).collect();
        if rounds.is_empty() && people != People::NotCounted {
            rounds.push(None);
        }
        for (round, period) in rounds.into_iter().enumerate() {
            let points = period.map_or(Points::NONE, |period| points(period, now));
            // People are the same in each.
            let people = if round == 0 {
                people
            } else {
                People::NotCounted
            };
            for (id, tally) in self.tally(state, issues, points, people).await? {
                let Some(figures) = figures.get_mut(&id) else {
                    continue;
                };
                if people != People::NotCounted {
                    figures.user_count = tally.all.people;
                }
                let stats = period.map(|period| (period.name(), series(points, &tally)));
                figures.stats.extend(stats);
            }
        }
        Ok(figures)
    }

    /// What is known of an issue before anything is counted.
    fn of_hit(&self, hit: &IssueHit) -> Filtered {
        Filtered {
            count: self.count(hit).to_string(),
            user_count: self.known_people(hit.issue),
            first_seen: iso(hit.first_seen.as_millis()),
            last_seen: iso(hit.last_seen.as_millis()),
            stats: HashMap::new(),
        }
    }

    /// The place in an order of every issue that has one of the events; `None` where the order is
    /// of what is no matter of these events.
    pub(super) async fn ranks(
        &self,
        state: &ApiState,
        sort: IssueSort,
    ) -> Result<Option<Vec<Place>>, ApiError> {
        let hits = self.look.issues.iter();
        let values: Vec<(i64, i64)> = match sort {
            IssueSort::LastSeen => hits
                .map(|hit| (hit.issue, hit.last_seen.as_millis()))
                .collect(),
            IssueSort::FirstSeen => hits
                .map(|hit| (hit.issue, hit.first_seen.as_millis()))
                .collect(),
            IssueSort::TimesSeen => self.numbers(state, IssueColumn::TimesSeen).await?,
            IssueSort::UsersSeen => self.numbers(state, IssueColumn::UsersSeen).await?,
            _ => return Ok(None),
        };
        let places = values.into_iter().map(|(id, value)| Place { value, id });
        Ok(Some(places.collect()))
    }

    /// The issues whose number of these events, or of those who met them, is as is asked for.
    pub(super) async fn counted(
        &self,
        state: &ApiState,
        wanted: &Counted,
    ) -> Result<Vec<i64>, ApiError> {
        let numbers = self.numbers(state, wanted.column).await?.into_iter();
        let held = numbers.filter(|(_, n)| wanted.comparison.holds(*n, wanted.value));
        Ok(held.map(|(issue, _)| issue).collect())
    }

    /// Events or people of every issue.
    async fn numbers(
        &self,
        state: &ApiState,
        column: IssueColumn,
    ) -> Result<Vec<(i64, i64)>, ApiError> {
        let number = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
        if column == IssueColumn::UsersSeen {
            let people = self.people.get_or_try_init(|| self.count_people(state));
            let people = people.await?.iter();
            return Ok(people.map(|(issue, n)| (*issue, number(*n))).collect());
        }
        let hits = self.look.issues.iter();
        Ok(hits
            .map(|hit| (hit.issue, number(self.count(hit))))
            .collect())
    }

    async fn count_people(&self, state: &ApiState) -> Result<HashMap<i64, u64>, ApiError> {
        let (points, people) = (Points::NONE, People::OfGroups);
        let tallies = self.tally(state, &self.issues(), points, people).await?;
        let tallies = tallies.into_iter();
        Ok(tallies
            .map(|(issue, tally)| (issue, tally.all.people))
            .collect())
    }

    fn known_people(&self, issue: i64) -> u64 {
        let known = self.people.get();
        known
            .and_then(|known| known.get(&issue))
            .copied()
            .unwrap_or(0)
    }

    fn count(&self, hit: &IssueHit) -> u64 {
        match self.with_others {
            true => hit.events.saturating_add(hit.others),
            false => hit.events,
        }
    }

    async fn tally(
        &self,
        state: &ApiState,
        issues: &[i64],
        points: Points,
        people: People,
    ) -> Result<HashMap<i64, Tally>, ApiError> {
        let wanted = Wanted {
            groups: Groups::Issues(issues.to_vec()),
            has_rest: false,
            points,
            people,
            with_others: self.with_others,
        };
        let tallies = state.index.tally(&self.look, wanted).await?;
        Ok(issues.iter().copied().zip(tallies).collect())
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
