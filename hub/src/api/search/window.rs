//! The events that a list is about, whatever is searched for: those of a time and of environments.
//!
//! What always holds: an issue is in a window when one of its events is, and numbers of the window
//! are of those events alone. Where every event of an issue lies in it, the issue's own numbers
//! are the same, and nothing is looked for.

use std::collections::HashMap;

use protocol::ids::ProjectId;
use protocol::timestamp::Timestamp;

use super::meant::Meant;
use super::{Span, project_id, span};
use crate::api::ApiState;
use crate::api::error::ApiError;
use crate::api::issue_shape::{Filtered, Issue, StatsPeriod};
use crate::api::page::Params;
use crate::index::{People, Search};
use crate::query::Expr;
use crate::store::issue_read::IssueRow;
use crate::store::projects::Project;

/// A time, and environments.
#[derive(Clone, Debug, Default)]
pub(in crate::api) struct Window {
    projects: Vec<ProjectId>,
    /// Any of these; the empty name is "none". Empty is every one.
    environments: Vec<String>,
    span: Span,
}

impl Window {
    /// What a request asks for.
    pub(super) fn read(
        projects: &[Project],
        params: &Params,
        now: Timestamp,
    ) -> Result<Self, ApiError> {
        Ok(Self {
            span: span(params, now)?,
            ..Self::of_environments(projects, params)
        })
    }

    /// The environments that a request names, at any time.
    pub(in crate::api) fn of_environments(projects: &[Project], params: &Params) -> Self {
        Self {
            projects: projects.iter().filter_map(project_id).collect(),
            environments: params.all("environment").map(str::to_owned).collect(),
            span: Span::default(),
        }
    }

    /// When the first of its events may have happened.
    pub(super) const fn from(&self) -> Option<i64> {
        self.span.from
    }

    /// Whether every event is in it.
    pub(super) fn is_everything(&self) -> bool {
        self.environments.is_empty() && self.span == Span::default()
    }

    /// Whether only the index knows which issues have an event in it: up to now, those that were
    /// seen last since its begin.
    pub(super) fn parts_issues(&self) -> bool {
        !self.environments.is_empty() || self.span.to.is_some()
    }

    /// The same environments at any time; `None` where it is of every one.
    pub(super) fn ever(&self) -> Option<Self> {
        (!self.environments.is_empty()).then(|| Self {
            span: Span::default(),
            ..self.clone()
        })
    }

    /// Its events that match.
    pub(super) fn search(&self, filter: Expr) -> Search {
        Search {
            projects: self.projects.clone(),
            environments: self.environments.clone(),
            issues: None,
            from: self.span.from.map(Timestamp::from_millis),
            until: self.span.to.map(Timestamp::from_millis),
            filter,
        }
    }

    /// Those of these issues of which it holds a part alone.
    pub(in crate::api) fn parted(&self, rows: &[IssueRow]) -> Vec<i64> {
        let is_whole = |row: &&IssueRow| {
            self.environments.is_empty()
                && self.span.from.is_none_or(|from| from <= row.first_seen)
                && self.span.to.is_none_or(|to| row.last_seen < to)
        };
        let rows = rows.iter().filter(|row| !is_whole(row));
        rows.map(|row| row.id).collect()
    }

    /// Lets these issues show its numbers; where it is of environments, also from when to when they
    /// were seen there, and how often over time. Its events are looked for where they are not known.
    pub(in crate::api) async fn show(
        &self,
        state: &ApiState,
        known: Option<&Meant>,
        (ids, issues): (&[i64], &mut HashMap<i64, Issue>),
        periods: &[StatsPeriod],
        now: Timestamp,
    ) -> Result<(), ApiError> {
        if ids.is_empty() {
            return Ok(());
        }
        let looked_for;
        let within = match known {
            Some(known) => known,
            None => {
                looked_for = self.of_issues(state, ids).await?;
                &looked_for
            }
        };
        let ever = self.ever();
        // At any time the same events say when and how often.
        let is_ever = ever.as_ref().is_some_and(|ever| ever.span == self.span);
        let own_periods = if is_ever { periods } else { &[] };
        let people = People::OfGroups;
        let figures = within.figures(state, ids, people, own_periods, now).await?;
        // Of every environment the store knows that there is one, a moment before the index does.
        let at_least = match self.environments.is_empty() {
            true => "1",
            false => "0",
        };
        for id in ids {
            let Some(issue) = issues.get_mut(id) else {
                continue;
            };
            let figures = figures.get(id);
            let n_users = figures.map_or(0, |figures| figures.user_count);
            issue.user_count = i64::try_from(n_users).unwrap_or(i64::MAX);
            issue.count = figures.map_or_else(|| at_least.to_owned(), |it| it.count.clone());
        }
        let Some(ever) = ever else {
            return Ok(());
        };
        let figures = if is_ever {
            figures
        } else {
            let ever = ever.of_issues(state, ids).await?;
            let people = People::NotCounted;
            ever.figures(state, ids, people, periods, now).await?
        };
        show_environments(ids, issues, figures);
        Ok(())
    }

    /// Its events of these issues.
    async fn of_issues(&self, state: &ApiState, ids: &[i64]) -> Result<Meant, ApiError> {
        let search = Search {
            issues: Some(ids.to_vec()),
            ..self.search(Expr::everything())
        };
        Meant::look(state, search).await
    }
}

/// Lets issues show from when to when, and how often over time, their events of environments
/// happened.
fn show_environments(
    ids: &[i64],
    issues: &mut HashMap<i64, Issue>,
    mut figures: HashMap<i64, Filtered>,
) {
    for id in ids {
        let Some(issue) = issues.get_mut(id) else {
            continue;
        };
        let none = issue.stats.iter().map(|(name, series)| {
            let none = series.iter().map(|(at, _)| (*at, 0));
            (*name, none.collect())
        });
        let none = none.collect();
        issue.lifetime.stats = Some(std::mem::replace(&mut issue.stats, none));
        if let Some(figures) = figures.remove(id) {
            issue.first_seen = figures.first_seen;
            issue.last_seen = figures.last_seen;
            issue.stats.extend(figures.stats);
        }
    }
}
