//! Builds the hub, starts it and ends it in order.
//!
//! The start: bind the port, lock the data directory, open the stores, bring the index up to date,
//! start the digest, then the link, then serve, then tell systemd.
//! The end, as a list in [`Hub::end`]: take nothing more from relays and browsers, finish what was
//! taken, commit what the digest has, commit the index, close the stores. What a relay was told is
//! committed is on the disk long before.

mod data;
mod metrics;
mod sampled;
mod upkeep;

use std::net::{SocketAddr, TcpListener as StdListener};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use anyhow::Context as _;
use protocol::limits::NEW_ISSUES_PER_HOUR_MAX;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Notify, watch};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::access::Access;
use crate::alert::Alerts;
use crate::api::{self, ApiState};
use crate::config::Config;
use crate::erasure::Erasures;
use crate::notify::{Notifier, Sender};
use crate::schedule::Schedule;
use crate::{clock, digest, import, receive, web};

pub use data::{Data, open_index};
pub(crate) use data::{inbox_of, index_of, lock, make_dir, open_store, packs_of};

/// Threads for work that waits for the disk or takes longer than a moment.
const BLOCKING_THREADS_MAX: usize = 32;
/// How long such a thread stays without work: each costs memory.
const BLOCKING_THREAD_IDLE: Duration = Duration::from_secs(5);
/// When alert rules are evaluated besides at once.
const ALERTS_EVERY: &str = "* * * * *";
/// How long the link may take to drain; its sessions have a shorter limit of their own.
const LINK_DRAIN: Duration = Duration::from_secs(8);
/// How long the digest may take to commit what it has.
const DIGEST_DRAIN: Duration = Duration::from_secs(20);
/// How long workers may take to see that they are to end.
const WORKERS_DRAIN: Duration = Duration::from_secs(5);
/// How long the index may take for its last commit.
const INDEX_CLOSE: Duration = Duration::from_secs(10);

/// A hub that serves, until it is ended.
#[derive(Debug)]
pub struct Hub {
    config: Config,
    data: Data,
    digest: digest::Handle,
    link: receive::Handle,
    http_addr: SocketAddr,
    ready: watch::Sender<bool>,
    serving: Stage,
    linking: Stage,
    digesting: Stage,
    working: Stage,
}

/// Tasks that end together.
#[derive(Debug, Default)]
struct Stage {
    tracker: TaskTracker,
    cancel: CancellationToken,
}

impl Stage {
    /// Tells the tasks to end and waits for them; says whether they did in time.
    async fn end(&self, patience: Duration) -> bool {
        self.cancel.cancel();
        self.tracker.close();
        timeout(patience, self.tracker.wait()).await.is_ok()
    }
}

/// Runs a hub until SIGTERM or SIGINT.
///
/// # Errors
/// When it cannot start: a port is taken, the data directory cannot be used; or when a part that
/// must not end has ended.
pub fn run(config: Config) -> anyhow::Result<()> {
    std::panic::set_hook(Box::new(log_panic));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .max_blocking_threads(BLOCKING_THREADS_MAX)
        .thread_keep_alive(BLOCKING_THREAD_IDLE)
        .thread_name("hub")
        .build()
        .context("the runtime does not start")?;
    let ended = runtime.block_on(async {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let hub = start(config).await?;
        tell_systemd(&[sd_notify::NotifyState::Ready]);
        let watchdog = hub.working.tracker.spawn(feed_watchdog());
        let outcome = tokio::select! {
            _ = terminate.recv() => Ok(()),
            _ = interrupt.recv() => Ok(()),
            () = hub.digest.ended() => Err(anyhow::anyhow!("the digest ended by itself")),
        };
        tell_systemd(&[sd_notify::NotifyState::Stopping]);
        watchdog.abort();
        hub.end().await;
        outcome
    });
    // Work that still waits for a dead disk is not waited for.
    runtime.shutdown_background();
    ended
}

/// Builds and starts everything; when it returns, relays and browsers are served.
///
/// # Errors
/// When a port is taken or the data directory cannot be used.
pub async fn start(config: Config) -> anyhow::Result<Hub> {
    let began = clock::now();
    let listen = config.http.listen;
    let listener = bind(listen).with_context(|| format!("cannot listen on {listen}"))?;
    let http_addr = listener.local_addr()?;
    let data = Data::open(&config).await?;
    let [serving, linking, digesting, working] = std::array::from_fn(|_| Stage::default());

    let parts = digest::Parts {
        store: data.store.clone(),
        archive: data.archive.clone(),
        index: data.index.clone(),
        places: data.places.clone(),
        clock: clock::now,
        new_issues_max: NEW_ISSUES_PER_HOUR_MAX,
    };
    let n_indexed = digest::catch_up(&parts, &data.index).await?;
    if n_indexed > 0 {
        tracing::info!(events = n_indexed, "index is up to date again");
    }
    let digest = digest::start(parts, &digesting.tracker, digesting.cancel.clone());
    let link = receive::start(
        config.link.clone(),
        data.fleet.clone(),
        sampled::Sampled::new(digest.clone(), data.dictionaries.clone()),
        &linking.tracker,
        linking.cancel.clone(),
    )?;

    let sender = Sender::new(&config.notify)?;
    let changed = Arc::new(Notify::new());
    work(&config, &data, &sender, &changed, &working)?;
    working.tracker.spawn(upkeep::ring(
        digest.subscribe(),
        changed,
        working.cancel.clone(),
    ));
    working.tracker.spawn(upkeep::watch_poison(
        data.store.clone(),
        digest.clone(),
        working.cancel.clone(),
    ));

    let retention = data.retention(&config);
    working.tracker.spawn(upkeep::retain(
        retention.clone(),
        config.retention.every.0,
        working.cancel.clone(),
    ));
    let erasures = Erasures {
        store: data.store.clone(),
        archive: data.archive.clone(),
        index: data.index.clone(),
        digest: digest.clone(),
        retention,
    };
    working
        .tracker
        .spawn(upkeep::erase(erasures, working.cancel.clone()));
    working.tracker.spawn(import::watch(
        inbox_of(&config.data_dir),
        data.fleet.clone(),
        digest.clone(),
        working.cancel.clone(),
    ));

    let access = Access::new(data.store.clone(), working.tracker.clone())?;
    let logins = upkeep::tell_wrong_logins(access.clone(), working.cancel.clone());
    working.tracker.spawn(logins);
    let state = ApiState::new(api::Parts {
        config: config.site.clone(),
        store: data.store.clone(),
        archive: data.archive.clone(),
        index: data.index.clone(),
        access: access.clone(),
        digest: digest.clone(),
        fleet: data.fleet.clone(),
        sender,
        tracker: working.tracker.clone(),
        cancel: serving.cancel.clone(),
    });
    state.resume_deletions().await?;
    let (ready, is_ready) = watch::channel(false);
    let pages = web::Parts {
        public_url: config.site.public_url.clone(),
        ready: is_ready,
        store: data.store.clone(),
        access,
        metrics: vec![metrics::of(
            digest.clone(),
            link.clone(),
            data.index.clone(),
        )],
    };
    let router = web::router(pages, api::router(state));
    serving
        .tracker
        .spawn(web::serve(listener, router, serving.cancel.clone()));
    ready.send_replace(true);
    let took_ms = clock::now().millis_since(began);
    tracing::info!(http = %http_addr, link = %link.local_addr(), took_ms, "hub serves");
    Ok(Hub {
        config,
        data,
        digest,
        link,
        http_addr,
        ready,
        serving,
        linking,
        digesting,
        working,
    })
}

/// Starts what works beside requests: alerts, notifications, measures.
fn work(
    config: &Config,
    data: &Data,
    sender: &Sender,
    changed: &Arc<Notify>,
    working: &Stage,
) -> anyhow::Result<()> {
    let due = Arc::new(Notify::new());
    let alerts = Alerts::new(
        data.store.clone(),
        Schedule::parse(ALERTS_EVERY)?,
        config.site.public_url.clone(),
        Arc::clone(changed),
        Arc::clone(&due),
    );
    let notifier = Notifier::new(data.store.clone(), sender.clone(), Arc::clone(&due));
    let tracker = &working.tracker;
    tracker.spawn(upkeep::watch_fleet(
        data.fleet.clone(),
        config.site.public_url.clone(),
        Arc::clone(&due),
        working.cancel.clone(),
    ));
    tracker.spawn(upkeep::watch_spikes(
        data.store.clone(),
        config.site.public_url.clone(),
        due,
        working.cancel.clone(),
    ));
    tracker.spawn(upkeep::measure_limits(
        data.fleet.clone(),
        working.cancel.clone(),
    ));
    tracker.spawn(upkeep::measure_trends(
        data.store.clone(),
        working.cancel.clone(),
    ));
    tracker.spawn(upkeep::watch_new_issues(
        data.store.clone(),
        Arc::clone(changed),
        working.cancel.clone(),
    ));
    tracker.spawn(alerts.run(clock::now, working.cancel.clone()));
    let dictionaries = data.dictionaries.clone();
    tracker.spawn(dictionaries.run(clock::now, working.cancel.clone()));
    tracker.spawn(notifier.run(clock::now, working.cancel.clone()));
    Ok(())
}

impl Hub {
    /// Where dashboard and API are served; the port the system chose when the configured one is 0.
    #[must_use]
    pub const fn http_addr(&self) -> SocketAddr {
        self.http_addr
    }

    /// Where relays connect to.
    #[must_use]
    pub const fn link_addr(&self) -> SocketAddr {
        self.link.local_addr()
    }

    /// The digest, for tests that hand blocks in.
    #[must_use]
    pub const fn digest(&self) -> &digest::Handle {
        &self.digest
    }

    /// What the hub keeps.
    #[must_use]
    pub const fn data(&self) -> &Data {
        &self.data
    }

    /// Ends it in order.
    pub async fn end(self) {
        let began = clock::now();
        // 1. Be ready for nothing more; finish requests within their grace.
        self.ready.send_replace(false);
        if !self.serving.end(self.config.shutdown_grace.0).await {
            tracing::warn!("requests that took longer than the grace time were cut");
        }
        // 2. Take no more blocks, and acknowledge those that are committed.
        if !self.linking.end(LINK_DRAIN).await {
            tracing::warn!("the link did not drain in time; relays will send again");
        }
        // 3. Commit what waits.
        if !self.digesting.end(DIGEST_DRAIN).await {
            tracing::warn!("the digest did not drain in time; relays will send again");
        }
        // 4. End what works beside it.
        if !self.working.end(WORKERS_DRAIN).await {
            tracing::warn!("workers did not end in time");
        }
        // 5. Commit the index, close the stores.
        match timeout(INDEX_CLOSE, self.data.index.close()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "the index did not close"),
            Err(_) => tracing::warn!("the index did not close in time"),
        }
        self.data.store.close().await;
        let took_ms = clock::now().millis_since(began);
        tracing::info!(took_ms, "hub ended");
    }
}

/// Says where a panic was, and not what it said: its words may hold what applications sent.
fn log_panic(panic: &std::panic::PanicHookInfo<'_>) {
    let place = panic.location().map(ToString::to_string);
    let thread = thread::current();
    tracing::error!(place, thread = thread.name(), "a part panicked");
}

fn bind(listen: SocketAddr) -> anyhow::Result<TcpListener> {
    let listener = StdListener::bind(listen)?;
    listener.set_nonblocking(true)?;
    Ok(TcpListener::from_std(listener)?)
}

/// Tells systemd that the process is alive, as long as the runtime turns. The words have a thread of
/// their own: a call waits for who does not listen.
async fn feed_watchdog() {
    let Some(limit) = sd_notify::watchdog_enabled() else {
        return;
    };
    let (beats, words) = mpsc::sync_channel(1);
    let speaker = thread::Builder::new().name("watchdog".to_owned());
    let speaking = speaker.spawn(move || {
        for () in words {
            tell_systemd(&[sd_notify::NotifyState::Watchdog]);
        }
    });
    if let Err(error) = speaking {
        tracing::warn!(%error, "systemd cannot be told that the process is alive");
    }
    let mut beat = tokio::time::interval(limit / 3);
    loop {
        beat.tick().await;
        // The one before may not be said yet.
        let _full = beats.try_send(());
    }
}

/// Without systemd there is nobody to tell.
fn tell_systemd(state: &[sd_notify::NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::debug!(%error, "systemd was not told");
    }
}
