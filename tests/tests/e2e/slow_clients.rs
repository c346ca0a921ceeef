//! Thousands of clients that take their time: they are cut, cost little, and keep nobody waiting.

use std::collections::BTreeMap;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tests::api::{VISIBLE_WITHIN, client};
use tests::oracle::Traffic;
use tests::scale;
use tests::site::Site;
use tests::wait::clock;
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpSocket, TcpStream};

/// Files of this process that are not slow clients.
const OTHER_FILES: u64 = 300;
/// When a client that is still connected has been connected for too long: ten seconds are promised
/// for headers and bodies, and here for readers; the rest is the machine's.
const CUT_WITHIN: Duration = Duration::from_secs(90);
/// What the relay may have more of them, by the promise for floods.
const GROWTH_MAX: u64 = 96 << 20;
/// Requests to the hub meanwhile.
const ASKED: usize = 50;

/// How a client takes its time. One who says nothing may be waiting in the kernel alone, and
/// cannot know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Manner {
    /// A byte of a header each second.
    Headers,
    /// A few bytes of a body each second.
    Body,
    /// Asks for much, and reads nothing.
    Reading,
}

impl Manner {
    /// What it begins with, and goes on with each second.
    fn words(self, path: &str) -> (String, &'static str) {
        let post = format!("POST {path} HTTP/1.1\r\nHost: x\r\n");
        match self {
            Self::Headers => (format!("{post}X-A: "), "a"),
            Self::Body => (
                format!("{post}Content-Length: 1000000\r\n\r\n"),
                "{}{}{}{}{}",
            ),
            Self::Reading => ("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n".repeat(400), ""),
        }
    }
}

/// Some of each. Those who ask for much keep the processors busy, too: they are few.
fn mixed(n: usize) -> Manner {
    match n % 20 {
        0 => Manner::Reading,
        _ => sending(n),
    }
}

/// Headers and bodies alone.
fn sending(n: usize) -> Manner {
    if n.is_multiple_of(2) {
        Manner::Headers
    } else {
        Manner::Body
    }
}

async fn connect(address: &str) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.set_recv_buffer_size(4096)?;
    socket.connect(address.parse().unwrap()).await
}

/// Is slow until it is cut; gives how long that took.
async fn be_slow(address: String, path: String, manner: Manner) -> (Manner, Duration) {
    let began = clock();
    let Ok(mut stream) = connect(&address).await else {
        return (manner, began.elapsed());
    };
    let began = clock();
    let (first, more) = manner.words(&path);
    let mut turns = tokio::time::interval(Duration::from_secs(1));
    drop(tokio::time::timeout(Duration::from_secs(1), stream.write_all(first.as_bytes())).await);
    loop {
        turns.tick().await;
        let mut byte = [0];
        // One who does not read sees the end when the system takes nothing more from it.
        let is_cut = match manner {
            Manner::Reading => is_gone(&stream, b"G"),
            _ => is_gone(&stream, more.as_bytes()) || is_answered(&stream, &mut byte),
        };
        if is_cut || began.elapsed() > CUT_WITHIN * 2 {
            return (manner, began.elapsed());
        }
    }
}

fn is_gone(stream: &TcpStream, more: &[u8]) -> bool {
    let written = stream.try_write(more);
    written.is_err_and(|error| error.kind() != std::io::ErrorKind::WouldBlock)
}

/// Whether it was answered, or its connection has ended.
fn is_answered(stream: &TcpStream, byte: &mut [u8]) -> bool {
    !stream
        .try_read(byte)
        .is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock)
}

struct Crowd(tokio::task::JoinSet<(Manner, Duration)>);

impl Crowd {
    fn gather(n: usize, address: &str, path: &str, manner: fn(usize) -> Manner) -> Self {
        let mut crowd = tokio::task::JoinSet::new();
        for n in 0..n {
            crowd.spawn(be_slow(address.to_owned(), path.to_owned(), manner(n)));
        }
        Self(crowd)
    }

    /// Waits until all of them are cut; gives the longest of each manner.
    async fn ended(mut self) -> BTreeMap<Manner, Duration> {
        let mut longest = BTreeMap::new();
        while let Some(ended) = self.0.join_next().await {
            let (manner, took) = ended.unwrap();
            let before = longest.entry(manner).or_insert(took);
            *before = took.max(*before);
        }
        longest
    }
}

/// As many clients as are asked for, and as this process may have.
fn n_clients() -> usize {
    let limit = getrlimit(Resource::Nofile);
    let most = Rlimit {
        current: limit.maximum,
        ..limit
    };
    setrlimit(Resource::Nofile, most).unwrap();
    let files = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let room = usize::try_from(files.saturating_sub(OTHER_FILES)).unwrap();
    scale::slow_clients().min(room)
}

fn assert_cut(who: &str, longest: &BTreeMap<Manner, Duration>) {
    println!("{who}: cut at the latest {longest:.1?}");
    let is_soon = |took: &Duration| *took <= CUT_WITHIN;
    assert!(longest.values().all(is_soon), "{who}: {longest:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_take_their_time_are_cut_and_keep_nobody_waiting() {
    let n_clients = n_clients();
    let soon = "idle_timeout = \"10s\"\n".to_owned();
    let site = Site::temporary(|plan| plan.http_settings = soon)
        .await
        .unwrap();
    let traffic = Traffic::start(&site, 2);
    traffic.more(50).await.unwrap();
    let before = site.relay_resident_bytes().unwrap();
    let [_, p99_alone, _] = traffic.oracle().take_waits();

    let address = site.relay_url().trim_start_matches("http://").to_owned();
    let path = format!("/api/{}/envelope/?sentry_key=x", site.access().project_id);
    let crowd = Crowd::gather(n_clients, &address, &path, mixed);
    let mut peak = before;
    for _ in 0..10 {
        traffic.more(20).await.unwrap();
        peak = peak.max(site.relay_resident_bytes().unwrap());
    }
    let waits = traffic.oracle().take_waits();
    let longest = crowd.ended().await;
    println!(
        "{n_clients} slow clients: answers after {waits:?} ms (median, one in a hundred, longest), \
         {p99_alone} ms for one in a hundred alone; {} MiB more",
        (peak - before) >> 20
    );
    assert_cut("relay", &longest);
    assert!(
        peak - before <= GROWTH_MAX,
        "{} MiB more",
        (peak - before) >> 20
    );

    let hub = site.hub_url().trim_start_matches("http://").to_owned();
    let crowd = Crowd::gather(n_clients / 2, &hub, "/api/0/vedette/sessions/", sending);
    let mut slowest = Duration::ZERO;
    for _ in 0..ASKED {
        let began = clock();
        let answer = client()
            .get(format!("{}/health/ready", site.hub_url()))
            .send();
        assert!(answer.await.unwrap().status().is_success());
        slowest = slowest.max(began.elapsed());
    }
    println!(
        "the hub among {} slow clients answers within {slowest:?}",
        n_clients / 2
    );
    let longest = crowd.ended().await;
    assert_cut("hub", &longest);

    let oracle = traffic.stop().await.unwrap();
    let verdict = oracle.check(&site, VISIBLE_WITHIN).await.unwrap();
    // A disk that is slow for a moment is said to be; nobody is left without an answer.
    let is_answer = |status: &u16| matches!(status, 200 | 503);
    assert!(verdict.statuses.keys().all(is_answer), "{verdict:?}");
}
