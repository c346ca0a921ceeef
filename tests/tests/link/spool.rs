//! The spool between a real relay and a real hub: what is new goes before the backlog, and a file
//! that is carried by hand is as good as the link.

#![expect(
    clippy::unwrap_used,
    reason = "the helpers of tests may be as blunt as the tests"
)]

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use hub::app::Hub;
use hub::fleet::{FleetError, Labels, RelayState, TokenRequest};
use hub::import::{self, ImportError, Imported};
use hub::store::projects::NewProject;
use protocol::block::{Item, Items, Record};
use protocol::ids::{EventId, Lane, ProjectId, PublicKey, RelayId, Seq};
use protocol::outcome::Term;
use protocol::parcel::Receipt;
use protocol::timestamp::Timestamp;
use protocol::unit::{ByteSize, Span};
use protocol::wire::Cursor;
use relay::forward::{self, CarryError, JoinRequest};
use relay::ledger::Ledger;
use relay::policy::Policy;
use relay::roster::Roster;
use relay::spool::inspect::Inspector;
use relay::spool::{self, Keys, Spool};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::{DEADLINE, until};

pub(super) struct Centre {
    pub(super) hub: Hub,
    pub(super) dir: TempDir,
}

impl Centre {
    pub(super) async fn start() -> Self {
        let any = "127.0.0.1:0".parse().unwrap();
        let Self { hub, dir } = Self::open(tempfile::tempdir().unwrap(), any).await;
        let mut write = hub.data().store.begin().await.unwrap();
        let organization_id = write.add_organization("org", "Org", 0).await.unwrap();
        let project = NewProject {
            organization_id,
            slug: "shop",
            name: "Shop",
            platform: "python",
        };
        assert_eq!(write.add_project(project, 0).await.unwrap(), 1);
        write.commit().await.unwrap();
        Self { hub, dir }
    }

    /// Serves what a directory holds.
    pub(super) async fn open(dir: TempDir, link: SocketAddr) -> Self {
        let mut config = hub::config::Config {
            data_dir: dir.path().to_owned(),
            ..hub::config::Config::default()
        };
        config.http.listen = "127.0.0.1:0".parse().unwrap();
        config.link.listen = link;
        let hub = hub::app::start(config).await.unwrap();
        Self { hub, dir }
    }

    async fn import(&self, file: &Path) -> Result<Imported, ImportError> {
        import::import(&self.hub.data().fleet, self.hub.digest(), file).await
    }

    pub(super) async fn applied(&self) -> i64 {
        let totals = self.hub.data().store.ledger_totals().await.unwrap();
        let applied = totals.iter().filter(|row| row.term == Term::Applied);
        applied.map(|row| row.quantity).sum()
    }

    /// A relay of this hub with an empty spool, that does not connect.
    async fn relay(&self) -> Edge {
        self.relay_with(|_| {}).await
    }

    pub(super) async fn relay_with(&self, change: impl FnOnce(&mut spool::Config)) -> Edge {
        let dir = tempfile::tempdir().unwrap();
        let fleet = &self.hub.data().fleet;
        let token = fleet
            .make_join_token(&TokenRequest::default(), hub::clock::now())
            .await
            .unwrap();
        let request = JoinRequest {
            hub: self.hub.link_addr().to_string(),
            token: token.to_string(),
            dir: dir.path().to_owned(),
            name: "shop-12".to_owned(),
            force: false,
            way: forward::Config::default(),
        };
        let joined = forward::join(&request).await.unwrap();
        let mut config = spool_config(dir.path());
        change(&mut config);
        let spool = Spool::open(&config, Ledger::default()).unwrap();
        Edge {
            id: joined.relay,
            dir,
            spool,
        }
    }
}

fn spool_config(dir: &Path) -> spool::Config {
    spool::Config {
        dir: dir.join("spool"),
        bytes_max: Some(ByteSize(16 << 20)),
        free_min: Some(ByteSize(0)),
        ballast_bytes: ByteSize(0),
        append_timeout: Span(DEADLINE),
        ..spool::Config::default()
    }
}

pub(super) struct Edge {
    pub(super) id: RelayId,
    dir: TempDir,
    spool: Spool,
}

impl Edge {
    pub(super) async fn keep(&self, lane: Lane, numbers: std::ops::Range<u128>) {
        for n in numbers {
            let record = Record::Items(Items {
                project: ProjectId::new(1).unwrap(),
                key: PublicKey::from_bytes([7; 16]),
                received_at: Timestamp::from_millis(1),
                sent_at: None,
                event_id: Some(EventId::from_bytes((n + 1).to_be_bytes())),
                client: None,
                remote_addr: None,
                user_agent: None,
                trace: None,
                items: vec![Item {
                    kind: "event".to_owned(),
                    header: "{}".into(),
                    payload: format!("{{\"message\":\"number {n}\"}}").into(),
                }],
            });
            self.spool.append(vec![(lane, record)]).await.unwrap();
        }
    }

    async fn export(&self, name: &str) -> Result<PathBuf, CarryError> {
        let file = self.dir.path().join(name);
        let inspector = Inspector::open(&self.spool_dir(), Keys::default()).unwrap();
        forward::export(self.dir.path(), &inspector, &Lane::ALL, &file).await?;
        Ok(file)
    }

    fn spool_dir(&self) -> PathBuf {
        self.dir.path().join("spool")
    }

    pub(super) fn is_drained(&self) -> bool {
        let drained = |lane: spool::LaneState| lane.acked.next() == lane.next;
        self.spool.lanes().into_iter().all(drained)
    }

    fn connect(&self) -> (TaskTracker, CancellationToken) {
        let (_, tracker, cancel) = self.link();
        (tracker, cancel)
    }

    pub(super) fn link(&self) -> (forward::Handle, TaskTracker, CancellationToken) {
        let (tracker, cancel) = (TaskTracker::new(), CancellationToken::new());
        let config = forward::Config {
            dir: self.dir.path().to_owned(),
            report_interval: Span(Duration::from_millis(200)),
            ..forward::Config::default()
        };
        let handle = forward::start(
            config,
            self.spool.clone(),
            Roster::open(self.dir.path(), self.dir.path(), Policy::default()).unwrap(),
            Ledger::default(),
            &tracker,
            cancel.clone(),
        );
        (handle, tracker, cancel)
    }
}

pub(super) async fn stop((tracker, cancel): (TaskTracker, CancellationToken)) {
    cancel.cancel();
    tracker.close();
    tracker.wait().await;
}

fn write_receipt(dir: &Path, imported: &Imported) -> PathBuf {
    let bytes = decode(&imported.receipt);
    let path = dir.join("receipt");
    std::fs::write(&path, bytes).unwrap();
    path
}

/// Standard base64, as the answer holds it.
fn decode(text: &str) -> Vec<u8> {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut bits = 0_u32;
    let mut n_bits = 0;
    let mut bytes = Vec::new();
    for digit in text.bytes().filter(|byte| *byte != b'=') {
        let value = DIGITS.iter().position(|known| *known == digit).unwrap();
        bits = bits << 6 | u32::try_from(value).unwrap();
        n_bits += 6;
        if n_bits >= 8 {
            n_bits -= 8;
            bytes.push(u8::try_from(bits >> n_bits & 0xff).unwrap());
        }
    }
    bytes
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_carried_is_applied_once_and_its_receipt_frees_the_room() {
    let centre = Centre::start().await;
    let edge = centre.relay().await;
    edge.keep(Lane::Errors, 0..50).await;
    edge.keep(Lane::ErrorsBacklog, 50..55).await;
    // Beside a relay that has the spool open.
    let file = edge.export("parcel").await.unwrap();
    let imported = centre.import(&file).await.unwrap();
    assert_eq!(
        (imported.relay.clone(), imported.records),
        (edge.id.to_string(), 55)
    );
    let moved: Vec<_> = imported
        .moved
        .iter()
        .map(|lane| (lane.lane, lane.now))
        .collect();
    assert_eq!(
        moved,
        [(Lane::Errors, Seq(50)), (Lane::ErrorsBacklog, Seq(5))]
    );
    assert_eq!(centre.applied().await, 55);

    let again = centre.import(&file).await.unwrap();
    assert_eq!((again.records, again.moved.len()), (55, 0));
    assert_eq!(centre.applied().await, 55);

    let receipt = write_receipt(edge.dir.path(), &imported);
    let receipt = forward::read_receipt(edge.dir.path(), &receipt)
        .await
        .unwrap();
    let moved = forward::acknowledge(&edge.spool, &receipt).await.unwrap();
    assert_eq!(moved.len(), 2);
    assert!(edge.is_drained());
    let nothing = forward::acknowledge(&edge.spool, &receipt).await.unwrap();
    assert_eq!(nothing, []);
    let empty = edge.export("empty").await;
    assert!(matches!(empty, Err(CarryError::Nothing)), "{empty:?}");
    assert!(!edge.dir.path().join("empty").exists());

    // Records that come later are carried by the next parcel.
    edge.keep(Lane::Errors, 60..63).await;
    let next = edge.export("next").await.unwrap();
    let imported = centre.import(&next).await.unwrap();
    assert_eq!(imported.records, 3);
    assert_eq!(centre.applied().await, 58);
    centre.hub.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_carried_may_be_sent_as_well() {
    let centre = Centre::start().await;
    let edge = centre.relay().await;
    edge.keep(Lane::Errors, 0..30).await;
    let first = edge.export("first").await.unwrap();
    edge.keep(Lane::Errors, 30..50).await;
    let both = edge.export("both").await.unwrap();
    // Carried in part, then sent: the link goes on where the parcel ended.
    centre.import(&first).await.unwrap();
    assert_eq!(centre.applied().await, 30);
    let link = edge.connect();
    until("everything acknowledged", || edge.is_drained()).await;
    stop(link).await;
    assert_eq!(centre.applied().await, 50);
    // Sent, then carried.
    let late = centre.import(&both).await.unwrap();
    assert_eq!((late.records, late.moved.len()), (50, 0));
    assert_eq!(centre.applied().await, 50);
    centre.hub.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_parcel_that_was_changed_or_cut_has_no_effect() {
    let centre = Centre::start().await;
    let edge = centre.relay().await;
    edge.keep(Lane::Errors, 0..3).await;
    let file = edge.export("parcel").await.unwrap();
    let whole = std::fs::read(&file).unwrap();
    for at in (0..whole.len()).step_by(7) {
        let mut changed = whole.clone();
        *changed.get_mut(at).unwrap() ^= 1;
        std::fs::write(&file, &changed).unwrap();
        assert!(centre.import(&file).await.is_err(), "byte {at}");
    }
    std::fs::write(&file, whole.get(..whole.len() / 2).unwrap()).unwrap();
    let cut = centre.import(&file).await;
    assert!(matches!(cut, Err(ImportError::Parcel(_))), "{cut:?}");
    assert_eq!(centre.applied().await, 0);
    std::fs::write(&file, &whole).unwrap();
    centre.import(&file).await.unwrap();
    assert_eq!(centre.applied().await, 3);
    centre.hub.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_relay_of_this_hub_that_may_deliver_is_let_in() {
    let (centre, other) = (Centre::start().await, Centre::start().await);
    let edge = centre.relay().await;
    edge.keep(Lane::Errors, 0..3).await;
    let file = edge.export("parcel").await.unwrap();
    let foreign = other.import(&file).await;
    assert!(
        matches!(foreign, Err(ImportError::ForeignHub)),
        "{foreign:?}"
    );

    let fleet = &centre.hub.data().fleet;
    fleet
        .update_relay(edge.id, "shop-12", &Labels::new(), RelayState::Revoked)
        .await
        .unwrap();
    let revoked = centre.import(&file).await;
    let is_revoked = matches!(revoked, Err(ImportError::Fleet(FleetError::Revoked(_))));
    assert!(is_revoked, "{revoked:?}");
    assert_eq!((centre.applied().await, other.applied().await), (0, 0));

    // A receipt is believed from the hub that was joined, for this relay and this spool.
    let receipt = |relay, epoch| {
        let lane = Lane::Errors;
        let cursors = vec![Cursor {
            lane,
            upto: Seq(3),
            digest: None,
        }];
        Receipt::new(relay, epoch, cursors, Timestamp::from_millis(0))
    };
    let path = edge.dir.path().join("receipt");
    let read = async |receipt: Receipt, hub: &Hub| {
        let sign = |message: &[u8]| Ok(hub.data().fleet.sign(message)?);
        let bytes = receipt.encode::<ImportError>(sign).unwrap();
        std::fs::write(&path, bytes).unwrap();
        forward::read_receipt(edge.dir.path(), &path).await
    };
    let epoch = edge.spool.epoch();
    let foreign = read(receipt(edge.id, epoch), &other.hub).await;
    assert!(matches!(foreign, Err(CarryError::Signature)), "{foreign:?}");
    let strange = RelayId::from_bytes([9; 16]);
    let strange = read(receipt(strange, epoch), &centre.hub).await;
    assert!(
        matches!(strange, Err(CarryError::OtherRelay { .. })),
        "{strange:?}"
    );
    let epoch = protocol::ids::Epoch(epoch.0 ^ 1);
    let old = read(receipt(edge.id, epoch), &centre.hub).await.unwrap();
    let old = forward::acknowledge(&edge.spool, &old).await;
    assert!(matches!(old, Err(CarryError::OtherEpoch { .. })), "{old:?}");
    assert!(!edge.is_drained());
    centre.hub.end().await;
    other.hub.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn records_before_a_parcel_are_never_skipped() {
    let centre = Centre::start().await;
    let edge = centre.relay().await;
    edge.keep(Lane::Errors, 0..10).await;
    let all = edge.export("all").await.unwrap();
    // A hub that was restored from a backup does not have what it acknowledged once.
    edge.spool.ack(Lane::Errors, Seq(4)).await.unwrap();
    let late = edge.export("late").await.unwrap();
    let refused = centre.import(&late).await;
    let expected = Seq(1);
    let is_before = matches!(
        refused,
        Err(ImportError::Before { expected: at, got: Seq(5), .. }) if at == expected
    );
    assert!(is_before, "{refused:?}");
    centre.import(&all).await.unwrap();
    assert_eq!(centre.applied().await, 10);
    centre.hub.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_hub_takes_parcels_and_a_running_relay_receipts() {
    let centre = Centre::start().await;
    let edge = centre.relay().await;
    edge.keep(Lane::Errors, 0..5).await;
    let file = edge.export("parcel").await.unwrap();
    let inbox = centre.dir.path().join("import");
    let imported = import::hand_in(&inbox, &file, DEADLINE).await.unwrap();
    assert_eq!(imported.records, 5);
    std::fs::write(&file, b"something else").unwrap();
    let refused = import::hand_in(&inbox, &file, DEADLINE).await;
    assert!(
        matches!(refused, Err(ImportError::Refused(_))),
        "{refused:?}"
    );
    assert_eq!(
        std::fs::read_dir(&inbox).unwrap().count(),
        0,
        "nothing is left"
    );

    // The hub is gone; the relay runs and cannot reach it.
    centre.hub.end().await;
    let link = edge.connect();
    let receipt = write_receipt(edge.dir.path(), &imported);
    let spool_dir = edge.spool_dir();
    let moved = forward::hand_in(&spool_dir, &receipt).await.unwrap();
    assert_eq!(moved.len(), 1);
    assert!(edge.is_drained());
    std::fs::write(&receipt, b"something else").unwrap();
    let refused = forward::hand_in(&spool_dir, &receipt).await;
    assert!(
        matches!(refused, Err(CarryError::Refused(_))),
        "{refused:?}"
    );
    stop(link).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fresh_error_is_at_the_hub_while_the_backlog_of_an_outage_still_drains() {
    const BACKLOG: u64 = 2_000;
    let centre = Centre::start().await;
    let edge = centre.relay().await;
    let lane = |lane: Lane| edge.spool.lanes()[lane.index()];
    // An outage: errors go on to come until their lane is stuck, and then some.
    let mut pace = tokio::time::interval(Duration::from_millis(100));
    let mut n = 0;
    while lane(Lane::ErrorsBacklog).records == 0 {
        pace.tick().await;
        edge.keep(Lane::Errors, n..n + 1).await;
        n += 1;
        assert!(n < 600, "the lane is never stuck");
    }
    edge.keep(Lane::Errors, n..n + u128::from(BACKLOG)).await;
    assert!(lane(Lane::ErrorsBacklog).records >= BACKLOG);
    let link = edge.connect();
    let is_clear = || lane(Lane::Errors).acked.next() == lane(Lane::Errors).next;
    until("the lane is clear", is_clear).await;
    edge.keep(Lane::Errors, 100_000..100_001).await;
    let began = tokio::time::Instant::now();
    until("the fresh error is at the hub", is_clear).await;
    let took = began.elapsed();
    let left = lane(Lane::ErrorsBacklog).records;
    assert!(
        left > BACKLOG / 10,
        "{left} of {BACKLOG} were left to overtake"
    );
    assert!(took < Duration::from_secs(5), "{took:?}");
    println!("fresh error acknowledged after {took:?} with {left} records of backlog left");
    until("everything acknowledged", || edge.is_drained()).await;
    let all = i64::try_from(n).unwrap() + i64::try_from(BACKLOG).unwrap() + 1;
    assert_eq!(centre.applied().await, all);
    stop(link).await;
    centre.hub.end().await;
}
