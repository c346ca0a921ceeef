//! Check-ins of monitors: the form that their names have, and what they may say.
//!
//! The relay asks it of check-ins that an address tells, the hub of all: the same words mean the
//! same monitor whatever way they came.

use unicode_normalization::UnicodeNormalization;

/// Most characters of a monitor's slug; what is beyond is cut.
pub const SLUG_CHARS_MAX: usize = 50;
/// Most characters of an environment.
pub const ENVIRONMENT_CHARS_MAX: usize = 64;
/// The environment of a check-in that names none.
pub const DEFAULT_ENVIRONMENT: &str = "production";

/// What a job says of itself.
const STATUSES: [&str; 3] = ["ok", "error", "in_progress"];

/// Why something is no check-in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CheckInError {
    /// No monitor, or a name of nothing that a slug can have.
    #[error("check-in has no valid monitor")]
    Monitor,
    /// None of `ok`, `error` and `in_progress`: what was missed is for the hub to say.
    #[error("check-in has no valid status")]
    Status,
    /// Longer than [`ENVIRONMENT_CHARS_MAX`].
    #[error("check-in has no valid environment")]
    Environment,
}

/// The slug of a monitor: letters of ASCII, digits, `_` and single `-`.
///
/// # Errors
/// [`CheckInError::Monitor`] when nothing is left of the name.
pub fn slug(name: &str) -> Result<String, CheckInError> {
    let mut slug = String::new();
    let mut n_chars = 0;
    let mut gap = false;
    for char in name.nfkd() {
        if char.is_whitespace() || char == '-' {
            gap = true;
            continue;
        }
        if !(char.is_ascii_alphanumeric() || char == '_') {
            continue;
        }
        if gap && !slug.is_empty() {
            slug.push('-');
            n_chars += 1;
        }
        gap = false;
        slug.push(char.to_ascii_lowercase());
        n_chars += 1;
        // A name may be as long as a request.
        if n_chars > SLUG_CHARS_MAX {
            break;
        }
    }
    slug.truncate(SLUG_CHARS_MAX);
    let slug = slug.trim_matches(['-', '_']);
    if slug.is_empty() {
        return Err(CheckInError::Monitor);
    }
    Ok(slug.to_owned())
}

/// The environment of a check-in.
///
/// # Errors
/// [`CheckInError::Environment`] when it is too long.
pub fn environment(name: Option<&str>) -> Result<&str, CheckInError> {
    let name = name.map(str::trim).filter(|name| !name.is_empty());
    let name = name.unwrap_or(DEFAULT_ENVIRONMENT);
    if name.chars().count() > ENVIRONMENT_CHARS_MAX {
        return Err(CheckInError::Environment);
    }
    Ok(name)
}

/// How the job went.
///
/// # Errors
/// [`CheckInError::Status`] when it says anything else, or nothing.
pub fn status(name: Option<&str>) -> Result<&'static str, CheckInError> {
    let known = STATUSES.into_iter().find(|known| Some(*known) == name);
    known.ok_or(CheckInError::Status)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slugs_are_of_few_characters() {
        let check = |name: &str, expected: Option<&str>| {
            assert_eq!(slug(name).ok().as_deref(), expected, "{name}");
        };
        check("nightly", Some("nightly"));
        check("My  Nightly - Job!", Some("my-nightly-job"));
        check(" -Müll_abfuhr- ", Some("mull_abfuhr"));
        check("ﬁne.job", Some("finejob"));
        check("__a__", Some("a"));
        check("日本 1", Some("1"));
        check("", None);
        check("日本", None);
        check(" - _ ", None);
        check(&"x".repeat(51), Some(&"x".repeat(50)));
        check(&format!("{} y", "x".repeat(49)), Some(&"x".repeat(49)));
        check(&format!("{}y", "- ".repeat(10_000)), Some("y"));
    }

    #[test]
    fn no_environment_is_production() {
        let check = |name: Option<&str>, expected: Option<&str>| {
            assert_eq!(environment(name).ok(), expected, "{name:?}");
        };
        check(None, Some("production"));
        check(Some(" "), Some("production"));
        check(Some("qa"), Some("qa"));
        let longest = "é".repeat(64);
        check(Some(&longest), Some(&longest));
        check(Some(&"x".repeat(65)), None);
    }

    #[test]
    fn jobs_say_one_of_three_things() {
        for known in ["ok", "error", "in_progress"] {
            assert_eq!(status(Some(known)), Ok(known));
        }
        for other in [None, Some("missed"), Some("timeout"), Some("OK"), Some("")] {
            assert_eq!(status(other), Err(CheckInError::Status), "{other:?}");
        }
    }
}
