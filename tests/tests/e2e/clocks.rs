//! Wall clocks that jump by years under the running relay: nothing expires, nothing is reordered,
//! no handshake fails of it, and it is said.

use std::fs::File;
use std::os::unix::fs::FileExt as _;

use serde_json::Value;
use tests::api::{VISIBLE_WITHIN, client};
use tests::oracle::Traffic;
use tests::preload;
use tests::site::Site;
use tests::wait::until;

const HOUR: i64 = 3600;
const YEAR: i64 = 365 * 24 * HOUR;

/// The wall clock of a site's relay, as far from this host's as it is set.
struct WallClock(File);

impl WallClock {
    /// Starts the relay again with a clock that can be set.
    async fn of(site: &mut Site) -> Self {
        let path = site.dir().join("clock");
        let file = File::create(&path).unwrap();
        let clock = Self(file);
        clock.set(0);
        let library = preload::compile("clock", site.dir()).unwrap();
        let variables = [("CLOCK_OFFSET", path.to_str().unwrap().to_owned())];
        site.set_relay_environment(preload::environment(&library, &variables).unwrap());
        site.terminate_relay().await.unwrap();
        site.start_relay().await.unwrap();
        clock
    }

    fn set(&self, seconds: i64) {
        self.0.write_all_at(&seconds.to_ne_bytes(), 0).unwrap();
    }
}

/// The jumps: hours and years both ways, 1970, a leap second; and back.
fn jumps() -> [i64; 8] {
    let to_1970 = -hub::clock::now().as_secs();
    [HOUR, -HOUR, 1, 10 * YEAR, -10 * YEAR, to_1970, 0, 10 * YEAR]
}

async fn link_of(site: &Site) -> Option<Value> {
    let url = format!("{}/status", site.relay_url());
    let answer = client().get(url).send().await.ok()?.text().await.ok()?;
    let status: Value = serde_json::from_str(&answer).ok()?;
    Some(status["link"].clone())
}

async fn n_connections(site: &Site) -> Option<u64> {
    link_of(site).await?["connections"].as_u64()
}

async fn link_is(site: &Site, trouble: &str, state: &str) {
    let what = format!("a link that is {state} with the trouble {trouble:?}");
    let told = until(&what, VISIBLE_WITHIN, || async {
        let link = link_of(site).await?;
        let metrics = site.relay_metrics().await.ok()?;
        let skewed = metrics.get("vedette_relay_trouble{kind=\"clock_skew\"}")?;
        let is_so =
            link["trouble"].as_str().unwrap_or_default() == trouble && link["state"] == state;
        let is_shown = (*skewed > 0.0) == (trouble == "clock_skew");
        (is_so && is_shown).then_some(())
    });
    let told = told.await;
    assert!(told.is_ok(), "{told:?}: {:?}", link_of(site).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wall_clock_that_jumps_by_years_expires_and_reorders_nothing() {
    let mut site = Site::start().await.unwrap();
    let clock = WallClock::of(&mut site).await;
    let traffic = Traffic::start(&site, 3);
    for jump in jumps() {
        clock.set(jump);
        traffic.more(15).await.unwrap();
    }
    // With a backlog, whose age is what expiry would look at.
    site.kill_hub().unwrap();
    for jump in jumps() {
        clock.set(jump);
        traffic.more(15).await.unwrap();
    }
    clock.set(0);
    site.start_hub().await.unwrap();
    let oracle = traffic.stop().await.unwrap();
    let verdict = oracle.check(&site, VISIBLE_WITHIN).await.unwrap();
    println!("16 jumps of the wall clock: {verdict:?}");
    let is_taken = |status: &u16| *status == 200;
    assert!(verdict.statuses.keys().all(is_taken), "{verdict:?}");
}

/// Certificates live by the hub's clock alone: the relay's own keeps nobody out, is told to be
/// wrong, and is right again as soon as it is set.
#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_clock_is_told_as_that_keeps_nobody_out_and_heals() {
    let mut site = Site::start().await.unwrap();
    let clock = WallClock::of(&mut site).await;
    let traffic = Traffic::start(&site, 2);
    for jump in [10 * YEAR, -10 * YEAR] {
        link_is(&site, "", "connected").await;
        clock.set(jump);
        link_is(&site, "clock_skew", "connected").await;
        let link = link_of(&site).await.unwrap();
        println!(
            "{jump} s: {} ms, {}",
            link["clock_offset_ms"], link["remedy"]
        );
        // Handshakes of that day, and a backlog meanwhile.
        let n_before = n_connections(&site).await;
        site.kill_hub().unwrap();
        traffic.more(30).await.unwrap();
        site.start_hub().await.unwrap();
        until("another handshake", VISIBLE_WITHIN, || async {
            (n_connections(&site).await? > n_before?).then_some(())
        })
        .await
        .unwrap();
        link_is(&site, "clock_skew", "connected").await;
        // A relay that starts on that day.
        site.kill_relay().unwrap();
        site.start_relay().await.unwrap();
        link_is(&site, "clock_skew", "connected").await;
        traffic.more(30).await.unwrap();
        clock.set(0);
    }
    link_is(&site, "", "connected").await;
    let oracle = traffic.stop().await.unwrap();
    let verdict = oracle.check(&site, VISIBLE_WITHIN).await.unwrap();
    println!("two skews, two handshakes each: {verdict:?}");
}
