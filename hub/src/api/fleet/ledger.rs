//! The ledger: what became of every item, of the fleet and of one relay.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use protocol::item::Category;
use protocol::outcome::Term;
use protocol::wire::Total;
use serde::Serialize;
use utoipa::ToSchema;

use super::super::ApiState;
use super::super::caller::Caller;
use super::super::error::ApiError;
use super::super::input::At;
use super::super::types::iso;
use super::{RelayPath, find};
use crate::access::Scope;
use crate::fleet::{self, Account, Line};
use crate::store::ledger_read::LedgerSum;

/// The ledger of one relay.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::api) struct LedgerRelay {
    relay_id: String,
    relay_name: String,
    terms: Vec<LedgerTerm>,
    /// Accepted and not yet accounted for: what is still in the spool.
    buffered: i64,
    /// The same by category.
    buffered_by_category: BTreeMap<&'static str, i64>,
}

/// One term of the equation.
#[derive(Debug, Serialize, ToSchema)]
struct LedgerTerm {
    term: &'static str,
    reason: String,
    category: &'static str,
    quantity: i64,
}

/// What became of every item, by relay. Relay zero is the hub itself.
#[utoipa::path(get, path = "/api/0/vedette/ledger/", tag = "fleet",
    responses((status = 200, body = [LedgerRelay])))]
pub(in crate::api) async fn ledger(
    State(state): State<ApiState>,
    caller: Caller,
) -> Result<Json<Vec<LedgerRelay>>, ApiError> {
    caller.anywhere(Scope::OrgRead)?;
    let projects: Vec<i64> = own_projects(&state, &caller).await?.into_keys().collect();
    let sums = state.store.ledger_sums(&projects).await?;
    let relays = state.fleet.relays().await?;
    let mut by_relay: BTreeMap<Vec<u8>, Vec<LedgerSum>> = BTreeMap::new();
    for relay in &relays {
        by_relay.insert(relay.id.as_bytes().to_vec(), Vec::new());
    }
    for sum in sums {
        by_relay.entry(sum.relay_id.clone()).or_default().push(sum);
    }
    let name = |id: &[u8]| match relays.iter().find(|relay| relay.id.as_bytes() == id) {
        Some(relay) => relay.name.clone(),
        None if id.iter().all(|byte| *byte == 0) => "hub".to_owned(),
        None => String::new(),
    };
    let ledgers = by_relay.into_iter().map(|(id, mut sums)| {
        let relay = relays
            .iter()
            .find(|relay| relay.id.as_bytes() == id.as_slice());
        if let Some(report) = relay.and_then(|relay| relay.report.as_ref()) {
            let totals = report.books.as_ref().map(|books| books.totals.as_slice());
            believe(&mut sums, &id, totals.unwrap_or_default(), &projects);
        }
        balance(&id, name(&id), sums)
    });
    Ok(Json(ledgers.collect()))
}

/// What a relay says it received, where that is more than what has arrived: the difference waits
/// in its spool.
fn believe(sums: &mut Vec<LedgerSum>, id: &[u8], totals: &[Total], projects: &[i64]) {
    let mut reported: BTreeMap<(u8, &str, i16), i64> = BTreeMap::new();
    for total in totals {
        let is_seen = total
            .project
            .is_none_or(|project| projects.contains(&project.as_i64()));
        let is_told = matches!(total.term, Term::Received | Term::Accepted | Term::Refused);
        if is_seen && is_told {
            let key = (
                u8::from(total.term),
                total.reason.as_str(),
                i16::from(total.category),
            );
            *reported.entry(key).or_default() += i64::try_from(total.n).unwrap_or(i64::MAX);
        }
    }
    for ((term, reason, category), quantity) in reported {
        let term = i16::from(term);
        let known = sums
            .iter_mut()
            .find(|sum| sum.term == term && sum.category == category && sum.reason == reason);
        match known {
            Some(sum) => sum.quantity = sum.quantity.max(quantity),
            None => sums.push(LedgerSum {
                relay_id: id.to_vec(),
                category,
                term,
                reason: reason.to_owned(),
                quantity,
            }),
        }
    }
}

fn balance(id: &[u8], relay_name: String, sums: Vec<LedgerSum>) -> LedgerRelay {
    let mut terms = Vec::new();
    let mut buffered_by_category = BTreeMap::new();
    for sum in sums {
        let term = u8::try_from(sum.term)
            .ok()
            .and_then(|code| Term::try_from(code).ok());
        let (Some(term), Ok(category)) = (term, Category::try_from(sum.category)) else {
            continue;
        };
        let waiting = match term {
            Term::Accepted => sum.quantity,
            Term::Received | Term::Refused | Term::ClientDiscard => 0,
            Term::Filtered
            | Term::Sampled
            | Term::Invalid
            | Term::Expired
            | Term::Evicted
            | Term::Corrupt
            | Term::Applied
            | Term::Rejected => -sum.quantity,
        };
        *buffered_by_category.entry(category.name()).or_insert(0) += waiting;
        terms.push(LedgerTerm {
            term: term.name(),
            reason: sum.reason,
            category: category.name(),
            quantity: sum.quantity,
        });
    }
    buffered_by_category.retain(|_, waiting| *waiting != 0);
    LedgerRelay {
        relay_id: hex::encode(id),
        relay_name,
        terms,
        buffered: buffered_by_category.values().sum(),
        buffered_by_category,
    }
}

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
struct EquationLine {
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
struct HubTerms {
    applied: i64,
    /// Duplicates and what an envelope may hold once.
    invalid: i64,
    /// Set aside, or of a kind that is not kept.
    rejected: i64,
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
        match term {
            Term::Applied => terms.applied += n,
            Term::Rejected => terms.rejected += n,
            _ => terms.invalid += n,
        }
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
    fn new(account: Account, project: Option<String>, line: Line, hub: HubTerms) -> Self {
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

/// The short names of the projects that the caller may see.
async fn own_projects(
    state: &ApiState,
    caller: &Caller,
) -> Result<BTreeMap<i64, String>, ApiError> {
    let mut projects = BTreeMap::new();
    for membership in &caller.0.memberships {
        let own = state.store.projects(membership.organization_id).await?;
        projects.extend(own.into_iter().map(|project| (project.id, project.slug)));
    }
    Ok(projects)
}
