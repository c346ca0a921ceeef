//! The built-in rules: `@email`, `@email:mask`, `@common` and the like, and the numbers that states give to people.

use super::document::Dialect;
use super::kinds::{Kind, Pattern, Simple};
use super::national;

/// What a redaction leaves behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Redaction {
    /// Nothing.
    Remove,
    /// A text.
    Replace(String),
    /// An asterisk for each character.
    Mask,
    /// A pseudonym.
    Hash,
    /// Nothing, and no note of it: what Sentry's scrubber does with a redaction it does not know.
    Drop,
}

/// A built-in rule.
pub(super) enum BuiltIn {
    One(Kind, Redaction),
    Many(&'static [&'static str]),
}

/// The text in the place of whole values.
pub(crate) const FILTERED: &str = "[Filtered]";

const COMMON: &[&str] = &[
    "@bearer",
    "@creditcard",
    "@email",
    "@iban",
    "@ip",
    "@password",
    "@pemkey",
    "@urlauth",
    "@userpath",
    "@usssn",
];
const COMMON_FILTER: &[&str] = &[
    "@bearer:filter",
    "@creditcard:filter",
    "@iban:filter",
    "@password:filter",
    "@pemkey:filter",
    "@urlauth:legacy",
    "@userpath:filter",
    "@usssn:filter",
];

/// What a family of built-in rules looks at, and what it leaves.
struct Family {
    name: &'static str,
    simple: Simple,
    label: &'static str,
    bare: Bare,
    has_filter: bool,
}

/// What the rule without a method does.
enum Bare {
    Replace,
    Mask,
    Remove,
}

const fn family(name: &'static str, simple: Simple, label: &'static str, bare: Bare) -> Family {
    Family {
        name,
        simple,
        label,
        bare,
        has_filter: false,
    }
}

const fn filtered(family: Family) -> Family {
    Family {
        has_filter: true,
        ..family
    }
}

const FAMILIES: [Family; 14] = [
    filtered(family(
        "anything",
        Simple::Anything,
        FILTERED,
        Bare::Replace,
    )),
    filtered(family(
        "bearer",
        Simple::Bearer,
        "Bearer [token]",
        Bare::Replace,
    )),
    filtered(family(
        "creditcard",
        Simple::CreditCard,
        "[creditcard]",
        Bare::Replace,
    )),
    family("email", Simple::Email, "[email]", Bare::Replace),
    filtered(family("iban", Simple::Iban, "[iban]", Bare::Replace)),
    family("imei", Simple::Imei, "[imei]", Bare::Replace),
    family("ip", Simple::Ip, "[ip]", Bare::Replace),
    family("mac", Simple::Mac, "[mac]", Bare::Mask),
    filtered(family(
        "password",
        Simple::Password,
        "[password]",
        Bare::Remove,
    )),
    filtered(family("pemkey", Simple::PemKey, "[pemkey]", Bare::Replace)),
    family("urlauth", Simple::UrlAuth, "[auth]", Bare::Replace),
    filtered(family(
        "userpath",
        Simple::UserPath,
        "[user]",
        Bare::Replace,
    )),
    filtered(family("usssn", Simple::UsSsn, "[us-ssn]", Bare::Mask)),
    family("uuid", Simple::Uuid, "[uuid]", Bare::Mask),
];

/// The built-in rule of a name; `None` when there is none.
pub(super) fn find(name: &str, dialect: Dialect) -> Option<BuiltIn> {
    match name {
        "@common" => return Some(BuiltIn::Many(COMMON)),
        "@common:filter" => return Some(BuiltIn::Many(COMMON_FILTER)),
        "@cookies:filter" => return Some(one(Simple::Cookies, FILTERED, dialect)),
        "@urlauth:legacy" => return Some(one(Simple::UrlAuthLegacy, FILTERED, dialect)),
        _ => {}
    }
    let (base, method) = match name.strip_prefix('@')?.split_once(':') {
        Some((base, method)) => (base, Some(method)),
        None => (name.strip_prefix('@')?, None),
    };
    match FAMILIES.iter().find(|family| family.name == base) {
        Some(family) => {
            let redaction = family.redaction(method)?;
            Some(BuiltIn::One(family.simple.kind(dialect), redaction))
        }
        None if dialect == Dialect::Vedette => country(base, method),
        None => None,
    }
}

fn one(simple: Simple, text: &str, dialect: Dialect) -> BuiltIn {
    BuiltIn::One(simple.kind(dialect), Redaction::Replace(text.to_owned()))
}

/// The name of a built-in rule with the method that it has without saying so.
pub(super) fn with_method(name: &str) -> Option<String> {
    let base = name.strip_prefix('@')?;
    let family = FAMILIES.iter().find(|family| family.name == base)?;
    let method = match family.bare {
        Bare::Replace => "replace",
        Bare::Mask => "mask",
        Bare::Remove => "remove",
    };
    Some(format!("{name}:{method}"))
}

impl Family {
    fn redaction(&self, method: Option<&str>) -> Option<Redaction> {
        let label = || Redaction::Replace(self.label.to_owned());
        Some(match (method, &self.bare) {
            (None, Bare::Replace) | (Some("replace"), _) => label(),
            (None, Bare::Mask) | (Some("mask"), _) => Redaction::Mask,
            (None, Bare::Remove) | (Some("remove"), _) => Redaction::Remove,
            (Some("hash"), _) => Redaction::Hash,
            (Some("filter"), _) if self.has_filter => Redaction::Replace(FILTERED.to_owned()),
            _ => return None,
        })
    }
}

/// `@id-de-idnr` and the like.
fn country(base: &str, method: Option<&str>) -> Option<BuiltIn> {
    let national = national::ALL.iter().find(|national| national.id == base)?;
    let redaction = match method {
        None | Some("replace") => Redaction::Replace(format!("[{base}]")),
        Some("filter") => Redaction::Replace(FILTERED.to_owned()),
        Some("mask") => Redaction::Mask,
        Some("remove") => Redaction::Remove,
        Some("hash") => Redaction::Hash,
        Some(_) => return None,
    };
    let pattern = Pattern::built_in(national.pattern, 0, national.check)?;
    Some(BuiltIn::One(Kind::Patterns(vec![pattern]), redaction))
}

#[cfg(test)]
/// The names of all built-in rules that Sentry's scrubber has too.
pub(crate) fn names() -> Vec<String> {
    let mut names: Vec<String> = [
        "@common",
        "@common:filter",
        "@cookies:filter",
        "@urlauth:legacy",
    ]
    .map(str::to_owned)
    .to_vec();
    for family in &FAMILIES {
        names.push(format!("@{}", family.name));
        let methods = ["remove", "replace", "mask", "hash"];
        let filter = family.has_filter.then_some("filter");
        let all = methods.into_iter().chain(filter);
        names.extend(all.map(|method| format!("@{}:{method}", family.name)));
    }
    names
}

#[cfg(test)]
/// The names of the built-in rules for numbers of states, without a method.
pub(crate) fn national_names() -> Vec<String> {
    let all = national::ALL.iter();
    all.map(|national| format!("@{}", national.id)).collect()
}
