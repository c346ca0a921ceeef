//! How much of the link a relay may take, and when.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::timestamp::Timestamp;

/// Minutes of a day.
const DAY_MINUTES: u16 = 24 * 60;

/// How much of the link a relay may take.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkSettings {
    /// Most bytes a second that the relay sends; `None` is without limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bandwidth_max: Option<u64>,
    /// When the relay holds back.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub quiet_hours: Vec<QuietHours>,
}

/// A span of every day, UTC, in which only what is urgent travels: the lanes control and errors.
/// Written `22:00-06:00`; the end is not part of it. Invariant: begin and end differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct QuietHours {
    /// In minutes since midnight.
    from: u16,
    to: u16,
}

/// A text that is no span of the day.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no span of the day, which looks like \"22:00-06:00\"")]
pub struct NoHours(String);

impl LinkSettings {
    /// Nothing is limited.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// Whether only what is urgent travels now.
    #[must_use]
    pub fn is_quiet(&self, now: Timestamp) -> bool {
        self.quiet_hours.iter().any(|hours| hours.contain(now))
    }
}

/// The lower of two limits, where `None` is without limit.
pub(super) fn least(a: Option<u64>, b: Option<u64>) -> Option<u64> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

impl QuietHours {
    /// Whether a time is within them; an end before the begin is on the next day.
    #[must_use]
    pub fn contain(self, now: Timestamp) -> bool {
        let minute = now
            .as_secs()
            .div_euclid(60)
            .rem_euclid(i64::from(DAY_MINUTES));
        let minute = u16::try_from(minute).unwrap_or_default();
        if self.from < self.to {
            (self.from..self.to).contains(&minute)
        } else {
            minute >= self.from || minute < self.to
        }
    }
}

/// Minutes since midnight of `22:30`; 24:00 is the end of a day.
fn minutes(text: &str) -> Option<u16> {
    let (hours, minutes) = text.trim().split_once(':')?;
    let two_digits = |part: &str| {
        let is_sound = part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit());
        part.parse::<u16>().ok().filter(|_| is_sound)
    };
    let (hours, minutes) = (two_digits(hours)?, two_digits(minutes)?);
    let at = hours * 60 + minutes;
    (minutes < 60 && at <= DAY_MINUTES).then_some(at)
}

impl FromStr for QuietHours {
    type Err = NoHours;
    fn from_str(text: &str) -> Result<Self, NoHours> {
        let span = text.split_once('-');
        let span = span.and_then(|(from, to)| Some((minutes(from)?, minutes(to)?)));
        match span {
            Some((from, to)) if from != to => Ok(Self { from, to }),
            _ => Err(NoHours(text.chars().take(32).collect())),
        }
    }
}

impl fmt::Display for QuietHours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (from, to) = (self.from, self.to);
        write!(
            f,
            "{:02}:{:02}-{:02}:{:02}",
            from / 60,
            from % 60,
            to / 60,
            to % 60
        )
    }
}

impl TryFrom<String> for QuietHours {
    type Error = NoHours;
    fn try_from(text: String) -> Result<Self, NoHours> {
        text.parse()
    }
}

impl From<QuietHours> for String {
    fn from(hours: QuietHours) -> Self {
        hours.to_string()
    }
}
