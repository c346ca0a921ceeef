//! Which events of an issue a request means: all of them, or those its search, environments and
//! time leave.
//!
//! Lists, the first, the last, the one before and the one after are all asked here, so that who
//! steps through events under a filter never leaves it.

use protocol::timestamp::Timestamp;

use super::ApiState;
use super::error::ApiError;
use super::page::Params;
use super::search::{read, span};
use crate::clock;
use crate::index::{EventHit, Order, Search};
use crate::query::{Expr, Scope};
use crate::store::event_read::EventRow;
use crate::store::place::{Direction, Place};

/// Before every event: reading back from here begins with the oldest.
pub(super) const BEGINNING: (Place, Direction) = (
    Place {
        value: i64::MIN,
        id: i64::MIN,
    },
    Direction::Back,
);

/// Up to `limit` events of an issue from a place on, the latest first; read back, the other way.
pub(super) async fn issue_events(
    state: &ApiState,
    issue: i64,
    params: &Params,
    from: Option<(Place, Direction)>,
    limit: u32,
) -> Result<Vec<EventRow>, ApiError> {
    let search = search(state, issue, params).await?;
    let Some(search) = search else {
        return Ok(state.store.issue_events(issue, from, limit).await?);
    };
    let order = match from {
        Some((_, Direction::Back)) => Order::Oldest,
        _ => Order::Newest,
    };
    let after = from.map(|(place, _)| EventHit {
        timestamp: Timestamp::from_millis(place.value),
        row: place.id,
        issue,
    });
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let hits = state.index.events(search, order, after, limit).await?;
    let ids: Vec<i64> = hits.iter().map(|hit| hit.row).collect();
    let mut rows = state.store.event_rows(&ids).await?;
    rows.sort_by_key(|row| ids.iter().position(|id| *id == row.id));
    Ok(rows)
}

/// What the index is asked; `None` when every event is meant.
pub(super) async fn search(
    state: &ApiState,
    issue: i64,
    params: &Params,
) -> Result<Option<Search>, ApiError> {
    let now = clock::now();
    let span = span(params, now)?;
    let text = params.first("query").unwrap_or_default();
    let rows = match text {
        "" => Vec::new(),
        _ => state.store.issue_rows(&[issue]).await?,
    };
    let projects: Vec<i64> = rows.iter().map(|row| row.project_id).collect();
    let environments: Vec<String> = params.all("environment").map(str::to_owned).collect();
    let filter = about_events(read(state, &projects, text, now).await?);
    let is_all = filter.is_everything() && environments.is_empty();
    if is_all && span.from.is_none() && span.to.is_none() {
        return Ok(None);
    }
    Ok(Some(Search {
        projects: Vec::new(),
        environments,
        issues: Some(vec![issue]),
        from: span.from.map(Timestamp::from_millis),
        until: span.to.map(Timestamp::from_millis),
        filter,
    }))
}

/// The part of a query that is about events. What it says of issues was answered when the issue
/// was chosen.
pub(super) fn about_events(expr: Expr) -> Expr {
    match expr {
        Expr::And(parts) => Expr::And(parts.into_iter().map(about_events).collect()),
        expr if names_issues(&expr) => Expr::everything(),
        expr => expr,
    }
}

pub(super) fn names_issues(expr: &Expr) -> bool {
    match expr {
        Expr::And(parts) | Expr::Or(parts) => parts.iter().any(names_issues),
        Expr::Not(part) => names_issues(part),
        Expr::Text(_) => false,
        Expr::Filter(filter) => filter.key.scope() == Scope::Issue,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query;

    #[test]
    fn keeps_what_is_about_events() {
        let read = |text: &str| query::parse(text, Timestamp::from_millis(0)).unwrap();
        let check = |text: &str, expected: &str| {
            let kept = about_events(read(text));
            let kept = if kept.is_everything() {
                Expr::everything()
            } else {
                kept
            };
            let kinds = |expr: &Expr| format!("{expr:?}").matches("Filter(").count();
            assert_eq!(kinds(&kept), kinds(&read(expected)), "{text}");
        };
        check("is:unresolved", "");
        check("is:unresolved level:error", "level:error");
        check("level:error or is:resolved", "");
        check("!is:resolved !level:error", "!level:error");
    }
}
