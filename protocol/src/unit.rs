//! Values of configuration files that carry their unit: `"64 MiB"`, `"30s"`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Why a text is not a value with a unit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnitError {
    /// No number in front.
    #[error("{0:?} does not begin with a whole number, as in \"64 MiB\" or \"30s\"")]
    NoNumber(String),
    /// A unit that is not known, or none.
    #[error("{unit:?} is not a unit here; use one of {allowed}")]
    Unit {
        /// What stood behind the number.
        unit: String,
        /// What may stand there.
        allowed: &'static str,
    },
    /// Beyond what can be held.
    #[error("{0:?} is too large")]
    TooLarge(String),
    /// A bandwidth of nothing.
    #[error("{0:?} lets nothing travel: a bandwidth must be more than 0 B/s")]
    Zero(String),
}

/// A number of bytes. Written `512 B`, `64 KiB`, `64 MiB`, `2 GiB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ByteSize(pub u64);

/// Bytes per second, more than 0 where it is read from text. Written `256 KiB/s`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bandwidth(pub u64);

/// A length of time. Written `250ms`, `30s`, `5m`, `12h`, `30d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span(pub Duration);

const BYTE_UNITS: &[(&str, u64)] = &[
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("B", 1),
];
const SPAN_UNITS: &[(&str, u64)] = &[
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1000),
    ("ms", 1),
];

fn parse(text: &str, units: &[(&str, u64)], allowed: &'static str) -> Result<u64, UnitError> {
    let text = text.trim();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    if number.is_empty() {
        return Err(UnitError::NoNumber(text.to_owned()));
    }
    let unit = unit.trim();
    let factor = units
        .iter()
        .find(|(name, _)| *name == unit)
        .map(|(_, factor)| *factor);
    let factor = factor.ok_or_else(|| UnitError::Unit {
        unit: unit.to_owned(),
        allowed,
    })?;
    let number: u64 = number
        .parse()
        .map_err(|_| UnitError::TooLarge(text.to_owned()))?;
    number
        .checked_mul(factor)
        .ok_or_else(|| UnitError::TooLarge(text.to_owned()))
}

/// The largest unit that divides the value.
fn unit_of(value: u64, units: &[(&'static str, u64)]) -> (u64, &'static str) {
    let exact = units
        .iter()
        .find(|(_, factor)| value >= *factor && value.is_multiple_of(*factor));
    let (name, factor) = exact.or(units.last()).copied().unwrap_or(("", 1));
    (value / factor, name)
}

impl FromStr for ByteSize {
    type Err = UnitError;
    fn from_str(text: &str) -> Result<Self, UnitError> {
        parse(text, BYTE_UNITS, "B, KiB, MiB, GiB").map(Self)
    }
}

impl FromStr for Bandwidth {
    type Err = UnitError;
    fn from_str(text: &str) -> Result<Self, UnitError> {
        let units = "B/s, KiB/s, MiB/s, GiB/s";
        let size = text.trim().strip_suffix("/s");
        let size = size.ok_or_else(|| UnitError::Unit {
            unit: text.to_owned(),
            allowed: units,
        })?;
        match parse(size, BYTE_UNITS, units)? {
            0 => Err(UnitError::Zero(text.to_owned())),
            bytes => Ok(Self(bytes)),
        }
    }
}

impl FromStr for Span {
    type Err = UnitError;
    fn from_str(text: &str) -> Result<Self, UnitError> {
        parse(text, SPAN_UNITS, "ms, s, m, h, d")
            .map(Duration::from_millis)
            .map(Self)
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (n, unit) = unit_of(self.0, BYTE_UNITS);
        write!(f, "{n} {unit}")
    }
}

impl fmt::Display for Bandwidth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/s", ByteSize(self.0))
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX);
        let (n, unit) = unit_of(millis, SPAN_UNITS);
        write!(f, "{n}{unit}")
    }
}

/// They are read from and written as their text.
macro_rules! as_text {
    ($name:ident) => {
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?
                    .parse()
                    .map_err(D::Error::custom)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
    };
}

as_text!(Bandwidth);
as_text!(ByteSize);
as_text!(Span);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_writes_units() {
        assert_eq!("64 MiB".parse(), Ok(ByteSize(64 << 20)));
        assert_eq!("64MiB".parse::<ByteSize>().unwrap().to_string(), "64 MiB");
        assert_eq!("0 B".parse::<ByteSize>().unwrap().to_string(), "0 B");
        assert_eq!("64 KiB/s".parse(), Ok(Bandwidth(64 << 10)));
        assert_eq!(
            "1024 B/s".parse::<Bandwidth>().unwrap().to_string(),
            "1 KiB/s"
        );
        for text in ["64 KiB", "0 B/s", "fast", "-1 B/s"] {
            assert!(text.parse::<Bandwidth>().is_err(), "{text}");
        }
        assert_eq!("1500ms".parse(), Ok(Span(Duration::from_millis(1500))));
        assert_eq!("90s".parse::<Span>().unwrap().to_string(), "90s");
        assert_eq!("120s".parse::<Span>().unwrap().to_string(), "2m");
    }

    #[test]
    fn names_what_is_wrong() {
        assert!(
            "64".parse::<ByteSize>()
                .unwrap_err()
                .to_string()
                .contains("KiB")
        );
        assert!(
            "MiB"
                .parse::<ByteSize>()
                .unwrap_err()
                .to_string()
                .contains("whole number")
        );
        assert!("99999999999999999999d".parse::<Span>().is_err());
    }
}
