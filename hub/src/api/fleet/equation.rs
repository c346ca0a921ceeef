//! The equation of one relay: whether every item is accounted for.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use protocol::outcome::Term;
use serde::Serialize;
use utoipa::ToSchema;

use super::super::ApiState;
use super::super::caller::Caller;
use super::super::error::ApiError;
use super::super::input::At;
use super::super::types::iso;
use super::ledger::own_projects;
use super::{RelayPath, find};
use crate::access::Scope;
use crate::fleet::{self, Account, Line};

/// The equation of one relay, since its spool was made.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::api) struct Equation {
    relay_id: String,
    relay_name: String,
    /// When the relay told; `null` when it never did.
    date: Option<String>,
    /// The spool's life.
    epoch: Option<String>,
    /// Whether the relay could tell everything: else a line may be off because of what is unknown.
    is_whole: bool,
    is_balanced: bool,
    /// Items that are missing, or too many, over all lines.
    deficit: u64,
    /// Whether relay and hub differ in accounts that are not known yet.
    is_being_compared: bool,
    lines: Vec<EquationLine>,
}

/// The equation of one project and category. Received is accepted and refused; accepted is
/// delivered, dropped and waiting; delivered is what the hub booked.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct EquationLine {
    /// `null` where the request named none that is known.
    project_id: Option<String>,
    project: Option<String>,
    category: &'static str,
    received: u64,
    refused: Vec<Refused>,
    accepted: u64,
    dropped: Vec<Dropped>,
    /// Acknowledged by the hub.
    delivered: u64,
    /// In the spool.
    waiting: u64,
    /// What the hub has booked; this can be newer than what the relay told.
    hub: HubTerms,
    /// Received, and neither accepted nor refused; negative where there are too many.
    lost_at_the_door: i64,
    /// Accepted, and neither delivered, dropped nor waiting.
    lost_inside: i64,
    /// Booked less by the hub than the relay delivered, at the same record.
    short_at_hub: i64,
    is_balanced: bool,
}

/// Items answered with an error.
#[derive(Debug, Serialize, ToSchema)]
struct Refused {
    reason: String,
    quantity: u64,
}

/// Items dropped at the relay.
#[derive(Debug, Serialize, ToSchema)]
struct Dropped {
    term: &'static str,
    reason: String,
    quantity: u64,
}

/// How delivered items ended at the hub.
#[derive(Debug, Default, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct HubTerms {
    applied: i64,
    /// Duplicates and what an envelope may hold once.
    invalid: i64,
    /// Set aside, or of a kind that is not kept.
    rejected: i64,
}

impl HubTerms {
    pub(super) fn add(&mut self, term: Term, n: i64) {
        let sum = match term {
            Term::Applied => &mut self.applied,
            Term::Rejected => &mut self.rejected,
            _ => &mut self.invalid,
        };
        *sum += n;
    }
}

/// The equation of one relay, by project and category.
#[utoipa::path(get, path = "/api/0/vedette/relays/{relay}/ledger/", tag = "fleet",
    params(RelayPath), responses((status = 200, body = Equation)))]
pub(in crate::api) async fn equation(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<RelayPath>,
) -> Result<Json<Equation>, ApiError> {
    caller.anywhere(Scope::OrgRead)?;
    let relay = find(&state, &path).await?;
    let projects = own_projects(&state, &caller).await?;
    let mut equation = Equation {
        relay_id: relay.id.to_string(),
        relay_name: relay.name.clone(),
        date: None,
        epoch: None,
        is_whole: false,
        is_balanced: true,
        deficit: 0,
        is_being_compared: false,
        lines: Vec::new(),
    };
    let Some(report) = &relay.report else {
        return Ok(Json(equation));
    };
    equation.date = Some(iso(report.at.as_millis()));
    let Some(books) = &report.books else {
        return Ok(Json(equation));
    };
    let booked = state.store.relay_books(relay.id, books.epoch).await?;
    let mut at_hub = BTreeMap::<Account, HubTerms>::new();
    for (project, category, term, n) in booked {
        let terms = at_hub.entry((Some(project), category)).or_default();
        terms.add(term, n);
    }
    let differences = &report.differences;
    equation.epoch = Some(format!("{:016x}", books.epoch.0));
    equation.is_whole = books.is_whole;
    equation.is_being_compared = differences.iter().any(|one| one.project.is_none());
    equation.deficit = fleet::deficit(books).saturating_add(fleet::divergence(differences));
    equation.is_balanced = equation.deficit == 0 && !equation.is_being_compared;
    let lines = fleet::lines(books, differences);
    let is_seen = |account: &Account| {
        account
            .0
            .is_none_or(|project| projects.contains_key(&project.as_i64()))
    };
    let lines = lines.into_iter().filter(|(account, _)| is_seen(account));
    equation.lines = lines
        .map(|(account, line)| {
            let slug = account
                .0
                .and_then(|project| projects.get(&project.as_i64()));
            let hub = at_hub.remove(&account).unwrap_or_default();
            EquationLine::new(account, slug.cloned(), line, hub)
        })
        .collect();
    Ok(Json(equation))
}

impl EquationLine {
    pub(super) fn new(
        account: Account,
        project: Option<String>,
        line: Line,
        hub: HubTerms,
    ) -> Self {
        let (lost_at_the_door, lost_inside) = (line.lost_at_the_door(), line.lost_inside());
        let is_balanced = line.is_balanced();
        let refused = line.refused.into_iter();
        let dropped = line.dropped.into_iter();
        Self {
            project_id: account.0.map(|project| project.to_string()),
            project,
            category: account.1.name(),
            received: line.received,
            refused: refused
                .map(|(reason, quantity)| Refused { reason, quantity })
                .collect(),
            accepted: line.accepted,
            dropped: dropped
                .map(|((term, reason), quantity)| Dropped {
                    term: term.name(),
                    reason,
                    quantity,
                })
                .collect(),
            delivered: line.delivered,
            waiting: line.waiting,
            hub,
            lost_at_the_door,
            lost_inside,
            short_at_hub: line.short_at_hub,
            is_balanced,
        }
    }
}
