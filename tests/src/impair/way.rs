//! What becomes of a datagram in one direction: a pure decision with the time as an argument.

use std::time::Duration;

use crate::chance::Chance;

/// One direction of a link. The default is a perfect one.
#[derive(Clone, Debug, PartialEq)]
pub struct Way {
    /// The share of datagrams that are lost, each by itself.
    pub loss: f64,
    /// Losses that come together.
    pub burst: Option<Burst>,
    /// How long each takes at least.
    pub delay: Duration,
    /// How much longer one may take; the order stays.
    pub jitter: Duration,
    /// Most bits in a second.
    pub bits_per_second: Option<u64>,
    /// Bytes that may wait for their turn on a link with a rate; further ones are lost.
    pub queue_bytes: u64,
    /// The share that is overtaken by others.
    pub reorder: f64,
    /// The share that arrives twice.
    pub duplicate: f64,
    /// Longer datagrams are lost without a word.
    pub bytes_max: Option<usize>,
    /// Nothing comes through.
    pub is_black_hole: bool,
}

impl Default for Way {
    fn default() -> Self {
        Self {
            loss: 0.0,
            burst: None,
            delay: Duration::ZERO,
            jitter: Duration::ZERO,
            bits_per_second: None,
            queue_bytes: 256 * 1024,
            reorder: 0.0,
            duplicate: 0.0,
            bytes_max: None,
            is_black_hole: false,
        }
    }
}

/// A link that is good for a while and bad for a while (Gilbert and Elliott).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Burst {
    /// The probability that a datagram begins a bad time.
    pub begin: f64,
    /// The probability that a datagram ends it.
    pub end: f64,
    /// The share that is lost in it.
    pub loss: f64,
}

/// What becomes of a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It never arrives.
    Lost,
    /// It arrives then; and once more then.
    Arrives(Duration, Option<Duration>),
}

/// The state of one direction.
#[derive(Debug)]
pub(super) struct Pipe {
    chance: Chance,
    is_bad_time: bool,
    /// When the last bit that was sent has left.
    free_at: Duration,
    /// When the last one that keeps the order arrives.
    last_at: Duration,
}

/// Who is overtaken is late by this much more than its delay.
const OVERTAKEN_BY: Duration = Duration::from_millis(8);

impl Pipe {
    pub(super) const fn new(chance: Chance) -> Self {
        Self {
            chance,
            is_bad_time: false,
            free_at: Duration::ZERO,
            last_at: Duration::ZERO,
        }
    }

    /// Takes a datagram of `len` bytes at `now`.
    pub(super) fn offer(&mut self, way: &Way, now: Duration, len: usize) -> Fate {
        let is_too_long = way.bytes_max.is_some_and(|max| len > max);
        if way.is_black_hole || is_too_long || self.loses(way) {
            return Fate::Lost;
        }
        let Some(left_at) = self.depart(way, now, len) else {
            return Fate::Lost;
        };
        let mut arrives = left_at + way.delay + way.jitter.mul_f64(self.chance.share());
        if self.chance.happens(way.reorder) {
            arrives += OVERTAKEN_BY + way.delay / 4;
        } else {
            arrives = arrives.max(self.last_at);
            self.last_at = arrives;
        }
        let again = self.chance.happens(way.duplicate);
        Fate::Arrives(arrives, again.then(|| arrives + way.delay / 8))
    }

    /// Whether a datagram is lost on its way.
    pub(super) fn loses(&mut self, way: &Way) -> bool {
        let of_burst = way.burst.is_some_and(|burst| {
            let turns = if self.is_bad_time {
                burst.end
            } else {
                burst.begin
            };
            self.is_bad_time ^= self.chance.happens(turns);
            self.is_bad_time && self.chance.happens(burst.loss)
        });
        of_burst || self.chance.happens(way.loss)
    }

    /// When the last bit has left, if there is room to wait for that.
    fn depart(&mut self, way: &Way, now: Duration, len: usize) -> Option<Duration> {
        let Some(rate) = way.bits_per_second else {
            return Some(now);
        };
        let waiting = self.free_at.saturating_sub(now);
        if sent_in(waiting, rate) > way.queue_bytes {
            return None;
        }
        self.free_at = self.free_at.max(now) + time_of(len, rate);
        Some(self.free_at)
    }

    /// When bytes of a stream arrive: none is lost, a loss costs the time to send it again.
    pub(super) fn stream(&mut self, way: &Way, now: Duration, len: usize) -> Duration {
        let n_segments = len.div_ceil(SEGMENT_BYTES).max(1);
        let n_lost = (0..n_segments).filter(|_| self.loses(way)).count();
        let rate = way.bits_per_second.unwrap_or(u64::MAX);
        self.free_at = self.free_at.max(now) + time_of(len, rate);
        let mut arrives = self.free_at + way.delay + way.jitter.mul_f64(self.chance.share());
        if n_lost > 0 {
            // One more round trip; what stands behind it waits as well.
            arrives += RESEND_AFTER.max(way.delay * 2);
        }
        self.last_at = self.last_at.max(arrives);
        self.last_at
    }
}

/// What a TCP segment carries.
const SEGMENT_BYTES: usize = 1_200;
/// How soon TCP sends again at the earliest.
const RESEND_AFTER: Duration = Duration::from_millis(200);

fn time_of(len: usize, bits_per_second: u64) -> Duration {
    let bits = (len as u64).saturating_mul(8);
    let nanos = u128::from(bits) * 1_000_000_000 / u128::from(bits_per_second.max(1));
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

fn sent_in(time: Duration, bits_per_second: u64) -> u64 {
    let bits = time.as_nanos() * u128::from(bits_per_second) / 1_000_000_000;
    u64::try_from(bits / 8).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn pipe() -> Pipe {
        Pipe::new(Chance::new(3))
    }

    /// When each of `n` datagrams of 1,000 bytes arrives, one offered every millisecond.
    fn arrivals(way: &Way, n: u32) -> Vec<Duration> {
        let mut pipe = pipe();
        let mut all = Vec::new();
        for at in 0..n {
            if let Fate::Arrives(first, again) = pipe.offer(way, MS * at, 1_000) {
                all.push(first);
                all.extend(again);
            }
        }
        all
    }

    #[test]
    fn a_perfect_way_changes_nothing() {
        let expected: Vec<_> = (0..50).map(|at| MS * at).collect();
        assert_eq!(arrivals(&Way::default(), 50), expected);
    }

    #[test]
    fn loss_is_the_share_asked_for_and_bursts_come_together() {
        let way = Way {
            loss: 0.3,
            ..Way::default()
        };
        let n = arrivals(&way, 10_000).len();
        assert!((6_800..7_200).contains(&n), "{n}");
        let burst = Burst {
            begin: 0.01,
            end: 0.1,
            loss: 1.0,
        };
        let way = Way {
            burst: Some(burst),
            ..Way::default()
        };
        let arrived = arrivals(&way, 10_000);
        let holes = arrived.windows(2).filter(|two| two[1] - two[0] > MS);
        let n_lost = 10_000 - arrived.len();
        assert!((500..1_500).contains(&n_lost), "{n_lost}");
        let n_holes = holes.count();
        assert!(n_lost / n_holes >= 5, "{n_lost} in {n_holes} holes");
    }

    #[test]
    fn a_rate_spreads_and_a_full_queue_loses() {
        let way = Way {
            bits_per_second: Some(80_000),
            queue_bytes: 5_000,
            ..Way::default()
        };
        // 10 kB a second is one datagram every 100 ms; 1,000 are offered in one second.
        let arrived = arrivals(&way, 1_000);
        assert!((14..18).contains(&arrived.len()), "{}", arrived.len());
        assert!(arrived.windows(2).all(|two| two[1] - two[0] == MS * 100));
    }

    #[test]
    fn jitter_keeps_the_order_and_reordering_does_not() {
        let way = Way {
            delay: MS * 20,
            jitter: MS * 20,
            ..Way::default()
        };
        let arrived = arrivals(&way, 500);
        assert!(arrived.is_sorted());
        assert!(arrived[0] >= MS * 20);
        let way = Way {
            reorder: 0.25,
            ..way
        };
        assert!(!arrivals(&way, 500).is_sorted());
    }

    #[test]
    fn some_arrive_twice_and_long_ones_not_at_all() {
        let way = Way {
            duplicate: 0.5,
            ..Way::default()
        };
        let n = arrivals(&way, 1_000).len();
        assert!((1_400..1_600).contains(&n), "{n}");
        let mut pipe = pipe();
        let way = Way {
            bytes_max: Some(1_200),
            ..Way::default()
        };
        assert_eq!(pipe.offer(&way, MS, 1_201), Fate::Lost);
        assert_eq!(pipe.offer(&way, MS, 1_200), Fate::Arrives(MS, None));
        let way = Way {
            is_black_hole: true,
            ..Way::default()
        };
        assert_eq!(pipe.offer(&way, MS, 1), Fate::Lost);
    }

    #[test]
    fn a_stream_loses_time_and_no_bytes() {
        let way = Way {
            loss: 0.5,
            delay: MS * 10,
            ..Way::default()
        };
        let mut pipe = pipe();
        let mut last = Duration::ZERO;
        for at in 0..100 {
            let arrives = pipe.stream(&way, MS * at, 1_000);
            assert!(arrives >= last && arrives >= MS * at + way.delay);
            last = arrives;
        }
        assert!(last > MS * 200);
    }
}
