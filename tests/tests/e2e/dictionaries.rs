//! Dictionaries from the records that trained them to the blocks that need them: over restarts of
//! the relay without the hub, and of a hub that was set back to before it had trained.

use std::path::Path;
use std::process::Command;

use tests::api::VISIBLE_WITHIN;
use tests::load::Load;
use tests::site::Site;
use tests::wait::until;

/// Errors that a dictionary is trained on; a fifth of them is held out.
const TRAINED_ON: usize = 200;
/// Errors that are sent with it.
const SENT: usize = 20;

async fn post(site: &Site, load: &mut Load, n: usize) {
    for _ in 0..n {
        let (_, body) = load.next_gzip().unwrap();
        let status = site.sdk().post(body, "gzip").await.unwrap().status();
        assert!(status.is_success(), "{status}");
    }
}

/// Sends errors, each when the one before is acknowledged; gives the bytes of their blocks, each.
async fn send_alone(site: &Site, load: &mut Load) -> f64 {
    let before = block_bytes(site).await;
    for _ in 0..SENT {
        post(site, load, 1).await;
        until("the error acknowledged", VISIBLE_WITHIN, || async {
            (site.waiting_records().await.ok()? == 0).then_some(())
        })
        .await
        .unwrap();
    }
    let n = f64::from(u32::try_from(SENT).unwrap());
    (block_bytes(site).await - before) / n
}

/// Bytes of the blocks that the relay has sent since its start.
async fn block_bytes(site: &Site) -> f64 {
    let metrics = site.relay_metrics().await.unwrap();
    metrics["vedette_relay_link_bytes_total"]
}

fn copy(from: &Path, to: &Path) {
    let status = Command::new("cp").arg("-a").args([from, to]).status();
    assert!(status.unwrap().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn blocks_of_a_dictionary_are_readable_wherever_they_come_to_lie() {
    let mut site = Site::start().await.unwrap();
    let mut load = Load::python().unwrap();
    let plain = send_alone(&site, &mut load).await;
    post(&site, &mut load, TRAINED_ON - SENT).await;
    site.settled_at_least(TRAINED_ON).await.unwrap();
    let answer = site.hub_cli(&["dictionary", "train"]).unwrap();
    assert!(answer.contains("is in force"), "{answer}");
    let used = site.relay_uses_dictionary("errors").await.unwrap();
    let list = site.hub_cli(&["dictionary", "ls"]).unwrap();
    assert!(list.contains(&used) && list.contains("in force"), "{list}");

    // What is sent with it arrives, and what is spooled with it survives a relay that starts
    // without its hub.
    let each = send_alone(&site, &mut load).await;
    println!("an error that is sent alone takes {plain} bytes, with a dictionary {each}");
    assert!(each <= 750.0, "{each} bytes of {plain}");
    site.stop_hub().await.unwrap();
    post(&site, &mut load, SENT).await;
    site.kill_relay().unwrap();
    site.start_relay().await.unwrap();
    assert_eq!(site.relay_uses_dictionary("errors").await.unwrap(), used);
    post(&site, &mut load, SENT).await;
    let status = site.relay_cli("status").unwrap();
    assert!(status.contains(&format!("errors {used}")), "{status}");
    let verified = site.spool_cli("verify").unwrap();
    assert!(
        verified.contains(" 0 damages") && !verified.contains("missing"),
        "{verified}"
    );
    let spooled = site.spool_cli("cat").unwrap();
    assert!(spooled.contains("/checkout/"), "records are shown");

    site.start_hub().await.unwrap();
    let n_all = TRAINED_ON + 3 * SENT;
    site.settled_at_least(n_all).await.unwrap();
    assert_eq!(site.stored_event_ids().await.unwrap().len(), n_all);
    site.assert_ledger_balances().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_that_lost_a_dictionary_gets_it_from_the_relay() {
    let mut site = Site::start().await.unwrap();
    let mut load = Load::python().unwrap();
    post(&site, &mut load, TRAINED_ON).await;
    site.settled(TRAINED_ON).await.unwrap();
    let (hub, backup) = (site.dir().join("hub"), site.dir().join("backup"));
    site.hub().unwrap().freeze().unwrap();
    copy(&hub, &backup);
    site.hub().unwrap().thaw().unwrap();
    site.hub_cli(&["dictionary", "train"]).unwrap();
    let used = site.relay_uses_dictionary("errors").await.unwrap();
    site.stop_hub().await.unwrap();
    post(&site, &mut load, SENT).await;

    std::fs::remove_dir_all(&hub).unwrap();
    std::fs::rename(&backup, &hub).unwrap();
    site.start_hub().await.unwrap();
    site.settled_at_least(TRAINED_ON + SENT).await.unwrap();
    let list = site.hub_cli(&["dictionary", "ls"]).unwrap();
    assert!(
        list.contains(&used) && list.contains("given back"),
        "{list}"
    );
    let metrics = site.hub_metrics().await.unwrap();
    let poison = metrics.get("vedette_hub_digest_poison_total").copied();
    assert!(poison.unwrap_or_default() < 0.5, "nothing is set aside");
}
