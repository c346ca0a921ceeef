//! Real programs as child processes.

use std::fs::File;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};
use rustix::process::{Pid, Signal, kill_process};

use crate::wait::until;

/// A program of this version.
///
/// # Errors
/// When it was not built.
pub fn program(name: &str) -> anyhow::Result<PathBuf> {
    Programs::default().find(name)
}

/// The programs of one version: of this one, unless said otherwise.
#[derive(Clone, Debug, Default)]
pub struct Programs(Option<PathBuf>);

impl Programs {
    /// Those in a directory.
    #[must_use]
    pub const fn in_dir(dir: PathBuf) -> Self {
        Self(Some(dir))
    }

    /// Where one of them is. This version's lie beside the program that runs, or beside the
    /// directory of test binaries.
    ///
    /// # Errors
    /// When it is not there.
    pub fn find(&self, name: &str) -> anyhow::Result<PathBuf> {
        let own = std::env::current_exe()?;
        let dirs: Vec<&Path> = match &self.0 {
            Some(dir) => vec![dir],
            None => own.ancestors().skip(1).take(2).collect(),
        };
        let paths = dirs.iter().map(|dir| dir.join(name));
        let found = paths.into_iter().find(|path| path.is_file());
        found.with_context(|| {
            format!("no {name} in {dirs:?}; for this version's, run: cargo build --workspace")
        })
    }
}

/// A running program that ends with this value.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
}

impl Process {
    /// Starts a program whose output goes to `log`, after what is there.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(program: &Path, args: &[&str], log: &Path) -> anyhow::Result<Self> {
        Self::start_in(program, args, log, &[])
    }

    /// As [`Process::start`], with these variables in its environment.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start_in(
        program: &Path,
        args: &[&str],
        log: &Path,
        environment: &[(String, String)],
    ) -> anyhow::Result<Self> {
        Self::start_under(&[], program, args, log, environment)
    }

    /// As [`Process::start_in`], by another command that becomes the program: `prlimit --nofile=64`.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start_under(
        by: &[String],
        program: &Path,
        args: &[&str],
        log: &Path,
        environment: &[(String, String)],
    ) -> anyhow::Result<Self> {
        let mut command = match by {
            [] => Command::new(program),
            [first, rest @ ..] => {
                let mut command = Command::new(first);
                command.args(rest).arg(program);
                command
            }
        };
        command.args(args).stdin(Stdio::null());
        command.envs(environment.iter().map(|(name, value)| (name, value)));
        Self::spawn(program, command, log)
    }

    /// Starts a program that is handed a listener as systemd hands it on.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start_with_listener(
        program: &Path,
        args: &[&str],
        log: &Path,
        listener: &TcpListener,
    ) -> anyhow::Result<Self> {
        const SCRIPT: &str =
            r#"exec 3<&0 </dev/null; export LISTEN_FDS=1 LISTEN_PID=$$; exec "$@""#;
        let mut command = Command::new("sh");
        command.args(["-c", SCRIPT, "sh"]).arg(program).args(args);
        command.stdin(OwnedFd::from(listener.try_clone()?));
        Self::spawn(program, command, log)
    }

    /// Starts a program that sees at `mount` an empty filesystem in memory of `size`, as `mount`
    /// reads it: `32m`. Nobody else sees it, but through `/proc/PID/root`.
    ///
    /// # Errors
    /// When it cannot be started. When the system refuses the filesystem, the program ends at
    /// once and the log says why.
    pub fn start_with_filesystem(
        program: &Path,
        args: &[&str],
        log: &Path,
        mount: &Path,
        size: &str,
    ) -> anyhow::Result<Self> {
        const SCRIPT: &str = r#"mount -t tmpfs -o size="$1" tmpfs "$2" && shift 2 && exec "$@""#;
        let mut command = Command::new("unshare");
        if !rustix::process::geteuid().is_root() {
            command.args(["--user", "--map-root-user"]);
        }
        command.args(["--mount", "sh", "-c", SCRIPT, "sh", size]);
        command.arg(mount).arg(program).args(args);
        command.stdin(Stdio::null());
        Self::spawn(program, command, log)
    }

    fn spawn(program: &Path, mut command: Command, log: &Path) -> anyhow::Result<Self> {
        let out = File::options().create(true).append(true).open(log)?;
        let child = command
            .stdout(out.try_clone()?)
            .stderr(out)
            .spawn()
            .with_context(|| format!("start {}", program.display()))?;
        let name = program
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        Ok(Self { name, child })
    }

    /// The program's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Ends it at once, as a power cut would: SIGKILL.
    ///
    /// # Errors
    /// When it cannot be waited for.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Asks it to end: SIGTERM.
    ///
    /// # Errors
    /// When there is no such process.
    pub fn terminate(&self) -> anyhow::Result<()> {
        self.signal(Signal::TERM)
    }

    /// Holds it where it is: SIGSTOP.
    ///
    /// # Errors
    /// When there is no such process.
    pub fn freeze(&self) -> anyhow::Result<()> {
        self.signal(Signal::STOP)
    }

    /// Lets it go on: SIGCONT.
    ///
    /// # Errors
    /// When there is no such process.
    pub fn thaw(&self) -> anyhow::Result<()> {
        self.signal(Signal::CONT)
    }

    fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        let pid = i32::try_from(self.child.id())?;
        let pid = Pid::from_raw(pid).context("a process has an id")?;
        Ok(kill_process(pid, signal)?)
    }

    /// Waits until it has ended by itself.
    ///
    /// # Errors
    /// When it has not ended in time.
    pub async fn ended(&mut self, most: Duration) -> anyhow::Result<ExitStatus> {
        let what = format!("{} to end", self.name);
        let child = std::cell::RefCell::new(&mut self.child);
        until(&what, most, || async {
            child.borrow_mut().try_wait().ok().flatten()
        })
        .await
    }

    /// Whether it runs.
    pub fn runs(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Resident memory in bytes, as the kernel says.
    ///
    /// # Errors
    /// When the process is gone.
    pub fn resident_bytes(&self) -> anyhow::Result<u64> {
        self.memory("VmRSS:")
    }

    /// What of it the program made itself, without its code and other files, in bytes.
    ///
    /// # Errors
    /// When the process is gone.
    pub fn anonymous_bytes(&self) -> anyhow::Result<u64> {
        self.memory("RssAnon:")
    }

    /// The most physical memory that it ever had, in bytes.
    ///
    /// # Errors
    /// When the process is gone.
    pub fn resident_peak_bytes(&self) -> anyhow::Result<u64> {
        self.memory("VmHWM:")
    }

    fn memory(&self, name: &str) -> anyhow::Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let kib = line
            .and_then(|line| line.split_whitespace().next())
            .with_context(|| format!("no {name}"))?;
        Ok(kib.parse::<u64>()? * 1024)
    }

    /// CPU time used so far, in seconds, of user and system together.
    ///
    /// # Errors
    /// When the process is gone.
    pub fn cpu_seconds(&self) -> anyhow::Result<f64> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        let (_, fields) = stat.rsplit_once(')').context("no process name")?;
        let mut ticks = fields.split_whitespace().skip(11);
        let user: f64 = ticks.next().context("no utime")?.parse()?;
        let system: f64 = ticks.next().context("no stime")?.parse()?;
        #[expect(clippy::cast_precision_loss, reason = "ticks per second is a hundred")]
        let per_second = rustix::param::clock_ticks_per_second() as f64;
        Ok((user + system) / per_second)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Runs a program to its end and returns what it printed.
///
/// # Errors
/// With its standard error, when it does not succeed.
pub fn run(program: &Path, args: &[&str], input: &str) -> anyhow::Result<String> {
    use std::io::Write;
    let mut child = Command::new(program)
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("start {}", program.display()))?;
    child
        .stdin
        .take()
        .context("stdin is piped")?
        .write_all(input.as_bytes())?;
    let output = child.wait_with_output()?;
    if !output.status.success() {
        let stderr = String::from_utf8_lossy(&output.stderr);
        bail!("{} {}: {stderr}", program.display(), args.join(" "));
    }
    Ok(String::from_utf8(output.stdout)?)
}
