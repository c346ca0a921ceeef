//! `make bench`: the product's figures, one JSON line each in `target/bench/results.jsonl`, and a
//! table on the terminal.
//!
//! Everything is measured with the real programs and envelopes as a real SDK sends them. On a
//! shared machine CPU-seconds, bytes and ratios mean something; seconds less so.
//! `BENCH_LARGE=1` asks lists and searches of 1,000,000 events instead of 100,000.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context;
use reqwest::Method;
use serde_json::json;
use tests::api::Sdk;
use tests::load::Load;
use tests::process::Process;
use tests::site::{ORGANIZATION, Plan, Site};
use tests::wait::{clock, until};

/// Envelopes that the relay is measured with.
const ENVELOPES: usize = 10_000;
/// Senders at a time.
const SENDERS: usize = 8;
/// Envelopes made before the measuring begins, so that making them costs nothing in it.
const PREPARED: usize = 2_000;
/// Requests of each kind that are timed.
const ASKED: usize = 200;
/// Events whose way from POST to list is timed.
const VISIBLE: usize = 60;
const MIB: f64 = 1024.0 * 1024.0;
const DRAINED_WITHIN: Duration = Duration::from_secs(1800);

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let dir = Path::new("target/bench");
    fs::create_dir_all(dir)?;
    let mut figures = Figures::begin(dir.join("results.jsonl"))?;
    let site_dir = dir.canonicalize()?.join("site");
    drop(fs::remove_dir_all(&site_dir));
    let mut site = Site::open(Plan::free(site_dir)?).await?;
    idle(&site, &mut figures)?;
    visible(&site, &mut figures).await?;
    let n_before = site.stored_events().await?;
    offline(&mut site, &mut figures).await?;
    drain(&mut site, &mut figures, n_before).await?;
    questions(&mut site, &mut figures).await?;
    start(&mut site, &mut figures).await?;
    figures.table();
    Ok(())
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
        println!("\n{:34} {:>14}  unit", "figure", "value");
        for (name, value, unit) in &self.rows {
            println!("{name:34} {value:>14.3}  {unit}");
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

fn idle(site: &Site, figures: &mut Figures) -> anyhow::Result<()> {
    figures.note(
        "relay.rss_idle_mib",
        mib(relay(site)?.resident_bytes()?),
        "MiB",
    )?;
    figures.note("hub.rss_idle_mib", mib(hub(site)?.resident_bytes()?), "MiB")
}

/// From an SDK's POST to the issue in the list: each event is an issue of its own.
async fn visible(site: &Site, figures: &mut Figures) -> anyhow::Result<()> {
    let mut took = Vec::new();
    for n in 0..VISIBLE {
        let mark = format!("Visible{}", uuid::Uuid::new_v4().simple());
        let event = json!({"message": format!("{mark} number {n}"), "fingerprint": [mark]});
        let begin = clock();
        site.sdk().send(&event).await?;
        let path = format!("organizations/{ORGANIZATION}/issues/?query={mark}");
        until(&mark, Duration::from_secs(30), || async {
            let found = site.api().get(&path).await.ok()?;
            (found.as_array().map(Vec::len) == Some(1)).then_some(())
        })
        .await?;
        took.push(begin.elapsed());
    }
    figures.note(
        "visible.p50_s",
        percentile(&mut took, 0.5).as_secs_f64(),
        "s",
    )?;
    figures.note(
        "visible.p99_s",
        percentile(&mut took, 0.99).as_secs_f64(),
        "s",
    )
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

/// The relay by itself: CPU, memory, answers, and what it keeps per event.
async fn offline(site: &mut Site, figures: &mut Figures) -> anyhow::Result<()> {
    site.stop_hub().await?;
    let before = relay(site)?.cpu_seconds()?;
    let (mut took, n_posted) = post(site, ENVELOPES).await?;
    let used = relay(site)?.cpu_seconds()? - before;
    figures.note(
        "relay.cpu_s_per_10k_errors",
        used * 10_000.0 / float(ENVELOPES),
        "s",
    )?;
    figures.note(
        "relay.rss_load_mib",
        mib(relay(site)?.resident_bytes()?),
        "MiB",
    )?;
    figures.note(
        "relay.ack_p50_ms",
        percentile(&mut took, 0.5).as_secs_f64() * 1e3,
        "ms",
    )?;
    figures.note(
        "relay.ack_p99_ms",
        percentile(&mut took, 0.99).as_secs_f64() * 1e3,
        "ms",
    )?;
    let spool = site.waiting_bytes().await?;
    #[expect(clippy::cast_precision_loss, reason = "figures are for people")]
    let gzip = n_posted as f64;
    figures.note("link.bytes_per_error", spool / float(ENVELOPES), "B")?;
    figures.note("link.ratio_to_gzip", spool / gzip, "")?;
    // A relay that comes up with all of it waiting.
    site.terminate_relay().await?;
    site.start_relay().await?;
    figures.note(
        "relay.rss_backlog_mib",
        mib(relay(site)?.resident_bytes()?),
        "MiB",
    )
}

/// The hub works off what waits.
async fn drain(site: &mut Site, figures: &mut Figures, n_before: usize) -> anyhow::Result<()> {
    let size_before = disk_bytes(&site.dir().join("hub"))?;
    site.start_hub().await?;
    let cpu_before = hub(site)?.cpu_seconds()?;
    let begin = clock();
    let wanted = n_before + ENVELOPES;
    let peak = std::cell::Cell::new(0);
    until("the backlog to be digested", DRAINED_WITHIN, || async {
        peak.set(peak.get().max(hub(site).ok()?.resident_bytes().ok()?));
        (site.stored_events().await.ok()? >= wanted).then_some(())
    })
    .await?;
    let took = begin.elapsed().as_secs_f64();
    let used = hub(site)?.cpu_seconds()? - cpu_before;
    figures.note(
        "hub.cpu_s_per_10k_errors",
        used * 10_000.0 / float(ENVELOPES),
        "s",
    )?;
    figures.note("hub.digest_per_s", float(ENVELOPES) / took, "1/s")?;
    figures.note("hub.rss_load_mib", mib(peak.get()), "MiB")?;
    site.stop_hub().await?;
    let grown = disk_bytes(&site.dir().join("hub"))?.saturating_sub(size_before);
    #[expect(clippy::cast_precision_loss, reason = "figures are for people")]
    figures.note(
        "hub.disk_bytes_per_error",
        grown as f64 / float(ENVELOPES),
        "B",
    )?;
    site.start_hub().await
}

/// Lists and searches with many events stored.
async fn questions(site: &mut Site, figures: &mut Figures) -> anyhow::Result<()> {
    let wanted = if is_large() { 1_000_000 } else { 100_000 };
    let n_stored = site.stored_events().await?;
    if wanted > n_stored {
        post(site, wanted - n_stored).await?;
        until("all events to be digested", DRAINED_WITHIN, || async {
            (site.stored_events().await.ok()? >= wanted).then_some(())
        })
        .await?;
    }
    figures.note("hub.events_stored", float(site.stored_events().await?), "")?;
    let list = format!("organizations/{ORGANIZATION}/issues/?query=is:unresolved&statsPeriod=14d");
    let issue = site.api().get(&list).await?;
    let id = issue
        .pointer("/0/id")
        .and_then(|id| id.as_str())
        .context("an issue")?
        .to_owned();
    let detail = format!("organizations/{ORGANIZATION}/issues/{id}/");
    let latest = format!("organizations/{ORGANIZATION}/issues/{id}/events/latest/");
    let mut asked = BTreeMap::new();
    asked.insert("hub.issue_list_p99_ms", vec![list]);
    asked.insert("hub.issue_detail_p99_ms", vec![detail, latest]);
    let searches = [
        "charge_7",
        "server_name:web-03",
        "failed after level:error",
        "transaction:/checkout/3 user.id:42",
    ];
    let search = |query: &&str| {
        let query = tests::api::form_encoded(query);
        format!("organizations/{ORGANIZATION}/issues/?query={query}")
    };
    asked.insert("hub.search_p99_ms", searches.iter().map(search).collect());
    for (name, paths) in asked {
        let mut took = Vec::new();
        for path in paths.iter().cycle().take(ASKED) {
            let begin = clock();
            let status = site.api().call(Method::GET, path, None).await?.status();
            anyhow::ensure!(status.is_success(), "{path} answered {status}");
            took.push(begin.elapsed());
        }
        figures.note(name, percentile(&mut took, 0.99).as_secs_f64() * 1e3, "ms")?;
    }
    Ok(())
}

/// From exec to the first answer of the relay.
async fn start(site: &mut Site, figures: &mut Figures) -> anyhow::Result<()> {
    let mut took = Vec::new();
    for _ in 0..10 {
        site.terminate_relay().await?;
        let begin: Instant = clock();
        site.start_relay().await?;
        took.push(begin.elapsed());
    }
    figures.note(
        "relay.start_ms",
        percentile(&mut took, 0.5).as_secs_f64() * 1e3,
        "ms",
    )
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
