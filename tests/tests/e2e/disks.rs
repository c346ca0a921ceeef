//! A disk that is full: what was answered 200 is delivered all the same, what comes is refused, and
//! the relay goes on by itself when there is room again.

use std::collections::HashSet;
use std::fs::File;
use std::io::Write;

use serde_json::json;
use tests::api::{Sdk, VISIBLE_WITHIN, envelope};
use tests::load::Load;
use tests::site::Site;
use tests::wait::until;

/// Most events until a filesystem without a byte left must have refused one.
const REFUSED_WITHIN: usize = 200;

/// Takes every byte that is free in the relay's filesystem; removing it gives them back.
fn fill(path: &std::path::Path) {
    let mut file = File::create(path).unwrap();
    let (mut block, mut n_full) = (vec![0xa5; 64 * 1024], 0);
    while n_full < 3 {
        if matches!(file.write(&block), Ok(n) if n > 0) {
            continue;
        }
        // Smaller pieces still fit where a large one does not.
        n_full += 1;
        block.truncate(block.len() / 16);
    }
}

/// Posts one event; notes its id when it was answered 200, else answers the status.
async fn post(sdk: &Sdk, load: &mut Load, answered: &mut HashSet<String>) -> Option<u16> {
    let (id, event) = load.next_event().unwrap();
    let status = sdk.post(envelope(&event), "").await.unwrap().status();
    if status.is_success() {
        answered.insert(id);
        return None;
    }
    Some(status.as_u16())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_filesystem_refuses_drains_and_recovers() {
    let mut site = Site::start_with_spool_filesystem("24m").await.unwrap();
    let mut load = Load::python().unwrap();
    let mut answered = HashSet::new();
    site.stop_hub().await.unwrap();
    for _ in 0..50 {
        let refused = post(site.sdk(), &mut load, &mut answered).await;
        assert_eq!(refused, None);
    }

    let filler = site.spool_of_running_relay().unwrap().join("filler");
    fill(&filler);
    let mut refused = None;
    for _ in 0..REFUSED_WITHIN {
        refused = post(site.sdk(), &mut load, &mut answered).await;
        if refused.is_some() {
            break;
        }
    }
    assert!(matches!(refused, Some(429 | 503)), "{refused:?}");
    site.still_runs().unwrap();

    // Draining needs no room.
    site.start_hub().await.unwrap();
    let wanted = answered.len();
    until("the full spool to drain", VISIBLE_WITHIN, || async {
        (site.stored_events().await.ok()? == wanted).then_some(())
    })
    .await
    .unwrap();

    std::fs::remove_file(&filler).unwrap();
    let id = until("the relay to accept again", VISIBLE_WITHIN, || async {
        site.sdk()
            .send(&json!({"message": "room again"}))
            .await
            .ok()
    })
    .await
    .unwrap();
    answered.insert(id);
    site.settled(answered.len()).await.unwrap();
    let stored: HashSet<String> = site.stored_event_ids().await.unwrap().into_iter().collect();
    assert_eq!(stored, answered);
    site.assert_ledger_balances().await.unwrap();
}
