//! A parcel: what a relay's spool holds, in a file that is carried to the hub by hand, and the
//! receipt that is carried back.
//!
//! A parcel holds blocks as they lie in the spool, never compressed again, and word of the
//! numbers that have no records. It names its relay, shows the relay's certificate and is signed
//! with the relay's key; a receipt names how far each lane is applied and is signed by the hub's
//! authority. Who signs and who verifies is the caller's affair.
//!
//! What always holds: each part has a checksum, and the seal covers everything before it, so a
//! parcel that is damaged, cut short or changed has no effect at all. Nothing is allocated for a
//! length beyond its limit.
//!
//! Format 1, numbers little-endian: the magic `VEDPARC1` or `VEDRCPT1`, then parts `kind u8 |
//! len u32 | len bytes | crc32c of the part so far u32`: the head, for parcels blocks and gaps of
//! one lane after the other, each in the order of its numbers, and last the seal. What is signed
//! is the magic and the SHA-256 of everything before the seal.

use std::io::{self, Read, Write};

use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::ids::{Epoch, Lane, RelayId, Seq};
use crate::limits::{BLOCK_BYTES_MAX, FRAME_BYTES_MAX};
use crate::timestamp::Timestamp;
use crate::wire::{Cursor, Gap, WireError, decode_msgpack, encode_msgpack_named};

/// The version of the format described above.
const VERSION: u8 = 1;
/// Largest receipt, in bytes.
pub const RECEIPT_BYTES_MAX: usize = 64 * 1024;

const PARCEL_MAGIC: [u8; 8] = *b"VEDPARC1";
const RECEIPT_MAGIC: [u8; 8] = *b"VEDRCPT1";

const HEAD: u8 = 1;
const BLOCK: u8 = 2;
const GAP: u8 = 3;
const SEAL: u8 = 4;

/// Whose parcel it is, and what is in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    #[serde(rename = "v")]
    version: u8,
    /// The relay.
    #[serde(rename = "r")]
    pub relay: RelayId,
    /// The spool's life.
    #[serde(rename = "e")]
    pub epoch: Epoch,
    /// The relay's certificate.
    #[serde(rename = "c", with = "serde_bytes")]
    pub certificate: Vec<u8>,
    /// When it was made, by the relay's clock.
    #[serde(rename = "t")]
    pub made_at: Timestamp,
}

impl Head {
    /// The head of a new parcel.
    #[must_use]
    pub const fn new(
        relay: RelayId,
        epoch: Epoch,
        certificate: Vec<u8>,
        made_at: Timestamp,
    ) -> Self {
        Self {
            version: VERSION,
            relay,
            epoch,
            certificate,
            made_at,
        }
    }
}

/// How far a hub has applied each lane of a relay's spool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    #[serde(rename = "v")]
    version: u8,
    /// The relay.
    #[serde(rename = "r")]
    pub relay: RelayId,
    /// The spool's life.
    #[serde(rename = "e")]
    pub epoch: Epoch,
    /// Each lane that is begun.
    #[serde(rename = "u")]
    pub cursors: Vec<Cursor>,
    /// When it was made, by the hub's clock.
    #[serde(rename = "t")]
    pub made_at: Timestamp,
}

/// The end of a parcel or receipt.
#[derive(Serialize, Deserialize)]
struct Seal {
    #[serde(rename = "h", with = "serde_bytes")]
    hash: Vec<u8>,
    #[serde(rename = "s", with = "serde_bytes")]
    signature: Vec<u8>,
}

/// What stands next in a parcel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// A block, as it travels.
    Block(Bytes),
    /// Numbers that have no records.
    Gap(Gap),
    /// The end.
    Seal(Signed),
}

/// What was signed, and the signature, which is not verified yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// What was signed.
    pub message: Vec<u8>,
    /// ECDSA over P-256 with SHA-256, in ASN.1.
    pub signature: Vec<u8>,
}

/// Why a parcel or receipt cannot be made or read.
#[derive(Debug, thiserror::Error)]
pub enum ParcelError {
    /// It cannot be read or written.
    #[error("file: {0}")]
    File(#[from] io::Error),
    /// It begins with something else.
    #[error("file is no {0} of this product")]
    Magic(&'static str),
    /// A version this program does not know.
    #[error("format {0} is not known: this program is older than the one that wrote it")]
    Version(u8),
    /// A part is not as it was written.
    #[error("part {nth} is damaged")]
    Damaged {
        /// Which, from 1.
        nth: u64,
    },
    /// It ends before its seal.
    #[error("file ends before its seal: it was not copied whole")]
    Short,
    /// The seal is not of these parts.
    #[error("seal does not match what is in the file")]
    Seal,
    /// A part that does not belong there.
    #[error("part {nth} is of kind {kind}, which does not belong there")]
    Kind {
        /// Which, from 1.
        nth: u64,
        /// Its kind.
        kind: u8,
    },
    /// Bytes that are no value.
    #[error("part is malformed")]
    Malformed(#[from] WireError),
}

/// Writes a parcel.
#[derive(Debug)]
pub struct Writer<W> {
    out: W,
    hash: Sha256,
}

impl<W: Write> Writer<W> {
    /// Begins a parcel.
    ///
    /// # Errors
    /// [`ParcelError::File`].
    pub fn new(out: W, head: &Head) -> Result<Self, ParcelError> {
        let hash = Sha256::new();
        let mut writer = Self { out, hash };
        writer.put(&PARCEL_MAGIC)?;
        writer.part(HEAD, &encode_msgpack_named(head)?)?;
        Ok(writer)
    }

    /// Adds a block, as it lies in the spool.
    ///
    /// # Errors
    /// [`ParcelError::File`].
    pub fn block(&mut self, block: &[u8]) -> Result<(), ParcelError> {
        self.part(BLOCK, block)
    }

    /// Adds word of numbers without records.
    ///
    /// # Errors
    /// [`ParcelError::File`].
    pub fn gap(&mut self, gap: &Gap) -> Result<(), ParcelError> {
        self.part(GAP, &encode_msgpack_named(gap)?)
    }

    /// Seals the parcel with what `sign` makes of the message it is given.
    ///
    /// # Errors
    /// [`ParcelError::File`], and what `sign` answers.
    pub fn finish<E: From<ParcelError>>(
        mut self,
        sign: impl FnOnce(&[u8]) -> Result<Vec<u8>, E>,
    ) -> Result<W, E> {
        let hash = std::mem::take(&mut self.hash).finalize().to_vec();
        let signature = sign(&message(&PARCEL_MAGIC, &hash))?;
        let seal = encode_msgpack_named(&Seal { hash, signature }).map_err(ParcelError::from)?;
        self.part(SEAL, &seal)?;
        Ok(self.out)
    }

    fn part(&mut self, kind: u8, body: &[u8]) -> Result<(), ParcelError> {
        self.put(&part(kind, body))
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), ParcelError> {
        self.hash.update(bytes);
        Ok(self.out.write_all(bytes)?)
    }
}

/// Reads a parcel from its start to its seal.
#[derive(Debug)]
pub struct Reader<R> {
    input: R,
    hash: Sha256,
    nth: u64,
    head: Head,
}

impl<R: Read> Reader<R> {
    /// Reads the head.
    ///
    /// # Errors
    /// [`ParcelError`] for whatever is no parcel.
    pub fn new(mut input: R) -> Result<Self, ParcelError> {
        let mut magic = [0; 8];
        read_exact(&mut input, &mut magic)?;
        if magic != PARCEL_MAGIC {
            return Err(ParcelError::Magic("parcel"));
        }
        let mut hash = Sha256::new();
        hash.update(magic);
        let raw = read_part(&mut input, 1)?;
        let head: Head = match raw.kind {
            HEAD => versioned(&raw.body)?,
            kind => return Err(ParcelError::Kind { nth: 1, kind }),
        };
        hash.update(part(raw.kind, &raw.body));
        Ok(Self {
            input,
            hash,
            nth: 1,
            head,
        })
    }

    /// Whose it is.
    #[must_use]
    pub const fn head(&self) -> &Head {
        &self.head
    }

    /// What stands next. Behind the seal there is nothing.
    ///
    /// # Errors
    /// [`ParcelError`]; then nothing of the parcel may be believed.
    pub fn next_part(&mut self) -> Result<Part, ParcelError> {
        self.nth += 1;
        let raw = read_part(&mut self.input, self.nth)?;
        let found = match raw.kind {
            BLOCK => Part::Block(Bytes::from(raw.body.clone())),
            GAP => Part::Gap(decode_msgpack(&raw.body)?),
            SEAL => {
                let seal: Seal = decode_msgpack(&raw.body)?;
                return self.close(seal);
            }
            kind => {
                let nth = self.nth;
                return Err(ParcelError::Kind { nth, kind });
            }
        };
        self.hash.update(part(raw.kind, &raw.body));
        Ok(found)
    }

    fn close(&mut self, seal: Seal) -> Result<Part, ParcelError> {
        let hash = std::mem::take(&mut self.hash).finalize().to_vec();
        let mut behind = [0; 1];
        if hash != seal.hash || self.input.read(&mut behind)? != 0 {
            return Err(ParcelError::Seal);
        }
        Ok(Part::Seal(Signed {
            message: message(&PARCEL_MAGIC, &hash),
            signature: seal.signature,
        }))
    }
}

impl Receipt {
    /// A receipt that is not signed yet.
    #[must_use]
    pub const fn new(
        relay: RelayId,
        epoch: Epoch,
        cursors: Vec<Cursor>,
        made_at: Timestamp,
    ) -> Self {
        Self {
            version: VERSION,
            relay,
            epoch,
            cursors,
            made_at,
        }
    }

    /// The file, with what `sign` makes of the message it is given.
    ///
    /// # Errors
    /// [`ParcelError::Malformed`], and what `sign` answers.
    pub fn encode<E: From<ParcelError>>(
        &self,
        sign: impl FnOnce(&[u8]) -> Result<Vec<u8>, E>,
    ) -> Result<Vec<u8>, E> {
        let body = encode_msgpack_named(self).map_err(ParcelError::from)?;
        let mut file = RECEIPT_MAGIC.to_vec();
        file.extend_from_slice(&part(HEAD, &body));
        let hash = Sha256::digest(&file).to_vec();
        let signature = sign(&message(&RECEIPT_MAGIC, &hash))?;
        let seal = encode_msgpack_named(&Seal { hash, signature }).map_err(ParcelError::from)?;
        file.extend_from_slice(&part(SEAL, &seal));
        Ok(file)
    }

    /// Reads a file; the signature is yet to be verified.
    ///
    /// # Errors
    /// [`ParcelError`] for whatever is no receipt.
    pub fn decode(mut file: &[u8]) -> Result<(Self, Signed), ParcelError> {
        let input = &mut file;
        let mut magic = [0; 8];
        read_exact(input, &mut magic)?;
        if magic != RECEIPT_MAGIC {
            return Err(ParcelError::Magic("receipt"));
        }
        let head = read_part(input, 1)?;
        let seal = read_part(input, 2)?;
        for (nth, kind, expected) in [(1, head.kind, HEAD), (2, seal.kind, SEAL)] {
            if kind != expected {
                return Err(ParcelError::Kind { nth, kind });
            }
        }
        let receipt = versioned(&head.body)?;
        let seal: Seal = decode_msgpack(&seal.body)?;
        let mut hash = Sha256::new();
        hash.update(magic);
        hash.update(part(HEAD, &head.body));
        let hash = hash.finalize().to_vec();
        if hash != seal.hash || !input.is_empty() {
            return Err(ParcelError::Seal);
        }
        let signed = Signed {
            message: message(&RECEIPT_MAGIC, &hash),
            signature: seal.signature,
        };
        Ok((receipt, signed))
    }

    /// How far a lane is.
    #[must_use]
    pub fn upto(&self, lane: Lane) -> Option<Seq> {
        let cursor = self.cursors.iter().find(|cursor| cursor.lane == lane);
        cursor.map(|cursor| cursor.upto)
    }
}

/// Only the version, which says whether the rest can be read.
#[derive(Deserialize)]
struct Versioned {
    #[serde(rename = "v")]
    version: u8,
}

fn versioned<T: DeserializeOwned>(body: &[u8]) -> Result<T, ParcelError> {
    let Versioned { version } = decode_msgpack(body)?;
    if version != VERSION {
        return Err(ParcelError::Version(version));
    }
    Ok(decode_msgpack(body)?)
}

/// What is signed: a signature of one kind of file is none of another.
fn message(magic: &[u8; 8], hash: &[u8]) -> Vec<u8> {
    [magic.as_slice(), hash].concat()
}

fn part(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(body.len() + 9);
    out.push(kind);
    out.extend_from_slice(&u32::try_from(body.len()).unwrap_or(u32::MAX).to_le_bytes());
    out.extend_from_slice(body);
    let crc = crc32c::crc32c(&out);
    out.extend_from_slice(&crc.to_le_bytes());
    out
}

struct Raw {
    kind: u8,
    body: Vec<u8>,
}

fn read_part(input: &mut impl Read, nth: u64) -> Result<Raw, ParcelError> {
    let mut prefix = [0; 5];
    read_exact(input, &mut prefix)?;
    let [kind, a, b, c, d] = prefix;
    let len = u32::from_le_bytes([a, b, c, d]) as usize;
    let most = if kind == BLOCK {
        BLOCK_BYTES_MAX
    } else {
        FRAME_BYTES_MAX
    };
    if len > most {
        return Err(ParcelError::Damaged { nth });
    }
    let mut body = vec![0; len];
    read_exact(input, &mut body)?;
    let mut crc = [0; 4];
    read_exact(input, &mut crc)?;
    let covered = crc32c::crc32c_append(crc32c::crc32c(&prefix), &body);
    if covered != u32::from_le_bytes(crc) {
        return Err(ParcelError::Damaged { nth });
    }
    Ok(Raw { kind, body })
}

fn read_exact(input: &mut impl Read, bytes: &mut [u8]) -> Result<(), ParcelError> {
    input.read_exact(bytes).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => ParcelError::Short,
        _ => error.into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::GapReason;

    fn sign(message: &[u8]) -> Result<Vec<u8>, ParcelError> {
        Ok(message.iter().rev().copied().collect())
    }

    fn parcel() -> Vec<u8> {
        let head = Head::new(
            RelayId::from_bytes([7; 16]),
            Epoch(9),
            vec![1, 2, 3],
            Timestamp::from_millis(1_767_323_045_000),
        );
        let mut writer = Writer::new(Vec::new(), &head).unwrap();
        writer.block(b"a block").unwrap();
        writer.gap(&gap()).unwrap();
        writer.block(&[0; 100]).unwrap();
        writer.finish(sign).unwrap()
    }

    fn gap() -> Gap {
        Gap {
            lane: Lane::Errors,
            from: Seq(3),
            upto: Seq(5),
            reason: GapReason::Lost,
        }
    }

    fn read(bytes: &[u8]) -> Result<(Head, Vec<Part>), ParcelError> {
        let mut reader = Reader::new(bytes)?;
        let mut parts = Vec::new();
        loop {
            let part = reader.next_part()?;
            let is_last = matches!(part, Part::Seal(_));
            parts.push(part);
            if is_last {
                return Ok((reader.head().clone(), parts));
            }
        }
    }

    #[test]
    fn a_parcel_is_read_as_it_was_written() {
        let (head, parts) = read(&parcel()).unwrap();
        assert_eq!((head.relay.as_bytes(), head.epoch), (&[7; 16], Epoch(9)));
        assert_eq!(head.certificate, [1, 2, 3]);
        let [block, told, zeros, Part::Seal(seal)] = parts.as_slice() else {
            panic!("{parts:?}");
        };
        assert_eq!(*block, Part::Block(Bytes::from_static(b"a block")));
        assert_eq!(*told, Part::Gap(gap()));
        assert_eq!(*zeros, Part::Block(Bytes::from(vec![0; 100])));
        assert_eq!(sign(&seal.message).unwrap(), seal.signature);
    }

    #[test]
    fn no_byte_can_be_changed_and_none_left_out() {
        let whole = parcel();
        let (_, parts) = read(&whole).unwrap();
        for at in 0..whole.len() {
            let mut changed = whole.clone();
            changed[at] ^= 1 << (at % 8);
            assert!(read(&changed).is_err(), "byte {at}");
            assert!(read(&whole[..at]).is_err(), "cut to {at}");
        }
        assert!(read(&[whole.as_slice(), b"x"].concat()).is_err());
        assert_eq!(read(&whole).unwrap().1, parts);
    }

    #[test]
    fn parts_in_another_order_do_not_match_the_seal() {
        let head = Head::new(
            RelayId::from_bytes([7; 16]),
            Epoch(9),
            vec![1, 2, 3],
            Timestamp::from_millis(1_767_323_045_000),
        );
        let mut writer = Writer::new(Vec::new(), &head).unwrap();
        writer.gap(&gap()).unwrap();
        writer.block(b"a block").unwrap();
        writer.block(&[0; 100]).unwrap();
        let mixed = writer.finish(sign).unwrap();
        let whole = parcel();
        let seal_len = 4 + 5 + 2 * 34 + 8 + 16;
        let body = mixed.len() - seal_len;
        let forged = [&mixed[..body], &whole[whole.len() - seal_len..]].concat();
        assert!(read(&forged).is_err());
    }

    #[test]
    fn a_receipt_is_read_as_it_was_written_and_not_otherwise() {
        let cursor = |lane, upto| Cursor {
            lane,
            upto: Seq(upto),
            digest: None,
        };
        let cursors = vec![cursor(Lane::Errors, 8), cursor(Lane::Logs, 2)];
        let now = Timestamp::from_millis(5);
        let receipt = Receipt::new(RelayId::from_bytes([7; 16]), Epoch(9), cursors, now);
        let file = receipt.encode(sign).unwrap();
        let (read, signed) = Receipt::decode(&file).unwrap();
        assert_eq!(read, receipt);
        assert_eq!(read.upto(Lane::Errors), Some(Seq(8)));
        assert_eq!(read.upto(Lane::Blobs), None);
        assert_eq!(sign(&signed.message).unwrap(), signed.signature);
        for at in 0..file.len() {
            let mut changed = file.clone();
            changed[at] ^= 1 << (at % 8);
            assert!(Receipt::decode(&changed).is_err(), "byte {at}");
            assert!(Receipt::decode(&file[..at]).is_err(), "cut to {at}");
        }
        assert!(matches!(
            Receipt::decode(&parcel()),
            Err(ParcelError::Magic(_))
        ));
    }
}
