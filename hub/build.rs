//! Builds the dashboard, so that the hub can carry it in its binary.
//!
//! What always holds: `ui/dist/index.html` exists afterwards, and the Rust build never fails or
//! waits for want of Node. Without npm the page says how to build the dashboard.

use std::fs;
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::SystemTime;

/// What the bundle is made of. `e2e` and `scripts` are not part of it.
const SOURCES: &[&str] = &[
    "ui/src",
    "ui/public",
    "ui/index.html",
    "ui/package.json",
    "ui/package-lock.json",
    "ui/vite.config.ts",
    "ui/tsconfig.json",
];

const INDEX: &str = "ui/dist/index.html";
/// Written by npm at the end of an installation.
const NODE_MODULES: &str = "ui/node_modules/.package-lock.json";

/// Stands in the page that is written when there is no dashboard, to know it again.
const NOT_BUILT: &str = "vedette-dashboard-not-built";

fn main() {
    for source in SOURCES {
        println!("cargo::rerun-if-changed={source}");
    }
    println!("cargo::rerun-if-changed={INDEX}");
    println!("cargo::rerun-if-changed=build.rs");

    let newest = SOURCES
        .iter()
        .filter_map(|source| newest_in(Path::new(source)))
        .max();
    if has_real_build() && modified(Path::new(INDEX)) >= newest {
        return;
    }
    if let Err(reason) = build() {
        println!("cargo::warning=the dashboard was not built: {reason}");
        if !has_real_build() && write_placeholder().is_err() {
            println!("cargo::warning={INDEX} cannot be written");
        }
    }
    // Cargo runs this script again when a watched file is younger than the script's start, so
    // the page takes the age of its sources.
    if let Some(newest) = newest {
        set_modified(Path::new(INDEX), newest);
    }
}

fn build() -> Result<(), String> {
    if modified(Path::new(NODE_MODULES)) < modified(Path::new("ui/package-lock.json")) {
        npm(&["ci", "--no-audit", "--no-fund", "--loglevel=error"])?;
    }
    npm(&["run", "--silent", "build"])?;
    if has_real_build() {
        Ok(())
    } else {
        Err("the build left no page behind".to_owned())
    }
}

fn npm(arguments: &[&str]) -> Result<(), String> {
    let command = format!("npm {}", arguments.join(" "));
    let output = Command::new("npm")
        .args(arguments)
        .current_dir("ui")
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("npm cannot be started ({error})"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let last = said.lines().rfind(|line| !line.trim().is_empty());
    Err(format!("{command} failed: {}", last.unwrap_or_default()))
}

fn has_real_build() -> bool {
    fs::read_to_string(INDEX).is_ok_and(|page| !page.contains(NOT_BUILT))
}

fn write_placeholder() -> io::Result<()> {
    fs::create_dir_all("ui/dist")?;
    fs::write(
        INDEX,
        format!(
            "<!doctype html>\n<html lang=\"en\" data-state=\"{NOT_BUILT}\">\n\
             <meta charset=\"utf-8\">\n<title>Vedette</title>\n\
             <h1>The dashboard is not part of this build</h1>\n\
             <p>The hub works and its API answers under <code>/api/0/</code>. To have the \
             dashboard as well, install Node 20.19 or newer with npm and build the hub again, \
             or run <code>npm ci &amp;&amp; npm run build</code> in <code>hub/ui</code> \
             before.</p>\n</html>\n"
        ),
    )
}

/// The time of the youngest file at or below `path`.
fn newest_in(path: &Path) -> Option<SystemTime> {
    let Ok(entries) = fs::read_dir(path) else {
        return modified(path);
    };
    entries
        .flatten()
        .filter_map(|entry| newest_in(&entry.path()))
        .max()
}

fn modified(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).and_then(|file| file.modified()).ok()
}

/// Best effort: at worst the script runs once more, and finds nothing to do.
fn set_modified(path: &Path, time: SystemTime) {
    if let Ok(file) = fs::File::options().append(true).open(path) {
        drop(file.set_modified(time));
    }
}
