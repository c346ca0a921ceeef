//! The hub's certificate authority: one P-256 key in a file that only the hub reads.
//!
//! Certificates do not end by the calendar: relays and hubs may have been off, or their clocks
//! wrong, for years. What ends a relay's access is the registry, which is asked at every
//! connection and every second after.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use protocol::ids::RelayId;
use protocol::wire::{HUB_NAME, RELAY_URI_PREFIX};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256,
    PublicKeyData as _, SanType, SigningKey as _,
};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, CertificateSigningRequestDer, PrivateKeyDer};
use sha2::{Digest as _, Sha256};
use x509_parser::extensions::GeneralName;

/// SHA-256 of a public key as certificates hold it (`SubjectPublicKeyInfo`).
pub(super) type KeyHash = [u8; 32];

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
    /// A request that cannot be granted.
    #[error("certificate request is not one for a P-256 key, signed by it")]
    Request,
    /// A certificate that is not a relay's.
    #[error("certificate names no relay")]
    NotARelay,
}

/// The authority, ready to sign.
pub(super) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
}

/// A certificate with its chain and key, for the hub's end of the link.
#[derive(Debug)]
pub struct ServerIdentity {
    /// The hub's certificate, then the authority's.
    pub chain: Vec<CertificateDer<'static>>,
    /// The key, which lives as long as the process.
    pub key: PrivateKeyDer<'static>,
}

/// A relay's certificate as it was granted.
pub(super) struct Granted {
    pub(super) certificate: CertificateDer<'static>,
    pub(super) key_hash: KeyHash,
}

impl Authority {
    /// Reads the authority from `dir`, or makes it there.
    pub(super) fn open(dir: &Path) -> Result<Self, AuthorityError> {
        let file = |path: &Path| {
            let path = path.to_owned();
            |source| AuthorityError::File { path, source }
        };
        fs::create_dir_all(dir).map_err(file(dir))?;
        let key_path = dir.join("authority.key");
        let certificate_path = dir.join("authority.pem");
        let key = match fs::read_to_string(&key_path) {
            Ok(pem) => KeyPair::from_pem(&pem).map_err(|_| AuthorityError::Damaged {
                path: key_path.clone(),
            })?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
                write_whole(&key_path, key.serialize_pem().as_bytes(), 0o600)
                    .map_err(file(&key_path))?;
                key
            }
            Err(source) => return Err(file(&key_path)(source)),
        };
        let certificate = match fs::read(&certificate_path) {
            Ok(pem) => {
                CertificateDer::from_pem_slice(&pem).map_err(|_| AuthorityError::Damaged {
                    path: certificate_path.clone(),
                })?
            }
            // The pin in join tokens is the key's, so a certificate made again is as good.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let made = authority_params().self_signed(&key)?;
                write_whole(&certificate_path, made.pem().as_bytes(), 0o644)
                    .map_err(file(&certificate_path))?;
                made.der().clone()
            }
            Err(source) => return Err(file(&certificate_path)(source)),
        };
        let issuer = Issuer::from_ca_cert_der(&certificate, key)?;
        Ok(Self {
            issuer,
            certificate,
        })
    }

    /// The certificate that relays trust.
    pub(super) const fn certificate(&self) -> &CertificateDer<'static> {
        &self.certificate
    }

    /// What join tokens pin.
    pub(super) fn pin(&self) -> KeyHash {
        Sha256::digest(self.issuer.key().subject_public_key_info()).into()
    }

    /// A certificate for this process's end of the link.
    pub(super) fn server_identity(&self) -> Result<ServerIdentity, AuthorityError> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let mut params = leaf_params("vedette hub", ExtendedKeyUsagePurpose::ServerAuth);
        params.subject_alt_names = vec![SanType::DnsName(HUB_NAME.try_into()?)];
        let certificate = params.signed_by(&key, &self.issuer)?;
        let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
        Ok(ServerIdentity {
            chain: vec![certificate.der().clone(), self.certificate.clone()],
            key,
        })
    }

    /// Signs what the hub gives its relays in writing.
    pub(super) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, AuthorityError> {
        Ok(self.issuer.key().sign(message)?)
    }

    /// Signs a relay's key. Of the request nothing but the key is taken.
    pub(super) fn grant(&self, relay: RelayId, csr: &[u8]) -> Result<Granted, AuthorityError> {
        let request =
            CertificateSigningRequestParams::from_der(&CertificateSigningRequestDer::from(csr))
                .map_err(|_| AuthorityError::Request)?;
        let key = request.public_key;
        if key.algorithm() != &PKCS_ECDSA_P256_SHA256 {
            return Err(AuthorityError::Request);
        }
        let uuid = uuid::Uuid::from_bytes(*relay.as_bytes());
        let uri = format!("{RELAY_URI_PREFIX}{uuid}");
        let mut params = leaf_params("vedette relay", ExtendedKeyUsagePurpose::ClientAuth);
        params.subject_alt_names = vec![SanType::URI(uri.as_str().try_into()?)];
        let certificate = params.signed_by(&key, &self.issuer)?;
        Ok(Granted {
            certificate: certificate.der().clone(),
            key_hash: Sha256::digest(key.subject_public_key_info()).into(),
        })
    }
}

/// Which relay a certificate names, and its key. That the authority signed it was verified.
pub(super) fn read_relay(certificate: &[u8]) -> Result<(RelayId, KeyHash), AuthorityError> {
    let not_a_relay = |_| AuthorityError::NotARelay;
    let (_, certificate) =
        x509_parser::parse_x509_certificate(certificate).map_err(|_| AuthorityError::NotARelay)?;
    let names = certificate
        .subject_alternative_name()
        .map_err(not_a_relay)?
        .ok_or(AuthorityError::NotARelay)?;
    let [GeneralName::URI(uri)] = names.value.general_names.as_slice() else {
        return Err(AuthorityError::NotARelay);
    };
    let uuid = uri
        .strip_prefix(RELAY_URI_PREFIX)
        .ok_or(AuthorityError::NotARelay)?;
    let relay = uuid.parse().map_err(|_| AuthorityError::NotARelay)?;
    Ok((relay, Sha256::digest(certificate.public_key().raw).into()))
}

fn authority_params() -> CertificateParams {
    let mut params = params();
    params
        .distinguished_name
        .push(DnType::CommonName, "vedette authority");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn params() -> CertificateParams {
    let mut params = CertificateParams::default();
    // A host without a battery begins at 1970 and must find its hub none the less.
    params.not_before = rcgen::date_time_ymd(1970, 1, 1);
    params.distinguished_name = rcgen::DistinguishedName::new();
    params
}

fn leaf_params(name: &str, purpose: ExtendedKeyUsagePurpose) -> CertificateParams {
    let mut params = params();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![purpose];
    params.use_authority_key_identifier_extension = true;
    params
}

/// Writes a file that is there whole or not at all.
fn write_whole(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let temporary = path.with_extension("tmp");
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
}
