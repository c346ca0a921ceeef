//! The obligation ledger of the end-to-end tests: what was answered 200, and whether the hub has it.
//!
//! Producers note each event before they post it and again when it is answered. At the end the
//! hub is read back through its API alone, and held to the contract:
//! - conservation (C2): the ledger's equation holds to the unit, and what it says was applied is
//!   what is stored;
//! - exactly once (C3): every answered event is stored, none twice, none that nobody sent, each
//!   with the content it was sent with;
//! - order (C7): what one producer sent one after the other was stored in that order, within a
//!   lane and its twin;
//! - it lives: a fresh event comes through.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, ensure};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use crate::api::Sdk;
use crate::load::Load;
use crate::site::{Site, Stored};
use crate::wait::{clock, until};

/// The tag that carries an event's digest.
const MARK: &str = "oracle";
/// Events whose whole body is read back; of more, every so many is.
const BODIES_READ: usize = 60;

/// An event that was posted.
#[derive(Clone, Debug)]
struct Obligation {
    producer: usize,
    /// Its place among its producer's events.
    n: u64,
    /// A digest of what it says.
    mark: String,
    is_answered: bool,
}

#[derive(Debug, Default)]
struct Book {
    events: HashMap<String, Obligation>,
    n_answered: usize,
    /// Answers by status; zero is none at all.
    statuses: BTreeMap<u16, u64>,
    /// Answers by the milliseconds that they took, since these were last taken.
    waits: BTreeMap<u64, u64>,
}

/// What is owed. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Oracle(Arc<Mutex<Book>>);

/// What a check has seen, to be printed or looked at closer.
#[derive(Clone, Debug, Default)]
pub struct Verdict {
    /// Events that were answered 200.
    pub answered: usize,
    /// Events that are stored; more than that when a connection broke before the answer.
    pub stored: usize,
    /// Answers by status; zero is none at all.
    pub statuses: BTreeMap<u16, u64>,
}

impl Oracle {
    fn book(&self) -> MutexGuard<'_, Book> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many events were answered 200.
    #[must_use]
    pub fn n_answered(&self) -> usize {
        self.book().n_answered
    }

    /// Answers by status; zero is none at all.
    #[must_use]
    pub fn statuses(&self) -> BTreeMap<u16, u64> {
        self.book().statuses.clone()
    }

    /// Waits until this many more are answered.
    ///
    /// # Errors
    /// When they are not within a minute.
    pub async fn more(&self, n: usize) -> anyhow::Result<()> {
        let wanted = self.n_answered() + n;
        until("traffic", Duration::from_secs(60), || async {
            (self.n_answered() >= wanted).then_some(())
        })
        .await
    }

    /// How long answers took since this was last asked, by milliseconds: the median, the one in a
    /// hundred, the longest.
    #[must_use]
    pub fn take_waits(&self) -> [u64; 3] {
        let waits = std::mem::take(&mut self.book().waits);
        let n_all: u64 = waits.values().sum();
        let at = |share: u64| {
            let mut left = (n_all * share).div_ceil(100);
            let reached = waits.iter().find(|(_, n)| {
                let is_there = **n >= left;
                left = left.saturating_sub(**n);
                is_there
            });
            reached.map_or(0, |(millis, _)| *millis)
        };
        [at(50), at(99), at(100)]
    }

    fn waited(&self, took: Duration) {
        let millis = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        *self.book().waits.entry(millis).or_default() += 1;
    }

    /// Marks an event and notes that it is about to be posted.
    fn note(&self, producer: usize, n: u64, id: &str, event: &mut Value) {
        let mark = digest(&event.to_string());
        if let Some(fields) = event.as_object_mut() {
            let tags = fields.entry("tags").or_insert_with(|| json!({}));
            if let Some(tags) = tags.as_object_mut() {
                tags.insert(MARK.to_owned(), json!(mark));
            } else {
                *tags = json!({ MARK: mark });
            }
        }
        let obligation = Obligation {
            producer,
            n,
            mark,
            is_answered: false,
        };
        self.book().events.insert(id.to_owned(), obligation);
    }

    fn answered(&self, id: &str, status: u16) {
        let mut book = self.book();
        *book.statuses.entry(status).or_default() += 1;
        if status == 200 {
            book.n_answered += 1;
            if let Some(event) = book.events.get_mut(id) {
                event.is_answered = true;
            }
        }
    }

    /// Waits until everything owed is stored and nothing waits, then holds the site to all of it
    /// and sends a fresh event through.
    ///
    /// # Errors
    /// Names what is lost, doubled, changed, out of order or out of balance.
    pub async fn check(&self, site: &Site, within: Duration) -> anyhow::Result<Verdict> {
        let owed = self.n_answered();
        site.settled_within(owed, within).await?;
        let stored = site.stored().await?;
        let verdict = self.exactly_once(&stored)?;
        self.in_order(&stored)?;
        self.bodies(site, &stored).await?;
        site.assert_ledger_balances().await?;
        conservation(site, stored.len()).await?;
        let probe = json!({"message": "is anyone there", "level": "info"});
        let id = site.sdk().send(&probe).await.context("a fresh event")?;
        site.api().event(site.org(), site.project(), &id).await?;
        Ok(verdict)
    }

    fn exactly_once(&self, stored: &[Stored]) -> anyhow::Result<Verdict> {
        let book = self.book();
        let mut seen = HashSet::new();
        for event in stored {
            let is_first = seen.insert(event.id.as_str());
            ensure!(is_first, "{} is stored twice", event.id);
            // What a test sent by itself carries no mark.
            let Some(mark) = event.tags.get(MARK) else {
                continue;
            };
            let sent = book.events.get(&event.id);
            let sent = sent.with_context(|| format!("nobody sent {}", event.id))?;
            ensure!(sent.mark == *mark, "{} is not as it was sent", event.id);
        }
        let answered = book.events.iter().filter(|(_, event)| event.is_answered);
        let lost: Vec<_> = answered
            .filter(|(id, _)| !seen.contains(id.as_str()))
            .map(|(id, event)| (id, event.producer, event.n))
            .collect();
        ensure!(
            lost.is_empty(),
            "{} of {} answered events are lost: {:?}",
            lost.len(),
            book.n_answered,
            lost.iter().take(5).collect::<Vec<_>>()
        );
        Ok(Verdict {
            answered: book.n_answered,
            stored: stored.len(),
            statuses: book.statuses.clone(),
        })
    }

    /// The stored events come in the order in which the hub digested them. What was sent during an
    /// outage travels in a lane of its own and may be overtaken, and the API does not tell the
    /// lane: so each producer's events are two rising sequences in one, never three.
    fn in_order(&self, stored: &[Stored]) -> anyhow::Result<()> {
        let book = self.book();
        let mut last: HashMap<usize, [u64; 2]> = HashMap::new();
        for event in stored {
            // One that was not answered may have been kept after its producer went on.
            let Some(sent) = book.events.get(&event.id).filter(|sent| sent.is_answered) else {
                continue;
            };
            let before = last.entry(sent.producer).or_default();
            let told = *before;
            // The higher of the two goes on if it can, so that the lower stays open.
            before.sort_unstable_by(|a, b| b.cmp(a));
            let place = before.iter_mut().find(|before| **before < sent.n);
            let place = place.with_context(|| {
                let (producer, n) = (sent.producer, sent.n);
                format!("producer {producer}: event {n} was stored after {told:?}")
            })?;
            *place = sent.n;
        }
        Ok(())
    }

    /// Reads bodies back: what was raised is what was sent.
    async fn bodies(&self, site: &Site, stored: &[Stored]) -> anyhow::Result<()> {
        let step = stored.len().div_ceil(BODIES_READ).max(1);
        for event in stored.iter().step_by(step) {
            let sent = self.book().events.get(&event.id).cloned();
            let Some(sent) = sent else { continue };
            let (org, project) = (site.org(), site.project());
            let path = format!("projects/{org}/{project}/events/{}/json/", event.id);
            let body = site.api().get(&path).await?;
            let tags = body.get("tags").cloned().unwrap_or_default().to_string();
            ensure!(tags.contains(&sent.mark), "{path} has other tags: {tags}");
            ensure!(
                body.pointer("/exception/values").is_some(),
                "{path} has lost its exception"
            );
        }
        Ok(())
    }
}

/// What the ledger says was applied is what is stored, to the unit, and nothing else became of it.
async fn conservation(site: &Site, n_stored: usize) -> anyhow::Result<()> {
    let ledger = site.api().get("vedette/ledger/").await?;
    let relays = ledger.as_array().map(Vec::as_slice).unwrap_or_default();
    let terms = relays.iter().filter_map(|relay| relay["terms"].as_array());
    let of_errors = terms
        .flatten()
        .filter(|term| term["category"] == "error" || term["category"] == "default");
    let mut sums: BTreeMap<&str, i64> = BTreeMap::new();
    for term in of_errors {
        let name = term["term"].as_str().unwrap_or_default();
        *sums.entry(name).or_default() += term["quantity"].as_i64().unwrap_or_default();
    }
    let applied = sums.get("applied").copied().unwrap_or_default();
    ensure!(
        applied == i64::try_from(n_stored)?,
        "{n_stored} events are stored, and the ledger says {applied}: {sums:?}"
    );
    for lost in ["evicted", "expired", "corrupt", "rejected", "invalid"] {
        let n = sums.get(lost).copied().unwrap_or_default();
        ensure!(n == 0, "{n} events are {lost}: {sums:?}");
    }
    Ok(())
}

/// A digest in letters, which no privacy rule takes for a number or a secret.
fn digest(text: &str) -> String {
    // FNV-1a, 64 bits.
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    (0..8)
        .map(|at| char::from(b'a' + u8::try_from((hash >> (at * 5)) & 15).unwrap_or_default()))
        .chain((0..8).map(|at| {
            char::from(b'a' + u8::try_from((hash >> (at * 3 + 40)) & 7).unwrap_or_default())
        }))
        .collect()
}

/// Producers that post until told to stop, each one event after the other.
#[derive(Debug)]
pub struct Traffic {
    stop: Arc<AtomicBool>,
    producers: JoinSet<anyhow::Result<()>>,
    oracle: Oracle,
}

impl Traffic {
    /// Starts `n` producers that post as fast as they are answered.
    #[must_use]
    pub fn start(site: &Site, n: usize) -> Self {
        Self::with(site, n, Oracle::default(), usize::MAX)
    }

    /// Starts `n` producers each of which posts no more often than `every`.
    #[must_use]
    pub fn paced(site: &Site, n: usize, oracle: Oracle, every: Duration) -> Self {
        Self::produce(site, n, oracle, usize::MAX, every)
    }

    /// Starts `n` producers that post for an oracle that knows of others, too, and stop by
    /// themselves after `most` events together.
    #[must_use]
    pub fn with(site: &Site, n: usize, oracle: Oracle, most: usize) -> Self {
        // Not quite as fast as they are answered: one that a relay refuses at once is in no hurry.
        Self::produce(site, n, oracle, most, Duration::from_millis(1))
    }

    fn produce(site: &Site, n: usize, oracle: Oracle, most: usize, every: Duration) -> Self {
        static PRODUCERS: AtomicUsize = AtomicUsize::new(0);
        let stop = Arc::new(AtomicBool::new(false));
        let left = Arc::new(AtomicUsize::new(most));
        let mut producers = JoinSet::new();
        for _ in 0..n {
            let producer = Producer {
                number: PRODUCERS.fetch_add(1, Ordering::Relaxed),
                sdk: site.sdk().clone(),
                oracle: oracle.clone(),
                stop: Arc::clone(&stop),
                left: Arc::clone(&left),
                every,
            };
            producers.spawn(producer.run());
        }
        Self {
            stop,
            producers,
            oracle,
        }
    }

    /// What is owed so far.
    #[must_use]
    pub const fn oracle(&self) -> &Oracle {
        &self.oracle
    }

    /// As [`Oracle::more`].
    ///
    /// # Errors
    /// As [`Oracle::more`].
    pub async fn more(&self, n: usize) -> anyhow::Result<()> {
        self.oracle.more(n).await
    }

    /// Stops the producers; gives what is owed.
    ///
    /// # Errors
    /// When a producer could not make its events.
    pub async fn stop(self) -> anyhow::Result<Oracle> {
        self.stop.store(true, Ordering::Release);
        self.ended().await
    }

    /// Waits until the producers have posted all they were to.
    ///
    /// # Errors
    /// As [`Traffic::stop`].
    pub async fn ended(mut self) -> anyhow::Result<Oracle> {
        while let Some(ended) = self.producers.join_next().await {
            ended??;
        }
        Ok(self.oracle)
    }
}

struct Producer {
    number: usize,
    sdk: Sdk,
    oracle: Oracle,
    stop: Arc<AtomicBool>,
    left: Arc<AtomicUsize>,
    every: Duration,
}

impl Producer {
    async fn run(self) -> anyhow::Result<()> {
        let mut load = Load::python()?;
        let mut n = 0;
        let goes_on = |left: &AtomicUsize| {
            let one_less = |left: usize| left.checked_sub(1);
            left.fetch_update(Ordering::AcqRel, Ordering::Acquire, one_less)
                .is_ok()
        };
        let mut turns = tokio::time::interval(self.every);
        turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while !self.stop.load(Ordering::Acquire) && goes_on(&self.left) {
            turns.tick().await;
            let (id, mut event) = load.next_event()?;
            n += 1;
            self.oracle.note(self.number, n, &id, &mut event);
            let body = crate::load::gzip(&event)?;
            let asked = clock();
            // A relay that is down refuses the connection; the SDK would drop the event, so do we.
            match self.sdk.post(body, "gzip").await {
                Ok(response) => {
                    self.oracle.waited(asked.elapsed());
                    self.oracle.answered(&id, response.status().as_u16());
                }
                Err(_) => self.oracle.answered(&id, 0),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noted(oracle: &Oracle, n: u64, status: u16) -> Stored {
        let id = format!("{n:032x}");
        let mut event = json!({"message": format!("number {n}")});
        oracle.note(1, n, &id, &mut event);
        oracle.answered(&id, status);
        let mark = event["tags"][MARK].as_str().unwrap().to_owned();
        let tags = BTreeMap::from([(MARK.to_owned(), mark)]);
        Stored { id, tags }
    }

    #[test]
    fn what_is_owed_and_stored_is_well() {
        let oracle = Oracle::default();
        let first = noted(&oracle, 1, 200);
        let second = noted(&oracle, 2, 0);
        let third = noted(&oracle, 3, 200);
        // The second was not answered: it may be there or not.
        for stored in [
            vec![first.clone(), third.clone()],
            vec![first, second, third],
        ] {
            assert!(oracle.exactly_once(&stored).is_ok());
            assert!(oracle.in_order(&stored).is_ok());
        }
    }

    #[test]
    fn waits_are_told_once_by_their_shares() {
        let oracle = Oracle::default();
        for millis in 1..=200 {
            oracle.waited(Duration::from_millis(millis));
        }
        assert_eq!(oracle.take_waits(), [100, 198, 200]);
        assert_eq!(oracle.take_waits(), [0; 3]);
    }

    #[test]
    fn what_is_lost_doubled_changed_or_out_of_order_is_found() {
        let oracle = Oracle::default();
        let first = noted(&oracle, 1, 200);
        let second = noted(&oracle, 2, 200);
        let error = |stored: &[Stored]| oracle.exactly_once(stored).unwrap_err().to_string();
        assert!(error(std::slice::from_ref(&first)).contains("1 of 2 answered events are lost"));
        let doubled = [first.clone(), second.clone(), first.clone()];
        assert!(error(&doubled).contains("stored twice"));
        let mut changed = second.clone();
        changed.tags.clone_from(&first.tags);
        assert!(error(&[first.clone(), changed]).contains("not as it was sent"));
        let mut foreign = second.clone();
        foreign.id = "f".repeat(32);
        assert!(error(&[first.clone(), foreign]).contains("nobody sent"));
        let third = noted(&oracle, 3, 200);
        let overtaken = [second.clone(), first.clone(), third.clone()];
        assert!(oracle.in_order(&overtaken).is_ok());
        assert!(oracle.in_order(&[third, second, first]).is_err());
    }
}
