//! Items in parts: joined when all are there, counted once whatever became of the parts.

use proptest::prelude::*;
use protocol::block::{self as blocks, Part, Sum, Whole};
use protocol::ids::WholeId;

use super::*;
use crate::store::items::Wanted;

/// What becomes of a record on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Comes,
    ComesTwice,
    /// The relay had to give it up.
    Lost,
}

/// An attachment in parts of a few bytes, and the record that stands for them.
fn large(hub: &Hub, n: u64, payload: &[u8], n_parts: usize) -> Vec<Record> {
    let whole = WholeId::from_bytes(u128::from(n).to_be_bytes());
    let Record::Items(items) = hub.item(n, "attachment", String::new()) else {
        unreachable!("it has an item")
    };
    let mut sum = Sum {
        whole,
        parts: 0,
        bytes: payload.len() as u64,
        chain: blocks::Chain::default(),
    };
    let mut records = Vec::new();
    for bytes in payload.chunks(payload.len().div_ceil(n_parts)) {
        sum.chain = sum.chain.with(bytes);
        records.push(Record::Part(Part {
            project: items.project,
            event_id: items.event_id,
            received_at: NOW,
            whole,
            nth: sum.parts,
            chain: sum.chain,
            bytes: Bytes::copy_from_slice(bytes),
        }));
        sum.parts += 1;
    }
    records.push(Record::Whole(Whole { sum, items }));
    records
}

/// The bytes of every attachment that is listed, the first digested first.
async fn joined(hub: &Hub) -> Vec<Vec<u8>> {
    let store = &hub.parts.store;
    let wanted = Wanted::default();
    let mut rows = store
        .items(hub.project.as_i64(), &wanted, None, 100)
        .await
        .unwrap();
    rows.reverse();
    let mut all = Vec::new();
    for row in rows {
        let mut bytes = Vec::new();
        for at in store.parts_of_item(row.id).await.unwrap() {
            let (pack, offset, item) = (at.pack, at.offset, at.item);
            let at = Location { pack, offset, item };
            bytes.extend_from_slice(&hub.parts.archive.read(at).unwrap().payload);
        }
        assert_eq!(row.item.size, bytes.len() as u64);
        all.push(bytes);
    }
    all
}

/// Hands over the records of a lane, each as it is said, in order.
async fn bring(hub: &Hub, records: &[Record], ways: &[Way]) {
    for ((seq, record), way) in (1..).zip(records).zip(ways) {
        match way {
            Way::Lost => {
                let skip = Skip {
                    relay: RELAY,
                    epoch: EPOCH,
                    lane: Lane::Errors,
                    from: Seq(seq),
                    upto: Seq(seq),
                };
                hub.handle.skip(skip).await.unwrap();
            }
            Way::Comes | Way::ComesTwice => {
                let one = std::slice::from_ref(record);
                hub.deliver(seq, one).await.unwrap();
                if *way == Way::ComesTwice {
                    hub.deliver(seq, one).await.unwrap();
                }
            }
        }
    }
}

fn runtime() -> tokio::runtime::Runtime {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().build().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn an_item_in_parts_counts_once_and_is_whole_or_not_there(
        items in prop::collection::vec((1_usize..5, prop::collection::vec(any::<u8>(), 8..64)), 1..5),
        ways in prop::collection::vec(prop_oneof![6 => Just(Way::Comes), 1 => Just(Way::ComesTwice), 1 => Just(Way::Lost)], 25),
    ) {
        runtime().block_on(async {
            let hub = Hub::new().await;
            let (mut records, mut expected) = (Vec::new(), Vec::new());
            let (mut n_applied, mut n_missing) = (0, 0);
            for (n, (n_parts, payload)) in (1..).zip(&items) {
                let of_one = large(&hub, n, payload, *n_parts);
                let ways = ways.iter().skip(records.len()).take(of_one.len());
                let is_lost: Vec<bool> = ways.map(|way| *way == Way::Lost).collect();
                let (last, parts) = is_lost.split_last().unwrap();
                match (*last, parts.contains(&true)) {
                    // Counted by the relay, which knows what it lost.
                    (true, _) => {}
                    (false, true) => n_missing += 1,
                    (false, false) => {
                        n_applied += 1;
                        expected.push(payload.clone());
                    }
                }
                records.extend(of_one);
            }
            bring(&hub, &records, &ways).await;
            let mut ends = vec![(Term::Applied, "", n_applied), (Term::Invalid, reason::PARTS_MISSING, n_missing)];
            ends.retain(|(_, _, n)| *n > 0);
            prop_assert_eq!(hub.ends().await, terms(&ends));
            prop_assert_eq!(joined(&hub).await, expected);
            Ok(())
        })?;
    }
}

#[tokio::test]
async fn parts_that_are_not_what_was_sent_are_not_joined() {
    let hub = Hub::new().await;
    let mut records = large(&hub, 1, b"one two three", 3);
    if let Record::Part(part) = &mut records[1] {
        part.bytes = Bytes::from_static(b"another");
    }
    hub.deliver(1, &records).await.unwrap();
    let missing = (Term::Invalid, reason::PARTS_MISSING, 1);
    assert_eq!(hub.ends().await, terms(&[missing]));
    assert_eq!(hub.number("SELECT COUNT(*) FROM item_parts").await, 0);
}

#[tokio::test]
async fn parts_of_what_never_came_go_after_a_while_and_those_of_an_item_with_it() {
    let hub = Hub::new().await;
    let mut records = large(&hub, 1, b"one two three", 3);
    records.pop();
    let n_lone = records.len();
    let mut joined_later = large(&hub, 2, b"four five", 2);
    // One that came before anybody knew its event.
    if let Some(Record::Part(part)) = joined_later.first_mut() {
        part.event_id = None;
    }
    records.extend(joined_later);
    hub.deliver(1, &records).await.unwrap();
    let mut write = hub.parts.store.begin().await.unwrap();
    let removed = write
        .remove_lone_parts(None, NOW.plus_millis(1), 100)
        .await
        .unwrap();
    assert_eq!(removed, n_lone as u64);
    write.commit().await.unwrap();
    assert_eq!(joined(&hub).await, [b"four five"]);

    let mut write = hub.parts.store.begin().await.unwrap();
    let events = [event_id(2)];
    let of_parts = write.erase_parts(hub.project, &events).await.unwrap();
    let of_items = write.erase_items(hub.project, &events, &[]).await.unwrap();
    assert_eq!((of_parts.len(), of_items.len()), (2, 1));
    write.commit().await.unwrap();
    assert_eq!(hub.number("SELECT COUNT(*) FROM item_parts").await, 0);
}
