//! Frames and their header.

use bytes::{Buf, BufMut, Bytes, BytesMut};

use super::WireError;
use super::asked::{Diag, DiagGet, Erased};
use super::body::{
    Ack, Cert, CertRequest, Credit, Dict, DictGet, ErrorBody, Gap, Goaway, Hello, Join, Joined,
    Nack, Ping, Report, Rewind, Welcome,
};
use super::config::{Config, ConfigStatus};
use super::msgpack::{decode_msgpack, encode_msgpack_named};
use crate::limits::{BLOCK_BYTES_MAX, CONFIG_BYTES_MAX, FRAME_BYTES_MAX};

/// Bit 0 of the flags: a receiver that does not know the type skips the frame.
const FLAG_SKIPPABLE: u8 = 1;

/// Most bytes of a length: 28 bits, more than the largest block needs.
const LEN_BYTES_MAX: usize = 4;

/// Most bytes in front of a body.
pub const HEADER_LEN_MAX: usize = 2 + LEN_BYTES_MAX;

/// The number of a BATCH.
const BATCH: u8 = 0x03;
/// The number of a CONFIG.
const CONFIG: u8 = 0x08;

/// Declares the frames whose body is a map: number, flags, variant.
macro_rules! frames {
    ($($(#[$doc:meta])* $variant:ident($body:ty) = $code:literal, $flags:literal;)*) => {
        /// One frame of the link.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum Frame {
            /// An encoded block.
            Batch(Bytes),
            $($(#[$doc])* $variant($body),)*
        }

        impl Frame {
            /// The name used in logs and in `WIRE.md`.
            #[must_use]
            pub const fn name(&self) -> &'static str {
                match self {
                    Self::Batch(_) => "Batch",
                    $(Self::$variant(_) => stringify!($variant),)*
                }
            }

            fn encode_body(&self) -> Result<(u8, u8, Bytes), WireError> {
                Ok(match self {
                    Self::Batch(block) => (BATCH, 0, block.clone()),
                    $(Self::$variant(body) => ($code, $flags, encode_msgpack_named(body)?.into()),)*
                })
            }

            fn decode_body(code: u8, body: &[u8]) -> Option<Result<Self, WireError>> {
                match code {
                    $($code => Some(decode_msgpack(body).map(Self::$variant)),)*
                    _ => None,
                }
            }
        }
    };
}

frames! {
    /// The relay presents itself.
    Hello(Hello) = 0x01, 0;
    /// The hub takes the relay.
    Welcome(Welcome) = 0x02, 0;
    /// Everything up to here is committed.
    Ack(Ack) = 0x04, 0;
    /// A block was not applied.
    Nack(Nack) = 0x05, 0;
    /// Records that will never come.
    Gap(Gap) = 0x06, 0;
    /// How much more the hub takes.
    Credit(Credit) = 0x07, 1;
    /// The whole roster, signed.
    Config(Config) = 0x08, 0;
    /// What became of a roster.
    ConfigStatus(ConfigStatus) = 0x09, 1;
    /// What a relay says of itself.
    Report(Report) = 0x0a, 1;
    /// The sender is about to close.
    Goaway(Goaway) = 0x0b, 1;
    /// Asks for the same number back.
    Ping(Ping) = 0x0c, 1;
    /// Asks to be taken into the fleet.
    Join(Join) = 0x0d, 0;
    /// Welcomes a relay into the fleet.
    Joined(Joined) = 0x0e, 0;
    /// A request was refused.
    Error(ErrorBody) = 0x0f, 0;
    /// Asks for a certificate for another key.
    CertRequest(CertRequest) = 0x10, 0;
    /// A certificate for another key.
    Cert(Cert) = 0x11, 0;
    /// Why the connection ends; the last frame, where QUIC has a code for it.
    Close(ErrorBody) = 0x16, 0;
    /// Asks for a dictionary.
    DictGet(DictGet) = 0x17, 1;
    /// A dictionary.
    Dict(Dict) = 0x18, 1;
    /// The hub was set back to a backup.
    Rewind(Rewind) = 0x19, 1;
    /// What became of an erasure.
    Erased(Erased) = 0x1a, 1;
    /// Asks for a diagnosis.
    DiagGet(DiagGet) = 0x1b, 1;
    /// A diagnosis.
    Diag(Diag) = 0x1c, 1;
}

impl Frame {
    /// Appends the frame.
    ///
    /// # Errors
    /// [`WireError::TooLarge`] when it is beyond its limit.
    pub fn encode(&self, out: &mut BytesMut) -> Result<(), WireError> {
        let (code, flags, body) = self.encode_body()?;
        check_len(code, body.len() as u64)?;
        out.reserve(HEADER_LEN_MAX + body.len());
        out.put_u8(code);
        out.put_u8(flags);
        put_len(out, body.len());
        out.put_slice(&body);
        Ok(())
    }

    /// The frame's bytes.
    ///
    /// # Errors
    /// As [`Frame::encode`].
    pub fn to_bytes(&self) -> Result<Bytes, WireError> {
        let mut out = BytesMut::new();
        self.encode(&mut out)?;
        Ok(out.freeze())
    }

    /// What goes before the bytes of a block to make them a BATCH, so that they need no copy.
    ///
    /// # Errors
    /// [`WireError::TooLarge`] when the block is beyond its limit.
    pub fn batch_header(block_len: usize) -> Result<Bytes, WireError> {
        check_len(BATCH, block_len as u64)?;
        let mut out = BytesMut::with_capacity(HEADER_LEN_MAX);
        out.put_u8(BATCH);
        out.put_u8(0);
        put_len(&mut out, block_len);
        Ok(out.freeze())
    }

    /// Whether these bytes begin a BATCH.
    #[must_use]
    pub fn is_batch(bytes: &[u8]) -> bool {
        bytes.first() == Some(&BATCH)
    }

    /// How long the frame is that these bytes begin, its header included; `None` when too few are
    /// here to tell.
    ///
    /// # Errors
    /// [`WireError`] when it is beyond its limit.
    pub fn len_of(bytes: &[u8]) -> Result<Option<usize>, WireError> {
        Ok(parse_header(bytes)?.map(|(header, len)| header.len + len))
    }

    /// Takes the next frame out of what has arrived; `None` when it is not complete.
    ///
    /// Frames that are not known and may be skipped are skipped.
    ///
    /// # Errors
    /// [`WireError`]: the bytes are no frames, the connection is to be closed.
    pub fn decode(input: &mut BytesMut) -> Result<Option<Self>, WireError> {
        loop {
            let Some((header, len)) = parse_header(input)? else {
                return Ok(None);
            };
            if input.len() < header.len + len {
                return Ok(None);
            }
            input.advance(header.len);
            let body = input.split_to(len).freeze();
            if let Some(frame) = from_parts(&header, body)? {
                return Ok(Some(frame));
            }
        }
    }

    /// Reads the one frame that `bytes` is, without copying a block.
    ///
    /// # Errors
    /// [`WireError`], also for a frame that is not known.
    pub fn parse(bytes: &Bytes) -> Result<Self, WireError> {
        let (header, len) = parse_header(bytes)?.ok_or(WireError::Truncated)?;
        let behind = header.len + len;
        match bytes.len() {
            n if n < behind => return Err(WireError::Truncated),
            n if n > behind => return Err(WireError::Trailing { n: n - behind }),
            _ => {}
        }
        let body = bytes.slice(header.len..);
        from_parts(&header, body)?.ok_or(WireError::UnknownFrame(header.code))
    }
}

struct Header {
    code: u8,
    flags: u8,
    /// Bytes it took.
    len: usize,
}

/// The header and the body's length, checked against its limit; `None` when it is not complete.
fn parse_header(bytes: &[u8]) -> Result<Option<(Header, usize)>, WireError> {
    let [code, flags, len @ ..] = bytes else {
        return Ok(None);
    };
    let mut value = 0_u64;
    for (at, byte) in len.iter().take(LEN_BYTES_MAX).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            let header = Header {
                code: *code,
                flags: *flags,
                len: 2 + at + 1,
            };
            return Ok(Some((header, check_len(*code, value)?)));
        }
    }
    if len.len() >= LEN_BYTES_MAX {
        return Err(WireError::Length);
    }
    Ok(None)
}

fn check_len(code: u8, len: u64) -> Result<usize, WireError> {
    let (what, max) = match code {
        BATCH => ("batch", BLOCK_BYTES_MAX),
        CONFIG => ("config", CONFIG_BYTES_MAX),
        _ => ("frame", FRAME_BYTES_MAX),
    };
    match usize::try_from(len) {
        Ok(len) if len <= max => Ok(len),
        _ => Err(WireError::TooLarge { what, len, max }),
    }
}

fn put_len(out: &mut BytesMut, len: usize) {
    let mut rest = len;
    while rest >= 0x80 {
        #[expect(clippy::cast_possible_truncation, reason = "seven bits are taken")]
        out.put_u8((rest & 0x7f) as u8 | 0x80);
        rest >>= 7;
    }
    #[expect(clippy::cast_possible_truncation, reason = "it is below 0x80")]
    out.put_u8(rest as u8);
}

/// `None` is a frame to be skipped.
fn from_parts(header: &Header, body: Bytes) -> Result<Option<Frame>, WireError> {
    if header.code == BATCH {
        return Ok(Some(Frame::Batch(body)));
    }
    match Frame::decode_body(header.code, &body) {
        Some(frame) => frame.map(Some),
        None if header.flags & FLAG_SKIPPABLE != 0 => Ok(None),
        None => Err(WireError::UnknownFrame(header.code)),
    }
}
