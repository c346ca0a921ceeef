//! The stricter of two settings: never looser than either.

use std::cmp::Ordering;

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
    /// Of two bursts the smaller is made up at the lower rate. A limit with a burst and one
    /// without are both kept to by limits without.
    #[must_use]
    pub fn stricter(self, other: Self) -> Self {
        match (self.burst, other.burst) {
            (Some(mine), Some(theirs)) => Self {
                burst: Some(mine.min(theirs)),
                ..self.slower(other)
            },
            _ => self.without_burst().stricter_window(other.without_burst()),
        }
    }

    /// The one with the lower rate; of two that are alike the one over the shorter window.
    fn slower(self, other: Self) -> Self {
        let is_mine = match self.rate_to(other).cmp(&other.rate_to(self)) {
            Ordering::Equal => self.window_secs <= other.window_secs,
            order => order == Ordering::Less,
        };
        if is_mine { self } else { other }
    }

    /// By rate: count / window, without dividing.
    fn rate_to(self, other: Self) -> u128 {
        u128::from(self.count) * u128::from(other.window_secs)
    }

    /// Allows no more in any stretch of time, without a burst: what one window allows of it comes
    /// out of the burst, and what the next ones allow has been made up by then.
    fn without_burst(self) -> Self {
        let count = self.burst.map_or(self.count, |burst| burst.min(self.count));
        Self::new(count, self.window_secs)
    }

    /// Limits over different windows cannot be told apart by one number. Two limits keep within
    /// both: the smaller count over the longer window, and the longer window's count spread over
    /// the shorter; the one that lets more through is taken.
    fn stricter_window(self, other: Self) -> Self {
        let (short, long) = if self.window_secs <= other.window_secs {
            (self, other)
        } else {
            (other, self)
        };
        let slow = Self::new(short.count.min(long.count), long.window_secs);
        let n_windows = long.window_secs.div_ceil(short.window_secs.max(1)).max(1);
        let spread = Self::new(short.count.min(long.count / n_windows), short.window_secs);
        if spread.rate_to(slow) >= slow.rate_to(spread) {
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
