//! Recordings of replays, a part at a time: looking at what was packed to a tenth costs little memory.
//!
//! A recording is a line of JSON, then an array of what happened, plain or as zlib. Whoever scrubs a
//! packed one gets arrays of some of its elements, in their order: the shape that rules know.

use std::io::{self, BufReader, Read as _, Write as _};

use bytes::Bytes;
use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;
use protocol::outcome::reason;

/// Bytes inflated at a time.
const CHUNK_BYTES: usize = 64 * 1024;

/// How much a packed recording may be, in bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Once it is packed again.
    pub(super) packed: usize,
    /// Inflated.
    pub(super) inflated: usize,
    /// One of its elements.
    pub(super) element: usize,
    /// Elements that are gathered into one part.
    pub(super) part: usize,
}

/// The reason of an outcome.
type Refused = &'static str;

/// The recording with each of its parts as `scrub` gives it back; what is packed stays the very same
/// where nothing is changed.
///
/// # Errors
/// Of what is no recording, is too large, or is refused by `scrub`.
pub(super) fn scrubbed(
    payload: &Bytes,
    limits: Limits,
    mut scrub: impl FnMut(&Bytes) -> Result<Bytes, Refused>,
) -> Result<Bytes, Refused> {
    let newline = payload.iter().position(|b| *b == b'\n');
    let newline = newline.ok_or(reason::INVALID_JSON)?;
    let (line, body) = (payload.slice(..newline), payload.slice(newline + 1..));
    let line = scrub(&line)?;
    let is_plain = matches!(body.trim_ascii_start().first(), Some(b'[' | b'{'));
    let body = if body.is_empty() {
        body
    } else if is_plain {
        scrub(&body)?
    } else {
        repacked(&body, limits, scrub)?
    };
    Ok(Bytes::from([&line[..], b"\n", &body].concat()))
}

/// As [`scrubbed`], of what stands packed behind the first line.
fn repacked(
    body: &Bytes,
    limits: Limits,
    mut scrub: impl FnMut(&Bytes) -> Result<Bytes, Refused>,
) -> Result<Bytes, Refused> {
    let mut parts = Parts::begin(body, limits)?;
    let mut pack: Option<Pack> = None;
    while let Some(part) = parts.next()? {
        let json = scrub(&part.json)?;
        if pack.is_none() && json == part.json {
            continue;
        }
        let mut under_way = match pack.take() {
            Some(pack) => pack,
            // What is before it was not changed.
            None => Pack::of_first(body, part.from)?,
        };
        under_way.add(part.opener, &json)?;
        if under_way.len() > limits.packed {
            return Err(reason::TOO_LARGE);
        }
        pack = Some(under_way);
    }
    pack.map_or_else(|| Ok(body.clone()), Pack::finish)
}

/// Some elements of the array.
struct Part {
    /// How much is inflated before them and their opener.
    from: usize,
    /// What stands before them: the array's bracket or a comma.
    opener: u8,
    /// They alone, as an array.
    json: Bytes,
}

/// The parts of a packed recording.
struct Parts<'a> {
    bytes: io::Bytes<BufReader<ZlibDecoder<&'a [u8]>>>,
    limits: Limits,
    n_read: usize,
    opener: u8,
    has_ended: bool,
}

impl<'a> Parts<'a> {
    fn begin(body: &'a [u8], limits: Limits) -> Result<Self, Refused> {
        let inflated = BufReader::with_capacity(CHUNK_BYTES, ZlibDecoder::new(body));
        let mut parts = Self {
            bytes: inflated.bytes(),
            limits,
            n_read: 0,
            opener: b'[',
            has_ended: false,
        };
        match parts.behind_white_space()? {
            Some(b'[') => Ok(parts),
            _ => Err(reason::INVALID_JSON),
        }
    }

    /// JSON that is wrong inside of a part is left to who reads that.
    fn next(&mut self) -> Result<Option<Part>, Refused> {
        if self.has_ended {
            return Ok(None);
        }
        let (from, opener) = (self.n_read - 1, self.opener);
        let mut json = vec![b'['];
        let mut text = Text::default();
        loop {
            let byte = self.byte()?.ok_or(reason::INVALID_JSON)?;
            match byte {
                b']' if text.is_between() => {
                    self.has_ended = true;
                    break;
                }
                b',' if text.is_between() && json.len() >= self.limits.part => break,
                _ => text.pass(byte),
            }
            json.push(byte);
            if json.len() > self.limits.element {
                return Err(reason::TOO_LARGE);
            }
        }
        let is_blank = json.trim_ascii_end() == b"[";
        if is_blank && opener == b',' || self.has_ended && self.behind_white_space()?.is_some() {
            return Err(reason::INVALID_JSON);
        }
        self.opener = b',';
        json.push(b']');
        let json = Bytes::from(json);
        Ok(Some(Part { from, opener, json }))
    }

    fn behind_white_space(&mut self) -> Result<Option<u8>, Refused> {
        loop {
            match self.byte()? {
                Some(byte) if byte.is_ascii_whitespace() => {}
                other => return Ok(other),
            }
        }
    }

    fn byte(&mut self) -> Result<Option<u8>, Refused> {
        let Some(byte) = self.bytes.next() else {
            return Ok(None);
        };
        self.n_read += 1;
        if self.n_read > self.limits.inflated {
            return Err(reason::TOO_LARGE);
        }
        byte.map(Some).map_err(|_| reason::INVALID_COMPRESSION)
    }
}

/// Where in the array the next byte stands.
#[derive(Default)]
struct Text {
    /// Brackets that are open beside the array's.
    depth: usize,
    in_string: bool,
    is_escaped: bool,
}

impl Text {
    const fn is_between(&self) -> bool {
        self.depth == 0 && !self.in_string
    }

    const fn pass(&mut self, byte: u8) {
        match byte {
            _ if self.is_escaped => self.is_escaped = false,
            b'\\' if self.in_string => self.is_escaped = true,
            b'"' => self.in_string = !self.in_string,
            _ if self.in_string => {}
            b'[' | b'{' => self.depth += 1,
            b']' | b'}' => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
    }
}

/// A recording that is packed again.
struct Pack(ZlibEncoder<Vec<u8>>);

impl Pack {
    /// Begins with what is inflated of another before a place.
    fn of_first(body: &[u8], upto: usize) -> Result<Self, Refused> {
        let mut encoder = ZlibEncoder::new(Vec::with_capacity(body.len()), Compression::fast());
        let mut before = ZlibDecoder::new(body).take(upto as u64);
        io::copy(&mut before, &mut encoder).map_err(|_| reason::INVALID_COMPRESSION)?;
        Ok(Self(encoder))
    }

    fn add(&mut self, opener: u8, json: &[u8]) -> Result<(), Refused> {
        let elements = json
            .strip_prefix(b"[")
            .and_then(|json| json.strip_suffix(b"]"));
        // What was taken whole is one element.
        let elements = elements.unwrap_or(json);
        self.write(&[opener])?;
        self.write(elements)
    }

    fn len(&self) -> usize {
        self.0.get_ref().len()
    }

    fn finish(mut self) -> Result<Bytes, Refused> {
        self.write(b"]")?;
        let packed = self.0.finish().map_err(|_| reason::INVALID_COMPRESSION)?;
        Ok(Bytes::from(packed))
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Refused> {
        let written = self.0.write_all(bytes);
        written.map_err(|_| reason::INVALID_COMPRESSION)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn packed(json: &[u8]) -> Bytes {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(json).unwrap();
        let body = encoder.finish().unwrap();
        Bytes::from([b"{\"segment_id\":0}\n".to_vec(), body].concat())
    }

    fn unpacked(recording: &[u8]) -> Vec<u8> {
        let at = recording.iter().position(|b| *b == b'\n').unwrap();
        let mut json = Vec::new();
        let mut decoder = ZlibDecoder::new(&recording[at + 1..]);
        decoder.read_to_end(&mut json).unwrap();
        json
    }

    /// Takes a word wherever it stands, as a scrubber does.
    fn without(word: &str) -> impl FnMut(&Bytes) -> Result<Bytes, Refused> {
        move |json| {
            let value: Value = serde_json::from_slice(json).map_err(|_| reason::INVALID_JSON)?;
            let text = String::from_utf8(json.to_vec()).unwrap();
            assert!(
                value.is_array() || json.len() < 100,
                "a part, or the first line"
            );
            assert!(json.len() < LIMITS.part + 5_000);
            Ok(Bytes::from(text.replace(word, "gone")))
        }
    }

    const LIMITS: Limits = Limits {
        packed: 100_000,
        inflated: 2_000_000,
        element: 50_000,
        part: 10_000,
    };

    #[test]
    fn one_in_many_parts_is_whole_and_clean() {
        let filler = "x".repeat(4_000);
        let mut elements: Vec<Value> = (0..400)
            .map(|n| json!({"type": 3, "data": {"n": n, "text": filler, "odd": "]},\"[\\"}}))
            .collect();
        let clean = packed(&serde_json::to_vec(&elements).unwrap());
        let same = scrubbed(&clean, LIMITS, without("hunter2")).unwrap();
        assert_eq!(same, clean, "what holds nothing stays as it is");
        elements[300] = json!({"type": 3, "data": "hunter2"});
        let with_one = packed(&serde_json::to_vec(&elements).unwrap());
        let cleaned = scrubbed(&with_one, LIMITS, without("hunter2")).unwrap();
        elements[300] = json!({"type": 3, "data": "gone"});
        assert!(unpacked(&cleaned) == serde_json::to_vec(&elements).unwrap());
    }

    #[test]
    fn bombs_stop_at_the_limit() {
        let element = format!("[\"{}\"]", "0".repeat(LIMITS.element));
        let refused = scrubbed(&packed(element.as_bytes()), LIMITS, without("hunter2"));
        assert_eq!(refused, Err(reason::TOO_LARGE));
        let many = format!("[{}0]", "0,".repeat(LIMITS.inflated / 2));
        let refused = scrubbed(&packed(many.as_bytes()), LIMITS, |part| Ok(part.clone()));
        assert_eq!(refused, Err(reason::TOO_LARGE));
    }

    #[test]
    fn what_is_no_recording_is_refused() {
        for json in ["", "[", "{}", "[1]]", "[1] 2", "[1,]", "[}", "[\"", "[{]"] {
            let refused = scrubbed(&packed(json.as_bytes()), LIMITS, without("hunter2"));
            assert_eq!(refused, Err(reason::INVALID_JSON), "{json}");
        }
        let cut = packed(b"[1,2,3,4,5,6,7,8,9]");
        let refused = scrubbed(&cut.slice(..cut.len() - 9), LIMITS, without("hunter2"));
        assert_eq!(refused, Err(reason::INVALID_COMPRESSION));
    }

    #[test]
    fn a_comma_at_the_end_of_a_part_is_none_at_the_end_of_the_array() {
        let json = format!("[\"{}\",]", "x".repeat(LIMITS.part));
        let refused = scrubbed(&packed(json.as_bytes()), LIMITS, without("hunter2"));
        assert_eq!(refused, Err(reason::INVALID_JSON));
    }

    proptest! {
        #[test]
        fn any_bytes_are_refused_or_given_back(json in "[\\[\\]{},:\"\\\\a1 ]{0,40}") {
            let is_array = serde_json::from_str::<Vec<Value>>(&json).is_ok();
            let packed = packed(json.as_bytes());
            let given = scrubbed(&packed, LIMITS, without("hunter2"));
            prop_assert_eq!(given.is_ok(), is_array);
            prop_assert!(given.is_err() || given == Ok(packed));
        }
    }
}
