//! What people write to name many texts or many addresses: globs and networks.
//!
//! What always holds: a text is matched in time linear in its length, whatever the pattern, and
//! what is compiled is bounded ([`GLOB_PROGRAM_BYTES_MAX`]).

use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use regex::{RegexSet, RegexSetBuilder};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Most memory that one list of globs is compiled to, in bytes.
pub const GLOB_PROGRAM_BYTES_MAX: usize = 2 * 1024 * 1024;

/// Whether case matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Case {
    /// `A` is not `a`.
    Sensitive,
    /// `A` is `a`.
    Ignored,
}

/// Globs, of which one must fit a whole text. `*` stands for any text, `?` for one character,
/// `[a-z]` and `[!a-z]` for one of a set, `{a,b}` for one of some texts, and `\` takes the next
/// character as it is.
#[derive(Clone, Debug, Default)]
pub struct Globs(Option<RegexSet>);

/// Globs that are too many to be compiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("patterns are too large: they take more than {GLOB_PROGRAM_BYTES_MAX} bytes of memory")]
pub struct GlobError;

impl Globs {
    /// Compiles globs. A bracket or brace that is never closed stands for itself.
    ///
    /// # Errors
    /// [`GlobError`].
    pub fn compile<T: AsRef<str>>(globs: &[T], case: Case) -> Result<Self, GlobError> {
        if globs.is_empty() {
            return Ok(Self(None));
        }
        let patterns = globs.iter().map(|glob| expression(glob.as_ref()));
        RegexSetBuilder::new(patterns)
            .case_insensitive(case == Case::Ignored)
            .dot_matches_new_line(true)
            .size_limit(GLOB_PROGRAM_BYTES_MAX)
            .build()
            .map(|set| Self(Some(set)))
            .map_err(|_| GlobError)
    }

    /// Whether one of them fits the whole text.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        self.0.as_ref().is_some_and(|set| set.is_match(text))
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_none()
    }
}

/// The regular expression of a glob.
fn expression(glob: &str) -> String {
    let mut out = String::with_capacity(glob.len() + 8);
    out.push('^');
    let mut rest = glob.chars();
    while let Some(c) = rest.next() {
        match c {
            '*' => out.push_str(".*"),
            '?' => out.push('.'),
            '\\' => push_literal(&mut out, rest.next().unwrap_or('\\')),
            '[' => match rest.as_str().split_once(']') {
                Some((set, after)) if is_set(set) => {
                    push_set(&mut out, set);
                    rest = after.chars();
                }
                _ => push_literal(&mut out, c),
            },
            '{' => match rest.as_str().split_once('}') {
                Some((list, after)) => {
                    push_list(&mut out, list);
                    rest = after.chars();
                }
                None => push_literal(&mut out, c),
            },
            c => push_literal(&mut out, c),
        }
    }
    out.push('$');
    out
}

fn push_literal(out: &mut String, c: char) {
    out.push_str(&regex::escape(c.encode_utf8(&mut [0; 4])));
}

/// A set with ranges that run backwards is none.
fn is_set(set: &str) -> bool {
    let set = set.strip_prefix('!').unwrap_or(set);
    let chars: Vec<char> = set.chars().collect();
    let is_backwards = |part: &[char]| matches!(part, [from, '-', to] if from > to);
    !chars.is_empty() && !chars.windows(3).any(is_backwards)
}

fn push_set(out: &mut String, set: &str) {
    out.push('[');
    let set = match set.strip_prefix('!') {
        Some(set) => {
            out.push('^');
            set
        }
        None => set,
    };
    for c in set.chars() {
        if c == '-' {
            out.push(c);
        } else {
            push_literal(out, c);
        }
    }
    out.push(']');
}

/// Texts of a list are globs without lists.
fn push_list(out: &mut String, list: &str) {
    out.push_str("(?:");
    for (at, text) in list.split(',').enumerate() {
        if at > 0 {
            out.push('|');
        }
        for c in text.chars() {
            match c {
                '*' => out.push_str(".*"),
                '?' => out.push('.'),
                c => push_literal(out, c),
            }
        }
    }
    out.push(')');
}

/// An address, or all that share a number of its first bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    /// The address, with IPv4 within IPv6 told as IPv4.
    address: IpAddr,
    /// How many bits are shared. Invariant: at most the address's.
    bits: u32,
}

/// A text that names neither an address nor a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an address such as 192.0.2.7 or a network such as 192.0.2.0/24")]
pub struct NetworkError;

impl FromStr for Network {
    type Err = NetworkError;

    /// Reads an address, or an address, a slash and a number of bits.
    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let (address, bits) = match text.trim().split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text.trim(), None),
        };
        let address: IpAddr = address.parse().map_err(|_| NetworkError)?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Ok(most), str::parse).ok();
        let bits = bits.filter(|bits| *bits <= most).ok_or(NetworkError)?;
        Ok(match address.to_canonical() {
            // Its first 96 bits only say that an IPv4 address follows.
            IpAddr::V4(v4) if address.is_ipv6() && bits >= 96 => Self {
                address: IpAddr::V4(v4),
                bits: bits - 96,
            },
            _ => Self { address, bits },
        })
    }
}

impl Network {
    /// Whether it holds an address. An IPv4 address that is written as an IPv6 one is an IPv4
    /// address.
    #[must_use]
    pub fn holds(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                let differs = own.to_bits() ^ other.to_bits();
                differs.checked_shr(32 - self.bits).unwrap_or(0) == 0
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                let differs = own.to_bits() ^ other.to_bits();
                differs.checked_shr(128 - self.bits).unwrap_or(0) == 0
            }
            _ => false,
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.bits)
    }
}

impl Serialize for Network {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Network {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'_, str>::deserialize(deserializer)?;
        text.parse()
            .map_err(|error| D::Error::custom(format!("{text:?} is {error}")))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn globs_fit_whole_texts() {
        let check = |glob: &str, case: Case, text: &str, expected: bool| {
            let globs = Globs::compile(&[glob], case).unwrap();
            assert_eq!(globs.matches(text), expected, "{glob} {text:?}");
        };
        use Case::{Ignored, Sensitive};
        check("1.2.3", Sensitive, "1.2.3", true);
        check("1.2.3", Sensitive, "1.2.34", false);
        check("1.2.3", Sensitive, "1x2.3", false);
        check(
            "TypeError*",
            Ignored,
            "typeerror: x\nis not a function",
            true,
        );
        check("TypeError*", Sensitive, "typeerror: x", false);
        check("*timeout*", Ignored, "a Timeout b", true);
        check("a?c", Sensitive, "a\u{fc}c", true);
        check("/health[sz]", Sensitive, "/healthz", true);
        check("[!a-c]x", Sensitive, "bx", false);
        check("[!a-c]x", Sensitive, "dx", true);
        check("[c-a]", Sensitive, "[c-a]", true);
        check("[", Sensitive, "[", true);
        check("{live,ready}z", Sensitive, "readyz", true);
        check("{live", Sensitive, "{live", true);
        check("a\\*", Sensitive, "a*", true);
        check("a\\*", Sensitive, "ab", false);
        check("", Sensitive, "", true);
    }

    #[test]
    fn too_many_globs_are_an_error_and_not_a_full_memory() {
        let glob = "?".repeat(200);
        let globs = vec![glob; 20_000];
        assert!(Globs::compile(&globs, Case::Ignored).is_err());
        let none: [&str; 0] = [];
        assert!(!Globs::compile(&none, Case::Ignored).unwrap().matches(""));
    }

    #[test]
    fn networks_hold_addresses() {
        let check = |network: &str, address: &str, expected: bool| {
            let network = Network::from_str(network).unwrap();
            assert_eq!(
                network.holds(address.parse().unwrap()),
                expected,
                "{network:?} {address}"
            );
        };
        check("192.0.2.7", "192.0.2.7", true);
        check("192.0.2.7", "192.0.2.8", false);
        check("192.0.2.0/24", "192.0.2.255", true);
        check("192.0.2.0/24", "192.0.3.0", false);
        check("192.0.2.0/24", "::ffff:192.0.2.9", true);
        check("::ffff:192.0.2.0/120", "192.0.2.9", true);
        check("0.0.0.0/0", "203.0.113.1", true);
        check("0.0.0.0/0", "2001:db8::1", false);
        check("2001:db8::/32", "2001:db8:1::1", true);
        check("2001:db8::/32", "2001:db9::1", false);
        for wrong in [
            "",
            "x",
            "192.0.2.0/33",
            "192.0.2.0/",
            "192.0.2",
            "::/129",
            "1.2.3.4/-1",
        ] {
            assert_eq!(Network::from_str(wrong), Err(NetworkError), "{wrong}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn any_text_is_a_glob_and_an_escaped_one_fits_itself(text in "\\PC{0,40}", other in "\\PC{0,40}") {
            let globs = Globs::compile(&[&text], Case::Sensitive).unwrap();
            let _ = globs.matches(&other);
            let escaped: String = text.chars().flat_map(|c| ['\\', c]).collect();
            prop_assert!(Globs::compile(&[escaped], Case::Sensitive).unwrap().matches(&text));
        }
    }
}
