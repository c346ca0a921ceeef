//! The body of the older protocol: one event, plain or packed.
//!
//! It is JSON, or JSON packed by zlib or gzip, or one of these in Base64, or a form with one of these
//! in `sentry_data`, or an envelope after all. Python clients of old wrote `NaN` and `Infinity`,
//! which are read as `null`.

use std::io::Read;

use bytes::Bytes;
use protocol::auth::query_pairs;
use protocol::envelope::{Envelope, EnvelopeHeader, EnvelopeItem, ItemHeader};
use protocol::item::ItemKind;
use protocol::limits::STORE_BYTES_MAX;

use super::items::{Peek, random_id};
use crate::unpack;

/// What some editors and shells put before a text.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Why a body is not an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// There is nothing.
    #[error("empty body")]
    Empty,
    /// Larger than allowed once unpacked.
    #[error("event is larger than {STORE_BYTES_MAX} bytes")]
    TooLarge,
    /// Neither JSON nor base64.
    #[error("body is neither json nor base64")]
    Encoding,
    /// Not a JSON object.
    #[error("event is not a json object")]
    NotJson,
    /// `event_id` is not a UUID.
    #[error("event has an invalid event id")]
    EventId,
}

/// The event as an envelope of one item.
pub(super) fn envelope(body: &Bytes) -> Result<Envelope, StoreError> {
    let payload = repaired(unpack(body)?);
    let peek = Peek::at(&payload).ok_or(StoreError::NotJson)?;
    if peek.has_bad_event_id() {
        return Err(StoreError::EventId);
    }
    let kind = if peek.is_transaction() {
        ItemKind::Transaction
    } else {
        ItemKind::Event
    };
    let header = EnvelopeHeader {
        event_id: Some(peek.event_id().unwrap_or_else(random_id)),
        ..EnvelopeHeader::default()
    };
    let item = EnvelopeItem {
        kind,
        header: ItemHeader::default(),
        payload,
    };
    Ok(Envelope {
        header,
        items: vec![item],
    })
}

/// The JSON inside.
fn unpack(body: &Bytes) -> Result<Bytes, StoreError> {
    if is_deflated(body) {
        return inflated(body);
    }
    let text = body.strip_prefix(BYTE_ORDER_MARK).unwrap_or(body);
    let body = body.slice_ref(text.trim_ascii());
    match body.first() {
        None => Err(StoreError::Empty),
        Some(b'{') => bounded(body),
        Some(_) if body.starts_with(b"sentry_data=") => {
            let text = std::str::from_utf8(&body).map_err(|_| StoreError::Encoding)?;
            let data = query_pairs(text).find(|(name, _)| name == "sentry_data");
            let data = data.map(|(_, value)| value.into_owned());
            packed(data.unwrap_or_default().trim().as_bytes())
        }
        Some(_) => packed(&body),
    }
}

fn packed(text: &[u8]) -> Result<Bytes, StoreError> {
    if text.first() == Some(&b'{') {
        return bounded(Bytes::copy_from_slice(text));
    }
    // A plus in a query was read as a space.
    let text: Vec<u8> = text
        .iter()
        .map(|b| if *b == b' ' { b'+' } else { *b })
        .filter(|b| !b.is_ascii_whitespace())
        .collect();
    let bytes = unpack::base64(&text).ok_or(StoreError::Encoding)?;
    if bytes.trim_ascii_start().first() == Some(&b'{') {
        return bounded(Bytes::from(bytes));
    }
    inflated(&bytes)
}

/// Whether bytes begin as gzip or zlib do, and so as no text.
fn is_deflated(bytes: &[u8]) -> bool {
    matches!(
        bytes,
        [0x1f, 0x8b, ..] | [0x78, 0x01 | 0x5e | 0x9c | 0xda, ..]
    )
}

fn inflated(packed: &[u8]) -> Result<Bytes, StoreError> {
    let mut json = Vec::new();
    let most = STORE_BYTES_MAX as u64 + 1;
    let read = match packed.first() {
        Some(0x1f) => flate2::read::GzDecoder::new(packed)
            .take(most)
            .read_to_end(&mut json),
        _ => flate2::read::ZlibDecoder::new(packed)
            .take(most)
            .read_to_end(&mut json),
    };
    read.map_err(|_| StoreError::Encoding)?;
    bounded(Bytes::from(json))
}

fn bounded(json: Bytes) -> Result<Bytes, StoreError> {
    if json.len() > STORE_BYTES_MAX {
        Err(StoreError::TooLarge)
    } else {
        Ok(json)
    }
}

/// Puts `null` where a bare `NaN` or `Infinity` stands, in texts that have one.
pub(super) fn repaired(json: Bytes) -> Bytes {
    const WORDS: [&[u8]; 3] = [b"-Infinity", b"Infinity", b"NaN"];
    let suspect = |word: &&[u8]| memchr::memmem::find(&json, word).is_some();
    if !WORDS.iter().skip(1).any(suspect) {
        return json;
    }
    let mut out = Vec::with_capacity(json.len());
    let mut rest: &[u8] = &json;
    let (mut in_text, mut escaped) = (false, false);
    while let Some((&byte, tail)) = rest.split_first() {
        let word = WORDS.iter().find_map(|word| rest.strip_prefix(*word));
        if let Some(tail) = word.filter(|_| !in_text) {
            out.extend_from_slice(b"null");
            rest = tail;
            continue;
        }
        in_text ^= byte == b'"' && !escaped;
        escaped = in_text && byte == b'\\' && !escaped;
        out.push(byte);
        rest = tail;
    }
    Bytes::from(out)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    use super::*;

    const ID: &str = "0ce3763a664740e48329d8add471c1d7";

    fn zlib(data: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(data).unwrap();
        encoder.finish().unwrap()
    }

    fn gzip(data: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(data).unwrap();
        encoder.finish().unwrap()
    }

    fn check(body: impl Into<Vec<u8>>, expected: Result<&str, StoreError>) {
        let body = Bytes::from(body.into());
        let found = envelope(&body).map(|envelope| envelope.items[0].payload.clone());
        assert_eq!(
            found,
            expected.map(|e| Bytes::from(e.to_owned())),
            "{body:?}"
        );
    }

    #[test]
    fn reads_every_packing() {
        let json = format!("{{\"event_id\":\"{ID}\",\"message\":\"a+b\"}}");
        let form = |data: &str| {
            let data = data.replace('+', "%2B").replace('=', "%3D");
            format!("sentry_data={data}&x=1")
        };
        let base64 = STANDARD.encode(&json);
        let packed = STANDARD.encode(zlib(json.as_bytes()));
        check(json.clone(), Ok(&json));
        check(format!(" {json}\n"), Ok(&json));
        check(base64.clone(), Ok(&json));
        check(packed.clone(), Ok(&json));
        check(form(&packed), Ok(&json));
        check(form(&base64), Ok(&json));
        check(form(&json), Ok(&json));
        check(zlib(json.as_bytes()), Ok(&json));
        check(gzip(json.as_bytes()), Ok(&json));
        check(STANDARD.encode(gzip(json.as_bytes())), Ok(&json));
        check(packed.trim_end_matches('='), Ok(&json));
        check(packed.replace('+', "-").replace('/', "_"), Ok(&json));
        check(format!("\u{feff}{json}"), Ok(&json));
        let found = envelope(&Bytes::from(packed)).unwrap();
        assert_eq!(found.header.event_id.unwrap().to_string(), ID);
    }

    #[test]
    fn tells_transactions_and_makes_ids() {
        let found = envelope(&Bytes::from("{\"type\":\"transaction\"}")).unwrap();
        assert_eq!(found.items[0].kind, ItemKind::Transaction);
        assert!(found.header.event_id.is_some());
    }

    #[test]
    fn reads_bare_numbers_that_are_none_as_null() {
        check(
            r#"{"a":NaN,"b":-Infinity,"c":[Infinity],"d":"NaN \" Infinity"}"#,
            Ok(r#"{"a":null,"b":null,"c":[null],"d":"NaN \" Infinity"}"#),
        );
    }

    #[test]
    fn says_what_is_wrong() {
        check("", Err(StoreError::Empty));
        check("  \n", Err(StoreError::Empty));
        check("hello world!", Err(StoreError::Encoding));
        check(STANDARD.encode("no json"), Err(StoreError::Encoding));
        check("{\"a\":", Err(StoreError::NotJson));
        check(STANDARD.encode(zlib(b"[1]")), Err(StoreError::NotJson));
        check("{\"event_id\":\"abc\"}", Err(StoreError::EventId));
        let large = format!("{{\"a\":\"{}\"}}", "x".repeat(STORE_BYTES_MAX));
        check(large.clone(), Err(StoreError::TooLarge));
        let bomb = STANDARD.encode(zlib(&vec![b' '; 20 * STORE_BYTES_MAX]));
        check(bomb, Err(StoreError::TooLarge));
    }
}
