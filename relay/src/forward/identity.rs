//! Who the relay is to its hub: one file, readable by the relay alone, replaced as a whole.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use protocol::ids::RelayId;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use serde::{Deserialize, Serialize};

/// The file in the state directory.
const FILE: &str = "identity.json";
/// A file beyond this is not one of ours, in bytes.
const FILE_BYTES_MAX: u64 = 64 * 1024;

/// Why there is no identity.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The relay was never joined to a hub.
    #[error("not joined to a hub: run `vedette-relay join HUB TOKEN`")]
    NotJoined,
    /// The file cannot be read or written.
    #[error("identity {}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The file is not what was written there.
    #[error("identity {} is damaged: join again with --force", path.display())]
    Damaged {
        /// Which.
        path: PathBuf,
    },
}

/// What the relay joined with.
pub(super) struct Identity {
    /// Where the hub was.
    pub(super) hub: String,
    pub(super) relay: RelayId,
    pub(super) key: PrivateKeyDer<'static>,
    pub(super) certificate: CertificateDer<'static>,
    pub(super) authority: CertificateDer<'static>,
}

/// The file: binary values in base64.
#[derive(Serialize, Deserialize)]
struct Stored {
    hub: String,
    relay: String,
    key: String,
    certificate: String,
    authority: String,
}

impl Identity {
    /// Whether there is one, usable or not.
    pub(super) fn exists(dir: &Path) -> bool {
        dir.join(FILE).exists()
    }

    /// Reads it.
    pub(super) async fn load(dir: &Path) -> Result<Self, IdentityError> {
        let path = dir.join(FILE);
        let read = {
            let path = path.clone();
            tokio::task::spawn_blocking(move || read(&path)).await
        };
        let bytes = match read {
            Ok(Ok(bytes)) => bytes,
            Ok(Err(error)) if error.kind() == io::ErrorKind::NotFound => {
                return Err(IdentityError::NotJoined);
            }
            Ok(Err(source)) => return Err(IdentityError::File { path, source }),
            Err(gone) => {
                let source = io::Error::other(gone);
                return Err(IdentityError::File { path, source });
            }
        };
        Self::parse(&bytes).ok_or(IdentityError::Damaged { path })
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let stored: Stored = serde_json::from_slice(bytes).ok()?;
        Some(Self {
            hub: stored.hub,
            relay: stored.relay.parse().ok()?,
            key: PrivatePkcs8KeyDer::from(decode(&stored.key)?).into(),
            certificate: decode(&stored.certificate)?.into(),
            authority: decode(&stored.authority)?.into(),
        })
    }

    /// Writes it, whole or not at all. Blocks for the disk.
    pub(super) fn save(&self, dir: &Path) -> Result<(), IdentityError> {
        let path = dir.join(FILE);
        let stored = Stored {
            hub: self.hub.clone(),
            relay: self.relay.to_string(),
            key: encode(self.key.secret_der()),
            certificate: encode(&self.certificate),
            authority: encode(&self.authority),
        };
        let written = serde_json::to_vec_pretty(&stored)
            .map_err(io::Error::other)
            .and_then(|bytes| write_whole(dir, &path, &bytes));
        written.map_err(|source| IdentityError::File { path, source })
    }

    /// The key once more: rustls takes it by value.
    pub(super) fn key(&self) -> PrivateKeyDer<'static> {
        self.key.clone_key()
    }
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    if fs::metadata(path)?.len() > FILE_BYTES_MAX {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    fs::read(path)
}

fn write_whole(dir: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    fs::create_dir_all(dir)?;
    let temporary = path.with_extension("tmp");
    match fs::remove_file(&temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&temporary, path)?;
    File::open(dir)?.sync_all()
}

fn encode(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

fn decode(text: &str) -> Option<Vec<u8>> {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.decode(text).ok()
}
