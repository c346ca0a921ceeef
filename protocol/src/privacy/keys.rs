//! Which keys promise a secret.
//!
//! A key is sensitive when a stem occurs anywhere in it, in any case, or when it is one of a few whole names.
//! `author` and its kin are not `auth`; counts of tokens are not tokens.

use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind};

use super::json::{KEY_LETTER, Sight};
use super::safe::safe_keys;
use crate::roster::PrivacySettings;

/// Longest key that is looked for in front of `=` and `:` in a text, in bytes.
pub(super) const KEY_BYTES_MAX: usize = 128;

/// Each holds a c, k, u or w: `KEY_LETTER` rejects most keys without a search.
const STEMS: &[&str] = &[
    "auth",
    "password",
    "passwd",
    "secret",
    "api-key",
    "api_key",
    "api.key",
    "api key",
    "apikey",
    "credential",
    "mysql_pwd",
    "privatekey",
    "private-key",
    "private_key",
    "private key",
    "token",
];

/// Too short or too common to be looked for inside other words; three letters, or with a key letter.
const WHOLE: &[&str] = &["otp", "pwd", "two-factor", "two_factor", "twofactor"];

/// Cookies that name a session or guard a form.
pub(super) const COOKIES: &[&str] = &[
    "__session",
    "_csrf",
    "_iris_csrf",
    "_vercel_jwt",
    "_xsrf",
    "csrf",
    "csrf-token",
    "csrf_token",
    "fastcsrf",
    "fasthttpsessionid",
    "irissessionid",
    "mysession",
    "phpsessid",
    "sentrysid",
    "session",
    "sessionid",
    "su",
    "sudo",
    "symfony",
    "user_session",
    "xsrf",
    "xsrf-token",
    "xsrf_token",
];

/// Further names of sessions in cookies and query strings.
pub(super) const SESSIONS: &[&str] = &[
    "asp.net_sessionid",
    "aspsessionid",
    "connect.sid",
    "jsessionid",
    "laravel_session",
    "session_id",
    "sessid",
    "sid",
];

/// Too short for a query string or a text: there they mean other things.
const ONLY_COOKIES: &[&str] = &["su", "sudo", "symfony", "sid"];

static STEM_SEARCH: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| search(STEMS));

/// Words beyond this many bytes are searched for by a table that is a little slower, and smaller
/// by far.
const DFA_BYTES_MAX: usize = 512;

fn search<T: AsRef<[u8]>>(words: &[T]) -> Option<AhoCorasick> {
    let n_bytes: usize = words.iter().map(|word| word.as_ref().len()).sum();
    let kind = if n_bytes > DFA_BYTES_MAX {
        AhoCorasickKind::ContiguousNFA
    } else {
        AhoCorasickKind::DFA
    };
    AhoCorasick::builder()
        .ascii_case_insensitive(true)
        .kind(Some(kind))
        .build(words)
        .ok()
}

/// The words that a project added to the sensitive ones.
pub(super) fn sensitive_fields(settings: &PrivacySettings) -> impl Iterator<Item = &str> {
    let fields = settings.sensitive_fields.iter();
    fields
        .map(|field| field.trim())
        .filter(|field| !field.is_empty())
}

/// The search knows the letters of ASCII in both cases; others are looked for as they are written, and in either case.
fn in_each_case(field: &str) -> Vec<String> {
    let mut all = vec![field.to_owned()];
    if !field.is_ascii() {
        all.extend([field.to_lowercase(), field.to_uppercase()]);
    }
    all
}

/// The sensitive keys of one project.
#[derive(Debug, Default)]
pub(super) struct Keys {
    further: Option<AhoCorasick>,
    safe: Vec<String>,
}

impl Keys {
    pub(super) fn new(settings: &PrivacySettings) -> Self {
        let fields = sensitive_fields(settings);
        let further: Vec<String> = fields.flat_map(in_each_case).collect();
        Self {
            further: if further.is_empty() {
                None
            } else {
                search(&further)
            },
            safe: safe_keys(settings).collect(),
        }
    }

    /// Whether the values of this key are left alone.
    #[inline]
    pub(super) fn is_safe(&self, key: &[u8]) -> bool {
        !self.safe.is_empty() && self.is_listed_as_safe(key)
    }

    fn is_listed_as_safe(&self, key: &[u8]) -> bool {
        std::str::from_utf8(key).is_ok_and(|key| self.safe.contains(&key.to_lowercase()))
    }

    /// Whether the value of this key is a secret.
    pub(super) fn is_sensitive(&self, key: &[u8]) -> bool {
        if has_stem(key) || is_one_of(WHOLE, key) {
            return true;
        }
        self.further
            .as_ref()
            .is_some_and(|further| further.is_match(key))
    }

    /// Whether the project has sensitive fields of its own.
    #[inline]
    pub(super) const fn has_further(&self) -> bool {
        self.further.is_some()
    }

    /// Whether a text names one of the project's own sensitive fields.
    #[inline]
    pub(super) fn are_named_in(&self, text: &[u8]) -> bool {
        let further = self.further.as_ref();
        further.is_some_and(|further| further.is_match(text))
    }

    /// As [`Keys::is_sensitive`], for a key whose bytes were looked at already.
    #[inline]
    pub(super) fn is_sensitive_at_sight(&self, key: &[u8], sight: Sight) -> bool {
        let may_be = sight.has(KEY_LETTER) || key.len() == 3 || self.further.is_some();
        may_be && self.is_sensitive(key)
    }

    /// Whether a cookie of this name is a secret.
    pub(super) fn is_cookie(&self, name: &[u8]) -> bool {
        // Each of the names has one of these letters; most other words before a `=` have none.
        if !name
            .iter()
            .any(|byte| matches!(byte, b's' | b'S' | b'j' | b'J'))
        {
            return false;
        }
        let name = without_number(name);
        is_one_of(COOKIES, name) || is_one_of(SESSIONS, name)
    }

    /// Whether `name=value` in a query string or a text names a session.
    pub(super) fn is_session(&self, name: &[u8]) -> bool {
        self.is_cookie(name) && !is_one_of(ONLY_COOKIES, name)
    }
}

/// Whether a number under this key counts tokens instead of being one.
pub(super) fn counts_tokens(key: &[u8]) -> bool {
    let key = key.to_ascii_lowercase();
    let mut rest = key.as_slice();
    while let Some(at) = memchr::memmem::find(rest, b"token") {
        let after = rest.get(at + 5..).unwrap_or_default();
        if after.starts_with(b"s") || after.starts_with(b"_count") || after.starts_with(b"count") {
            return true;
        }
        rest = after;
    }
    false
}

/// Two letters that each stem has, one bit per pair: a key without any needs no search.
const PAIRS: [[u8; 2]; 5] = [*b"ut", *b"ss", *b"cr", *b"ke", *b"pw"];
const FIRST: [u8; 256] = letters(0);
const SECOND: [u8; 256] = letters(1);

const fn letters(place: usize) -> [u8; 256] {
    let mut table = [0; 256];
    let mut n = 0;
    while n < PAIRS.len() {
        #[expect(
            clippy::indexing_slicing,
            reason = "the indices are bounded by the tables"
        )]
        {
            let letter = PAIRS[n][place];
            table[letter as usize] |= 1 << n;
            table[letter.to_ascii_uppercase() as usize] |= 1 << n;
        }
        n += 1;
    }
    table
}

fn may_have_stem(key: &[u8]) -> bool {
    let bits = |table: &[u8; 256], byte: u8| table.get(usize::from(byte)).copied().unwrap_or(0);
    let mut before = 0;
    for byte in key {
        if before & bits(&SECOND, *byte) != 0 {
            return true;
        }
        before = bits(&FIRST, *byte);
    }
    false
}

fn has_stem(key: &[u8]) -> bool {
    if !may_have_stem(key) {
        return false;
    }
    // Patterns are well formed; if the search could not be built, everything is a secret.
    let Some(stems) = STEM_SEARCH.as_ref() else {
        return true;
    };
    stems.find_iter(key).any(|found| {
        found.pattern().as_u32() != 0 || !is_author(key.get(found.end()..).unwrap_or_default())
    })
}

/// Whether what follows `auth` makes it `author`, `authored`, `authority`, but not `authorization`.
fn is_author(after: &[u8]) -> bool {
    let after = after.to_ascii_lowercase();
    after.starts_with(b"or") && !after.starts_with(b"oriz") && !after.starts_with(b"oris")
}

fn is_one_of(names: &[&str], key: &[u8]) -> bool {
    names
        .iter()
        .any(|name| name.len() == key.len() && name.as_bytes().eq_ignore_ascii_case(key))
}

/// Cookies are numbered when they are cut into parts: `session__1`.
fn without_number(name: &[u8]) -> &[u8] {
    let digits = name
        .iter()
        .rev()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    let stem = name.get(..name.len() - digits).unwrap_or_default();
    match stem.strip_suffix(b"__") {
        Some(stem) if digits > 0 => stem,
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stems_and_whole_names_are_sensitive_and_their_neighbours_are_not() {
        let keys = Keys::new(&PrivacySettings {
            sensitive_fields: vec!["Kennung".into(), String::new()],
            ..PrivacySettings::default()
        });
        for key in [
            "password",
            "Passwd",
            "DB_PASSWORD",
            "mysql_pwd",
            "MYSQL_PWD",
            "X-Api-Key",
            "apiKey",
            "api_key",
            "secret",
            "client_secret",
            "auth",
            "Authorization",
            "authorisation",
            "x-auth",
            "oauth",
            "credentials",
            "credential",
            "privateKey",
            "private-key",
            "private_key",
            "token",
            "csrftoken",
            "ACCESS_TOKEN",
            "otp",
            "OTP",
            "two-factor",
            "two_factor",
            "pwd",
            "user[password]",
            "die_kennung_x",
            "author_token",
        ] {
            assert!(keys.is_sensitive(key.as_bytes()), "{key}");
        }
        for key in [
            "",
            "id",
            "author",
            "Authors",
            "co_author",
            ":authority",
            "tok",
            "potpie",
            "option",
            "cwd",
            "username",
            "key",
            "primary_key",
            "card",
            "compass",
            "secre",
            "function",
        ] {
            assert!(!keys.is_sensitive(key.as_bytes()), "{key}");
        }
    }

    #[test]
    fn fields_of_a_project_are_known_in_any_case_of_any_alphabet() {
        let keys = Keys::new(&PrivacySettings {
            sensitive_fields: vec!["Ärzte".into(), "παιδί".into()],
            safe_fields: vec!["'My Key'".into(), "Größe".into(), "http.route".into()],
            ..PrivacySettings::default()
        });
        for key in ["Ärzte", "ärzte", "ÄRZTE", "alle ärzte hier", "ΠΑΙΔΊ"] {
            assert!(keys.is_sensitive(key.as_bytes()), "{key}");
        }
        for key in ["my key", "GRÖßE", "HTTP.Route"] {
            assert!(keys.is_safe(key.as_bytes()), "{key}");
        }
    }

    #[test]
    fn every_stem_passes_the_quick_checks() {
        for stem in STEMS {
            assert!(Sight::of(stem.as_bytes()).has(KEY_LETTER), "{stem}");
            assert!(may_have_stem(stem.to_uppercase().as_bytes()), "{stem}");
        }
    }

    #[test]
    fn cookies_are_known_by_name_and_number() {
        let keys = Keys::default();
        for name in [
            "sessionid",
            "SESSIONID",
            "PHPSESSID",
            "session__12",
            "_csrf",
            "su",
        ] {
            assert!(keys.is_cookie(name.as_bytes()), "{name}");
        }
        for name in ["theme", "session__", "session1", "super"] {
            assert!(!keys.is_cookie(name.as_bytes()), "{name}");
        }
        for name in COOKIES.iter().chain(SESSIONS) {
            assert!(keys.is_cookie(name.to_uppercase().as_bytes()), "{name}");
        }
        assert!(!keys.is_session(b"su"));
    }

    #[test]
    fn counts_of_tokens_are_told_from_tokens() {
        assert!(counts_tokens(b"gen_ai.usage.total_Tokens"));
        assert!(counts_tokens(b"token_count"));
        assert!(!counts_tokens(b"token"));
        assert!(!counts_tokens(b"access_token"));
    }
}
