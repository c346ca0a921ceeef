//! Undoes `Content-Encoding`, stopping where the limit is reached: a bomb costs no more than an
//! honest body of the largest size.

use std::io::Read;

use bytes::Bytes;

use super::body::Held;
use crate::pipeline::Refusal;
use crate::unpack::{Packing, ZSTD_WINDOW_LOG_MAX};

/// Working memory of the decoders besides their window, in bytes.
const DECODER_BYTES: usize = 64 * 1024;

/// How a body is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    Identity,
    Gzip,
    Deflate,
    Brotli,
    Zstd,
}

impl Encoding {
    /// Real clients send an empty value and `UTF-8`; both mean that nothing was done. Of a list,
    /// one may be something.
    pub(super) fn parse(value: Option<&str>) -> Result<Self, Refusal> {
        let value = value.unwrap_or_default().to_ascii_lowercase();
        let mut found = Self::Identity;
        for one in value.split(',') {
            let one = match one.trim() {
                "" | "identity" | "utf-8" | "utf8" => continue,
                "gzip" | "x-gzip" => Self::Gzip,
                "deflate" => Self::Deflate,
                "br" => Self::Brotli,
                "zstd" => Self::Zstd,
                _ => return Err(Refusal::Encoding),
            };
            if found != Self::Identity {
                return Err(Refusal::Encoding);
            }
            found = one;
        }
        Ok(found)
    }

    /// How a body that begins with these two bytes is packed; `None` where it is not.
    pub(super) fn packing(self, begin: &[u8]) -> Option<Packing> {
        Some(match self {
            Self::Identity => return None,
            Self::Gzip => Packing::Gzip,
            Self::Deflate if has_zlib_header(begin) => Packing::Zlib,
            Self::Deflate => Packing::Deflate,
            Self::Brotli => Packing::Brotli,
            Self::Zstd => Packing::Zstd,
        })
    }

    /// Working memory of a body that is unpacked while it comes, at most, in bytes.
    pub(super) fn memory(self) -> usize {
        self.packing(&[]).map_or(0, Packing::memory)
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Gzip => "gzip",
            Self::Deflate => "deflate",
            Self::Brotli => "br",
            Self::Zstd => "zstd",
        }
    }
}

/// The body unpacked, at most `bytes_max` long.
pub(super) fn decode(
    encoding: Encoding,
    body: Bytes,
    bytes_max: usize,
    held: &mut Held,
) -> Result<Bytes, Refusal> {
    let around = body.len() + window(encoding, &body) + DECODER_BYTES;
    let unpacked = unpack(encoding, body, bytes_max, around, held)?;
    // What is scrubbed is a second copy.
    held.resize(unpacked.len().saturating_mul(2))?;
    Ok(unpacked)
}

fn unpack(
    encoding: Encoding,
    body: Bytes,
    bytes_max: usize,
    around: usize,
    held: &mut Held,
) -> Result<Bytes, Refusal> {
    if encoding == Encoding::Identity || body.is_empty() {
        return if body.len() > bytes_max {
            Err(Refusal::BodyTooLarge { bytes_max })
        } else {
            Ok(body)
        };
    }
    let mut sink = Sink {
        bytes_max,
        around,
        guess: guess(encoding, &body).clamp(PAGE, bytes_max + 1),
        held,
    };
    let result = match encoding {
        Encoding::Identity => Ok(body),
        Encoding::Gzip => {
            let reader = flate2::bufread::MultiGzDecoder::new(body.as_ref());
            sink.drain(reader)
        }
        Encoding::Deflate if has_zlib_header(&body) => {
            let reader = flate2::bufread::ZlibDecoder::new(body.as_ref());
            sink.drain(reader)
        }
        Encoding::Deflate => {
            let reader = flate2::bufread::DeflateDecoder::new(body.as_ref());
            sink.drain(reader)
        }
        Encoding::Brotli => {
            let reader = brotli::Decompressor::new(body.as_ref(), 4096);
            sink.drain(reader)
        }
        Encoding::Zstd => {
            let reader = zstd::Decoder::with_buffer(body.as_ref()).and_then(|mut reader| {
                reader.window_log_max(ZSTD_WINDOW_LOG_MAX)?;
                Ok(reader)
            });
            reader
                .map_err(|_| Failure::Broken)
                .and_then(|reader| sink.drain(reader))
        }
    };
    result.map_err(|failure| match failure {
        Failure::Refused(refusal) => refusal,
        Failure::Broken => Refusal::Compression {
            encoding: encoding.name(),
        },
    })
}

enum Failure {
    Refused(Refusal),
    Broken,
}

/// Where unpacked bytes go.
struct Sink<'a> {
    bytes_max: usize,
    /// Memory that is needed besides.
    around: usize,
    /// How much may come.
    guess: usize,
    held: &'a mut Held,
}

impl Sink<'_> {
    /// Reads to the end, asking for memory before taking it.
    fn drain(&mut self, mut reader: impl Read) -> Result<Bytes, Failure> {
        let mut out: Vec<u8> = Vec::new();
        let mut capacity = self.guess;
        loop {
            self.held
                .grow(self.around + capacity)
                .map_err(Failure::Refused)?;
            out.reserve_exact(capacity - out.len());
            let room = (capacity - out.len()) as u64;
            let read = (&mut reader).take(room).read_to_end(&mut out);
            if out.len() > self.bytes_max {
                let bytes_max = self.bytes_max;
                return Err(Failure::Refused(Refusal::BodyTooLarge { bytes_max }));
            }
            read.map_err(|_| Failure::Broken)?;
            if out.len() < capacity {
                return Ok(Bytes::from(out));
            }
            capacity = capacity.saturating_mul(2).min(self.bytes_max + 1);
        }
    }
}

/// How much the body may become. Gzip says so in its last bytes, which need not be true.
fn guess(encoding: Encoding, body: &[u8]) -> usize {
    let usual = body.len().saturating_mul(6);
    match (encoding, body.last_chunk()) {
        (Encoding::Gzip, Some(size)) => {
            let size = usize::try_from(u32::from_le_bytes(*size)).unwrap_or(usize::MAX);
            // One more, to see that the end is the end.
            (size + 1).min(usual.saturating_mul(4))
        }
        _ => usual,
    }
}

/// The least that is asked for.
const PAGE: usize = 4096;

/// RFC 1950: method 8, and a checksum over the first two bytes.
fn has_zlib_header(body: &[u8]) -> bool {
    match body {
        [first, second, ..] => {
            first & 0x0f == 8 && u16::from_be_bytes([*first, *second]).is_multiple_of(31)
        }
        _ => false,
    }
}

/// Memory for looking back that the body demands, in bytes.
fn window(encoding: Encoding, body: &[u8]) -> usize {
    match encoding {
        Encoding::Identity => 0,
        Encoding::Gzip | Encoding::Deflate => 32 * 1024,
        Encoding::Brotli => brotli_window(body),
        Encoding::Zstd => zstd_window(body),
    }
}

/// RFC 7932, section 9.1.
fn brotli_window(body: &[u8]) -> usize {
    let bits = body.first().copied().unwrap_or(0);
    let log = match (bits & 1, (bits >> 1) & 7, (bits >> 4) & 7) {
        (0, ..) => 16,
        (_, 0, 0) => 17,
        (_, 0, n) => 8 + u32::from(n),
        (_, n, _) => 17 + u32::from(n),
    };
    1 << log
}

/// RFC 8878, section 3.1.1.1.
fn zstd_window(body: &[u8]) -> usize {
    let Some([descriptor, window]) = body.get(4..6) else {
        return 0;
    };
    let is_single_segment = descriptor & 0x20 != 0;
    if is_single_segment {
        // The output is the window, and is held anyway.
        return 0;
    }
    let log = (10 + u32::from(window >> 3)).min(ZSTD_WINDOW_LOG_MAX);
    let base: usize = 1 << log;
    base + base / 8 * usize::from(window & 7)
}
