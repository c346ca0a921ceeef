//! Releases in the order of their versions: `release:>=2.1`, `release.version:[1.2.*, 2.0]`,
//! `release.package:shop` and `release:latest` become lists of the releases they mean, which index
//! and store know by name.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use protocol::timestamp::Timestamp;

use crate::api::sessions::stages::Stage;
use crate::issue::{Release, compare_version, is_newer};
use crate::query::{self, Expr, Filter, Key, Op, Pattern, Value};
use crate::store::releases::ReleaseOfProject;

/// Stands where no release is meant: none is called so.
const NO_RELEASE: &str = "\u{0}";

/// The key that asks how far releases have come.
pub(super) const STAGE: &str = "release.stage";

/// What is known of releases.
#[derive(Clone, Copy)]
pub(super) struct Known<'k> {
    /// Those of the projects.
    pub(super) releases: &'k [ReleaseOfProject],
    /// Those that have come further than a few sessions.
    pub(super) stages: &'k [(String, Stage)],
}

/// Whether a query may compare releases.
pub(super) fn may_compare(text: &str) -> bool {
    text.contains("elease")
}

/// The query with the releases that are meant in place of comparisons.
pub(super) fn named(expr: Expr, known: &Known<'_>) -> Expr {
    let all = |parts: Vec<Expr>| parts.into_iter().map(|part| named(part, known)).collect();
    match expr {
        Expr::And(parts) => Expr::And(all(parts)),
        Expr::Or(parts) => Expr::Or(all(parts)),
        Expr::Not(part) => Expr::Not(Box::new(named(*part, known))),
        Expr::Filter(filter) => Expr::Filter(one(filter, known)),
        Expr::Text(text) => Expr::Text(text),
    }
}

/// What of a release a key is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    /// The whole name, `shop@2.1.0+7`, in the order of versions.
    Name,
    /// Between `@` and `+`.
    Version,
    /// Before `@`.
    Package,
    /// Behind `+`.
    Build,
    /// How far it has come: `low`, `adopted`, `replaced`.
    Stage,
}

fn one(filter: Filter, known: &Known<'_>) -> Filter {
    let releases = known.releases;
    let Key::Field(name) = &filter.key else {
        return filter;
    };
    let (key, part) = match name.as_str() {
        "release" | "firstRelease" => (name.clone(), Part::Name),
        "release.version" => ("release".to_owned(), Part::Version),
        "release.package" => ("release".to_owned(), Part::Package),
        "release.build" => ("release".to_owned(), Part::Build),
        STAGE => ("release".to_owned(), Part::Stage),
        _ => return filter,
    };
    let asked = match &filter.value {
        Value::Text(pattern) => std::slice::from_ref(pattern),
        Value::List(patterns) => patterns.as_slice(),
        // Whether there is one: every release has a version.
        Value::None | Value::Number(_) | Value::Date(_) => {
            let key = Key::Field(key);
            return Filter { key, ..filter };
        }
    };
    let is_plain = |pattern: &Pattern| part == Part::Name && pattern.as_literal() != Some("latest");
    if filter.op == Op::Is && asked.iter().all(is_plain) {
        return filter;
    }
    let mut names = Vec::new();
    for pattern in asked {
        if pattern.as_literal() == Some("latest") && part == Part::Name {
            names.extend(latest(releases).into_iter().map(literal));
        } else if filter.op == Op::Is && part == Part::Name {
            names.push(pattern.clone());
        } else {
            let means = |release: &&ReleaseOfProject| match part {
                Part::Stage => pattern.matches(stage_of(&release.version, known)),
                _ => means(&release.version, part, filter.op, pattern),
            };
            let meant = releases.iter().filter(means);
            names.extend(meant.map(|release| literal(&release.version)));
        }
    }
    names.dedup();
    if names.is_empty() {
        names.push(literal(NO_RELEASE));
    }
    Filter {
        key: Key::Field(key),
        op: Op::Is,
        value: Value::List(names),
        span: filter.span,
    }
}

fn stage_of(version: &str, known: &Known<'_>) -> &'static str {
    let mut stages = known.stages.iter();
    // Where projects differ, the one counts in which it has come further.
    let is_adopted = stages
        .clone()
        .any(|(of, stage)| of == version && *stage == Stage::Adopted);
    if is_adopted {
        "adopted"
    } else if stages.any(|(of, _)| of == version) {
        "replaced"
    } else {
        "low"
    }
}

fn literal(text: &str) -> Pattern {
    Pattern {
        parts: vec![query::Part::Literal(text.to_owned())],
    }
}

fn means(release: &str, part: Part, op: Op, pattern: &Pattern) -> bool {
    let (package, rest) = release.rsplit_once('@').unwrap_or(("", release));
    let (short, build) = rest.split_once('+').unwrap_or((rest, ""));
    let bound = match (part, pattern.as_literal()) {
        (Part::Stage, _) => return false,
        (Part::Package, _) => return op == Op::Is && pattern.matches(package),
        (Part::Build, _) if op == Op::Is => return pattern.matches(build),
        (Part::Build, bound) => {
            let order = build
                .parse::<u64>()
                .ok()
                .zip(bound.and_then(|text| text.parse().ok()));
            return order.is_some_and(|(build, bound)| is_so(op, build.cmp(&bound)));
        }
        (Part::Name | Part::Version, Some(bound)) => bound,
        (Part::Name | Part::Version, None) => {
            return op == Op::Is && (pattern.matches(short) || pattern.matches(rest));
        }
    };
    compare_version(release, bound).is_some_and(|order| is_so(op, order))
}

fn is_so(op: Op, order: Ordering) -> bool {
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
            is_out: true,
        };
        let releases = [
            row("shop@2.0.9", 1),
            row("shop@2.10.0+7", 2),
            row("shop@2.1.0-beta.1", 4),
            row("nightly", 3),
        ];
        let check_among = |releases: &[ReleaseOfProject], text: &str, expected: &[&str]| {
            let query = parse(text, Timestamp::from_millis(0)).unwrap();
            let stages = [("shop@2.0.9".to_owned(), Stage::Replaced)];
            let known = Known {
                releases,
                stages: &stages,
            };
            let Expr::Filter(filter) = named(query, &known) else {
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
        check(
            "release.version:[2.0.9, 2.10*]",
            &["shop@2.0.9", "shop@2.10.0+7"],
        );
        check(
            "release:[latest, shop@2.0.9]",
            &["shop@2.1.0-beta.1", "shop@2.0.9"],
        );
        check("release.stage:replaced", &["shop@2.0.9"]);
        check("release.stage:adopted", &[NO_RELEASE]);
        check_among(
            &releases[..2],
            "release.stage:[low, adopted]",
            &["shop@2.10.0+7"],
        );
        check("release.build:7", &["shop@2.10.0+7"]);
        check("release.build:>6", &["shop@2.10.0+7"]);
        check(
            "release.package:sh*",
            &["shop@2.0.9", "shop@2.10.0+7", "shop@2.1.0-beta.1"],
        );
        let first = parse("firstRelease:<2.1", Timestamp::from_millis(0)).unwrap();
        let known = Known {
            releases: &releases,
            stages: &[],
        };
        let first = format!("{:?}", named(first, &known));
        assert!(
            first.contains("firstRelease") && first.contains("2.0.9"),
            "{first}"
        );
        let plain = parse("release:shop@2.0.9", Timestamp::from_millis(0)).unwrap();
        assert_eq!(named(plain.clone(), &known), plain);
    }
}
