//! Libraries that stand between a program and the system: their sources lie in `tests/preload`.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};

/// Variables of a program's environment.
pub type Environment = Vec<(String, String)>;

/// Compiles a library of `tests/preload` into a directory.
///
/// # Errors
/// When there is no compiler, or it refuses.
pub fn compile(name: &str, dir: &Path) -> anyhow::Result<PathBuf> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR"));
    let source = source.join("preload").join(format!("{name}.c"));
    let library = dir.join(format!("{name}.so"));
    let mut cc = Command::new("cc");
    cc.args(["-O1", "-shared", "-fPIC", "-o"]);
    let status = cc.arg(&library).arg(&source).arg("-ldl").status();
    let status = status.context("start cc")?;
    ensure!(status.success(), "cc does not compile {}", source.display());
    Ok(library)
}

/// The environment of a program with the library, and with what the library reads.
///
/// # Errors
/// When its path is no text.
pub fn environment(library: &Path, variables: &[(&str, String)]) -> anyhow::Result<Environment> {
    let library = library.to_str().context("paths are text")?.to_owned();
    let mut all = vec![("LD_PRELOAD".to_owned(), library)];
    let variables = variables.iter();
    all.extend(variables.map(|(name, value)| ((*name).to_owned(), value.clone())));
    Ok(all)
}
