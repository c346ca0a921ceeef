//! Undoes packing step by step.
//!
//! What always holds: a step gives no more than a mebibyte, whatever its bytes say, so that a bomb
//! costs no more than what it is allowed to become; windows and dictionaries are bounded; bytes that
//! end early are told apart from those that are whole. It waits for nothing and knows no file.
//!
//! To add a packing: its variant in [`Packing`], what it begins with, and its arm of `run`.

mod base64;

use std::fmt;
use std::io::{self, Write as _};

use brotli::{BrotliDecompressStream, BrotliResult, BrotliState, HeapAlloc, HuffmanCode};
use bytes::{Buf as _, Bytes, BytesMut};
use flate2::write::MultiGzDecoder;
use lzma_rust2::{Action, Status, XzStream};
use zstd::stream::raw::{DParameter, Decoder, InBuffer, Operation as _, OutBuffer};

pub use self::base64::base64;

/// Packed bytes that gzip's decoder, which has no bound of its own, is given in a step: it makes at
/// most some thousand times as many of them.
const STEP_BYTES: usize = 1024;
/// What the others may give in one step, in bytes.
const STEP_OUT_BYTES: usize = 64 * 1024;
/// Largest window of a zstd frame that is accepted, as a power of two. Source: RFC 9659.
pub const ZSTD_WINDOW_LOG_MAX: u32 = 23;
/// Largest dictionary of an xz stream that is accepted, in KiB.
const XZ_MEMORY_KIB: u32 = 16 * 1024;

/// How bytes are packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packing {
    /// RFC 1952, one or several members.
    Gzip,
    /// RFC 1950.
    Zlib,
    /// RFC 1951, with nothing around it.
    Deflate,
    /// RFC 7932.
    Brotli,
    /// RFC 8878, one or several frames.
    Zstd,
    /// One or several streams.
    Xz,
    /// One or several streams.
    Bzip2,
}

impl Packing {
    /// What a file's first bytes tell; `None` where they tell of no packing.
    #[must_use]
    pub fn of(file: &[u8]) -> Option<Self> {
        let begins: [(&[u8], Self); 4] = [
            (&[0x1f, 0x8b], Self::Gzip),
            (&[0x28, 0xb5, 0x2f, 0xfd], Self::Zstd),
            (b"\xfd7zXZ\0", Self::Xz),
            (b"BZh", Self::Bzip2),
        ];
        let mut known = begins.iter();
        known
            .find(|(begin, _)| file.starts_with(begin))
            .map(|(_, packing)| *packing)
    }

    /// The name of it, as clients know it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Zlib => "zlib",
            Self::Deflate => "deflate",
            Self::Brotli => "br",
            Self::Zstd => "zstd",
            Self::Xz => "xz",
            Self::Bzip2 => "bzip2",
        }
    }

    /// Working memory at most, in bytes.
    #[must_use]
    pub const fn memory(self) -> usize {
        match self {
            Self::Gzip | Self::Zlib | Self::Deflate => 2 * 1024 * 1024,
            Self::Brotli | Self::Xz => 17 * 1024 * 1024,
            Self::Zstd => 9 * 1024 * 1024,
            Self::Bzip2 => 4 * 1024 * 1024,
        }
    }
}

/// The bytes are not what they are said to be, or end early.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot be decompressed as {}", .0.name())]
pub struct Broken(pub Packing);

/// Undoes one packing.
pub struct Unpacker {
    packing: Packing,
    decoder: Decoding,
    /// Nothing is missing of what came.
    is_whole: bool,
    /// What comes behind the end is passed over.
    has_ended: bool,
}

type Brotli = BrotliState<HeapAlloc<u8>, HeapAlloc<u32>, HeapAlloc<HuffmanCode>>;

enum Decoding {
    Gzip(MultiGzDecoder<Vec<u8>>),
    /// Of zlib, with or without what is around it.
    Bare(flate2::Decompress),
    Brotli(Box<Brotli>),
    /// `None` where there is no memory for it.
    Zstd(Option<Decoder<'static>>),
    Xz(Box<XzStream>),
    Bzip2(bzip2::Decompress),
}

impl fmt::Debug for Unpacker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Unpacker").field(&self.packing).finish()
    }
}

/// What a run took and gave, in bytes.
struct Ran {
    taken: usize,
    given: usize,
}

impl Unpacker {
    /// For bytes from their first one on.
    #[must_use]
    pub fn new(packing: Packing) -> Self {
        let decoder = match packing {
            Packing::Gzip => Decoding::Gzip(MultiGzDecoder::new(Vec::new())),
            Packing::Zlib => Decoding::Bare(flate2::Decompress::new(true)),
            Packing::Deflate => Decoding::Bare(flate2::Decompress::new(false)),
            Packing::Brotli => Decoding::Brotli(Box::new(BrotliState::new_strict(
                HeapAlloc::default(),
                HeapAlloc::default(),
                HeapAlloc::default(),
            ))),
            Packing::Zstd => Decoding::Zstd(zstd_decoder().ok()),
            Packing::Xz => Decoding::Xz(Box::new(XzStream::new_mem_limit(true, XZ_MEMORY_KIB))),
            Packing::Bzip2 => Decoding::Bzip2(bzip2::Decompress::new(false)),
        };
        Self {
            packing,
            decoder,
            is_whole: false,
            has_ended: false,
        }
    }

    /// Takes some of what is packed, one byte at least, and adds what it is. More of what came
    /// before may follow with the next step.
    ///
    /// # Errors
    /// [`Broken`].
    pub fn step(&mut self, packed: &mut Bytes, out: &mut BytesMut) -> Result<(), Broken> {
        if packed.is_empty() {
            return Ok(());
        }
        if self.has_ended {
            packed.clear();
            return Ok(());
        }
        let ran = self.run(packed, out, false)?;
        if ran.taken == 0 && ran.given == 0 {
            return Err(Broken(self.packing));
        }
        packed.advance(ran.taken.min(packed.len()));
        Ok(())
    }

    /// Adds what is left when nothing more comes; whether it has to be asked again.
    ///
    /// # Errors
    /// [`Broken`] also of bytes that ended early.
    pub fn finish(&mut self, out: &mut BytesMut) -> Result<bool, Broken> {
        if self.has_ended {
            return Ok(false);
        }
        let is_more = self.run(&[], out, true)?.given > 0;
        if is_more || self.is_whole || self.has_ended {
            Ok(is_more)
        } else {
            Err(Broken(self.packing))
        }
    }

    fn run(&mut self, packed: &[u8], out: &mut BytesMut, is_last: bool) -> Result<Ran, Broken> {
        let broken = Broken(self.packing);
        let few = packed.get(..STEP_BYTES).unwrap_or(packed);
        match &mut self.decoder {
            Decoding::Gzip(decoder) => {
                self.is_whole = is_last;
                let done = match is_last {
                    true => decoder.try_finish(),
                    false => decoder.write_all(few),
                };
                done.map_err(|_| broken)?;
                Ok(moved(few, decoder.get_mut(), out))
            }
            Decoding::Bare(decoder) => {
                let (ran, has_ended) =
                    into(out, |room| bare(decoder, packed, room)).ok_or(broken)?;
                self.has_ended = has_ended;
                Ok(ran)
            }
            Decoding::Brotli(state) => {
                let (ran, has_ended) =
                    into(out, |room| brotli(state, packed, room)).ok_or(broken)?;
                self.has_ended = has_ended;
                Ok(ran)
            }
            Decoding::Zstd(decoder) => {
                let decoder = decoder.as_mut().ok_or(broken)?;
                let (ran, is_whole) =
                    into(out, |room| zstd(decoder, packed, room)).ok_or(broken)?;
                // A step that does nothing says nothing of what came before it.
                self.is_whole = is_whole || (self.is_whole && ran.taken + ran.given == 0);
                Ok(ran)
            }
            Decoding::Xz(stream) => {
                let (ran, is_whole) =
                    into(out, |room| xz(stream, packed, room, is_last)).ok_or(broken)?;
                self.is_whole = is_whole;
                Ok(ran)
            }
            Decoding::Bzip2(decoder) => {
                if packed.is_empty() && self.is_whole {
                    return Ok(Ran { taken: 0, given: 0 });
                }
                let (ran, is_whole) =
                    into(out, |room| bzip2(decoder, packed, room)).ok_or(broken)?;
                self.is_whole = is_whole;
                if is_whole {
                    *decoder = bzip2::Decompress::new(false);
                }
                Ok(ran)
            }
        }
    }
}

fn zstd_decoder() -> io::Result<Decoder<'static>> {
    let mut decoder = Decoder::new()?;
    decoder.set_parameter(DParameter::WindowLogMax(ZSTD_WINDOW_LOG_MAX))?;
    Ok(decoder)
}

/// Moves what a decoder gave. At the end there is nothing more to ask for.
fn moved(packed: &[u8], given: &mut Vec<u8>, out: &mut BytesMut) -> Ran {
    out.extend_from_slice(given);
    given.clear();
    // Every byte was taken; what is given at the end comes at once.
    Ran {
        taken: packed.len(),
        given: 0,
    }
}

/// Gives a decoder room behind what is there, and keeps of it what was filled.
fn into(
    out: &mut BytesMut,
    run: impl FnOnce(&mut [u8]) -> Option<(Ran, bool)>,
) -> Option<(Ran, bool)> {
    let before = out.len();
    out.resize(before + STEP_OUT_BYTES, 0);
    let ran = run(out.get_mut(before..).unwrap_or_default());
    let given = ran.as_ref().map_or(0, |(ran, _)| ran.given);
    out.truncate(before + given);
    ran
}

fn bare(decoder: &mut flate2::Decompress, packed: &[u8], room: &mut [u8]) -> Option<(Ran, bool)> {
    let before = (decoder.total_in(), decoder.total_out());
    let flush = flate2::FlushDecompress::None;
    let status = decoder.decompress(packed, room, flush).ok()?;
    let ran = ran(before, (decoder.total_in(), decoder.total_out()))?;
    Some((ran, status == flate2::Status::StreamEnd))
}

/// What was taken and given between two totals.
fn ran(before: (u64, u64), now: (u64, u64)) -> Option<Ran> {
    Some(Ran {
        taken: usize::try_from(now.0.checked_sub(before.0)?).ok()?,
        given: usize::try_from(now.1.checked_sub(before.1)?).ok()?,
    })
}

fn brotli(state: &mut Brotli, packed: &[u8], room: &mut [u8]) -> Option<(Ran, bool)> {
    let (mut n_packed, mut taken) = (packed.len(), 0);
    let (mut n_room, mut given, mut total) = (room.len(), 0, 0);
    let result = BrotliDecompressStream(
        &mut n_packed,
        &mut taken,
        packed,
        &mut n_room,
        &mut given,
        room,
        &mut total,
        state,
    );
    let has_ended = match result {
        BrotliResult::ResultSuccess => true,
        BrotliResult::NeedsMoreInput | BrotliResult::NeedsMoreOutput => false,
        BrotliResult::ResultFailure => return None,
    };
    Some((Ran { taken, given }, has_ended))
}

fn zstd(decoder: &mut Decoder<'_>, packed: &[u8], room: &mut [u8]) -> Option<(Ran, bool)> {
    let mut input = InBuffer::around(packed);
    let mut output = OutBuffer::around(room);
    let hint = decoder.run(&mut input, &mut output).ok()?;
    let (taken, given) = (input.pos(), output.pos());
    // At a frame's end nothing more is wanted.
    Some((Ran { taken, given }, hint == 0))
}

fn xz(stream: &mut XzStream, packed: &[u8], room: &mut [u8], is_last: bool) -> Option<(Ran, bool)> {
    let action = if is_last { Action::Finish } else { Action::Run };
    let ran = stream.process(packed, room, action).ok()?;
    let (taken, given) = (ran.bytes_consumed, ran.bytes_produced);
    Some((Ran { taken, given }, ran.status == Status::StreamEnd))
}

fn bzip2(decoder: &mut bzip2::Decompress, packed: &[u8], room: &mut [u8]) -> Option<(Ran, bool)> {
    let before = (decoder.total_in(), decoder.total_out());
    let status = decoder.decompress(packed, room).ok()?;
    let ran = ran(before, (decoder.total_in(), decoder.total_out()))?;
    Some((ran, status == bzip2::Status::StreamEnd))
}

#[cfg(test)]
mod tests;
