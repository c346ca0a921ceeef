//! Which of two releases is newer: by version number when both have one, else by date.

use std::cmp::Ordering;

use protocol::timestamp::Timestamp;

/// A release and when it was first seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Release<'a> {
    /// As SDKs send it: `shop@1.2.3+45` or anything else.
    pub version: &'a str,
    /// When the hub first saw it.
    pub first_seen: Timestamp,
}

/// Whether `a` is newer than `b`.
#[must_use]
pub fn is_newer(a: Release<'_>, b: Release<'_>) -> bool {
    match (Version::parse(a.version), Version::parse(b.version)) {
        (Some(left), Some(right)) if left.package == right.package => {
            left.compare(&right) == Ordering::Greater
        }
        _ => a.version != b.version && a.first_seen > b.first_seen,
    }
}

/// How a release stands to a version that a person wrote, of which a package and numbers may be
/// left out; `None` where one of them is no version, or they are of different packages.
#[must_use]
pub fn compare_version(release: &str, bound: &str) -> Option<Ordering> {
    let mut release = Version::parse(release)?;
    let whole = if bound.contains('.') {
        bound.to_owned()
    } else {
        format!("{bound}.0")
    };
    let bound = Version::parse(&whole)?;
    let is_same = bound.package.is_empty() || bound.package == release.package;
    if bound.build.is_empty() {
        release.build = "";
    }
    is_same.then(|| release.compare(&bound))
}

/// `package@1.2.3-beta.1+build`; at most four numbers.
#[derive(Debug)]
struct Version<'a> {
    package: &'a str,
    numbers: [u64; 4],
    pre: Option<&'a str>,
    build: &'a str,
}

impl<'a> Version<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let (package, version) = text.rsplit_once('@').unwrap_or(("", text));
        let version = version.strip_prefix('v').unwrap_or(version);
        let (version, build) = version.split_once('+').unwrap_or((version, ""));
        let (core, pre) = match version.split_once('-') {
            Some((core, pre)) => (core, Some(pre)),
            None => (version, None),
        };
        let mut numbers = [0; 4];
        let mut n = 0;
        for part in core.split('.') {
            *numbers.get_mut(n)? = part.parse().ok()?;
            n += 1;
        }
        // A single number is a build, a date or a commit rather than a version.
        (n >= 2).then_some(Self {
            package,
            numbers,
            pre,
            build,
        })
    }

    fn compare(&self, other: &Self) -> Ordering {
        let pre = match (self.pre, other.pre) {
            (None, None) => Ordering::Equal,
            (None, Some(_)) => Ordering::Greater,
            (Some(_), None) => Ordering::Less,
            (Some(left), Some(right)) => compare_parts(left, right),
        };
        self.numbers
            .cmp(&other.numbers)
            .then(pre)
            .then_with(|| compare_parts(self.build, other.build))
    }
}

/// Parts between dots: numbers by value and before words, words by letters.
fn compare_parts(left: &str, right: &str) -> Ordering {
    let mut left = left.split('.');
    let mut right = right.split('.');
    loop {
        let order = match (left.next(), right.next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => Ordering::Less,
            (Some(_), None) => Ordering::Greater,
            (Some(a), Some(b)) => match (a.parse::<u64>(), b.parse::<u64>()) {
                (Ok(a), Ok(b)) => a.cmp(&b),
                (Ok(_), Err(_)) => Ordering::Less,
                (Err(_), Ok(_)) => Ordering::Greater,
                (Err(_), Err(_)) => a.cmp(b),
            },
        };
        if order != Ordering::Equal {
            return order;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn release(version: &str, first_seen: i64) -> Release<'_> {
        Release {
            version,
            first_seen: Timestamp::from_millis(first_seen),
        }
    }

    #[test]
    fn versions_are_compared_by_number() {
        let check = |older: &str, newer: &str| {
            // The dates say the opposite.
            let (older, newer) = (release(older, 2), release(newer, 1));
            assert!(is_newer(newer, older), "{newer:?} {older:?}");
            assert!(!is_newer(older, newer), "{newer:?} {older:?}");
        };
        check("app@1.9.0", "app@1.10.0");
        check("1.2", "1.2.1");
        check("v1.0.0-beta.2", "v1.0.0");
        check("1.0.0-beta.2", "1.0.0-beta.10");
        check("1.0.0-1", "1.0.0-alpha");
        check("app@1.0+41", "app@1.0+42");
    }

    #[test]
    fn what_is_no_version_is_compared_by_date() {
        assert!(is_newer(release("zeta", 2), release("alpha", 1)));
        assert!(!is_newer(release("zeta", 1), release("alpha", 2)));
        assert!(!is_newer(release("same", 2), release("same", 1)));
        assert!(is_newer(release("7fd1a60b01f9", 2), release("1.0.0", 1)));
        assert!(is_newer(release("a@1.0.0", 2), release("b@9.0.0", 1)));
        assert!(is_newer(release("1.2.3.4.5", 2), release("9.0.0", 1)));
    }
}
