//! A relay that hangs, with the test in systemd's place: it is told nothing, kills and starts again.

use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use tests::oracle::Traffic;
use tests::site::Site;
use tests::wait::{clock, until};

/// A relay that is not heard of for this long hangs, as `WatchdogSec=` has it.
const LIMIT: Duration = Duration::from_secs(2);
const WITHIN: Duration = Duration::from_secs(120);

/// Where programs say how they are.
struct Ear(UnixDatagram);

impl Ear {
    /// Takes what has been said; whether one of it was this.
    fn heard(&self, what: &str) -> bool {
        let (mut buffer, mut is_heard) = ([0; 1024], false);
        while let Ok(n) = self.0.recv(&mut buffer) {
            let said = String::from_utf8_lossy(buffer.get(..n).unwrap_or_default());
            is_heard |= said.lines().any(|line| line == what);
        }
        is_heard
    }

    async fn hears(&self, what: &str) {
        until(what, WITHIN, || async { self.heard(what).then_some(()) })
            .await
            .unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_that_hangs_is_missed_and_loses_nothing_when_it_is_started_again() {
    let mut site = Site::start().await.unwrap();
    site.terminate_relay().await.unwrap();
    let socket = site.dir().join("notify");
    let ear = Ear(UnixDatagram::bind(&socket).unwrap());
    ear.0.set_nonblocking(true).unwrap();
    site.set_relay_environment(vec![
        ("NOTIFY_SOCKET".to_owned(), socket.display().to_string()),
        ("WATCHDOG_USEC".to_owned(), LIMIT.as_micros().to_string()),
    ]);
    site.start_relay().await.unwrap();
    ear.hears("READY=1").await;
    ear.hears("WATCHDOG=1").await;

    let traffic = Traffic::start(&site, 3);
    traffic.more(50).await.unwrap();
    ear.hears("WATCHDOG=1").await;
    site.relay().unwrap().freeze().unwrap();
    // What it said before it hung does not count.
    ear.heard("WATCHDOG=1");
    let since = clock();
    until("the limit to pass in silence", WITHIN, || async {
        assert!(
            !ear.heard("WATCHDOG=1"),
            "a relay that hangs says it is alive"
        );
        (since.elapsed() > LIMIT).then_some(())
    })
    .await
    .unwrap();
    site.kill_relay().unwrap();
    site.start_relay().await.unwrap();
    ear.hears("READY=1").await;
    traffic.more(50).await.unwrap();
    let oracle = traffic.stop().await.unwrap();
    oracle.check(&site, WITHIN).await.unwrap();

    // Nobody has listened for a while, and it went on; somebody does when it ends.
    ear.heard("WATCHDOG=1");
    site.terminate_relay().await.unwrap();
    ear.hears("STOPPING=1").await;
}
