//! How a relay was over time.

use axum::Json;
use axum::extract::{Query, State};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::super::ApiState;
use super::super::caller::Caller;
use super::super::error::ApiError;
use super::super::input::At;
use super::{RelayPath, find};
use crate::access::Scope;
use crate::clock;
use crate::store::relay_history::{BUCKET_MILLIS, BUCKETS_KEPT, HistoryRow, bucket};

/// Rows of an hour.
const PER_HOUR: i64 = 3_600_000 / BUCKET_MILLIS;

/// How far back to look.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::api) struct HistoryParams {
    /// Hours, 1 to 168; a day when left out.
    #[serde(default = "a_day")]
    hours: i64,
}

const fn a_day() -> i64 {
    24
}

/// A relay's figures, one of each for every five minutes it was heard of, the oldest first.
#[derive(Debug, Default, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::api) struct History {
    /// Seconds from one row to the next, where none is missing.
    step: i64,
    /// The beginning of each row, in unix seconds.
    times: Vec<i64>,
    /// The most records that waited.
    backlog_records: Vec<i64>,
    /// The most bytes that waited.
    backlog_bytes: Vec<i64>,
    /// Items delivered since the row before.
    delivered: Vec<i64>,
    /// Items lost since the row before.
    dropped: Vec<i64>,
    /// Milliseconds.
    round_trip_ms: Vec<i64>,
    /// Packets lost, in millionths; `null` where the link does not tell.
    loss_ppm: Vec<Option<i64>>,
    /// Bytes.
    sent_per_second: Vec<i64>,
}

/// How a relay was: backlog, items, round trip, loss, rate.
#[utoipa::path(get, path = "/api/0/vedette/relays/{relay}/history/", tag = "fleet",
    params(RelayPath, HistoryParams), responses((status = 200, body = History)))]
pub(in crate::api) async fn history(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<RelayPath>,
    params: Result<Query<HistoryParams>, axum::extract::rejection::QueryRejection>,
) -> Result<Json<History>, ApiError> {
    caller.anywhere(Scope::OrgRead)?;
    let hours = params.map_or(0, |Query(params)| params.hours);
    if !(1..=BUCKETS_KEPT / PER_HOUR).contains(&hours) {
        let most = BUCKETS_KEPT / PER_HOUR;
        return Err(ApiError::field("hours", format!("1 to {most}")));
    }
    let relay = find(&state, &path).await?;
    let from = bucket(clock::now()) - hours * PER_HOUR + 1;
    // One more, for what the first of them begins with.
    let rows = state.store.relay_history(relay.id, from - 1).await?;
    Ok(Json(History::new(&rows, from)))
}

impl History {
    fn new(rows: &[HistoryRow], from: i64) -> Self {
        let mut history = Self {
            step: BUCKET_MILLIS / 1000,
            ..Self::default()
        };
        let mut before: Option<&HistoryRow> = None;
        for row in rows {
            if row.bucket >= from {
                let delivered = before.map(|before| before.delivered);
                let dropped = before.map(|before| before.dropped);
                history.times.push(row.bucket * BUCKET_MILLIS / 1000);
                history.backlog_records.push(row.backlog_records);
                history.backlog_bytes.push(row.backlog_bytes);
                history.delivered.push(risen(delivered, row.delivered));
                history.dropped.push(risen(dropped, row.dropped));
                history.round_trip_ms.push(row.rtt_ms);
                history.loss_ppm.push(row.loss_ppm);
                history.sent_per_second.push(row.sent_per_second);
            }
            before = Some(row);
        }
        history
    }
}

/// By how much a sum rose. One that fell began anew with a new spool; of the first nothing is
/// known.
const fn risen(before: Option<i64>, now: i64) -> i64 {
    match before {
        None => 0,
        Some(before) if now < before => now,
        Some(before) => now - before,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::ids::RelayId;

    #[test]
    fn sums_become_what_happened_in_each_row() {
        let row = |bucket, delivered| HistoryRow {
            delivered,
            ..HistoryRow::empty(RelayId::from_bytes([1; 16]), bucket)
        };
        let rows = [row(9, 100), row(10, 130), row(11, 130), row(13, 4)];
        let history = History::new(&rows, 10);
        assert_eq!(history.times, [3000, 3300, 3900]);
        assert_eq!(history.delivered, [30, 0, 4]);
        assert_eq!(History::new(&rows, 9).delivered, [0, 30, 0, 4]);
    }
}
