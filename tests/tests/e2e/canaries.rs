//! Secrets that are told from all others, in every place that people and programs put them in: none
//! is in what the relay keeps, on the wire, in what arrives, in what dictionaries are made of, or in a
//! log.

mod planted;

use std::fs;
use std::ops::Range;
use std::path::Path;

use aho_corasick::AhoCorasick;
use hub::archive::{Archive, Position};
use protocol::dsn::Dsn;
use tests::load::{Load, gzip, gzip_of};
use tests::site::Site;

use super::recordings::contains;
use planted::{Canaries, wide};

/// Errors that are sent: a dictionary is trained on them.
const N_EVENTS: u64 = 220;
/// Errors that are sent once more while the hub is away.
const N_SPOOLED: u64 = 30;
/// Of each of these, so many come with files, and with a trace.
const N_WITH_MORE: u64 = 10;

async fn post(site: &Site, load: &mut Load, numbers: Range<u64>) -> Vec<String> {
    let mut traces = Load::transactions().unwrap();
    let mut ids = Vec::new();
    for n in numbers.clone() {
        let canaries = Canaries::of(n);
        let (id, mut event) = load.next_event().unwrap();
        canaries.plant(&mut event);
        if n < numbers.start + N_WITH_MORE {
            let (_, transaction) = traces.next_event().unwrap();
            send(site, &canaries, &canaries.with_files(&event)).await;
            send(site, &canaries, &canaries.with_traces(&transaction)).await;
        } else {
            let body = gzip(&event).unwrap();
            let status = site.sdk().post(body, "gzip").await.unwrap().status();
            assert!(status.is_success(), "{status}");
        }
        ids.push(id);
    }
    ids
}

/// Posts an envelope with a canary in the request's own headers.
async fn send(site: &Site, canaries: &Canaries, body: &[u8]) {
    let dsn: Dsn = site.dsn().parse().unwrap();
    let url = format!("{}/api/{}/envelope/", site.relay_url(), dsn.project);
    let auth = format!("Sentry sentry_version=7, sentry_key={}", dsn.public_key);
    let request = tests::api::client().post(url).header("x-sentry-auth", auth);
    let request = request.header("user-agent", canaries.user_agent());
    let request = request.header("content-encoding", "gzip");
    let body = gzip_of(body).unwrap();
    let answer = request.body(body).send().await.unwrap();
    let status = answer.status();
    let text = answer.text().await.unwrap();
    assert!(status.is_success(), "{status} {text}");
}

/// Lets the relay follow a log file, and writes a crash with a canary to it.
async fn crash_in_a_log(site: &mut Site, canaries: &Canaries, log: &Path) {
    let config = site.dir().join("relay.toml");
    let text = fs::read_to_string(&config).unwrap();
    let (dsn, file) = (site.dsn(), log.display());
    let tail =
        format!("[tail]\ndsn = \"{dsn}\"\nfiles = [\"{file}\"]\npoll_interval = \"100ms\"\n");
    fs::write(&config, text + &tail).unwrap();
    fs::write(log, "").unwrap();
    site.terminate_relay().await.unwrap();
    site.start_relay().await.unwrap();
    fs::write(log, canaries.crash()).unwrap();
    site.settled_at_least(1).await.unwrap();
}

/// Every body in the hub's packs, with all that is kept of its receipt.
fn archived(site: &Site) -> Vec<u8> {
    let archive = Archive::open_read_only(&site.dir().join("hub/packs"));
    let mut all = Vec::new();
    let mut from = Position::default();
    while let Some((bodies, next)) = archive.next_chunk(from).unwrap() {
        for (_, body) in bodies {
            all.extend_from_slice(format!("\nkind {}\n{body:?}", body.kind).as_bytes());
            all.extend_from_slice(&body.header);
            all.extend_from_slice(&body.payload);
        }
        from = next;
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn none_of_a_thousand_canaries_leaves_the_process_that_took_it() {
    let mut site = Site::start_with_link(3).await.unwrap();
    site.link().unwrap().record();
    let mut load = Load::python().unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    let last = N_EVENTS + N_SPOOLED;
    crash_in_a_log(
        &mut site,
        &Canaries::of(last),
        &elsewhere.path().join("shop.log"),
    )
    .await;
    let ids = post(&site, &mut load, 0..N_EVENTS).await;
    site.settled_at_least(1 + ids.len()).await.unwrap();
    let answer = site.hub_cli(&["dictionary", "train"]).unwrap();
    assert!(answer.contains("is in force"), "{answer}");
    site.relay_uses_dictionary("errors").await.unwrap();

    let mut arrived = String::new();
    for id in &ids {
        let path = format!(
            "projects/{}/{}/events/{id}/json/",
            site.org(),
            site.project()
        );
        arrived += &site.api().get(&path).await.unwrap().to_string();
    }
    assert!(arrived.contains("paid with"), "the events are there");
    let packed = archived(&site);
    for kind in [
        "attachment",
        "transaction",
        "log",
        "trace_metric",
        "span",
        "user_report",
    ] {
        assert!(
            contains(&packed, &format!("\nkind {kind}\n")),
            "no {kind} is there"
        );
    }
    assert!(contains(&packed, "paid with *****"), "the files are there");
    // What was sent with the hub away lies in the spool, compressed with that dictionary.
    site.stop_hub().await.unwrap();
    post(&site, &mut load, N_EVENTS..last).await;
    let kept = site.end_and_read_spool().await.unwrap();
    assert!(contains(&kept, "paid with"), "the spool holds the events");
    assert!(contains(&kept, "paid with *****"), "and the files");

    let all: Vec<Canaries> = (0..=last).map(Canaries::of).collect();
    let search = Search::new(all.iter().flat_map(Canaries::all));
    assert!(search.needles.len() > 1_000, "{}", search.needles.len());
    assert_eq!(search.first(arrived.as_bytes()), None, "in what arrived");
    assert_eq!(search.first(&packed), None, "in the packs");
    assert_eq!(search.first(&kept), None, "in the spool");
    let recorded = site.link().unwrap().recorded();
    assert!(
        recorded.len() > 10_000,
        "{} bytes on the wire",
        recorded.len()
    );
    assert_eq!(search.first(&recorded), None, "on the wire");
    // Every file of both programs as it lies there: dictionaries, logs, databases, spool.
    let n_files = search.assert_nowhere(site.dir());
    assert!(n_files > 10, "{n_files}");
}

struct Search<'a> {
    needles: Vec<&'a str>,
    /// Each in UTF-8, then each in UTF-16LE.
    finder: AhoCorasick,
}

impl<'a> Search<'a> {
    fn new(needles: impl Iterator<Item = &'a str>) -> Self {
        let needles: Vec<&str> = needles.collect();
        let narrow = needles.iter().map(|needle| needle.as_bytes().to_vec());
        let wide = needles.iter().map(|needle| wide(needle));
        Self {
            finder: AhoCorasick::new(narrow.chain(wide)).unwrap(),
            needles,
        }
    }

    /// The first canary that is found.
    fn first(&self, bytes: &[u8]) -> Option<&str> {
        let found = self.finder.find(bytes)?;
        Some(self.needles[found.pattern().as_usize() % self.needles.len()])
    }

    /// No file below a directory holds one; gives how many there are.
    fn assert_nowhere(&self, dir: &Path) -> usize {
        let mut n_files = 0;
        for entry in fs::read_dir(dir).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                n_files += self.assert_nowhere(&path);
            } else if let Ok(bytes) = fs::read(&path) {
                assert_eq!(self.first(&bytes), None, "in {}", path.display());
                n_files += 1;
            }
        }
        n_files
    }
}
