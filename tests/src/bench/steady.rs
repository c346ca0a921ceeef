//! The relay at a steady rate, at the highest rate, and flooded.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::Context as _;
use bytes::Bytes;
use protocol::block::{Item, Items, Record};
use protocol::ids::{EventId, Lane, ProjectId, PublicKey};
use protocol::unit::ByteSize;
use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep};

use super::{Figures, SENDERS, float, mib, percentile, post_all, relay};
use crate::api::{Sdk, VISIBLE_WITHIN, envelope};
use crate::chance::Chance;
use crate::load::Load;
use crate::site::Site;
use crate::wait::{clock, until};

/// The rate that acknowledgements are measured at.
const PER_SECOND: u32 = 200;
/// Events posted at that rate.
const STEADY: usize = 4_000;
/// Records of the durable rate: as many, as long, and as many at a time.
const RECORDS: usize = 60_000;
const RECORD_BYTES: usize = 3_000;
const AT_A_TIME: usize = 64;
/// Small events of the highest rate over HTTP.
const SMALL: usize = 20_000;
/// Bodies of a flood.
const FLOOD: usize = 400;
/// Small events of another project before it.
const OTHERS: usize = 2_000;

/// Measures all of it in a directory.
pub(super) async fn measure(dir: &Path, figures: &mut Figures) -> anyhow::Result<()> {
    durable(&dir.join("spool"), figures).await?;
    // In the field the hub has a disk of its own; here it gets none, so that no sync waits for its.
    let memory = tempfile::tempdir_in("/dev/shm").context("a hub's directory in memory")?;
    let site_dir = dir.join("site");
    std::fs::create_dir_all(&site_dir)?;
    std::os::unix::fs::symlink(memory.path(), site_dir.join("hub"))?;
    let mut site = Site::open(super::plan_in(site_dir)?).await?;
    steady(&site, figures).await?;
    small(&site, figures).await?;
    // What comes before is no load of what comes now.
    until("the hub to have it all", super::DRAINED_WITHIN, || async {
        (site.waiting_records().await.ok()? == 0).then_some(())
    })
    .await?;
    // In the field hub and flood have hosts of their own. Here what the relay wants goes before them
    // at once; by niceness alone it would wait for the end of their turn, some milliseconds.
    site.stop_hub().await?;
    site.set_hub_by(vec!["chrt".to_owned(), "--idle".to_owned(), "0".to_owned()]);
    site.start_hub().await?;
    flooded(&site, figures).await
}

/// Acknowledgements while the hub takes what comes.
async fn steady(site: &Site, figures: &mut Figures) -> anyhow::Result<()> {
    let mut load = Load::python()?;
    let mut tick = interval(Duration::from_secs(1) / PER_SECOND);
    tick.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let (mut senders, mut took) = (JoinSet::new(), Vec::new());
    for _ in 0..STEADY {
        let (_, body) = load.next_gzip()?;
        tick.tick().await;
        senders.spawn(post_all(site.sdk().clone(), vec![body]));
        while let Some(answers) = senders.try_join_next() {
            took.extend(answers??);
        }
    }
    while let Some(answers) = senders.join_next().await {
        took.extend(answers??);
    }
    let millis = |took: Duration| took.as_secs_f64() * 1e3;
    let p50 = millis(percentile(&mut took, 0.5));
    let p99 = millis(percentile(&mut took, 0.99));
    figures.note("relay.ack_p50_at_200_per_s_ms", p50, "ms")?;
    figures.note("relay.ack_p99_at_200_per_s_ms", p99, "ms")
}

/// Records of 3 KB that do not compress, straight into the spool, each durable when it is answered.
async fn durable(dir: &Path, figures: &mut Figures) -> anyhow::Result<()> {
    let config = relay::spool::Config {
        dir: dir.to_owned(),
        bytes_max: Some(ByteSize(4 << 30)),
        free_min: Some(ByteSize(0)),
        append_timeout: "60s".parse()?,
        ..relay::spool::Config::default()
    };
    let spool = relay::spool::Spool::open(&config, relay::ledger::Ledger::default())?;
    let begin = clock();
    let mut appends = JoinSet::new();
    for first in 0..AT_A_TIME {
        let spool = spool.clone();
        appends.spawn(async move {
            for n in (first..RECORDS).step_by(AT_A_TIME) {
                let record = noise(n as u64, RECORD_BYTES)?;
                spool.append(vec![(Lane::Errors, record)]).await?;
            }
            anyhow::Ok(())
        });
    }
    while let Some(appended) = appends.join_next().await {
        appended??;
    }
    let took = begin.elapsed().as_secs_f64();
    figures.note("spool.durable_per_s", float(RECORDS) / took, "1/s")?;
    spool.close().await?;
    std::fs::remove_dir_all(dir)?;
    Ok(())
}

/// A record of bytes that do not compress.
pub(super) fn noise(n: u64, len: usize) -> anyhow::Result<Record> {
    let mut chance = Chance::new(n);
    let payload: Vec<u8> = std::iter::repeat_with(|| chance.number().to_le_bytes())
        .take(len.div_ceil(8))
        .flatten()
        .collect();
    Ok(Record::Items(Items {
        project: ProjectId::new(1)?,
        key: PublicKey::from_bytes([7; 16]),
        received_at: hub::clock::now(),
        sent_at: None,
        event_id: Some(EventId::from_bytes(u128::from(n + 1).to_be_bytes())),
        client: None,
        remote_addr: None,
        user_agent: None,
        trace: None,
        items: vec![Item {
            kind: "attachment".to_owned(),
            header: Bytes::from_static(b"{}"),
            payload: Bytes::from(payload),
        }],
    }))
}

/// Small events as fast as they are answered.
async fn small(site: &Site, figures: &mut Figures) -> anyhow::Result<()> {
    let body = |n: usize| envelope(&json!({"message": format!("number {n}"), "level": "info"}));
    let mut senders = JoinSet::new();
    let begin = clock();
    for sender in 0..SENDERS * 4 {
        let bodies = (sender..SMALL).step_by(SENDERS * 4).map(body).collect();
        let sdk = site.sdk().clone();
        senders.spawn(async move {
            let bodies: Vec<Vec<u8>> = bodies;
            for body in bodies {
                let status = sdk.post(body, "").await?.status();
                anyhow::ensure!(status.is_success(), "the relay answered {status}");
            }
            Ok(())
        });
    }
    while let Some(sent) = senders.join_next().await {
        sent??;
    }
    let took = begin.elapsed().as_secs_f64();
    figures.note("relay.ingest_per_s", float(SMALL) / took, "1/s")
}

/// Large bodies from everywhere; whatever is answered, memory is bounded, and who posts little to
/// another project is answered all the while.
async fn flooded(site: &Site, figures: &mut Figures) -> anyhow::Result<()> {
    let dsn = other_project(site).await?;
    let other = Sdk::new(site.relay_url(), &dsn)?;
    let mut idle = Vec::new();
    for n in 0..OTHERS {
        idle.push(answered(&other, n).await?);
    }
    // Made before, so that what is measured is not the making.
    let bodies: Vec<_> = (0..FLOOD).map(|n| flood_body(n as u64)).collect();
    let is_over = Arc::new(AtomicBool::new(false));
    let quiet = quietly(site.relay_url().to_owned(), dsn, Arc::clone(&is_over));
    let flood = flood(site.sdk().clone(), bodies);
    let mut peak = 0;
    while !flood.is_finished() {
        peak = peak.max(relay(site)?.resident_bytes()?);
        sleep(Duration::from_millis(5)).await;
    }
    flood
        .join()
        .map_err(|_| anyhow::anyhow!("the flood panicked"))??;
    is_over.store(true, Ordering::Relaxed);
    let meanwhile = quiet
        .join()
        .map_err(|_| anyhow::anyhow!("the quiet project's SDK panicked"))??;
    figures.note("relay.rss_flooded_mib", mib(peak), "MiB")?;
    for (name, mut took) in [("idle", idle), ("flooded", meanwhile)] {
        for (share, what) in [(0.5, "p50"), (0.99, "p99")] {
            let millis = percentile(&mut took, share).as_secs_f64() * 1e3;
            figures.note(
                &format!("relay.other_project_{what}_{name}_ms"),
                millis,
                "ms",
            )?;
        }
    }
    Ok(())
}

/// Posts them all from many connections: on a thread that gets what the relay leaves of the host.
fn flood(sdk: Sdk, bodies: Vec<Vec<u8>>) -> JoinHandle<anyhow::Result<()>> {
    std::thread::spawn(move || {
        let this = std::fs::read_link("/proc/thread-self")?;
        let this = this.file_name().context("a thread has a number")?;
        let mut idle = Command::new("chrt");
        let idle = idle.args(["--idle", "--pid", "0"]).arg(this).status()?;
        anyhow::ensure!(idle.success(), "chrt: {idle}");
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        runtime.block_on(async {
            let mut senders = JoinSet::new();
            for bodies in bodies.chunks(FLOOD / (SENDERS * 4)) {
                let (sdk, bodies) = (sdk.clone(), bodies.to_vec());
                senders.spawn(async move {
                    for body in bodies {
                        drop(sdk.post(body, "").await);
                    }
                });
            }
            while senders.join_next().await.is_some() {}
        });
        Ok(())
    })
}

fn flood_body(seed: u64) -> Vec<u8> {
    let mut chance = Chance::new(seed);
    let words: String = (0..24_000)
        .map(|_| format!("{:016x}", chance.number()))
        .collect();
    envelope(&json!({"message": "flood", "extra": {"words": words}}))
}

/// Small events, one after the other, until it is over: on a thread of their own, so that nothing
/// here keeps them waiting.
fn quietly(
    relay: String,
    dsn: String,
    is_over: Arc<AtomicBool>,
) -> JoinHandle<anyhow::Result<Vec<Duration>>> {
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        runtime.block_on(async {
            let (sdk, mut took) = (Sdk::new(&relay, &dsn)?, Vec::new());
            while !is_over.load(Ordering::Relaxed) {
                took.push(answered(&sdk, took.len()).await?);
            }
            Ok(took)
        })
    })
}

/// The DSN of a second project that the relay knows.
async fn other_project(site: &Site) -> anyhow::Result<String> {
    let path = format!("organizations/{}/projects/", site.org());
    let made = site.api().post(&path, &json!({"name": "quiet"})).await?;
    let slug = made.get("slug").and_then(|slug| slug.as_str());
    let path = format!("projects/{}/{}/keys/", site.org(), slug.unwrap_or_default());
    let keys = site.api().get(&path).await?;
    let dsn = keys.pointer("/0/dsn/public").and_then(|dsn| dsn.as_str());
    let dsn = dsn.context("the project has a key")?;
    let sdk = Sdk::new(site.relay_url(), dsn)?;
    until("the project to be known", VISIBLE_WITHIN, || async {
        answered(&sdk, 0).await.ok()
    })
    .await?;
    Ok(dsn.to_owned())
}

/// How long a small event takes to be acknowledged.
async fn answered(sdk: &Sdk, n: usize) -> anyhow::Result<Duration> {
    let body = envelope(&json!({"message": format!("quiet {n}")}));
    let begin = clock();
    let status = sdk.post(body, "").await?.status();
    anyhow::ensure!(status.is_success(), "the relay answered {status}");
    Ok(begin.elapsed())
}
