//! What the value under a key is, by the key and where it stands.

use std::ops::Range;

use super::super::json;
use super::super::notes::Step;
use super::super::roles::{Role, Spot};
use super::super::rules::Rule;
use super::super::safe::Value;
use super::super::text::{Mode, Rules};
use super::{Next, Walk};

impl Walk<'_> {
    /// Whether the value of the key is what a GraphQL request or its answer says.
    pub(super) fn is_of_graphql(&self) -> bool {
        let Some(graphql) = &self.graphql else {
            return false;
        };
        let above = self.levels.len().saturating_sub(1);
        let above = self.levels.iter().take(above);
        let keys = above.map(|level| self.bytes.get(level.key.clone()).unwrap_or_default());
        let path: Vec<&[u8]> = keys.collect();
        !self.rules.keys.is_safe(&self.key) && graphql.takes(&path, &self.key)
    }

    /// Whether a text may speak of a field without its value: what people and programs say, code, and addresses.
    pub(super) fn is_prose(&self, mode: Mode) -> bool {
        let Some(level) = self.levels.last() else {
            return false;
        };
        let key = self.bytes.get(level.key.clone()).unwrap_or_default();
        let is_in = |name: &[u8]| {
            let above = self.levels.iter().rev().nth(1);
            above.is_some_and(|level| self.bytes.get(level.key.clone()) == Some(name))
        };
        match (level.spot.role, key) {
            _ if matches!(mode, Mode::Source | Mode::Url) || level.spot.role.is_meta() => true,
            (Role::Event, b"message" | b"logger") => true,
            (Role::Exception, b"value") | (Role::Item, b"body") => true,
            (Role::Headers, key) => key.eq_ignore_ascii_case(b"user-agent"),
            (Role::Free, b"formatted" | b"message") => is_in(b"logentry"),
            (Role::Free, b"") => is_in(b"fingerprint"),
            _ => false,
        }
    }

    /// Whether people named the place of a value to be left alone.
    pub(super) fn is_safe(&self, range: &Range<usize>, path: Option<&[Step]>) -> bool {
        let Some(safe) = &self.rules.safe else {
            return false;
        };
        // The second of two in a list of lists is what the first names.
        let mut pair = None;
        let own = if path.is_none() {
            self.path()
        } else {
            Vec::new()
        };
        let mut path = path.unwrap_or(&own);
        if let [.., above, level] = self.levels.as_slice()
            && above.is_array
            && level.is_array
            && let Some(first) = level.first.as_ref().filter(|_| level.index == 1)
            && path.len() == self.levels.len()
        {
            let mut key = Vec::new();
            let raw = self.bytes.get(first.raw.clone()).unwrap_or_default();
            json::decode(raw, &mut key);
            pair = Some(key);
            path = path.get(..path.len() - 2).unwrap_or_default();
        }
        safe.has(&Value {
            payload: self.payload,
            bytes: self.bytes,
            path,
            pair: pair.as_deref(),
            first: self.bytes.get(range.start).copied().unwrap_or_default(),
        })
    }
}

/// What the value under a key is.
pub(super) fn decide(rules: &Rules, role: Role, key: &[u8], sight: json::Sight) -> Next {
    if rules.keys.is_safe(key) {
        return Next {
            spot: Spot::SKIP,
            secret: None,
        };
    }
    if let Some(spot) = role.enter(key) {
        return Next { spot, secret: None };
    }
    let spot = role.unknown();
    let is_address = rules.ips && role.is_address(key);
    let secret = match role {
        Role::SecretAttribute => Some(Rule::Password),
        Role::AddressAttribute => Some(Rule::Ip),
        Role::SecretMeta | Role::SecretMetaNote => Some(Rule::Password),
        Role::Meta if is_address || secret_rule(rules, key, sight, false).is_some() => {
            return Next {
                spot: Role::SecretMeta.unknown(),
                secret: Some(Rule::Password),
            };
        }
        _ if is_address => Some(Rule::Ip),
        _ => secret_rule(rules, key, sight, role == Role::Cookies),
    };
    Next {
        spot,
        secret: secret.or_else(|| cookie_attribute(rules, role, key)),
    }
}

pub(super) fn secret_rule(
    rules: &Rules,
    key: &[u8],
    sight: json::Sight,
    is_cookie: bool,
) -> Option<Rule> {
    if rules.keys.is_safe(key) {
        None
    } else if rules.keys.is_sensitive_at_sight(key, sight) {
        Some(Rule::Password)
    } else if is_cookie && rules.keys.is_cookie(key) {
        Some(Rule::Cookies)
    } else {
        None
    }
}

/// `http.request.header.cookie.NAME`
fn cookie_attribute(rules: &Rules, role: Role, key: &[u8]) -> Option<Rule> {
    const PREFIXES: [&[u8]; 2] = [
        b"http.request.header.cookie.",
        b"http.response.header.set-cookie.",
    ];
    if role != Role::Attributes {
        return None;
    }
    let name = PREFIXES
        .into_iter()
        .find_map(|prefix| key.strip_prefix(prefix))?;
    rules.keys.is_cookie(name).then_some(Rule::Cookies)
}
