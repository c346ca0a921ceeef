//! What keeps the hub from taking the relay, and what a person can do about it.

use protocol::timestamp::Timestamp;
use protocol::wire::CloseCode;
use serde::Serialize;

/// Clocks that differ by more are a trouble, in milliseconds.
const CLOCK_OFFSET_MAX_MS: i64 = 300_000;

/// What needs a person, or heals by itself and should be known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Trouble {
    /// The clocks of relay and hub differ. Everything goes on.
    ClockSkew,
    /// The certificate has ended, and the hub gives no other.
    Expired,
    /// The hub's operator has shut the relay out.
    Revoked,
    /// The hub does not know the relay.
    NotRegistered,
    /// Another relay has the same identity, and goes on with it.
    Cloned,
    /// The hub that was met is not of the region that the relay is pinned to.
    ForeignRegion,
    /// Relay and hub have no version of the link in common.
    Version,
}

impl Trouble {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::ClockSkew,
        Self::Expired,
        Self::Revoked,
        Self::NotRegistered,
        Self::Cloned,
        Self::ForeignRegion,
        Self::Version,
    ];

    /// The name in metrics and in the status.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ClockSkew => "clock_skew",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
            Self::NotRegistered => "not_registered",
            Self::Cloned => "cloned",
            Self::ForeignRegion => "foreign_region",
            Self::Version => "version",
        }
    }

    /// What to do. Whatever it is, the relay buffers, and nothing that is buffered is lost.
    #[must_use]
    pub const fn remedy(self) -> &'static str {
        match self {
            Self::ClockSkew => "set the clocks of this host and of the hub right",
            Self::Expired => {
                "the certificate has ended: give this relay a new identity with `vedette-relay join HUB TOKEN --force`"
            }
            Self::Revoked => {
                "the hub's operator revoked this relay: give it a new identity with `vedette-relay join HUB TOKEN --force`"
            }
            Self::NotRegistered => {
                "the hub does not know this relay: give it a new identity with `vedette-relay join HUB TOKEN --force`"
            }
            Self::Cloned => {
                "this state directory is a copy of another relay's, or an old state of its own: give this relay its own identity with `vedette-relay join HUB TOKEN --force`"
            }
            Self::Version => {
                "this program and the hub's are too far apart: upgrade whichever is older; what is buffered is delivered then"
            }
            Self::ForeignRegion => {
                "nothing is sent to a hub of another region: take it out of `link.hub` and `link.fallback_hubs`, or, if the data may go there, join it with `vedette-relay join HUB TOKEN --force`"
            }
        }
    }

    /// What a closed connection means. A certificate that has ended for the hub, and not for this
    /// host, is a matter of clocks.
    pub(super) fn of_code(
        code: Option<CloseCode>,
        validity: Option<(Timestamp, Timestamp)>,
        now: Timestamp,
    ) -> Option<Self> {
        match code? {
            CloseCode::Revoked => Some(Self::Revoked),
            CloseCode::UnknownRelay => Some(Self::NotRegistered),
            CloseCode::Cloned => Some(Self::Cloned),
            CloseCode::Version => Some(Self::Version),
            CloseCode::Expired => {
                let is_in_time = validity.is_some_and(|(from, to)| from <= now && now < to);
                Some(if is_in_time {
                    Self::ClockSkew
                } else {
                    Self::Expired
                })
            }
            CloseCode::Done
            | CloseCode::BadFrame
            | CloseCode::BadBlock
            | CloseCode::Replaced
            | CloseCode::Limit
            | CloseCode::Unavailable
            | CloseCode::BadToken
            | CloseCode::Timeout => None,
        }
    }

    /// What an offset of the clocks means.
    pub(super) const fn of_clock(offset_ms: i64) -> Option<Self> {
        if offset_ms.saturating_abs() > CLOCK_OFFSET_MAX_MS {
            Some(Self::ClockSkew)
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_that_has_ended_for_the_hub_alone_is_a_matter_of_clocks() {
        let at = Timestamp::from_millis;
        let check = |now: i64, expected: Trouble| {
            let trouble =
                Trouble::of_code(Some(CloseCode::Expired), Some((at(10), at(20))), at(now));
            assert_eq!(trouble, Some(expected), "{now}");
        };
        check(9, Trouble::Expired);
        check(10, Trouble::ClockSkew);
        check(19, Trouble::ClockSkew);
        check(20, Trouble::Expired);
    }

    #[test]
    fn minutes_are_a_trouble_and_seconds_are_not() {
        assert_eq!(Trouble::of_clock(-300_001), Some(Trouble::ClockSkew));
        assert_eq!(Trouble::of_clock(300_000), None);
        assert_eq!(Trouble::of_clock(i64::MIN), Some(Trouble::ClockSkew));
    }
}
