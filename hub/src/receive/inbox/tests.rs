//! The inbox with blocks that have no body.

use protocol::block::DictId;
use protocol::wire::GapReason;

use super::*;

const EPOCH: Epoch = Epoch(7);

fn head(epoch: Epoch, first: u64, count: u32) -> Head {
    Head {
        epoch,
        lane: Lane::Errors,
        first_seq: Seq(first),
        count,
        dict: DictId::NONE,
        raw_len: 0,
        counts: vec![],
    }
}

fn inbox(window: u16) -> Inbox<()> {
    let cursor = Cursor {
        lane: Lane::Errors,
        upto: Seq(10),
        digest: None,
    };
    Inbox::new(EPOCH, &[cursor], window)
}

fn handed_on(arrived: Result<Arrived<()>, Refusal>) -> Vec<u64> {
    match arrived.unwrap() {
        Arrived::HandOn(steps) => steps.iter().map(|step| step.first().0).collect(),
        Arrived::Known(ack) => panic!("{ack:?}"),
    }
}

fn gap(from: u64, upto: u64) -> Gap {
    Gap {
        lane: Lane::Errors,
        from: Seq(from),
        upto: Seq(upto),
        reason: GapReason::Lost,
    }
}

#[test]
fn what_is_behind_a_hole_waits_and_only_commits_are_acknowledged() {
    let mut inbox = inbox(4);
    assert!(handed_on(inbox.block(head(EPOCH, 14, 2), ())).is_empty());
    assert_eq!(handed_on(inbox.block(head(EPOCH, 11, 2), ())), [11]);
    let known = Ack::new(Lane::Errors, Seq(10));
    let again = inbox.block(head(EPOCH, 11, 2), ());
    assert_eq!(again, Ok(Arrived::Known(known)));
    assert_eq!(handed_on(inbox.gap(gap(13, 13))), [13, 14]);
    assert_eq!(inbox.committed(Lane::Errors, Seq(12)).upto, Seq(12));
    assert_eq!(inbox.committed(Lane::Errors, Seq(13)).upto, Seq(13));
    assert_eq!(inbox.committed(Lane::Errors, Seq(15)).upto, Seq(15));
    assert_eq!(inbox.room(), 4);
}

#[test]
fn a_window_of_blocks_behind_a_hole_is_stuck_and_one_that_the_digest_has_is_not() {
    let mut stuck = inbox(2);
    for first in [12, 13] {
        assert!(!stuck.is_stuck(0));
        handed_on(stuck.block(head(EPOCH, first, 1), ()));
    }
    assert!(stuck.is_stuck(0) && !stuck.is_stuck(1) && stuck.room() == 0);
    let mut busy = inbox(2);
    for first in [11, 12] {
        handed_on(busy.block(head(EPOCH, first, 1), ()));
    }
    assert!(busy.room() == 0 && !busy.is_stuck(0));
}

#[test]
fn what_cannot_be_of_this_session_is_refused() {
    let mut inbox = inbox(1);
    let other = inbox.block(head(Epoch(8), 11, 1), ());
    assert_eq!(other, Err(Refusal::Epoch));
    for (from, upto) in [(0, 5), (12, 11), (11, u64::MAX)] {
        assert_eq!(inbox.gap(gap(from, upto)), Err(Refusal::Gap));
    }
    for at in [13, 15] {
        handed_on(inbox.gap(gap(at, at)));
    }
    assert_eq!(inbox.gap(gap(17, 17)), Err(Refusal::Gap));
}

#[test]
fn what_another_session_had_under_way_is_not_acknowledged_before_it_comes() {
    let mut inbox = inbox(4);
    assert_eq!(handed_on(inbox.block(head(EPOCH, 11, 2), ())), [11]);
    assert_eq!(inbox.committed(Lane::Errors, Seq(20)).upto, Seq(12));
    assert_eq!(handed_on(inbox.block(head(EPOCH, 13, 8), ())), [13]);
    assert_eq!(inbox.committed(Lane::Errors, Seq(20)).upto, Seq(20));
}
