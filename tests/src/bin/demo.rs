//! `make demo`: a hub and a joined relay with sample events, until interrupted.
//!
//! Everything lies in `$DEMO_DIR`, else `./demo-data`; running it again goes on with what is
//! there. `DEMO_SAMPLES=0` sends no samples. `DEMO_PORTS=free` takes free ports. When everything
//! serves, `connection.json` in that directory says how to reach it.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use serde_json::json;
use tests::samples::{at, samples};
use tests::site::{ADMIN_EMAIL, ORGANIZATION, PROJECT, Plan, Site};

/// How often the programs are looked at while the demo runs.
const LOOK_EVERY: Duration = Duration::from_millis(500);

#[expect(
    clippy::disallowed_methods,
    reason = "the demo is set by its environment alone"
)]
fn setting(name: &str) -> String {
    std::env::var(name).unwrap_or_default()
}

#[expect(clippy::print_stdout, reason = "the demo speaks to a person")]
fn say(text: &str) {
    println!("{text}");
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let dir = setting("DEMO_DIR");
    let dir = PathBuf::from(if dir.is_empty() { "demo-data" } else { &dir });
    std::fs::create_dir_all(&dir).with_context(|| dir.display().to_string())?;
    let dir = dir.canonicalize()?;
    let connection = dir.join("connection.json");
    drop(std::fs::remove_file(&connection));
    let is_fresh = !dir.join("access.json").exists();
    let plan = if setting("DEMO_PORTS") == "free" {
        Plan::free(dir)?
    } else {
        Plan::documented(dir)
    };
    let mut site = Site::open(plan).await?;
    if is_fresh && setting("DEMO_SAMPLES") != "0" {
        send_samples(&site).await?;
    }
    let access = site.access().clone();
    let facts = json!({
        "hub_url": site.hub_url(), "relay_url": site.relay_url(), "dsn": access.dsn,
        "organization": ORGANIZATION, "project": PROJECT, "project_id": access.project_id,
        "admin_email": ADMIN_EMAIL, "admin_password": access.admin_password,
        "api_token": access.api_token,
        "hub_pid": site.hub().map(tests::process::Process::id),
        "relay_pid": site.relay().map(tests::process::Process::id),
    });
    let fresh = connection.with_extension("new");
    std::fs::write(&fresh, serde_json::to_string_pretty(&facts)?)?;
    std::fs::rename(&fresh, &connection)?;
    say(&format!(
        "\n  Dashboard   {}\n  Log in as   {ADMIN_EMAIL}\n  Password    {}\n  DSN         {}\n\n  \
         Point any Sentry SDK at the DSN. Everything is in {}.\n  Ctrl-C ends the demo; run it again to go on.\n",
        site.hub_url(),
        access.admin_password,
        access.dsn,
        site.dir().display()
    ));
    until_interrupted(&mut site).await?;
    drop(std::fs::remove_file(&connection));
    say("ended");
    Ok(())
}

/// Sends the samples through the relay; one issue is resolved and comes back in a later release.
async fn send_samples(site: &Site) -> anyhow::Result<()> {
    let now = hub::clock::now();
    let mut n_sent = 0;
    let all = samples();
    for sample in &all {
        for minutes_ago in sample.minutes_ago.iter().rev() {
            site.sdk()
                .send(&at(&sample.event, now, *minutes_ago))
                .await?;
            n_sent += 1;
        }
    }
    site.settled(n_sent).await?;
    for sample in all.iter().filter(|sample| sample.comes_back_in.is_some()) {
        let kind = sample
            .event
            .pointer("/exception/values/1/type")
            .and_then(|v| v.as_str());
        let query = format!("error.type:{}", kind.unwrap_or_default());
        let found = site.api().issues(ORGANIZATION, &query, 1).await?;
        let id = found
            .first()
            .and_then(|issue| issue["id"].as_str())
            .context("an issue")?;
        let path = format!("organizations/{ORGANIZATION}/issues/{id}/");
        site.api()
            .put(&path, &json!({"status": "resolved"}))
            .await?;
        // Without a time of its own it happened when the relay has it: after it was resolved.
        let mut again = at(&sample.event, now, 0);
        if let Some(fields) = again.as_object_mut() {
            fields.remove("timestamp");
            fields.insert("release".into(), json!(sample.comes_back_in));
        }
        site.sdk().send(&again).await?;
        n_sent += 1;
    }
    site.settled(n_sent).await
}

/// Waits for Ctrl-C or SIGTERM, then ends the relay and the hub in order.
async fn until_interrupted(site: &mut Site) -> anyhow::Result<()> {
    let mut terminated = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    loop {
        tokio::select! {
            _ = tokio::signal::ctrl_c() => break,
            _ = terminated.recv() => break,
            () = tokio::time::sleep(LOOK_EVERY) => site.still_runs()?,
        }
    }
    site.terminate_relay().await?;
    site.stop_hub().await
}
