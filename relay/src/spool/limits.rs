//! The configuration, resolved against the filesystem it is to live on.

use protocol::ids::Lane;

use super::disk::Space;
use super::lanes::ByLane;
use super::{Config, WhenFull};

const GIB: u64 = 1 << 30;
/// The share of the quota that only lane 0 and its twin use, in percent. Source: delivery
/// contract, C10.
const CONTROL_RESERVE_PERCENT: u64 = 5;
/// As much of lane 1 and its twin.
const ERRORS_RESERVE_PERCENT: u64 = 40;
/// The part of a segment above which a drained lane gives its file back.
const DRAINED_PART: u64 = 8;
/// Segments of lane 0 are read whole at every start, so they are smaller.
const CONTROL_PART: u64 = 8;
/// A quota holds at least this many segments.
const SEGMENTS_MIN: u64 = 16;
/// Smallest segment, in bytes.
const SEGMENT_BYTES_MIN: u64 = 1024;

/// What stays free of a filesystem when nobody says: 5 %, from 1 to 4 GiB. Without the upper bound
/// a relay on a large disk would refuse everything while hundreds of gigabytes are free.
fn default_free_min(space: Space) -> u64 {
    (space.total / 20).clamp(GIB, 4 * GIB)
}

/// What the owner keeps to.
#[derive(Clone, Debug)]
pub(super) struct Limits {
    pub(super) bytes_max: u64,
    pub(super) free_min: u64,
    pub(super) ballast_bytes: u64,
    segment_bytes: u64,
    /// In milliseconds.
    ages: ByLane<Option<u64>>,
    when_full: ByLane<WhenFull>,
    /// For how long, in milliseconds, and how much of what was delivered is kept.
    retained: (u64, u64),
}

impl Limits {
    pub(super) fn new(config: &Config, space: Space) -> Self {
        let default_max = (2 * GIB).min(space.total / 20);
        let bytes_max = config.bytes_max.map_or(default_max, |size| size.0);
        let age = |span: protocol::unit::Span| u64::try_from(span.0.as_millis()).ok();
        let ages = &config.age_max;
        let full = &config.when_full;
        Self {
            bytes_max,
            free_min: config
                .free_min
                .map_or_else(|| default_free_min(space), |size| size.0),
            ballast_bytes: config.ballast_bytes.0,
            segment_bytes: config
                .segment_bytes
                .0
                .min(bytes_max / SEGMENTS_MIN)
                .max(SEGMENT_BYTES_MIN),
            ages: ByLane::from_fn(|lane| match lane {
                Lane::Control | Lane::ControlBacklog => age(ages.control),
                Lane::Errors | Lane::ErrorsBacklog => age(ages.errors),
                Lane::Logs => age(ages.logs),
                Lane::Traces => age(ages.traces),
                Lane::Blobs => age(ages.blobs),
            }),
            when_full: ByLane::from_fn(|lane| match lane {
                Lane::Control | Lane::ControlBacklog => WhenFull::Refuse,
                Lane::Errors | Lane::ErrorsBacklog => full.errors,
                Lane::Logs => full.logs,
                Lane::Traces => full.traces,
                Lane::Blobs => full.blobs,
            }),
            retained: (
                age(config.retain_acked).unwrap_or(u64::MAX),
                config.retain_acked_bytes.0,
            ),
        }
    }

    /// Bytes after which a segment is sealed.
    pub(super) fn segment_bytes(&self, lane: Lane) -> u64 {
        match lane {
            Lane::Control | Lane::ControlBacklog => {
                (self.segment_bytes / CONTROL_PART).max(SEGMENT_BYTES_MIN)
            }
            Lane::Errors | Lane::ErrorsBacklog | Lane::Logs | Lane::Traces | Lane::Blobs => {
                self.segment_bytes
            }
        }
    }

    /// Bytes that a drained lane may go on holding.
    pub(super) fn drained_bytes(&self, lane: Lane) -> u64 {
        self.segment_bytes(lane) / DRAINED_PART
    }

    /// Bytes that only the lane and its twin use, together.
    pub(super) const fn reserve(&self, lane: Lane) -> u64 {
        let percent = match lane.live() {
            Lane::Control => CONTROL_RESERVE_PERCENT,
            Lane::Errors => ERRORS_RESERVE_PERCENT,
            _ => 0,
        };
        self.bytes_max / 100 * percent
    }

    pub(super) const fn age_max(&self, lane: Lane) -> Option<u64> {
        *self.ages.get(lane)
    }

    /// For how long, in milliseconds, and how many bytes of what was delivered are kept.
    pub(super) const fn retained(&self) -> (u64, u64) {
        self.retained
    }

    pub(super) fn may_evict(&self, lane: Lane) -> bool {
        *self.when_full.get(lane) == WhenFull::DropOldest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_disk_does_not_have_to_be_mostly_empty() {
        let free_min = |total| {
            let space = Space { total, free: total };
            Limits::new(&Config::default(), space).free_min
        };
        assert_eq!(free_min(8 * GIB), GIB);
        assert_eq!(free_min(40 * GIB), 2 * GIB);
        assert_eq!(free_min(4096 * GIB), 4 * GIB);
    }
}
