//! What comes in parts counts once, whatever becomes of its parts.

use bytes::Bytes;
use proptest::prelude::*;
use protocol::block::{self, Record, Whole};
use protocol::ids::{Lane, Seq, WholeId};
use protocol::outcome::Term;

use super::support::{by_term, config, record, runtime};
use crate::ledger::Ledger;
use crate::spool::{ReadOutcome, Spool};

/// An item in parts of a KiB each: all of its records.
fn large(n: u64, n_parts: usize) -> Vec<Record> {
    let Record::Items(mut items) = record(n, n_parts * 1024) else {
        unreachable!("it has an item")
    };
    let payload = std::mem::take(&mut items.items[0].payload);
    let whole = WholeId::from_bytes(u128::from(n).to_be_bytes());
    let (mut parts, sum) = block::cut(&items, whole, &payload);
    let part = parts.pop().unwrap();
    let pieces = part.bytes.chunks(1024).map(|bytes| {
        Record::Part(block::Part {
            bytes: Bytes::copy_from_slice(bytes),
            ..part.clone()
        })
    });
    let mut records: Vec<Record> = pieces.collect();
    records.push(Record::Whole(Whole { sum, items }));
    records
}

/// Items that wait, and records.
async fn waiting(spool: &Spool) -> (u64, u64) {
    let (mut from, mut n_items, mut n_records) = (Seq(1), 0, 0);
    loop {
        match spool.read(Lane::Blobs, from).await.unwrap() {
            ReadOutcome::Block { head, bytes } => {
                from = head.last_seq().next();
                n_records += u64::from(head.count);
                n_items += head.counts.iter().map(|count| count.n).sum::<u64>();
                let (_, records) = block::open(&bytes).unwrap();
                let counted = records.iter().filter_map(Record::items);
                let counted: usize = counted.map(|items| items.items.len()).sum();
                assert_eq!(head.counts.iter().map(|c| c.n).sum::<u64>(), counted as u64);
            }
            ReadOutcome::Gap(gap) => from = gap.to.next(),
            ReadOutcome::Empty => return (n_items, n_records),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn of_what_gives_way_every_item_is_counted_once_and_no_part_is(
        sizes in prop::collection::vec(1_usize..30, 5..40),
        restart_at in 0_usize..40,
    ) {
        runtime().block_on(async {
            let dir = tempfile::tempdir().unwrap();
            let mut config = config(dir.path());
            config.bytes_max = Some("256 KiB".parse().unwrap());
            config.segment_bytes = "16 KiB".parse().unwrap();
            let mut ledger = Ledger::default();
            let mut spool = Spool::open(&config, ledger.clone()).unwrap();
            let mut n_kept = 0;
            for (n, n_parts) in sizes.iter().enumerate() {
                if n == restart_at {
                    spool.close().await.unwrap();
                    drop(spool);
                    ledger = Ledger::default();
                    spool = Spool::open(&config, ledger.clone()).unwrap();
                }
                let records = large(n as u64 + 1, *n_parts);
                let records = records.into_iter().map(|record| (Lane::Blobs, record));
                // One that finds no room is not there at all.
                n_kept += u64::from(spool.append(records).await.is_ok());
            }
            let (n_waiting, _) = waiting(&spool).await;
            let sums = by_term(&ledger.totals());
            let of = |term| sums.get(&term).copied().unwrap_or_default();
            prop_assert_eq!(of(Term::Received), n_kept);
            prop_assert_eq!(of(Term::Accepted), n_kept);
            prop_assert_eq!(of(Term::Evicted) + n_waiting, n_kept);
            spool.close().await.unwrap();
            Ok(())
        })?;
    }
}
