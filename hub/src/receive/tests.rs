//! Tests of the hub's end with a client that does as it likes.

mod early;

use std::sync::Mutex;

use bytes::BytesMut;
use protocol::block::{LedgerDelta, Record, Sealed, seal};
use protocol::ids::{Epoch, Lane, Seq};
use protocol::timestamp::Timestamp;
use protocol::wire::{Ack, Frame, Gap, GapReason, Hello, Join, Joined, PROTO, Ping, Welcome};
use quinn::crypto::rustls::QuicClientConfig;
use quinn::{ClientConfig, Connection, ConnectionError, RecvStream, SendStream};
use rcgen::{CertificateParams, KeyPair};
use rustls::RootCertStore;
use rustls::pki_types::PrivateKeyDer;

use super::*;
use crate::fleet::TokenRequest;
use crate::store::Store;

const DEADLINE: Duration = Duration::from_secs(10);
const EPOCH: Epoch = Epoch(7);

/// Remembers what it was given and commits it at once.
#[derive(Clone, Default)]
struct Memory(Arc<Mutex<Vec<(Lane, Seq, Seq)>>>);

impl Memory {
    fn note(&self, lane: Lane, first: Seq, last: Seq) -> Applied {
        self.0.lock().unwrap().push((lane, first, last));
        Applied {
            upto: last,
            digest: None,
        }
    }
}

impl Sink for Memory {
    async fn deliver(&self, delivery: Delivery) -> Result<Applied, DigestError> {
        let head = delivery.head;
        Ok(self.note(head.lane, head.first_seq, head.last_seq()))
    }

    async fn skip(&self, skip: Skip) -> Result<Applied, DigestError> {
        Ok(self.note(skip.lane, skip.upto, skip.upto))
    }
}

struct Hub {
    fleet: Fleet,
    sink: Memory,
    handle: Handle,
    cancel: CancellationToken,
    tracker: TaskTracker,
    _dir: tempfile::TempDir,
}

/// A relay's key and certificate.
struct Identity {
    key: KeyPair,
    joined: Joined,
}

/// A control stream after Welcome.
struct Session {
    endpoint: Endpoint,
    connection: Connection,
    control: SendStream,
    answers: RecvStream,
    buffer: BytesMut,
}

async fn hub() -> Hub {
    let (store, dir) = Store::temporary().await;
    let path = dir.path().join("link");
    let fleet = Fleet::open(store, &path, crate::fleet::Config::default());
    let fleet = fleet.await.unwrap();
    let sink = Memory::default();
    let (cancel, tracker) = (CancellationToken::new(), TaskTracker::new());
    let config = Config {
        listen: "127.0.0.1:0".parse().unwrap(),
        window: 4,
        ..Config::default()
    };
    let handle = start(
        config,
        fleet.clone(),
        sink.clone(),
        &tracker,
        cancel.clone(),
    )
    .unwrap();
    Hub {
        fleet,
        sink,
        handle,
        cancel,
        tracker,
        _dir: dir,
    }
}

impl Hub {
    async fn identity(&self) -> Identity {
        let now = crate::clock::now();
        let request = TokenRequest::default();
        let token = self.fleet.make_join_token(&request, now).await.unwrap();
        let token = token.to_string();
        let parts: Vec<&str> = token.split('.').collect();
        let key = KeyPair::generate().unwrap();
        let csr = CertificateParams::default()
            .serialize_request(&key)
            .unwrap();
        let join = Join {
            token_id: parts[1].to_owned(),
            secret: parts[2].to_owned(),
            csr: csr.der().to_vec(),
            name: String::new(),
            version: String::new(),
        };
        let joined = self
            .fleet
            .join(&join, [127, 0, 0, 1].into(), now)
            .await
            .unwrap();
        Identity { key, joined }
    }

    fn config(&self, alpn: &[u8], identity: Option<&Identity>) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        for authority in self.fleet.authorities() {
            roots.add(authority).unwrap();
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let client = rustls::ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .with_root_certificates(roots);
        let mut client = match identity {
            None => client.with_no_client_auth(),
            Some(Identity { key, joined }) => {
                let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
                let chain = vec![joined.certificate.clone().into()];
                client.with_client_auth_cert(chain, key).unwrap()
            }
        };
        client.alpn_protocols = vec![alpn.to_vec()];
        client.enable_early_data = true;
        ClientConfig::new(Arc::new(QuicClientConfig::try_from(client).unwrap()))
    }

    async fn connect(
        &self,
        alpn: &[u8],
        identity: Option<&Identity>,
    ) -> Result<(Endpoint, Connection), ConnectionError> {
        let endpoint = Endpoint::client("127.0.0.1:0".parse().unwrap()).unwrap();
        let config = self.config(alpn, identity);
        let name = protocol::wire::HUB_NAME;
        let address = self.handle.local_addr();
        let connecting = endpoint.connect_with(config, address, name).unwrap();
        Ok((endpoint, connecting.await?))
    }

    async fn session(&self, identity: &Identity) -> (Session, Welcome) {
        self.started(identity, 1, &[]).await
    }

    /// A session of a start that comes after others.
    async fn started(
        &self,
        identity: &Identity,
        instance: u64,
        ancestors: &[u64],
    ) -> (Session, Welcome) {
        let mut session = self.open(identity).await;
        session.send(&hello_of(identity, instance, ancestors)).await;
        match session.next().await {
            Frame::Welcome(welcome) => (session, welcome),
            other => panic!("{other:?}"),
        }
    }

    /// A control stream before Hello.
    async fn open(&self, identity: &Identity) -> Session {
        let (endpoint, connection) = self.connect(ALPN, Some(identity)).await.unwrap();
        let (control, answers) = connection.open_bi().await.unwrap();
        Session {
            endpoint,
            connection,
            control,
            answers,
            buffer: BytesMut::new(),
        }
    }

    async fn stop(self) {
        self.cancel.cancel();
        self.tracker.close();
        self.tracker.wait().await;
    }
}

fn hello(identity: &Identity) -> Frame {
    hello_of(identity, 1, &[])
}

fn hello_of(identity: &Identity, instance: u64, ancestors: &[u64]) -> Frame {
    Frame::Hello(Hello {
        proto_min: PROTO,
        proto_max: PROTO,
        relay: identity.joined.relay,
        epoch: EPOCH,
        lanes: vec![],
        version: "0.1.0".to_owned(),
        // The first roster has this version: none is sent.
        roster_version: 1,
        dicts: vec![],
        wall: Timestamp::from_millis(0),
        capabilities: vec![],
        generation: 1,
        instance,
        ancestors: ancestors.to_vec(),
    })
}

fn block(first: u64, count: usize) -> Sealed {
    let record = Record::Ledger(LedgerDelta::default());
    seal(EPOCH, Lane::Control, Seq(first), &vec![record; count]).unwrap()
}

impl Session {
    async fn send(&mut self, frame: &Frame) {
        let bytes = frame.to_bytes().unwrap();
        self.control.write_all(&bytes).await.unwrap();
    }

    async fn next(&mut self) -> Frame {
        loop {
            if let Some(frame) = Frame::decode(&mut self.buffer).unwrap() {
                return frame;
            }
            let chunk = timeout(DEADLINE, self.answers.read_chunk(9999, true)).await;
            let chunk = chunk.expect("in time").unwrap().expect("open");
            self.buffer.extend_from_slice(&chunk.bytes);
        }
    }

    async fn send_stream(&self, bytes: &[u8]) {
        let mut stream = self.connection.open_uni().await.unwrap();
        stream.write_all(bytes).await.unwrap();
        stream.finish().unwrap();
    }

    async fn send_block(&self, block: &Sealed) {
        let frame = Frame::Batch(block.bytes.clone());
        self.send_stream(&frame.to_bytes().unwrap()).await;
    }

    /// Waits for acknowledgements up to a number.
    async fn acked(&mut self, upto: u64) {
        loop {
            match self.next().await {
                Frame::Ack(Ack { upto: at, .. }) if at.0 >= upto => return,
                Frame::Ack(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    async fn close_code(&self) -> Option<CloseCode> {
        close_code(&self.connection).await
    }
}

async fn close_code(connection: &Connection) -> Option<CloseCode> {
    let closed = timeout(DEADLINE, connection.closed()).await;
    match closed.expect("closed in time") {
        ConnectionError::ApplicationClosed(close) => {
            CloseCode::from_code(close.error_code.into_inner())
        }
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn blocks_that_overtake_each_other_are_handed_on_in_order() {
    let hub = hub().await;
    let (mut session, welcome) = hub.session(&hub.identity().await).await;
    assert_eq!((welcome.cursors.len(), welcome.window), (0, 4));
    for first in [5, 3, 1] {
        session.send_block(&block(first, 2)).await;
    }
    session.acked(6).await;
    session.send_block(&block(3, 2)).await;
    session.acked(6).await;
    let lane = Lane::Control;
    let expected: Vec<_> = [(1, 2), (3, 4), (5, 6)]
        .map(|(first, last)| (lane, Seq(first), Seq(last)))
        .into();
    assert_eq!(*hub.sink.0.lock().unwrap(), expected);
    hub.stop().await;
}

#[tokio::test]
async fn a_gap_lets_the_blocks_behind_it_proceed() {
    let hub = hub().await;
    let (mut session, _) = hub.session(&hub.identity().await).await;
    session.send_block(&block(11, 1)).await;
    let gap = Gap {
        lane: Lane::Control,
        from: Seq(1),
        upto: Seq(10),
        reason: GapReason::Lost,
    };
    session.send(&Frame::Gap(gap)).await;
    session.acked(11).await;
    let lane = Lane::Control;
    let expected = [(lane, Seq(10), Seq(10)), (lane, Seq(11), Seq(11))];
    assert_eq!(*hub.sink.0.lock().unwrap(), expected);
    hub.stop().await;
}

#[tokio::test]
async fn a_block_of_a_later_format_is_handed_on_like_any_other() {
    let hub = hub().await;
    let (mut session, _) = hub.session(&hub.identity().await).await;
    let mut later = block(1, 2);
    let mut bytes = later.bytes[..later.bytes.len() - 5].to_vec();
    // The array's first field.
    bytes[1] = protocol::block::FORMAT + 1;
    let checksum = crc32c::crc32c(&bytes);
    bytes.push(0xce);
    bytes.extend_from_slice(&checksum.to_be_bytes());
    later.bytes = bytes.into();
    session.send_block(&later).await;
    session.send_block(&block(3, 1)).await;
    session.acked(3).await;
    hub.stop().await;
}

#[tokio::test]
async fn garbage_closes_its_own_connection_and_no_other() {
    let hub = hub().await;
    let (mut good, _) = hub.session(&hub.identity().await).await;

    let (mut bad, _) = hub.session(&hub.identity().await).await;
    bad.control.write_all(b"\x70\x00\x01x").await.unwrap();
    assert_eq!(bad.close_code().await, Some(CloseCode::BadFrame));

    let (bad, _) = hub.session(&hub.identity().await).await;
    bad.send_stream(b"\x03\x00\x05wrong").await;
    assert_eq!(bad.close_code().await, Some(CloseCode::BadBlock));

    let (bad, _) = hub.session(&hub.identity().await).await;
    bad.send_stream(b"\x03\x00\xff\xff\xff\x7f").await;
    assert_eq!(bad.close_code().await, Some(CloseCode::BadFrame));

    let (bad, _) = hub.session(&hub.identity().await).await;
    let ping = Frame::Ping(Ping {
        nonce: 1,
        answer: false,
    });
    bad.send_stream(&ping.to_bytes().unwrap()).await;
    assert_eq!(bad.close_code().await, Some(CloseCode::BadFrame));

    let (bad, _) = hub.session(&hub.identity().await).await;
    let other = seal(
        Epoch(8),
        Lane::Control,
        Seq(1),
        &[Record::Ledger(LedgerDelta::default())],
    );
    bad.send_block(&other.unwrap()).await;
    assert_eq!(bad.close_code().await, Some(CloseCode::BadFrame));

    good.send(&ping).await;
    assert!(matches!(
        good.next().await,
        Frame::Ping(Ping {
            nonce: 1,
            answer: true
        })
    ));
    hub.stop().await;
}

#[tokio::test]
async fn a_window_full_of_blocks_behind_a_hole_is_the_end() {
    let hub = hub().await;
    let (session, _) = hub.session(&hub.identity().await).await;
    for first in [2, 3, 4, 5] {
        session.send_block(&block(first, 1)).await;
    }
    assert_eq!(session.close_code().await, Some(CloseCode::Limit));
    assert!(hub.sink.0.lock().unwrap().is_empty());
    hub.stop().await;
}

#[tokio::test]
async fn who_has_no_certificate_of_this_hub_gets_nowhere() {
    let hub = hub().await;
    let (_endpoint, connection) = hub.connect(ALPN, None).await.unwrap();
    assert_eq!(close_code(&connection).await, Some(CloseCode::UnknownRelay));

    let stranger = self::hub().await.identity().await;
    if let Ok((_endpoint, connection)) = hub.connect(ALPN, Some(&stranger)).await {
        // In TLS 1.3 the client may have finished before the hub looks at its certificate.
        let closed = timeout(DEADLINE, connection.closed()).await;
        assert!(matches!(closed, Ok(ConnectionError::ConnectionClosed(_))));
    }
    assert!(hub.connect(b"http/1.1", None).await.is_err());
    hub.stop().await;
}

#[tokio::test]
async fn a_relay_cannot_present_itself_as_another() {
    let hub = hub().await;
    let (one, other) = (hub.identity().await, hub.identity().await);
    let (_endpoint, connection) = hub.connect(ALPN, Some(&one)).await.unwrap();
    let (mut control, _answers) = connection.open_bi().await.unwrap();
    let bytes = hello(&other).to_bytes().unwrap();
    control.write_all(&bytes).await.unwrap();
    assert_eq!(close_code(&connection).await, Some(CloseCode::UnknownRelay));
    hub.stop().await;
}

#[tokio::test]
async fn the_end_of_the_hub_is_said_to_relays() {
    let hub = hub().await;
    let (mut session, _) = hub.session(&hub.identity().await).await;
    session.send_block(&block(1, 1)).await;
    session.acked(1).await;
    hub.cancel.cancel();
    assert!(matches!(session.next().await, Frame::Goaway(_)));
    assert_eq!(session.close_code().await, Some(CloseCode::Done));
    session.endpoint.close(0_u8.into(), b"");
    hub.stop().await;
}

#[tokio::test]
async fn a_relay_that_speaks_no_version_of_this_hubs_is_shown_as_that() {
    let hub = hub().await;
    let identity = hub.identity().await;
    let Frame::Hello(mut later) = hello(&identity) else {
        panic!("a hello");
    };
    (later.proto_min, later.proto_max) = (PROTO + 1, PROTO + 2);
    let mut session = hub.open(&identity).await;
    session.send(&Frame::Hello(later)).await;
    assert_eq!(session.close_code().await, Some(CloseCode::Version));
    let relay = identity.joined.relay;
    let shown = hub.fleet.relay(relay).await.unwrap().unwrap();
    assert_eq!(shown.incompatible, Some((PROTO + 1, PROTO + 2)));
    let (mut session, _) = hub.session(&identity).await;
    session.send_block(&block(1, 1)).await;
    session.acked(1).await;
    let shown = hub.fleet.relay(relay).await.unwrap().unwrap();
    assert_eq!(shown.incompatible, None);
    hub.stop().await;
}

#[tokio::test]
async fn a_relay_that_was_killed_takes_its_own_place_and_one_that_lives_keeps_it() {
    let hub = hub().await;
    let identity = hub.identity().await;
    // Its connection stands, and nobody answers on it.
    let (killed, _) = hub.started(&identity, 1, &[]).await;
    let (mut live, _) = hub.started(&identity, 2, &[1]).await;
    assert_eq!(killed.close_code().await, Some(CloseCode::Replaced));

    let mut copy = hub.open(&identity).await;
    copy.send(&hello_of(&identity, 3, &[1, 2])).await;
    let Frame::Ping(ping) = live.next().await else {
        panic!("not asked");
    };
    let answer = true;
    live.send(&Frame::Ping(Ping { answer, ..ping })).await;
    assert_eq!(copy.close_code().await, Some(CloseCode::Cloned));
    live.send_block(&block(1, 1)).await;
    live.acked(1).await;
    let relay = hub.fleet.relays().await.unwrap().remove(0);
    assert_eq!(relay.second_holder.unwrap().addresses.len(), 2);
    hub.stop().await;
}

#[tokio::test]
async fn the_way_that_a_relay_leaves_does_not_end_the_one_it_goes_on_with() {
    let hub = hub().await;
    // Which end of a lost connection is noticed first is chance.
    for _ in 0..16 {
        let identity = hub.identity().await;
        let (mut stays, _) = hub.session(&identity).await;
        let (mut leaves, _) = hub.session(&identity).await;
        let (nonce, answer) = (1, false);
        leaves.send(&Frame::Ping(Ping { nonce, answer })).await;
        assert!(matches!(leaves.next().await, Frame::Ping(_)));
        leaves.connection.close(0_u8.into(), b"");
        leaves.endpoint.wait_idle().await;
        for nonce in 1..=3 {
            let answer = false;
            stays.send(&Frame::Ping(Ping { nonce, answer })).await;
            let pong = stays.next().await;
            assert!(matches!(pong, Frame::Ping(Ping { answer: true, .. })));
        }
    }
    hub.stop().await;
}

#[tokio::test]
async fn another_certificate_is_given_over_the_link_but_not_without_pause() {
    let hub = hub().await;
    let identity = hub.identity().await;
    let (mut session, _) = hub.session(&identity).await;
    let request = || {
        let key = KeyPair::generate().unwrap();
        let csr = CertificateParams::default().serialize_request(&key);
        let csr = csr.unwrap().der().to_vec();
        Frame::CertRequest(protocol::wire::CertRequest { csr })
    };
    session.send(&request()).await;
    let Frame::Cert(cert) = session.next().await else {
        panic!("no certificate");
    };
    let now = crate::clock::now();
    // The one in use still holds.
    for certificate in [&cert.certificate, &identity.joined.certificate] {
        let admitted = hub.fleet.admit(certificate, now).await.unwrap();
        assert_eq!(admitted.relay, identity.joined.relay);
    }
    // Until the relay says that it has the new one.
    session.send(&Frame::Cert(cert.clone())).await;
    session.send_block(&block(1, 1)).await;
    session.acked(1).await;
    let old = hub.fleet.admit(&identity.joined.certificate, now).await;
    assert!(matches!(old, Err(FleetError::Cloned(_))));
    hub.fleet.admit(&cert.certificate, now).await.unwrap();
    session.send(&request()).await;
    assert_eq!(session.close_code().await, Some(CloseCode::Limit));

    let nonsense = Frame::CertRequest(protocol::wire::CertRequest { csr: vec![1] });
    let (mut session, _) = hub.session(&hub.identity().await).await;
    session.send(&nonsense).await;
    assert!(matches!(session.next().await, Frame::Error(_)));
    hub.stop().await;
}
