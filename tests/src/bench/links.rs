//! What goes over the link, and how fast a backlog drains over named ones.

use std::path::Path;
use std::time::Duration;

use serde_json::json;

use super::{Figures, disk_bytes, float, fresh, mib, percentile};
use crate::api::envelope;
use crate::chance::Chance;
use crate::impair::{Conditions, Way};
use crate::load::Load;
use crate::site::Site;
use crate::wait::{clock, until};

/// Events whose bytes on the link are counted.
const COUNTED: usize = 2_000;
/// Bytes of an event that does not compress.
const NOISE_BYTES: usize = 20_000;
/// Fresh errors sent while a backlog drains.
const FRESH: usize = 20;
const DRAINED_WITHIN: Duration = Duration::from_secs(900);
/// What may be left of a drained spool, in bytes: two segments, and the state with its room.
const GIVEN_BACK: u64 = 18 << 20;

/// A link that backlogs drain over, and how many events of noise that is: enough that
/// finding the link's rate, which is not what is measured, weighs little.
struct Named {
    name: &'static str,
    loss: f64,
    delay: Duration,
    bits_per_second: u64,
    n_events: usize,
}

const MBIT: u64 = 1_000_000;

const LINKS: [Named; 4] = [
    Named {
        name: "clean_10_mbit",
        loss: 0.0,
        delay: Duration::from_millis(10),
        bits_per_second: 10 * MBIT,
        n_events: 1_000,
    },
    Named {
        name: "30_loss_200_ms",
        loss: 0.3,
        delay: Duration::from_millis(100),
        bits_per_second: 10 * MBIT,
        n_events: 3_000,
    },
    Named {
        name: "5_loss_2_s",
        loss: 0.05,
        delay: Duration::from_millis(1_000),
        bits_per_second: 10 * MBIT,
        n_events: 1_500,
    },
    Named {
        name: "64_kbit",
        loss: 0.02,
        delay: Duration::from_millis(50),
        bits_per_second: 64_000,
        n_events: 20,
    },
];

impl Named {
    fn conditions(&self) -> Conditions {
        Conditions::both(Way {
            loss: self.loss,
            delay: self.delay,
            bits_per_second: Some(self.bits_per_second),
            ..Way::default()
        })
    }
}

/// Measures all of it.
pub(super) async fn measure(dir: &Path, figures: &mut Figures) -> anyhow::Result<()> {
    let only = crate::scale::bench_link();
    if only.is_none() {
        bytes(dir, figures).await?;
    }
    for link in &LINKS {
        if only.as_ref().is_some_and(|only| only != link.name) {
            continue;
        }
        drain(dir, link, figures).await?;
    }
    if only.is_none_or(|only| only == "fresh_error") {
        fresh_error(dir, figures).await?;
    }
    Ok(())
}

async fn site(dir: &Path) -> anyhow::Result<Site> {
    let mut plan = super::plan_in(fresh(dir, "link")?)?;
    plan.link_seed = Some(1);
    // Nothing delivered is kept for a hub that is set back, so what is left is what was not given
    // back.
    plan.spool_settings = "retain_acked_bytes = \"0 B\"\n".to_owned();
    Site::open(plan).await
}

/// Bytes to the hub for each event, datagrams and acknowledgements of the transport included.
async fn bytes(dir: &Path, figures: &mut Figures) -> anyhow::Result<()> {
    let kinds = [
        ("error", Load::python()?),
        ("transaction", Load::transactions()?),
    ];
    for (kind, mut load) in kinds {
        let site = site(dir).await?;
        site.link()?.set(Conditions::down());
        let mut n_posted = 0;
        for _ in 0..COUNTED {
            let (_, body) = load.next_gzip()?;
            n_posted += body.len();
            let status = site.sdk().post(body, "gzip").await?.status();
            anyhow::ensure!(status.is_success(), "the relay answered {status}");
        }
        let before = site.link()?.traffic();
        site.link()?.set(Conditions::default());
        drained(&site).await?;
        let after = site.link()?.traffic();
        let sent = after.bytes_to_hub() - before.bytes_to_hub();
        let sent = float(usize::try_from(sent)?);
        let counted = float(COUNTED);
        figures.note(&format!("link.wire_bytes_per_{kind}"), sent / counted, "B")?;
        let gzip = float(n_posted) / counted;
        figures.note(&format!("link.gzip_bytes_per_{kind}"), gzip, "B")?;
    }
    Ok(())
}

/// Events that do not compress, of about [`NOISE_BYTES`] each.
async fn post_noise(site: &Site, n_events: usize) -> anyhow::Result<()> {
    let mut chance = Chance::new(9);
    for n in 0..n_events {
        // Four bits in each character: twice as many as there are bytes.
        let words: String = (0..NOISE_BYTES / 8)
            .map(|_| format!("{:016x}", chance.number()))
            .collect();
        let event = json!({"message": format!("noise {n}"), "extra": {"words": words}});
        let status = site.sdk().post(envelope(&event), "").await?.status();
        anyhow::ensure!(status.is_success(), "the relay answered {status}");
    }
    Ok(())
}

async fn drained(site: &Site) -> anyhow::Result<()> {
    until("the backlog to drain", DRAINED_WITHIN, || async {
        (site.waiting_records().await.ok()? == 0).then_some(())
    })
    .await
}

/// The share of the link that a draining backlog uses, acknowledged bytes alone.
async fn drain(dir: &Path, link: &Named, figures: &mut Figures) -> anyhow::Result<()> {
    let mut site = site(dir).await?;
    site.link()?.set(Conditions::down());
    post_noise(&site, link.n_events).await?;
    let before = site.link()?.traffic();
    let waiting = site.waiting_bytes().await?;
    // A connection of before the outage knows another path than the named one.
    site.terminate_relay().await?;
    site.link()?.set(link.conditions());
    site.start_relay().await?;
    // The clock starts when the first block is through: how soon a relay comes back is not this.
    let most = site.waiting_records().await?;
    until("the first block to be through", DRAINED_WITHIN, || async {
        (site.waiting_records().await.ok()? < most).then_some(())
    })
    .await?;
    let first = waiting - site.waiting_bytes().await?;
    let begin = clock();
    drained(&site).await?;
    let took = begin.elapsed().as_secs_f64();
    let sent = site.link()?.traffic().bytes_to_hub() - before.bytes_to_hub();
    #[expect(clippy::cast_precision_loss, reason = "figures are for people")]
    let (rate, sent) = (link.bits_per_second as f64, sent as f64);
    let name = link.name;
    let share = (waiting - first) * 8.0 / took / rate;
    figures.note(&format!("link.goodput_{name}"), share, "")?;
    figures.note(&format!("link.overshoot_{name}"), sent / waiting, "")
}

/// How soon a fresh error is seen while a backlog drains, and what the disk gets back after it.
async fn fresh_error(dir: &Path, figures: &mut Figures) -> anyhow::Result<()> {
    let site = site(dir).await?;
    site.link()?.set(Conditions::down());
    post_noise(&site, 3_000).await?;
    let spool_dir = site.dir().join("relay/spool");
    figures.note(
        "spool.before_drain_mib",
        mib(disk_bytes(&spool_dir)?),
        "MiB",
    )?;
    let clean = LINKS.first().map(Named::conditions);
    site.link()?.set(clean.unwrap_or_default());
    let most = site.waiting_records().await?;
    until("the first block to be through", DRAINED_WITHIN, || async {
        (site.waiting_records().await.ok()? < most).then_some(())
    })
    .await?;
    let mut took = Vec::new();
    for n in 0..FRESH {
        let begin = clock();
        let id = site
            .sdk()
            .send(&json!({"message": format!("fresh {n}")}))
            .await?;
        site.api().event(site.org(), site.project(), &id).await?;
        took.push(begin.elapsed());
        if site.waiting_records().await? == 0 {
            break;
        }
    }
    figures.note("visible.in_drain_samples", float(took.len()), "")?;
    let p95 = percentile(&mut took, 0.95).as_secs_f64();
    figures.note("visible.in_drain_p95_s", p95, "s")?;
    drained(&site).await?;
    let begin = clock();
    let given_back = until(
        "the disk to be given back",
        Duration::from_secs(60),
        || async { (disk_bytes(&spool_dir).ok()? <= GIVEN_BACK).then_some(()) },
    )
    .await;
    given_back?;
    figures.note("spool.given_back_s", begin.elapsed().as_secs_f64(), "s")?;
    figures.note("spool.after_drain_mib", mib(disk_bytes(&spool_dir)?), "MiB")
}
