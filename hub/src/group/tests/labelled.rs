//! How often grouping is wrong, measured on events whose group is known.
//!
//! The events come in as a digest sees them, and hashes are bound as the digest binds them.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::*;

struct Labelled {
    language: String,
    group: String,
    event: Json,
}

fn labelled() -> Vec<Labelled> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/grouping");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end == "jsonl"))
        .collect();
    files.sort();
    let mut all = Vec::new();
    for file in files {
        let language = file.file_stem().unwrap().to_str().unwrap();
        for line in std::fs::read_to_string(&file).unwrap().lines() {
            let mut line: Json = serde_json::from_str(line).unwrap();
            all.push(Labelled {
                language: language.to_owned(),
                group: line["group"].as_str().unwrap().to_owned(),
                event: line["event"].take(),
            });
        }
    }
    all
}

/// The issue of each event: the first of its hashes that is bound, or a new one.
fn issues(events: &[Labelled], rules: &Rules) -> Vec<usize> {
    let mut bound: HashMap<[u8; 16], usize> = HashMap::new();
    let mut n_issues = 0;
    let mut issues = Vec::new();
    for one in events {
        let grouping = grouped_by(&one.event, rules);
        let known = grouping.hashes.iter().find_map(|hash| bound.get(hash));
        let issue = known.copied().unwrap_or_else(|| {
            n_issues += 1;
            n_issues
        });
        for hash in &grouping.hashes {
            bound.entry(*hash).or_insert(issue);
        }
        issues.push(issue);
    }
    issues
}

/// Groups that share an issue with another, and events outside of their group's main issue.
fn measure(events: &[Labelled], issues: &[usize]) -> (BTreeSet<String>, BTreeMap<String, usize>) {
    let mut groups_of: BTreeMap<usize, BTreeSet<&str>> = BTreeMap::new();
    let mut issues_of: BTreeMap<&str, BTreeMap<usize, usize>> = BTreeMap::new();
    for (one, issue) in events.iter().zip(issues) {
        groups_of.entry(*issue).or_default().insert(&one.group);
        *issues_of
            .entry(&one.group)
            .or_default()
            .entry(*issue)
            .or_default() += 1;
    }
    let merged = groups_of.values().filter(|groups| groups.len() > 1);
    let merged = merged.map(|groups| groups.iter().copied().collect::<Vec<_>>().join(" + "));
    let mut split = BTreeMap::new();
    for (group, issues) in issues_of {
        let total: usize = issues.values().sum();
        let astray = total - issues.values().max().unwrap();
        if astray > 0 {
            split.insert(group.to_owned(), astray);
        }
    }
    (merged.collect(), split)
}

#[test]
fn keeps_the_labelled_set_together_and_apart() {
    let events = labelled();
    let groups: BTreeSet<_> = events.iter().map(|one| &one.group).collect();
    let languages: BTreeSet<_> = events.iter().map(|one| &one.language).collect();
    assert!(events.len() >= 300 && groups.len() >= 100 && languages.len() >= 8);
    for version in Version::ALL {
        let rules = Rules {
            version,
            ..Rules::default()
        };
        let (merged, split) = measure(&events, &issues(&events, &rules));
        let astray: usize = split.values().sum();
        println!(
            "{}: {} events, {} groups, {} languages: {} false merges, {astray} false splits ({:.1} %)",
            version.name(),
            events.len(),
            groups.len(),
            languages.len(),
            merged.len(),
            100.0 * f64::from(u32::try_from(astray).unwrap())
                / f64::from(u32::try_from(events.len()).unwrap()),
        );
        println!("  merged: {merged:?}\n  split: {split:?}");
        if version == Version::LATEST {
            assert!(merged.is_empty(), "{merged:?}");
            assert!(astray * 50 <= events.len(), "{split:?}");
        }
    }
}

/// An upgrade in the middle of the stream: hashes of the way before find, those of the new bind.
#[test]
fn tears_no_issue_apart_by_an_upgrade() {
    let events = labelled();
    for version in Version::ALL {
        upgrade(&events, version);
    }
}

fn upgrade(events: &[Labelled], version: Version) {
    let first = Rules {
        version,
        ..Rules::default()
    };
    let upgraded = Rules {
        previous: Some(version),
        ..Rules::default()
    };
    let mut bound: HashMap<[u8; 16], usize> = HashMap::new();
    let mut before = Vec::new();
    for (at, one) in events.iter().enumerate() {
        let hashes = grouped_by(&one.event, &first).hashes;
        let known = hashes.iter().find_map(|hash| bound.get(hash)).copied();
        let issue = known.unwrap_or(at);
        for hash in &hashes {
            bound.entry(*hash).or_insert(issue);
        }
        before.push(issue);
    }
    for (one, issue) in events.iter().zip(&before) {
        let grouping = grouped_by(&one.event, &upgraded);
        let all = grouping.previous.iter().chain(&grouping.hashes);
        let known = all.clone().find_map(|hash| bound.get(hash)).copied();
        assert_eq!(known, Some(*issue), "{}", one.group);
        for hash in &grouping.hashes {
            bound.entry(*hash).or_insert(*issue);
        }
    }
    // Who looks by the old way no longer finds every issue by the new hashes all the same.
    for (one, issue) in events.iter().zip(&before) {
        let grouping = grouped_by(&one.event, &Rules::default());
        let known = grouping.hashes.iter().find_map(|hash| bound.get(hash));
        let group = &one.group;
        let own: BTreeSet<_> = events
            .iter()
            .zip(&before)
            .filter(|(other, _)| other.group == *group)
            .map(|(_, issue)| issue)
            .collect();
        assert!(
            known == Some(issue) || own.contains(known.unwrap()),
            "{group}"
        );
    }
}
