//! `make bench`: the product's figures, one JSON line each in `target/bench/results.jsonl`, and a
//! table on the terminal.
//!
//! Everything is measured with the real programs and envelopes as a real SDK sends them. On a
//! shared machine CPU-seconds, bytes and ratios mean something; seconds less so.
//! `BENCH_LARGE=1` asks lists and searches of 1,000,000 events instead of 100,000, and lets a
//! relay start over a backlog of 10 GiB instead of 1 GiB. `BENCH_ONLY=links` measures one part
//! alone: `site`, `search`, `steady`, `kinds`, `backlog`, `links`, `fleet` or `single`; of the
//! links, `BENCH_LINK=64_kbit` one alone. `BENCH_EVENTS=5000` has searches asked of so many events,
//! `BENCH_ENVELOPES=100` measures kinds with fewer envelopes.

use std::path::Path;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    tests::bench::run(Path::new("target/bench")).await
}
