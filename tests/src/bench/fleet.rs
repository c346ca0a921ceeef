//! A hub with many relays: how soon they know what it says, how soon they are back after it was
//! killed, and what looking at them costs.
//!
//! The relays are the real rooms, spool, roster and link, many in this process.

use std::path::Path;
use std::time::Duration;

use protocol::ids::PublicKey;
use protocol::unit::ByteSize;
use relay::forward::{self, JoinRequest, LinkState};
use relay::ledger::Ledger;
use relay::policy::Policy;
use relay::roster::{Lookup, Roster};
use relay::spool::{self, Spool};
use serde_json::json;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use super::{Figures, float, hub, mib, percentile};
use crate::scale;
use crate::site::Site;
use crate::wait::{clock, until};

/// How long a change or a return may take.
const WITHIN: Duration = Duration::from_secs(300);
/// Of all relays, those that a change has to reach before it counts as known.
const MOST: f64 = 0.99;
/// How often the list is asked for.
const ASKED: usize = 50;

/// Measures all of it in a directory.
pub(super) async fn measure(dir: &Path, figures: &mut Figures) -> anyhow::Result<()> {
    let mut site = Site::open(super::plan_in(dir.join("site"))?).await?;
    let before = hub(&site)?.resident_bytes()?;
    let relays = join_all(&site, dir).await?;
    connected(&relays).await?;
    figures.note("fleet.relays", float(relays.len()), "")?;
    let grown = hub(&site)?.resident_bytes()?.saturating_sub(before);
    figures.note("fleet.hub_rss_more_mib", mib(grown), "MiB")?;
    listed(&site, figures).await?;
    told(&site, &relays, figures).await?;
    back(&mut site, &relays, figures).await
}

/// One relay of many; it ends with this.
struct Relay {
    roster: Roster,
    link: forward::Handle,
    _tracker: TaskTracker,
    _end: DropGuard,
}

impl Relay {
    async fn join(hub: &str, token: &str, name: String, dir: &Path) -> anyhow::Result<Self> {
        let request = JoinRequest {
            hub: hub.to_owned(),
            token: token.to_owned(),
            dir: dir.to_owned(),
            name,
            force: false,
            way: forward::Config::default(),
        };
        forward::join(&request).await?;
        let ledger = Ledger::default();
        let spool_config = spool::Config {
            dir: dir.join("spool"),
            bytes_max: Some(ByteSize(64 << 20)),
            free_min: Some(ByteSize(0)),
            ballast_bytes: ByteSize(0),
            ..spool::Config::default()
        };
        let spool = Spool::open(&spool_config, ledger.clone())?;
        let roster = Roster::open(dir, dir, Policy::default())?;
        let (tracker, cancel) = (TaskTracker::new(), CancellationToken::new());
        let config = forward::Config {
            dir: dir.to_owned(),
            ..forward::Config::default()
        };
        let ending = cancel.clone();
        let link = forward::start(config, spool, roster.clone(), ledger, &tracker, cancel);
        Ok(Self {
            roster,
            link,
            _tracker: tracker,
            _end: ending.drop_guard(),
        })
    }

    fn is_connected(&self) -> bool {
        self.link.status().state == LinkState::Connected
    }
}

async fn join_all(site: &Site, dir: &Path) -> anyhow::Result<Vec<Relay>> {
    let n_relays = scale::bench_relays();
    let uses = n_relays.to_string();
    let said = site.hub_cli(&["join-token", "create", "--uses", &uses])?;
    let token = said
        .split_whitespace()
        .find(|word| word.starts_with("vdj1."))
        .unwrap_or_default();
    let mut relays = Vec::new();
    for n in 0..n_relays {
        let dir = dir.join(format!("relay-{n}"));
        std::fs::create_dir_all(&dir)?;
        let name = format!("shop-{n}");
        relays.push(Relay::join(&site.link_address(), token, name, &dir).await?);
    }
    Ok(relays)
}

async fn connected(relays: &[Relay]) -> anyhow::Result<()> {
    until("every relay to be connected", WITHIN, || async {
        relays.iter().all(Relay::is_connected).then_some(())
    })
    .await
}

/// The list of relays as the dashboard asks for it.
async fn listed(site: &Site, figures: &mut Figures) -> anyhow::Result<()> {
    let mut took = Vec::new();
    for _ in 0..ASKED {
        let begin = clock();
        site.api().get("vedette/relays/").await?;
        took.push(begin.elapsed());
    }
    for (name, share) in [("p50", 0.5), ("p95", 0.95)] {
        let took = percentile(&mut took, share).as_secs_f64() * 1e3;
        figures.note(&format!("fleet.list_{name}_ms"), took, "ms")?;
    }
    Ok(())
}

/// A new key until most relays take it.
async fn told(site: &Site, relays: &[Relay], figures: &mut Figures) -> anyhow::Result<()> {
    let path = format!("projects/{}/{}/keys/", site.org(), site.project());
    let begin = clock();
    let made = site.api().post(&path, &json!({"name": "fleet"})).await?;
    let key: PublicKey = made
        .get("public")
        .and_then(|key| key.as_str())
        .unwrap_or_default()
        .parse()?;
    until("a key to be known", WITHIN, || async {
        let knows = |relay: &&Relay| matches!(relay.roster.lookup(&key), Lookup::Known(..));
        let n_knowing = relays.iter().filter(knows).count();
        (float(n_knowing) >= float(relays.len()) * MOST).then_some(())
    })
    .await?;
    figures.note("fleet.key_known_s", begin.elapsed().as_secs_f64(), "s")
}

/// A hub that is killed and started again, until every relay is connected.
async fn back(site: &mut Site, relays: &[Relay], figures: &mut Figures) -> anyhow::Result<()> {
    site.kill_hub()?;
    until("every relay to notice", WITHIN, || async {
        let is_gone = |relay: &Relay| !relay.is_connected();
        relays.iter().all(is_gone).then_some(())
    })
    .await?;
    site.start_hub().await?;
    let begin = clock();
    connected(relays).await?;
    figures.note("fleet.back_s", begin.elapsed().as_secs_f64(), "s")
}
