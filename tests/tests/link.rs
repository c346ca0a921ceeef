//! The link between a real relay's spool and a hub's fleet: joining, delivery, outages, revocation.
//!
//! Both ends are the real rooms over loopback; only the digest is a stand-in, which keeps the
//! cursor in the hub's store and remembers every record it was given.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "the helpers of tests may be as blunt as the tests"
)]

use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hub::digest::{Applied, Delivery, DigestError, Skip};
use hub::fleet::{self, Fleet, Labels, RelayState, TokenRequest};
use hub::receive::{self, ReceiveError, Sink};
use hub::store::Store;
use hub::store::projects::{NewProject, ProjectKey};
use protocol::block::{Item, Items, Record, open};
use protocol::ids::{Epoch, EventId, Lane, ProjectId, PublicKey, RelayId, Seq};
use protocol::timestamp::Timestamp;
use protocol::unit::{ByteSize, Span};
use relay::forward::{self, JoinError, JoinRequest, LinkState};
use relay::ledger::Ledger;
use relay::policy::Policy;
use relay::roster::{Lookup, Roster};
use relay::spool::{self, Spool};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

mod link {
    mod carriers;
    mod config;
    mod dictionaries;
    mod early;
    mod erasure;
    mod hubs;
    mod identity;
    mod middle;
    mod restore;
    mod spool;
}

/// Everything below happens within this, or the test fails.
const DEADLINE: Duration = Duration::from_secs(30);

/// Waits for a condition. `what` is written when it did not come about.
async fn until(what: impl std::fmt::Display, mut condition: impl FnMut() -> bool) {
    let waiting = async {
        let mut tick = tokio::time::interval(Duration::from_millis(10));
        while !condition() {
            tick.tick().await;
        }
    };
    let done = tokio::time::timeout(DEADLINE, waiting).await;
    assert!(done.is_ok(), "waited in vain: {what}");
}

/// Stands for the digest.
#[derive(Clone)]
struct Memory {
    store: Store,
    /// One at a time, in the order of asking, as the digest's owner does it.
    turn: Arc<tokio::sync::Mutex<()>>,
    /// What was begun is ended, whoever still waits for it.
    tasks: TaskTracker,
    /// Every record, in the order of application.
    applied: Arc<Mutex<Vec<(Lane, Seq, Record)>>>,
    skipped: Arc<Mutex<Vec<Skip>>>,
}

impl Memory {
    async fn cursor(&self, relay: RelayId, epoch: Epoch, lane: Lane) -> Seq {
        let cursor = self.store.lane_cursor(relay, epoch, lane).await;
        cursor.unwrap().expect("relay is registered")
    }

    async fn advance(&self, relay: RelayId, epoch: Epoch, lane: Lane, upto: Seq) {
        let mut write = self.store.begin().await.unwrap();
        let now = Timestamp::from_millis(0);
        write
            .put_lane_cursor(relay, epoch, lane, upto, None, now)
            .await
            .unwrap();
        write.commit().await.unwrap();
    }

    async fn apply(&self, delivery: Delivery) -> Result<Applied, DigestError> {
        let (head, records) = open(&delivery.block).unwrap();
        let cursor = self.cursor(delivery.relay, head.epoch, head.lane).await;
        if head.first_seq > cursor.next() {
            return Err(DigestError::Gap {
                expected: cursor.next(),
                got: head.first_seq,
            });
        }
        if head.last_seq() <= cursor {
            return Ok(Applied {
                upto: cursor,
                digest: None,
            });
        }
        for (seq, record) in (head.first_seq.0..).zip(records) {
            if seq > cursor.0 {
                let mut applied = self.applied.lock().unwrap();
                applied.push((head.lane, Seq(seq), record));
            }
        }
        let upto = head.last_seq();
        self.advance(delivery.relay, head.epoch, head.lane, upto)
            .await;
        Ok(Applied { upto, digest: None })
    }

    fn n_applied(&self) -> usize {
        self.applied.lock().unwrap().len()
    }
}

impl Sink for Memory {
    async fn deliver(&self, delivery: Delivery) -> Result<Applied, DigestError> {
        let turn = Arc::clone(&self.turn).lock_owned().await;
        let this = self.clone();
        let applying = async move {
            let _turn = turn;
            this.apply(delivery).await
        };
        self.tasks.spawn(applying).await.unwrap()
    }

    async fn skip(&self, skip: Skip) -> Result<Applied, DigestError> {
        let _turn = self.turn.lock().await;
        self.skipped.lock().unwrap().push(skip);
        self.advance(skip.relay, skip.epoch, skip.lane, skip.upto)
            .await;
        Ok(Applied {
            upto: skip.upto,
            digest: None,
        })
    }
}

/// Copies a state directory.
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if from.is_dir() {
            copy(&from, &to);
        } else {
            std::fs::copy(from, to).unwrap();
        }
    }
}

struct Hub {
    dir: TempDir,
    store: Store,
    fleet: Fleet,
    sink: Memory,
    tracker: TaskTracker,
    cancel: CancellationToken,
    handle: receive::Handle,
}

fn serve(
    config: &receive::Config,
    fleet: &Fleet,
    sink: &Memory,
) -> (TaskTracker, CancellationToken, receive::Handle) {
    let (tracker, cancel) = (TaskTracker::new(), CancellationToken::new());
    let began = tests::wait::clock();
    let handle = loop {
        let (config, fleet, sink) = (config.clone(), fleet.clone(), sink.clone());
        let started = receive::start(config, fleet, sink, &tracker, cancel.clone());
        // The socket of the hub before goes a little later than what served it.
        let is_taken = matches!(started, Err(ReceiveError::Bind { .. }));
        if !is_taken || began.elapsed() > DEADLINE {
            break started.unwrap();
        }
        std::thread::yield_now();
    };
    (tracker, cancel, handle)
}

impl Hub {
    async fn start() -> Self {
        Self::with(fleet::Config::default()).await
    }

    async fn with(config: fleet::Config) -> Self {
        Self::in_dir(tempfile::tempdir().unwrap(), config).await
    }

    /// Serves what a directory holds.
    async fn in_dir(dir: TempDir, config: fleet::Config) -> Self {
        Self::at("127.0.0.1:0".parse().unwrap(), dir, config).await
    }

    /// Another process, as it were, that serves at another address what this one did.
    async fn moved_to(self, listen: SocketAddr) -> Self {
        self.store.close().await;
        Self::at(listen, self.dir, fleet::Config::default()).await
    }

    async fn at(listen: SocketAddr, dir: TempDir, config: fleet::Config) -> Self {
        let store = Store::open(&dir.path().join("hub.db")).await.unwrap();
        let fleet = Fleet::open(store.clone(), &dir.path().join("link"), config)
            .await
            .unwrap();
        let sink = Memory {
            store: store.clone(),
            turn: Arc::default(),
            tasks: TaskTracker::new(),
            applied: Arc::default(),
            skipped: Arc::default(),
        };
        let link = receive::Config {
            listen,
            ..receive::Config::default()
        };
        let (tracker, cancel, handle) = serve(&link, &fleet, &sink);
        Self {
            dir,
            store,
            fleet,
            sink,
            tracker,
            cancel,
            handle,
        }
    }

    async fn stop(&self) {
        self.cancel.cancel();
        self.tracker.close();
        self.tracker.wait().await;
    }

    /// Serves on the same port again.
    fn restart(&mut self) {
        self.restart_as(|_| {});
    }

    /// The same, with other settings of the link.
    fn restart_as(&mut self, change: impl FnOnce(&mut receive::Config)) {
        let mut config = receive::Config {
            listen: self.handle.local_addr(),
            ..receive::Config::default()
        };
        change(&mut config);
        let (tracker, cancel, handle) = serve(&config, &self.fleet, &self.sink);
        (self.tracker, self.cancel, self.handle) = (tracker, cancel, handle);
    }

    /// Serves on the same port again, with other settings of the fleet.
    async fn restart_with(&mut self, config: fleet::Config) {
        let dir = self.dir.path().join("link");
        let fleet = Fleet::open(self.store.clone(), &dir, config).await;
        self.fleet = fleet.unwrap();
        self.restart();
    }

    async fn token(&self, uses: u32, lifetime: Duration) -> String {
        let request = TokenRequest {
            uses,
            lifetime: Some(lifetime),
            ..TokenRequest::default()
        };
        let now = hub::clock::now();
        let token = self.fleet.make_join_token(&request, now).await.unwrap();
        token.to_string()
    }

    fn join(&self, token: &str, dir: &Path) -> JoinRequest {
        JoinRequest {
            hub: self.handle.local_addr().to_string(),
            token: token.to_owned(),
            dir: dir.to_owned(),
            name: "shop-12".to_owned(),
            force: false,
            way: forward::Config::default(),
        }
    }
}

struct Relay {
    spool: Spool,
    roster: Roster,
    link: forward::Handle,
    tracker: TaskTracker,
    cancel: CancellationToken,
}

impl Relay {
    fn start(dir: &Path) -> Self {
        Self::start_with(dir, |_| {})
    }

    fn start_with(dir: &Path, change: impl FnOnce(&mut forward::Config)) -> Self {
        let ledger = Ledger::default();
        let spool_config = spool::Config {
            dir: dir.join("spool"),
            bytes_max: Some(ByteSize(64 << 20)),
            free_min: Some(ByteSize(0)),
            ballast_bytes: ByteSize(0),
            append_timeout: Span(DEADLINE),
            ..spool::Config::default()
        };
        let spool = Spool::open(&spool_config, ledger.clone()).unwrap();
        let roster = Roster::open(dir, dir, Policy::default()).unwrap();
        let (tracker, cancel) = (TaskTracker::new(), CancellationToken::new());
        let mut config = forward::Config {
            dir: dir.to_owned(),
            report_interval: Span(Duration::from_millis(200)),
            ..forward::Config::default()
        };
        change(&mut config);
        let link = forward::start(
            config,
            spool.clone(),
            roster.clone(),
            ledger,
            &tracker,
            cancel.clone(),
        );
        Self {
            spool,
            roster,
            link,
            tracker,
            cancel,
        }
    }

    async fn keep(&self, lane: Lane, n: u128) {
        let record = Record::Items(Items {
            project: ProjectId::new(1).unwrap(),
            key: PublicKey::from_bytes([7; 16]),
            received_at: Timestamp::from_millis(1),
            sent_at: None,
            event_id: Some(EventId::from_bytes(n.to_be_bytes())),
            client: None,
            remote_addr: None,
            user_agent: None,
            trace: None,
            items: vec![Item {
                kind: "event".to_owned(),
                header: "{}".into(),
                payload: format!("{{\"n\":{n}}}").into(),
            }],
        });
        self.spool.append(vec![(lane, record)]).await.unwrap();
    }

    fn is_drained(&self) -> bool {
        let drained = |lane: spool::LaneState| lane.acked.next() == lane.next;
        self.spool.lanes().into_iter().all(drained)
    }

    async fn stop(self) {
        self.cancel.cancel();
        self.tracker.close();
        self.tracker.wait().await;
        self.spool.close().await.unwrap();
    }
}

async fn joined() -> (Hub, TempDir) {
    joined_to(Hub::start().await).await
}

async fn joined_to(hub: Hub) -> (Hub, TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let token = hub.token(1, DEADLINE).await;
    forward::join(&hub.join(&token, dir.path())).await.unwrap();
    (hub, dir)
}

/// What was applied of a lane: each number once, in order, from 1.
fn assert_each_once(sink: &Memory, lane: Lane, n: usize) {
    let applied = sink.applied.lock().unwrap();
    let items =
        |(at, _, record): &&(Lane, Seq, Record)| *at == lane && matches!(record, Record::Items(_));
    let seqs: Vec<u64> = applied
        .iter()
        .filter(items)
        .map(|(_, seq, _)| seq.0)
        .collect();
    assert_eq!(seqs, (1..=n as u64).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_lets_in_who_has_it_and_nobody_else() {
    let hub = Hub::start().await;
    let dir = tempfile::tempdir().unwrap();
    let refused = async |token: &str| {
        let error = forward::join(&hub.join(token, dir.path()))
            .await
            .unwrap_err();
        assert!(!dir.path().join("identity.json").exists());
        error
    };
    let expired = hub.token(1, Duration::ZERO).await;
    assert!(matches!(refused(&expired).await, JoinError::Refused(_)));

    let good = hub.token(1, DEADLINE).await;
    let parts: Vec<&str> = good.split('.').collect();
    let wrong_secret = format!("vdj1.{}.AAAA.{}", parts[1], parts[3]);
    assert!(matches!(
        refused(&wrong_secret).await,
        JoinError::Refused(_)
    ));

    let other = Hub::start().await.token(1, DEADLINE).await;
    let other_pin = other.rsplit('.').next().unwrap();
    let wrong_pin = format!("vdj1.{}.{}.{other_pin}", parts[1], parts[2]);
    let error = refused(&wrong_pin).await;
    assert!(matches!(error, JoinError::Connect { .. }), "{error}");

    let joined = forward::join(&hub.join(&good, dir.path())).await.unwrap();
    let relays = hub.fleet.relays().await.unwrap();
    assert_eq!(
        (relays[0].id, relays[0].name.as_str()),
        (joined.relay, "shop-12")
    );
    let again = forward::join(&hub.join(&good, dir.path())).await;
    assert!(matches!(again, Err(JoinError::AlreadyJoined)));
    let used_up = JoinRequest {
        force: true,
        ..hub.join(&good, dir.path())
    };
    let error = forward::join(&used_up).await;
    assert!(matches!(error, Err(JoinError::Refused(_))));
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_spool_holds_is_delivered_once_and_in_order() {
    let (hub, dir) = joined().await;
    let relay = Relay::start(dir.path());
    for n in 0..200 {
        let lane = if n % 2 == 0 {
            Lane::Errors
        } else {
            Lane::Traces
        };
        relay.keep(lane, n).await;
    }
    until("everything acknowledged", || relay.is_drained()).await;
    assert_each_once(&hub.sink, Lane::Errors, 100);
    assert_each_once(&hub.sink, Lane::Traces, 100);
    let status = relay.link.status();
    assert_eq!(status.state, LinkState::Connected);
    assert!(status.last_ack_at.is_some() && status.bytes_sent > 0);
    relay.stop().await;
    hub.stop().await;
    let shown = hub.fleet.relays().await.unwrap().remove(0);
    let report = shown.report.expect("the relay reported");
    assert_eq!(report.lanes.len(), Lane::COUNT);
    assert!(hub.dir.path().exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_or_doubled_when_the_hub_goes_and_comes_back() {
    let (mut hub, dir) = joined().await;
    let relay = Relay::start(dir.path());
    for round in 0..3_u128 {
        for n in 0..50 {
            relay.keep(Lane::Errors, round * 100 + n).await;
        }
        hub.stop().await;
        until("the outage noticed", || {
            relay.link.status().state != LinkState::Connected
        })
        .await;
        for n in 50..100 {
            relay.keep(Lane::Errors, round * 100 + n).await;
        }
        hub.restart();
    }
    until("everything acknowledged", || relay.is_drained()).await;
    assert_each_once(&hub.sink, Lane::Errors, 300);
    relay.stop().await;
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_that_restarts_goes_on_where_the_hub_is() {
    let (hub, dir) = joined().await;
    for round in 0..3 {
        let relay = Relay::start(dir.path());
        for n in 0..40 {
            relay.keep(Lane::Errors, round * 40 + n).await;
        }
        // Stopped in the midst of it: what is not acknowledged is sent by the next.
        relay.stop().await;
    }
    let relay = Relay::start(dir.path());
    until("everything acknowledged", || relay.is_drained()).await;
    assert_each_once(&hub.sink, Lane::Errors, 120);
    relay.stop().await;
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_relay_is_out_within_two_seconds_and_keeps_buffering() {
    let (hub, dir) = joined().await;
    let relay = Relay::start(dir.path());
    until("connected", || hub.handle.connected().len() == 1).await;
    let id = hub.handle.connected()[0];
    hub.fleet
        .update_relay(id, "shop-12", &Labels::new(), RelayState::Revoked)
        .await
        .unwrap();
    let out = until("out", || hub.handle.connected().is_empty());
    tokio::time::timeout(Duration::from_secs(2), out)
        .await
        .expect("within two seconds");
    until("told", || {
        let error = relay.link.status().last_error;
        error.is_some_and(|error| error.contains("revoked"))
    })
    .await;
    relay.keep(Lane::Errors, 1).await;
    assert_eq!(hub.sink.n_applied(), 0);
    relay.stop().await;
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_keys_reaches_connected_relays() {
    let (hub, dir) = joined().await;
    let relay = Relay::start(dir.path());
    until("first roster", || relay.roster.version() > 0).await;
    let key = PublicKey::from_bytes([0xcd; 16]);
    assert!(matches!(relay.roster.lookup(&key), Lookup::Unknown));

    let mut write = hub.store.begin().await.unwrap();
    let organization_id = write.add_organization("acme", "Acme", 0).await.unwrap();
    let project = NewProject {
        organization_id,
        slug: "shop",
        name: "Shop",
        platform: "python",
    };
    let project_id = write.add_project(project, 0).await.unwrap();
    let mut row = ProjectKey {
        public_key: key.to_string(),
        secret_key: "ef".repeat(16),
        project_id,
        label: "Default".to_owned(),
        is_active: true,
        rate_limit_count: None,
        rate_limit_window_s: None,
        rate_limit_burst: None,
        created_at: 0,
    };
    write.add_project_key(&row).await.unwrap();
    write.commit().await.unwrap();
    until("key known", || {
        matches!(relay.roster.lookup(&key), Lookup::Known(..))
    })
    .await;

    row.is_active = false;
    let mut write = hub.store.begin().await.unwrap();
    write.update_project_key(&row).await.unwrap();
    write.commit().await.unwrap();
    until("key off", || {
        matches!(relay.roster.lookup(&key), Lookup::Disabled)
    })
    .await;
    relay.stop().await;
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_that_has_not_joined_buffers_and_begins_by_itself_when_it_has() {
    let hub = Hub::start().await;
    let dir = tempfile::tempdir().unwrap();
    let relay = Relay::start(dir.path());
    relay.keep(Lane::Errors, 1).await;
    let status = relay.link.status();
    assert_eq!(status.state, LinkState::NotJoined);
    let token = hub.token(1, DEADLINE).await;
    forward::join(&hub.join(&token, dir.path())).await.unwrap();
    until("everything acknowledged", || relay.is_drained()).await;
    assert_each_once(&hub.sink, Lane::Errors, 1);
    relay.stop().await;
    hub.stop().await;
}
