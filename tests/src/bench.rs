//! The product's figures, measured with the real programs and envelopes as a real SDK sends them.
//!
//! Each part measures one thing and notes it under a name; names are never used for anything else,
//! so that runs can be compared.

mod backlog;
mod fleet;
mod kinds;
mod links;
mod search;
mod single;
mod site;
mod steady;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use serde_json::json;

use crate::api::Sdk;
use crate::load::Load;
use crate::process::Process;
use crate::site::{Plan, Site};
use crate::wait::clock;

/// Envelopes that the relay is measured with.
const ENVELOPES: usize = 10_000;
/// Senders at a time.
const SENDERS: usize = 8;
/// Envelopes made before the measuring begins, so that making them costs nothing in it.
const PREPARED: usize = 2_000;
const MIB: f64 = 1024.0 * 1024.0;
const DRAINED_WITHIN: Duration = Duration::from_secs(1800);

/// Measures everything in a directory; figures go to `results.jsonl` there and to the terminal.
///
/// # Errors
/// When a program does not do what it is asked.
pub async fn run(dir: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(dir)?;
    let mut figures = Figures::begin(dir.join("results.jsonl"))?;
    let only = crate::scale::bench_only();
    let is_asked = |part: &str| only.as_ref().is_none_or(|only| only == part);
    if is_asked("site") {
        site::measure(&fresh(dir, "site")?, &mut figures).await?;
    }
    if is_asked("search") {
        search::measure(&fresh(dir, "search")?, &mut figures).await?;
    }
    if is_asked("steady") {
        steady::measure(&fresh(dir, "steady")?, &mut figures).await?;
    }
    if is_asked("kinds") {
        kinds::measure(dir, &mut figures).await?;
    }
    if is_asked("backlog") {
        backlog::measure(&fresh(dir, "backlog")?, &mut figures).await?;
    }
    if is_asked("links") {
        links::measure(dir, &mut figures).await?;
    }
    if is_asked("fleet") {
        fleet::measure(&fresh(dir, "fleet")?, &mut figures).await?;
    }
    if is_asked("single") {
        single::measure(dir, &mut figures).await?;
    }
    figures.table();
    Ok(())
}

/// An empty directory.
fn fresh(dir: &Path, name: &str) -> anyhow::Result<PathBuf> {
    let dir = dir.canonicalize()?.join(name);
    drop(fs::remove_dir_all(&dir));
    fs::create_dir_all(&dir)?;
    Ok(dir)
}

/// A site in a directory, whose relay tells no events together: what is measured is what one costs.
fn plan_in(dir: PathBuf) -> anyhow::Result<Plan> {
    let mut plan = Plan::free(dir)?;
    plan.fold_after = Some(0);
    Ok(plan)
}

/// Figures as they come.
struct Figures {
    file: fs::File,
    rows: Vec<(String, f64, &'static str)>,
}

impl Figures {
    fn begin(path: PathBuf) -> anyhow::Result<Self> {
        Ok(Self {
            file: fs::File::create(path)?,
            rows: Vec::new(),
        })
    }

    #[expect(clippy::print_stderr, reason = "progress for a person")]
    fn note(&mut self, name: &str, value: f64, unit: &'static str) -> anyhow::Result<()> {
        let value = (value * 1000.0).round() / 1000.0;
        writeln!(
            self.file,
            "{}",
            json!({"name": name, "value": value, "unit": unit})
        )?;
        eprintln!("{name} {value} {unit}");
        self.rows.push((name.to_owned(), value, unit));
        Ok(())
    }

    #[expect(clippy::print_stdout, reason = "the table is what it is run for")]
    fn table(&self) {
        println!("\n{:44} {:>14}  unit", "figure", "value");
        for (name, value, unit) in &self.rows {
            println!("{name:44} {value:>14.3}  {unit}");
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "figures are for people")]
const fn float(n: usize) -> f64 {
    n as f64
}

#[expect(clippy::cast_precision_loss, reason = "figures are for people")]
fn mib(bytes: u64) -> f64 {
    bytes as f64 / MIB
}

fn relay(site: &Site) -> anyhow::Result<&Process> {
    site.relay().context("the relay runs")
}

fn hub(site: &Site) -> anyhow::Result<&Process> {
    site.hub().context("the hub runs")
}

/// The value at a share of the sorted values.
fn percentile(values: &mut [Duration], share: f64) -> Duration {
    values.sort_unstable();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "an index"
    )]
    let place = (float(values.len().saturating_sub(1)) * share).round() as usize;
    values.get(place).copied().unwrap_or_default()
}

/// Posts envelopes from several senders; answers how long each took to be acknowledged, and the
/// bytes that were posted.
async fn post(site: &Site, n: usize) -> anyhow::Result<(Vec<Duration>, u64)> {
    let mut load = Load::python()?;
    let (mut took, mut n_bytes) = (Vec::new(), 0);
    let mut left = n;
    while left > 0 {
        let batch = left.min(PREPARED);
        left -= batch;
        let bodies: anyhow::Result<Vec<Vec<u8>>> =
            (0..batch).map(|_| Ok(load.next_gzip()?.1)).collect();
        let bodies = bodies?;
        n_bytes += bodies.iter().map(|body| body.len() as u64).sum::<u64>();
        let mut shares: Vec<Vec<Vec<u8>>> = (0..SENDERS).map(|_| Vec::new()).collect();
        for (place, body) in bodies.into_iter().enumerate() {
            if let Some(share) = shares.get_mut(place % SENDERS) {
                share.push(body);
            }
        }
        let mut senders = tokio::task::JoinSet::new();
        for share in shares {
            senders.spawn(post_all(site.sdk().clone(), share));
        }
        while let Some(answers) = senders.join_next().await {
            took.extend(answers??);
        }
    }
    Ok((took, n_bytes))
}

async fn post_all(sdk: Sdk, bodies: Vec<Vec<u8>>) -> anyhow::Result<Vec<Duration>> {
    let mut took = Vec::new();
    for body in bodies {
        let begin = clock();
        let status = sdk.post(body, "gzip").await?.status();
        anyhow::ensure!(status.is_success(), "the relay answered {status}");
        took.push(begin.elapsed());
    }
    Ok(took)
}

#[expect(
    clippy::disallowed_methods,
    reason = "the benchmark is set by its environment alone"
)]
fn is_large() -> bool {
    std::env::var("BENCH_LARGE").is_ok_and(|value| value == "1")
}

/// Bytes that the files below a directory take on the disk.
fn disk_bytes(dir: &Path) -> anyhow::Result<u64> {
    use std::os::unix::fs::MetadataExt;
    let mut n_bytes = 0;
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        n_bytes += if metadata.is_dir() {
            disk_bytes(&entry.path())?
        } else {
            metadata.blocks() * 512
        };
    }
    Ok(n_bytes)
}
