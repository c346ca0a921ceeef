//! Dictionaries from the hub's store to the blocks of a real relay, and from one to the next.

use hub::store::dictionaries::Trained;
use protocol::block::DictId;
use protocol::dict::{DictKind, Dictionary};
use protocol::ids::{Lane, Seq};
use relay::spool::ReadOutcome;

use crate::{Hub, Relay, assert_each_once, joined, until};

/// The dictionary that is built in, with other bytes at its end: good for zstd, and another.
fn dictionary(n: u8) -> Dictionary {
    let mut bytes = include_bytes!("../../../protocol/src/dict/base.dict").to_vec();
    bytes.extend_from_slice(&[n; 32]);
    Dictionary::stamp(bytes).unwrap()
}

/// Puts a dictionary in force at the hub, as a training would.
async fn put(hub: &Hub, dictionary: &Dictionary) {
    let now = hub::clock::now();
    let trained = Trained {
        kind: DictKind::Errors,
        at: now,
        samples: 100,
        bytes_before: 2,
        bytes_with: 1,
    };
    // What the training does first, in the one process that is both here.
    protocol::dict::learn(dictionary).unwrap();
    let mut write = hub.store.begin().await.unwrap();
    write
        .put_dictionary(dictionary, &trained, now)
        .await
        .unwrap();
    write.commit().await.unwrap();
}

async fn used(relay: &Relay, dictionary: &Dictionary) {
    let wanted = [(DictKind::Errors, dictionary.id())];
    until("the dictionary in use", || {
        relay.spool.status().dictionaries == wanted
    })
    .await;
}

/// Keeps a record; gives what its block was compressed with.
async fn keep(relay: &Relay, n: u64) -> DictId {
    relay.keep(Lane::Errors, n.into()).await;
    let read = relay.spool.read(Lane::Errors, Seq(n)).await.unwrap();
    let block = match read {
        ReadOutcome::Block { head, .. } => Some(head),
        _ => None,
    };
    block.expect("the block is there").dict
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_compresses_with_what_the_hub_publishes_with_and_without_the_hub() {
    let (mut hub, dir) = joined().await;
    let relay = Relay::start(dir.path());
    until("first roster", || relay.roster.version() > 0).await;
    assert_eq!(keep(&relay, 1).await, DictId::BUILT_IN);
    let (one, other) = (dictionary(11), dictionary(12));
    put(&hub, &one).await;
    used(&relay, &one).await;
    assert_eq!(keep(&relay, 2).await, one.id());

    // The hub is away, and the relay starts without it.
    hub.stop().await;
    assert_eq!(keep(&relay, 3).await, one.id());
    relay.stop().await;
    let relay = Relay::start(dir.path());
    assert_eq!(keep(&relay, 4).await, one.id());
    put(&hub, &other).await;
    hub.restart();
    used(&relay, &other).await;
    assert_eq!(keep(&relay, 5).await, other.id());
    until("everything acknowledged", || relay.is_drained()).await;
    assert_each_once(&hub.sink, Lane::Errors, 5);
    relay.stop().await;
    hub.stop().await;
}
