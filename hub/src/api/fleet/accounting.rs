//! The equation across the fleet: whether every item of every relay is accounted for.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use protocol::ids::{Epoch, RelayId};
use serde::Serialize;
use utoipa::ToSchema;

use super::super::ApiState;
use super::super::caller::Caller;
use super::super::error::ApiError;
use super::equation::{EquationLine, HubTerms};
use super::ledger::own_projects;
use crate::access::Scope;
use crate::fleet::{self, Account, Line, Relay};

/// Relays that are named where they are off; the rest are counted.
const OFF_MAX: usize = 20;

/// The equation across the fleet: the sum of its relays', each since its spool was made.
#[derive(Debug, Default, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::api) struct Accounting {
    /// Relays that have told their accounts.
    relays: usize,
    /// Relays that never told any.
    relays_silent: usize,
    /// Relays whose accounts, or theirs and the hub's, do not add up.
    relays_off: usize,
    /// The first of those, the gravest first.
    off: Vec<RelayOff>,
    /// Whether every relay could tell everything.
    is_whole: bool,
    is_balanced: bool,
    /// Items that are missing, or too many, over all relays: one relay's surplus makes up for
    /// nothing that another lacks.
    deficit: u64,
    /// Whether some relay and the hub differ in accounts that are not known yet.
    is_being_compared: bool,
    lines: Vec<EquationLine>,
}

/// A relay whose accounts do not add up.
#[derive(Debug, Serialize, ToSchema)]
struct RelayOff {
    id: String,
    name: String,
    /// Items; 0 while it is not known which accounts differ.
    deficit: u64,
}

/// What is summed up.
#[derive(Default)]
struct Sum {
    shown: Accounting,
    lines: BTreeMap<Account, Line>,
    /// The life of each spool that was counted.
    lives: BTreeMap<RelayId, Epoch>,
}

/// The equation across the fleet, by project and category.
#[utoipa::path(get, path = "/api/0/vedette/accounting/", tag = "fleet",
    responses((status = 200, body = Accounting)))]
pub(in crate::api) async fn accounting(
    State(state): State<ApiState>,
    caller: Caller,
) -> Result<Json<Accounting>, ApiError> {
    caller.anywhere(Scope::OrgRead)?;
    let projects = own_projects(&state, &caller).await?;
    let mut sum = Sum::default();
    sum.shown.is_whole = true;
    for relay in state.fleet.relays().await? {
        sum.add(&relay);
    }
    let mut at_hub = BTreeMap::<Account, HubTerms>::new();
    for one in state.store.all_books().await? {
        if sum.lives.get(&one.relay) == Some(&one.epoch) {
            let terms = at_hub.entry((Some(one.project), one.category));
            terms.or_default().add(one.term, one.quantity);
        }
    }
    let Sum {
        mut shown, lines, ..
    } = sum;
    let is_seen = |(project, _): &Account| {
        project.is_none_or(|project| projects.contains_key(&project.as_i64()))
    };
    let lines = lines.into_iter().filter(|(account, _)| is_seen(account));
    shown.lines = lines
        .map(|(account, line)| {
            let slug = account
                .0
                .and_then(|project| projects.get(&project.as_i64()));
            let hub = at_hub.remove(&account).unwrap_or_default();
            EquationLine::new(account, slug.cloned(), line, hub)
        })
        .collect();
    shown.off.sort_by_key(|off| std::cmp::Reverse(off.deficit));
    shown.off.truncate(OFF_MAX);
    shown.is_balanced = shown.relays_off == 0;
    Ok(Json(shown))
}

impl Sum {
    fn add(&mut self, relay: &Relay) {
        let shown = &mut self.shown;
        let report = relay.report.as_ref();
        let Some((report, books)) =
            report.and_then(|report| Some((report, report.books.as_ref()?)))
        else {
            shown.relays_silent += 1;
            return;
        };
        let differences = &report.differences;
        let deficit = fleet::deficit(books).saturating_add(fleet::divergence(differences));
        let is_being_compared = differences.iter().any(|one| one.project.is_none());
        shown.relays += 1;
        shown.is_whole &= books.is_whole;
        shown.is_being_compared |= is_being_compared;
        shown.deficit = shown.deficit.saturating_add(deficit);
        if deficit > 0 || is_being_compared {
            shown.relays_off += 1;
            shown.off.push(RelayOff {
                id: relay.id.to_string(),
                name: relay.name.clone(),
                deficit,
            });
        }
        self.lives.insert(relay.id, books.epoch);
        for (account, line) in fleet::lines(books, differences) {
            self.lines.entry(account).or_default().add(line);
        }
    }
}
