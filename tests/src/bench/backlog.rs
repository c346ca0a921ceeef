//! A relay that starts over a large backlog.

use std::path::Path;

use protocol::ids::Lane;
use protocol::unit::ByteSize;
use tokio::task::JoinSet;

use super::steady::noise;
use super::{Figures, disk_bytes, is_large, mib, percentile, relay};
use crate::site::Site;
use crate::wait::clock;

/// Bytes of each record of the backlog.
const RECORD_BYTES: usize = 1 << 20;
/// Records under way at a time.
const AT_A_TIME: usize = 8;
/// Starts that are timed.
const STARTS: usize = 5;

/// Measures start and memory in a directory.
pub(super) async fn measure(dir: &Path, figures: &mut Figures) -> anyhow::Result<()> {
    let n_records = if is_large() { 10 << 10 } else { 1 << 10 };
    let mut plan = super::plan_in(dir.to_owned())?;
    plan.spool_max = Some("16 GiB".to_owned());
    let mut site = Site::open(plan).await?;
    site.stop_hub().await?;
    site.terminate_relay().await?;
    let spool_dir = dir.join("relay/spool");
    fill(&spool_dir, n_records).await?;
    figures.note("spool.backlog_mib", mib(disk_bytes(&spool_dir)?), "MiB")?;
    let mut took = Vec::new();
    for _ in 0..STARTS {
        let begin = clock();
        site.start_relay().await?;
        took.push(begin.elapsed());
        if took.len() < STARTS {
            site.terminate_relay().await?;
        }
    }
    let start = percentile(&mut took, 0.5).as_secs_f64() * 1e3;
    figures.note("relay.start_backlog_ms", start, "ms")?;
    let resident = relay(&site)?.resident_bytes()?;
    figures.note("relay.rss_large_backlog_mib", mib(resident), "MiB")?;
    site.terminate_relay().await?;
    std::fs::remove_dir_all(spool_dir)?;
    Ok(())
}

/// Fills a spool, each record as durable as those of SDKs.
async fn fill(dir: &Path, n_records: usize) -> anyhow::Result<()> {
    let config = relay::spool::Config {
        dir: dir.to_owned(),
        bytes_max: Some(ByteSize(16 << 30)),
        free_min: Some(ByteSize(0)),
        append_timeout: "60s".parse()?,
        ..relay::spool::Config::default()
    };
    let spool = relay::spool::Spool::open(&config, relay::ledger::Ledger::default())?;
    let mut appends = JoinSet::new();
    for first in 0..AT_A_TIME {
        let spool = spool.clone();
        appends.spawn(async move {
            for n in (first..n_records).step_by(AT_A_TIME) {
                let record = noise(n as u64, RECORD_BYTES)?;
                spool.append(vec![(Lane::Errors, record)]).await?;
            }
            anyhow::Ok(())
        });
    }
    while let Some(appended) = appends.join_next().await {
        appended??;
    }
    Ok(spool.close().await?)
}
