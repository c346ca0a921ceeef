//! How well releases do: their sessions and the people who had them, and how many of both crashed.
//!
//! People are counted exactly, as the names that SDKs give them with single sessions; summed-up
//! sessions name nobody. What is gone through is bounded, so that what is held is.

use std::collections::{BTreeMap, HashMap, HashSet};

use protocol::timestamp::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::{HOUR_MILLIS, ROWS_MAX, Worst, counted, each, text, worst};
use crate::api::ApiState;
use crate::api::error::ApiError;
use crate::api::types::stored_object;
use crate::store::items::ItemRow;

const DAY_MILLIS: i64 = 24 * HOUR_MILLIS;

/// What sessions say of a release in a project, within the time asked for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::api) struct HealthData {
    /// Whether any session is its own.
    has_health_data: bool,
    /// Sessions begun.
    total_sessions: u64,
    /// Those of the last day.
    #[serde(rename = "totalSessions24h")]
    total_sessions_day: u64,
    /// Those of the last day of all releases of the project.
    #[serde(rename = "totalProjectSessions24h")]
    total_project_sessions_day: u64,
    /// Those that ended in a crash.
    sessions_crashed: u64,
    /// Those that went wrong in any way and did not crash.
    sessions_errored: u64,
    /// Sessions without a crash in percent; none where there is no session.
    crash_free_sessions: Option<f64>,
    /// Sessions of the last day that are its own in percent; none where the project had none.
    sessions_adoption: Option<f64>,
    /// People who had its sessions, as far as SDKs name them.
    total_users: u64,
    /// Those of the last day.
    #[serde(rename = "totalUsers24h")]
    total_users_day: u64,
    /// Those of the last day of all releases of the project.
    #[serde(rename = "totalProjectUsers24h")]
    total_project_users_day: u64,
    /// Those of whom a session crashed.
    users_crashed: u64,
    /// People without a crash in percent; none where nobody is named.
    crash_free_users: Option<f64>,
    /// People of the last day that are its own in percent; none where the project had none.
    adoption: Option<f64>,
}

/// What releases of projects are like, by project and version.
pub(in crate::api) type Health = HashMap<(i64, String), HealthData>;

/// What was told of sessions since a time in some environments, or in all where none is named.
pub(in crate::api) async fn health(
    state: &ApiState,
    projects: &[i64],
    environments: &[&str],
    since: Timestamp,
    now: Timestamp,
) -> Result<Health, ApiError> {
    let mut health = Health::new();
    let rows_max = ROWS_MAX / projects.len().max(1);
    for project in projects {
        let mut told = Told::default();
        each(state, *project, since, rows_max, |row| {
            told.add(row, environments, now);
        })
        .await?;
        health.extend(told.releases(*project));
    }
    Ok(health)
}

/// A figure that releases can be ordered by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::api) enum Figure {
    Sessions,
    Users,
    /// The share of sessions that crashed.
    CrashedSessions,
    /// The share of people of whom a session crashed.
    CrashedUsers,
}

/// The figure of each version, over its projects; versions without sessions, or people, have none.
pub(in crate::api) fn ordered(health: &Health, figure: Figure) -> Vec<(String, i64)> {
    let mut sums: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    for ((_, version), data) in health {
        let (of, crashed) = match figure {
            Figure::Sessions | Figure::CrashedSessions => {
                (data.total_sessions, data.sessions_crashed)
            }
            Figure::Users | Figure::CrashedUsers => (data.total_users, data.users_crashed),
        };
        let sum = sums.entry(version).or_default();
        *sum = (sum.0.saturating_add(of), sum.1.saturating_add(crashed));
    }
    let figures = sums.into_iter().filter(|(_, (of, _))| *of > 0);
    let figures = figures.map(|(version, (of, crashed))| {
        let value = match figure {
            Figure::Sessions | Figure::Users => of,
            // In millionths, so that what is nearly alike is told apart.
            Figure::CrashedSessions | Figure::CrashedUsers => {
                crashed.min(of).saturating_mul(1_000_000) / of
            }
        };
        (version.to_owned(), i64::try_from(value).unwrap_or(i64::MAX))
    });
    figures.collect()
}

/// What was told of a project's sessions.
#[derive(Default)]
struct Told {
    releases: BTreeMap<String, OfRelease>,
    /// Sessions told one by one: whose they are, and the worst that each came to.
    single: HashMap<String, (String, Option<String>, Worst)>,
    sessions_day: u64,
    people_day: HashSet<String>,
}

#[derive(Default)]
struct OfRelease {
    sessions: u64,
    sessions_day: u64,
    crashed: u64,
    errored: u64,
    /// Each with whether a session of theirs crashed.
    people: HashMap<String, bool>,
    people_day: HashSet<String>,
}

impl Told {
    fn add(&mut self, row: &ItemRow, environments: &[&str], now: Timestamp) {
        let facts = stored_object(&row.item.facts);
        let (release, environment) = (text(&facts, "release"), text(&facts, "environment"));
        let is_meant = environments.is_empty() || environments.contains(&environment);
        if !is_meant || release.is_empty() {
            return;
        }
        let is_of_day = now.as_millis() - row.item.timestamp.as_millis() < DAY_MILLIS;
        if row.item.kind == "sessions" {
            self.add_counts(release, &facts, is_of_day);
        } else {
            self.add_single(&row.item.name, release, &facts, is_of_day);
        }
    }

    fn add_counts(&mut self, release: &str, facts: &Map<String, Value>, is_of_day: bool) {
        let counts = counted(facts);
        let all = counts
            .iter()
            .fold(0, |sum: u64, (_, n)| sum.saturating_add(*n));
        let of = self.releases.entry(release.to_owned()).or_default();
        of.sessions = of.sessions.saturating_add(all);
        for (worst, n) in counts {
            match worst {
                Worst::Fine => {}
                Worst::Crashed => of.crashed = of.crashed.saturating_add(n),
                _ => of.errored = of.errored.saturating_add(n),
            }
        }
        if is_of_day {
            of.sessions_day = of.sessions_day.saturating_add(all);
            self.sessions_day = self.sessions_day.saturating_add(all);
        }
    }

    fn add_single(
        &mut self,
        sid: &str,
        release: &str,
        facts: &Map<String, Value>,
        is_of_day: bool,
    ) {
        let of = self.releases.entry(release.to_owned()).or_default();
        // The update that begins a session counts it; those of one that began earlier do not.
        if facts.get("init") == Some(&Value::Bool(true)) {
            of.sessions += 1;
            of.sessions_day += u64::from(is_of_day);
            self.sessions_day += u64::from(is_of_day);
        }
        let person = Some(text(facts, "did")).filter(|did| !did.is_empty());
        if let Some(person) = person {
            of.people.entry(person.to_owned()).or_default();
            if is_of_day {
                of.people_day.insert(person.to_owned());
                self.people_day.insert(person.to_owned());
            }
        }
        let known = self.single.entry(sid.to_owned());
        let known = known.or_insert_with(|| {
            let person = person.map(str::to_owned);
            (release.to_owned(), person, Worst::Fine)
        });
        known.2 = known.2.max(worst(facts));
    }

    fn releases(mut self, project: i64) -> Vec<((i64, String), HealthData)> {
        for (release, person, worst) in std::mem::take(&mut self.single).into_values() {
            let of = self.releases.entry(release).or_default();
            match worst {
                Worst::Fine => {}
                Worst::Crashed => {
                    of.crashed += 1;
                    if let Some(person) = person {
                        of.people.insert(person, true);
                    }
                }
                _ => of.errored += 1,
            }
        }
        let (sessions_day, people_day) = (self.sessions_day, len(self.people_day.len()));
        let releases = self.releases.into_iter();
        releases
            .map(|(release, of)| ((project, release), of.data(sessions_day, people_day)))
            .collect()
    }
}

impl OfRelease {
    fn data(&self, project_sessions_day: u64, project_people_day: u64) -> HealthData {
        let users = len(self.people.len());
        let users_day = len(self.people_day.len());
        let users_crashed = len(self.people.values().filter(|crashed| **crashed).count());
        HealthData {
            has_health_data: self.sessions > 0,
            total_sessions: self.sessions,
            total_sessions_day: self.sessions_day,
            total_project_sessions_day: project_sessions_day,
            sessions_crashed: self.crashed,
            sessions_errored: self.errored,
            crash_free_sessions: percent(self.sessions.saturating_sub(self.crashed), self.sessions),
            sessions_adoption: percent(self.sessions_day, project_sessions_day),
            total_users: users,
            total_users_day: users_day,
            total_project_users_day: project_people_day,
            users_crashed,
            crash_free_users: percent(users - users_crashed, users),
            adoption: percent(users_day, project_people_day),
        }
    }
}

fn len(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}

#[expect(clippy::cast_precision_loss, reason = "a share needs no more digits")]
fn percent(part: u64, of: u64) -> Option<f64> {
    (of > 0).then(|| part as f64 / of as f64 * 100.0)
}
