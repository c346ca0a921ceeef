//! The names that certificates of the link carry.
//!
//! A relay is `spiffe://vedette/region/<region>/relay/<uuid>` and its hub
//! `spiffe://vedette/region/<region>/hub`. Where a hub states no region, its relays are
//! `spiffe://vedette/relay/<uuid>`, as all were before regions came. The region in a relay's own
//! certificate is what it is pinned to.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::ids::RelayId;

/// What every name begins with.
const TRUST_DOMAIN: &str = "spiffe://vedette/";

/// Where data may be kept: a short name that the operator gives. Invariant: 1 to 32 letters from
/// `a` to `z`, digits and hyphens.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Region(String);

/// A text that names no region.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a region is 1 to 32 small letters, digits and hyphens, such as eu-central")]
pub struct NoRegion;

impl Region {
    /// Most bytes of a name.
    pub const LEN_MAX: usize = 32;
}

impl FromStr for Region {
    type Err = NoRegion;
    fn from_str(text: &str) -> Result<Self, NoRegion> {
        let is_sound = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-');
        if text.is_empty() || text.len() > Self::LEN_MAX || !text.bytes().all(is_sound) {
            return Err(NoRegion);
        }
        Ok(Self(text.to_owned()))
    }
}

impl TryFrom<String> for Region {
    type Error = NoRegion;
    fn try_from(text: String) -> Result<Self, NoRegion> {
        text.parse()
    }
}

impl From<Region> for String {
    fn from(region: Region) -> Self {
        region.0
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a relay's certificate names it as.
#[must_use]
pub fn relay_uri(region: Option<&Region>, relay: RelayId) -> String {
    let uuid = uuid::Uuid::from_bytes(*relay.as_bytes());
    match region {
        Some(region) => format!("{TRUST_DOMAIN}region/{region}/relay/{uuid}"),
        None => format!("{TRUST_DOMAIN}relay/{uuid}"),
    }
}

/// The region and the relay that a certificate names; `None` when it is not a relay's.
#[must_use]
pub fn read_relay_uri(uri: &str) -> Option<(Option<Region>, RelayId)> {
    let name = uri.strip_prefix(TRUST_DOMAIN)?;
    if let Some(relay) = name.strip_prefix("relay/") {
        return Some((None, relay.parse().ok()?));
    }
    let (region, relay) = name.strip_prefix("region/")?.split_once("/relay/")?;
    Some((Some(region.parse().ok()?), relay.parse().ok()?))
}

/// What the certificate of a region's hub names it as, besides [`super::HUB_NAME`].
#[must_use]
pub fn hub_uri(region: &Region) -> String {
    format!("{TRUST_DOMAIN}region/{region}/hub")
}

/// The region of a hub; `None` when the name is not that of a region's hub.
#[must_use]
pub fn read_hub_uri(uri: &str) -> Option<Region> {
    let name = uri.strip_prefix(TRUST_DOMAIN)?.strip_prefix("region/")?;
    name.strip_suffix("/hub")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_were_written() {
        let relay = RelayId::from_bytes([7; 16]);
        let region: Region = "eu-central".parse().unwrap();
        for region in [None, Some(region.clone())] {
            let uri = relay_uri(region.as_ref(), relay);
            assert_eq!(read_relay_uri(&uri), Some((region, relay)), "{uri}");
            assert_eq!(read_hub_uri(&uri), None);
        }
        let uri = hub_uri(&region);
        assert_eq!(uri, "spiffe://vedette/region/eu-central/hub");
        assert_eq!(read_hub_uri(&uri), Some(region));
        assert_eq!(read_relay_uri(&uri), None);
    }

    #[test]
    fn a_region_is_a_short_plain_name() {
        let long = "a".repeat(Region::LEN_MAX + 1);
        for text in ["", "EU", "eu/relay", "eu.1", "\u{e9}u", &long] {
            assert_eq!(text.parse::<Region>(), Err(NoRegion), "{text}");
        }
        assert!("eu-2".parse::<Region>().is_ok());
        assert!(read_hub_uri("spiffe://vedette/region//hub").is_none());
        assert!(read_hub_uri("spiffe://other/region/eu/hub").is_none());
    }
}
