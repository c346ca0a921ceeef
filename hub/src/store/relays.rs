//! Relays, what is known of them, and tokens to join with; the roster's rows.
//!
//! A token's use and the relay it makes are one transaction, so a token is never used more often
//! than it may be.

use protocol::ids::{Epoch, Lane, RelayId, Seq};
use protocol::outcome::LaneDigest;

use super::projects::ROSTER_VERSION;
use super::{Store, StoreError, Write};

/// A relay.
#[derive(Clone, Debug, Default, PartialEq, Eq, sqlx::FromRow)]
pub struct RelayRow {
    /// The uuid in its certificate.
    pub id: Vec<u8>,
    /// What people call it.
    pub name: String,
    /// JSON: region, site, …
    pub labels: String,
    /// `active`, `drained` or `revoked`.
    pub state: String,
    /// The program's version.
    pub version: String,
    /// SHA-256 of its public key.
    pub certificate: Vec<u8>,
    /// When it joined.
    pub joined_at: i64,
    /// When it was last connected.
    pub last_seen_at: Option<i64>,
    /// Where from.
    pub address: Option<String>,
    /// Its clock minus the hub's.
    pub clock_offset_ms: Option<i64>,
    /// JSON: what it last said of itself.
    pub report: String,
    /// When the certificate in use ends.
    pub certificate_ends_at: Option<i64>,
    /// When it was signed.
    pub certificate_issued_at: Option<i64>,
    /// Its serial number, as it stands in it.
    pub certificate_serial: Option<Vec<u8>>,
    /// SHA-256 of the public key that was granted last and not used yet.
    pub next_certificate: Option<Vec<u8>>,
    /// When the certificate for it ends.
    pub next_certificate_ends_at: Option<i64>,
    /// How often the ended certificate was exchanged since the last renewal in time.
    pub recoveries: i64,
    /// SHA-256 of the public key of the authority that signed the certificate in use.
    pub authority: Option<Vec<u8>>,
    /// How often it was started under its identity.
    pub generation: i64,
    /// The start that was welcomed last.
    pub instance: Option<i64>,
    /// When a second holder of its identity was last kept out.
    pub cloned_at: Option<i64>,
    /// JSON: where the first is, and the second.
    pub cloned_addresses: Option<String>,
}

/// A start of a relay that is welcomed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WelcomeRow {
    /// Which.
    pub relay: RelayId,
    /// The start that is welcomed now.
    pub instance: i64,
    /// How often it was started.
    pub generation: i64,
    /// The certificate it showed.
    pub certificate: CertificateRow,
}

/// A certificate that a relay uses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CertificateRow {
    /// SHA-256 of its public key.
    pub key_hash: Vec<u8>,
    /// SHA-256 of the public key of the authority that signed it.
    pub authority: Option<Vec<u8>>,
    /// Its serial number.
    pub serial: Vec<u8>,
    /// When it was signed.
    pub issued_at: i64,
    /// When it ends.
    pub ends_at: i64,
}

/// A certificate that is granted to a relay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrantRow {
    /// Which.
    pub relay: RelayId,
    /// SHA-256 of its public key.
    pub key_hash: Vec<u8>,
    /// When it ends.
    pub ends_at: i64,
    /// How often an ended certificate was exchanged since the last renewal in time.
    pub recoveries: i64,
}

/// A token to join with; its secret is kept as a hash only.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct JoinTokenRow {
    /// Its public half.
    pub id: String,
    /// SHA-256 of its secret.
    pub secret_hash: Vec<u8>,
    /// JSON: what its relays are labelled with.
    pub labels: String,
    /// How many relays may still join with it.
    pub uses_left: i64,
    /// When it was made.
    pub created_at: i64,
    /// When it ends.
    pub expires_at: i64,
    /// Where relays come from, as in `10.20.0.0/16`; `None` is anywhere.
    pub address_range: Option<String>,
    /// How often a wrong secret was shown for it.
    pub failures: i64,
}

/// What a connected relay showed lately.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenRow {
    /// Which.
    pub relay: RelayId,
    /// When, by the hub's clock.
    pub at: i64,
    /// Where from.
    pub address: String,
    /// The program's version.
    pub version: String,
    /// Its clock minus the hub's.
    pub clock_offset_ms: i64,
    /// JSON; `None` leaves what is there.
    pub report: Option<String>,
}

/// A project as the roster has it, one row for each of its keys.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct RosterRow {
    /// The project.
    pub project_id: i64,
    /// Its organization.
    pub organization_id: i64,
    /// Its slug.
    pub slug: String,
    /// JSON: privacy settings, allowed origins.
    pub options: String,
    /// A key; a project may have none.
    pub public_key: Option<String>,
    /// Whether the key is accepted.
    pub is_active: Option<bool>,
    /// Most items per window and category.
    pub rate_limit_count: Option<i64>,
    /// The window, in seconds.
    pub rate_limit_window_s: Option<i64>,
    /// Most items at once, where that is more or less than in a window.
    pub rate_limit_burst: Option<i64>,
}

impl Store {
    /// Every relay, by name.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn relays(&self) -> Result<Vec<RelayRow>, StoreError> {
        Ok(sqlx::query_as("SELECT * FROM relays ORDER BY name, id")
            .fetch_all(self.reader())
            .await?)
    }

    /// One relay.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn relay(&self, id: RelayId) -> Result<Option<RelayRow>, StoreError> {
        Ok(sqlx::query_as("SELECT * FROM relays WHERE id = ?1")
            .bind(id.as_bytes().as_slice())
            .fetch_optional(self.reader())
            .await?)
    }

    /// The relays of a state.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn relays_of_state(&self, state: &str) -> Result<Vec<Vec<u8>>, StoreError> {
        Ok(
            sqlx::query_scalar("SELECT id FROM relays WHERE state = ?1 ORDER BY id")
                .bind(state)
                .fetch_all(self.reader())
                .await?,
        )
    }

    /// How far each lane of a relay's spool is applied, and what was booked up to there.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn relay_cursors(
        &self,
        relay: RelayId,
        epoch: Epoch,
    ) -> Result<Vec<(Lane, Seq, Option<LaneDigest>)>, StoreError> {
        let rows: Vec<(i64, i64, Option<i64>)> = sqlx::query_as(
            "SELECT lane, applied_upto, digest FROM relay_cursors WHERE relay_id = ?1 AND epoch = ?2
             ORDER BY lane",
        )
        .bind(relay.as_bytes().as_slice())
        .bind(epoch.0.cast_signed())
        .fetch_all(self.reader())
        .await?;
        let lane = |lane: i64| u8::try_from(lane).ok().and_then(|l| Lane::try_from(l).ok());
        rows.into_iter()
            .map(|(number, upto, digest)| match lane(number) {
                Some(lane) => {
                    let digest = digest.map(|digest| LaneDigest(digest.cast_unsigned()));
                    Ok((lane, Seq(upto.cast_unsigned()), digest))
                }
                None => Err(StoreError::Unreadable { what: "lane" }),
            })
            .collect()
    }

    /// Every join token that is not used up.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn join_tokens(&self) -> Result<Vec<JoinTokenRow>, StoreError> {
        Ok(
            sqlx::query_as("SELECT * FROM join_tokens WHERE uses_left > 0 ORDER BY created_at, id")
                .fetch_all(self.reader())
                .await?,
        )
    }

    /// How often the roster was changed.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn roster_version(&self) -> Result<u64, StoreError> {
        let version = self.setting(ROSTER_VERSION).await?;
        Ok(version.and_then(|v| v.parse().ok()).unwrap_or_default())
    }

    /// The roster's rows, read at one point in time.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn roster_rows(&self) -> Result<Vec<RosterRow>, StoreError> {
        Ok(sqlx::query_as(
            "SELECT p.id AS project_id, p.organization_id, p.slug, p.options, k.public_key, k.is_active,
                 k.rate_limit_count, k.rate_limit_window_s, k.rate_limit_burst
             FROM projects p LEFT JOIN project_keys k ON k.project_id = p.id
             ORDER BY p.id, k.created_at, k.public_key",
        )
        .fetch_all(self.reader())
        .await?)
    }
}

impl Write {
    /// Keeps a join token.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn add_join_token(&mut self, token: &JoinTokenRow) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO join_tokens
                 (id, secret_hash, labels, uses_left, created_at, expires_at, address_range)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )
        .bind(&token.id)
        .bind(&token.secret_hash)
        .bind(&token.labels)
        .bind(token.uses_left)
        .bind(token.created_at)
        .bind(token.expires_at)
        .bind(&token.address_range)
        .execute(self.connection())
        .await?;
        Ok(())
    }

    /// A join token, used up or not.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn join_token(&mut self, id: &str) -> Result<Option<JoinTokenRow>, StoreError> {
        Ok(sqlx::query_as("SELECT * FROM join_tokens WHERE id = ?1")
            .bind(id)
            .fetch_optional(self.connection())
            .await?)
    }

    /// Takes one use of a token.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn use_join_token(&mut self, id: &str) -> Result<(), StoreError> {
        sqlx::query("UPDATE join_tokens SET uses_left = uses_left - 1 WHERE id = ?1")
            .bind(id)
            .execute(self.connection())
            .await?;
        Ok(())
    }

    /// Counts a wrong secret shown for a token; gives how often that was.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn note_join_token_failure(&mut self, id: &str) -> Result<i64, StoreError> {
        Ok(sqlx::query_scalar(
            "UPDATE join_tokens SET failures = failures + 1 WHERE id = ?1 RETURNING failures",
        )
        .bind(id)
        .fetch_one(self.connection())
        .await?)
    }

    /// Ends a token; `false` when there is none.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn remove_join_token(&mut self, id: &str) -> Result<bool, StoreError> {
        let done = sqlx::query("DELETE FROM join_tokens WHERE id = ?1")
            .bind(id)
            .execute(self.connection())
            .await?;
        Ok(done.rows_affected() > 0)
    }

    /// Forgets tokens that ended before `before` or are used up.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn remove_ended_join_tokens(&mut self, before: i64) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM join_tokens WHERE expires_at <= ?1 OR uses_left <= 0")
            .bind(before)
            .execute(self.connection())
            .await?;
        Ok(())
    }

    /// Registers a relay.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn add_relay(&mut self, relay: &RelayRow) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO relays
                 (id, name, labels, state, version, certificate, joined_at, certificate_ends_at,
                  certificate_issued_at, certificate_serial, authority)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
        )
        .bind(&relay.id)
        .bind(&relay.name)
        .bind(&relay.labels)
        .bind(&relay.state)
        .bind(&relay.version)
        .bind(&relay.certificate)
        .bind(relay.joined_at)
        .bind(relay.certificate_ends_at)
        .bind(relay.certificate_issued_at)
        .bind(&relay.certificate_serial)
        .bind(&relay.authority)
        .execute(self.connection())
        .await
        .map_err(|error| StoreError::from(error).or_exists("relay"))?;
        Ok(())
    }

    /// One relay, as this transaction sees it.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn relay(&mut self, id: RelayId) -> Result<Option<RelayRow>, StoreError> {
        Ok(sqlx::query_as("SELECT * FROM relays WHERE id = ?1")
            .bind(id.as_bytes().as_slice())
            .fetch_optional(self.connection())
            .await?)
    }

    /// Notes which start of a relay is welcomed and the certificate it uses.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn put_relay_welcome(&mut self, welcome: &WelcomeRow) -> Result<(), StoreError> {
        self.put_relay_certificate(welcome.relay, &welcome.certificate)
            .await?;
        // It showed the certificate, so that is the one in use, also where it is known in part.
        let certificate = &welcome.certificate;
        sqlx::query(
            "UPDATE relays SET instance = ?2, generation = ?3, authority = ?4,
                 certificate_serial = ?5, certificate_issued_at = ?6, certificate_ends_at = ?7
             WHERE id = ?1",
        )
        .bind(welcome.relay.as_bytes().as_slice())
        .bind(welcome.instance)
        .bind(welcome.generation)
        .bind(&certificate.authority)
        .bind(&certificate.serial)
        .bind(certificate.issued_at)
        .bind(certificate.ends_at)
        .execute(self.connection())
        .await?;
        Ok(())
    }

    /// Notes that the certificate that was granted last is the one in use, if this is the one.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn put_relay_certificate(
        &mut self,
        id: RelayId,
        certificate: &CertificateRow,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE relays SET certificate = next_certificate, authority = ?3,
                 certificate_serial = ?4, certificate_issued_at = ?5, certificate_ends_at = ?6,
                 next_certificate = NULL, next_certificate_ends_at = NULL
             WHERE id = ?1 AND next_certificate = ?2",
        )
        .bind(id.as_bytes().as_slice())
        .bind(&certificate.key_hash)
        .bind(&certificate.authority)
        .bind(&certificate.serial)
        .bind(certificate.issued_at)
        .bind(certificate.ends_at)
        .execute(self.connection())
        .await?;
        Ok(())
    }

    /// Notes a certificate that a relay may use from now on; the one in use stays.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn put_relay_grant(&mut self, grant: &GrantRow) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE relays SET next_certificate = ?2, next_certificate_ends_at = ?3,
                 recoveries = ?4 WHERE id = ?1",
        )
        .bind(grant.relay.as_bytes().as_slice())
        .bind(&grant.key_hash)
        .bind(grant.ends_at)
        .bind(grant.recoveries)
        .execute(self.connection())
        .await?;
        Ok(())
    }

    /// Marks a relay's identity as held twice, or takes the mark off; `false` when there is none.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn put_relay_clone(
        &mut self,
        id: RelayId,
        at: Option<i64>,
        addresses: Option<&str>,
    ) -> Result<bool, StoreError> {
        let done =
            sqlx::query("UPDATE relays SET cloned_at = ?2, cloned_addresses = ?3 WHERE id = ?1")
                .bind(id.as_bytes().as_slice())
                .bind(at)
                .bind(addresses)
                .execute(self.connection())
                .await?;
        Ok(done.rows_affected() > 0)
    }

    /// How many relays may connect.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn n_relays(&mut self) -> Result<u64, StoreError> {
        let n: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM relays WHERE state <> 'revoked'")
            .fetch_one(self.connection())
            .await?;
        Ok(n.cast_unsigned())
    }

    /// Sets a relay's name, labels and state; `false` when there is none. Relays are told of a
    /// state that is new.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn update_relay(
        &mut self,
        id: RelayId,
        name: &str,
        labels: &str,
        state: &str,
    ) -> Result<bool, StoreError> {
        let id = id.as_bytes().as_slice();
        let before: Option<String> = sqlx::query_scalar("SELECT state FROM relays WHERE id = ?1")
            .bind(id)
            .fetch_optional(self.connection())
            .await?;
        let Some(before) = before else {
            return Ok(false);
        };
        sqlx::query("UPDATE relays SET name = ?2, labels = ?3, state = ?4 WHERE id = ?1")
            .bind(id)
            .bind(name)
            .bind(labels)
            .bind(state)
            .execute(self.connection())
            .await?;
        if before != state {
            self.raise_roster_version().await?;
        }
        Ok(true)
    }

    /// Notes what a relay showed lately.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn put_relay_seen(&mut self, seen: &SeenRow) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE relays SET last_seen_at = ?2, address = ?3, version = ?4,
                 clock_offset_ms = ?5, report = COALESCE(?6, report) WHERE id = ?1",
        )
        .bind(seen.relay.as_bytes().as_slice())
        .bind(seen.at)
        .bind(&seen.address)
        .bind(&seen.version)
        .bind(seen.clock_offset_ms)
        .bind(&seen.report)
        .execute(self.connection())
        .await?;
        Ok(())
    }
}
