//! What holds for all projects of an organization: quotas, and privacy rules that run before a
//! project's own.

use super::intake::{QuotaSetting, json};
use super::{Draft, Fleet, FleetError};
use crate::store::StoreError;

/// Where quotas are kept.
const QUOTAS: &str = "quotas:organization:";
/// Where privacy rules are kept.
const RULES: &str = "privacy_rules:organization:";

impl Fleet {
    /// The limits over all projects of an organization.
    ///
    /// # Errors
    /// [`FleetError::Store`].
    pub async fn organization_quotas(&self, id: i64) -> Result<Vec<QuotaSetting>, FleetError> {
        let stored = self.0.store.setting(&format!("{QUOTAS}{id}")).await?;
        let unreadable = |_| StoreError::Unreadable { what: "quotas" };
        let quotas = stored.map(|json| serde_json::from_str(&json)).transpose();
        Ok(quotas.map_err(unreadable)?.unwrap_or_default())
    }

    /// Sets the limits over all projects of an organization, which were checked.
    ///
    /// # Errors
    /// [`FleetError`].
    pub async fn set_organization_quotas(
        &self,
        id: i64,
        quotas: &[QuotaSetting],
    ) -> Result<(), FleetError> {
        let mut write = self.0.store.begin().await?;
        let key = format!("{QUOTAS}{id}");
        write.put_setting(&key, &json(&quotas)?).await?;
        write.raise_roster_version().await?;
        write.commit().await?;
        self.refresh().await
    }

    /// The document of rules of an organization, JSON as text; `None` where there is none.
    ///
    /// # Errors
    /// [`FleetError::Store`].
    pub async fn organization_rules(&self, id: i64) -> Result<Option<String>, FleetError> {
        let key = format!("{RULES}{id}");
        let stored = self.0.store.setting(&key).await?;
        Ok(stored.filter(|rules| !rules.is_empty()))
    }

    /// Sets the document of rules of an organization, which was checked; an empty one is none.
    ///
    /// # Errors
    /// [`FleetError::TooMuch`] when relays could not be told it, with all else.
    pub async fn set_organization_rules(&self, id: i64, rules: &str) -> Result<(), FleetError> {
        let draft = Draft::OrganizationRules {
            organization: id,
            rules: rules.to_owned(),
        };
        self.check(&draft).await?;
        let mut write = self.0.store.begin().await?;
        let key = format!("{RULES}{id}");
        write.put_setting(&key, rules).await?;
        write.raise_roster_version().await?;
        write.commit().await?;
        self.refresh().await
    }
}
