//! Requests whose end is a matter of opinion: whoever stands before relay or hub may have another
//! one, so nothing behind such a request is ever answered as a request of its own.

use std::time::Duration;

use tests::site::Site;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// A connection is at its end within this: slow ones are cut at ten seconds.
const WITHIN: Duration = Duration::from_secs(40);
/// What stands behind each vector, and where it is smuggled in: it would be answered.
const MARKER: &str = "GET /health/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

/// What is right for a vector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Right {
    /// 400, and the connection ends.
    Refused,
    /// One answer at most, whatever it is, and the connection ends.
    Closed,
    /// Its end is beyond doubt: it and the marker are answered, and nothing else.
    Clean,
}

use Right::{Clean, Closed, Refused};

/// Headers that say how long a body is, behind `POST … HTTP/1.1` and `Host`, and the body.
fn framings() -> Vec<(&'static str, String, String, Right)> {
    let chunked = |body: &str| format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
    let hidden = format!("0\r\n\r\n{MARKER}");
    let whole = chunked("{}\n");
    let mut all = vec![
        ("CL.TE", format!("Content-Length: {}\r\nTransfer-Encoding: chunked\r\n", hidden.len()), hidden.clone(), Closed),
        ("TE.CL", "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n".to_owned(), chunked(MARKER), Closed),
        ("CL.TE, first in lower case", format!("content-length: {}\r\ntransfer-encoding: CHUNKED\r\n", hidden.len()), hidden, Closed),
        ("content-length twice, alike", "Content-Length: 3\r\nContent-Length: 3\r\n".to_owned(), "{}\n".to_owned(), Clean),
        ("underscore", "Content-Length: 3\r\nTransfer_Encoding: chunked\r\n".to_owned(), "{}\n".to_owned(), Clean),
        ("plain chunks", "Transfer-Encoding: chunked\r\n".to_owned(), whole.clone(), Clean),
        ("tab before the value", "Transfer-Encoding:\tchunked\r\n".to_owned(), whole.clone(), Clean),
        ("h2c", "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\nContent-Length: 3\r\n".to_owned(), "{}\n".to_owned(), Clean),
        ("expectation", "Expect: 100-continue\r\nContent-Length: 3\r\n".to_owned(), "{}\n".to_owned(), Clean),
        ("hidden in the body", format!("Content-Length: {}\r\n", MARKER.len()), MARKER.to_owned(), Clean),
    ];
    // How the encoding is written in what proxies let pass.
    for te in [
        "Transfer-Encoding: xchunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: x",
        "Transfer-Encoding: x\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked, identity",
        "Transfer-Encoding: identity, chunked",
        "Transfer-Encoding: chunked, chunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: gzip, chunked",
        "Transfer-Encoding: identity",
        "Transfer-Encoding: \"chunked\"",
        "Transfer-Encoding: chunked;q=1",
        "Transfer-Encoding: \u{b}chunked",
        "Transfer-Encoding : chunked",
        " Transfer-Encoding: chunked",
        "X: x\r\n Transfer-Encoding: chunked",
        "X: x\r\n\tTransfer-Encoding: chunked",
        "Transfer-Encoding:\r\n chunked",
        "\u{b}Transfer-Encoding: chunked",
        "X: x\rTransfer-Encoding: chunked",
        "Transfer-Encoding\u{0}: chunked",
        "Transfer-Encoding: chunked\u{0}",
    ] {
        all.push((te, format!("{te}\r\n"), whole.clone(), Refused));
    }
    for cl in [
        "Content-Length: 3\r\nContent-Length: 4",
        "Content-Length: 3, 4",
        "Content-Length: 3, 3",
        "Content-Length: +3",
        "Content-Length: -3",
        "Content-Length: 0x3",
        "Content-Length: 3 3",
        "Content-Length:",
        "Content-Length: \u{b}3",
        "Content-Length : 3",
        "Content-Length: 3\r\n 3",
        "Content-Length: 99999999999999999999999999",
    ] {
        all.push((cl, format!("{cl}\r\n"), "{}\n".to_owned(), Refused));
    }
    // Chunks that are read in more than one way; what was read of them is never taken.
    for chunks in [
        "+3\r\n{}\n\r\n0\r\n\r\n",
        "-3\r\n{}\n\r\n0\r\n\r\n",
        "0x3\r\n{}\n\r\n0\r\n\r\n",
        "3\n{}\n\r\n0\r\n\r\n",
        "3;\n{}\n\r\n0\r\n\r\n",
        "3;a\nb\r\n{}\n\r\n0\r\n\r\n",
        "3\r\n{}\nXX0\r\n\r\n",
        "3\r\n{}\n\n0\r\n\r\n",
        "fffffffffffffffff3\r\n{}\n\r\n0\r\n\r\n",
        "\r\n3\r\n{}\n\r\n0\r\n\r\n",
    ] {
        let header = "Transfer-Encoding: chunked\r\n".to_owned();
        all.push((chunks, header, chunks.to_owned(), Closed));
    }
    all.push((
        "chunk with an extension",
        "Transfer-Encoding: chunked\r\n".to_owned(),
        "3;a=b\r\n{}\n\r\n0\r\n\r\n".to_owned(),
        Clean,
    ));
    all.push((
        "trailers",
        "Transfer-Encoding: chunked\r\n".to_owned(),
        "3\r\n{}\n\r\n0\r\nContent-Length: 9\r\n\r\n".to_owned(),
        Clean,
    ));
    all
}

/// Whole requests to a path, with what is right for each.
pub(super) fn vectors(path: &str) -> Vec<(String, String, Right)> {
    let framed = framings().into_iter().map(|(name, headers, body, right)| {
        let request = format!("POST {path} HTTP/1.1\r\nHost: x\r\n{headers}\r\n{body}");
        (name.to_owned(), request, right)
    });
    let hidden = |line: &str, more: &str| {
        let n = MARKER.len();
        format!("{line}\r\nHost: x\r\nContent-Length: {n}\r\n{more}\r\n{MARKER}")
    };
    let whole = [
        (
            "bare LF",
            format!("POST {path} HTTP/1.1\nHost: x\nContent-Length: 3\n\n{{}}\n"),
            Clean,
        ),
        (
            "1.0 with chunks",
            format!(
                "POST {path} HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
            ),
            Refused,
        ),
        (
            "two spaces",
            format!("POST  {path} HTTP/1.1\r\nHost: x\r\n\r\n"),
            Refused,
        ),
        (
            "no version",
            format!("POST {path}\r\nHost: x\r\n\r\n"),
            Refused,
        ),
        (
            "version 1.2",
            format!("POST {path} HTTP/1.2\r\nHost: x\r\n\r\n"),
            Refused,
        ),
        (
            "GET with a body",
            hidden("GET /health/live HTTP/1.1", ""),
            Clean,
        ),
        (
            "HEAD with a body",
            hidden("HEAD /health/live HTTP/1.1", ""),
            Clean,
        ),
        (
            "nothing there, with a body",
            hidden("POST /nothing HTTP/1.1", ""),
            Clean,
        ),
        (
            "OPTIONS with a body",
            hidden(&format!("OPTIONS {path} HTTP/1.1"), ""),
            Clean,
        ),
        (
            "unknown method with a body",
            hidden("BREW /health/live HTTP/1.1", ""),
            Clean,
        ),
        (
            "far too long",
            format!(
                "POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n{MARKER}"
            ),
            Closed,
        ),
    ];
    let whole = whole.map(|(name, request, right)| (name.to_owned(), request, right));
    framed.chain(whole).collect()
}

/// Sends a request and the marker behind it on one connection; gives the statuses of the answers,
/// up to the connection's end.
pub(super) async fn exchange(address: &str, request: &str) -> anyhow::Result<Vec<String>> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(request.as_bytes()).await?;
    // The connection may have ended by now, which is fine.
    drop(stream.write_all(MARKER.as_bytes()).await);
    let mut bytes = Vec::new();
    let reading = async {
        let mut buffer = vec![0; 64 * 1024];
        // A reset behind the answer is an end, too.
        while let Ok(n) = stream.read(&mut buffer).await {
            if n == 0 {
                break;
            }
            bytes.extend_from_slice(buffer.get(..n).unwrap_or_default());
        }
    };
    tokio::time::timeout(WITHIN, reading).await?;
    let text = String::from_utf8_lossy(&bytes);
    let answers = text.split("HTTP/1.").skip(1);
    let status = |answer: &str| answer.get(2..5).unwrap_or_default().to_owned();
    Ok(answers
        .map(status)
        .filter(|status| status != "100")
        .collect())
}

fn is_right(right: Right, answers: &[String]) -> bool {
    match right {
        Refused => answers == ["400"],
        Closed => answers.len() <= 1,
        // The marker is the last, and is answered 200.
        Clean => answers.len() == 2 && answers.last().is_some_and(|last| last == "200"),
    }
}

async fn check(who: &str, address: &str, path: &str) -> Vec<String> {
    let mut exchanges = tokio::task::JoinSet::new();
    for (name, request, right) in vectors(path) {
        let address = address.to_owned();
        exchanges.spawn(async move {
            let answers = exchange(&address, &request).await;
            (name, right, answers)
        });
    }
    let (mut n_vectors, mut wrong) = (0, Vec::new());
    while let Some(done) = exchanges.join_next().await {
        let (name, right, answers) = done.unwrap();
        n_vectors += 1;
        if !answers
            .as_ref()
            .is_ok_and(|answers| is_right(right, answers))
        {
            wrong.push(format!("{who}: {name:?} should be {right:?}: {answers:?}"));
        }
    }
    println!(
        "{who}: {n_vectors} vectors, {} treated otherwise",
        wrong.len()
    );
    wrong
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_behind_a_request_of_doubtful_length_is_answered() {
    let mut site = Site::start().await.unwrap();
    let (host, project) = site.dsn().rsplit_once('/').unwrap();
    let key = host.split(['/', '@']).nth(2).unwrap();
    let at_relay = format!("/api/{project}/envelope/?sentry_key={key}");
    let relay = site.relay_url().trim_start_matches("http://");
    let hub = site.hub_url().trim_start_matches("http://");
    let mut wrong = check("relay", relay, &at_relay).await;
    wrong.extend(check("hub, unknown", hub, "/api/0/organizations/").await);
    wrong.extend(check("hub, a page", hub, "/").await);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    site.still_runs().unwrap();
    let id = site
        .sdk()
        .send(&serde_json::json!({"message": "after"}))
        .await;
    let id = id.unwrap();
    site.api()
        .event(site.org(), site.project(), &id)
        .await
        .unwrap();
    site.assert_ledger_balances().await.unwrap();
}
