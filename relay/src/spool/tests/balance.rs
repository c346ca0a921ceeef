//! The spool's accounts against a hub's, through crashes of both.

use std::collections::BTreeMap;

use protocol::block;
use protocol::ids::{Lane, Seq};
use protocol::outcome::{LaneDigest, Term};

use super::oracle::Oracle;
use super::support::runtime;
use crate::ledger::{Audit, Booked, Sums, Verdict};
use crate::spool::segment::{ItemCounts, add_record};
use crate::spool::{Balance, ReadOutcome};

/// Books what it is sent, as a hub does: the sums and the cursor in one step.
#[derive(Debug, Default)]
struct Hub {
    lanes: BTreeMap<Lane, Booked>,
    /// Of so many items one is not booked.
    forgets_every: Option<u64>,
    n_items: u64,
    n_forgotten: u64,
}

impl Hub {
    fn upto(&self, lane: Lane) -> Seq {
        self.lanes
            .get(&lane)
            .map(|booked| booked.upto)
            .unwrap_or_default()
    }

    fn apply(&mut self, lane: Lane, bytes: &[u8]) {
        let (head, records) = block::open(bytes).unwrap();
        let booked = self.lanes.entry(lane).or_default();
        assert!(head.first_seq <= booked.upto.next(), "a hole in {lane}");
        for (seq, record) in (head.first_seq.0..).zip(&records) {
            if seq <= booked.upto.0 {
                continue;
            }
            let mut items = ItemCounts::new();
            add_record(&mut items, record);
            for ((project, category), n) in items {
                self.n_items += n;
                let forgets = self
                    .forgets_every
                    .is_some_and(|every| self.n_items.is_multiple_of(every));
                self.n_forgotten += u64::from(forgets);
                let n = n - u64::from(forgets);
                booked.digest.add(project, category, n);
                let sums = booked.sums.get_or_insert_default();
                *sums.entry((project, category)).or_default() += n;
            }
            booked.upto = Seq(seq);
        }
    }

    fn skip(&mut self, lane: Lane, upto: Seq) {
        let booked = self.lanes.entry(lane).or_default();
        booked.upto = booked.upto.max(upto);
    }

    /// What an acknowledgement says.
    fn says(&self, lane: Lane, with_sums: bool) -> Booked {
        let mut booked = self.lanes.get(&lane).cloned().unwrap_or_default();
        booked.sums = booked.sums.filter(|_| with_sums);
        booked
    }
}

/// A cheap sequence of numbers.
struct Chance(u64);

impl Chance {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }
}

fn any_lane(chance: &mut Chance) -> Lane {
    Lane::ALL[usize::try_from(chance.below(Lane::COUNT as u64)).unwrap()]
}

/// One connection: sends some, has some acknowledged, and compares whenever there is something to.
struct Connection<'a> {
    oracle: &'a mut Oracle,
    hub: &'a mut Hub,
    audit: Audit,
    with_sums: bool,
}

impl Connection<'_> {
    async fn ack(&mut self, lane: Lane) {
        let says = self.hub.says(lane, self.with_sums);
        let upto = says.upto;
        self.audit.hub_says(lane, says);
        if upto > Seq(0) {
            self.oracle.spool().ack(lane, upto).await.unwrap();
        }
    }

    fn compare(&self, lane: Lane) -> Verdict {
        let delivered = self.oracle.spool().delivered(lane).unwrap();
        let sums = delivered.sums.iter();
        let sums: Sums = sums
            .map(|one| ((one.project, one.category), one.n))
            .collect();
        let relay = Booked {
            upto: delivered.upto,
            digest: delivered.digest,
            sums: Some(sums),
        };
        self.audit.compare(lane, &relay)
    }

    /// Welcome: the hub's cursors hold.
    async fn begin(&mut self) {
        for lane in Lane::ALL {
            self.ack(lane).await;
            if self.hub.forgets_every.is_none() {
                assert_ne!(self.compare(lane), Verdict::Differs, "{lane}");
                assert_ne!(self.compare(lane), Verdict::Named, "{lane}");
            }
        }
    }

    /// Sends what stands next in a lane; the hub takes it unless it is killed first.
    async fn send(&mut self, lane: Lane) {
        let from = self.hub.upto(lane).next();
        match self.oracle.spool().read(lane, from).await.unwrap() {
            ReadOutcome::Empty => {}
            ReadOutcome::Gap(gap) => self.hub.skip(lane, gap.to),
            ReadOutcome::Block { bytes, .. } => self.hub.apply(lane, &bytes),
        }
    }
}

/// Accepted is delivered, dropped or waiting, for every project and category.
fn assert_balanced(balance: &Balance) {
    for (line, equation) in balance.equations() {
        assert_eq!(equation.deficit(), 0, "{line:?} {equation:?}");
    }
    assert!(balance.is_whole);
}

#[test]
fn nothing_is_said_to_differ_through_a_hundred_kills_of_either_side() {
    let mut chance = Chance(7);
    let mut n_compared = 0;
    let mut n_lost = 0;
    let mut hub = Hub::default();
    let mut oracle = Oracle::new(|config| config.bytes_max = "12 KiB".parse().ok());
    runtime().block_on(async {
        for _ in 0..100 {
            oracle.open().unwrap();
            let mut connection = Connection {
                oracle: &mut oracle,
                hub: &mut hub,
                audit: Audit::default(),
                with_sums: false,
            };
            connection.begin().await;
            for _ in 0..chance.below(40) {
                let lane = any_lane(&mut chance);
                match chance.below(8) {
                    // Full, at times: the oldest go, of what was not sent.
                    0..=3 => {
                        let len = usize::try_from(chance.below(700)).unwrap();
                        let _may_be_full = connection.oracle.append(&[lane.live()], len).await;
                    }
                    // Sent and acknowledged.
                    4..=6 => {
                        connection.send(lane).await;
                        connection.ack(lane).await;
                        assert_eq!(connection.compare(lane), Verdict::Agrees, "{lane}");
                    }
                    _ => assert_balanced(&connection.oracle.spool().balance().await.unwrap()),
                }
            }
            assert_balanced(&connection.oracle.spool().balance().await.unwrap());
            // Sent and booked, but the acknowledgement is lost in what comes next.
            let lane = any_lane(&mut chance);
            connection.send(lane).await;
            n_compared += connection.audit.comparisons();
            let totals = oracle.ledger.totals().into_iter();
            let of_loss = totals.filter(|(account, _)| account.term == Term::Evicted);
            n_lost = of_loss.map(|(_, n)| n).sum::<u64>();
            if chance.below(3) == 0 {
                oracle.close().await.unwrap();
            } else {
                let seed = chance.below(u64::MAX);
                let mut dice = Chance(seed);
                let cut = oracle
                    .disk
                    .after_power_cut(|| u32::try_from(dice.below(1 << 31)).unwrap());
                let mut forked = oracle.fork(cut);
                let _closed = oracle.close().await;
                std::mem::swap(&mut oracle, &mut forked);
            }
        }
    });
    assert!(n_compared > 500, "{n_compared} comparisons");
    assert!(n_lost > 50, "{n_lost} evicted");
    assert!(hub.n_items > 100, "{} items", hub.n_items);
}

#[test]
fn a_hub_that_books_one_item_less_is_named_to_the_unit() {
    let mut oracle = Oracle::new(|_| ());
    let mut hub = Hub {
        forgets_every: Some(40),
        ..Hub::default()
    };
    runtime().block_on(async {
        oracle.open().unwrap();
        // A lane without a twin, so that everything is in it.
        for _ in 0..50 {
            oracle.append(&[Lane::Logs], 20).await.unwrap();
        }
        let mut connection = Connection {
            oracle: &mut oracle,
            hub: &mut hub,
            audit: Audit::default(),
            with_sums: false,
        };
        while connection.hub.n_items < 50 {
            connection.send(Lane::Logs).await;
            connection.ack(Lane::Logs).await;
            let expected = match connection.hub.n_forgotten {
                0 => Verdict::Agrees,
                _ => Verdict::Differs,
            };
            assert_eq!(connection.compare(Lane::Logs), expected);
        }
        assert!(connection.audit.asks());
        connection.with_sums = true;
        connection.ack(Lane::Logs).await;
        assert_eq!(connection.compare(Lane::Logs), Verdict::Named);
        assert_eq!(connection.audit.divergence(), 1);
        let named = connection.audit.differences();
        assert_eq!(named.len(), 1);
        // Records of a test belong to three projects in turn.
        assert_eq!(named[0].project.unwrap().get(), 1 + 40 % 3);
        assert_eq!(named[0].relay, named[0].hub + 1);
        oracle.close().await.unwrap();
    });
}

#[test]
fn a_spool_that_is_made_anew_begins_with_empty_books() {
    let mut oracle = Oracle::new(|_| ());
    runtime().block_on(async {
        oracle.open().unwrap();
        oracle
            .append(&[Lane::Errors, Lane::Logs], 20)
            .await
            .unwrap();
        oracle.spool().ack(Lane::Errors, Seq(1)).await.unwrap();
        let delivered = oracle.spool().delivered(Lane::Errors).unwrap();
        assert_ne!(delivered.digest, LaneDigest::default());
        let epoch = oracle.spool().epoch();
        oracle.close().await.unwrap();
        let mut other = Oracle::new(|_| ());
        other.open().unwrap();
        assert_ne!(other.spool().epoch(), epoch);
        let delivered = other.spool().delivered(Lane::Errors).unwrap();
        assert_eq!(
            (delivered.upto, delivered.digest),
            (Seq(0), LaneDigest::default())
        );
        assert_balanced(&other.spool().balance().await.unwrap());
        other.close().await.unwrap();
    });
}

#[test]
fn a_cursor_in_the_middle_of_a_block_counts_the_part_before_it() {
    let mut oracle = Oracle::new(|_| ());
    runtime().block_on(async {
        oracle.open().unwrap();
        // One commit, one block of six records.
        oracle.append(&[Lane::Errors; 6], 20).await.unwrap();
        let mut before = LaneDigest::default();
        for upto in 1..=6 {
            oracle.spool().ack(Lane::Errors, Seq(upto)).await.unwrap();
            let delivered = oracle.spool().delivered(Lane::Errors).unwrap();
            assert_eq!(delivered.sums.iter().map(|one| one.n).sum::<u64>(), upto);
            assert_ne!(delivered.digest, before);
            before = delivered.digest;
            assert_balanced(&oracle.spool().balance().await.unwrap());
        }
        oracle.close().await.unwrap();
    });
}

#[test]
fn a_lane_of_which_it_is_not_known_what_was_delivered_is_not_compared() {
    let mut oracle = Oracle::new(|_| ());
    runtime().block_on(async {
        oracle.open().unwrap();
        oracle.append(&[Lane::Errors], 20).await.unwrap();
        // The hub has more than was ever written here.
        oracle.spool().ack(Lane::Errors, Seq(3)).await.unwrap();
        assert_eq!(oracle.spool().delivered(Lane::Errors), None);
        assert!(!oracle.spool().balance().await.unwrap().is_whole);
        oracle.append(&[Lane::Errors], 20).await.unwrap();
        oracle.spool().ack(Lane::Errors, Seq(4)).await.unwrap();
        assert_eq!(oracle.spool().delivered(Lane::Errors), None);
        oracle.close().await.unwrap();
    });
}
