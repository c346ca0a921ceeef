//! Joining where no network reaches the hub: a request goes there by hand, a bundle comes back.
//!
//! The key is made here and stays here. The bundle holds the certificate, the authorities to
//! trust, where the hub is, and what it says of projects and keys, so that the relay is whole
//! without ever having met its hub.

use std::fs;
use std::path::{Path, PathBuf};

use protocol::wire::{Frame, Join, PAPER_BYTES_MAX, Paper};
use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256, PublicKeyData as _};
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use super::hubs;
use super::identity::{Identity, IdentityError, decode, encode, read_small, write_json};
use super::join::{JoinError, Joined};
use crate::clock;
use crate::policy::Policy;
use crate::roster::{self, Roster, RosterError};

/// Where the key waits for its certificate.
const FILE: &str = "request.json";

/// Longest bundle that is read, in bytes.
pub const BUNDLE_BYTES_MAX: u64 = PAPER_BYTES_MAX as u64 + 1;

/// The file: a key in base64.
#[derive(Serialize, Deserialize)]
struct Waiting {
    key: String,
}

fn place(dir: &Path) -> PathBuf {
    dir.join(FILE)
}

/// Makes a key and the text of a request for it. An identity that is there stays until the bundle
/// comes.
///
/// # Errors
/// [`JoinError`].
pub fn request_by_hand(dir: &Path, name: &str, force: bool) -> Result<String, JoinError> {
    if !force && Identity::exists(dir) {
        return Err(JoinError::AlreadyJoined);
    }
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
    let csr = CertificateParams::default().serialize_request(&key)?;
    let waiting = Waiting {
        key: encode(&key.serialize_der()),
    };
    write_json(dir, &place(dir), &waiting)?;
    let join = Join {
        token_id: String::new(),
        secret: String::new(),
        csr: csr.der().to_vec(),
        name: name.to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    };
    let request = Paper::JoinRequest.write(&[Frame::Join(join)]);
    request.map_err(JoinError::Paper)
}

/// Completes a request with the text of the bundle that answers it.
///
/// # Errors
/// [`JoinError`].
pub fn join_by_hand(dir: &Path, bundle: &str, force: bool) -> Result<Joined, JoinError> {
    if !force && Identity::exists(dir) {
        return Err(JoinError::AlreadyJoined);
    }
    let frames = Paper::JoinBundle.read(bundle).map_err(JoinError::Paper)?;
    let mut joined = None;
    let mut config = None;
    for frame in frames {
        match frame {
            Frame::Joined(frame) => joined = Some(frame),
            Frame::Config(frame) => config = Some(frame),
            other => return Err(JoinError::unexpected(&other)),
        }
    }
    let joined = joined.ok_or(JoinError::NoAnswer)?;
    let key = waiting_key(dir)?;
    let is_for_key = x509_parser::parse_x509_certificate(&joined.certificate)
        .is_ok_and(|(_, read)| read.public_key().raw == key.subject_public_key_info());
    if !is_for_key {
        return Err(JoinError::OtherRequest);
    }
    if let Some(key) = joined.config_key {
        roster::pin(dir, key)?;
    }
    if let Some(config) = config {
        let roster = Roster::peek(dir, dir, Policy::default())?;
        match roster.apply(&config, clock::now()) {
            // The relay knows better already, or its clock is behind: then it hears from the hub.
            Ok(_) | Err(RosterError::Older { .. } | RosterError::NotYet { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let authorities = joined.authorities.into_iter().map(ByteBuf::into_vec);
    let mut identity = Identity::new(
        joined.hub.clone(),
        joined.relay,
        key.serialize_der(),
        joined.certificate,
        authorities.collect(),
    );
    identity.fallbacks = hubs::sound(joined.alternatives);
    identity.save(dir)?;
    // Only the identity has the key from now on.
    let path = place(dir);
    fs::remove_file(&path).map_err(|source| IdentityError::File { path, source })?;
    Ok(Joined {
        relay: joined.relay,
        hub: joined.hub,
    })
}

fn waiting_key(dir: &Path) -> Result<KeyPair, JoinError> {
    let waiting = read_small(&place(dir)).map_err(|_| JoinError::OtherRequest)?;
    let waiting: Waiting = serde_json::from_slice(&waiting).map_err(|_| JoinError::OtherRequest)?;
    let key = decode(&waiting.key).ok_or(JoinError::OtherRequest)?;
    Ok(KeyPair::try_from(key.as_slice())?)
}
