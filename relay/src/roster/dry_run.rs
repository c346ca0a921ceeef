//! The rules of a new roster, tried on a made-up event before any real one.
//!
//! The event holds secrets of every kind that the built-in rules know, and names that an
//! application needs to be helped. Rules that leave a secret which neither the project nor this
//! host's owner exempted are refused, and so are rules that leave nothing of use.

use bytes::Bytes;
use protocol::privacy::{Payload, Scrubber};
use protocol::roster::PrivacySettings;

use crate::policy::Policy;

/// Why the rules of a project are not used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DryRunError {
    /// They are not what rules are written like.
    #[error("they cannot be used: {0}")]
    Wrong(#[from] protocol::privacy::RuleError),
    /// What comes out is no event.
    #[error("its rules do not leave an event an event")]
    Broken,
    /// Something that must go is left.
    #[error("its rules leave {what} in a trial event")]
    Leaves {
        /// What kind of secret.
        what: &'static str,
    },
    /// Nothing of use is left.
    #[error("its rules remove everything from a trial event")]
    RemovesEverything,
}

/// A secret of the trial event: its kind, the key it stands under, and its text.
struct Plant {
    what: &'static str,
    key: &'static str,
    secret: &'static str,
}

const fn plant(what: &'static str, key: &'static str, secret: &'static str) -> Plant {
    Plant { what, key, secret }
}

/// What the built-in rules remove from every project.
const ALWAYS: &[Plant] = &[
    plant("a password", "password", "plant-7f3a-password"),
    plant("a token", "api_token", "plant-7f3a-token"),
    plant("a secret", "client_secret", "plant-7f3a-secret"),
    plant("a card number", "note", "4111111111111111"),
    plant("a card number", "detail", "5500-0000-0000-0004"),
    plant("an IBAN", "remark", "DE89370400440532013000"),
    plant("a social security number", "comment", "078-05-1120"),
];
const EMAIL: Plant = plant("an e-mail address", "contact", "plant@example.com");
const ADDRESS: Plant = plant("an IP address", "peer", "203.0.113.77");

/// What an application needs to be helped.
const USEFUL: [&str; 3] = [
    "WarehouseUnreachable",
    "no route to the shelf",
    "fetch_shelf",
];

/// Tries the settings in force, which are the stricter of a project's and the policy's.
pub(super) fn run(
    settings: &PrivacySettings,
    scrubber: &Scrubber,
    policy: &Policy,
) -> Result<(), DryRunError> {
    let event = event(policy);
    let scrubbed = scrubber
        .scrub_json(&Bytes::from(event), Payload::Event)
        .map_err(|_| DryRunError::Broken)?;
    let text = std::str::from_utf8(&scrubbed.payload).map_err(|_| DryRunError::Broken)?;
    if serde_json::from_str::<serde::de::IgnoredAny>(text).is_err() {
        return Err(DryRunError::Broken);
    }
    let is_exempt = |key: &str| {
        let safe = settings.safe_fields.iter().map(|f| f.trim().to_lowercase());
        safe.into_iter().any(|field| field == key)
    };
    let emails = settings.scrub_emails || policy.scrub_emails;
    let addresses = settings.scrub_ip_addresses || policy.scrub_ip_addresses;
    let plants = ALWAYS
        .iter()
        .chain(emails.then_some(&EMAIL))
        .chain(addresses.then_some(&ADDRESS));
    for plant in plants {
        if text.contains(plant.secret) && !is_exempt(plant.key) {
            return Err(DryRunError::Leaves { what: plant.what });
        }
    }
    let n_own = policy.sensitive_fields.len() + policy.protected_fields.len();
    if (0..n_own).any(|n| text.contains(&own_secret(n))) {
        let what = "a field that this host's policy protects";
        return Err(DryRunError::Leaves { what });
    }
    if !USEFUL.iter().any(|useful| text.contains(useful)) {
        return Err(DryRunError::RemovesEverything);
    }
    Ok(())
}

/// The trial event, with fields of the policy's own.
fn event(policy: &Policy) -> String {
    let [kind, message, function] = USEFUL;
    let mut event = format!(
        "{{\"event_id\":\"0ce3763a664740e48329d8add471c1d7\",\"level\":\"error\",\
         \"exception\":{{\"values\":[{{\"type\":\"{kind}\",\"value\":\"{message}\",\
         \"stacktrace\":{{\"frames\":[{{\"function\":\"{function}\"}}]}}}}]}},\"extra\":{{\"n\":1"
    );
    for plant in ALWAYS.iter().chain([&EMAIL, &ADDRESS]) {
        event += &format!(",\"{}\":\"{}\"", plant.key, plant.secret);
    }
    let own = policy
        .sensitive_fields
        .iter()
        .chain(&policy.protected_fields);
    for (n, field) in own.enumerate() {
        let key = serde_json::to_string(field.trim()).unwrap_or_default();
        event += &format!(",{key}:\"{}\"", own_secret(n));
    }
    event.push_str("}}");
    event
}

/// A card number, which goes by itself under a key that is only protected; each with another text
/// around it, so that none is taken for its neighbour.
fn own_secret(n: usize) -> String {
    format!("4111111111111111 plant-{n}-own")
}
