//! Releases in the order of their versions: `release:>=2.1`, `release.version:1.2.*` and
//! `release:latest` become lists of the releases they mean, which the index knows by name.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use protocol::timestamp::Timestamp;

use crate::issue::{Release, compare_version, is_newer};
use crate::query::{Expr, Filter, Key, Op, Part, Pattern, Value};
use crate::store::releases::ReleaseOfProject;

/// Stands where no release is meant: none is called so.
const NO_RELEASE: &str = "\u{0}";

/// Whether a query may compare releases.
pub(super) fn may_compare(text: &str) -> bool {
    text.contains("release")
}

/// The query with the releases that are meant in place of comparisons.
pub(super) fn named(expr: Expr, releases: &[ReleaseOfProject]) -> Expr {
    let all = |parts: Vec<Expr>| {
        parts
            .into_iter()
            .map(|part| named(part, releases))
            .collect()
    };
    match expr {
        Expr::And(parts) => Expr::And(all(parts)),
        Expr::Or(parts) => Expr::Or(all(parts)),
        Expr::Not(part) => Expr::Not(Box::new(named(*part, releases))),
        Expr::Filter(filter) => Expr::Filter(one(filter, releases)),
        Expr::Text(text) => Expr::Text(text),
    }
}

fn one(filter: Filter, releases: &[ReleaseOfProject]) -> Filter {
    let by_version = filter.key.name() == "release.version";
    let is_release = matches!(&filter.key, Key::Field(name) if name == "release");
    let Value::Text(pattern) = &filter.value else {
        return filter;
    };
    if !is_release && !by_version {
        return filter;
    }
    let is_latest = pattern.as_literal() == Some("latest");
    if filter.op == Op::Is && !is_latest && !by_version {
        return filter;
    }
    let versions = if is_latest {
        latest(releases)
    } else {
        let means = |release: &&ReleaseOfProject| means(&release.version, filter.op, pattern);
        let meant = releases.iter().filter(means);
        meant.map(|release| release.version.as_str()).collect()
    };
    let mut names: Vec<Pattern> = versions.into_iter().map(literal).collect();
    names.dedup();
    if names.is_empty() {
        names.push(literal(NO_RELEASE));
    }
    Filter {
        key: Key::Field("release".to_owned()),
        op: Op::Is,
        value: Value::List(names),
        span: filter.span,
    }
}

fn literal(text: &str) -> Pattern {
    Pattern {
        parts: vec![Part::Literal(text.to_owned())],
    }
}

fn means(version: &str, op: Op, pattern: &Pattern) -> bool {
    let Some(bound) = pattern.as_literal() else {
        let short = version.rsplit_once('@').map_or(version, |(_, short)| short);
        return op == Op::Is && pattern.matches(short);
    };
    let Some(order) = compare_version(version, bound) else {
        return false;
    };
    match op {
        Op::Is | Op::Exists => order == Ordering::Equal,
        Op::Gt => order == Ordering::Greater,
        Op::Ge => order != Ordering::Less,
        Op::Lt => order == Ordering::Less,
        Op::Le => order != Ordering::Greater,
    }
}

/// The newest release of each project: by version where all of its releases have one, by date where
/// not.
pub(in crate::api) fn latest(releases: &[ReleaseOfProject]) -> Vec<&str> {
    let mut projects: BTreeMap<i64, Vec<Release<'_>>> = BTreeMap::new();
    for row in releases {
        projects.entry(row.project_id).or_default().push(Release {
            version: &row.version,
            first_seen: Timestamp::from_millis(row.first_seen_at),
        });
    }
    let newest = projects.into_values().filter_map(|releases| {
        let is_version = |release: &Release<'_>| compare_version(release.version, "0").is_some();
        let have_versions = releases.iter().all(is_version);
        let is_newer = |a: Release<'_>, b: Release<'_>| {
            if have_versions {
                is_newer(a, b)
            } else {
                a.first_seen > b.first_seen
            }
        };
        releases
            .into_iter()
            .reduce(|newest, one| if is_newer(one, newest) { one } else { newest })
    });
    newest.map(|release| release.version).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::parse;

    #[test]
    fn comparisons_become_the_releases_they_mean() {
        let row = |version: &str, first_seen_at| ReleaseOfProject {
            project_id: 1,
            version: version.to_owned(),
            first_seen_at,
        };
        let releases = [
            row("shop@2.0.9", 1),
            row("shop@2.10.0+7", 2),
            row("shop@2.1.0-beta.1", 4),
            row("nightly", 3),
        ];
        let check_among = |releases: &[ReleaseOfProject], text: &str, expected: &[&str]| {
            let query = parse(text, Timestamp::from_millis(0)).unwrap();
            let Expr::Filter(filter) = named(query, releases) else {
                panic!("no filter: {text}");
            };
            let names: Vec<_> = expected.iter().map(|name| literal(name)).collect();
            assert_eq!(filter.value, Value::List(names), "{text}");
            assert_eq!(filter.key, Key::Field("release".to_owned()));
        };
        let check = |text: &str, expected: &[&str]| check_among(&releases, text, expected);
        check("release:>=2.1", &["shop@2.10.0+7"]);
        check("release:<2.1", &["shop@2.0.9", "shop@2.1.0-beta.1"]);
        check(
            "release.version:>2",
            &["shop@2.0.9", "shop@2.10.0+7", "shop@2.1.0-beta.1"],
        );
        check("release.version:2.10.0", &["shop@2.10.0+7"]);
        check(
            "release.version:2.1*",
            &["shop@2.10.0+7", "shop@2.1.0-beta.1"],
        );
        // One that is no version: the date decides.
        check("release:latest", &["shop@2.1.0-beta.1"]);
        check_among(&releases[..3], "release:latest", &["shop@2.10.0+7"]);
        check("release:>9.0", &[NO_RELEASE]);
        let plain = parse("release:shop@2.0.9", Timestamp::from_millis(0)).unwrap();
        assert_eq!(named(plain.clone(), &releases), plain);
    }
}
