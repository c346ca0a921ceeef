//! What a hub asks of its relays besides records: to forget somebody, and to say how they are.

use protocol::ids::{EventId, ProjectId};
use protocol::outcome::{Term, reason};
use protocol::roster::LinkSettings;
use protocol::unit::ByteSize;
use protocol::wire::Erased;

use super::spool::{Centre, stop};
use crate::*;

/// Waits for what only an answer of the store tells.
async fn until_told(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let waiting = async {
        let mut tick = tokio::time::interval(Duration::from_millis(20));
        while !is_so().await {
            tick.tick().await;
        }
    };
    tokio::time::timeout(DEADLINE, waiting).await.expect(what);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_to_be_erased_is_gone_before_it_travels_and_both_books_agree() {
    let centre = Centre::start().await;
    let edge = centre
        .relay_with(|config| config.segment_bytes = ByteSize(4096))
        .await;
    let fleet = &centre.hub.data().fleet;
    let halves = ["00:00-12:00", "12:00-24:00"];
    let quiet = LinkSettings {
        bandwidth_max: None,
        quiet_hours: halves.map(|half| half.parse().unwrap()).into(),
    };
    fleet.set_link(edge.id, Some(&quiet)).await.unwrap();
    let (link, tracker, cancel) = edge.link();
    until("quiet", || link.status().is_quiet).await;
    edge.keep(Lane::Traces, 0..20).await;

    let project = ProjectId::new(1).unwrap();
    let events = [3_u128, 4].map(|n| EventId::from_bytes((n + 1).to_be_bytes()));
    let id = fleet.erase(project, &[], &events).await.unwrap();
    let done = Erased {
        id,
        records: 2,
        items: 2,
        left: 0,
    };
    until_told("the relay's receipt", async || {
        // As the hub's app does now and then: it writes what relays said.
        fleet.refresh().await.unwrap();
        let asked = fleet.asked_erasures(project).await.unwrap();
        let receipts = asked[0].receipts.iter();
        receipts
            .map(|(relay, told, _)| (*relay, *told))
            .eq([(edge.id, done)])
    })
    .await;

    let compared = link.audit().comparisons();
    fleet.set_link(edge.id, None).await.unwrap();
    until("everything acknowledged", || edge.is_drained()).await;
    until_told("the rest is applied", async || centre.applied().await == 18).await;
    until("the books are compared", || {
        link.audit().comparisons() > compared
    })
    .await;
    assert_eq!(link.audit().divergence(), 0);
    let totals = centre.hub.data().store.ledger_totals().await.unwrap();
    let erased = totals
        .iter()
        .filter(|row| (row.term, row.reason.as_str()) == (Term::Evicted, reason::ERASED));
    assert_eq!(erased.map(|row| row.quantity).sum::<i64>(), 2);
    stop((tracker, cancel)).await;
    centre.hub.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_asks_a_relay_how_it_is() {
    let centre = Centre::start().await;
    let edge = centre.relay_with(|_| {}).await;
    let fleet = &centre.hub.data().fleet;
    assert_eq!(fleet.diagnose(edge.id).await, None);
    let (link, tracker, cancel) = edge.link();
    let answering = cancel.clone();
    tracker.spawn(async move {
        let answer = async {
            loop {
                let _gone = link.question().await.send(b"{\"spool\":7}".to_vec());
            }
        };
        answering.run_until_cancelled(answer).await;
    });
    until_told("the relay's answer", async || {
        let told = fleet.diagnose(edge.id).await;
        told.is_some_and(|told| told["spool"] == 7)
    })
    .await;
    stop((tracker, cancel)).await;
    centre.hub.end().await;
}
