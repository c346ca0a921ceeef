//! The outbox with a hub and a spool that are a few lines each.

use protocol::block::{DictId, Head, LedgerDelta, Record, read_head, seal};
use protocol::ids::Epoch;

use super::*;
use crate::spool;

const NOW: Duration = Duration::from_secs(1000);

/// The spool's lanes without their backlogs, which are empty.
fn lanes([control, errors, logs, traces, blobs]: [u64; 5]) -> ByLane<LaneState> {
    [control, errors, 1, 1, logs, traces, blobs].map(|next| LaneState {
        next: Seq(next),
        ..LaneState::default()
    })
}

fn block(lane: Lane, first: Seq, count: usize) -> ReadOutcome {
    let records = vec![Record::Ledger(LedgerDelta::default()); count];
    let sealed = seal(Epoch(1), lane, first, &records).unwrap();
    ReadOutcome::Block {
        head: read_head(&sealed.bytes).unwrap(),
        bytes: sealed.bytes,
    }
}

fn outbox(next: [u64; 5], window: u16) -> Outbox {
    Outbox::new(&[], &lanes(next), window, 16, NOW)
}

/// Lets the outbox read one record at a time until it has enough; gives what it sent.
fn pump(outbox: &mut Outbox, now: Duration) -> Vec<(Lane, Seq)> {
    let mut sent = Vec::new();
    while let Some(order) = outbox.next(now) {
        match order {
            Order::Read { lane, from } => {
                outbox.was_read(lane, block(lane, from, 1), now);
                sent.push((lane, from));
            }
            Order::Block { .. } => {}
            other => panic!("{other:?}"),
        }
    }
    sent
}

#[test]
fn goes_on_behind_the_hubs_cursor_and_tells_the_spool_of_it() {
    let mut spool = lanes([1, 20, 1, 1, 1]);
    spool[1].acked = Seq(5);
    let cursor = Cursor {
        lane: Lane::Errors,
        upto: Seq(17),
        digest: None,
    };
    let mut outbox = Outbox::new(&[cursor], &spool, 16, 16, NOW);
    assert_eq!(outbox.take_ack(), Some((Lane::Errors, Seq(17))));
    assert_eq!(outbox.take_ack(), None);
    let sent: Vec<u64> = pump(&mut outbox, NOW).iter().map(|(_, at)| at.0).collect();
    assert_eq!(sent, [18, 19]);
}

#[test]
fn the_more_important_lane_is_read_first_and_the_window_holds() {
    let mut outbox = outbox([2, 3, 1, 9, 1], 4);
    let sent = pump(&mut outbox, NOW);
    let expected = [
        (Lane::Control, Seq(1)),
        (Lane::Errors, Seq(1)),
        (Lane::Errors, Seq(2)),
        (Lane::Traces, Seq(1)),
    ];
    assert_eq!(sent, expected);
    outbox.acked(Lane::Errors, Seq(2), NOW).unwrap();
    assert_eq!(outbox.in_flight(), 2);
    assert_eq!(pump(&mut outbox, NOW).len(), 2);
    outbox.credited(0);
    outbox.acked(Lane::Control, Seq(1), NOW).unwrap();
    assert_eq!(outbox.next(NOW), None);
    outbox.credited(900);
    assert_eq!(pump(&mut outbox, NOW).len(), 5);
}

#[test]
fn acknowledgements_that_come_meanwhile_go_to_the_spool_together() {
    let mut outbox = outbox([1, 9, 1, 1, 1], 16);
    pump(&mut outbox, NOW);
    for upto in [2, 5, 4] {
        outbox.acked(Lane::Errors, Seq(upto), NOW).unwrap();
    }
    assert_eq!(outbox.take_ack(), Some((Lane::Errors, Seq(5))));
    assert_eq!(outbox.take_ack(), None);
    assert!(outbox.has_acks());
}

#[test]
fn a_gap_is_said_and_what_is_behind_it_read() {
    let mut outbox = outbox([1, 9, 1, 1, 1], 16);
    let gap = spool::Gap {
        from: Seq(1),
        to: Seq(6),
        reason: spool::GapReason::Evicted,
    };
    assert!(matches!(outbox.next(NOW), Some(Order::Read { .. })));
    outbox.was_read(Lane::Errors, ReadOutcome::Gap(gap), NOW);
    let said = Gap {
        lane: Lane::Errors,
        from: Seq(1),
        upto: Seq(6),
        reason: GapReason::Lost,
    };
    assert_eq!(outbox.next(NOW), Some(Order::Gap(said)));
    let next = Order::Read {
        lane: Lane::Errors,
        from: Seq(7),
    };
    assert_eq!(outbox.next(NOW), Some(next));
}

#[test]
fn a_lane_that_cannot_be_read_waits_for_the_spool_and_the_others_go_on() {
    let mut outbox = outbox([1, 9, 2, 1, 1], 16);
    outbox.was_not_readable(Lane::Errors);
    assert_eq!(pump(&mut outbox, NOW), [(Lane::Logs, Seq(1))]);
    outbox.spool_changed(&lanes([1, 9, 3, 1, 1]));
    assert_eq!(pump(&mut outbox, NOW).len(), 9);
    outbox.spool_changed(&lanes([1, 10, 3, 1, 1]));
    assert!(matches!(outbox.next(NOW), Some(Order::Read { .. })));
    outbox.was_read(Lane::Errors, ReadOutcome::Empty, NOW);
    assert_eq!(outbox.next(NOW), None);
}

#[test]
fn a_block_refused_for_good_is_said_to_be_lost_and_counted_once_the_hub_is_past_it() {
    let mut outbox = outbox([1, 3, 1, 1, 1], 16);
    let counts = vec![ItemCount {
        project: protocol::ids::ProjectId::new(3).unwrap(),
        category: protocol::item::Category::Error,
        n: 2,
    }];
    let head = Head {
        epoch: Epoch(1),
        lane: Lane::Errors,
        first_seq: Seq(1),
        count: 1,
        dict: DictId::NONE,
        counts: counts.clone(),
        ..head_of(&block(Lane::Errors, Seq(1), 1))
    };
    let bytes = Bytes::from_static(b"block");
    outbox.was_read(Lane::Errors, ReadOutcome::Block { head, bytes }, NOW);
    assert!(matches!(outbox.next(NOW), Some(Order::Block { .. })));
    pump(&mut outbox, NOW);
    let nack = Nack {
        lane: Lane::Errors,
        first_seq: Seq(1),
        count: 1,
        reason: "poison".to_owned(),
        verdict: Verdict::Permanent,
    };
    outbox.nacked(&nack).unwrap();
    outbox.nacked(&nack).unwrap();
    let gap = Gap {
        lane: Lane::Errors,
        from: Seq(1),
        upto: Seq(1),
        reason: GapReason::Rejected,
    };
    assert_eq!(outbox.next(NOW), Some(Order::Gap(gap)));
    assert_eq!(outbox.next(NOW), None);
    outbox.acked(Lane::Errors, Seq(2), NOW).unwrap();
    assert_eq!(outbox.next(NOW), Some(Order::CountRejected(counts)));
    assert_eq!(outbox.next(NOW), None);
}

fn head_of(read: &ReadOutcome) -> Head {
    match read {
        ReadOutcome::Block { head, .. } => head.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_hub_that_acknowledges_nothing_is_given_up_and_one_that_has_nothing_to_is_not() {
    let mut outbox = outbox([1, 2, 1, 1, 1], 16);
    pump(&mut outbox, NOW);
    let late = outbox.deadline().unwrap();
    assert!(late >= NOW + ACK_TIMEOUT && late <= NOW + ACK_TIMEOUT * 2);
    assert_eq!(outbox.next(late - Duration::from_millis(1)), None);
    outbox
        .acked(Lane::Errors, Seq(1), late - Duration::from_millis(1))
        .unwrap();
    assert_eq!(outbox.deadline(), None);
    assert_eq!(outbox.next(late * 2), None);
    // The wait begins with the block, not with the last acknowledgement.
    outbox.spool_changed(&lanes([1, 3, 1, 1, 1]));
    pump(&mut outbox, late * 2);
    assert!(outbox.deadline() >= Some(late * 2 + ACK_TIMEOUT));
    let end = outbox.next(late * 3);
    assert_eq!(end, Some(Order::GiveUp(GiveUp::Silent)));
}

#[test]
fn a_hub_that_is_wrong_or_busy_is_given_up() {
    let mut wrong = outbox([1, 2, 1, 1, 1], 16);
    let ended = wrong.acked(Lane::Errors, Seq(1), NOW);
    assert_eq!(ended, Err(GiveUp::AckBeyond));
    let mut busy = outbox([1, 2, 1, 1, 1], 16);
    pump(&mut busy, NOW);
    let ended = busy.nacked(&Nack {
        lane: Lane::Errors,
        first_seq: Seq(1),
        count: 1,
        reason: String::new(),
        verdict: Verdict::RetryAfterMillis(5),
    });
    assert_eq!(ended, Err(GiveUp::Busy));
}

#[test]
fn a_hub_that_leaves_is_sent_nothing_more() {
    let mut outbox = outbox([1, 9, 1, 1, 1], 2);
    pump(&mut outbox, NOW);
    outbox.hub_is_leaving();
    outbox.acked(Lane::Errors, Seq(2), NOW).unwrap();
    assert!(outbox.is_empty());
    assert_eq!(outbox.next(NOW), None);
}

#[test]
fn lanes_that_may_not_travel_wait_and_go_on_where_they_were() {
    let mut outbox = outbox([1, 2, 1, 3, 3], 16);
    outbox.allow(Lane::ALL.map(|lane| lane != Lane::Traces));
    outbox.adapt(Adapted {
        bytes_max: None,
        patience: GOOD_DELAY,
        is_bulk_paused: true,
    });
    assert_eq!(pump(&mut outbox, NOW), [(Lane::Errors, Seq(1))]);
    outbox.adapt(Adapted {
        bytes_max: None,
        patience: GOOD_DELAY,
        is_bulk_paused: false,
    });
    let blobs = [(Lane::Blobs, Seq(1)), (Lane::Blobs, Seq(2))];
    assert_eq!(pump(&mut outbox, NOW), blobs);
    outbox.allow([true; Lane::ALL.len()]);
    assert_eq!(pump(&mut outbox, NOW).len(), 2);
}

#[test]
fn a_bandwidth_is_waited_for() {
    let mut outbox = outbox([1, 9, 1, 1, 1], 16);
    outbox.set_bandwidth(Some("100 B/s".parse().unwrap()), NOW);
    let (mut now, mut sent) = (NOW, Vec::new());
    while sent.len() < 8 {
        match outbox.next(now) {
            Some(Order::Read { lane, from }) => {
                outbox.was_read(lane, block(lane, from, 1), now);
            }
            Some(Order::Block { bytes, .. }) => sent.push(bytes.len() as u64),
            Some(other) => panic!("{other:?}"),
            None => now = outbox.deadline().unwrap(),
        }
    }
    // The bucket's second and the last block are not waited for.
    let waited_for = sent[..7].iter().sum::<u64>() - 100;
    assert!(now - NOW >= Duration::from_millis(waited_for * 10));
    outbox.set_bandwidth(None, now);
    outbox.spool_changed(&lanes([1, 12, 1, 1, 1]));
    assert!(!pump(&mut outbox, now).is_empty());
}

#[test]
fn a_second_shows_what_came_back_and_how_late() {
    let mut outbox = outbox([1, 9, 1, 1, 1], 4);
    pump(&mut outbox, NOW);
    let later = NOW + Duration::from_secs(3);
    outbox.acked(Lane::Errors, Seq(3), later).unwrap();
    outbox.credited(1);
    assert_eq!(outbox.next(later), None);
    let rtt = Duration::from_millis(20);
    let second = outbox.take_second(rtt, later);
    assert!(second.acked > 0 && second.was_full);
    assert_eq!(second.latency, Some(Duration::from_secs(3)));
    assert_eq!(second.oldest, Some(Duration::from_secs(3)));
    let next = outbox.take_second(rtt, later);
    assert_eq!((next.acked, next.latency, next.was_full), (0, None, false));
}
