//! The configuration file against its example.

use super::*;

const EXAMPLE: &str = include_str!("../../../config/hub.example.toml");

fn write(text: &str) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("hub.toml");
    std::fs::write(&path, text).unwrap();
    (dir, path)
}

/// The example with every key uncommented: `# key = value`, where explanations are `## text`.
fn uncommented() -> String {
    let mut text = String::new();
    for line in EXAMPLE.lines() {
        let line = match line.strip_prefix("# ") {
            Some(key) => key,
            None => line,
        };
        text.push_str(line);
        text.push('\n');
    }
    text
}

#[test]
fn the_example_shows_every_key_with_its_default() {
    let (_dir, path) = write(&uncommented());
    assert_eq!(Config::load(&path).unwrap(), Config::default());
    let (_dir, path) = write(EXAMPLE);
    assert_eq!(Config::load(&path).unwrap(), Config::default());
}

#[test]
fn the_example_leaves_no_key_out() {
    let shown: toml::Table = uncommented().parse().unwrap();
    let mut names = Vec::new();
    for (name, value) in &shown {
        match value {
            toml::Value::Table(table) => {
                names.extend(table.keys().map(|key| format!("{name}.{key}")));
            }
            _ => names.push(name.clone()),
        }
    }
    // What the program knows is what it names when it meets an unknown key.
    let expected = |section: &str| {
        let text = if section.is_empty() {
            "nonsense_ = 1".to_owned()
        } else {
            format!("[{section}]\nnonsense_ = 1")
        };
        let error = toml::from_str::<Config>(&text).unwrap_err().to_string();
        let (_, list) = error.split_once("expected ").unwrap();
        let keys: Vec<String> = list
            .split('`')
            .skip(1)
            .step_by(2)
            .map(str::to_owned)
            .collect();
        assert!(!keys.is_empty(), "{error}");
        keys
    };
    for key in expected("") {
        if shown.get(&key).is_some_and(toml::Value::is_table) {
            for inner in expected(&key) {
                let name = format!("{key}.{inner}");
                // A file has no default that could be shown.
                let is_shown = names.contains(&name) || EXAMPLE.contains(&format!("{inner} ="));
                assert!(is_shown, "{name} is not in the example");
            }
        } else {
            assert!(names.contains(&key), "{key} is not in the example");
        }
    }
}

#[test]
fn a_mistake_is_shown_with_its_line_and_a_caret() {
    let (_dir, path) = write("[http]\nlisten = \"127.0.0.1:1\"\nlissten = 1\n");
    let error = Config::load(&path).unwrap_err().to_string();
    assert!(error.contains("line 3") && error.contains('^'), "{error}");
    let (_dir, path) = write("[retention]\nevents = \"90\"\n");
    let error = Config::load(&path).unwrap_err().to_string();
    assert!(
        error.contains("line 2") && error.contains("ms, s, m, h, d"),
        "{error}"
    );
}

#[test]
fn values_out_of_range_are_named() {
    let check = |text: &str, key: &str| {
        let (_dir, path) = write(text);
        let error = Config::load(&path).unwrap_err().to_string();
        assert!(error.contains(&format!("`{key}`")), "{error}");
    };
    check("data_dir = \"here\"", "data_dir");
    check("log = \"hub=loud\"", "log");
    check(
        "[site]\npublic_url = \"hub.example.com\"",
        "site.public_url",
    );
    check("[link]\nwindow = 0", "link.window");
    check("[retention]\nevents = \"1s\"", "retention.events");
    check("[retention]\nparts = \"25h\"", "retention.parts");
    check("[archive]\npack_bytes = \"1 KiB\"", "archive.pack_bytes");
}
