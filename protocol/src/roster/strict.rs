//! The stricter of two settings: never looser than either.

use super::link::least;
use super::{LinkSettings, PrivacySettings, RateLimit};

impl PrivacySettings {
    /// Removes whatever either removes.
    #[must_use]
    pub fn stricter(&self, other: &Self) -> Self {
        let mut sensitive_fields = self.sensitive_fields.clone();
        for field in &other.sensitive_fields {
            if !lists(&sensitive_fields, field) {
                sensitive_fields.push(field.clone());
            }
        }
        let mut rules = self.rules.clone();
        rules.extend(
            other
                .rules
                .iter()
                .filter(|document| !self.rules.contains(document))
                .cloned(),
        );
        let both = |field: &&String| lists(&other.safe_fields, field);
        Self {
            scrub_ip_addresses: self.scrub_ip_addresses || other.scrub_ip_addresses,
            scrub_emails: self.scrub_emails || other.scrub_emails,
            sensitive_fields,
            safe_fields: self.safe_fields.iter().filter(both).cloned().collect(),
            rules,
            pseudonym_key: self
                .pseudonym_key
                .clone()
                .or_else(|| other.pseudonym_key.clone()),
        }
    }
}

/// Names of fields are compared as the rules compare them.
fn lists(fields: &[String], field: &str) -> bool {
    let field = field.trim().to_lowercase();
    fields.iter().any(|f| f.trim().to_lowercase() == field)
}

impl RateLimit {
    /// Allows no more than either in any stretch of time.
    ///
    /// Limits over different windows cannot be told apart by one number. Two limits keep within
    /// both: the smaller count over the longer window, and the longer window's count spread over
    /// the shorter; the one that lets more through is taken.
    #[must_use]
    pub fn stricter(self, other: Self) -> Self {
        let (short, long) = if self.window_secs <= other.window_secs {
            (self, other)
        } else {
            (other, self)
        };
        let slow = Self {
            count: short.count.min(long.count),
            window_secs: long.window_secs,
        };
        let n_windows = long.window_secs.div_ceil(short.window_secs.max(1)).max(1);
        let spread = Self {
            count: short.count.min(long.count / n_windows),
            window_secs: short.window_secs,
        };
        // By rate: count / window, without dividing.
        let rate = |a: Self, b: Self| u128::from(a.count) * u128::from(b.window_secs);
        if rate(spread, slow) >= rate(slow, spread) {
            spread
        } else {
            slow
        }
    }
}

impl LinkSettings {
    /// Takes no more than either.
    #[must_use]
    pub fn stricter(&self, other: &Self) -> Self {
        let mut quiet_hours = self.quiet_hours.clone();
        for hours in &other.quiet_hours {
            if !quiet_hours.contains(hours) {
                quiet_hours.push(*hours);
            }
        }
        Self {
            bandwidth_max: least(self.bandwidth_max, other.bandwidth_max),
            quiet_hours,
        }
    }
}
