//! MessagePack, read only after a walk over it has proved that its lengths and depth are honest.

use std::marker::PhantomData;

use serde::de::DeserializeSeed;
use serde::{Deserialize, Serialize};

use super::WireError;
use crate::limits::{BLOCK_RAW_BYTES_MAX, MSGPACK_DEPTH_MAX};

/// Reads one value that fills `bytes` entirely.
///
/// # Errors
/// [`WireError`] when it is too large, too deep, cut off, followed by more, or of another shape.
pub fn decode_msgpack<'de, T: Deserialize<'de>>(bytes: &'de [u8]) -> Result<T, WireError> {
    let (value, rest) = decode_msgpack_next(bytes)?;
    if rest.is_empty() {
        Ok(value)
    } else {
        Err(WireError::Trailing { n: rest.len() })
    }
}

/// Reads the first value of a sequence; gives it and the bytes behind it.
///
/// # Errors
/// [`WireError`] when it is too large, too deep, cut off, or of another shape.
pub fn decode_msgpack_next<'de, T: Deserialize<'de>>(
    bytes: &'de [u8],
) -> Result<(T, &'de [u8]), WireError> {
    decode_msgpack_by(PhantomData, bytes, MSGPACK_DEPTH_MAX)
}

/// Reads the first value of a sequence that others wrote, by a seed that bounds what is made of it.
///
/// # Errors
/// [`WireError`] when it is too large, deeper than `depth_max`, cut off, or not to the seed's liking.
pub fn decode_msgpack_by<'de, S: DeserializeSeed<'de>>(
    seed: S,
    bytes: &'de [u8],
    depth_max: usize,
) -> Result<(S::Value, &'de [u8]), WireError> {
    let rest = skip_value(bytes, depth_max).map_err(|error| match error {
        WireError::TooDeep { .. } => WireError::TooDeep { max: depth_max },
        other => other,
    })?;
    let (value, rest) = bytes
        .split_at_checked(bytes.len() - rest.len())
        .ok_or(WireError::Truncated)?;
    if value.len() > BLOCK_RAW_BYTES_MAX {
        return Err(WireError::TooLarge {
            what: "MessagePack value",
            len: value.len() as u64,
            max: BLOCK_RAW_BYTES_MAX,
        });
    }
    // The walk above has proved the value's lengths and depth.
    let mut reader = rmp_serde::Deserializer::from_read_ref(value);
    let value = seed.deserialize(&mut reader).map_err(WireError::Shape)?;
    Ok((value, rest))
}

/// Writes a value: structs as arrays, so that bulk entries are small.
///
/// # Errors
/// [`WireError::Encode`] when the value has a sequence without a known length.
pub fn encode_msgpack<T: Serialize>(value: &T) -> Result<Vec<u8>, WireError> {
    rmp_serde::to_vec(value).map_err(WireError::Encode)
}

/// Writes a value: structs as maps, so that fields can be added and skipped.
///
/// # Errors
/// [`WireError::Encode`] when the value has a sequence without a known length.
pub fn encode_msgpack_named<T: Serialize>(value: &T) -> Result<Vec<u8>, WireError> {
    rmp_serde::to_vec_named(value).map_err(WireError::Encode)
}

/// Walks over one value without decoding it; gives the bytes behind it.
fn skip_value(bytes: &[u8], depth_left: usize) -> Result<&[u8], WireError> {
    let (&marker, rest) = bytes.split_first().ok_or(WireError::Truncated)?;
    match marker {
        0x00..=0x7f | 0xc0..=0xc3 | 0xe0..=0xff => Ok(rest),
        0x80..=0x8f => skip_values(rest, u64::from(marker & 0x0f) * 2, depth_left),
        0x90..=0x9f => skip_values(rest, u64::from(marker & 0x0f), depth_left),
        0xa0..=0xbf => skip_bytes(rest, u64::from(marker & 0x1f)),
        0xc4 | 0xd9 => take_len(rest, 1).and_then(|(n, rest)| skip_bytes(rest, n)),
        0xc5 | 0xda => take_len(rest, 2).and_then(|(n, rest)| skip_bytes(rest, n)),
        0xc6 | 0xdb => take_len(rest, 4).and_then(|(n, rest)| skip_bytes(rest, n)),
        0xc7 => take_len(rest, 1).and_then(|(n, rest)| skip_bytes(rest, n + 1)),
        0xc8 => take_len(rest, 2).and_then(|(n, rest)| skip_bytes(rest, n + 1)),
        0xc9 => take_len(rest, 4).and_then(|(n, rest)| skip_bytes(rest, n + 1)),
        0xcc | 0xd0 => skip_bytes(rest, 1),
        0xcd | 0xd1 => skip_bytes(rest, 2),
        0xca | 0xce | 0xd2 => skip_bytes(rest, 4),
        0xcb | 0xcf | 0xd3 => skip_bytes(rest, 8),
        0xd4 => skip_bytes(rest, 2),
        0xd5 => skip_bytes(rest, 3),
        0xd6 => skip_bytes(rest, 5),
        0xd7 => skip_bytes(rest, 9),
        0xd8 => skip_bytes(rest, 17),
        0xdc => take_len(rest, 2).and_then(|(n, rest)| skip_values(rest, n, depth_left)),
        0xdd => take_len(rest, 4).and_then(|(n, rest)| skip_values(rest, n, depth_left)),
        0xde => take_len(rest, 2).and_then(|(n, rest)| skip_values(rest, n * 2, depth_left)),
        0xdf => take_len(rest, 4).and_then(|(n, rest)| skip_values(rest, n * 2, depth_left)),
    }
}

fn skip_values(mut bytes: &[u8], n: u64, depth_left: usize) -> Result<&[u8], WireError> {
    let depth_left = depth_left.checked_sub(1).ok_or(WireError::TooDeep {
        max: MSGPACK_DEPTH_MAX,
    })?;
    // A value takes at least a byte: a count beyond the bytes at hand is a lie.
    if n > bytes.len() as u64 {
        return Err(WireError::Truncated);
    }
    for _ in 0..n {
        bytes = skip_value(bytes, depth_left)?;
    }
    Ok(bytes)
}

fn skip_bytes(bytes: &[u8], n: u64) -> Result<&[u8], WireError> {
    let n = usize::try_from(n).map_err(|_| WireError::Truncated)?;
    bytes.get(n..).ok_or(WireError::Truncated)
}

/// A big-endian length of `width` bytes, and the bytes behind it.
fn take_len(bytes: &[u8], width: usize) -> Result<(u64, &[u8]), WireError> {
    let (len, rest) = bytes.split_at_checked(width).ok_or(WireError::Truncated)?;
    let len = len
        .iter()
        .fold(0, |len, byte| (len << 8) | u64::from(*byte));
    Ok((len, rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn refuses_lengths_that_the_bytes_cannot_hold() {
        let check = |bytes: &[u8]| {
            let result = decode_msgpack::<Vec<u64>>(bytes);
            assert!(matches!(result, Err(WireError::Truncated)), "{bytes:x?}");
        };
        check(b"");
        check(b"\xdd\xff\xff\xff\xff\x01");
        check(b"\xdf\xff\xff\xff\xff\x01");
        check(b"\xc6\xff\xff\xff\xff\x01");
        check(b"\xdb\x00\x00\x00\x02a");
        check(b"\x92\x01");
    }

    #[test]
    fn refuses_nesting_beyond_the_limit() {
        let mut bytes = vec![0x91; MSGPACK_DEPTH_MAX];
        bytes.push(0);
        assert!(skip_value(&bytes, MSGPACK_DEPTH_MAX).is_ok());
        bytes.insert(0, 0x91);
        let result = decode_msgpack::<u8>(&bytes);
        assert!(matches!(result, Err(WireError::TooDeep { .. })));
    }

    #[test]
    fn refuses_bytes_behind_the_value() {
        let result = decode_msgpack::<u8>(&[1, 2]);
        assert!(matches!(result, Err(WireError::Trailing { n: 1 })));
        assert_eq!(decode_msgpack_next::<u8>(&[1, 2]).unwrap(), (1, &[2][..]));
    }

    proptest! {
        #[test]
        fn reads_what_it_wrote(value: (u64, i64, String, Vec<(bool, Option<f64>)>)) {
            let bytes = encode_msgpack(&value).unwrap();
            let read: (u64, i64, String, Vec<(bool, Option<f64>)>) =
                decode_msgpack(&bytes).unwrap();
            prop_assert_eq!(read, value);
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes: Vec<u8>) {
            drop(decode_msgpack::<(u64, String)>(&bytes));
            drop(skip_value(&bytes, MSGPACK_DEPTH_MAX));
        }
    }
}
