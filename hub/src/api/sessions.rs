//! Sessions of a project, summed up by release and environment.

pub(super) mod health;
pub(super) mod stages;

use std::collections::{BTreeMap, HashMap};

use axum::Json;
use axum::extract::State;
use protocol::timestamp::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};

use super::ApiState;
use super::caller::Caller;
use super::error::ApiError;
use super::input::At;
use super::page::Params;
use super::types::{ProjectPath, stored_object};
use crate::access::Scope;
use crate::clock;
use crate::store::items::{ItemRow, Wanted};
use crate::store::place::Direction;

/// Rows read in one step.
const STEP: u32 = 500;
/// Most rows that are summed up; beyond it the answer says that it is cut.
const ROWS_MAX: usize = 20_000;
/// How far back without a wish, and at most, in hours.
const HOURS: i64 = 24 * 14;
const HOURS_MAX: i64 = 24 * 90;
const HOUR_MILLIS: i64 = 3_600_000;

/// The sessions of one release in one environment.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(super) struct SessionGroup {
    release: String,
    environment: String,
    /// Sessions begun.
    sessions: u64,
    /// Those in which an error was handled and nothing worse happened.
    errored: u64,
    /// Those that ended in a crash.
    crashed: u64,
    /// Those that ended without a word.
    abnormal: u64,
    /// Those with an error that nothing handled and that went on.
    unhandled: u64,
}

/// Sessions summed up.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SessionSums {
    groups: Vec<SessionGroup>,
    /// Whether there were more than are summed up.
    truncated: bool,
}

/// What sessions are asked for.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "read by the documentation alone")]
pub(super) struct SessionParams {
    /// How many hours back; two weeks without a wish.
    hours: Option<i64>,
}

/// Sessions by release and environment.
#[utoipa::path(get, path = "/api/0/projects/{organization}/{project}/vedette/sessions/",
    tag = "items", params(ProjectPath, SessionParams),
    responses((status = 200, body = SessionSums)))]
pub(super) async fn sums(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<ProjectPath>,
    params: Params,
) -> Result<Json<SessionSums>, ApiError> {
    let scope = Scope::EventRead;
    let (_, project) = state
        .project(&caller, &path.organization, &path.project, scope)
        .await?;
    let hours = params.some("hours").map_or(Ok(HOURS), str::parse);
    let hours = hours.ok().filter(|hours| (1..=HOURS_MAX).contains(hours));
    let hours = hours
        .ok_or_else(|| ApiError::invalid(format!("hours is a number from 1 to {HOURS_MAX}")))?;
    let since = clock::now().plus_millis(-hours * HOUR_MILLIS);
    let mut sums = Sums::default();
    let truncated = each(&state, project.id, since, ROWS_MAX, |row| sums.add(row)).await?;
    let groups = sums.groups();
    Ok(Json(SessionSums { groups, truncated }))
}

/// Goes through what a project told of sessions since a time, the latest first, and through no more
/// than about `rows_max`; answers whether there was more.
async fn each(
    state: &ApiState,
    project: i64,
    since: Timestamp,
    rows_max: usize,
    mut look: impl FnMut(&ItemRow),
) -> Result<bool, ApiError> {
    let wanted = Wanted {
        kinds: vec!["session".to_owned(), "sessions".to_owned()],
        since: Some(since),
        ..Wanted::default()
    };
    let (mut n_rows, mut from) = (0, None);
    loop {
        let rows = state.store.items(project, &wanted, from, STEP).await?;
        rows.iter().for_each(&mut look);
        n_rows += rows.len();
        match rows.last() {
            Some(last) if rows.len() == STEP as usize => {
                from = Some((last.id, Direction::Onward));
            }
            _ => return Ok(false),
        }
        if n_rows >= rows_max {
            return Ok(true);
        }
    }
}

type Key = (String, String);

#[derive(Default)]
struct Sums {
    groups: BTreeMap<Key, SessionGroup>,
    /// Sessions told one by one: the worst that each came to.
    single: HashMap<String, (Key, Worst)>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Worst {
    Fine,
    Errored,
    Unhandled,
    Abnormal,
    Crashed,
}

/// A fact that is a text; empty where it is none.
fn text<'f>(facts: &'f Map<String, Value>, name: &str) -> &'f str {
    facts.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn number(facts: &Map<String, Value>, name: &str) -> u64 {
    facts.get(name).and_then(Value::as_u64).unwrap_or(0)
}

/// What an update of a single session says that it came to.
fn worst(facts: &Map<String, Value>) -> Worst {
    match text(facts, "status") {
        "crashed" => Worst::Crashed,
        "abnormal" => Worst::Abnormal,
        "unhandled" => Worst::Unhandled,
        _ if number(facts, "errors") > 0 => Worst::Errored,
        "errored" => Worst::Errored,
        _ => Worst::Fine,
    }
}

/// How many of summed-up sessions came to what.
fn counted(facts: &Map<String, Value>) -> [(Worst, u64); 5] {
    [
        ("exited", Worst::Fine),
        ("errored", Worst::Errored),
        ("abnormal", Worst::Abnormal),
        ("unhandled", Worst::Unhandled),
        ("crashed", Worst::Crashed),
    ]
    .map(|(name, worst)| (worst, number(facts, name)))
}

impl Sums {
    fn add(&mut self, row: &ItemRow) {
        let facts = stored_object(&row.item.facts);
        let text = |name: &str| text(&facts, name).to_owned();
        let key = (text("release"), text("environment"));
        if row.item.kind == "sessions" {
            self.add_counts(key, &facts);
            return;
        }
        let worst = worst(&facts);
        // The update that begins a session counts it; those of one that began earlier do not.
        if facts.get("init") == Some(&Value::Bool(true)) {
            self.group(key.clone()).sessions += 1;
        }
        let known = self.single.entry(row.item.name.clone());
        let known = known.or_insert_with(|| (key, Worst::Fine));
        known.1 = known.1.max(worst);
    }

    fn add_counts(&mut self, key: Key, facts: &Map<String, Value>) {
        let group = self.group(key);
        for (worst, n) in counted(facts) {
            group.sessions = group.sessions.saturating_add(n);
            group.add(worst, n);
        }
    }

    fn group(&mut self, key: Key) -> &mut SessionGroup {
        let (release, environment) = key.clone();
        self.groups.entry(key).or_insert_with(|| SessionGroup {
            release,
            environment,
            ..SessionGroup::default()
        })
    }

    fn groups(mut self) -> Vec<SessionGroup> {
        for (key, worst) in std::mem::take(&mut self.single).into_values() {
            self.group(key).add(worst, 1);
        }
        self.groups.into_values().collect()
    }
}

impl SessionGroup {
    /// Counts sessions by what they came to.
    const fn add(&mut self, worst: Worst, n: u64) {
        let place = match worst {
            Worst::Fine => return,
            Worst::Errored => &mut self.errored,
            Worst::Unhandled => &mut self.unhandled,
            Worst::Abnormal => &mut self.abnormal,
            Worst::Crashed => &mut self.crashed,
        };
        *place = place.saturating_add(n);
    }
}
