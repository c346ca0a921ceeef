//! What holds for all projects of an organization: quotas, and privacy settings beside a project's own.

use std::sync::Arc;

use protocol::roster::PrivacySettings;

use super::intake::{QuotaSetting, json};
use super::{Draft, Fleet, FleetError};
use crate::store::StoreError;

/// Where quotas are kept.
const QUOTAS: &str = "quotas:organization:";
/// Where privacy rules are kept.
const RULES: &str = "privacy_rules:organization:";
/// Where the other privacy settings are kept.
const PRIVACY: &str = "privacy:organization:";

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

    /// The privacy settings of an organization; its document of rules is the only one in them.
    ///
    /// # Errors
    /// [`FleetError::Store`].
    pub async fn organization_privacy(&self, id: i64) -> Result<PrivacySettings, FleetError> {
        let stored = self.0.store.setting(&format!("{PRIVACY}{id}")).await?;
        let unreadable = |_| StoreError::Unreadable {
            what: "privacy settings",
        };
        let settings = stored.map(|json| serde_json::from_str(&json)).transpose();
        let rules = self.0.store.setting(&format!("{RULES}{id}")).await?;
        let rules = rules.filter(|rules| !rules.is_empty());
        Ok(PrivacySettings {
            rules: rules.map(Arc::from).into_iter().collect(),
            ..settings.map_err(unreadable)?.unwrap_or_default()
        })
    }

    /// Sets the privacy settings of an organization, which were checked.
    ///
    /// # Errors
    /// [`FleetError::TooMuch`] when relays could not be told them, with all else.
    pub async fn set_organization_privacy(
        &self,
        id: i64,
        privacy: PrivacySettings,
    ) -> Result<(), FleetError> {
        let draft = Draft::OrganizationPrivacy {
            organization: id,
            privacy: privacy.clone(),
        };
        self.check(&draft).await?;
        let rules = privacy.rules.first().cloned().unwrap_or_default();
        let others = PrivacySettings {
            rules: Vec::new(),
            ..privacy
        };
        let mut write = self.0.store.begin().await?;
        write.put_setting(&format!("{RULES}{id}"), &rules).await?;
        let others = json(&others)?;
        write
            .put_setting(&format!("{PRIVACY}{id}"), &others)
            .await?;
        write.raise_roster_version().await?;
        write.commit().await?;
        self.refresh().await
    }
}
