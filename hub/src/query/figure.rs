//! Figures over groups of events, as in `count():>10`: which there are, and what a query says of
//! them apart from what it says of events.

use std::ops::Range;

use super::{Expr, Key, QueryError, Scope};

/// Those that are numbers.
const NUMBERS: [&str; 2] = ["count()", "count_unique(user)"];
/// Those of totals of transactions and spans, with or without the name of what they are of.
const OF_TOTALS: [&str; 10] = [
    "avg()",
    "count()",
    "epm()",
    "eps()",
    "failure_count()",
    "failure_rate()",
    "p50()",
    "p75()",
    "p95()",
    "p99()",
];
/// Those that are times.
const DATES: [&str; 2] = ["first_seen()", "last_seen()"];
/// Functions that are written as figures. Others in front of a colon are words, as in a title that
/// somebody pastes.
const FUNCTIONS: [&str; 24] = [
    "any",
    "apdex",
    "avg",
    "count",
    "count_if",
    "count_miserable",
    "count_unique",
    "count_web_vitals",
    "epm",
    "eps",
    "failure_count",
    "failure_rate",
    "first_seen",
    "last_seen",
    "max",
    "min",
    "p50",
    "p75",
    "p90",
    "p95",
    "p99",
    "p100",
    "percentile",
    "sum",
];

/// What a query may say figures of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Figures {
    /// Groups of events.
    Groups,
    /// Totals of transactions and spans.
    Totals,
}

pub(super) fn is_number(name: &str) -> bool {
    NUMBERS.contains(&name) || OF_TOTALS.contains(&name)
}

pub(super) fn is_date(name: &str) -> bool {
    DATES.contains(&name)
}

/// Whether a key is written as a figure.
fn is_written(name: &str) -> bool {
    let function = name.strip_suffix(')').and_then(|name| name.split_once('('));
    function.is_some_and(|(function, of)| FUNCTIONS.contains(&function) && !of.contains(['(', ')']))
}

/// How much of a text is a figure in front of a colon and its value.
pub(super) fn name_len(text: &str) -> Option<usize> {
    let (name, after) = text.split_once(':')?;
    let has_value = after.chars().next().is_some_and(|c| !c.is_whitespace());
    (has_value && is_written(name)).then_some(name.len())
}

/// The figure that a key names; `None` where it is none.
pub(super) fn named(
    name: &str,
    of: Figures,
    span: &Range<usize>,
) -> Result<Option<Key>, QueryError> {
    if !is_written(name) {
        return Ok(None);
    }
    let (what, remedy) = match of {
        Figures::Groups if NUMBERS.contains(&name) || is_date(name) => {
            return Ok(Some(Key::Field(name.to_owned())));
        }
        Figures::Groups => (
            "groups",
            "count(), count_unique(user), first_seen() or last_seen()".to_owned(),
        ),
        Figures::Totals => {
            let plain = name
                .strip_suffix("(transaction.duration)")
                .or_else(|| name.strip_suffix("(span.duration)"))
                .map_or_else(|| name.to_owned(), |figure| format!("{figure}()"));
            if OF_TOTALS.contains(&plain.as_str()) {
                return Ok(Some(Key::Field(plain)));
            }
            ("totals", OF_TOTALS.join(", "))
        }
    };
    let message = format!("{name} is no figure of {what}; use {remedy}");
    Err(QueryError::new(span.clone(), message))
}

/// What a query says of events or issues, and what it says of groups of events.
///
/// # Errors
/// [`QueryError`] where one part speaks of both.
pub fn parted(query: Expr) -> Result<(Expr, Vec<Expr>), QueryError> {
    let parts = match query {
        Expr::And(parts) => parts,
        other => vec![other],
    };
    let (mut others, mut groups) = (Vec::new(), Vec::new());
    for part in parts {
        let Some(span) = figure(&part) else {
            others.push(part);
            continue;
        };
        if !is_of_groups(&part) {
            let message = "what is said of groups stands beside what is said of events, not in an \
                           OR or a NOT with it";
            return Err(QueryError::new(span, message));
        }
        groups.push(part);
    }
    let others = match others.len() {
        1 => others.remove(0),
        _ => Expr::And(others),
    };
    Ok((others, groups))
}

/// Where the first figure of an expression stands.
#[must_use]
pub fn figure(expr: &Expr) -> Option<Range<usize>> {
    match expr {
        Expr::And(parts) | Expr::Or(parts) => parts.iter().find_map(figure),
        Expr::Not(part) => figure(part),
        Expr::Text(_) => None,
        Expr::Filter(filter) => {
            let is_figure = filter.key.scope() == Scope::Group;
            is_figure.then(|| filter.span.clone())
        }
    }
}

fn is_of_groups(expr: &Expr) -> bool {
    match expr {
        Expr::And(parts) | Expr::Or(parts) => parts.iter().all(is_of_groups),
        Expr::Not(part) => is_of_groups(part),
        Expr::Text(_) => false,
        Expr::Filter(filter) => filter.key.scope() == Scope::Group,
    }
}
