//! Who was affected: lengths, the key users are counted by, and where an address may be guessed.

use std::borrow::Cow;
use std::str::FromStr as _;

use protocol::event::{Event, Fields, Sdk, User};

use super::journal::{Journal, Limit};
use super::names::filled;
use super::{Receipt, json};

/// Where an address is, as a local database says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place<'a> {
    /// `DE`.
    pub country_code: Option<&'a str>,
    /// The country's name.
    pub region: Option<&'a str>,
    /// Its first part: a state, a province.
    pub subdivision: Option<&'a str>,
    /// The city.
    pub city: Option<&'a str>,
}

impl Place<'_> {
    /// As a user's `geo`.
    pub(super) fn fields(self) -> Fields<'static> {
        let parts = [
            ("country_code", self.country_code),
            ("city", self.city),
            ("subdivision", self.subdivision),
            ("region", self.region),
        ];
        let fields = parts.into_iter().filter_map(|(name, text)| {
            let raw = serde_json::value::to_raw_value(text?).ok()?;
            Some((Cow::Borrowed(name), Cow::Owned(raw)))
        });
        Fields(fields.collect())
    }
}

/// Stands for the address that the request came from.
const AUTO: &str = "{{auto}}";

pub(super) fn normalise<'a>(
    event: &mut Event<'a>,
    platform: &'static str,
    sdk: Option<&Sdk<'_>>,
    receipt: &Receipt<'a>,
    journal: &mut Journal,
) {
    const NAME: Limit = Limit::new(128, 0);
    const EMAIL: Limit = Limit::new(75, 0);
    let wish = sdk.and_then(Sdk::infer_ip);
    let mut user = event.user.take().unwrap_or_default();
    let sent = filled(user.ip_address.take()).filter(|ip| {
        let is_right = is_address(ip) || ip == AUTO;
        if !is_right {
            journal.invalid("user.ip_address", ip);
        }
        is_right
    });
    user.ip_address = address(event, sent, &wish, platform, receipt);
    user.id = filled(user.id.take());
    user.email = filled(user.email.take());
    user.username = filled(user.username.take());
    user.name = filled(user.name.take());
    journal.cut(&mut user.id, NAME, || "user.id".to_owned());
    journal.cut(&mut user.username, NAME, || "user.username".to_owned());
    journal.cut(&mut user.name, NAME, || "user.name".to_owned());
    journal.cut(&mut user.email, EMAIL, || "user.email".to_owned());
    let others = std::mem::take(&mut user.others.0);
    user.data.0.extend(others);
    json::trim_fields(&mut user.data, json::CONTEXT, "user.data", journal);
    json::trim_fields(&mut user.geo, json::GEO, "user.geo", journal);
    user.sentry_user = key(&user).map(Cow::Owned);
    let is_empty = user.sentry_user.is_none()
        && user.name.is_none()
        && user.data.0.is_empty()
        && user.geo.0.is_empty();
    event.user = (!is_empty).then_some(user);
}

/// A network address, or the mark that scrubbing left of one.
fn is_address(text: &str) -> bool {
    core::net::IpAddr::from_str(text).is_ok() || text.starts_with(['[', '*'])
}

fn key(user: &User<'_>) -> Option<String> {
    let parts = [
        ("id", &user.id),
        ("username", &user.username),
        ("email", &user.email),
        ("ip", &user.ip_address),
    ];
    parts
        .into_iter()
        .find_map(|(name, value)| value.as_ref().map(|value| format!("{name}:{value}")))
}

/// The user's address: as sent, or guessed as far as the SDK wishes.
fn address<'a>(
    event: &Event<'a>,
    sent: Option<Cow<'a, str>>,
    wish: &Option<Cow<'_, str>>,
    platform: &str,
    receipt: &Receipt<'a>,
) -> Option<Cow<'a, str>> {
    let is_auto = sent.as_deref() == Some(AUTO);
    if !is_auto && sent.is_some() {
        return sent;
    }
    let remote = receipt.remote_addr.map(Cow::Borrowed);
    let served = event
        .request
        .as_ref()
        .and_then(|request| request.env.text("REMOTE_ADDR"))
        .map(Cow::into_owned)
        .filter(|text| !text.is_empty());
    let served = match served {
        Some(text) if text == AUTO => remote.clone(),
        other => other.filter(|text| is_address(text)).map(Cow::Owned),
    };
    match wish.as_deref() {
        Some("never") => None,
        Some("auto") => served.or(remote),
        _ if is_auto => served.or(remote),
        _ if matches!(platform, "javascript" | "cocoa" | "objc") => served.or(remote),
        _ => served,
    }
}
