//! What relays are told, from the hub's store to what real relays do with it.
//!
//! Both ends are the real rooms over loopback; no blocks travel here.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "the helpers of tests may be as blunt as the tests"
)]

use std::time::Duration;

use hub::digest::{Applied, Delivery, DigestError, Skip};
use hub::fleet::{self, Fleet, TokenRequest};
use hub::receive::{self, Sink};
use hub::store::Store;
use hub::store::projects::{NewProject, ProjectKey};
use protocol::ids::PublicKey;
use protocol::unit::{ByteSize, Span};
use protocol::wire::ConfigOutcome;
use relay::forward::{self, JoinRequest};
use relay::ledger::Ledger;
use relay::policy::Policy;
use relay::roster::{Lookup, Roster};
use relay::spool::{self, Spool};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::until;

const KEY: PublicKey = PublicKey::from_bytes([0xcd; 16]);

/// Takes no blocks.
#[derive(Clone)]
struct Nothing;

impl Sink for Nothing {
    async fn deliver(&self, delivery: Delivery) -> Result<Applied, DigestError> {
        Err(DigestError::UnknownRelay(delivery.relay))
    }

    async fn skip(&self, skip: Skip) -> Result<Applied, DigestError> {
        Err(DigestError::UnknownRelay(skip.relay))
    }
}

struct Hub {
    dir: TempDir,
    store: Store,
    fleet: Fleet,
    handle: receive::Handle,
    project: i64,
    tracker: TaskTracker,
    cancel: CancellationToken,
}

impl Hub {
    /// A hub with a project whose e-mails are removed; changes are tried for this long.
    async fn start(canary_time: Duration) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("hub.db")).await.unwrap();
        let project = add_project(&store).await;
        Self::serve(dir, store, project, canary_time, "127.0.0.1:0").await
    }

    async fn serve(
        dir: TempDir,
        store: Store,
        project: i64,
        canary_time: Duration,
        listen: &str,
    ) -> Self {
        let config = fleet::Config {
            canary_time: Span(canary_time),
            ..fleet::Config::default()
        };
        let keys = dir.path().join("link");
        let fleet = Fleet::open(store.clone(), &keys, config).await.unwrap();
        let (tracker, cancel) = (TaskTracker::new(), CancellationToken::new());
        let config = receive::Config {
            listen: listen.parse().unwrap(),
            ..receive::Config::default()
        };
        let handle =
            receive::start(config, fleet.clone(), Nothing, &tracker, cancel.clone()).unwrap();
        Self {
            dir,
            store,
            fleet,
            handle,
            project,
            tracker,
            cancel,
        }
    }

    async fn stop(self) -> (TempDir, Store, i64, String) {
        self.cancel.cancel();
        self.tracker.close();
        self.tracker.wait().await;
        let address = self.handle.local_addr().to_string();
        (self.dir, self.store, self.project, address)
    }

    /// A relay that has joined and has its first roster.
    async fn relay(&self) -> Relay {
        let dir = tempfile::tempdir().unwrap();
        let now = hub::clock::now();
        let token = self
            .fleet
            .make_join_token(&TokenRequest::default(), now)
            .await;
        let request = JoinRequest {
            hub: self.handle.local_addr().to_string(),
            token: token.unwrap().to_string(),
            dir: dir.path().to_owned(),
            name: "edge".to_owned(),
            force: false,
            way: forward::Config::default(),
        };
        let joined = forward::join(&request).await.unwrap();
        let relay = Relay::start(dir, joined.relay);
        until("first roster", || relay.roster.version() > 0).await;
        relay
    }

    async fn set_options(&self, options: &str) {
        let organizations = self.store.organizations().await.unwrap();
        let projects = self.store.projects(organizations[0].id).await.unwrap();
        let mut project = projects.into_iter().find(|p| p.id == self.project).unwrap();
        project.options = options.to_owned();
        let mut write = self.store.begin().await.unwrap();
        write.update_project(&project).await.unwrap();
        write.commit().await.unwrap();
    }

    async fn switch_off(&self) {
        let mut write = self.store.begin().await.unwrap();
        write
            .update_project_key(&key(self.project, false))
            .await
            .unwrap();
        write.commit().await.unwrap();
    }
}

async fn add_project(store: &Store) -> i64 {
    let mut write = store.begin().await.unwrap();
    let organization_id = write.add_organization("acme", "Acme", 0).await.unwrap();
    let new = NewProject {
        organization_id,
        slug: "shop",
        name: "Shop",
        platform: "python",
    };
    let project_id = write.add_project(new, 0).await.unwrap();
    write.add_project_key(&key(project_id, true)).await.unwrap();
    write.commit().await.unwrap();
    project_id
}

fn key(project_id: i64, is_active: bool) -> ProjectKey {
    ProjectKey {
        public_key: KEY.to_string(),
        secret_key: "ef".repeat(16),
        project_id,
        label: "Default".to_owned(),
        is_active,
        rate_limit_count: None,
        rate_limit_window_s: None,
        rate_limit_burst: None,
        created_at: 0,
    }
}

struct Relay {
    dir: TempDir,
    id: protocol::ids::RelayId,
    spool: Spool,
    roster: Roster,
    tracker: TaskTracker,
    cancel: CancellationToken,
}

impl Relay {
    fn start(dir: TempDir, id: protocol::ids::RelayId) -> Self {
        let ledger = Ledger::default();
        let spool_config = spool::Config {
            dir: dir.path().join("spool"),
            bytes_max: Some(ByteSize(64 << 20)),
            free_min: Some(ByteSize(0)),
            ballast_bytes: ByteSize(0),
            ..spool::Config::default()
        };
        let spool = Spool::open(&spool_config, ledger.clone()).unwrap();
        let roster = Roster::open(dir.path(), dir.path(), Policy::default()).unwrap();
        let (tracker, cancel) = (TaskTracker::new(), CancellationToken::new());
        let config = forward::Config {
            dir: dir.path().to_owned(),
            report_interval: Span(Duration::from_millis(100)),
            ..forward::Config::default()
        };
        forward::start(
            config,
            spool.clone(),
            roster.clone(),
            ledger,
            &tracker,
            cancel.clone(),
        );
        Self {
            dir,
            id,
            spool,
            roster,
            tracker,
            cancel,
        }
    }

    async fn stop(self) -> TempDir {
        self.cancel.cancel();
        self.tracker.close();
        self.tracker.wait().await;
        self.spool.close().await.unwrap();
        self.dir
    }

    fn scrubs_emails(&self) -> bool {
        match self.roster.lookup(&KEY) {
            Lookup::Known(project, _) => project.privacy.scrub_emails,
            _ => true,
        }
    }

    fn is_off(&self) -> bool {
        matches!(self.roster.lookup(&KEY), Lookup::Disabled)
    }
}

const STRICT: &str = "{\"privacy\":{\"scrub_emails\":true}}";

#[tokio::test(flavor = "multi_thread")]
async fn looser_privacy_is_held_by_one_relay_before_the_other_has_it() {
    let hub = Hub::start(Duration::from_secs(3)).await;
    hub.set_options(STRICT).await;
    hub.fleet.refresh().await.unwrap();
    let (a, b) = (hub.relay().await, hub.relay().await);
    until("strict", || a.scrubs_emails() && b.scrubs_emails()).await;
    hub.set_options("{}").await;
    until("one has it", || a.scrubs_emails() != b.scrubs_emails()).await;
    let until_both = tokio::time::Instant::now();
    until("both have it", || !a.scrubs_emails() && !b.scrubs_emails()).await;
    assert!(
        until_both.elapsed() > Duration::from_secs(2),
        "it was tried"
    );
    for relay in [a, b] {
        relay.stop().await;
    }
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_switched_off_is_off_everywhere_within_two_seconds_whatever_is_tried() {
    let hub = Hub::start(Duration::from_secs(3600)).await;
    hub.set_options(STRICT).await;
    hub.fleet.refresh().await.unwrap();
    let (a, b) = (hub.relay().await, hub.relay().await);
    hub.set_options("{}").await;
    until("one has it", || a.scrubs_emails() != b.scrubs_emails()).await;
    let began = tokio::time::Instant::now();
    hub.switch_off().await;
    until("off", || a.is_off() && b.is_off()).await;
    let took = began.elapsed();
    assert!(took < Duration::from_secs(2), "took {took:?}");
    for relay in [a, b] {
        relay.stop().await;
    }
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_starts_and_knows_its_keys_without_the_hub() {
    let hub = Hub::start(Duration::ZERO).await;
    let relay = hub.relay().await;
    let (id, version) = (relay.id, relay.roster.version());
    let dir = relay.stop().await;
    hub.stop().await;
    let relay = Relay::start(dir, id);
    assert_eq!(relay.roster.version(), version);
    assert!(matches!(relay.roster.lookup(&KEY), Lookup::Known(..)));
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_with_another_key_is_refused_and_says_so() {
    let hub = Hub::start(Duration::ZERO).await;
    let relay = hub.relay().await;
    let version = relay.roster.version();
    let (dir, store, project, address) = hub.stop().await;
    // Somebody has the hub's database and its authority, and not its key for rosters.
    std::fs::remove_file(dir.path().join("link/config.key")).unwrap();
    let hub = Hub::serve(dir, store, project, Duration::ZERO, &address).await;
    hub.switch_off().await;
    until("refused", || {
        let status = hub.fleet.relay_config(relay.id).status;
        status.is_some_and(|s| s.outcome == ConfigOutcome::Rejected)
    })
    .await;
    let status = hub.fleet.relay_config(relay.id).status.unwrap();
    assert!(status.reason.contains("not the hub's"), "{}", status.reason);
    assert_eq!(relay.roster.version(), version);
    assert!(matches!(relay.roster.lookup(&KEY), Lookup::Known(..)));
    relay.stop().await;
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_that_was_away_follows_when_the_key_is_replaced() {
    let hub = Hub::start(Duration::ZERO).await;
    let relay = hub.relay().await;
    let (id, dir) = (relay.id, relay.stop().await);
    hub.fleet.replace_config_key().await.unwrap();
    let relay = Relay::start(dir, id);
    let wanted = hub.fleet.config().await.offer.stable.bundle.version;
    until("the next key", || relay.roster.version() >= wanted).await;
    hub.switch_off().await;
    until("off", || relay.is_off()).await;
    relay.stop().await;
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_hub_hears_of_a_roster_that_did_not_hold_while_the_connection_lasts() {
    let hub = Hub::start(Duration::ZERO).await;
    let relay = hub.relay().await;
    let first = relay.roster.version();
    hub.set_options(STRICT).await;
    until("strict", || relay.scrubs_emails()).await;
    let second = relay.roster.version();
    assert!(second > first);
    relay.roster.fail_trial("it does not hold").await;
    assert_eq!(relay.roster.version(), first);
    until("the hub knows", || {
        let status = hub.fleet.relay_config(relay.id).status;
        status.is_some_and(|status| {
            status.version == second && status.outcome == ConfigOutcome::Reverted
        })
    })
    .await;
    assert_eq!(hub.handle.connected(), [relay.id]);
    relay.stop().await;
    hub.stop().await;
}
