//! What is booked, against what was sent.

use super::*;

/// What the relay has of the same records.
fn sent(records: &[Record]) -> LaneDigest {
    let sealed = block::seal(EPOCH, Lane::Errors, Seq(1), records).unwrap();
    let mut digest = LaneDigest::default();
    for count in &sealed.head.counts {
        digest.add(count.project, count.category, count.n);
    }
    digest
}

#[tokio::test]
async fn an_answer_tells_what_is_booked_and_that_is_what_was_sent() {
    let hub = Hub::new().await;
    // An event, the same again, one that is none, one that is not kept: each is booked once.
    let records = [
        hub.event(1, &error("A", 1, 0)),
        hub.event(1, &error("A", 1, 0)),
        hub.item(2, "event", "[1]".to_owned()),
        hub.item(3, "replay_event", "{}".to_owned()),
    ];
    let first = hub.deliver(1, &records[..2]).await.unwrap();
    assert_eq!(first.digest, Some(sent(&records[..2])));
    // Two deliveries of one commit are told apart.
    let rest = tokio::join!(
        hub.deliver(3, &records[2..3]),
        hub.deliver(4, &records[3..]),
    );
    assert_eq!(rest.0.unwrap().digest, Some(sent(&records[..3])));
    assert_eq!(rest.1.unwrap().digest, Some(sent(&records)));
    let hub = hub.again().await;
    let again = hub.deliver(4, &records[3..]).await.unwrap();
    assert_eq!(
        again.digest, None,
        "what was applied before says nothing new"
    );
    let lanes = hub.parts.store.lane_books(RELAY, EPOCH).await.unwrap();
    assert_eq!(lanes.len(), 1);
    assert_eq!(
        (lanes[0].upto, lanes[0].digest),
        (Seq(4), Some(sent(&records)))
    );
    let booked: u64 = lanes[0].sums.iter().map(|(_, _, n)| n).sum();
    assert_eq!(booked, 4);
}

#[tokio::test]
async fn records_that_will_not_come_leave_the_books_as_they_are() {
    let hub = Hub::new().await;
    let records = [
        hub.event(1, &error("A", 1, 0)),
        hub.event(2, &error("A", 1, 0)),
    ];
    let before = hub.deliver(1, &records[..1]).await.unwrap();
    let skipped = hub
        .handle
        .skip(Skip {
            relay: RELAY,
            epoch: EPOCH,
            lane: Lane::Errors,
            from: Seq(2),
            upto: Seq(7),
        })
        .await
        .unwrap();
    assert_eq!((skipped.upto, skipped.digest), (Seq(7), before.digest));
    let behind = hub.deliver(8, &records[1..]).await.unwrap();
    assert_eq!(behind.digest, Some(sent(&records)));
}

#[tokio::test]
async fn a_block_that_says_more_than_it_holds_is_seen_in_the_books() {
    let hub = Hub::new().await;
    let records = [
        hub.event(1, &error("A", 1, 0)),
        hub.event(2, &error("B", 1, 0)),
    ];
    let told = sent(&records);
    let applied = hub.deliver(1, &records[..1]).await.unwrap();
    assert_ne!(applied.digest, Some(told));
}

#[tokio::test]
async fn a_record_that_is_tried_again_stays_booked_once() {
    let hub = Hub::new().await;
    let records = [hub.item(2, "event", "[1]".to_owned())];
    let applied = hub.deliver(1, &records).await.unwrap();
    let poison = hub.parts.store.poison(1).await.unwrap().remove(0);
    let _still_refused = hub.handle.replay(poison.id).await.unwrap();
    let lanes = hub.parts.store.lane_books(RELAY, EPOCH).await.unwrap();
    assert_eq!(lanes[0].digest, applied.digest);
    assert_eq!(lanes[0].sums.iter().map(|(_, _, n)| n).sum::<u64>(), 1);
}
