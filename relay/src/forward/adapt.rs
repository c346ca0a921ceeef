//! How the sender follows its link: measured rate, round trip and loss into limits.
//!
//! Pure: what was measured in, what is to hold out. A block's size is fixed when it is sealed, so
//! what follows the link is how many bytes may be under way, which lanes travel, and how QUIC
//! finds its rate on the next connection.

use std::time::Duration;

use super::config::Congestion;

/// An acknowledgement may take this long beyond the round trip before the limit stops growing.
const GOOD_DELAY: Duration = Duration::from_millis(1500);
/// Beyond this, more is under way than the link carries.
const BAD_DELAY: Duration = Duration::from_secs(3);
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
    /// Packets behind the loss.
    sent: u64,
    lost: u64,
    /// Seconds since the link was last full.
    idle_secs: u64,
    is_bulk_paused: bool,
}

/// What is to hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Adapted {
    /// Most bytes under way from now on; `None` leaves the limit as it is.
    pub bytes_max: Option<u64>,
    /// Whether the bulk lanes pause.
    pub is_bulk_paused: bool,
}

/// Takes a second in and says what is to hold.
pub fn adapt(measured: &mut Measured, second: &Second) -> Adapted {
    measured.rtt = second.rtt;
    take_loss(measured, second);
    let delay = second.latency.max(second.oldest).unwrap_or_default();
    let is_late = delay > second.rtt.saturating_add(BAD_DELAY);
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
    Adapted {
        // As much as the link carries in its round trip and a second more.
        bytes_max: is_late.then(|| rate.saturating_add(by_time(rate, second.rtt))),
        is_bulk_paused: measured.is_bulk_paused,
    }
}

/// Whether an acknowledgement came in time, so that more may be under way.
#[must_use]
pub(super) fn is_prompt(latency: Duration, rtt: Duration) -> bool {
    latency <= rtt.saturating_add(GOOD_DELAY)
}

/// How QUIC is to find its rate on a link; what nothing is known of is taken for a lossy one.
#[must_use]
pub fn choose(measured: &Measured) -> Congestion {
    let is_thin = measured.rate.is_some_and(|rate| rate < CUBIC_RATE_MAX);
    let is_far = measured.rtt > BBR_RTT_MIN;
    match measured.loss_permille {
        _ if is_thin => Congestion::Cubic,
        None => Congestion::Bbr,
        Some(loss) if loss > BBR_LOSS_MIN || is_far => Congestion::Bbr,
        Some(_) => Congestion::Cubic,
    }
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
