//! Versions of releases, compared as people count: `shop@1.10.0` is after `shop@1.9`.

use std::cmp::Ordering;

/// Most numbers of a version.
const NUMBERS_MAX: usize = 8;

/// A version: numbers, and perhaps what stands before the release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Version {
    /// Without zeros at the end.
    numbers: Vec<u64>,
    /// `beta.2`; a version without is after one with.
    early: Option<Vec<Part>>,
}

/// Numbers come before words.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Number(u64),
    Word(String),
}

impl Version {
    /// Reads `package@1.2.3-beta.1+build`; the package and the build do not count. What has no
    /// numbers, such as a commit, is no version.
    pub(super) fn parse(release: &str) -> Option<Self> {
        let version = release.rsplit('@').next()?;
        let version = version.split('+').next()?;
        let (numbers, early) = match version.split_once('-') {
            Some((numbers, early)) => (numbers, Some(early)),
            None => (version, None),
        };
        let numbers: Option<Vec<u64>> = numbers
            .split('.')
            .take(NUMBERS_MAX + 1)
            .map(|number| number.parse().ok())
            .collect();
        let mut numbers = numbers.filter(|numbers| numbers.len() <= NUMBERS_MAX)?;
        while numbers.last() == Some(&0) {
            numbers.pop();
        }
        let part = |part: &str| match part.parse() {
            Ok(number) => Part::Number(number),
            Err(_) => Part::Word(part.to_owned()),
        };
        Some(Self {
            numbers,
            early: early.map(|early| early.split('.').map(part).collect()),
        })
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        let by_early = || match (&self.early, &other.early) {
            (Some(own), Some(other)) => own.cmp(other),
            (own, other) => own.is_none().cmp(&other.is_none()),
        };
        self.numbers.cmp(&other.numbers).then_with(by_early)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_ordered_as_people_count() {
        let rising = [
            "shop@1.0.0-alpha",
            "1.0.0-alpha.1",
            "1.0.0-alpha.beta",
            "1.0.0-beta.2",
            "1.0.0-beta.11",
            "1.0.0",
            "1.0.1",
            "pkg@1.9",
            "1.10.0+build.7",
            "2",
        ];
        for pair in rising.windows(2) {
            let [a, b] = [pair[0], pair[1]].map(|text| Version::parse(text).unwrap());
            assert!(a < b, "{pair:?}");
        }
        assert_eq!(Version::parse("1.0"), Version::parse("shop@1.0.0.0+7"));
        for none in [
            "",
            "abc",
            "f00dcafe",
            "1.x",
            "1.2.3.4.5.6.7.8.9",
            "99999999999999999999",
        ] {
            assert_eq!(Version::parse(none), None, "{none}");
        }
    }
}
