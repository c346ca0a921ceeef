//! A relay that is restarted under load, as an upgrade does: systemd holds the port, so nobody is
//! refused.

use std::collections::HashSet;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tests::api::{Sdk, client};
use tests::load::Load;
use tests::process::{Process, Programs, run};
use tests::scale;
use tests::site::Site;
use tests::wait::until;

/// How often a sender posts.
const EVERY: Duration = Duration::from_millis(10);
/// A program ends and serves again within this.
const WITHIN: Duration = Duration::from_secs(60);

/// Posts until told to stop, each time on a connection of its own; every one must be answered 200.
async fn post_until(sdk: Sdk, every: Duration, stop: Arc<AtomicBool>) -> HashSet<String> {
    let sdk = sdk.with_fresh_connections().unwrap();
    let mut load = Load::python().unwrap();
    let mut answered = HashSet::new();
    let mut turns = tokio::time::interval(every);
    while !stop.load(Ordering::Acquire) {
        turns.tick().await;
        let (id, body) = load.next_gzip().unwrap();
        let response = sdk.post(body, "gzip").await.expect("nobody is refused");
        assert_eq!(response.status(), 200);
        answered.insert(id);
    }
    answered
}

#[tokio::test(flavor = "multi_thread")]
async fn restarts_under_load_refuse_nobody_and_lose_nothing() {
    let mut site = Site::start().await.unwrap();
    site.terminate_relay().await.unwrap();
    let address = site.relay_url().strip_prefix("http://").unwrap();
    let listener = TcpListener::bind(address).unwrap();
    site.start_relay_on(&listener).await.unwrap();

    let stop = Arc::new(AtomicBool::new(false));
    let mut senders = tokio::task::JoinSet::new();
    for _ in 0..4 {
        senders.spawn(post_until(site.sdk().clone(), EVERY, Arc::clone(&stop)));
    }
    for _ in 0..10 {
        site.terminate_relay().await.unwrap();
        site.start_relay_on(&listener).await.unwrap();
    }
    stop.store(true, Ordering::Release);
    let mut answered = HashSet::new();
    while let Some(ids) = senders.join_next().await {
        answered.extend(ids.unwrap());
    }
    assert!(answered.len() > 20, "{}", answered.len());
    println!("{} events over ten restarts", answered.len());
    site.settled_at_least(answered.len()).await.unwrap();
    let stored: HashSet<String> = site.stored_event_ids().await.unwrap().into_iter().collect();
    assert_eq!(stored, answered);
    site.assert_ledger_balances().await.unwrap();
}

/// A relay of a fleet, beside the one of the site.
struct Node {
    dir: PathBuf,
    listener: TcpListener,
    process: Process,
}

impl Node {
    async fn join(site: &Site, n: usize, token: &str, programs: &Programs) -> Self {
        let dir = site.dir().join(format!("node-{n}"));
        let state = dir.join("relay");
        std::fs::create_dir_all(&dir).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let state_dir = state.to_str().unwrap();
        let args = ["join", &site.link_address(), "-", "--state-dir", state_dir];
        let relay = programs.find("vedette-relay").unwrap();
        run(&relay, &args, token).unwrap();
        let config = format!(
            "state_dir = \"{state_dir}\"\n[http]\nlisten = \"{}\"\n[spool]\nfree_min = \"0 B\"\n",
            listener.local_addr().unwrap()
        );
        std::fs::write(dir.join("relay.toml"), config).unwrap();
        let process = Self::start(&dir, &listener, programs);
        let node = Self {
            dir,
            listener,
            process,
        };
        node.ready().await;
        node
    }

    fn start(dir: &Path, listener: &TcpListener, programs: &Programs) -> Process {
        let config = dir.join("relay.toml");
        let args = ["run", "--config", config.to_str().unwrap()];
        let relay = programs.find("vedette-relay").unwrap();
        Process::start_with_listener(&relay, &args, &dir.join("relay.log"), listener).unwrap()
    }

    fn url(&self) -> String {
        format!("http://{}", self.listener.local_addr().unwrap())
    }

    async fn ready(&self) {
        let url = format!("{}/health/ready", self.url());
        until("a relay to serve", WITHIN, || async {
            let answer = client().get(&url).send().await.ok()?;
            answer.status().is_success().then_some(())
        })
        .await
        .unwrap();
    }

    async fn restart(&mut self, programs: &Programs) {
        self.process.terminate().unwrap();
        let status = self.process.ended(WITHIN).await.unwrap();
        assert!(status.success(), "{status}");
        self.process = Self::start(&self.dir, &self.listener, programs);
        self.ready().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fleet_and_its_hub_that_are_restarted_in_turn_refuse_nobody_and_lose_nothing() {
    let own = Programs::default();
    let other = scale::other_programs().map_or(own.clone(), Programs::in_dir);
    let site = Site::temporary(|plan| plan.programs = other.clone()).await;
    let mut site = site.unwrap();
    let n_nodes = scale::rolling_relays();
    let uses = n_nodes.to_string();
    let token = site.hub_cli(&["join-token", "create", "--uses", &uses]);
    let token = token.unwrap();
    let token = token
        .split_whitespace()
        .find(|word| word.starts_with("vdj1."));
    let mut nodes = Vec::new();
    for n in 0..n_nodes {
        nodes.push(Node::join(&site, n, token.unwrap(), &other).await);
    }
    let stop = Arc::new(AtomicBool::new(false));
    let mut senders = tokio::task::JoinSet::new();
    let every = EVERY * u32::try_from(n_nodes).unwrap();
    let sdks = nodes.iter().map(|node| Sdk::new(&node.url(), site.dsn()));
    let sdks: Vec<Sdk> = sdks.collect::<Result<_, _>>().unwrap();
    for sdk in sdks.into_iter().chain([site.sdk().clone()]) {
        senders.spawn(post_until(sdk, every, Arc::clone(&stop)));
    }
    // Up and down again, which is the same without another version; the hub in the middle of either.
    for programs in [&own, &other] {
        for (place, node) in nodes.iter_mut().enumerate() {
            if place == n_nodes / 2 {
                site.stop_hub().await.unwrap();
                site.set_programs(programs.clone());
                site.start_hub().await.unwrap();
            }
            node.restart(programs).await;
        }
    }
    stop.store(true, Ordering::Release);
    let mut answered = HashSet::new();
    while let Some(ids) = senders.join_next().await {
        answered.extend(ids.unwrap());
    }
    println!("{} events over {n_nodes} relays", answered.len());
    site.settled_at_least(answered.len()).await.unwrap();
    let stored: HashSet<String> = site.stored_event_ids().await.unwrap().into_iter().collect();
    assert_eq!(stored, answered);
    site.assert_ledger_balances().await.unwrap();
}
