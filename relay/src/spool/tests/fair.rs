//! Projects share a slow link, and a disk that becomes full.

use protocol::block::{Items, Record};
use protocol::ids::{Lane, ProjectId, Seq};

use super::oracle::Oracle;
use super::support::{record, waiting};

fn project(n: u64) -> ProjectId {
    ProjectId::new(n).unwrap()
}

async fn append(oracle: &Oracle, lane: Lane, of: u64, n: u64, len: usize) {
    let Record::Items(items) = record(n, len) else {
        panic!("a record of items");
    };
    let items = Record::Items(Items {
        project: project(of),
        ..items
    });
    oracle.spool().append(vec![(lane, items)]).await.unwrap();
}

#[tokio::test]
async fn on_a_slow_link_who_sends_little_does_not_wait_for_who_floods() {
    let mut oracle = Oracle::new(|_| ());
    oracle.open().unwrap();
    // Few and large, so that it is no matter of time.
    for n in 0..8 {
        append(&oracle, Lane::Errors, 1, n, 60_000).await;
    }
    append(&oracle, Lane::Errors, 2, 1000, 10).await;
    append(&oracle, Lane::Errors, 1, 100, 10).await;
    let in_lane = waiting(oracle.spool(), Lane::Errors).await;
    let behind = waiting(oracle.spool(), Lane::ErrorsBacklog).await;
    assert_eq!(in_lane, [0, 1, 2, 3, 4, 1000]);
    assert_eq!(behind, [5, 6, 7, 100]);
    // Once the lane is through, it is everybody's.
    let upto = oracle.spool().lanes()[Lane::Errors.index()].next;
    oracle
        .spool()
        .ack(Lane::Errors, Seq(upto.0 - 1))
        .await
        .unwrap();
    append(&oracle, Lane::Errors, 1, 101, 10).await;
    assert_eq!(waiting(oracle.spool(), Lane::Errors).await, [101]);
    oracle.close().await.unwrap();
}

#[tokio::test]
async fn once_a_hub_is_there_again_what_is_new_waits_for_no_crowd_of_before() {
    let mut oracle = Oracle::new(|_| ());
    oracle.open().unwrap();
    for n in 0..8 {
        append(&oracle, Lane::Errors, 1, n, 60_000).await;
    }
    oracle.spool().welcomed();
    append(&oracle, Lane::Errors, 1, 8, 10).await;
    let in_lane = waiting(oracle.spool(), Lane::Errors).await;
    assert_eq!(in_lane, [0, 1, 2, 3, 4, 8]);
    oracle.close().await.unwrap();
}

#[tokio::test]
async fn where_room_becomes_short_who_takes_most_of_it_holds_back_first() {
    let mut oracle = Oracle::new(|config| {
        config.bytes_max = Some("1 MiB".parse().unwrap());
        config.segment_bytes = "32 KiB".parse().unwrap();
    });
    oracle.open().unwrap();
    let holds_back = |oracle: &Oracle| {
        let spool = oracle.spool();
        [1, 2].map(|n| spool.is_greedy(Lane::Errors, project(n)))
    };
    append(&oracle, Lane::Errors, 2, 1000, 10_000).await;
    for n in 0..60 {
        append(&oracle, Lane::Errors, 1, n, 10_000).await;
    }
    oracle.wait(2_000);
    append(&oracle, Lane::Errors, 2, 1001, 10).await;
    assert_eq!(holds_back(&oracle), [false, false]);
    for n in 60..85 {
        append(&oracle, Lane::Errors, 1, n, 10_000).await;
    }
    oracle.wait(2_000);
    append(&oracle, Lane::Errors, 2, 1002, 10).await;
    // The owner looks after the answer.
    append(&oracle, Lane::Errors, 2, 1003, 10).await;
    assert_eq!(holds_back(&oracle), [true, false]);
    assert!(!oracle.spool().is_held_back(Lane::Errors));
    for lane in [Lane::Errors, Lane::ErrorsBacklog] {
        let upto = oracle.spool().lanes()[lane.index()].next;
        oracle.spool().ack(lane, Seq(upto.0 - 1)).await.unwrap();
    }
    append(&oracle, Lane::Errors, 1, 101, 10).await;
    append(&oracle, Lane::Errors, 1, 102, 10).await;
    assert_eq!(holds_back(&oracle), [false, false]);
    oracle.close().await.unwrap();
}
