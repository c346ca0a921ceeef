//! Which issues a request means: projects, environments, time and the search.
//!
//! [`resolve_query`] is the one place where the search language meets the store.

mod meant;
mod plan;
mod versions;
mod window;

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};

use protocol::ids::ProjectId;
use protocol::timestamp::Timestamp;
use tokio::sync::OnceCell;

use super::ApiState;
use super::caller::Caller;
use super::error::ApiError;
use super::issue_shape::{Filtered, Issue, StatsPeriod};
use super::page::Params;
use super::sessions;
use crate::index::People;
use crate::query::{self, Expr, QueryError};
use crate::store::issue_condition::IssueCondition;
use crate::store::issue_list::{HITS_MAX, IssueFilter, IssueSort};
use crate::store::place::{self, Direction, Place};
use crate::store::projects::Project;
use meant::Meant;
use plan::{Plan, Who};
pub(super) use plan::{STATES, comparison};
use versions::Known;
pub(super) use versions::latest as latest_releases;
pub(super) use window::Window;

/// Issues of the highest ranks that the store is asked of at a time: a page takes the first few,
/// and hits are counted up to [`HITS_MAX`].
const RANKED_AT_A_TIME: usize = 500;

/// What is searched for when nothing is asked.
pub(super) const DEFAULT_QUERY: &str = "is:unresolved";

/// Where figures over groups of events can be searched for.
pub(super) const IN_TABLES: &str = "it can be searched for in a table of events alone";

/// A span of time in unix milliseconds; open ends are not limited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) from: Option<i64>,
    pub(super) to: Option<i64>,
}

/// The projects a request names, by id or slug; -1 and none are all of them.
pub(super) fn chosen_projects(
    projects: &[Project],
    params: &Params,
) -> Result<Vec<Project>, ApiError> {
    let names: Vec<&str> = params
        .all("project")
        .filter(|name| !name.is_empty())
        .collect();
    if names.is_empty() || names.contains(&"-1") {
        return Ok(projects.to_vec());
    }
    let mut chosen: Vec<Project> = Vec::new();
    for name in names {
        let id = name.parse().unwrap_or(-1);
        let project = projects
            .iter()
            .find(|project| project.id == id || project.slug == name);
        let project = project.ok_or_else(|| ApiError::field("project", "no such project"))?;
        if !chosen.iter().any(|other| other.id == project.id) {
            chosen.push(project.clone());
        }
    }
    Ok(chosen)
}

/// The time span a request asks for.
pub(super) fn span(params: &Params, now: Timestamp) -> Result<Span, ApiError> {
    let start = params.some("start");
    let end = params.some("end");
    if let Some(period) = params.some("statsPeriod") {
        if start.is_some() || end.is_some() {
            return Err(ApiError::field(
                "statsPeriod",
                "not together with start and end",
            ));
        }
        let millis = period_millis(period)
            .ok_or_else(|| ApiError::field("statsPeriod", "a number and one of s, m, h, d, w"))?;
        return Ok(Span {
            from: Some(now.plus_millis(-millis).as_millis()),
            to: None,
        });
    }
    let time = |field, text: Option<&str>| {
        text.map(|text| {
            Timestamp::parse(text)
                .map(Timestamp::as_millis)
                .map_err(|error| ApiError::field(field, error.to_string()))
        })
        .transpose()
    };
    Ok(Span {
        from: time("start", start)?,
        to: time("end", end)?,
    })
}

/// `14d` in milliseconds.
pub(super) fn period_millis(text: &str) -> Option<i64> {
    let unit_at = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(unit_at);
    let unit = match unit {
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        "w" => 7 * 86_400_000,
        _ => return None,
    };
    number
        .parse::<i64>()
        .ok()?
        .checked_mul(unit)
        .filter(|millis| *millis > 0)
}

/// What a search came to.
pub(super) struct Found {
    /// Which issues.
    pub(super) filter: IssueFilter,
    /// What is asked of issues besides that they are in the window.
    asked: IssueFilter,
    /// Which of their events the list is about.
    pub(super) window: Window,
    /// Which of those the search means, where it demands something of events.
    narrowed: Option<Meant>,
    /// All of them, where they were looked for.
    within: OnceCell<Meant>,
}

impl Found {
    /// Up to `limit` of the issues from a place on, and how many there are, counted up to
    /// [`HITS_MAX`]. Orders that go by events go by those that are meant.
    pub(super) async fn places(
        &self,
        state: &ApiState,
        sort: IssueSort,
        from: Option<(Place, Direction)>,
        limit: u32,
    ) -> Result<(Vec<Place>, u64), ApiError> {
        let store = &state.store;
        let Some(ranks) = self.ranks(state, sort).await? else {
            let places = store.issue_places(&self.filter, sort, from, limit).await?;
            return Ok((places, store.count_issues(&self.filter).await?));
        };
        // By their first event more issues are ranked than have one in the window.
        let filter = match sort {
            IssueSort::FirstSeen => &self.filter,
            _ => &self.asked,
        };
        let (mut places, mut hits) = (Vec::new(), 0);
        for some in ranks.chunks(RANKED_AT_A_TIME) {
            let ids: Vec<i64> = some.iter().map(|place| place.id).collect();
            let held = store.issues_of(filter, &ids).await?;
            let held: HashSet<i64> = held.into_iter().collect();
            places.extend(some.iter().filter(|place| held.contains(&place.id)));
            hits = u64::try_from(places.len()).unwrap_or(HITS_MAX);
            if hits >= HITS_MAX && place::is_enough(&places, from, limit) {
                return Ok((place::page(places, from, limit), HITS_MAX));
            }
        }
        if !self.is_parted() {
            let unknown = self.unranked(state, &ranks).await?;
            hits += u64::try_from(unknown.len()).unwrap_or(HITS_MAX);
            places.extend(unknown);
        }
        Ok((place::page(places, from, limit), hits.min(HITS_MAX)))
    }

    /// Whether only issues are meant of which the index knows an event.
    fn is_parted(&self) -> bool {
        self.narrowed.is_some() || self.window.parts_issues()
    }

    /// Issues that are meant, and of which the index knows no event yet: they come last.
    async fn unranked(&self, state: &ApiState, ranks: &[Place]) -> Result<Vec<Place>, ApiError> {
        let ranked = ranks.iter().map(|place| place.id).collect();
        let ranked = Box::new(IssueCondition::OneOf(ranked));
        let others = self.asked.clone().and(IssueCondition::Not(ranked));
        let sort = IssueSort::LastSeen;
        let others = state.store.issue_places(&others, sort, None, u32::MAX);
        let places = others.await?.into_iter();
        Ok(places.map(|place| Place { value: 0, ..place }).collect())
    }

    /// What an order goes by, the first ones first; `None` where the store has it.
    async fn ranks(
        &self,
        state: &ApiState,
        sort: IssueSort,
    ) -> Result<Option<Vec<Place>>, ApiError> {
        let is_of_events = match sort {
            IssueSort::TimesSeen | IssueSort::UsersSeen => {
                self.narrowed.is_some() || !self.window.is_everything()
            }
            IssueSort::LastSeen => self.window.parts_issues(),
            IssueSort::FirstSeen => self.window.ever().is_some(),
            _ => false,
        };
        if !is_of_events {
            return Ok(None);
        }
        let ever = self.window.ever().filter(|_| sort == IssueSort::FirstSeen);
        let ranks = if let Some(ever) = ever {
            // As issues show it: in the environments, whenever that was.
            let ever = Meant::look(state, ever.search(Expr::everything())).await?;
            ever.ranks(state, sort).await?
        } else if let Some(narrowed) = &self.narrowed {
            narrowed.ranks(state, sort).await?
        } else {
            let look = || Meant::look(state, self.window.search(Expr::everything()));
            let within = self.within.get_or_try_init(look).await?;
            within.ranks(state, sort).await?
        };
        Ok(ranks.map(|mut ranks| {
            ranks.sort_unstable_by_key(|place| Reverse((place.value, place.id)));
            ranks
        }))
    }

    /// Lets these issues show the window's numbers.
    pub(super) async fn show(
        &self,
        state: &ApiState,
        shown: (&[i64], &mut HashMap<i64, Issue>),
        periods: &[StatsPeriod],
        now: Timestamp,
    ) -> Result<(), ApiError> {
        let known = self.within.get();
        self.window.show(state, known, shown, periods, now).await
    }

    /// Figures over the events that the search means, where it demands something of events.
    pub(super) async fn filtered(
        &self,
        state: &ApiState,
        issues: &[i64],
        period: Option<StatsPeriod>,
        now: Timestamp,
    ) -> Result<HashMap<i64, Filtered>, ApiError> {
        match &self.narrowed {
            Some(narrowed) => {
                let (people, periods) = (People::OfGroups, period.as_slice());
                narrowed.figures(state, issues, people, periods, now).await
            }
            None => Ok(HashMap::new()),
        }
    }
}

/// Turns what a request asks for into a filter of the store, asking the index where the search is
/// about events.
pub(super) async fn resolve_query(
    state: &ApiState,
    caller: &Caller,
    projects: &[Project],
    params: &Params,
    now: Timestamp,
) -> Result<Found, ApiError> {
    let text = params.first("query").unwrap_or(DEFAULT_QUERY);
    resolve_text(state, caller, projects, params, text, now).await
}

/// A query with the releases of these projects in place of what it says of versions.
pub(super) async fn read(
    state: &ApiState,
    projects: &[i64],
    text: &str,
    now: Timestamp,
) -> Result<Expr, ApiError> {
    let (parsed, of_groups) = read_grouped(state, projects, text, now).await?;
    check_no_figure(&of_groups, IN_TABLES)?;
    Ok(parsed)
}

/// Refuses what a query says of groups of events where there are none; says where there are.
pub(super) fn check_no_figure(of_groups: &[Expr], remedy: &str) -> Result<(), ApiError> {
    let Some(span) = of_groups.iter().find_map(query::figure) else {
        return Ok(());
    };
    let message = format!("this is a figure of groups of events; {remedy}");
    Err(QueryError { message, span }.into())
}

/// The same, and apart from it what the query says of groups of events.
pub(super) async fn read_grouped(
    state: &ApiState,
    projects: &[i64],
    text: &str,
    now: Timestamp,
) -> Result<(Expr, Vec<Expr>), ApiError> {
    let (parsed, of_groups) = query::parted(query::parse(text, now)?)?;
    if !versions::may_compare(text) {
        return Ok((parsed, of_groups));
    }
    let releases = state.store.releases_of(projects).await?;
    let mut stages = Vec::new();
    if text.contains(versions::STAGE) {
        for project in projects {
            stages.extend(sessions::stages::stages(state, *project, now).await?);
        }
    }
    let known = Known {
        releases: &releases,
        stages: &stages,
    };
    Ok((versions::named(parsed, &known), of_groups))
}

/// The same for a search that is not the request's.
pub(super) async fn resolve_text(
    state: &ApiState,
    caller: &Caller,
    projects: &[Project],
    params: &Params,
    text: &str,
    now: Timestamp,
) -> Result<Found, ApiError> {
    let ids: Vec<i64> = projects.iter().map(|project| project.id).collect();
    let parsed = read(state, &ids, text, now).await?;
    resolve(state, caller, projects, params, (text, &parsed), now).await
}

/// The same for a search that was read already.
pub(super) async fn resolve(
    state: &ApiState,
    caller: &Caller,
    projects: &[Project],
    params: &Params,
    (text, parsed): (&str, &Expr),
    now: Timestamp,
) -> Result<Found, ApiError> {
    let window = Window::read(projects, params, now)?;
    let who = Who {
        has_window: !window.is_everything(),
        ..who(state, caller, projects, text, now).await?
    };
    let plan = Plan::read(parsed, &who)?;
    let narrowing = plan.narrowing();
    let (mut found, mut narrowed) = (Vec::new(), None);
    for (place, events) in plan.events.into_iter().enumerate() {
        let meant = Meant::look(state, window.search(events)).await?;
        found.push(meant.issues());
        if narrowing == Some(place) {
            narrowed = Some(meant);
        }
    }
    // Events that the search means are within the window, so that their issues are.
    let is_parted = window.parts_issues() && narrowed.is_none();
    let (mut counted, mut within) = (Vec::new(), None);
    if is_parted || !plan.counted.is_empty() {
        let meant = Meant::look(state, window.search(Expr::everything())).await?;
        for wanted in &plan.counted {
            counted.push(meant.counted(state, wanted).await?);
        }
        within = Some(meant);
    }
    let condition = plan.condition.map(|wanted| wanted.with(&found, &counted));
    let asked = IssueFilter {
        projects: projects.iter().map(|project| project.id).collect(),
        statuses: plan.statuses,
        condition,
        seen_from: window.from(),
    };
    let filter = match within.as_ref().filter(|_| is_parted) {
        Some(within) => asked.clone().and(IssueCondition::OneOf(within.issues())),
        None => asked.clone(),
    };
    Ok(Found {
        filter,
        asked,
        window,
        narrowed,
        within: OnceCell::new_with(within),
    })
}

/// Who asks; whom they may name is read where the text names someone.
async fn who(
    state: &ApiState,
    caller: &Caller,
    projects: &[Project],
    text: &str,
    now: Timestamp,
) -> Result<Who, ApiError> {
    let user = caller.0.user.id;
    let mut who = Who {
        user,
        now_ms: now.as_millis(),
        ..Who::default()
    };
    let names_someone = ["assigned", "bookmark", "subscribed", "team"];
    let names_someone = names_someone.iter().any(|key| text.contains(key));
    let Some(project) = projects.first().filter(|_| names_someone) else {
        return Ok(who);
    };
    let organization = project.organization_id;
    for team in state.store.teams(organization).await? {
        who.names
            .push((format!("#{}", team.slug), format!("team:{}", team.id)));
    }
    for member in state.store.members(organization).await? {
        who.names
            .push((member.user.email, format!("user:{}", member.user.id)));
    }
    let members = state.store.team_members(organization).await?;
    let own = members.iter().filter(|member| member.user_id == user);
    who.own_teams.extend(own.map(|member| member.team_id));
    Ok(who)
}

/// A project, as the index names it.
pub(super) fn project_id(project: &Project) -> Option<ProjectId> {
    ProjectId::new(u64::try_from(project.id).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_periods() {
        assert_eq!(period_millis("24h"), Some(86_400_000));
        assert_eq!(period_millis("2w"), Some(14 * 86_400_000));
        for text in ["", "h", "0d", "1y", "99999999999999999w", "-1d"] {
            assert_eq!(period_millis(text), None, "{text}");
        }
    }
}
