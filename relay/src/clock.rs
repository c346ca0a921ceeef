//! The one place that reads the time.

use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime};

use protocol::timestamp::Timestamp;

/// The wall clock's time.
#[must_use]
#[expect(
    clippy::disallowed_methods,
    reason = "this is the clock that everyone else is given"
)]
pub fn now() -> Timestamp {
    let since = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// Time since the first call; never goes back, and no one can set it.
#[must_use]
#[expect(
    clippy::disallowed_methods,
    reason = "this is the clock that everyone else is given"
)]
pub fn monotonic() -> Duration {
    static START: OnceLock<Instant> = OnceLock::new();
    START.get_or_init(Instant::now).elapsed()
}
