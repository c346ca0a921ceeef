//! Blocks from relays in files that were carried by hand.
//!
//! A parcel goes through the digest as blocks of the link do, so it has no effect beyond what is
//! new: it may be imported twice, and what is in it may come over the link as well.
//!
//! What always holds: nothing of a parcel is applied before all of it was read, its checksums and
//! its seal hold, its signature is by the key of a certificate that this hub's authority granted,
//! and the registry lets that relay in. Numbers are never skipped that the parcel says nothing of.
//!
//! What it never does: ask how old the certificate is. A parcel may travel for longer than a
//! certificate lasts; who may not come any more is the registry's to say.

mod inbox;

use std::collections::BTreeMap;
use std::fs::File;
use std::future::{Future, poll_fn};
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::task::Poll;

use bytes::Bytes;
use protocol::block::{self, BlockError};
use protocol::ids::{Epoch, Lane, RelayId, Seq};
use protocol::parcel::{Head, ParcelError, Part, Reader, Receipt, Signed};
use protocol::timestamp::Timestamp;
use protocol::wire::{Cursor, Gap};
use ring::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
use rustls::RootCertStore;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use crate::clock;
use crate::digest::{self, Applied, Delivery, DigestError, Skip};
use crate::fleet::{Fleet, FleetError};

pub use inbox::{hand_in, watch};

/// Blocks with the digest at the same time.
const WINDOW: usize = 16;
/// Parts that are read ahead.
const READ_AHEAD: usize = 4;

/// Why a parcel was not imported, or not all of it. What was applied stays applied.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The file is no parcel, or not as it was written.
    #[error(transparent)]
    Parcel(#[from] ParcelError),
    /// A block in it is none.
    #[error("block in the parcel: {0}")]
    Block(#[from] BlockError),
    /// A block in it is another spool's.
    #[error("block in the parcel is of another epoch than the parcel")]
    OtherEpoch,
    /// The certificate is not of this hub's authority.
    #[error("parcel's certificate is not of this hub's authority: it belongs to another hub")]
    ForeignHub,
    /// The seal was not made with the certificate's key.
    #[error("parcel is not signed by the relay whose certificate it shows")]
    Signature,
    /// The relay may not deliver.
    #[error(transparent)]
    Fleet(#[from] FleetError),
    /// The certificate names another relay than the parcel.
    #[error("parcel is for relay {parcel}, its certificate for {certificate}")]
    OtherRelay {
        /// What the parcel says.
        parcel: RelayId,
        /// What the certificate says.
        certificate: RelayId,
    },
    /// Records are missing before the parcel's.
    #[error(
        "lane {}: parcel begins at {}, and {} is next: bring the parcel that was made before it, \
         or let the relay connect", .lane.name(), .got.0, .expected.0
    )]
    Before {
        /// The lane.
        lane: Lane,
        /// The next record of the lane.
        expected: Seq,
        /// The parcel's first.
        got: Seq,
    },
    /// The digest did not commit.
    #[error(transparent)]
    Digest(#[from] DigestError),
    /// The file cannot be handed to the hub, or its answer not be read.
    #[error("{}: {source}", .path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The running hub refused the parcel.
    #[error("{0}")]
    Refused(String),
    /// The running hub did not answer in time.
    #[error("hub has not answered yet; it goes on with the parcel, which may be imported again")]
    NoAnswer,
    /// The thread that reads ended.
    #[error("parcel was not read to its end")]
    Ended,
}

/// What an import has done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Imported {
    /// Whose parcel it was.
    pub relay: String,
    /// Blocks in it.
    pub blocks: u64,
    /// Records in it, known ones included.
    pub records: u64,
    /// Lanes that moved.
    pub moved: Vec<Moved>,
    /// The receipt's file, in base64.
    pub receipt: String,
}

/// A lane that moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moved {
    /// Which.
    pub lane: Lane,
    /// The last applied record before.
    pub was: Seq,
    /// The last applied record now.
    pub now: Seq,
}

/// Imports a parcel: checks all of it, then applies it.
///
/// # Errors
/// [`ImportError`]; all but those of the digest and of order leave everything as it was.
pub async fn import(
    fleet: &Fleet,
    digest: &digest::Handle,
    file: &Path,
) -> Result<Imported, ImportError> {
    let head = check(fleet, file).await?;
    let (relay, epoch) = (head.relay, head.epoch);
    let before = fleet.cursors(relay, epoch).await?;
    let applied = apply(digest, relay, epoch, &before, file).await;
    let after = fleet.cursors(relay, epoch).await?;
    let (blocks, records) = applied?;
    let moved = after.iter().filter_map(|cursor| {
        let was = upto(&before, cursor.lane);
        (cursor.upto > was).then_some(Moved {
            lane: cursor.lane,
            was,
            now: cursor.upto,
        })
    });
    Ok(Imported {
        relay: relay.to_string(),
        blocks,
        records,
        moved: moved.collect(),
        receipt: encode(&receipt(fleet, relay, epoch, &after)?),
    })
}

/// The receipt for what is applied of a relay's spool.
fn receipt(
    fleet: &Fleet,
    relay: RelayId,
    epoch: Epoch,
    cursors: &[Cursor],
) -> Result<Vec<u8>, ImportError> {
    let receipt = Receipt::new(relay, epoch, cursors.to_vec(), clock::now());
    receipt.encode(|message| Ok(fleet.sign(message)?))
}

/// Reads all of a parcel and makes sure that it is a relay's of this fleet.
///
/// # Errors
/// [`ImportError`] says why it is not.
pub async fn check(fleet: &Fleet, file: &Path) -> Result<Head, ImportError> {
    let path = file.to_path_buf();
    let read = tokio::task::spawn_blocking(move || read_through(&path)).await;
    let (head, signed) = read.map_err(|_| ImportError::Ended)??;
    verify_certificate(fleet.authorities(), &head.certificate)?;
    verify_signature(&head.certificate, &signed)?;
    let certificate = fleet.recognise(&head.certificate).await?;
    if certificate != head.relay {
        return Err(ImportError::OtherRelay {
            parcel: head.relay,
            certificate,
        });
    }
    Ok(head)
}

fn open(path: &Path) -> Result<Reader<BufReader<File>>, ImportError> {
    let file = File::open(path).map_err(|source| ImportError::File {
        path: path.to_path_buf(),
        source,
    })?;
    Ok(Reader::new(BufReader::new(file))?)
}

fn read_through(path: &Path) -> Result<(Head, Signed), ImportError> {
    let mut reader = open(path)?;
    loop {
        match reader.next_part()? {
            Part::Block(bytes) => {
                if block::read_head(&bytes)?.epoch != reader.head().epoch {
                    return Err(ImportError::OtherEpoch);
                }
            }
            Part::Gap(_) => {}
            Part::Seal(signed) => return Ok((reader.head().clone(), signed)),
        }
    }
}

/// Whether an authority of this hub granted the certificate, whenever that was.
fn verify_certificate(
    authorities: Vec<CertificateDer<'static>>,
    certificate: &[u8],
) -> Result<(), ImportError> {
    let foreign = |_| ImportError::ForeignHub;
    let (_, parsed) =
        x509_parser::parse_x509_certificate(certificate).map_err(|_| ImportError::ForeignHub)?;
    let begins = parsed.validity().not_before.timestamp();
    let begins = u64::try_from(begins).unwrap_or_default();
    let begins = UnixTime::since_unix_epoch(std::time::Duration::from_secs(begins));
    let mut roots = RootCertStore::empty();
    for authority in authorities {
        roots.add(authority).map_err(foreign)?;
    }
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let verifier =
        WebPkiClientVerifier::builder_with_provider(std::sync::Arc::new(roots), provider)
            .build()
            .map_err(|_| ImportError::ForeignHub)?;
    verifier
        .verify_client_cert(&CertificateDer::from(certificate), &[], begins)
        .map_err(foreign)?;
    Ok(())
}

fn verify_signature(certificate: &[u8], signed: &Signed) -> Result<(), ImportError> {
    let (_, parsed) =
        x509_parser::parse_x509_certificate(certificate).map_err(|_| ImportError::ForeignHub)?;
    let key = &parsed.public_key().subject_public_key.data;
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, key)
        .verify(&signed.message, &signed.signature)
        .map_err(|_| ImportError::Signature)
}

/// What moves a lane.
enum Step {
    Block(block::Head, Bytes),
    Gap(Gap),
}

/// Hands a parcel's parts to the digest, in their order and several at once; gives how many blocks
/// and records there were.
async fn apply(
    digest: &digest::Handle,
    relay: RelayId,
    epoch: Epoch,
    before: &[Cursor],
    file: &Path,
) -> Result<(u64, u64), ImportError> {
    let (parts, mut read) = mpsc::channel(READ_AHEAD);
    let path = file.to_path_buf();
    let reading = tokio::task::spawn_blocking(move || read_steps(&path, &parts));
    let mut next = BTreeMap::new();
    let mut under_way = Vec::new();
    let (mut blocks, mut records) = (0, 0);
    while let Some(step) = read.recv().await {
        let (lane, first, last) = match &step {
            Step::Block(head, _) => (head.lane, head.first_seq, head.last_seq()),
            Step::Gap(gap) => (gap.lane, gap.from, gap.upto),
        };
        let expected = next
            .entry(lane)
            .or_insert_with(|| upto(before, lane).next());
        if first > *expected {
            return Err(ImportError::Before {
                lane,
                expected: *expected,
                got: first,
            });
        }
        *expected = last.next().max(*expected);
        if let Step::Block(head, _) = &step {
            blocks += 1;
            records += u64::from(head.count);
        }
        under_way.push(hand_on(digest.clone(), relay, epoch, step, clock::now()));
        if under_way.len() >= WINDOW {
            next_done(&mut under_way).await?;
        }
    }
    while !under_way.is_empty() {
        next_done(&mut under_way).await?;
    }
    reading.await.map_err(|_| ImportError::Ended)??;
    Ok((blocks, records))
}

fn read_steps(path: &Path, parts: &mpsc::Sender<Step>) -> Result<(), ImportError> {
    let mut reader = open(path)?;
    loop {
        let step = match reader.next_part()? {
            Part::Block(bytes) => Step::Block(block::read_head(&bytes)?, bytes),
            Part::Gap(gap) => Step::Gap(gap),
            Part::Seal(_) => return Ok(()),
        };
        // Nobody listens any more: the import has failed.
        if parts.blocking_send(step).is_err() {
            return Ok(());
        }
    }
}

type UnderWay = Pin<Box<dyn Future<Output = Result<Applied, DigestError>> + Send>>;

fn hand_on(
    digest: digest::Handle,
    relay: RelayId,
    epoch: Epoch,
    step: Step,
    arrived_at: Timestamp,
) -> UnderWay {
    match step {
        Step::Block(head, block) => Box::pin(async move {
            let delivery = Delivery {
                relay,
                head,
                block,
                arrived_at,
                // A parcel says nothing of the clock it was written by.
                relay_offset_millis: 0,
            };
            digest.deliver(delivery).await
        }),
        Step::Gap(gap) => Box::pin(async move {
            let skip = Skip {
                relay,
                epoch,
                lane: gap.lane,
                from: gap.from,
                upto: gap.upto,
            };
            digest.skip(skip).await
        }),
    }
}

/// Waits for one that is committed. All are polled, oldest first: the first poll is what hands a
/// step in, so they reach the digest in their order.
async fn next_done(under_way: &mut Vec<UnderWay>) -> Result<Applied, DigestError> {
    poll_fn(|context| {
        let polled = under_way.iter_mut().enumerate().find_map(|(at, step)| {
            match step.as_mut().poll(context) {
                Poll::Ready(result) => Some((at, result)),
                Poll::Pending => None,
            }
        });
        match polled {
            Some((at, result)) => {
                drop(under_way.remove(at));
                Poll::Ready(result)
            }
            None => Poll::Pending,
        }
    })
    .await
}

fn upto(cursors: &[Cursor], lane: Lane) -> Seq {
    let cursor = cursors.iter().find(|cursor| cursor.lane == lane);
    cursor.map(|cursor| cursor.upto).unwrap_or_default()
}

fn encode(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}
