//! Taking relays into the fleet.

use std::net::IpAddr;
use std::sync::PoisonError;

use protocol::ids::RelayId;
use protocol::timestamp::Timestamp;
use protocol::wire::{Join, Joined};

use super::certificate::{self, Granted, Validity};
use super::token::{self, TOKEN_FAILURES_MAX, Verdict};
use super::{
    Fleet, FleetError, Labels, NAME_LEN_MAX, RelayState, VERSION_LEN_MAX, cut, labels_json,
};
use crate::store::Write;
use crate::store::relays::RelayRow;

impl Fleet {
    /// Takes a relay that comes from an address into the fleet.
    ///
    /// # Errors
    /// [`FleetError::BadToken`] for a token that does not allow it, [`FleetError::BadAddress`] for
    /// one that does not allow it from there, [`FleetError::TooManyGuesses`],
    /// [`FleetError::Full`], [`FleetError::Authority`] for a request that is none.
    pub async fn join(
        &self,
        join: &Join,
        from: IpAddr,
        now: Timestamp,
    ) -> Result<Joined, FleetError> {
        let inner = &*self.0;
        let wait = self.guesses().wait(from, now);
        if !wait.is_zero() {
            return Err(FleetError::TooManyGuesses {
                seconds: wait.as_secs().saturating_add(1),
            });
        }
        let relay = new_relay_id()?;
        let validity = Validity::from(now, self.certificate_lifetime());
        let granted =
            certificate::grant(&self.authority(), self.region(), relay, &join.csr, validity)?;
        let mut write = inner.store.begin().await?;
        let Some(row) = write.join_token(&join.token_id).await? else {
            self.guesses().note(from, now);
            return Err(FleetError::BadToken);
        };
        match token::judge(&row, &token::hash_secret(&join.secret), from, now) {
            Verdict::Good => write.use_join_token(&row.id).await?,
            Verdict::Spent => return Err(FleetError::BadToken),
            Verdict::WrongAddress(range) => return Err(FleetError::BadAddress { range, from }),
            Verdict::WrongSecret => {
                self.guesses().note(from, now);
                let failures = write.note_join_token_failure(&row.id).await?;
                if failures >= i64::from(TOKEN_FAILURES_MAX) {
                    write.remove_join_token(&row.id).await?;
                    tracing::warn!(token.id = row.id, %from, failures, "join token is guessed at and has ended");
                }
                write.commit().await?;
                return Err(FleetError::BadToken);
            }
        }
        self.register(&mut write, relay, join, row.labels, &granted, now)
            .await?;
        write.commit().await?;
        tracing::info!(relay.id = %relay, "relay joined");
        Ok(Joined {
            relay,
            certificate: granted.certificate.to_vec(),
            authorities: self.to_trust(now).await?,
            hub: String::new(),
            config_key: Some(self.0.config_keys().public()),
            alternatives: Vec::new(),
        })
    }

    /// Takes a relay into the fleet that an operator vouches for: its request came by hand. `hub`
    /// is where it finds the hub later.
    ///
    /// # Errors
    /// [`FleetError::Full`], [`FleetError::Authority`] for a request that is none.
    pub async fn vouch(
        &self,
        join: &Join,
        labels: &Labels,
        hub: &str,
        now: Timestamp,
    ) -> Result<Joined, FleetError> {
        let relay = new_relay_id()?;
        let validity = Validity::from(now, self.certificate_lifetime());
        let granted =
            certificate::grant(&self.authority(), self.region(), relay, &join.csr, validity)?;
        let mut write = self.0.store.begin().await?;
        let labels = labels_json(labels);
        self.register(&mut write, relay, join, labels, &granted, now)
            .await?;
        write.commit().await?;
        Ok(Joined {
            relay,
            certificate: granted.certificate.to_vec(),
            authorities: self.to_trust(now).await?,
            hub: hub.to_owned(),
            config_key: Some(self.0.config_keys().public()),
            alternatives: Vec::new(),
        })
    }

    async fn register(
        &self,
        write: &mut Write,
        relay: RelayId,
        join: &Join,
        labels: String,
        granted: &Granted,
        now: Timestamp,
    ) -> Result<(), FleetError> {
        let max = self.0.config.relays_max;
        if write.n_relays().await? >= u64::from(max) {
            return Err(FleetError::Full { max });
        }
        let name = match cut(&join.name, NAME_LEN_MAX) {
            name if name.is_empty() => relay.to_string(),
            name => name,
        };
        let row = RelayRow {
            id: relay.as_bytes().to_vec(),
            name,
            labels,
            state: RelayState::Active.name().to_owned(),
            version: cut(&join.version, VERSION_LEN_MAX),
            certificate: granted.key_hash.to_vec(),
            joined_at: now.as_millis(),
            certificate_ends_at: Some(granted.validity.not_after.as_millis()),
            certificate_issued_at: Some(granted.validity.not_before.as_millis()),
            certificate_serial: Some(granted.serial.clone()),
            authority: Some(self.pin().to_vec()),
            ..RelayRow::default()
        };
        Ok(write.add_relay(&row).await?)
    }

    fn guesses(&self) -> std::sync::MutexGuard<'_, super::guesses::Guesses> {
        let guesses = self.0.guesses.lock();
        guesses.unwrap_or_else(PoisonError::into_inner)
    }
}

/// A random uuid of version 4.
fn new_relay_id() -> Result<RelayId, FleetError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)?;
    let uuid = uuid::Builder::from_random_bytes(bytes).into_uuid();
    Ok(RelayId::from_bytes(uuid.into_bytes()))
}
