//! The example is the reference, and mistakes are told with their place.

use super::*;

const EXAMPLE: &str = include_str!("../../../config/relay.example.toml");

/// Keys with a default stand behind `# `, those without behind `## `.
fn uncommented(prefixes: &[&str]) -> String {
    let is_setting = |line: &str| {
        let name = line.split(" = ").next().unwrap_or_default();
        let is_key = name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
        line.starts_with('[') || (line.contains(" = ") && is_key)
    };
    let lines = EXAMPLE.lines().map(|line| {
        let rest = prefixes.iter().find_map(|prefix| line.strip_prefix(prefix));
        rest.filter(|rest| is_setting(rest)).unwrap_or(line)
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn load(text: &str) -> Result<Config, String> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("relay.toml");
    std::fs::write(&path, text).unwrap();
    let loaded = Config::load(&path).map_err(|error| error.to_string());
    loaded.map_err(|text| text.replace(&path.display().to_string(), "relay.toml"))
}

#[test]
fn the_example_shows_every_key_with_its_default() {
    assert_eq!(load(EXAMPLE).unwrap(), Config::default());
    assert_eq!(load(&uncommented(&["# "])).unwrap(), Config::default());
    load(&uncommented(&["# ", "## "])).unwrap();
    let every_key = toml::to_string(&Config::default()).unwrap();
    for line in every_key.lines().filter(|line| line.contains(" = ")) {
        let key = line.split(" = ").next().unwrap();
        assert!(
            EXAMPLE.contains(&format!("# {key} = ")),
            "{key} is in the example"
        );
    }
}

#[test]
fn the_spool_lies_in_the_state_directory_unless_told_otherwise() {
    let config = load("state_dir = \"/srv/relay\"").unwrap();
    assert_eq!(config.spool.dir, Path::new("/srv/relay/spool"));
    assert_eq!(config.link.dir, Path::new("/srv/relay"));
    let config = load("state_dir = \"/srv/relay\"\n[spool]\ndir = \"/mnt/spool\"").unwrap();
    assert_eq!(config.spool.dir, Path::new("/mnt/spool"));
}

#[test]
fn a_mistake_is_told_with_line_and_caret() {
    insta::assert_snapshot!(load("[http]\nlisten = \"127.0.0.1:4900\"\nbodies = 3\n").unwrap_err());
    insta::assert_snapshot!(load("[http]\nbody_bytes_max = \"20 MB\"\n").unwrap_err());
    insta::assert_snapshot!(load("[http\n").unwrap_err());
}

#[test]
fn values_out_of_range_name_their_key() {
    let check = |text: &str, expected: &str| assert_eq!(load(text).unwrap_err(), expected);
    check(
        "state_dir = \"relative\"",
        "relay.toml: `state_dir` must be an absolute path",
    );
    check(
        "[http]\nconnections_max = 0",
        "relay.toml: `http.connections_max` must be at least 1",
    );
    check(
        "[http]\nin_flight_bytes_max = \"2 MiB\"",
        "relay.toml: `http.body_bytes_max` must not be more than `http.in_flight_bytes_max`",
    );
    check(
        "[tail]\nfiles = [\"/var/log/shop.log\"]",
        "relay.toml: `tail.dsn` must name the project that the logs belong to",
    );
    let error = load("[tail]\ndsn = \"http://127.0.0.1/1\"").unwrap_err();
    assert!(error.contains("`tail.dsn` must be a DSN"), "{error}");
    assert!(load("log = \"relay=loud\"").unwrap_err().contains("`log`"));
    let error = Config::load(Path::new("/nowhere/relay.toml")).unwrap_err();
    assert!(error.to_string().contains("/nowhere/relay.toml"));
}
