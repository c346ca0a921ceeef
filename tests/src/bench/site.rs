//! One site under real errors: what an event costs, and how soon it is seen.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::json;

use super::{
    DRAINED_WITHIN, ENVELOPES, Figures, disk_bytes, float, hub, mib, percentile, post, relay,
};
use crate::site::{ORGANIZATION, Site};
use crate::wait::{clock, until};

/// Events whose way from POST to list is timed.
const VISIBLE: usize = 60;

/// Measures all of it in a directory.
pub(super) async fn measure(dir: &Path, figures: &mut Figures) -> anyhow::Result<()> {
    let mut site = Site::open(super::plan_in(dir.to_owned())?).await?;
    idle(&site, figures)?;
    visible(&site, figures).await?;
    let n_before = site.stored_events().await?;
    offline(&mut site, figures).await?;
    drain(&mut site, figures, n_before).await?;
    start(&mut site, figures).await
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
