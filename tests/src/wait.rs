//! Waiting for a condition with a deadline; never for time alone.

use std::future::Future;
use std::time::{Duration, Instant};

use anyhow::bail;

/// The pause between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(25);

/// The monotonic clock of tests, demo and benchmark.
#[must_use]
#[expect(
    clippy::disallowed_methods,
    reason = "deadlines of tests are real time"
)]
pub fn clock() -> Instant {
    Instant::now()
}

/// Looks until `condition` answers, or fails after `most` and says `what` it waited for.
///
/// # Errors
/// When the deadline has passed.
pub async fn until<T, F, Fut>(what: &str, most: Duration, mut condition: F) -> anyhow::Result<T>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Option<T>>,
{
    let begin = clock();
    loop {
        if let Some(answer) = condition().await {
            return Ok(answer);
        }
        if begin.elapsed() > most {
            bail!("waited {most:?} for {what}");
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}
