//! Holds the shape of the source: which room may import which, which room may name which engine,
//! and that the map is true.
//!
//! It reads source text, needs none of our packages and runs in milliseconds.
#![expect(clippy::indexing_slicing, reason = "tests may be blunt")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Floors of each package, lowest first. A room imports lower floors only.
const FLOORS: &[(&str, &[&[&str]])] = &[
    (
        "protocol",
        &[
            &[
                "check_in",
                "crash",
                "ids",
                "limits",
                "pattern",
                "timestamp",
                "traceback",
                "unit",
            ],
            &["condition", "dict"],
            &["dsn", "item", "roster"],
            &["auth", "outcome", "envelope", "event", "privacy"],
            &["container"],
            &["facts", "wire"],
            &["block", "filter", "parcel", "sampling"],
            &["erasure", "fold"],
        ],
    ),
    (
        "relay",
        &[
            &["clock", "aside", "unpack"],
            &["limit", "policy", "report"],
            &["roster", "ledger", "spool"],
            &["fold", "upload"],
            &["pipeline", "forward"],
            &["site"],
            &["accept", "status", "tail"],
            &["config"],
            &["doctor"],
            &["app", "cli"],
        ],
    ),
    (
        "hub",
        &[
            &["ids", "clock", "glob", "audit"],
            &["normalise", "issue", "removal", "rule", "schedule", "query"],
            &["group", "owner"],
            &["store", "archive", "index", "stats"],
            &["dictionary", "geo"],
            &[
                "digest",
                "alert",
                "escalation",
                "spike",
                "notify",
                "retention",
                "access",
                "fleet",
            ],
            &["erasure"],
            &["receive", "import", "api", "web"],
            &["config", "app", "cli"],
        ],
    ),
];

/// Pairs on one floor that may look at each other's types, with the reason.
const NEIGHBOURS: &[(&str, &str, &str, &str)] = &[
    (
        "hub",
        "group",
        "normalise",
        "grouping reads the normalised event",
    ),
    (
        "relay",
        "spool",
        "ledger",
        "counts are committed with the records",
    ),
    ("relay", "cli", "app", "run starts the app"),
    (
        "hub",
        "app",
        "config",
        "app is built from the whole configuration",
    ),
    ("hub", "cli", "config", "check-config reads the file"),
    ("hub", "cli", "app", "run starts the app"),
];

/// Which rooms may name an engine: one each, so that replacing it rewrites one room.
const ENGINES: &[(&str, &[&str])] = &[
    ("sled", &["relay/spool"]),
    ("prost", &["relay/report"]),
    ("quinn", &["relay/forward", "hub/receive"]),
    ("tokio_rustls", &["relay/forward", "hub/receive"]),
    ("tantivy", &["hub/index"]),
    ("sqlx", &["hub/store"]),
    ("axum", &["hub/api", "hub/web", "hub/app"]),
    (
        "hyper",
        &["relay/accept", "relay/status", "relay/app", "hub/web"],
    ),
    ("reqwest", &["hub/notify"]),
    ("lettre", &["hub/notify"]),
    ("argon2", &["hub/access"]),
    ("cron", &["hub/schedule"]),
    ("maxminddb", &["hub/geo"]),
    ("minidump", &["protocol/crash"]),
    ("rust_embed", &["hub/web"]),
];

/// Rooms that are pure: no runtime, no files, no network, no clock.
const PURE: &[&str] = &[
    "protocol/",
    "relay/limit",
    "relay/report",
    "hub/normalise",
    "hub/removal",
    "hub/group",
    "hub/issue",
    "hub/rule",
    "hub/schedule",
    "hub/query",
    "hub/glob",
    "hub/owner",
];

/// What a pure room may not name.
const IMPURE: &[&str] = &[
    "tokio::",
    "std::fs",
    "std::net::Tcp",
    "std::net::Udp",
    "SystemTime",
    "Instant::now",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("tests lies in the workspace")
        .into()
}

struct Source {
    /// `relay`, `hub`, …
    package: String,
    /// `spool` for `relay/src/spool.rs` and `relay/src/spool/segment.rs`.
    room: String,
    path: PathBuf,
    text: String,
}

impl Source {
    /// The code without comments and without what stands below `#[cfg(test)] mod`.
    fn code(&self) -> String {
        let mut code = String::new();
        let mut lines = self.text.lines().peekable();
        while let Some(line) = lines.next() {
            let is_tests = line.trim() == "#[cfg(test)]"
                && lines
                    .peek()
                    .is_some_and(|next| next.trim_start().starts_with("mod "));
            if is_tests {
                break;
            }
            if !line.trim_start().starts_with("//") {
                code.push_str(line);
                code.push('\n');
            }
        }
        code
    }

    fn is_test(&self) -> bool {
        self.path.file_stem().is_some_and(|stem| stem == "tests")
            || self
                .path
                .components()
                .any(|part| part.as_os_str() == "tests")
    }
}

fn rust_files(dir: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(dir) else {
        return;
    };
    for entry in entries.flatten() {
        let path = entry.path();
        let name = entry.file_name();
        if path.is_dir() {
            if name != "target" && name != "node_modules" {
                rust_files(&path, found);
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

fn sources(package: &str) -> Vec<Source> {
    let base = root().join(package).join("src");
    let mut files = Vec::new();
    rust_files(&base, &mut files);
    files.sort();
    let read = |path: PathBuf| {
        let inside = path.strip_prefix(&base).expect("found below it");
        let first = inside
            .components()
            .next()
            .expect("a file has a name")
            .as_os_str();
        let room = first.to_string_lossy().trim_end_matches(".rs").to_owned();
        let text = fs::read_to_string(&path).expect("sources are readable");
        Source {
            package: package.to_owned(),
            room,
            path,
            text,
        }
    };
    files.into_iter().map(read).collect()
}

fn all_sources() -> Vec<Source> {
    ["protocol", "relay", "hub", "tests"]
        .iter()
        .flat_map(|package| sources(package))
        .collect()
}

/// Names that follow `crate::` in code, also inside `use crate::{a::…, b}`.
fn imported_rooms(code: &str) -> BTreeSet<String> {
    let mut rooms = BTreeSet::new();
    let mut rest = code;
    while let Some(at) = rest.find("crate::") {
        rest = &rest[at + "crate::".len()..];
        if let Some(list) = rest.strip_prefix('{') {
            let mut depth = 1;
            let mut word = String::new();
            let mut at_start = true;
            for c in list.chars() {
                match c {
                    '{' => depth += 1,
                    '}' => depth -= 1,
                    ',' if depth == 1 => at_start = true,
                    c if at_start && depth == 1 && (c.is_alphanumeric() || c == '_') => {
                        word.push(c);
                        continue;
                    }
                    _ => {}
                }
                if !word.is_empty() {
                    rooms.insert(std::mem::take(&mut word));
                    at_start = false;
                }
                if depth == 0 {
                    break;
                }
            }
        } else {
            let name: String = rest
                .chars()
                .take_while(|c| c.is_alphanumeric() || *c == '_')
                .collect();
            rooms.insert(name);
        }
    }
    rooms
}

fn floor_of(package: &str, room: &str) -> Option<usize> {
    let (_, floors) = FLOORS.iter().find(|(name, _)| *name == package)?;
    floors.iter().position(|floor| floor.contains(&room))
}

#[test]
fn rooms_look_down_only() {
    let mut wrong = Vec::new();
    for source in all_sources()
        .iter()
        .filter(|s| s.package != "tests" && !s.is_test())
    {
        let Some(own) = floor_of(&source.package, &source.room) else {
            continue;
        };
        for room in imported_rooms(&source.code()) {
            let Some(other) = floor_of(&source.package, &room) else {
                continue;
            };
            let is_neighbour = NEIGHBOURS.iter().any(|(p, from, to, _)| {
                *p == source.package && *from == source.room && *to == room
            });
            if room != source.room && other >= own && !is_neighbour {
                wrong.push(format!(
                    "{}: names crate::{room}, which is not below",
                    show(&source.path)
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_room_has_a_floor() {
    let mut wrong = Vec::new();
    for source in all_sources().iter().filter(|s| s.package != "tests") {
        let is_room = !["lib", "main"].contains(&source.room.as_str());
        if is_room && floor_of(&source.package, &source.room).is_none() {
            wrong.push(format!("{}: not in the floor table", show(&source.path)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn packages_keep_to_themselves() {
    let mut wrong = Vec::new();
    for source in all_sources() {
        let forbidden: &[&str] = match source.package.as_str() {
            "protocol" => &["relay::", "hub::"],
            "relay" => &["hub::"],
            "hub" => &["relay::"],
            _ => &[],
        };
        let code = source.code();
        for name in forbidden {
            let uses = code
                .match_indices(name)
                .any(|(at, _)| starts_a_path(&code, at));
            if uses {
                wrong.push(format!("{}: names {name}", show(&source.path)));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Whether the name at `at` is the head of a path, not the tail of another name.
fn starts_a_path(code: &str, at: usize) -> bool {
    let before = code[..at].chars().next_back();
    !before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':' || c == '"')
}

/// Whether a package has this crate among what it is built with.
fn depends_on(package: &str, name: &str) -> bool {
    let manifest = root().join(package).join("Cargo.toml");
    let text = fs::read_to_string(manifest).expect("a package has a manifest");
    let names = [name.to_owned(), name.replace('_', "-")];
    text.lines().any(|line| {
        let end = line.find(['.', ' ', '=']).unwrap_or(line.len());
        names.iter().any(|name| *name == line[..end])
    })
}

#[test]
fn one_room_names_one_engine() {
    let mut wrong = Vec::new();
    for source in all_sources()
        .iter()
        .filter(|s| s.package != "tests" && !s.is_test())
    {
        let code = source.code();
        let here = format!("{}/{}", source.package, source.room);
        for (engine, rooms) in ENGINES {
            let path = format!("{engine}::");
            let names = code
                .match_indices(&path)
                .any(|(at, _)| starts_a_path(&code, at));
            let is_elsewhere = names && !rooms.contains(&here.as_str());
            // A module may be called like what it reads.
            if is_elsewhere && depends_on(&source.package, engine) {
                wrong.push(format!("{}: names {engine}", show(&source.path)));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn pure_rooms_know_no_world() {
    let mut wrong = Vec::new();
    for source in all_sources().iter().filter(|s| !s.is_test()) {
        let here = format!("{}/{}", source.package, source.room);
        let is_pure = PURE.iter().any(|room| {
            here == *room
                || room
                    .strip_suffix('/')
                    .is_some_and(|package| source.package == package)
        });
        let code = source.code();
        for name in IMPURE.iter().filter(|_| is_pure) {
            let is_code = |(at, _): (usize, &str)| !code[..at].ends_with('"');
            if code.match_indices(name).any(is_code) {
                wrong.push(format!("{}: names {name}", show(&source.path)));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_file_says_what_it_is_for() {
    let mut files = Vec::new();
    for package in ["protocol", "relay", "hub", "tests"] {
        rust_files(&root().join(package), &mut files);
    }
    let mut wrong = Vec::new();
    for path in files {
        let text = fs::read_to_string(&path).expect("sources are readable");
        if !text.starts_with("//!") && !text.starts_with("#![no_main]") {
            wrong.push(format!("{}: does not begin with //!", show(&path)));
        }
        if path.ends_with("mod.rs") {
            wrong.push(format!("{}: is a mod.rs", show(&path)));
        }
        let ignored = concat!("#[", "ignore");
        if text.contains(ignored) {
            wrong.push(format!("{}: ignores a test", show(&path)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_map_names_every_room_and_no_other() {
    let map = fs::read_to_string(root().join("ARCHITECTURE.md")).expect("the map exists");
    let mut named: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    let mut package = "";
    for line in map.lines() {
        if let Some(title) = line.strip_prefix("### ") {
            package = FLOORS
                .iter()
                .map(|(name, _)| *name)
                .find(|name| *name == title)
                .unwrap_or("");
        } else if let Some(rest) = line.strip_prefix("- `")
            && !package.is_empty()
            && let Some((room, _)) = rest.split_once('`')
        {
            named.entry(package).or_default().insert(room.to_owned());
        }
    }
    let mut wrong = Vec::new();
    for (package, floors) in FLOORS {
        let rooms: BTreeSet<String> = floors
            .iter()
            .flat_map(|floor| floor.iter().map(|room| (*room).to_owned()))
            .collect();
        let empty = BTreeSet::new();
        let on_map = named.get(package).unwrap_or(&empty);
        for room in rooms.symmetric_difference(on_map) {
            wrong.push(format!(
                "{package}/{room}: in the map or in the floor table, not in both"
            ));
        }
        for room in &rooms {
            if !root()
                .join(package)
                .join("src")
                .join(format!("{room}.rs"))
                .exists()
            {
                wrong.push(format!(
                    "{package}/{room}: in the floor table, but there is no such file"
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// `tests/FAULTS.md` says which test shows what; one that is renamed or removed is missed here.
/// A mutant that fits no more proves nothing, and would be missed only by whoever runs them all.
#[test]
fn every_mutant_fits_the_sources() {
    let dir = root().join("tests/mutants");
    let patches = fs::read_dir(&dir).expect("there are mutants");
    let mut wrong = Vec::new();
    for patch in patches {
        let path = patch.expect("the directory is readable").path();
        let text = fs::read_to_string(&path).expect("patches are text");
        for of_file in text.split("\n--- a/").skip(1) {
            let mut parts = of_file.split("\n@@ ");
            let name = parts.next().and_then(|head| head.lines().next());
            let name = name.expect("a patch names its files");
            let source = fs::read_to_string(root().join(name)).unwrap_or_default();
            let fits = |hunk: &str| {
                let lines = hunk.lines().skip(1).filter(|line| !line.starts_with('+'));
                let before: Vec<&str> = lines.filter_map(|line| line.get(1..)).collect();
                source.contains(&before.join("\n"))
            };
            if !parts.all(fits) {
                wrong.push(format!("{}: does not fit {name}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_table_of_faults_names_tests_that_exist() {
    let table = fs::read_to_string(root().join("tests/FAULTS.md")).expect("the table exists");
    let mut files = Vec::new();
    for package in [
        "protocol/src",
        "relay/src",
        "hub/src",
        "tests/src",
        "tests/tests",
    ] {
        rust_files(&root().join(package), &mut files);
    }
    let read = |path: &PathBuf| fs::read_to_string(path).expect("sources are readable");
    let sources: Vec<String> = files.iter().map(read).collect();
    let has = |text: &str| sources.iter().any(|source| source.contains(text));
    let mut wrong = Vec::new();
    for name in table
        .lines()
        .filter(|line| line.starts_with('|'))
        .flat_map(|line| line.split('`').skip(1).step_by(2))
    {
        let is_there = match name.strip_prefix("Trouble::") {
            Some(trouble) => has(&format!("Self::{trouble},\n")),
            None if name.contains('_') && !name.contains(char::is_uppercase) => {
                has(&format!("fn {name}("))
            }
            None => true,
        };
        if !is_there {
            wrong.push(format!("tests/FAULTS.md: there is no {name}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Prints what deserves a second look; sizes are advice, so it does not fail.
#[test]
fn long_files_and_functions_are_listed() {
    for source in all_sources().iter().filter(|s| !s.is_test()) {
        let code = source.code();
        let lines = code.lines().count();
        if lines > 500 {
            println!("{lines:5} lines  {}", show(&source.path));
        }
        for (name, length) in long_functions(&code) {
            println!("{length:5} lines  {} fn {name}", show(&source.path));
        }
    }
}

/// Functions of more than 70 lines, by indentation: good enough for formatted code.
fn long_functions(code: &str) -> Vec<(String, usize)> {
    let mut found = Vec::new();
    let lines: Vec<&str> = code.lines().collect();
    for (start, line) in lines.iter().enumerate() {
        let Some(at) = line.find("fn ") else { continue };
        let indent = line.len() - line.trim_start().len();
        let closing = format!("{}}}", " ".repeat(indent));
        let length = lines[start..]
            .iter()
            .position(|l| **l == *closing)
            .unwrap_or(0);
        if length > 70 {
            let name = line[at + 3..].split(['(', '<']).next().unwrap_or_default();
            found.push((name.to_owned(), length));
        }
    }
    found
}

fn show(path: &Path) -> String {
    path.strip_prefix(root())
        .unwrap_or(path)
        .display()
        .to_string()
}
