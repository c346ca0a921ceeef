//! A relay in this process, and a client that sends what it is told, byte for byte.

use std::collections::BTreeMap;
use std::io::Write as _;

use protocol::block::{self, Items, Record};
use protocol::ids::{Lane, Seq};
use protocol::outcome::Term;
use protocol::roster::{RateLimit, RosterBundle, RosterKey, RosterProject};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::super::*;
use crate::ledger::Ledger;
use crate::pipeline::Meter;
use crate::policy::Policy;
use crate::roster::{Roster, testing};
use crate::spool::{self, ReadOutcome, Spool};
use crate::upload::Uploads;

/// The key of the recordings: project 1.
pub(super) const KEY: &str = "a1b2c3d4e5f60718293a4b5c6d7e8f90";
/// A key of project 2, which takes two items a minute and only pages of example.com.
pub(super) const LIMITED: &str = "22222222222222222222222222222222";
/// A key of project 1 that is switched off.
pub(super) const OFF: &str = "00000000000000000000000000000001";

pub(super) struct Relay {
    pub(super) addr: SocketAddr,
    pub(super) ledger: Ledger,
    pub(super) spool: Spool,
    pub(super) roster: Roster,
    pub(super) cancel: CancellationToken,
    pub(super) served: tokio::task::JoinHandle<()>,
    _dir: tempfile::TempDir,
}

/// What came back.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) headers: BTreeMap<String, String>,
    pub(super) body: Vec<u8>,
}

impl Relay {
    /// A roster of the hub, as over the link.
    pub(super) fn tell(&self, bundle: &RosterBundle) {
        let config = testing::Signer::new(1).sign(bundle);
        self.roster.apply(&config, crate::clock::now()).unwrap();
    }
}

impl Reply {
    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }
}

struct Nothing;

impl Beside for Nothing {
    fn answer(&self, path: &str) -> Option<http::Response<Bytes>> {
        (path == "/health/live").then(|| http::Response::new(Bytes::from_static(b"ok")))
    }
}

pub(super) fn projects() -> RosterBundle {
    let key = |text: &str, active, rate_limit| RosterKey {
        public_key: text.parse().unwrap(),
        active,
        rate_limit,
    };
    let project = |id, keys, allowed: &[&str]| RosterProject {
        keys,
        allowed_domains: allowed.iter().map(|d| (*d).to_owned()).collect(),
        ..RosterProject::new(protocol::ids::ProjectId::new(id).unwrap(), "project")
    };
    let two_a_minute = RateLimit::new(2, 60);
    RosterBundle {
        version: 1,
        projects: vec![
            project(1, vec![key(KEY, true, None), key(OFF, false, None)], &[]),
            project(
                2,
                vec![key(LIMITED, true, Some(two_a_minute))],
                &["example.com"],
            ),
        ],
        ..RosterBundle::default()
    }
}

/// A relay that knows the projects.
pub(super) async fn start() -> Relay {
    start_with(Config::default(), Some(projects())).await
}

pub(super) async fn start_with(config: Config, bundle: Option<RosterBundle>) -> Relay {
    start_under(Policy::default(), config, bundle).await
}

pub(super) async fn start_under(
    policy: Policy,
    config: Config,
    bundle: Option<RosterBundle>,
) -> Relay {
    start_on(policy, config, bundle, 64 << 20).await
}

/// A relay that knows the projects, with room for so many bytes.
pub(super) async fn start_with_spool(bytes_max: u64) -> Relay {
    let (policy, config) = (Policy::default(), Config::default());
    start_on(policy, config, Some(projects()), bytes_max).await
}

async fn start_on(
    policy: Policy,
    mut config: Config,
    bundle: Option<RosterBundle>,
    bytes_max: u64,
) -> Relay {
    let dir = tempfile::tempdir().unwrap();
    config.listen.set_port(0);
    let listener = TcpListener::bind(config.listen).await.unwrap();
    let ledger = Ledger::default();
    let roster = testing::roster(dir.path(), policy, bundle.as_ref());
    let spool = open_spool(dir.path(), ledger.clone(), bytes_max).await;
    let meter = Meter::default();
    let uploads = Uploads::open(
        &dir.path().join("uploads"),
        spool.clone(),
        ledger.clone(),
        Duration::ZERO,
    );
    let uploads = uploads.unwrap();
    let pipeline = Pipeline::new(
        roster.clone(),
        ledger.clone(),
        spool.clone(),
        uploads,
        meter,
    );
    let cancel = CancellationToken::new();
    let addr = listener.local_addr().unwrap();
    let serving = serve(
        listener,
        config,
        pipeline,
        Arc::new(Nothing),
        cancel.clone(),
    );
    #[expect(clippy::disallowed_methods, reason = "a test owns its server")]
    let served = tokio::spawn(serving);
    Relay {
        addr,
        ledger,
        spool,
        roster,
        cancel,
        served,
        _dir: dir,
    }
}

async fn open_spool(dir: &std::path::Path, ledger: Ledger, bytes_max: u64) -> Spool {
    let config = spool::Config {
        dir: dir.join("spool"),
        bytes_max: Some(ByteSize(bytes_max)),
        free_min: Some(ByteSize(0)),
        ballast_bytes: ByteSize(0),
        // Tests run beside each other on a slow disk.
        append_timeout: Span(Duration::from_secs(60)),
        ..spool::Config::default()
    };
    let open = move || Spool::open(&config, ledger).unwrap();
    tokio::task::spawn_blocking(open).await.unwrap()
}

impl Relay {
    /// Sends a request of these parts; `headers` are lines.
    pub(super) async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Reply {
        let mut raw = format!("{method} {path} HTTP/1.1\r\nHost: relay\r\nConnection: close\r\n");
        for (name, value) in headers {
            raw += &format!("{name}: {value}\r\n");
        }
        let chunked = headers
            .iter()
            .any(|(n, _)| n.eq_ignore_ascii_case("transfer-encoding"));
        let mut bytes = raw.into_bytes();
        if chunked {
            bytes.extend_from_slice(b"\r\n");
            for chunk in body.chunks(1000) {
                write!(bytes, "{:x}\r\n", chunk.len()).unwrap();
                bytes.extend_from_slice(chunk);
                bytes.extend_from_slice(b"\r\n");
            }
            bytes.extend_from_slice(b"0\r\n\r\n");
        } else {
            write!(bytes, "Content-Length: {}\r\n\r\n", body.len()).unwrap();
            bytes.extend_from_slice(body);
        }
        self.exchange(&bytes).await
    }

    /// Posts to project 1 with its key.
    pub(super) async fn post(&self, body: impl AsRef<[u8]>) -> Reply {
        let path = format!("/api/1/envelope/?sentry_key={KEY}");
        self.send("POST", &path, &[], body.as_ref()).await
    }

    /// Sends raw bytes, ends the sending side and reads to the end.
    pub(super) async fn exchange(&self, bytes: &[u8]) -> Reply {
        let mut stream = TcpStream::connect(self.addr).await.unwrap();
        let (mut read, mut write) = stream.split();
        let mut raw = Vec::new();
        let sending = async {
            // The relay may answer before it has read everything.
            drop(write.write_all(bytes).await);
        };
        let reading = async { drop(read.read_to_end(&mut raw).await) };
        tokio::join!(sending, reading);
        parse_reply(&raw)
    }

    /// What the spool holds of items in one piece.
    pub(super) async fn kept(&self) -> Vec<(Lane, Items)> {
        let records = self.records().await.into_iter();
        let items = |(lane, record)| match record {
            Record::Items(items) => Some((lane, items)),
            _ => None,
        };
        records.filter_map(items).collect()
    }

    /// What the spool holds.
    pub(super) async fn records(&self) -> Vec<(Lane, Record)> {
        let mut kept = Vec::new();
        for lane in Lane::ALL {
            let mut from = Seq(1);
            while let ReadOutcome::Block { head, bytes } =
                self.spool.read(lane, from).await.unwrap()
            {
                from = head.last_seq().next();
                let (_, records) = block::open(&bytes).unwrap();
                kept.extend(records.into_iter().map(|record| (lane, record)));
            }
        }
        kept
    }

    /// `category term reason n`, without project, sorted.
    pub(super) fn counts(&self) -> Vec<String> {
        let mut sums = BTreeMap::new();
        for (account, n) in self.ledger.totals() {
            let why = account.reason.to_string();
            *sums
                .entry((account.category.name(), account.term.name(), why))
                .or_insert(0) += n;
        }
        sums.into_iter()
            .map(|((category, term, why), n)| {
                format!("{category} {term} {why} {n}").replace("  ", " ")
            })
            .collect()
    }

    /// Items of every category under a term for a reason.
    pub(super) fn count(&self, term: &str, why: &str) -> u64 {
        let totals = self.ledger.totals();
        let counted = totals
            .iter()
            .filter(|(a, _)| a.term.name() == term && a.reason == why);
        counted.map(|(_, n)| n).sum()
    }

    /// The hub takes all of a lane.
    pub(super) async fn deliver(&self, lane: Lane) {
        let next = self.spool.lanes()[lane.index()].next;
        self.spool.ack(lane, Seq(next.0 - 1)).await.unwrap();
    }

    /// No account is off.
    pub(super) async fn assert_counted(&self) {
        let balance = self.spool.balance().await.unwrap();
        let mut lines = balance.equations().into_iter();
        assert_eq!(lines.find(|(_, line)| line.deficit() != 0), None);
    }

    /// received = accepted + refused, and accepted = kept + invalid + filtered + sampled.
    pub(super) async fn assert_adds_up(&self) {
        let sum = |term| -> u64 {
            let totals = self.ledger.totals();
            totals
                .iter()
                .filter(|(a, _)| a.term == term)
                .map(|(_, n)| n)
                .sum()
        };
        let kept = self.kept().await;
        let n_kept: usize = kept.iter().map(|(_, items)| items.items.len()).sum();
        assert_eq!(
            sum(Term::Received),
            sum(Term::Accepted) + sum(Term::Refused)
        );
        let dropped = sum(Term::Invalid) + sum(Term::Filtered) + sum(Term::Sampled);
        assert_eq!(sum(Term::Accepted), dropped + n_kept as u64);
    }
}

fn parse_reply(raw: &[u8]) -> Reply {
    let end = raw.windows(4).position(|w| w == b"\r\n\r\n");
    let end = end.unwrap_or_else(|| panic!("no answer: {:?}", String::from_utf8_lossy(raw)));
    let head = String::from_utf8_lossy(&raw[..end]).into_owned();
    let mut lines = head.lines();
    let status = lines
        .next()
        .unwrap()
        .split(' ')
        .nth(1)
        .unwrap()
        .parse()
        .unwrap();
    let headers = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    Reply {
        status,
        headers,
        body: raw[end + 4..].to_vec(),
    }
}

/// An envelope of one event.
pub(super) fn event(id: &str, payload: &str) -> String {
    format!("{{\"event_id\":\"{id}\"}}\n{{\"type\":\"event\"}}\n{payload}\n")
}

pub(super) fn gzip(data: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

pub(super) fn zlib(data: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

pub(super) fn deflate(data: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

pub(super) fn br(data: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut writer = brotli::CompressorWriter::new(&mut out, 4096, 4, 22);
    writer.write_all(data).unwrap();
    drop(writer);
    out
}

pub(super) fn zstd(data: &[u8]) -> Vec<u8> {
    zstd::encode_all(data, 1).unwrap()
}
