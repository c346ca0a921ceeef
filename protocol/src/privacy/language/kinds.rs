//! The types of rules: which pattern each stands for, and which part of a match is redacted.

use std::sync::{Arc, OnceLock};

use regex::{Regex, RegexBuilder};

use super::checks::{self, Check};
use super::document::Dialect;
use super::need::Need;
use crate::privacy::keys::COOKIES;

/// Largest compiled pattern, in bytes.
const PATTERN_BYTES_MAX: usize = 262_144;

/// What of a match is redacted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Take {
    /// Groups by their numbers.
    Groups(Vec<u8>),
    /// The whole text, even where the match is a part of it.
    Text,
}

/// A compiled pattern.
#[derive(Debug)]
pub(crate) struct Pattern {
    pub(crate) regex: Regex,
    pub(crate) take: Take,
    pub(crate) check: Option<Check>,
    pub(crate) need: Need,
}

/// What a rule looks at.
#[derive(Clone, Debug)]
pub(crate) enum Kind {
    /// Nothing: the value goes, whatever it is.
    Anything,
    /// The text.
    Patterns(Vec<Arc<Pattern>>),
    /// The key, and the text when the key does not match; the first few patterns take their part of the text in any case.
    Pair {
        key: Arc<Pattern>,
        n_first: usize,
        values: Vec<Arc<Pattern>>,
    },
}

impl Pattern {
    /// Compiles a pattern within bounds.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn compile(
        source: &str,
        take: Take,
        check: Option<Check>,
    ) -> Result<Self, regex::Error> {
        let regex = RegexBuilder::new(source)
            .size_limit(PATTERN_BYTES_MAX)
            .build()?;
        Ok(Self {
            regex,
            take,
            check,
            need: Need::of(source),
        })
    }

    /// One of our own, which compiles.
    pub(super) fn built_in(source: &str, group: u8, check: Option<Check>) -> Option<Arc<Self>> {
        Self::compile(source, Take::Groups(vec![group]), check)
            .ok()
            .map(Arc::new)
    }
}

/// The types that take no parameters, by the name in documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Simple {
    Anything,
    Imei,
    Mac,
    Uuid,
    Email,
    Ip,
    CreditCard,
    Iban,
    UserPath,
    PemKey,
    UrlAuth,
    UrlAuthLegacy,
    UsSsn,
    Bearer,
    Password,
    Cookies,
}

impl Simple {
    /// By the name of a rule's type.
    pub(super) fn from_type(name: &str) -> Option<Self> {
        Some(match name {
            "anything" => Self::Anything,
            "imei" => Self::Imei,
            "mac" => Self::Mac,
            "uuid" => Self::Uuid,
            "email" => Self::Email,
            "ip" => Self::Ip,
            "creditcard" => Self::CreditCard,
            "iban" => Self::Iban,
            "userpath" => Self::UserPath,
            "pemkey" => Self::PemKey,
            "url_auth" => Self::UrlAuth,
            "us_ssn" => Self::UsSsn,
            "bearer" => Self::Bearer,
            "password" => Self::Password,
            "cookies" => Self::Cookies,
            _ => return None,
        })
    }

    /// What it looks at, compiled once for the program's life.
    pub(super) fn kind(self, dialect: Dialect) -> Kind {
        static KINDS: [[OnceLock<Option<Kind>>; 16]; 2] =
            [const { [const { OnceLock::new() }; 16] }; 2];
        // A pattern of ours that did not compile would take everything; a test compiles them all.
        KINDS
            .get(dialect as usize)
            .and_then(|kinds| kinds.get(self as usize))
            .and_then(|kind| kind.get_or_init(|| build(self, dialect)).clone())
            .unwrap_or(Kind::Anything)
    }
}

const BEARER: &str = r"(?i)\b(Bearer\s+[^\s]+)";
const PASSWORD_KEYS: &str = r"(?i)^(?:otp|two[-_]factor)$|token|password|secret|passwd|api[-_]?key|auth|credentials|mysql_pwd|private[-_]?key";
const PASSWORD_VALUES: &str = r"(?i)password|secret|passwd|api[-_]?key|auth|credentials|mysql_pwd|private[-_]?key|token[a-z0-9_-]*\s*[=:]";
/// Countries with an IBAN, or with numbers of the same form.
const IBAN_COUNTRIES: &str = "AD|AE|AL|AO|AT|AZ|BA|BE|BF|BG|BH|BI|BJ|BR|BY|CF|CG|CH|CI|CM|CR|CV|CY|CZ|DE|DJ|DK|DO|DZ|EE|EG|ES|FI|FK|FO|FR|GA|GB|GE|GI|GL|GQ|GR|GT|GW|HN|HR|HU|IE|IL|IQ|IR|IS|IT|JO|KM|KW|KZ|LB|LC|LI|LT|LU|LV|LY|MA|MC|MD|ME|MG|MK|ML|MN|MR|MT|MU|MZ|NE|NI|NL|NO|OM|PK|PL|PS|PT|QA|RO|RS|RU|SA|SC|SD|SE|SI|SK|SM|SN|SO|ST|SV|TD|TG|TL|TN|TR|UA|VA|VG|XK|YE";

fn build(simple: Simple, dialect: Dialect) -> Option<Kind> {
    let checked = |check: Check| (dialect == Dialect::Vedette).then_some(check);
    let one = |source: &str, group, check| {
        Some(Kind::Patterns(vec![Pattern::built_in(
            source, group, check,
        )?]))
    };
    match simple {
        Simple::Anything => Some(Kind::Anything),
        Simple::Imei => one(
            r"\b(\d{2}-?\d{6}-?\d{6}-?\d{1,2})\b",
            1,
            checked(checks::luhn),
        ),
        Simple::Mac => one(r"(?i)\b(?:[0-9a-f]{2}[:-]){5}[0-9a-f]{2}\b", 0, None),
        Simple::Uuid => one(
            r"(?i)\b[a-z0-9]{8}-?[a-z0-9]{4}-?[a-z0-9]{4}-?[a-z0-9]{4}-?[a-z0-9]{12}\b",
            0,
            None,
        ),
        Simple::Email => one(
            r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*\.[A-Za-z]{2,}\b",
            0,
            None,
        ),
        Simple::Ip => ip(),
        Simple::CreditCard => one(
            r"\b(?:3[47]\d|4\d{3}|5[1-5]\d{2}|65\d{2}|6011)(?:[ -]?\d){12}\b",
            0,
            checked(checks::luhn),
        ),
        Simple::Iban => one(
            &format!(r"\b(?:{IBAN_COUNTRIES})\d{{2}}[A-Z0-9]{{11,29}}\b"),
            0,
            checked(checks::iban),
        ),
        Simple::UserPath => one(
            r"(?i)(?:\b|[/\\])(?:home|users|documents and settings|profiles)[/\\]([^/\\\r\n]+)",
            1,
            None,
        ),
        Simple::PemKey => one(
            r"-----BEGIN[A-Z ]+(?:PRIVATE|PUBLIC) KEY-----[\t\r\n]*((?s:.+?))[\t\r\n]*-----END[A-Z ]+(?:PRIVATE|PUBLIC) KEY-----",
            1,
            None,
        ),
        Simple::UrlAuth => one(
            r"\b[A-Za-z0-9+.-]+://([A-Za-z0-9%_.~!$&'()*+,;=-]+(?::[A-Za-z0-9%_.~!$&'()*+,;=-]+)?)@",
            1,
            None,
        ),
        Simple::UrlAuthLegacy => one(
            r"\b[A-Za-z0-9+.-]+://[A-Za-z0-9%_.~!$&'()*+,;=-]+:([A-Za-z0-9%_.~!$&'()*+,;=-]+)@",
            1,
            None,
        ),
        Simple::UsSsn => one(r"\b\d{3}-\d{2}-\d{4}\b", 0, None),
        Simple::Bearer => one(BEARER, 1, None),
        Simple::Password => password(),
        Simple::Cookies => one(
            &format!(
                r"(?i)(?:^|[^a-z0-9_-])(?:{})(?:__\d+)?=([^;]+)",
                COOKIES.join("|")
            ),
            1,
            None,
        ),
    }
}

fn ip() -> Option<Kind> {
    let v4 = Pattern::built_in(r"\b(?:\d{1,3}\.){3}\d{1,3}\b", 0, Some(checks::ipv4))?;
    let v6 = Pattern::built_in(
        r"(?i)(?:[0-9a-f]{1,4})?(?::[0-9a-f]{0,4}){1,7}(?:(?:\d{1,3}\.){3}\d{1,3})?(?:%[0-9a-z]+)?",
        0,
        Some(checks::ipv6),
    )?;
    Some(Kind::Patterns(vec![v6, v4]))
}

fn password() -> Option<Kind> {
    let whole = |source| {
        Pattern::compile(source, Take::Text, None)
            .ok()
            .map(Arc::new)
    };
    Some(Kind::Pair {
        key: whole(PASSWORD_KEYS)?,
        n_first: 1,
        values: vec![Pattern::built_in(BEARER, 1, None)?, whole(PASSWORD_VALUES)?],
    })
}
