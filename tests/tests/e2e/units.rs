//! The systemd units: systemd understands them, and they leave little to whoever breaks in.

use std::path::Path;
use std::process::Command;

use tests::process::program;

/// The most that `systemd-analyze security` may find of each unit, in tenths.
const EXPOSURE_MAX: [(&str, &str); 2] = [("vedette-relay", "10"), ("vedette-hub", "10")];

/// Writes a unit that runs the program built for these tests, and what systemd says of it.
fn analyze(dir: &Path, name: &str, args: &[&str]) -> String {
    let unit = format!("{name}.service");
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../systemd");
    let text = std::fs::read_to_string(shipped.join(&unit)).unwrap();
    let built = program(name).unwrap();
    let text = text.replace(&format!("/usr/bin/{name}"), built.to_str().unwrap());
    let path = dir.join(&unit);
    std::fs::write(&path, text).unwrap();
    let output = Command::new("systemd-analyze")
        .args(args)
        .arg(&path)
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8(said).unwrap();
    assert!(output.status.success(), "{name}: {said}");
    said
}

#[test]
fn are_understood_and_expose_little() {
    let dir = tempfile::tempdir().unwrap();
    for (name, most) in EXPOSURE_MAX {
        let said = analyze(dir.path(), name, &["verify", "--man=no"]);
        assert_eq!(said.trim(), "", "{name}");
        let most = format!("--threshold={most}");
        let said = analyze(
            dir.path(),
            name,
            &["security", "--offline=true", "--no-pager", &most],
        );
        println!("{}", said.lines().last().unwrap_or_default());
    }
}
