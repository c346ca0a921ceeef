//! Disks that fail under the real relay, and hosts that lose power: what was answered 200 is there
//! exactly once, and nothing else was answered than 200, 429 and 503.

use std::path::{Path, PathBuf};
use std::process::Command;

use tests::api::VISIBLE_WITHIN;
use tests::oracle::{Oracle, Traffic};
use tests::site::{Plan, Site};
use tests::wait::clock;

/// Errors by number: EINTR, EIO, ENOSPC, and writes that end half way.
const ERRORS: [(&str, i32); 4] = [
    ("EINTR", 4),
    ("EIO", 5),
    ("ENOSPC", 28),
    ("short writes", 0),
];
/// The calls that fail first, of a life of the relay: its opening takes the first dozen or two.
const FIRST: [u32; 14] = [1, 2, 3, 5, 8, 11, 15, 20, 26, 33, 41, 50, 70, 100];
/// Events posted in each life.
const EVENTS: usize = 12;
/// Times the power is cut.
const CUTS: usize = 20;

/// Compiles the library that fails calls; it lies beside the site.
fn shim(dir: &Path) -> PathBuf {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("preload/fail.c");
    let shim = dir.join("fail.so");
    let status = Command::new("cc")
        .args(["-O1", "-shared", "-fPIC", "-o"])
        .arg(&shim)
        .arg(&source)
        .arg("-ldl")
        .status()
        .unwrap();
    assert!(
        status.success(),
        "cc could not compile {}",
        source.display()
    );
    shim
}

fn failing(site: &Site, shim: &Path, at: u32, times: u32, error: i32) -> Vec<(String, String)> {
    let under = site.dir().join("relay");
    let count = site.dir().join("calls");
    let text = |path: &Path| path.to_str().unwrap().to_owned();
    [
        ("LD_PRELOAD", text(shim)),
        ("FAIL_UNDER", text(&under)),
        ("FAIL_COUNT", text(&count)),
        ("FAIL_AT", at.to_string()),
        ("FAIL_TIMES", times.to_string()),
        ("FAIL_ERRNO", error.to_string()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .to_vec()
}

/// Posts events for one life of the relay.
async fn post(site: &Site, oracle: &Oracle) {
    let traffic = Traffic::with(site, 2, oracle.clone(), EVENTS);
    traffic.ended().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_that_fail_cost_no_answered_event() {
    let mut site = Site::start().await.unwrap();
    let shim = shim(site.dir());
    let oracle = Oracle::default();
    let began = clock();
    let (mut n_lives, mut n_not_started) = (0, 0);
    for (name, error) in ERRORS {
        for at in FIRST {
            let times = if at % 2 == 0 { 1 } else { 3 };
            drop(site.kill_relay());
            let environment = failing(&site, &shim, at, times, error);
            site.set_relay_environment(environment);
            n_lives += 1;
            if let Err(refusal) = site.start_relay().await {
                // A spool that cannot be opened ends the relay, and systemd starts it again.
                let refusal = refusal.to_string();
                assert!(refusal.contains("cannot be"), "{name} at {at}: {refusal}");
                n_not_started += 1;
                site.set_relay_environment(Vec::new());
                site.start_relay().await.unwrap();
            }
            post(&site, &oracle).await;
            site.still_runs().unwrap();
        }
    }
    site.set_relay_environment(Vec::new());
    site.kill_relay().unwrap();
    site.start_relay().await.unwrap();
    let statuses = oracle.statuses();
    assert!(
        statuses
            .keys()
            .all(|status| [200, 429, 503].contains(status)),
        "{statuses:?}"
    );
    let verdict = oracle.check(&site, VISIBLE_WITHIN).await.unwrap();
    println!(
        "{n_lives} lives with failing calls, {n_not_started} did not start, {:?}: {verdict:?}",
        began.elapsed()
    );
}

/// The library really fails calls: without that the test above would say nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_always_fails_is_told_and_never_answered_200() {
    let mut site = Site::start().await.unwrap();
    let shim = shim(site.dir());
    site.terminate_relay().await.unwrap();
    site.set_relay_environment(failing(&site, &shim, 0, 0, 5));
    site.start_relay().await.unwrap();
    site.terminate_relay().await.unwrap();
    let calls = std::fs::read_to_string(site.dir().join("calls")).unwrap();
    let n_calls: u32 = calls.trim().parse().unwrap();
    assert!(n_calls > 3, "an idle life has {n_calls} calls");
    // A life that is as the one before until it stands, then fails for good.
    let environment = failing(&site, &shim, n_calls + 8, 1_000_000, 5);
    site.set_relay_environment(environment);
    site.start_relay().await.unwrap();
    let oracle = Oracle::default();
    let traffic = Traffic::with(&site, 1, oracle.clone(), 60);
    traffic.ended().await.unwrap();
    let statuses = oracle.statuses();
    let n_refused = statuses.get(&503).copied().unwrap_or_default();
    assert!(n_refused > 30, "{statuses:?}");
    site.still_runs().unwrap();
    site.kill_relay().unwrap();
    site.set_relay_environment(Vec::new());
    site.start_relay().await.unwrap();
    oracle.check(&site, VISIBLE_WITHIN).await.unwrap();
}

/// An ext4 image, mounted where the relay keeps its state; gone with this value.
struct Image {
    file: PathBuf,
    at: PathBuf,
}

fn run(program: &str, args: &[&str]) -> Result<(), String> {
    let output = Command::new(program).args(args).output();
    let output = output.map_err(|error| format!("{program}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let stderr = String::from_utf8_lossy(&output.stderr);
    Err(format!("{program} {}: {stderr}", args.join(" ")))
}

impl Image {
    fn make(file: PathBuf, at: PathBuf) -> Result<Self, String> {
        std::fs::create_dir_all(&at).unwrap();
        let image = std::fs::File::create(&file).unwrap();
        image.set_len(96 << 20).unwrap();
        run("mkfs.ext4", &["-q", "-F", file.to_str().unwrap()])?;
        let image = Self { file, at };
        image.mount()?;
        Ok(image)
    }

    fn mount(&self) -> Result<(), String> {
        let (file, at) = (self.file.to_str().unwrap(), self.at.to_str().unwrap());
        run("mount", &["-o", "loop", file, at])
    }

    /// Puts in its place what a cut of the power would leave: the image as it is now, without what
    /// the kernel has not written to it.
    fn cut(&mut self, kill: impl FnOnce()) {
        let copy = self
            .file
            .with_file_name(format!("disk-{}.img", uuid::Uuid::new_v4()));
        let (from, to) = (self.file.to_str().unwrap(), copy.to_str().unwrap());
        run("cp", &["--sparse=always", from, to]).unwrap();
        kill();
        run("umount", &[self.at.to_str().unwrap()]).unwrap();
        std::fs::remove_file(&self.file).unwrap();
        self.file = copy;
        self.mount().unwrap();
    }
}

impl Drop for Image {
    fn drop(&mut self) {
        drop(run("umount", &["-l", self.at.to_str().unwrap_or_default()]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_power_cut_costs_no_answered_event() {
    let dir = tempfile::tempdir().unwrap();
    let image = Image::make(dir.path().join("disk.img"), dir.path().join("relay"));
    let mut image = match image {
        Ok(image) => Some(image),
        Err(why) => {
            // It is not left out in silence: the same with the process alone dying.
            println!(
                "NO POWER IS CUT: an image cannot be mounted here, so only processes die: {why}"
            );
            None
        }
    };
    let mut plan = Plan::free(dir.path().to_owned()).unwrap();
    plan.spool_max = Some("16 MiB".to_owned());
    let mut site = Site::open(plan).await.unwrap();
    let traffic = Traffic::start(&site, 4);
    let mut chance = tests::chance::Chance::new(4);
    for cut in 0..CUTS {
        traffic.more(1 + chance.place(40)).await.unwrap();
        if cut % 5 == 4 {
            // With a backlog that is not delivered, and then with one that is.
            site.kill_hub().unwrap();
            traffic.more(30).await.unwrap();
        }
        site.relay().unwrap().freeze().unwrap();
        match &mut image {
            Some(image) => image.cut(|| site.kill_relay().unwrap()),
            None => site.kill_relay().unwrap(),
        }
        site.start_relay().await.unwrap();
        if cut % 5 == 4 {
            site.start_hub().await.unwrap();
        }
    }
    traffic.more(10).await.unwrap();
    let oracle = traffic.stop().await.unwrap();
    let verdict = oracle.check(&site, VISIBLE_WITHIN).await.unwrap();
    println!("{CUTS} cuts: {verdict:?}");
    drop(site);
    drop(image);
}
