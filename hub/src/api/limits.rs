//! How much the API takes at once, and the headers that say so.
//!
//! One window of a second and one count of requests in flight, for the whole hub: enough to keep a
//! runaway script from taking the machine, cheap enough to be on every request.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::ApiState;
use super::error::ApiError;
use crate::clock;

/// Requests per second.
const REQUESTS_MAX: u64 = 5000;
/// Requests in flight.
const CONCURRENT_MAX: u64 = 512;

/// The counts.
#[derive(Debug, Default)]
pub(super) struct Limiter {
    second: AtomicI64,
    taken: AtomicU64,
    in_flight: AtomicU64,
}

impl Limiter {
    /// Counts a request; answers how many are taken in this second.
    fn take(&self, second: i64) -> u64 {
        if self.second.swap(second, Ordering::Relaxed) != second {
            self.taken.store(0, Ordering::Relaxed);
        }
        self.taken.fetch_add(1, Ordering::Relaxed) + 1
    }
}

/// Lowers the count of requests in flight when the answer is made, or the caller is gone.
struct InFlight(ApiState);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.0.limiter.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Refuses what is too much and marks every answer.
pub(super) async fn limit(State(state): State<ApiState>, request: Request, next: Next) -> Response {
    let second = clock::now().as_secs();
    let limiter = &state.0.limiter;
    let taken = limiter.take(second);
    let concurrent = limiter.in_flight.fetch_add(1, Ordering::Relaxed) + 1;
    let _in_flight = InFlight(state.clone());
    let mut response = if taken > REQUESTS_MAX || concurrent > CONCURRENT_MAX {
        ApiError::too_often("Too many requests. Try again in a moment.", 1).into_response()
    } else {
        next.run(request).await
    };
    mark(response.headers_mut(), second, taken, concurrent);
    response
}

fn mark(headers: &mut HeaderMap, second: i64, taken: u64, concurrent: u64) {
    let mut set = |name, value: HeaderValue| {
        headers.insert(HeaderName::from_static(name), value);
    };
    set("x-sentry-rate-limit-limit", REQUESTS_MAX.into());
    set(
        "x-sentry-rate-limit-remaining",
        REQUESTS_MAX.saturating_sub(taken).into(),
    );
    set("x-sentry-rate-limit-reset", (second + 1).into());
    set("x-sentry-rate-limit-concurrentlimit", CONCURRENT_MAX.into());
    set(
        "x-sentry-rate-limit-concurrentremaining",
        CONCURRENT_MAX.saturating_sub(concurrent).into(),
    );
}
