//! The way to the hub by hand: a file with what the hub does not have, and its receipt back.
//!
//! The file is made beside a running relay or without one, and changes nothing: what is in it may
//! be sent over the link as well, since the hub applies each record once. A receipt acknowledges
//! as the link does, if it is signed by an authority that the relay trusts.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use protocol::ids::{Epoch, Lane, RelayId, Seq};
use protocol::parcel::{Head, ParcelError, RECEIPT_BYTES_MAX, Receipt, Signed, Writer};
use protocol::wire::{Gap, GapReason};
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, UnparsedPublicKey,
};
use rustls::pki_types::CertificateDer;
use serde::{Deserialize, Serialize};

use super::identity::{Identity, IdentityError};
use crate::clock;
use crate::spool::inspect::{InspectError, Inspector, Piece};
use crate::spool::{Spool, SpoolError};

/// Why there is no file, or a receipt has no effect.
#[derive(Debug, thiserror::Error)]
pub enum CarryError {
    /// The relay has nothing to sign with.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The spool cannot be read.
    #[error(transparent)]
    Inspect(#[from] InspectError),
    /// The spool does not take the acknowledgement.
    #[error(transparent)]
    Spool(#[from] SpoolError),
    /// The file cannot be read or written.
    #[error("{}: {source}", .path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The file is not what it should be.
    #[error(transparent)]
    Parcel(#[from] ParcelError),
    /// The key of the identity does not sign.
    #[error("identity's key cannot sign: join again with --force")]
    Key,
    /// The hub has everything.
    #[error("nothing to carry: the hub has everything that is asked for")]
    Nothing,
    /// The receipt is another authority's, or none's.
    #[error("receipt is not signed by the hub that this relay joined")]
    Signature,
    /// The receipt is another relay's.
    #[error("receipt is for relay {theirs}, this is {ours}")]
    OtherRelay {
        /// Whose it is.
        theirs: RelayId,
        /// Who we are.
        ours: RelayId,
    },
    /// The relay that runs refuses the receipt.
    #[error("{0}")]
    Refused(String),
    /// The relay that runs does not answer.
    #[error("relay that has the spool open does not take the receipt; it takes it when it can")]
    NoAnswer,
    /// The receipt is for a spool that was here before.
    #[error("receipt is for epoch {:016x} of the spool, this is {:016x}", .theirs.0, .ours.0)]
    OtherEpoch {
        /// Of the receipt.
        theirs: Epoch,
        /// Of the spool.
        ours: Epoch,
    },
}

/// A lane that a receipt has moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moved {
    /// Which.
    pub lane: Lane,
    /// The last number that was acknowledged before.
    pub was: Seq,
    /// The last number that is now.
    pub now: Seq,
}

/// What is in a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Exported {
    /// The file.
    pub file: PathBuf,
    /// Whose.
    #[serde(serialize_with = "as_text")]
    pub relay: RelayId,
    /// Blocks in it.
    pub blocks: u64,
    /// Their records.
    pub records: u64,
    /// Numbers in it that have no records.
    pub lost: u64,
    /// Bytes of the file.
    pub bytes: u64,
}

fn as_text<S: serde::Serializer>(relay: &RelayId, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(relay)
}

/// Writes what the hub does not have of these lanes, as it lies in the spool. The file is there
/// whole or not at all. Blocks for the disk.
///
/// # Errors
/// [`CarryError`]; then there is no file.
pub async fn export(
    identity_dir: &Path,
    inspector: &Inspector,
    lanes: &[Lane],
    file: &Path,
) -> Result<Exported, CarryError> {
    let identity = Identity::load(identity_dir).await?;
    let temporary = with_suffix(file, ".part");
    let written = write(&identity, inspector, lanes, &temporary, file);
    if written.is_err() {
        // It is of no use to anyone.
        let _absent = fs::remove_file(&temporary);
    }
    written
}

fn write(
    identity: &Identity,
    inspector: &Inspector,
    lanes: &[Lane],
    temporary: &Path,
    file: &Path,
) -> Result<Exported, CarryError> {
    let failed = |source| CarryError::File {
        path: file.to_path_buf(),
        source,
    };
    let out = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(temporary)
        .map_err(failed)?;
    let head = Head::new(
        identity.relay,
        inspector.epoch(),
        identity.certificate.to_vec(),
        clock::now(),
    );
    let mut writer = Writer::new(BufWriter::new(out), &head)?;
    let mut exported = Exported {
        file: file.to_path_buf(),
        relay: identity.relay,
        blocks: 0,
        records: 0,
        lost: 0,
        bytes: 0,
    };
    for lane in Lane::ALL.into_iter().filter(|lane| lanes.contains(lane)) {
        let from = inspector.acked(lane).next();
        let floor = identity.floor(inspector.epoch(), lane);
        if floor.0 > 0 {
            // Delivered under another identity; the hub waits for them under this one.
            writer.gap(&Gap {
                lane,
                from: Seq(1),
                upto: floor,
                reason: GapReason::Lost,
            })?;
        }
        inspector.walk(lane, from, &mut |piece| {
            add(&mut writer, &mut exported, lane, piece).map_err(io::Error::other)
        })?;
    }
    if exported.blocks == 0 && exported.lost == 0 {
        return Err(CarryError::Nothing);
    }
    let buffer = writer.finish(|message| sign(identity, message))?;
    let out = buffer
        .into_inner()
        .map_err(|error| failed(error.into_error()))?;
    out.sync_all().map_err(failed)?;
    exported.bytes = out.metadata().map_err(failed)?.len();
    fs::rename(temporary, file).map_err(failed)?;
    let dir = match file.parent() {
        Some(dir) if !dir.as_os_str().is_empty() => dir,
        _ => Path::new("."),
    };
    File::open(dir)
        .and_then(|dir| dir.sync_all())
        .map_err(failed)?;
    Ok(exported)
}

fn add<W: io::Write>(
    writer: &mut Writer<W>,
    exported: &mut Exported,
    lane: Lane,
    piece: Piece<'_>,
) -> Result<(), ParcelError> {
    match piece {
        Piece::Block { head, bytes } => {
            exported.blocks += 1;
            exported.records += u64::from(head.count);
            writer.block(bytes)
        }
        Piece::Gap(gap) => {
            exported.lost += gap.to.0 - gap.from.0 + 1;
            writer.gap(&Gap {
                lane,
                from: gap.from,
                upto: gap.to,
                reason: GapReason::Lost,
            })
        }
    }
}

fn sign(identity: &Identity, message: &[u8]) -> Result<Vec<u8>, CarryError> {
    let random = SystemRandom::new();
    let key = EcdsaKeyPair::from_pkcs8(
        &ECDSA_P256_SHA256_ASN1_SIGNING,
        identity.key.secret_der(),
        &random,
    );
    let signature = key
        .map_err(|_| CarryError::Key)?
        .sign(&random, message)
        .map_err(|_| CarryError::Key)?;
    Ok(signature.as_ref().to_vec())
}

/// Reads a receipt and checks that it is this relay's and its hub's.
///
/// # Errors
/// [`CarryError`] says what is wrong with it.
pub async fn read_receipt(identity_dir: &Path, file: &Path) -> Result<Receipt, CarryError> {
    let failed = |source| CarryError::File {
        path: file.to_path_buf(),
        source,
    };
    let identity = Identity::load(identity_dir).await?;
    let len = fs::metadata(file).map_err(failed)?.len();
    if usize::try_from(len).map_or(true, |len| len > RECEIPT_BYTES_MAX) {
        return Err(ParcelError::Magic("receipt").into());
    }
    let bytes = fs::read(file).map_err(failed)?;
    let (receipt, signed) = Receipt::decode(&bytes)?;
    verify(&identity, &signed)?;
    if receipt.relay != identity.relay {
        return Err(CarryError::OtherRelay {
            theirs: receipt.relay,
            ours: identity.relay,
        });
    }
    Ok(receipt)
}

fn verify(identity: &Identity, signed: &Signed) -> Result<(), CarryError> {
    let is_of = |authority: &CertificateDer<'_>| {
        x509_parser::parse_x509_certificate(authority).is_ok_and(|(_, authority)| {
            let key = &authority.public_key().subject_public_key.data;
            UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, key)
                .verify(&signed.message, &signed.signature)
                .is_ok()
        })
    };
    let is_ours = identity.authorities.iter().any(is_of);
    is_ours.then_some(()).ok_or(CarryError::Signature)
}

/// Acknowledges what a receipt names; gives each lane that has moved.
///
/// # Errors
/// [`CarryError::OtherEpoch`], [`CarryError::Spool`].
pub async fn acknowledge(spool: &Spool, receipt: &Receipt) -> Result<Vec<Moved>, CarryError> {
    if receipt.epoch != spool.epoch() {
        return Err(CarryError::OtherEpoch {
            theirs: receipt.epoch,
            ours: spool.epoch(),
        });
    }
    let mut moved = Vec::new();
    for (lane, before) in Lane::ALL.into_iter().zip(spool.lanes()) {
        if let Some(upto) = receipt.upto(lane).filter(|upto| *upto > before.acked) {
            spool.ack(lane, upto).await?;
            moved.push(Moved {
                lane,
                was: before.acked,
                now: upto,
            });
        }
    }
    Ok(moved)
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}
