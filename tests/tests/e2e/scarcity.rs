//! Too few files, too few threads, too little memory: work is refused, and what was answered 200
//! is there.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tests::api::{VISIBLE_WITHIN, envelope};
use tests::oracle::{Oracle, Traffic};
use tests::site::Site;
use tests::wait::{clock, until};

/// Files that the relay may have open.
const FILES: u32 = 64;
/// Memory that the relay may have, in bytes.
const MEMORY: u64 = 48 << 20;

/// A control group of this host, gone with this value.
struct Group {
    dir: PathBuf,
}

impl Group {
    /// A group whose members together may have so much of something.
    fn make(controller: &str, key: &str, most: u64) -> Result<Self, String> {
        let name = format!("vedette-{}", uuid::Uuid::new_v4());
        let dir = Path::new("/sys/fs/cgroup").join(controller).join(name);
        let failed = |error: std::io::Error| format!("{}: {error}", dir.display());
        std::fs::create_dir(&dir).map_err(failed)?;
        let group = Self { dir: dir.clone() };
        std::fs::write(dir.join(key), most.to_string()).map_err(failed)?;
        Ok(group)
    }

    /// The command that becomes a program of the group.
    fn enter(&self) -> Vec<String> {
        let script = format!(
            "echo $$ >{}/cgroup.procs && exec \"$@\"",
            self.dir.display()
        );
        ["sh", "-c", &script, "sh"].map(str::to_owned).to_vec()
    }

    fn number(&self, key: &str) -> u64 {
        let text = std::fs::read_to_string(self.dir.join(key)).unwrap();
        text.trim().parse().unwrap()
    }

    fn set(&self, key: &str, most: u64) {
        std::fs::write(self.dir.join(key), most.to_string()).unwrap();
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // Its members have just been killed, and may need a moment.
        let began = clock();
        while std::fs::remove_dir(&self.dir).is_err() && began.elapsed() < Duration::from_secs(5) {
            std::thread::yield_now();
        }
    }
}

fn by_prlimit(limit: &str) -> Vec<String> {
    ["prlimit", limit].map(str::to_owned).to_vec()
}

/// More at once than there is room for: large bodies from many, on fresh connections.
async fn press(site: &Site, n_clients: usize, n_each: usize) -> [usize; 3] {
    let mut pressing = tokio::task::JoinSet::new();
    for _ in 0..n_clients {
        let sdk = site.sdk().clone().with_fresh_connections().unwrap();
        pressing.spawn(async move {
            let mut answers = [0; 3];
            for _ in 0..n_each {
                let noise: String = (0..16_000)
                    .map(|_| uuid::Uuid::new_v4().simple().to_string())
                    .collect();
                let event = serde_json::json!({
                    "message": "pressure", "level": "info", "extra": {"noise": noise}
                });
                let answer = sdk
                    .post(tests::load::gzip_of(&envelope(&event)).unwrap(), "gzip")
                    .await;
                match answer.map(|answer| answer.status().as_u16()) {
                    Ok(200) => answers[0] += 1,
                    Ok(_) => answers[1] += 1,
                    Err(_) => answers[2] += 1,
                }
            }
            answers
        });
    }
    let mut sums = [0; 3];
    while let Some(answers) = pressing.join_next().await {
        let answers = answers.unwrap();
        for (sum, n) in sums.iter_mut().zip(answers) {
            *sum += n;
        }
    }
    sums
}

async fn ends_well(name: &str, mut site: Site, oracle: &Oracle) {
    site.set_relay_by(Vec::new());
    drop(site.kill_relay());
    site.start_relay().await.unwrap();
    let verdict = oracle.check(&site, VISIBLE_WITHIN).await.unwrap();
    println!("{name}: {verdict:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn with_few_files_connections_wait_and_nothing_answered_is_lost() {
    let mut site = Site::start().await.unwrap();
    site.terminate_relay().await.unwrap();
    site.set_relay_by(by_prlimit(&format!("--nofile={FILES}")));
    site.start_relay().await.unwrap();
    let address = site.relay_url().trim_start_matches("http://").to_owned();
    let mut open = Vec::new();
    // Everyone who connects takes a file until it is cut.
    for _ in 0..FILES * 2 {
        open.push(tokio::net::TcpStream::connect(&address).await.unwrap());
    }
    let traffic = Traffic::start(&site, 4);
    traffic.more(40).await.unwrap();
    site.still_runs().unwrap();
    drop(open);
    // The hub goes and comes while there are no files to spare.
    site.kill_hub().unwrap();
    traffic.more(20).await.unwrap();
    site.start_hub().await.unwrap();
    traffic.more(20).await.unwrap();
    let oracle = traffic.stop().await.unwrap();
    site.still_runs().unwrap();
    ends_well("64 files", site, &oracle).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_another_thread_requests_are_answered_and_nothing_answered_is_lost() {
    let mut site = Site::start().await.unwrap();
    let group = match Group::make("pids", "pids.max", 1_000) {
        Ok(group) => group,
        Err(why) => {
            println!("THREADS ARE NOT COUNTED: no control group can be made here: {why}");
            return;
        }
    };
    site.terminate_relay().await.unwrap();
    site.set_relay_by(group.enter());
    site.start_relay().await.unwrap();
    // As many as it has when nobody asks for anything, and not one more.
    let n_threads = group.number("pids.current");
    group.set("pids.max", n_threads);
    let traffic = Traffic::start(&site, 4);
    traffic.more(20).await.unwrap();
    let [taken, refused, unanswered] = press(&site, 8, 3).await;
    traffic.more(20).await.unwrap();
    site.still_runs().unwrap();
    println!("{n_threads} threads: {taken} taken, {refused} refused, {unanswered} not answered");
    assert_eq!(unanswered, 0, "a request was not answered");
    let oracle = traffic.stop().await.unwrap();
    drop(site.kill_relay());
    drop(group);
    ends_well("no other thread", site, &oracle).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_little_memory_work_is_refused_and_nothing_answered_is_lost() {
    let mut site = Site::start().await.unwrap();
    site.terminate_relay().await.unwrap();
    let group = Group::make("memory", "memory.limit_in_bytes", MEMORY);
    match &group {
        Ok(group) => site.set_relay_by(group.enter()),
        Err(why) => {
            println!("NO GROUP LIMITS THE MEMORY, the process's data is limited instead: {why}");
            site.set_relay_by(by_prlimit(&format!("--data={MEMORY}")));
        }
    }
    site.start_relay().await.unwrap();
    let traffic = Traffic::start(&site, 2);
    traffic.more(20).await.unwrap();
    let (mut n_starts, mut sums) = (0, [0; 3]);
    for _ in 0..4 {
        let answers = press(&site, 12, 3).await;
        for (sum, n) in sums.iter_mut().zip(answers) {
            *sum += n;
        }
        // The kernel may have ended it; then systemd starts it again, and so does this.
        if site.still_runs().is_err() {
            n_starts += 1;
            drop(site.kill_relay());
            site.start_relay().await.unwrap();
        }
        traffic.more(5).await.unwrap();
    }
    let [taken, refused, unanswered] = sums;
    println!(
        "{} MiB: {taken} large bodies taken, {refused} refused, {unanswered} not answered, \
         ended by the kernel {n_starts} times, {} MiB resident",
        MEMORY >> 20,
        site.relay_resident_bytes().unwrap_or_default() >> 20
    );
    assert!(taken > 0, "no large body was taken");
    let oracle = traffic.stop().await.unwrap();
    drop(site.kill_relay());
    drop(group);
    until("the port to be free", Duration::from_secs(10), || async {
        std::net::TcpListener::bind(site.relay_url().trim_start_matches("http://")).ok()
    })
    .await
    .unwrap();
    ends_well("little memory", site, &oracle).await;
}
