//! An issue for whoever has its link: nobody asks who they are.
//!
//! What always holds: it shows what the application is and where it failed, and nothing of whom it
//! failed for: no user, no request, no tags, no variables, no absolute paths. A link that was taken
//! back, and one that never was, are answered alike.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use axum::Json;
use axum::extract::State;
use protocol::ids::ProjectId;
use protocol::timestamp::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::ApiState;
use super::body::{Belongs, Entry, EventBody};
use super::caller::Address;
use super::error::ApiError;
use super::event::body_of;
use super::events::shape;
use super::input::At;
use super::types::iso;
use crate::clock;
use crate::ids::ShortId;
use crate::issue::Status;

/// What paths that are open to everyone begin with.
pub(super) const PATH: &str = "/api/0/shared/issues/";
/// Answers for one address in a minute.
const ASKED_MAX: u32 = 60;
/// Addresses that are counted in a minute; when there are more, the rest waits for the next.
const ADDRESSES_MAX: usize = 10_000;

/// An issue, as anyone may see it who has the link.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct SharedIssue {
    short_id: String,
    title: String,
    culprit: String,
    level: String,
    platform: String,
    /// `unresolved`, `resolved` or `ignored`.
    status: &'static str,
    is_unhandled: bool,
    project_name: String,
    first_seen: String,
    last_seen: String,
    /// Null where it has expired.
    latest_event: Option<SharedEvent>,
}

/// An event, as anyone may see it who has the link.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct SharedEvent {
    date_created: String,
    platform: &'static str,
    /// Exceptions and stacks.
    entries: Vec<Entry>,
}

/// The path of a shared issue.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct SharePath {
    /// As the link has it.
    share_id: String,
}

/// How often addresses have asked in this minute.
#[derive(Debug, Default)]
pub(super) struct Visitors(Mutex<(i64, HashMap<IpAddr, u32>)>);

impl Visitors {
    /// Counts a visit; whether there is room for it.
    fn admit(&self, now: Timestamp, address: IpAddr) -> bool {
        let minute = now.as_secs().div_euclid(60);
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.0 != minute {
            *counts = (minute, HashMap::new());
        }
        let known = counts.1.len();
        match counts.1.entry(network(address)) {
            std::collections::hash_map::Entry::Vacant(_) if known >= ADDRESSES_MAX => false,
            entry => {
                let n = entry.or_insert(0);
                *n += 1;
                *n <= ASKED_MAX
            }
        }
    }
}

/// Whoever has an address of IPv6 has a whole network of them.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => {
            let upper = u128::from(v6) >> 64 << 64;
            IpAddr::V6(upper.into())
        }
    }
}

/// An issue that somebody shared.
#[utoipa::path(get, path = "/api/0/shared/issues/{share_id}/", tag = "issues",
    params(SharePath), responses((status = 200, body = SharedIssue)))]
pub(super) async fn get(
    State(state): State<ApiState>,
    Address(address): Address,
    At(path): At<SharePath>,
) -> Result<Json<SharedIssue>, ApiError> {
    if !state.0.visitors.admit(clock::now(), address) {
        let what = "Too many requests. Try again in a minute.";
        return Err(ApiError::too_often(what, 60));
    }
    let issue = state.store.shared_issue(&path.share_id).await?;
    let issue = issue.ok_or_else(ApiError::missing)?;
    Ok(Json(shown(&state, issue).await?))
}

async fn shown(state: &ApiState, issue: i64) -> Result<SharedIssue, ApiError> {
    let row = state.store.issue_rows(&[issue]).await?.pop();
    let row = row.ok_or_else(ApiError::missing)?;
    let project = state.store.project_by_id(row.project_id).await?;
    let project = project.ok_or_else(ApiError::missing)?;
    let latest = state.store.issue_events(issue, None, 1).await?.pop();
    let latest_event = match latest {
        None => None,
        Some(event) => {
            let body = body_of(state, &event).await?;
            let id = ProjectId::new(row.project_id.unsigned_abs());
            let rules = state.digest.rules(id.map_err(ApiError::internal)?).await?;
            let belongs = Belongs {
                issue,
                project: row.project_id,
            };
            let body = shape(&body, |event| EventBody::new(event, belongs, &rules))?;
            Some(SharedEvent {
                date_created: body.summary.date_created,
                platform: body.summary.platform,
                entries: body.entries.into_iter().filter_map(Entry::open).collect(),
            })
        }
    };
    let short_id = ShortId {
        project: project.slug,
        number: row.short_id,
    };
    Ok(SharedIssue {
        short_id: short_id.to_string(),
        title: row.title,
        culprit: row.culprit,
        level: row.level,
        platform: row.platform,
        status: Status::from_codes(row.status, row.substatus).name(),
        is_unhandled: row.is_unhandled,
        project_name: project.name,
        first_seen: iso(row.first_seen),
        last_seen: iso(row.last_seen),
        latest_event,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_answered_so_often_a_minute() {
        let visitors = Visitors::default();
        let at = |secs: i64| Timestamp::from_millis(secs * 1000);
        let one: IpAddr = "2001:db8::1".parse().unwrap();
        let neighbour: IpAddr = "2001:db8::2".parse().unwrap();
        let other: IpAddr = "192.0.2.1".parse().unwrap();
        for _ in 0..ASKED_MAX {
            assert!(visitors.admit(at(60), one));
        }
        assert!(!visitors.admit(at(119), one));
        assert!(
            !visitors.admit(at(119), neighbour),
            "one network, one count"
        );
        assert!(visitors.admit(at(119), other));
        assert!(visitors.admit(at(120), one), "the next minute");
    }

    #[test]
    fn so_many_addresses_are_counted_and_no_more() {
        let visitors = Visitors::default();
        let now = Timestamp::from_millis(0);
        let address = |n: u32| IpAddr::from(n.to_be_bytes());
        for n in 0..u32::try_from(ADDRESSES_MAX).unwrap() {
            assert!(visitors.admit(now, address(n)));
        }
        assert!(!visitors.admit(now, address(u32::MAX)));
        assert!(visitors.admit(now, address(0)), "those that are known are");
    }
}
