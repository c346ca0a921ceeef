//! How much of a trouble a test makes. `make test` has little time; `make soak` and whoever has a
//! night to spare ask for more by variables of the environment, which are read here alone.

use std::path::PathBuf;
use std::time::Duration;

/// Kills of the relay, `KILLS`; the hub is killed half as often, both at once a quarter.
#[must_use]
pub fn kills() -> usize {
    number("KILLS", 40)
}

/// Cuts of the power of each host, `CUTS`.
#[must_use]
pub fn cuts() -> usize {
    number("CUTS", 12)
}

/// How long relay and hub are parted, `PARTITION_SECS`.
#[must_use]
pub fn partition() -> Duration {
    Duration::from_secs(number("PARTITION_SECS", 30) as u64)
}

/// Clients at once that take their time, `SLOW_CLIENTS`.
#[must_use]
pub fn slow_clients() -> usize {
    number("SLOW_CLIENTS", 2_000)
}

/// Errors none of which is like another, `DISTINCT_ERRORS`. Beyond 10,000 a project may make no
/// more issues of them.
#[must_use]
pub fn distinct_errors() -> usize {
    number("DISTINCT_ERRORS", 4_000)
}

/// Relays that are restarted one after the other, `ROLLING_RELAYS`.
#[must_use]
pub fn rolling_relays() -> usize {
    number("ROLLING_RELAYS", 5)
}

/// Where the programs of another version are, `OTHER_PROGRAMS`, for this one to live with.
#[must_use]
pub fn other_programs() -> Option<PathBuf> {
    text("OTHER_PROGRAMS").map(PathBuf::from)
}

/// The one part of the benchmark to measure, `BENCH_ONLY`.
#[must_use]
pub fn bench_only() -> Option<String> {
    text("BENCH_ONLY")
}

/// The one link of the benchmark to measure, `BENCH_LINK`.
#[must_use]
pub fn bench_link() -> Option<String> {
    text("BENCH_LINK")
}

/// Events that searches of the benchmark are asked of, `BENCH_EVENTS`.
#[must_use]
pub fn bench_events(otherwise: usize) -> usize {
    number("BENCH_EVENTS", otherwise)
}

/// Relays of the benchmark's fleet, `BENCH_RELAYS`.
#[must_use]
pub fn bench_relays() -> usize {
    number("BENCH_RELAYS", 500)
}

/// Envelopes of each kind that the relay's cost is measured with, `BENCH_ENVELOPES`.
#[must_use]
pub fn bench_envelopes() -> usize {
    number("BENCH_ENVELOPES", 5_000)
}

/// A number of the environment; what is no number above zero is not asked for.
fn number(name: &str, default: usize) -> usize {
    let asked = text(name).and_then(|text| text.parse().ok());
    asked.filter(|n| *n > 0).unwrap_or(default)
}

#[expect(
    clippy::disallowed_methods,
    reason = "tests and benchmark have no configuration file"
)]
fn text(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
