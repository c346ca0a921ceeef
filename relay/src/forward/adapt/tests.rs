//! Links of all kinds, second by second.

use super::*;

const fn millis(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// A second of a link that carries `rate` bytes per second and has `under_way` on it, of which as
/// much as fits into a round trip is on its way.
fn full(rate: u64, rtt: Duration, under_way: u64) -> Second {
    Second {
        acked: rate,
        // What is beyond the pipe waits in a queue.
        latency: Some(rtt.max(millis(under_way * 1000 / rate))),
        was_full: true,
        rtt,
        ..Second::default()
    }
}

/// What settles under way on a link that is always full, and what was measured.
fn settle(rate: u64, rtt: Duration) -> (u64, Measured, Adapted) {
    let (mut under_way, mut measured) = (32 * 1024, Measured::default());
    let mut adapted = adapt(&mut measured, &full(rate, rtt, under_way));
    for _ in 0..120 {
        let second = full(rate, rtt, under_way);
        if second.latency.unwrap() <= adapted.patience {
            under_way += rate;
        }
        adapted = adapt(&mut measured, &second);
        if let Some(most) = adapted.bytes_max {
            under_way = under_way.min(most);
        }
    }
    (under_way, measured, adapted)
}

#[test]
fn as_much_is_under_way_as_the_link_carries_and_a_few_seconds_more() {
    for (rate, rtt) in [
        (8_000, millis(200)),
        (32_000, millis(600)),
        (125_000, millis(50)),
        (1_250_000, millis(200)),
        (1_250_000, millis(2000)),
        (12_500_000, millis(1)),
    ] {
        let (under_way, measured, _) = settle(rate, rtt);
        let pipe = by_time(rate, rtt);
        let most = pipe + by_time(rate, BAD_DELAY) + rate;
        assert!(
            under_way >= pipe && under_way <= most,
            "{rate} {rtt:?}: {under_way}"
        );
        assert!(measured.rate.unwrap().abs_diff(rate) <= rate / 10);
    }
}

#[test]
fn bulk_pauses_on_a_link_below_64_kbit_and_is_tried_again_after_a_while() {
    let late = |acked| Second {
        acked,
        latency: Some(millis(9000)),
        was_full: true,
        rtt: millis(200),
        ..Second::default()
    };
    let mut measured = Measured::default();
    assert!(adapt(&mut measured, &late(6_000)).is_bulk_paused);
    // What is urgent alone does not fill the link: nothing is learnt of it.
    let idle = Second {
        acked: 500,
        rtt: millis(200),
        ..Second::default()
    };
    for _ in 0..59 {
        assert!(adapt(&mut measured, &idle).is_bulk_paused);
    }
    assert!(!adapt(&mut measured, &idle).is_bulk_paused);
    assert!(adapt(&mut measured, &late(6_000)).is_bulk_paused);
    for _ in 0..20 {
        adapt(&mut measured, &late(20_000));
    }
    assert!(!adapt(&mut measured, &late(20_000)).is_bulk_paused);

    let mut faster = Measured::default();
    assert!(!adapt(&mut faster, &late(16_000)).is_bulk_paused);
}

#[test]
fn a_link_that_has_little_to_carry_is_not_taken_for_a_thin_one() {
    let mut measured = Measured::default();
    let little = Second {
        acked: 100,
        latency: Some(millis(30)),
        rtt: millis(20),
        ..Second::default()
    };
    for _ in 0..100 {
        let adapted = adapt(&mut measured, &little);
        assert_eq!((adapted.bytes_max, adapted.is_bulk_paused), (None, false));
    }
    assert_eq!(measured.rate, None);
}

#[test]
fn a_link_that_stands_still_is_given_no_more() {
    let mut measured = Measured::default();
    adapt(&mut measured, &full(100_000, millis(100), 1));
    let still = Second {
        oldest: Some(millis(5000)),
        rtt: millis(100),
        ..Second::default()
    };
    let first = adapt(&mut measured, &still).bytes_max.unwrap();
    let second = adapt(&mut measured, &still).bytes_max.unwrap();
    assert!(second < first && first < 110_000);
}

#[test]
fn the_controller_follows_rate_loss_and_round_trip() {
    let link = |rate, rtt_ms, loss_permille| Measured {
        rate,
        rtt_min: millis(rtt_ms),
        loss_permille,
        ..Measured::default()
    };
    for (measured, expected) in [
        (Measured::default(), Congestion::Bbr),
        (link(None, 20, Some(0)), Congestion::Cubic),
        (link(Some(1_000_000), 20, Some(5)), Congestion::Cubic),
        (link(Some(1_000_000), 20, Some(6)), Congestion::Bbr),
        (link(Some(1_000_000), 200, Some(300)), Congestion::Bbr),
        (link(Some(1_000_000), 401, Some(0)), Congestion::Bbr),
        (link(Some(31_000), 600, Some(20)), Congestion::Cubic),
        (link(Some(8_000), 200, None), Congestion::Cubic),
    ] {
        assert_eq!(choose(&measured), expected, "{measured:?}");
    }
}

#[test]
fn loss_is_that_of_the_last_packets() {
    let mut measured = Measured::default();
    let packets = |sent, lost| Second {
        sent,
        lost,
        ..Second::default()
    };
    adapt(&mut measured, &packets(40, 10));
    assert_eq!(measured.loss_permille, None);
    adapt(&mut measured, &packets(60, 10));
    assert_eq!(measured.loss_permille, Some(200));
    for _ in 0..20 {
        adapt(&mut measured, &packets(1000, 0));
    }
    assert!(measured.loss_permille < Some(5));
}

#[test]
fn what_is_sent_again_on_a_lossy_link_says_nothing_of_its_rate() {
    // Far away, and one packet in twenty lost: most blocks need a second round trip and a third.
    let second = Second {
        acked: 60_000,
        latency: Some(millis(6500)),
        was_full: true,
        rtt: millis(2000),
        sent: 100,
        lost: 5,
        ..Second::default()
    };
    let mut measured = Measured::default();
    let adapted = adapt(&mut measured, &second);
    assert_eq!(adapted.bytes_max, None);
    assert!(adapted.patience >= millis(6500));
    // The same delay on a link near by that loses nothing is a queue.
    let near = Second {
        rtt: millis(50),
        lost: 0,
        ..second
    };
    let adapted = adapt(&mut Measured::default(), &near);
    assert!(adapted.bytes_max.is_some() && adapted.patience < millis(2000));
}

#[test]
fn a_queue_does_not_pass_for_a_long_way() {
    let mut measured = Measured::default();
    let at = |rtt, lost| Second {
        rtt: millis(rtt),
        sent: 100,
        lost,
        ..Second::default()
    };
    adapt(&mut measured, &at(100, 2));
    // The queue fills: the round trip grows, and what sending again costs hardly does.
    let adapted = adapt(&mut measured, &at(3000, 2));
    assert!(adapted.patience < millis(3000 + 1500 + 250));
}

#[test]
fn little_is_under_way_on_a_link_that_comes_and_goes_until_it_stays() {
    let mut measured = Measured::default();
    let up = Second {
        heard: 9,
        ..full(32_000, millis(40), 16_000)
    };
    let down = Second {
        oldest: Some(millis(4000)),
        was_full: true,
        rtt: millis(40),
        ..Second::default()
    };
    assert_eq!(adapt(&mut measured, &up).patience, millis(40) + GOOD_DELAY);
    for _ in 0..2 {
        adapt(&mut measured, &up);
    }
    for _ in 0..7 {
        adapt(&mut measured, &down);
    }
    // Of three seconds, less than a fifth of one may be lost.
    measured.begin(millis(40));
    let adapted = adapt(&mut measured, &up);
    assert!(adapted.patience < millis(40 + 200), "{adapted:?}");
    assert!(!adapted.is_bulk_paused, "{adapted:?}");
    assert!(adapted.bytes_max.unwrap() < 16 * 1024, "{adapted:?}");
    for _ in 0..12 {
        adapt(&mut measured, &up);
    }
    assert_eq!(adapt(&mut measured, &up).patience, millis(40) + GOOD_DELAY);
    assert_eq!(measured.carried(), None);
}
