//! Places that people named by selectors, to be left alone: `extra.order`, `$http.headers.'x-note'`.
//!
//! They are asked only about what would go, so that they cost nothing where there is nothing private.

use super::Payload;
use super::engine::bits::{Matcher, MatcherBuilder, index_key};
use super::engine::plan::holds;
use super::engine::schema::Spot;
use super::json;
use super::language::Dialect;
use super::language::program::{Expr, expression};
use super::language::selector::{Item, Selector, types};
use super::notes::Step;
use crate::roster::PrivacySettings;

/// The places, compiled.
#[derive(Debug)]
pub(super) struct SafePlaces {
    matcher: Matcher,
    places: Vec<Expr>,
}

/// A value that would go.
pub(super) struct Value<'a> {
    pub(super) payload: Payload,
    pub(super) bytes: &'a [u8],
    /// Where it is; of a pair in a list, without the pair and its place in it.
    pub(super) path: &'a [Step],
    /// The key of that pair.
    pub(super) pair: Option<&'a [u8]>,
    /// Its first byte.
    pub(super) first: u8,
}

impl SafePlaces {
    /// Of the project's safe fields those that are more than the name of a key; none when there are none.
    pub(super) fn new(fields: &[String]) -> Option<Self> {
        let mut matcher = MatcherBuilder::default();
        let mut places = Vec::new();
        for field in fields {
            // What is too much is not safe.
            if let Some(Ok(selector)) = read(field.trim())
                && let Ok(place) = expression(&selector, &mut matcher, Dialect::Vedette)
            {
                places.push(place);
            }
        }
        (!places.is_empty()).then(|| Self {
            matcher: matcher.build(),
            places,
        })
    }

    /// Whether a value is at one of them.
    pub(super) fn has(&self, value: &Value<'_>) -> bool {
        let own = match value.first {
            b'"' => types::STRING,
            b'{' => types::OBJECT,
            b'[' => types::ARRAY,
            _ => types::NUMBER,
        };
        let holder = |step: Option<&Step>| match step {
            Some(Step::Key(_)) => types::OBJECT,
            Some(Step::Index(_)) => types::ARRAY,
            None if value.pair.is_some() => types::ARRAY,
            None => own,
        };
        let mut spot = Spot::root(value.payload);
        let mut bits = self.matcher.root(spot.types | holder(value.path.first()));
        for (n, step) in value.path.iter().enumerate() {
            let mut key = Vec::new();
            match step {
                Step::Key(raw) => {
                    let raw = value.bytes.get(raw.clone()).unwrap_or_default();
                    json::decode(raw, &mut key);
                    spot = spot.member(&key);
                }
                Step::Index(index) => {
                    spot = spot.element();
                    key = index_key(index.to_string().as_bytes());
                }
            }
            let types = spot.types | holder(value.path.get(n + 1));
            bits = self.matcher.step(bits, &key, types);
        }
        if let Some(key) = value.pair {
            bits = self.matcher.step(bits, key, spot.member(key).types | own);
        }
        let ends = self.matcher.ends(bits);
        self.places.iter().any(|place| holds(place, ends))
    }
}

/// The keys that people named to be left alone, in lower case. A selector is one too, as it is written: attributes have names
/// such as `http.route`.
pub(super) fn safe_keys(settings: &PrivacySettings) -> impl Iterator<Item = String> {
    let fields = settings.safe_fields.iter().map(|field| field.trim());
    let keys = fields.map(|field| match Selector::parse(field) {
        Ok(Selector::Path(mut items)) if items.len() == 1 => match items.pop() {
            Some(Item::Key(key)) => key,
            _ => field.to_lowercase(),
        },
        _ => field.to_lowercase(),
    });
    keys.filter(|key| !key.is_empty())
}

/// The selectors among the safe fields, as they are written.
pub(super) fn safe_selectors(settings: &PrivacySettings) -> impl Iterator<Item = &str> {
    let fields = settings.safe_fields.iter().map(|field| field.trim());
    fields.filter(|field| matches!(read(field), Some(Ok(_))))
}

/// Why a safe field would switch rules off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a selector of what is left alone has to name a key, and takes no `!`")]
pub struct TooSafe;

/// Whether a field may be left alone: the name of a key, or a selector that names one.
///
/// # Errors
/// [`TooSafe`] of a selector that would reach fields that nobody named.
pub fn check_safe_field(field: &str) -> Result<(), TooSafe> {
    read(field.trim()).transpose().map(drop)
}

/// Whether a safe field is more than the name of a key.
#[must_use]
pub fn is_selector(field: &str) -> bool {
    read(field.trim()).is_some()
}

/// The settings of an organization with those of one of its projects: what either removes is removed, and what either leaves alone
/// is, unless the other removes it by its name. The organization's rules come first.
#[must_use]
pub fn combined(organization: &PrivacySettings, project: &PrivacySettings) -> PrivacySettings {
    let mut safe_fields: Vec<String> = Vec::new();
    for (of, other) in [(organization, project), (project, organization)] {
        for field in &of.safe_fields {
            if !safe_fields.contains(field) && !may_remove(other, field) {
                safe_fields.push(field.clone());
            }
        }
    }
    PrivacySettings {
        safe_fields,
        ..organization.stricter(project)
    }
}

/// Whether sensitive fields reach a safe one. What a selector reaches nobody can tell beforehand.
fn may_remove(settings: &PrivacySettings, safe_field: &str) -> bool {
    let safe = safe_field.trim().to_lowercase();
    let is_selector = is_selector(safe_field);
    let names = settings.sensitive_fields.iter();
    let mut names = names.map(|name| name.trim().to_lowercase());
    names.any(|name| !name.is_empty() && (is_selector || safe.contains(&name)))
}

/// A field that is a selector and no name of a key.
fn read(field: &str) -> Option<Result<Selector, TooSafe>> {
    let selector = Selector::parse(field).ok()?;
    match &selector {
        Selector::Path(items) if matches!(items.as_slice(), [Item::Key(_)]) => None,
        selector if names_key(selector) => Some(Ok(selector.clone())),
        _ => Some(Err(TooSafe)),
    }
}

fn names_key(selector: &Selector) -> bool {
    match selector {
        Selector::Path(items) => items.iter().any(|item| matches!(item, Item::Key(_))),
        Selector::Not(_) => false,
        Selector::And(parts) => {
            let is_not = |part: &Selector| matches!(part, Selector::Not(_));
            !parts.iter().any(is_not) && parts.iter().any(names_key)
        }
        Selector::Or(parts) => parts.iter().all(names_key),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_two_settings_the_stricter_wins() {
        let settings = |sensitive: &str, safe: &[&str], rules: &str| PrivacySettings {
            sensitive_fields: vec![sensitive.to_owned()],
            safe_fields: safe.iter().map(ToString::to_string).collect(),
            rules: vec![rules.into()],
            ..PrivacySettings::default()
        };
        let organization = PrivacySettings {
            scrub_emails: true,
            ..settings("Kunde", &["token_id", "extra.note"], "1")
        };
        let project = settings("iban", &["kunden_art", "order", "token_id"], "2");
        let both = combined(&organization, &project);
        assert_eq!((both.scrub_emails, both.scrub_ip_addresses), (true, false));
        assert_eq!(both.sensitive_fields, ["Kunde", "iban"]);
        assert_eq!(both.safe_fields, ["token_id", "order"]);
        let rules: Vec<&str> = both.rules.iter().map(|rules| &**rules).collect();
        assert_eq!(rules, ["1", "2"]);
    }

    #[test]
    fn only_selectors_that_name_a_key_leave_something_alone() {
        for (field, is_selector, is_right) in [
            ("order", false, true),
            ("'my key'", false, true),
            ("no selector at all", false, true),
            ("extra.order", true, true),
            ("extra.order.**", true, true),
            ("$user.id || $http.headers.'x-note'", true, true),
            ("$string && extra.order", true, true),
            ("**", true, false),
            ("$string", true, false),
            ("extra.* || *", true, false),
            ("!order", true, false),
            ("extra.** && !(extra.order)", true, false),
        ] {
            assert_eq!(super::is_selector(field), is_selector, "{field}");
            assert_eq!(check_safe_field(field).is_ok(), is_right, "{field}");
        }
    }
}
