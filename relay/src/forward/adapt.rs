//! How the sender follows its link: measured rate, round trip and loss into limits.
//!
//! Pure: what was measured in, what is to hold out. A block's size is fixed when it is sealed, so
//! what follows the link is how many bytes may be under way, which lanes travel, and how QUIC
//! finds its rate on the next connection.

use std::time::Duration;

use super::config::Congestion;
use super::path::Holding;

/// An acknowledgement may take this long beyond the round trips that it needs before the limit
/// stops growing.
pub(super) const GOOD_DELAY: Duration = Duration::from_millis(750);
/// Of the time that a path holds, one part in this many may be under way: what is under way when
/// it breaks is sent again.
const HOLDING_PARTS: u32 = 16;
/// Beyond this, more is under way than the link carries.
const BAD_DELAY: Duration = Duration::from_secs(3);
/// The shortest round trip is forgotten by one part in this many each second: paths change.
const RTT_FORGETTING: u32 = 64;
/// Below this rate bulk lanes pause, in bytes per second: 64 kbit/s.
const BULK_RATE_MIN: u64 = 64_000 / 8;
/// From this rate on they travel again, so that they do not flap.
const BULK_RATE_BACK: u64 = 80_000 / 8;
/// After this long without a rate, bulk lanes are tried again.
const BULK_TRIAL: Duration = Duration::from_secs(60);
/// Below this rate CUBIC is kinder to the link: 256 kbit/s.
const CUBIC_RATE_MAX: u64 = 256_000 / 8;
/// Above this loss, in thousandths, CUBIC starves.
const BBR_LOSS_MIN: u32 = 5;
/// Above this round trip, CUBIC grows too slowly.
const BBR_RTT_MIN: Duration = Duration::from_millis(400);
/// Packets before loss says something.
const LOSS_PACKETS_MIN: u64 = 50;
/// Of a new second, one part in this many enters the mean.
const SMOOTHING: u64 = 4;

/// What one second showed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Second {
    /// Bytes of blocks acknowledged.
    pub acked: u64,
    /// The slowest acknowledgement, when there was one.
    pub latency: Option<Duration>,
    /// How long the oldest block that is still under way has been so.
    pub oldest: Option<Duration>,
    /// Whether blocks waited because no more might be under way.
    pub was_full: bool,
    /// The path's round trip.
    pub rtt: Duration,
    /// Packets sent.
    pub sent: u64,
    /// Those of them that were lost.
    pub lost: u64,
    /// Packets of the hub that came; frames, over TCP.
    pub heard: u64,
}

/// What is known of a link.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Measured {
    /// Bytes per second that came back acknowledged while more waited to go; `None` when the link
    /// was never full.
    pub rate: Option<u64>,
    /// The path's round trip.
    pub rtt: Duration,
    /// Lost packets in thousandths; `None` while too few were sent, and over TCP.
    pub loss_permille: Option<u32>,
    /// The shortest round trip of late, without what queues add to it.
    rtt_min: Duration,
    /// Packets behind the loss.
    sent: u64,
    lost: u64,
    /// Seconds since the link was last full.
    idle_secs: u64,
    is_bulk_paused: bool,
    /// How long the path holds, where it comes and goes.
    holding: Holding,
}

impl Measured {
    /// Another connection, perhaps over another path, whose handshake took this round trip:
    /// nothing waits on it yet.
    pub(super) fn begin(&mut self, rtt: Duration) {
        self.rtt_min = rtt;
        self.is_bulk_paused = false;
        self.holding.broke();
    }

    /// What may be under way beyond the round trips that are needed, by time.
    pub(super) fn good_delay(&self) -> Duration {
        let holds = self.holding.holds();
        holds.map_or(GOOD_DELAY, |holds| GOOD_DELAY.min(holds / HOLDING_PARTS))
    }

    /// Bytes that the link carries in good time; `None` unless it comes and goes.
    pub(super) fn carried(&self) -> Option<u64> {
        let delay = self.good_delay();
        let rate = self.rate.filter(|_| delay < GOOD_DELAY)?;
        Some(by_time(rate, self.rtt_min.saturating_add(delay)))
    }
}

/// What is to hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Adapted {
    /// Most bytes under way from now on; `None` leaves the limit as it is.
    pub bytes_max: Option<u64>,
    /// An acknowledgement that takes longer lets no more be under way.
    pub patience: Duration,
    /// Whether the bulk lanes pause.
    pub is_bulk_paused: bool,
}

/// Takes a second in and says what is to hold.
pub fn adapt(measured: &mut Measured, second: &Second) -> Adapted {
    take_rtt(measured, second.rtt);
    take_loss(measured, second);
    measured
        .holding
        .note(second.heard > 0, second.oldest.is_some());
    let delay = second.latency.max(second.oldest).unwrap_or_default();
    // Not the round trip of now: what waits on a thin link is in that already.
    let needed = measured.rtt_min.saturating_add(resends(measured));
    let is_late = delay > needed.saturating_add(BAD_DELAY);
    if second.was_full || is_late {
        let rate = measured.rate.unwrap_or(second.acked);
        measured.rate = Some((rate * (SMOOTHING - 1) + second.acked) / SMOOTHING);
        measured.idle_secs = 0;
    } else {
        measured.rate = measured.rate.map(|rate| rate.max(second.acked));
        measured.idle_secs = measured.idle_secs.saturating_add(1);
    }
    let rate = measured.rate.unwrap_or(u64::MAX);
    measured.is_bulk_paused = match measured.is_bulk_paused {
        false => is_late && rate < BULK_RATE_MIN,
        true => rate < BULK_RATE_BACK && measured.idle_secs < BULK_TRIAL.as_secs(),
    };
    // As much as the link carries in the round trips that are needed and a second more.
    let in_time = is_late.then(|| rate.saturating_add(by_time(rate, needed)));
    Adapted {
        bytes_max: in_time.into_iter().chain(measured.carried()).min(),
        patience: needed.saturating_add(measured.good_delay()),
        is_bulk_paused: measured.is_bulk_paused,
    }
}

/// How QUIC is to find its rate on a link; what nothing is known of is taken for a lossy one.
#[must_use]
pub fn choose(measured: &Measured) -> Congestion {
    let is_thin = measured.rate.is_some_and(|rate| rate < CUBIC_RATE_MAX);
    let is_far = measured.rtt_min > BBR_RTT_MIN;
    match measured.loss_permille {
        _ if is_thin => Congestion::Cubic,
        None => Congestion::Bbr,
        Some(loss) if loss > BBR_LOSS_MIN || is_far => Congestion::Bbr,
        Some(_) => Congestion::Cubic,
    }
}

fn take_rtt(measured: &mut Measured, rtt: Duration) {
    measured.rtt = rtt;
    measured.rtt_min = if measured.rtt_min.is_zero() {
        rtt
    } else {
        rtt.min(measured.rtt_min + measured.rtt_min / RTT_FORGETTING)
    };
}

/// What sending lost packets again adds to an acknowledgement. A block is some dozens of packets,
/// so that on a lossy link hardly any comes through at once: that says nothing of the rate.
fn resends(measured: &Measured) -> Duration {
    let rounds = match measured.loss_permille.unwrap_or_default() {
        0..=4 => 0,
        5..=19 => 1,
        20..=99 => 2,
        100..=199 => 3,
        _ => 5,
    };
    measured.rtt_min.saturating_mul(rounds)
}

fn take_loss(measured: &mut Measured, second: &Second) {
    measured.sent += second.sent;
    measured.lost += second.lost;
    if measured.sent >= LOSS_PACKETS_MIN {
        let permille = measured.lost.saturating_mul(1000) / measured.sent;
        measured.loss_permille = Some(u32::try_from(permille).unwrap_or(1000));
    }
    // Old packets fade, so that the loss is that of now.
    if measured.sent >= LOSS_PACKETS_MIN * 20 {
        measured.sent /= 2;
        measured.lost /= 2;
    }
}

fn by_time(rate: u64, time: Duration) -> u64 {
    let bytes = u128::from(rate).saturating_mul(time.as_millis()) / 1000;
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
