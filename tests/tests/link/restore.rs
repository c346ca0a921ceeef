//! A hub that is set back to a backup of itself, with its real digest and books.

use std::net::SocketAddr;

use protocol::unit::ByteSize;

use super::spool::{Centre, Edge, stop};
use crate::*;

/// Ends the hub and serves its data again, as they are or as they were.
async fn again(centre: Centre, dir: Option<TempDir>) -> Centre {
    let Centre { hub, dir: present } = centre;
    let address: SocketAddr = hub.link_addr();
    hub.end().await;
    Centre::open(dir.unwrap_or(present), address).await
}

/// A copy of what a hub that has ended holds, and the hub, serving again.
async fn back_up(centre: Centre) -> (TempDir, Centre) {
    let Centre { hub, dir } = centre;
    let address = hub.link_addr();
    hub.end().await;
    let backup = tempfile::tempdir().unwrap();
    copy(dir.path(), backup.path());
    (backup, Centre::open(dir, address).await)
}

async fn drained(edge: &Edge) {
    until("everything acknowledged", || edge.is_drained()).await;
}

/// Waits until as much is applied.
async fn applied(centre: &Centre, n: i64) {
    let waiting = async {
        let mut tick = tokio::time::interval(Duration::from_millis(10));
        while centre.applied().await != n {
            tick.tick().await;
        }
    };
    let done = tokio::time::timeout(DEADLINE, waiting).await;
    assert!(done.is_ok(), "{} of {n}", centre.applied().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_that_is_set_back_gets_again_what_it_had() {
    let centre = Centre::start().await;
    let edge = centre
        .relay_with(|config| config.segment_bytes = ByteSize(4096))
        .await;
    let (link, tracker, cancel) = edge.link();
    edge.keep(Lane::Errors, 0..40).await;
    drained(&edge).await;
    let (backup, centre) = back_up(centre).await;
    edge.keep(Lane::Errors, 40..240).await;
    edge.keep(Lane::Traces, 240..250).await;
    drained(&edge).await;
    applied(&centre, 250).await;

    let centre = again(centre, Some(backup)).await;
    let began = tests::wait::clock();
    applied(&centre, 250).await;
    println!(
        "210 records were back {:?} after the restart",
        began.elapsed()
    );
    // What comes now is behind it, and both sides agree on all of it.
    let compared = link.audit().comparisons();
    edge.keep(Lane::Errors, 250..260).await;
    drained(&edge).await;
    applied(&centre, 260).await;
    until("the books are compared", || {
        link.audit().comparisons() > compared
    })
    .await;
    assert_eq!(link.audit().divergence(), 0);
    stop((tracker, cancel)).await;
    centre.hub.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_kept_for_a_hub_that_is_set_back_is_named_to_the_unit() {
    let centre = Centre::start().await;
    let edge = centre
        .relay_with(|config| {
            config.segment_bytes = ByteSize(4096);
            config.retain_acked_bytes = ByteSize(0);
        })
        .await;
    let (link, tracker, cancel) = edge.link();
    edge.keep(Lane::Errors, 0..40).await;
    drained(&edge).await;
    let (backup, centre) = back_up(centre).await;
    edge.keep(Lane::Errors, 40..240).await;
    drained(&edge).await;
    applied(&centre, 240).await;

    let centre = again(centre, Some(backup)).await;
    edge.keep(Lane::Errors, 240..250).await;
    drained(&edge).await;
    until("the difference is named", || {
        let named = link.audit().differences();
        named.iter().any(|one| one.project.is_some())
    })
    .await;
    let at_hub = centre.applied().await;
    assert!(at_hub < 240, "{at_hub} of 250, though nothing was kept");
    let [one] = link.audit().differences().try_into().unwrap();
    let missing = u64::try_from(250 - at_hub).unwrap();
    assert_eq!((one.lane, one.relay - one.hub), (Lane::Errors, missing));
    stop((tracker, cancel)).await;
    centre.hub.end().await;
}
