//! What a seed decides before anything happens: which faults there are in its story, and how the
//! spool is set up. Few kinds at a time go deeper than all at once.

use std::path::PathBuf;
use std::time::Duration;

use protocol::unit::{ByteSize, Span};
use relay::spool::{AgeMax, Config, WhenFull, WhenFullByLane};

use crate::chance::Chance;

/// A kind of trouble.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Trouble {
    /// The relay dies, with or without the power of its host.
    RelayDies,
    /// The relay dies in the middle of a call to its disk.
    RelayDiesInACall,
    /// Calls to the disk fail.
    DiskFails,
    /// The disk is full for a while.
    DiskFull,
    /// Bits flip while the relay is down.
    BitsFlip,
    /// The spool's quota is small.
    SmallQuota,
    /// Records grow too old.
    OldAge,
    /// Nothing goes through for a while.
    Partition,
    /// Connections break, and not both ends hear of it.
    Breaks,
    /// The hub dies, before or after a commit.
    HubDies,
    /// The hub cannot commit.
    HubFails,
    /// The hub is set back to a backup of itself.
    HubSetBack,
    /// The wall clock jumps by years.
    ClockJumps,
    /// SDKs send again what was not answered.
    SdkRetries,
}

impl Trouble {
    pub(super) const ALL: [Self; 14] = [
        Self::RelayDies,
        Self::RelayDiesInACall,
        Self::DiskFails,
        Self::DiskFull,
        Self::BitsFlip,
        Self::SmallQuota,
        Self::OldAge,
        Self::Partition,
        Self::Breaks,
        Self::HubDies,
        Self::HubFails,
        Self::HubSetBack,
        Self::ClockJumps,
        Self::SdkRetries,
    ];

    /// Whether records that were kept may be lost by it, and counted as that.
    const fn loses(self) -> bool {
        matches!(self, Self::BitsFlip | Self::SmallQuota | Self::OldAge)
    }
}

/// The set-up of one story.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) config: Config,
    pub(super) troubles: Vec<Trouble>,
    pub(super) n_steps: u64,
    pub(super) payload_max: u64,
}

impl Plan {
    pub(super) fn of(chance: &mut Chance) -> Self {
        let mut troubles = Vec::new();
        for trouble in Trouble::ALL {
            let odds = if trouble.loses() { 6 } else { 2 };
            if chance.one_in(odds) {
                troubles.push(trouble);
            }
        }
        Self {
            config: config(&troubles, chance),
            troubles,
            n_steps: 150 + chance.below(350),
            payload_max: [60, 400, 3_000].get(chance.place(3)).copied().unwrap_or(60),
        }
    }

    pub(super) fn has(&self, trouble: Trouble) -> bool {
        self.troubles.contains(&trouble)
    }

    /// Whether records that were kept may be lost, and counted as that.
    pub(super) fn may_lose(&self) -> bool {
        self.troubles.iter().any(|trouble| trouble.loses())
    }
}

fn config(troubles: &[Trouble], chance: &mut Chance) -> Config {
    let quota = if troubles.contains(&Trouble::SmallQuota) {
        (48 + chance.below(160)) << 10
    } else {
        64 << 20
    };
    let ages = if troubles.contains(&Trouble::OldAge) {
        let minutes = |n: u64| Span(Duration::from_secs(n * 60));
        AgeMax {
            control: minutes(100_000),
            errors: minutes(20),
            logs: minutes(10),
            traces: minutes(10),
            blobs: minutes(5),
        }
    } else {
        AgeMax::default()
    };
    let mut when_full = || {
        if chance.one_in(3) {
            WhenFull::Refuse
        } else {
            WhenFull::DropOldest
        }
    };
    // On a full disk the oldest would give way: where nothing may be lost, nothing does.
    let keeps_all = troubles.contains(&Trouble::DiskFull) && !troubles.iter().any(|t| t.loses());
    let mut when_full = || {
        if keeps_all {
            WhenFull::Refuse
        } else {
            when_full()
        }
    };
    let when_full = WhenFullByLane {
        errors: when_full(),
        logs: when_full(),
        traces: when_full(),
        blobs: when_full(),
    };
    Config {
        dir: PathBuf::from("/spool"),
        bytes_max: Some(ByteSize(quota)),
        free_min: Some(ByteSize(0)),
        segment_bytes: ByteSize(1024_u64 << chance.below(4)),
        ballast_bytes: ByteSize(if chance.one_in(2) { 0 } else { 32_u64 << 10 }),
        append_timeout: Span(Duration::from_secs(24 * 3600)),
        retain_acked: Span(Duration::from_secs(15 * 60)),
        retain_acked_bytes: ByteSize(16 << 10),
        age_max: ages,
        when_full,
        encryption_key_file: None,
        encryption_key_file_old: None,
    }
}
