//! The rules: their ids, what they leave behind, and the count of their hits.

/// The member of an item's header by which a relay tells what it removed from a payload that takes no notes: how often, by the
/// rule's id. It is the relay's alone: what clients call so is taken out.
pub const REMOVED_HEADER: &str = "server_removed";

/// One rule of the default set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rule {
    /// The whole value of a sensitive key.
    Password,
    /// The value of a session or anti-forgery cookie.
    Cookies,
    /// The body of a PEM key.
    PemKey,
    /// User and password in a URL.
    UrlAuth,
    /// The token after `Bearer`.
    Bearer,
    /// The credentials after `Basic`.
    Basic,
    /// A card number that passes the Luhn check.
    CreditCard,
    /// An IBAN whose check digits are right.
    Iban,
    /// A US social security number.
    UsSsn,
    /// An e-mail address.
    Email,
    /// An IP address.
    Ip,
    /// The user's name in a path to their home.
    UserPath,
    /// A variable of a GraphQL request, or what its answer says of it.
    GraphQl,
    /// A rule that people wrote; notes hold its name.
    Custom,
}

impl Rule {
    /// Every rule, in the order of its index.
    pub const ALL: [Self; 14] = [
        Self::Password,
        Self::Cookies,
        Self::PemKey,
        Self::UrlAuth,
        Self::Bearer,
        Self::Basic,
        Self::CreditCard,
        Self::Iban,
        Self::UsSsn,
        Self::Email,
        Self::Ip,
        Self::UserPath,
        Self::GraphQl,
        Self::Custom,
    ];

    /// The id in `_meta` remarks and in metrics.
    #[must_use]
    pub const fn id(self) -> &'static str {
        match self {
            Self::Password => "@password:filter",
            Self::Cookies => "@cookies:filter",
            Self::PemKey => "@pemkey",
            Self::UrlAuth => "@urlauth",
            Self::Bearer => "@bearer",
            Self::Basic => "@basicauth",
            Self::CreditCard => "@creditcard",
            Self::Iban => "@iban",
            Self::UsSsn => "@usssn",
            Self::Email => "@email",
            Self::Ip => "@ip",
            Self::UserPath => "@userpath",
            Self::GraphQl => "@graphql:filter",
            Self::Custom => "custom",
        }
    }

    /// What stands in the place of the removed text.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Password | Self::Cookies | Self::GraphQl | Self::Custom => "[Filtered]",
            Self::PemKey => "[pemkey]",
            Self::UrlAuth | Self::Basic => "[auth]",
            Self::Bearer => "[token]",
            Self::CreditCard => "[creditcard]",
            Self::Iban => "[iban]",
            Self::UsSsn => "[usssn]",
            Self::Email => "[email]",
            Self::Ip => "[ip]",
            Self::UserPath => "[user]",
        }
    }
}

/// Whether a value is what some scrubber left behind: a label in brackets, or nothing but asterisks.
pub(super) fn is_redacted(value: &[u8]) -> bool {
    const OTHERS: [&[u8]; 6] = [
        b"[Filtered]",
        b"[token]",
        b"[REDACTED]",
        b"[redacted]",
        b"[Removed]",
        b"<redacted>",
    ];
    let is_label = || {
        Rule::ALL
            .iter()
            .any(|rule| rule.label().as_bytes() == value)
            || OTHERS.contains(&value)
    };
    let is_mask = || value.len() > 1 && value.iter().all(|byte| *byte == b'*');
    matches!(value.first(), Some(b'[' | b'<' | b'*')) && (is_label() || is_mask())
}

/// How often each rule removed something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hits {
    by_rule: [u32; Rule::ALL.len()],
}

impl Hits {
    /// Hits of one rule.
    #[must_use]
    pub fn of(&self, rule: Rule) -> u32 {
        self.by_rule.get(rule as usize).copied().unwrap_or_default()
    }

    /// Hits of all rules.
    #[must_use]
    pub fn total(&self) -> u32 {
        self.by_rule
            .iter()
            .fold(0, |sum, count| sum.saturating_add(*count))
    }

    /// The rules that removed something.
    pub fn iter(&self) -> impl Iterator<Item = (Rule, u32)> + '_ {
        Rule::ALL
            .into_iter()
            .zip(self.by_rule)
            .filter(|(_, count)| *count > 0)
    }

    /// Adds those of another payload, or part of one.
    pub fn join(&mut self, other: &Self) {
        for (rule, n) in other.iter() {
            self.add(rule, n);
        }
    }

    pub(super) fn add(&mut self, rule: Rule, n: u32) {
        if let Some(count) = self.by_rule.get_mut(rule as usize) {
            *count = count.saturating_add(n);
        }
    }

    pub(super) fn count(&mut self, rule: Rule) {
        if let Some(count) = self.by_rule.get_mut(rule as usize) {
            *count = count.saturating_add(1);
        }
    }
}
