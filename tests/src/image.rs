//! A disk that loses power: an ext4 image, mounted where a program keeps its state.
//!
//! What a cut leaves is what the kernel had written to the image, copied while the program is held.
//! Needs the right to mount and a loop device; a test without them says so and kills processes.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail, ensure};

/// Copies until two are the same.
const COPIES_MAX: u32 = 30;

/// A mounted image; gone with this value.
#[derive(Debug)]
pub struct Image {
    file: PathBuf,
    at: PathBuf,
}

impl Image {
    /// Makes an image of so many bytes beside the directory, and mounts it there.
    ///
    /// # Errors
    /// When this host does not allow it.
    pub fn make(at: PathBuf, bytes: u64) -> anyhow::Result<Self> {
        std::fs::create_dir_all(&at)?;
        let file = fresh_file(&at);
        std::fs::File::create(&file)?.set_len(bytes)?;
        run("mkfs.ext4", &["-q", "-F", text(&file)?])?;
        let image = Self { file, at };
        image.mount()?;
        Ok(image)
    }

    /// The same where the host allows it; where it does not, that is said aloud, and what a test
    /// does with the power it does with processes alone.
    #[must_use]
    pub fn make_if_allowed(at: PathBuf, bytes: u64) -> Option<Self> {
        let made = Self::make(at, bytes);
        if let Err(why) = &made {
            #[expect(clippy::print_stdout, reason = "whoever reads the run should know")]
            {
                println!("NO POWER IS CUT: no image is mounted here, only processes die: {why:#}");
            }
        }
        made.ok()
    }

    fn mount(&self) -> anyhow::Result<()> {
        run("mount", &["-o", "loop", text(&self.file)?, text(&self.at)?])
    }

    /// Puts in its place what a cut of the power would leave: the image as it is now, without what
    /// the kernel has not written to it. The program is held before, and killed in between.
    ///
    /// # Errors
    /// When the host does not let it, or the program is not killed.
    pub fn cut(&mut self, kill: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<()> {
        let copy = self.at_one_moment()?;
        kill()?;
        run("umount", &[text(&self.at)?])?;
        std::fs::remove_file(&self.file)?;
        self.file = copy;
        self.mount()
    }

    /// A copy of the image as it was at one moment. The kernel goes on writing while it is copied,
    /// and what is half of before and half of after no cut leaves: two copies have to be the same.
    fn at_one_moment(&self) -> anyhow::Result<PathBuf> {
        let mut copy = self.copy()?;
        for _ in 0..COPIES_MAX {
            let again = self.copy()?;
            let compared = Command::new("cmp")
                .args(["-s", text(&copy)?, text(&again)?])
                .status();
            let is_same = compared.context("start cmp")?.success();
            std::fs::remove_file(&copy)?;
            copy = again;
            if is_same {
                return Ok(copy);
            }
        }
        bail!("the image never rests: it is written to for {COPIES_MAX} copies")
    }

    fn copy(&self) -> anyhow::Result<PathBuf> {
        let copy = fresh_file(&self.at);
        run("cp", &["--sparse=always", text(&self.file)?, text(&copy)?])?;
        Ok(copy)
    }
}

impl Drop for Image {
    fn drop(&mut self) {
        if let Ok(at) = text(&self.at) {
            drop(run("umount", &["-l", at]));
        }
    }
}

/// A name beside the directory that no file has.
fn fresh_file(at: &Path) -> PathBuf {
    at.with_file_name(format!("disk-{}.img", uuid::Uuid::new_v4()))
}

fn text(path: &Path) -> anyhow::Result<&str> {
    path.to_str().context("paths are text")
}

fn run(program: &str, args: &[&str]) -> anyhow::Result<()> {
    let output = Command::new(program).args(args).output();
    let output = output.with_context(|| format!("start {program}"))?;
    let stderr = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success(),
        "{program} {}: {stderr}",
        args.join(" ")
    );
    Ok(())
}
