//! Relays behind the proxies that people have, set up as leniently as they can
//! be: whatever a stranger sends through them, everybody else gets the answer to their own request.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tests::api::envelope;
use tests::process::Process;
use tests::site::Site;
use tests::wait::until;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::smuggling::{exchange, vectors};

/// A proxy that has not answered by then does not work.
const WITHIN: Duration = Duration::from_secs(60);
/// Requests of others behind each vector: as many as the proxy may have connections to the relay
/// that it uses again.
const OTHERS: usize = 4;

/// Where `scripts/install test` unpacks proxies.
fn unpacked() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().unwrap().join("target/tools/usr")
}

/// Starts a proxy with its configuration, with its own libraries if it has been unpacked.
fn start(name: &str, args: &[&str], log: &Path) -> Process {
    let own = unpacked().join("sbin").join(name);
    let program = if own.exists() {
        own
    } else {
        PathBuf::from("/usr/sbin").join(name)
    };
    assert!(
        program.exists(),
        "{name} is missing: run scripts/install test"
    );
    let lib = unpacked().join("lib");
    let libraries = fs::read_dir(lib).into_iter().flatten().flatten();
    let libraries: Vec<String> = libraries
        .map(|dir| dir.path().to_string_lossy().into_owned())
        .collect();
    let environment = [("LD_LIBRARY_PATH".to_owned(), libraries.join(":"))];
    Process::start_in(&program, args, log, &environment).unwrap()
}

/// nginx: passes on headers that it does not understand, and bodies as they come.
fn nginx(dir: &Path, port: u16, relay: &str) -> Process {
    let temp = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|kind| format!("{kind}_temp_path {}/{kind};\n", dir.display()));
    let config = format!(
        "daemon off; master_process off; pid {dir}/nginx.pid; error_log {dir}/nginx.log;
         events {{ worker_connections 512; }}
         http {{
           access_log off; {temp}
           ignore_invalid_headers off; underscores_in_headers on;
           upstream relay {{ server {relay}; keepalive {OTHERS}; }}
           server {{
             listen 127.0.0.1:{port};
             location / {{
               proxy_pass http://relay; proxy_http_version 1.1;
               proxy_set_header Connection \"\"; proxy_request_buffering off;
             }}
           }}
         }}",
        dir = dir.display(),
        temp = temp.concat(),
    );
    let file = dir.join("nginx.conf");
    fs::write(&file, config).unwrap();
    let file = file.to_str().unwrap();
    start(
        "nginx",
        &["-c", file, "-e", "stderr"],
        &dir.join("nginx.out"),
    )
}

/// `HAProxy`: takes requests that are wrong, and uses every connection to the relay again.
fn haproxy(dir: &Path, port: u16, relay: &str) -> Process {
    let config = format!(
        "global\n  maxconn 512\n
defaults\n  mode http\n  timeout connect 5s\n  timeout client 30s\n  timeout server 30s\n  http-reuse always\n
frontend in\n  bind 127.0.0.1:{port}\n  option accept-invalid-http-request\n  default_backend relay\n
backend relay\n  option accept-invalid-http-response\n  server relay {relay}\n"
    );
    let file = dir.join("haproxy.cfg");
    fs::write(&file, config).unwrap();
    let file = file.to_str().unwrap();
    start("haproxy", &["-db", "-f", file], &dir.join("haproxy.out"))
}

/// The status and body that a small event of its own is answered with, on a connection of its own.
async fn other(address: &str, path: &str, id: &str) -> anyhow::Result<String> {
    let event = serde_json::json!({"event_id": id, "message": "somebody else's"});
    let body = envelope(&event);
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(&body).await?;
    let mut answer = Vec::new();
    tokio::time::timeout(WITHIN, stream.read_to_end(&mut answer)).await??;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

async fn check(who: &str, address: &str, path: &str, seed: u128) -> Vec<String> {
    let mut wrong = Vec::new();
    let (mut n, mut n_vectors) = (seed, 0);
    for (name, request, _) in vectors(path) {
        n_vectors += 1;
        // What a proxy answers to a vector is its own affair; more than one answer to each of the
        // two requests is not.
        match exchange(address, &request).await {
            Ok(answers) if answers.len() <= 2 => {}
            answers => wrong.push(format!("{who}: {name:?} is answered {answers:?}")),
        }
        for _ in 0..OTHERS {
            n += 1;
            let id = format!("{n:032x}");
            match other(address, path, &id).await {
                Ok(answer) if answer.starts_with("HTTP/1.1 200") && answer.contains(&id) => {}
                answer => wrong.push(format!("{who}: behind {name:?} another got {answer:?}")),
            }
        }
    }
    println!("{who}: {n_vectors} vectors, {} wrong", wrong.len());
    wrong
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_a_proxy_everybody_gets_their_own_answer() {
    let mut site = Site::start().await.unwrap();
    let (host, project) = site.dsn().rsplit_once('/').unwrap();
    let key = host.split(['/', '@']).nth(2).unwrap();
    let path = format!("/api/{project}/envelope/?sentry_key={key}");
    let relay = site.relay_url().trim_start_matches("http://");
    let served = async |who: &str, start: fn(&Path, u16, &str) -> Process, seed: u128| {
        let port = {
            let free = TcpListener::bind("127.0.0.1:0").unwrap();
            free.local_addr().unwrap().port()
        };
        let address = format!("127.0.0.1:{port}");
        let mut proxy = start(site.dir(), port, relay);
        until(&format!("{who} to serve"), WITHIN, || async {
            let answer = other(&address, &path, &format!("{seed:032x}")).await;
            let serves = answer.is_ok_and(|answer| answer.starts_with("HTTP/1.1 200"));
            serves.then_some(())
        })
        .await
        .unwrap();
        let wrong = check(who, &address, &path, seed).await;
        assert!(proxy.runs(), "{who} ended");
        wrong
    };
    let (mut wrong, of_haproxy) = tokio::join!(
        served("nginx", nginx, 1 << 64),
        served("haproxy", haproxy, 2 << 64)
    );
    wrong.extend(of_haproxy);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    site.still_runs().unwrap();
    site.assert_ledger_balances().await.unwrap();
}
