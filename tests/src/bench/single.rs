//! What one event costs on the link that is sent alone, as a quiet host sends it: without and with
//! a dictionary that the hub has trained on other events of the same application.

use std::path::Path;
use std::time::Duration;

use anyhow::Context;

use super::{Figures, float, fresh};
use crate::load::Load;
use crate::site::Site;
use crate::wait::until;

/// Events sent alone, each when the one before is acknowledged.
const COUNTED: usize = 100;
/// Events that a dictionary is trained on, and none of those that are counted.
const TRAINED_ON: usize = 600;
const DRAINED_WITHIN: Duration = Duration::from_secs(300);

/// Bytes of some events.
struct Bytes {
    /// Datagrams to the hub: blocks, frames, acknowledgements of the transport, reports.
    wire: f64,
    /// Datagrams to the relay.
    back: f64,
    /// Blocks alone, as they lie on the disk.
    blocks: f64,
    /// As the SDK compressed them.
    gzip: f64,
}

/// Measures errors and transactions.
pub(super) async fn measure(dir: &Path, figures: &mut Figures) -> anyhow::Result<()> {
    let kinds = [
        ("error", "errors", Load::python()?),
        ("transaction", "traces", Load::transactions()?),
    ];
    for (what, kind, mut load) in kinds {
        let mut plan = super::plan_in(fresh(dir, "single")?)?;
        plan.link_seed = Some(1);
        let site = Site::open(plan).await?;
        let plain = send_alone(&site, &mut load).await?;
        figures.note(
            &format!("link.single_gzip_bytes_per_{what}"),
            plain.gzip,
            "B",
        )?;
        note(figures, "single", what, &plain)?;
        for _ in 0..TRAINED_ON {
            post(&site, &mut load).await?;
        }
        drained(&site).await?;
        let trained = site.hub_cli(&["dictionary", "train"])?;
        let line = trained.lines().find(|line| line.starts_with(kind));
        // Where records are all but alike, the one built in may not be beaten.
        if line.is_some_and(|line| line.contains("is in force")) {
            site.relay_uses_dictionary(kind).await?;
        }
        let with = send_alone(&site, &mut load).await?;
        note(figures, "single_dict", what, &with)?;
    }
    Ok(())
}

fn note(figures: &mut Figures, how: &str, what: &str, bytes: &Bytes) -> anyhow::Result<()> {
    for (name, value) in [
        ("bytes", bytes.wire),
        ("block_bytes", bytes.blocks),
        ("return_bytes", bytes.back),
    ] {
        figures.note(&format!("link.{how}_{name}_per_{what}"), value, "B")?;
    }
    Ok(())
}

/// Sends events, each alone; gives their bytes for each.
async fn send_alone(site: &Site, load: &mut Load) -> anyhow::Result<Bytes> {
    drained(site).await?;
    let before = (site.link()?.traffic(), block_bytes(site).await?);
    let mut n_posted = 0;
    for _ in 0..COUNTED {
        n_posted += post(site, load).await?;
        drained(site).await?;
    }
    let after = (site.link()?.traffic(), block_bytes(site).await?);
    let each = |n: u64| anyhow::Ok(float(usize::try_from(n)?) / float(COUNTED));
    Ok(Bytes {
        wire: each(after.0.bytes_to_hub() - before.0.bytes_to_hub())?,
        back: each(after.0.bytes_to_relay() - before.0.bytes_to_relay())?,
        blocks: (after.1 - before.1) / float(COUNTED),
        gzip: float(n_posted) / float(COUNTED),
    })
}

/// Posts the next event; gives its bytes.
async fn post(site: &Site, load: &mut Load) -> anyhow::Result<usize> {
    let (_, body) = load.next_gzip()?;
    let n = body.len();
    let status = site.sdk().post(body, "gzip").await?.status();
    anyhow::ensure!(status.is_success(), "the relay answered {status}");
    Ok(n)
}

/// Bytes of the blocks that the relay has sent since its start.
async fn block_bytes(site: &Site) -> anyhow::Result<f64> {
    let metrics = site.relay_metrics().await?;
    let sent = metrics.get("vedette_relay_link_bytes_total").copied();
    sent.context("the relay counts the bytes of its blocks")
}

async fn drained(site: &Site) -> anyhow::Result<()> {
    until("everything acknowledged", DRAINED_WITHIN, || async {
        (site.waiting_records().await.ok()? == 0).then_some(())
    })
    .await
}
