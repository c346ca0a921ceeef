//! The ledger: what became of every item, by relay.

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
use crate::access::Scope;
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

/// The short names of the projects that the caller may see.
pub(super) async fn own_projects(
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
