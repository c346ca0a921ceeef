//! Dictionaries that relays compress with, those of the past included.

use protocol::dict::{DictId, DictKind, Dictionary};
use protocol::roster::RosterDict;
use protocol::timestamp::Timestamp;

use super::{Store, StoreError, Write};

/// Replaced dictionaries of a kind that are kept however old they are.
const REPLACED_KEPT: i64 = 8;
/// Most dictionaries that relays gave back.
const GIVEN_BACK_MAX: i64 = 32;

/// A dictionary without its bytes.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct DictionaryRow {
    /// Its number.
    pub id: i64,
    /// [`DictKind::name`]; empty when a relay gave it back.
    pub kind: String,
    /// Rises by kind.
    pub version: i64,
    /// Its length in bytes.
    pub len: i64,
    /// SHA-256 of its bytes.
    pub sha256: Vec<u8>,
    /// When it was trained, or given back.
    pub trained_at: i64,
    /// Records it was trained on.
    pub samples: i64,
    /// Bytes of held-out records, each alone in a block's payload, as they were before.
    pub bytes_before: i64,
    /// The same with this dictionary.
    pub bytes_with: i64,
    /// Since when relays use another.
    pub retired_at: Option<i64>,
}

/// What is known of a dictionary that was trained.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trained {
    /// What it is for.
    pub kind: DictKind,
    /// When.
    pub at: Timestamp,
    /// Records it was trained on.
    pub samples: u64,
    /// Bytes of held-out records, each alone, as they were before.
    pub bytes_before: u64,
    /// The same with this dictionary.
    pub bytes_with: u64,
}

impl Store {
    /// Every dictionary, without its bytes: by kind, the newest first.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn dictionaries(&self) -> Result<Vec<DictionaryRow>, StoreError> {
        Ok(sqlx::query_as(
            "SELECT id, kind, version, LENGTH(bytes) AS len, sha256, trained_at, samples,
                 bytes_before, bytes_with, retired_at
             FROM dictionaries ORDER BY kind, version DESC",
        )
        .fetch_all(self.reader())
        .await?)
    }

    /// The number of every dictionary.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn dictionary_ids(&self) -> Result<Vec<DictId>, StoreError> {
        let ids: Vec<i64> = sqlx::query_scalar("SELECT id FROM dictionaries")
            .fetch_all(self.reader())
            .await?;
        let ids = ids.into_iter().filter_map(|id| u32::try_from(id).ok());
        Ok(ids.map(DictId).collect())
    }

    /// The bytes of every dictionary.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn dictionary_bytes(&self) -> Result<Vec<Vec<u8>>, StoreError> {
        Ok(
            sqlx::query_scalar("SELECT bytes FROM dictionaries ORDER BY id")
                .fetch_all(self.reader())
                .await?,
        )
    }

    /// What relays are to use.
    ///
    /// # Errors
    /// [`StoreError::Engine`], [`StoreError::Unreadable`].
    pub async fn dictionaries_in_force(&self) -> Result<Vec<RosterDict>, StoreError> {
        let rows = self.dictionaries().await?.into_iter();
        let in_force = rows.filter(|row| row.retired_at.is_none()).map(|row| {
            let unreadable = || StoreError::Unreadable { what: "dictionary" };
            Ok(RosterDict {
                id: DictId(u32::try_from(row.id).map_err(|_| unreadable())?),
                len: u32::try_from(row.len).map_err(|_| unreadable())?,
                sha256: row.sha256.try_into().map_err(|_| unreadable())?,
                kind: row.kind,
            })
        });
        in_force.collect()
    }
}

impl Write {
    /// Puts a dictionary in force in the place of the one before, which stays for the blocks that
    /// need it. Those replaced before `retired_before` go, but for the last few. `false` when it is
    /// there already.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn put_dictionary(
        &mut self,
        dictionary: &Dictionary,
        trained: &Trained,
        retired_before: Timestamp,
    ) -> Result<bool, StoreError> {
        let kind = trained.kind.name();
        if self.has_dictionary(dictionary.id()).await? {
            return Ok(false);
        }
        sqlx::query(
            "UPDATE dictionaries SET retired_at = ?1 WHERE kind = ?2 AND retired_at IS NULL",
        )
        .bind(trained.at.as_millis())
        .bind(kind)
        .execute(self.connection())
        .await?;
        sqlx::query(
            "INSERT INTO dictionaries (id, kind, version, bytes, sha256, trained_at, samples,
                 bytes_before, bytes_with)
             VALUES (?1, ?2, 1 + (SELECT COALESCE(MAX(version), 0) FROM dictionaries
                 WHERE kind = ?2), ?3, ?4, ?5, ?6, ?7, ?8)",
        )
        .bind(i64::from(dictionary.id().0))
        .bind(kind)
        .bind(dictionary.bytes().as_ref())
        .bind(dictionary.sha256().as_slice())
        .bind(trained.at.as_millis())
        .bind(trained.samples.cast_signed())
        .bind(trained.bytes_before.cast_signed())
        .bind(trained.bytes_with.cast_signed())
        .execute(self.connection())
        .await?;
        sqlx::query(
            "DELETE FROM dictionaries WHERE retired_at < ?1 AND id NOT IN
                 (SELECT id FROM dictionaries WHERE kind = ?2 ORDER BY version DESC LIMIT ?3)
                 AND kind = ?2",
        )
        .bind(retired_before.as_millis())
        .bind(kind)
        .bind(REPLACED_KEPT + 1)
        .execute(self.connection())
        .await?;
        self.raise_roster_version().await?;
        Ok(true)
    }

    /// Keeps a dictionary that was lost here, for blocks to be read; it is not put in force. `false`
    /// when it is here already, or relays gave back as many as are taken.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn keep_dictionary(
        &mut self,
        dictionary: &Dictionary,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let kept = sqlx::query(
            "INSERT INTO dictionaries (id, kind, version, bytes, sha256, trained_at, samples,
                 bytes_before, bytes_with, retired_at)
             SELECT ?1, '', 0, ?2, ?3, ?4, 0, 0, 0, ?4
             WHERE (SELECT COUNT(*) FROM dictionaries WHERE kind = '') < ?5
             ON CONFLICT (id) DO NOTHING",
        )
        .bind(i64::from(dictionary.id().0))
        .bind(dictionary.bytes().as_ref())
        .bind(dictionary.sha256().as_slice())
        .bind(now.as_millis())
        .bind(GIVEN_BACK_MAX)
        .execute(self.connection())
        .await?;
        Ok(kept.rows_affected() > 0)
    }

    async fn has_dictionary(&mut self, id: DictId) -> Result<bool, StoreError> {
        let known: Option<i64> = sqlx::query_scalar("SELECT 1 FROM dictionaries WHERE id = ?1")
            .bind(i64::from(id.0))
            .fetch_optional(self.connection())
            .await?;
        Ok(known.is_some())
    }
}
