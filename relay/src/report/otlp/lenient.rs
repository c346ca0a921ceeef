//! How JSON writes what protobuf knows by its type: 64-bit numbers as texts, ids as hexadecimal
//! digits, enumerations by name.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer};

use crate::unpack;

/// A number, or a text that holds one.
pub(super) trait Number: Sized {
    fn from_i64(value: i64) -> Option<Self>;
    fn from_u64(value: u64) -> Option<Self>;
    fn from_f64(value: f64) -> Option<Self>;
    fn from_text(text: &str) -> Option<Self>;
}

macro_rules! whole {
    ($ty:ty) => {
        impl Number for $ty {
            fn from_i64(value: i64) -> Option<Self> {
                value.try_into().ok()
            }
            fn from_u64(value: u64) -> Option<Self> {
                value.try_into().ok()
            }
            fn from_f64(value: f64) -> Option<Self> {
                #[expect(clippy::cast_possible_truncation, reason = "checked on the next line")]
                let whole = value as i64;
                #[expect(
                    clippy::cast_precision_loss,
                    clippy::float_cmp,
                    reason = "exact or none"
                )]
                (whole as f64 == value)
                    .then(|| whole.try_into().ok())
                    .flatten()
            }
            fn from_text(text: &str) -> Option<Self> {
                text.trim().parse().ok()
            }
        }
    };
}

whole!(u64);
whole!(i64);
whole!(i32);

impl Number for f64 {
    #[expect(clippy::cast_precision_loss, reason = "a fraction was asked for")]
    fn from_i64(value: i64) -> Option<Self> {
        Some(value as Self)
    }
    #[expect(clippy::cast_precision_loss, reason = "a fraction was asked for")]
    fn from_u64(value: u64) -> Option<Self> {
        Some(value as Self)
    }
    fn from_f64(value: f64) -> Option<Self> {
        Some(value)
    }
    fn from_text(text: &str) -> Option<Self> {
        text.trim().parse().ok()
    }
}

struct NumberVisitor<T>(PhantomData<T>);

impl<T: Number> Visitor<'_> for NumberVisitor<T> {
    type Value = Option<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number, or a text with one")
    }
    fn visit_i64<E: Error>(self, value: i64) -> Result<Option<T>, E> {
        T::from_i64(value)
            .map(Some)
            .ok_or_else(|| E::custom("number out of range"))
    }
    fn visit_u64<E: Error>(self, value: u64) -> Result<Option<T>, E> {
        T::from_u64(value)
            .map(Some)
            .ok_or_else(|| E::custom("number out of range"))
    }
    fn visit_f64<E: Error>(self, value: f64) -> Result<Option<T>, E> {
        T::from_f64(value)
            .map(Some)
            .ok_or_else(|| E::custom("number is not whole"))
    }
    fn visit_str<E: Error>(self, text: &str) -> Result<Option<T>, E> {
        T::from_text(text)
            .map(Some)
            .ok_or_else(|| E::custom("text holds no number"))
    }
    fn visit_unit<E: Error>(self) -> Result<Option<T>, E> {
        Ok(None)
    }
}

fn number<'de, D: Deserializer<'de>, T: Number>(deserializer: D) -> Result<Option<T>, D::Error> {
    deserializer.deserialize_any(NumberVisitor(PhantomData))
}

pub(super) fn whole<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    Ok(number(deserializer)?.unwrap_or_default())
}

/// A list of numbers; one that is null is zero.
pub(super) fn numbers<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Number + Default,
{
    let list = Option::<Vec<Lenient<T>>>::deserialize(deserializer)?;
    let list = list.unwrap_or_default().into_iter();
    Ok(list.map(|Lenient(number)| number).collect())
}

/// One of them.
struct Lenient<T>(T);

impl<'de, T: Number + Default> Deserialize<'de> for Lenient<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(number(deserializer)?.unwrap_or_default()))
    }
}

/// Bits; those beyond the ones that are known mean nothing here.
pub(super) fn flags<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    let bits = whole(deserializer)? & u64::from(u32::MAX);
    Ok(u32::try_from(bits).unwrap_or_default())
}

pub(super) fn signed<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    number(deserializer)
}

pub(super) fn fraction<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<f64>, D::Error> {
    number(deserializer)
}

pub(super) fn plain_fraction<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    Ok(number(deserializer)?.unwrap_or_default())
}

/// Hexadecimal digits, or what protobuf itself makes of bytes; what is neither is no id.
pub(super) fn id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?.unwrap_or_default();
    let id = || unpack::base64(text.as_bytes()).filter(|bytes| matches!(bytes.len(), 8 | 16));
    Ok(digits(&text).or_else(id).unwrap_or_default())
}

/// The bytes of a text of hexadecimal digits.
fn digits(text: &str) -> Option<Vec<u8>> {
    if text.len() > 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let pairs = text.as_bytes().chunks(2);
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    pairs.map(byte).collect()
}

pub(super) fn base64<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Vec<u8>>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    Ok(text.and_then(|text| unpack::base64(text.as_bytes())))
}

/// A value of an enumeration: its number, or its name, of which only the severities' and the
/// kinds' order matters here. What is neither is the first, which says nothing.
pub(super) fn choice<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i32, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Choice {
        Number(f64),
        Name(String),
        None(()),
    }
    Ok(match Choice::deserialize(deserializer)? {
        Choice::Number(number) => i32::from_f64(number).unwrap_or_default(),
        Choice::Name(name) => name.parse().unwrap_or_else(|_| named(&name)),
        Choice::None(()) => 0,
    })
}

fn named(name: &str) -> i32 {
    match name {
        "SPAN_KIND_INTERNAL" | "STATUS_CODE_OK" | "AGGREGATION_TEMPORALITY_DELTA" => 1,
        "SPAN_KIND_SERVER" | "STATUS_CODE_ERROR" | "AGGREGATION_TEMPORALITY_CUMULATIVE" => 2,
        "SPAN_KIND_CLIENT" => 3,
        "SPAN_KIND_PRODUCER" => 4,
        "SPAN_KIND_CONSUMER" => 5,
        _ => name.strip_prefix("SEVERITY_NUMBER_").map_or(0, severity),
    }
}

/// `WARN`, `WARN2`, …
fn severity(name: &str) -> i32 {
    let base = name.trim_end_matches(|c: char| c.is_ascii_digit());
    let first = match base {
        "TRACE" => 1,
        "DEBUG" => 5,
        "INFO" => 9,
        "WARN" => 13,
        "ERROR" => 17,
        "FATAL" => 21,
        _ => return 0,
    };
    let more = name
        .get(base.len()..)
        .and_then(|digits| digits.parse().ok());
    first + more.map_or(0, |n: i32| n.clamp(1, 4) - 1)
}
