//! Secrets that are told from all others, in every field that people put them in: none is in what
//! the relay keeps, in what arrives, in what dictionaries are made of, or in a log.

use std::path::Path;

use aho_corasick::AhoCorasick;
use serde_json::{Value, json};
use tests::load::{Load, gzip};
use tests::site::Site;

use super::recordings::contains;

/// Errors that are sent: a dictionary is trained on them.
const N_EVENTS: u64 = 220;
/// Errors that are sent once more while the hub is away.
const N_SPOOLED: u64 = 30;

/// A card number that nobody has, and that only one event has.
fn card(n: u64) -> String {
    let digits = format!("400000{n:09}");
    let doubled = digits.bytes().rev().enumerate().map(|(at, digit)| {
        let digit = u64::from(digit - b'0');
        let digit = if at % 2 == 0 { digit * 2 } else { digit };
        digit / 10 + digit % 10
    });
    let check = (10 - doubled.sum::<u64>() % 10) % 10;
    format!("{digits}{check}")
}

/// What is planted in one event; each is found in no other.
struct Canaries {
    /// Under a name that says what it is.
    named: String,
    /// Found by its form.
    card: String,
    iban: String,
    social: String,
    bearer: String,
}

impl Canaries {
    fn of(n: u64) -> Self {
        Self {
            named: format!("canary-{n:06}-word"),
            card: card(n),
            iban: iban(n),
            social: format!("{:03}-{:02}-{:04}", 100 + n % 500, 10 + n % 80, 1000 + n),
            bearer: format!("eyJhbGciOiJIUzI1NiJ9.eyJjYW5hcnkiOjF9.canary{n:030}"),
        }
    }

    fn all(&self) -> [&str; 5] {
        let Self {
            named,
            card,
            iban,
            social,
            bearer,
        } = self;
        [named, card, iban, social, bearer]
    }

    /// Puts them into the fields of a real event.
    fn plant(&self, event: &mut Value) {
        let Self {
            named,
            card,
            iban,
            social,
            bearer,
        } = self;
        let text = format!("paid with {card}, {iban}, ssn {social}");
        event["message"] = json!(text);
        event["extra"] = json!({
            "password": named, "nested": {"api_key": named, "list": [{"secret": named}, card]},
            "note": text, "number": card,
        });
        event["tags"] = json!({"card": card, "password": named});
        event["contexts"]["checkout"] = json!({"credit_card": card, "auth_token": named});
        event["breadcrumbs"] = json!({"values": [
            {"message": text, "data": {"passwd": named, "url": format!("https://x/?token={named}&a=1")}},
        ]});
        event["request"] = json!({
            "url": format!("https://user:{named}@shop.example.com/pay?api_key={named}"),
            "query_string": format!("a=1&password={named}"),
            "headers": {"Authorization": format!("Bearer {bearer}"), "Cookie": format!("session={named}"),
                "X-Api-Key": named},
            "cookies": format!("csrftoken={named}; sessionid={named}"),
            "data": {"card": card, "password": named, "iban": iban},
        });
        let frame = event.pointer_mut("/exception/values/0/stacktrace/frames/0/vars");
        if let Some(vars) = frame {
            *vars = json!({"password": format!("'{named}'"), "card": card, "text": text});
        }
    }
}

/// A number of a German account with its check digits.
fn iban(n: u64) -> String {
    let account = format!("37040044{n:010}");
    // DE is 13 and 14 there; the remainder of a number of 24 digits, digit by digit.
    let digits = format!("{account}131400");
    let rest = digits
        .bytes()
        .fold(0, |rest, digit| (rest * 10 + u64::from(digit - b'0')) % 97);
    format!("DE{:02}{account}", 98 - rest)
}

async fn post(site: &Site, load: &mut Load, numbers: std::ops::Range<u64>) -> Vec<String> {
    let mut ids = Vec::new();
    for n in numbers {
        let (id, mut event) = load.next_event().unwrap();
        Canaries::of(n).plant(&mut event);
        let body = gzip(&event).unwrap();
        let status = site.sdk().post(body, "gzip").await.unwrap().status();
        assert!(status.is_success(), "{status}");
        ids.push(id);
    }
    ids
}

#[tokio::test(flavor = "multi_thread")]
async fn none_of_a_thousand_canaries_leaves_the_process_that_took_it() {
    let mut site = Site::start().await.unwrap();
    let mut load = Load::python().unwrap();
    let ids = post(&site, &mut load, 0..N_EVENTS).await;
    let n_sent = usize::try_from(N_EVENTS).unwrap();
    site.settled_at_least(n_sent).await.unwrap();
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
    // What was sent with the hub away lies in the spool, compressed with that dictionary.
    site.stop_hub().await.unwrap();
    let last = N_EVENTS + N_SPOOLED;
    post(&site, &mut load, N_EVENTS..last).await;
    let kept = site.end_and_read_spool().await.unwrap();
    assert!(contains(&kept, "paid with"), "the spool holds the events");

    let all: Vec<Canaries> = (0..last).map(Canaries::of).collect();
    let needles: Vec<&str> = all.iter().flat_map(Canaries::all).collect();
    assert!(needles.len() > 1_000, "{}", needles.len());
    let search = Search {
        finder: AhoCorasick::new(&needles).unwrap(),
        needles,
    };
    assert_eq!(search.first(arrived.as_bytes()), None, "in what arrived");
    assert_eq!(search.first(&kept), None, "in the spool");
    // Every file of both programs as it lies there: dictionaries, logs, databases, spool.
    let n_files = search.assert_nowhere(site.dir());
    assert!(n_files > 10, "{n_files}");
}

struct Search<'a> {
    needles: Vec<&'a str>,
    finder: AhoCorasick,
}

impl Search<'_> {
    /// The first canary that is found.
    fn first(&self, bytes: &[u8]) -> Option<&str> {
        let found = self.finder.find(bytes)?;
        Some(self.needles[found.pattern().as_usize()])
    }

    /// No file below a directory holds one; gives how many there are.
    fn assert_nowhere(&self, dir: &Path) -> usize {
        let mut n_files = 0;
        for entry in std::fs::read_dir(dir).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                n_files += self.assert_nowhere(&path);
            } else if let Ok(bytes) = std::fs::read(&path) {
                assert_eq!(self.first(&bytes), None, "in {}", path.display());
                n_files += 1;
            }
        }
        n_files
    }
}
