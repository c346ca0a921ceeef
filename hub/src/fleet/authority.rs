//! The hub's certificate authority: one P-256 key in a file that only the hub reads.
//!
//! What always holds: the authority's own certificate and the hub's do not end by the calendar,
//! so that a relay whose clock is wrong finds its hub none the less; relays' certificates are short
//! (see `certificate`), and what ends a relay's access is the registry, asked at every connection
//! and every second after.
//!
//! The authority can be exchanged for another. The one before signs its successor's key, once, and
//! its own key is gone; the hub shows that signature with its certificate, so a relay that was away
//! meanwhile, and trusts the former authority alone, still knows its hub. Certificates of former
//! authorities are verified as before: the registry says which keys are let in.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use protocol::wire::{HUB_NAME, Region, hub_uri};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, PublicKeyData as _, SanType, SigningKey as _,
};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use sha2::{Digest as _, Sha256};

use super::certificate;

/// SHA-256 of a public key as certificates hold it (`SubjectPublicKeyInfo`).
pub(super) type KeyHash = [u8; 32];

/// Former authorities whose relays are still known; the oldest is forgotten first.
const FORMER_MAX: usize = 3;

/// Why the authority cannot do its work.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    /// A file cannot be read or written.
    #[error("{}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A file holds something else.
    #[error("{} is not what was written there", path.display())]
    Damaged {
        /// Which.
        path: PathBuf,
    },
    /// Certificates cannot be made.
    #[error("certificate cannot be made")]
    Make(#[from] rcgen::Error),
    /// No randomness.
    #[error("the system gives no random bytes")]
    NoRandomness,
    /// A request that cannot be granted.
    #[error("certificate request is not one for a P-256 key, signed by it")]
    Request,
    /// A certificate that is not a relay's.
    #[error("certificate names no relay")]
    NotARelay,
}

/// The authority, ready to sign, and those before it.
pub(super) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
    /// The newest first.
    former: Vec<Former>,
}

/// An authority that signs nothing any more.
struct Former {
    /// Its successor's key, signed by it.
    successor: CertificateDer<'static>,
    certificate: CertificateDer<'static>,
}

/// A certificate with its chain and key, for the hub's end of the link.
#[derive(Debug)]
pub struct ServerIdentity {
    /// The hub's certificate, then what leads to the authorities.
    pub chain: Vec<CertificateDer<'static>>,
    /// The key, which lives as long as the process.
    pub key: PrivateKeyDer<'static>,
}

/// The files of an authority.
struct Paths {
    key: PathBuf,
    certificate: PathBuf,
    former: PathBuf,
}

impl Paths {
    fn new(dir: &Path) -> Self {
        Self {
            key: dir.join("authority.key"),
            certificate: dir.join("authority.pem"),
            former: dir.join("former.pem"),
        }
    }
}

impl Authority {
    /// Reads the authority from `dir`, or makes it there.
    pub(super) fn open(dir: &Path) -> Result<Self, AuthorityError> {
        fs::create_dir_all(dir).map_err(at(dir))?;
        let paths = Paths::new(dir);
        let key = match fs::read_to_string(&paths.key) {
            Ok(pem) => KeyPair::from_pem(&pem).map_err(|_| damaged(&paths.key))?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
                write_whole(&paths.key, key.serialize_pem().as_bytes(), 0o600)?;
                key
            }
            Err(source) => return Err(at(&paths.key)(source)),
        };
        let certificate = read_all(&paths.certificate)?.into_iter().next();
        let own = Some(hash(&key));
        // What is trusted is the name and the key, so a certificate made again is as good.
        let certificate = match certificate.filter(|found| certificate::key_hash(found) == own) {
            Some(certificate) => certificate,
            None => {
                let made = params_of(&key).self_signed(&key)?;
                write_whole(&paths.certificate, made.pem().as_bytes(), 0o644)?;
                made.der().clone()
            }
        };
        let mut former = read_former(&paths.former)?;
        // An exchange that was cut short before its key was written did not happen.
        former.retain(|former| certificate::key_hash(&former.certificate) != own);
        let issuer = Issuer::from_ca_cert_der(&certificate, key)?;
        Ok(Self {
            issuer,
            certificate,
            former,
        })
    }

    /// Puts another authority into its place. The new key's file is what makes it so; the old key
    /// is gone then.
    pub(super) fn rotate(self, dir: &Path) -> Result<Self, AuthorityError> {
        let paths = Paths::new(dir);
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let params = params_of(&key);
        let successor = params.signed_by(&key, &self.issuer)?;
        let mut former = vec![Former {
            successor: successor.der().clone(),
            certificate: self.certificate,
        }];
        former.extend(self.former);
        former.truncate(FORMER_MAX);
        write_former(&paths.former, &former)?;
        write_whole(&paths.key, key.serialize_pem().as_bytes(), 0o600)?;
        Self::open(dir)
    }

    /// Whether `dir` still holds this authority.
    pub(super) fn is_current(&self, dir: &Path) -> bool {
        let key = fs::read_to_string(Paths::new(dir).key).ok();
        let key = key.and_then(|pem| KeyPair::from_pem(&pem).ok());
        // A file that is being written, or cannot be read, is no reason to change.
        key.is_none_or(|key| hash(&key) == self.pin())
    }

    /// Every authority whose relays are known, this one first.
    pub(super) fn all(&self) -> impl Iterator<Item = &CertificateDer<'static>> {
        let former = self.former.iter().map(|former| &former.certificate);
        std::iter::once(&self.certificate).chain(former)
    }

    /// What join tokens pin.
    pub(super) fn pin(&self) -> KeyHash {
        hash(self.issuer.key())
    }

    pub(super) const fn issuer(&self) -> &Issuer<'static, KeyPair> {
        &self.issuer
    }

    /// The key of the authority that a certificate, verified before, names as its signer.
    pub(super) fn signer_of(&self, issuer: &[u8]) -> Option<KeyHash> {
        let named = |certificate: &&CertificateDer<'_>| {
            certificate::subject(certificate).is_some_and(|subject| subject == issuer)
        };
        self.all().find(named).and_then(certificate::key_hash)
    }

    /// Signs what the hub gives its relays in writing.
    pub(super) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, AuthorityError> {
        Ok(self.issuer.key().sign(message)?)
    }

    /// A certificate for this process's end of the link.
    pub(super) fn server_identity(
        &self,
        region: Option<&Region>,
    ) -> Result<ServerIdentity, AuthorityError> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let purpose = ExtendedKeyUsagePurpose::ServerAuth;
        let mut params = certificate::leaf_params("vedette hub", purpose);
        params.subject_alt_names = vec![SanType::DnsName(HUB_NAME.try_into()?)];
        if let Some(region) = region {
            let uri = hub_uri(region);
            params
                .subject_alt_names
                .push(SanType::URI(uri.as_str().try_into()?));
        }
        let certificate = params.signed_by(&key, &self.issuer)?;
        let mut chain = vec![certificate.der().clone()];
        chain.extend(self.former.iter().map(|former| former.successor.clone()));
        // Who joins knows the hub by a key that must be in the chain.
        chain.extend(self.all().last().cloned());
        Ok(ServerIdentity {
            chain,
            key: PrivateKeyDer::Pkcs8(key.serialize_der().into()),
        })
    }
}

fn hash(key: &KeyPair) -> KeyHash {
    Sha256::digest(key.subject_public_key_info()).into()
}

/// An authority's certificate. It is named by its key, so that one is not taken for another.
fn params_of(key: &KeyPair) -> CertificateParams {
    let mut params = certificate::params();
    let name = hex::encode(hash(key).get(..8).unwrap_or_default());
    params
        .distinguished_name
        .push(DnType::CommonName, format!("vedette authority {name}"));
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

/// The certificates of a file, none when it is not there.
fn read_all(path: &Path) -> Result<Vec<CertificateDer<'static>>, AuthorityError> {
    let pem = match fs::read(path) {
        Ok(pem) => pem,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(at(path)(source)),
    };
    CertificateDer::pem_slice_iter(&pem)
        .collect::<Result<_, _>>()
        .map_err(|_| damaged(path))
}

fn read_former(path: &Path) -> Result<Vec<Former>, AuthorityError> {
    let all = read_all(path)?;
    let (pairs, rest) = all.as_chunks::<2>();
    if !rest.is_empty() {
        return Err(damaged(path));
    }
    let former = pairs.iter().map(|[successor, certificate]| Former {
        successor: successor.clone(),
        certificate: certificate.clone(),
    });
    Ok(former.collect())
}

fn write_former(path: &Path, former: &[Former]) -> Result<(), AuthorityError> {
    let pems: Vec<String> = former
        .iter()
        .flat_map(|former| [&former.successor, &former.certificate])
        .map(|certificate| certificate::pem(certificate))
        .collect();
    write_whole(path, pems.concat().as_bytes(), 0o644)
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> AuthorityError {
    let path = path.to_owned();
    |source| AuthorityError::File { path, source }
}

fn damaged(path: &Path) -> AuthorityError {
    AuthorityError::Damaged {
        path: path.to_owned(),
    }
}

/// Writes a file that is there whole or not at all.
pub(super) fn write_whole(path: &Path, bytes: &[u8], mode: u32) -> Result<(), AuthorityError> {
    let temporary = path.with_extension("tmp");
    let written = || {
        match fs::remove_file(&temporary) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(mode)
            .open(&temporary)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&temporary, path)?;
        match path.parent() {
            Some(dir) => File::open(dir)?.sync_all(),
            None => Ok(()),
        }
    };
    written().map_err(at(path))
}
