//! Privacy rules of an organization, which every project of it is told before its own.

use super::{Fleet, FleetError};

/// Where they are kept.
const ORGANIZATION_RULES: &str = "privacy_rules:organization:";

impl Fleet {
    /// The document of rules of an organization, JSON as text; `None` where there is none.
    ///
    /// # Errors
    /// [`FleetError::Store`].
    pub async fn organization_rules(&self, id: i64) -> Result<Option<String>, FleetError> {
        let key = format!("{ORGANIZATION_RULES}{id}");
        let stored = self.0.store.setting(&key).await?;
        Ok(stored.filter(|rules| !rules.is_empty()))
    }

    /// Sets the document of rules of an organization, which was checked; an empty one is none.
    ///
    /// # Errors
    /// [`FleetError`].
    pub async fn set_organization_rules(&self, id: i64, rules: &str) -> Result<(), FleetError> {
        let mut write = self.0.store.begin().await?;
        let key = format!("{ORGANIZATION_RULES}{id}");
        write.put_setting(&key, rules).await?;
        write.raise_roster_version().await?;
        write.commit().await?;
        self.refresh().await
    }
}
