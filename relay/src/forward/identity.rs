//! Who the relay is to its hub: one file, readable by the relay alone, replaced as a whole.
//!
//! Beside key and certificate it remembers the relay's starts. Each draws a number, which is on
//! the disk before the hub is told of it; the hub lets a start in when it descends from the one it
//! welcomed last. A copy of this file is thus told apart as soon as either holder is welcomed, and
//! never mistaken for the other (see `hub::fleet`, `lineage`). The way out for a copy is an
//! identity of its own: `join --force`. What its spool holds and the hub does not have is then
//! delivered under the new identity; what was delivered under the old one is not sent again.
//!
//! Whoever changes the file holds the lock beside it and changes what is there at that time, so
//! that an identity which `join` has just written is not replaced by an older one.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use protocol::ids::{Epoch, Lane, RelayId, Seq};
use protocol::timestamp::Timestamp;
use protocol::wire::{Hello, Region, read_relay_uri};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use serde::{Deserialize, Serialize};

use super::hubs::At;
use super::tls::uris;

/// The file in the state directory.
const FILE: &str = "identity.json";
/// Held by who changes it.
const LOCK: &str = "identity.lock";
/// A file beyond this is not one of ours, in bytes.
const FILE_BYTES_MAX: u64 = 64 * 1024;
/// Starts that are remembered, this one included.
const STARTS_MAX: usize = Hello::ANCESTORS_MAX + 1;

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
    /// Where else it said it may be found.
    pub(super) fallbacks: Vec<String>,
    pub(super) relay: RelayId,
    pub(super) key: PrivateKeyDer<'static>,
    pub(super) certificate: CertificateDer<'static>,
    /// Any of them may have signed for the hub.
    pub(super) authorities: Vec<CertificateDer<'static>>,
    /// How often the relay was started under this identity.
    pub(super) generation: u64,
    /// The numbers its starts drew, the latest last.
    starts: Vec<u64>,
    floor: Option<Floor>,
}

/// What was delivered of a spool before it had this identity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Floor {
    epoch: Epoch,
    /// By [`Lane::index`]; as many as there were lanes at the time.
    upto: Vec<Seq>,
}

/// A start of the relay.
#[derive(Clone, Copy, Debug)]
pub(super) struct Start {
    /// A number that no other start has.
    pub(super) instance: u64,
    pub(super) epoch: Epoch,
    /// What was delivered of the spool.
    pub(super) acked: [Seq; Lane::ALL.len()],
}

/// The file: binary values in base64.
#[derive(Serialize, Deserialize)]
struct Stored {
    hub: String,
    #[serde(default)]
    fallbacks: Vec<String>,
    relay: String,
    key: String,
    certificate: String,
    authorities: Vec<String>,
    #[serde(default)]
    generation: u64,
    #[serde(default)]
    starts: Vec<u64>,
    #[serde(default)]
    floor: Option<Floor>,
}

impl Identity {
    /// One that was just granted.
    pub(super) fn new(
        hub: String,
        relay: RelayId,
        key: Vec<u8>,
        certificate: Vec<u8>,
        authorities: Vec<Vec<u8>>,
    ) -> Self {
        Self {
            hub,
            fallbacks: Vec::new(),
            relay,
            key: PrivatePkcs8KeyDer::from(key).into(),
            certificate: certificate.into(),
            authorities: authorities.into_iter().map(Into::into).collect(),
            generation: 0,
            starts: Vec::new(),
            floor: None,
        }
    }

    /// Whether there is one, usable or not.
    pub(super) fn exists(dir: &Path) -> bool {
        Self::file(dir).exists()
    }

    /// Where it is.
    pub(super) fn file(dir: &Path) -> PathBuf {
        dir.join(FILE)
    }

    /// Reads it.
    pub(super) async fn load(dir: &Path) -> Result<Self, IdentityError> {
        let dir = dir.to_owned();
        off_the_runtime(move || Self::read(&dir)).await
    }

    /// Notes a start, so that the hub may be told of it. Where the disk does not take it, the
    /// relay goes on as the start before.
    pub(super) async fn begin(self, dir: &Path, start: Start) -> Result<Self, IdentityError> {
        if self.starts.last() == Some(&start.instance) {
            return Ok(self);
        }
        let (at, relay) = (dir.to_owned(), self.relay);
        let begun = off_the_runtime(move || {
            Self::change(&at, relay, |identity| identity.note_start(start))
        });
        match begun.await {
            // Another identity has come: the caller looks again.
            Ok(None) => Self::load(dir).await,
            Ok(Some(begun)) => Ok(begun),
            Err(error) if self.starts.is_empty() => Err(error),
            Err(error) => {
                tracing::debug!(%error, "start is not noted, the one before goes on");
                Ok(self)
            }
        }
    }

    fn note_start(&mut self, start: Start) {
        if self.generation == 0 && start.acked.iter().any(|acked| acked.0 > 0) {
            self.floor = Some(Floor {
                epoch: start.epoch,
                upto: start.acked.to_vec(),
            });
        }
        self.generation = self.generation.saturating_add(1);
        self.starts.push(start.instance);
        let n_beyond = self.starts.len().saturating_sub(STARTS_MAX);
        self.starts.drain(..n_beyond);
    }

    /// This start's number, and those of the starts before.
    pub(super) fn starts(&self) -> (u64, &[u64]) {
        match self.starts.split_last() {
            Some((instance, ancestors)) => (*instance, ancestors),
            None => (0, &[]),
        }
    }

    /// Up to where a lane was delivered before the spool had this identity.
    pub(super) fn floor(&self, epoch: Epoch, lane: Lane) -> Seq {
        let floor = self.floor.as_ref().filter(|floor| floor.epoch == epoch);
        let upto = floor.and_then(|floor| floor.upto.get(lane.index()).copied());
        upto.unwrap_or_default()
    }

    /// Where the hub was joined.
    pub(super) fn joined_at(&self) -> At<'_> {
        At {
            hub: &self.hub,
            fallbacks: &self.fallbacks,
        }
    }

    /// The region that the relay is pinned to: the one its certificate names.
    pub(super) fn region(&self) -> Option<Region> {
        uris(&self.certificate, read_relay_uri).and_then(|(region, _)| region)
    }

    /// From when to when the certificate holds, by the hub's clock.
    pub(super) fn validity(&self) -> Option<(Timestamp, Timestamp)> {
        let (_, certificate) = x509_parser::parse_x509_certificate(&self.certificate).ok()?;
        let validity = certificate.validity();
        let at = |seconds: i64| Timestamp::from_millis(seconds.saturating_mul(1000));
        Some((
            at(validity.not_before.timestamp()),
            at(validity.not_after.timestamp()),
        ))
    }

    /// Puts a certificate for another key into the file of a relay, unless the file has become
    /// another's. Blocks for the disk.
    pub(super) fn renew(
        dir: &Path,
        relay: RelayId,
        key: &[u8],
        certificate: Vec<u8>,
        authorities: Vec<Vec<u8>>,
    ) -> Result<Option<Self>, IdentityError> {
        Self::change(dir, relay, |identity| {
            identity.key = PrivatePkcs8KeyDer::from(key.to_vec()).into();
            identity.certificate = certificate.into();
            if !authorities.is_empty() {
                identity.authorities = authorities.into_iter().map(Into::into).collect();
            }
        })
    }

    fn change(
        dir: &Path,
        relay: RelayId,
        change: impl FnOnce(&mut Self),
    ) -> Result<Option<Self>, IdentityError> {
        let _lock = lock(dir)?;
        let mut identity = Self::read(dir)?;
        if identity.relay != relay {
            return Ok(None);
        }
        change(&mut identity);
        identity.write(dir)?;
        Ok(Some(identity))
    }

    /// Writes it, whole or not at all. Blocks for the disk.
    pub(super) fn save(&self, dir: &Path) -> Result<(), IdentityError> {
        fs::create_dir_all(dir).map_err(at(dir))?;
        let _lock = lock(dir)?;
        self.write(dir)
    }

    fn write(&self, dir: &Path) -> Result<(), IdentityError> {
        let stored = Stored {
            hub: self.hub.clone(),
            fallbacks: self.fallbacks.clone(),
            relay: self.relay.to_string(),
            key: encode(self.key.secret_der()),
            certificate: encode(&self.certificate),
            authorities: self.authorities.iter().map(|one| encode(one)).collect(),
            generation: self.generation,
            starts: self.starts.clone(),
            floor: self.floor.clone(),
        };
        write_json(dir, &dir.join(FILE), &stored)
    }

    fn read(dir: &Path) -> Result<Self, IdentityError> {
        let path = dir.join(FILE);
        let bytes = match read_small(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(IdentityError::NotJoined);
            }
            Err(source) => return Err(IdentityError::File { path, source }),
        };
        Self::parse(&bytes).ok_or(IdentityError::Damaged { path })
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let stored: Stored = serde_json::from_slice(bytes).ok()?;
        let authorities = stored.authorities.iter().map(|one| decode(one));
        Some(Self {
            fallbacks: stored.fallbacks,
            generation: stored.generation,
            starts: stored.starts,
            floor: stored.floor,
            ..Self::new(
                stored.hub,
                stored.relay.parse().ok()?,
                decode(&stored.key)?,
                decode(&stored.certificate)?,
                authorities.collect::<Option<_>>()?,
            )
        })
    }

    /// The key once more: rustls takes it by value.
    pub(super) fn key(&self) -> PrivateKeyDer<'static> {
        self.key.clone_key()
    }
}

/// Runs what blocks for the disk.
pub(super) async fn off_the_runtime<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, IdentityError> + Send + 'static,
) -> Result<T, IdentityError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(gone) => Err(IdentityError::File {
            path: PathBuf::from(FILE),
            source: io::Error::other(gone),
        }),
    }
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> IdentityError {
    let path = path.to_owned();
    |source| IdentityError::File { path, source }
}

/// Held until it is dropped.
fn lock(dir: &Path) -> Result<File, IdentityError> {
    let path = dir.join(LOCK);
    let open = || {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false).mode(0o600);
        let file = options.open(&path)?;
        file.lock()?;
        Ok(file)
    };
    open().map_err(at(&path))
}

/// Reads a file that is not larger than one of ours.
pub(super) fn read_small(path: &Path) -> io::Result<Vec<u8>> {
    if fs::metadata(path)?.len() > FILE_BYTES_MAX {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    fs::read(path)
}

/// Writes a file that is there whole or not at all, for the relay alone.
pub(super) fn write_json(
    dir: &Path,
    path: &Path,
    value: &impl Serialize,
) -> Result<(), IdentityError> {
    let written = serde_json::to_vec_pretty(value)
        .map_err(io::Error::other)
        .and_then(|bytes| write_whole(dir, path, &bytes));
    written.map_err(at(path))
}

fn write_whole(dir: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
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

pub(super) fn encode(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

pub(super) fn decode(text: &str) -> Option<Vec<u8>> {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.decode(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(relay: u8) -> Identity {
        let relay = RelayId::from_bytes([relay; 16]);
        Identity::new("hub:1".to_owned(), relay, vec![1], vec![2], vec![vec![3]])
    }

    fn start(instance: u64) -> Start {
        let mut acked = [Seq(0); Lane::COUNT];
        acked[Lane::Errors.index()] = Seq(40);
        Start {
            instance,
            epoch: Epoch(7),
            acked,
        }
    }

    #[tokio::test]
    async fn each_start_is_on_the_disk_before_anyone_is_told() {
        let dir = tempfile::tempdir().unwrap();
        identity(1).save(dir.path()).unwrap();
        for n in 1..=100 {
            let loaded = Identity::load(dir.path()).await.unwrap();
            let begun = loaded.begin(dir.path(), start(n)).await.unwrap();
            // The same start again is no other one.
            let begun = begun.begin(dir.path(), start(n)).await.unwrap();
            assert_eq!(begun.generation, n);
        }
        let loaded = Identity::load(dir.path()).await.unwrap();
        let (instance, ancestors) = loaded.starts();
        assert_eq!((instance, ancestors.len()), (100, Hello::ANCESTORS_MAX));
        assert_eq!(ancestors.last(), Some(&99));
    }

    #[tokio::test]
    async fn what_was_delivered_before_the_identity_came_is_remembered_once() {
        let dir = tempfile::tempdir().unwrap();
        identity(1).save(dir.path()).unwrap();
        let begun = Identity::load(dir.path()).await.unwrap();
        let begun = begun.begin(dir.path(), start(1)).await.unwrap();
        assert_eq!(begun.floor(Epoch(7), Lane::Errors), Seq(40));
        assert_eq!(begun.floor(Epoch(7), Lane::Control), Seq(0));
        assert_eq!(begun.floor(Epoch(8), Lane::Errors), Seq(0));
        let later = Start {
            acked: [Seq(90); Lane::COUNT],
            ..start(2)
        };
        let begun = begun.begin(dir.path(), later).await.unwrap();
        assert_eq!(begun.floor(Epoch(7), Lane::Errors), Seq(40));
    }

    #[tokio::test]
    async fn a_start_that_cannot_be_noted_goes_on_as_the_one_before() {
        let dir = tempfile::tempdir().unwrap();
        identity(1).save(dir.path()).unwrap();
        let begun = Identity::load(dir.path()).await.unwrap();
        let begun = begun.begin(dir.path(), start(1)).await.unwrap();
        // A directory in the place of the file to be written.
        fs::create_dir_all(dir.path().join("identity.tmp/in the way")).unwrap();
        let again = begun.begin(dir.path(), start(2)).await.unwrap();
        assert_eq!(again.starts().0, 1);
        identity(1).write(dir.path()).unwrap_err();
    }

    #[tokio::test]
    async fn an_identity_that_came_meanwhile_is_not_replaced_by_a_renewal_of_the_old() {
        let dir = tempfile::tempdir().unwrap();
        identity(2).save(dir.path()).unwrap();
        let relay = RelayId::from_bytes([1; 16]);
        let renewed = Identity::renew(dir.path(), relay, &[9], vec![9], vec![]);
        assert!(renewed.unwrap().is_none());
        let loaded = Identity::load(dir.path()).await.unwrap();
        assert_eq!(loaded.certificate.as_ref(), [2]);
        let relay = RelayId::from_bytes([2; 16]);
        let renewed = Identity::renew(dir.path(), relay, &[9], vec![9], vec![]);
        let renewed = renewed.unwrap().unwrap();
        assert_eq!(renewed.certificate.as_ref(), [9]);
        assert_eq!(renewed.authorities.len(), 1);
    }
}
