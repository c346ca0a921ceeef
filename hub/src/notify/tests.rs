//! Notifications on their way to real receivers on loopback.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;

use super::*;

/// Takes one HTTP request, answers with `status`, and returns its body.
fn receiver(status: &'static str) -> (String, std::thread::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!(
        "http://127.0.0.1:{}/hook",
        listener.local_addr().unwrap().port()
    );
    let taken = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        let mut length = 0;
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).unwrap();
            if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
            if line.trim().is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        write!(
            stream,
            "HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
        )
        .unwrap();
        String::from_utf8(body).unwrap()
    });
    (url, taken)
}

/// Takes one mail the way an SMTP server does, and returns its text.
fn mail_server() -> (String, std::thread::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("smtp://127.0.0.1:{}", listener.local_addr().unwrap().port());
    let taken = std::thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let mut out = stream.try_clone().unwrap();
        let mut lines = BufReader::new(stream).lines();
        let mut text = String::new();
        out.write_all(b"220 test\r\n").unwrap();
        while let Some(Ok(line)) = lines.next() {
            let word = line.split(' ').next().unwrap_or_default().to_uppercase();
            match word.as_str() {
                "DATA" => {
                    out.write_all(b"354 go on\r\n").unwrap();
                    for line in lines.by_ref().map_while(Result::ok) {
                        if line == "." {
                            break;
                        }
                        text.push_str(&line);
                        text.push('\n');
                    }
                    out.write_all(b"250 taken\r\n").unwrap();
                }
                "QUIT" => break,
                _ => out.write_all(b"250 ok\r\n").unwrap(),
            }
            if !text.is_empty() {
                break;
            }
        }
        text
    });
    (url, taken)
}

fn local() -> Config {
    Config {
        allow_networks: vec!["127.0.0.0/8".parse().unwrap()],
        ..Config::default()
    }
}

#[tokio::test]
async fn posts_to_a_webhook() {
    let (url, taken) = receiver("200 OK");
    let sender = Sender::new(&local()).unwrap();
    sender
        .send(&Action::Webhook { url }, r#"{"a":1}"#)
        .await
        .unwrap();
    assert_eq!(taken.join().unwrap(), r#"{"a":1}"#);
}

#[tokio::test]
async fn an_answer_that_is_no_success_is_an_error() {
    let (url, taken) = receiver("503 Busy");
    let sender = Sender::new(&local()).unwrap();
    let answer = sender.send(&Action::Webhook { url }, "{}").await;
    assert!(
        matches!(answer, Err(NotifyError::Status { status: 503 })),
        "{answer:?}"
    );
    taken.join().unwrap();
}

#[tokio::test]
async fn sends_a_mail() {
    let (smtp, taken) = mail_server();
    let sender = Sender::new(&Config { smtp, ..local() }).unwrap();
    let payload = r#"{"change":"new_issue","data":{"issue":{"shortId":"SHOP-1","title":"boom"}}}"#;
    sender
        .send(
            &Action::Email {
                to: "jane@example.com".into(),
            },
            payload,
        )
        .await
        .unwrap();
    let mail = taken.join().unwrap();
    assert!(mail.contains("Subject: [SHOP-1] boom"), "{mail}");
    assert!(mail.contains("To: jane@example.com"), "{mail}");
    assert!(mail.contains("New issue"), "{mail}");
}

#[tokio::test]
async fn says_that_there_is_no_mail_server() {
    let sender = Sender::new(&local()).unwrap();
    let answer = sender
        .send(
            &Action::Email {
                to: "jane@example.com".into(),
            },
            "{}",
        )
        .await;
    assert!(matches!(answer, Err(NotifyError::NoMailServer)));
}

#[test]
fn tries_again_with_growing_pauses_and_then_gives_up() {
    let now = Timestamp::from_millis(0);
    let at = |attempts| DueNotification {
        id: 1,
        action: Action::Webhook { url: String::new() },
        payload: String::new(),
        attempts,
    };
    let fails = || Err(NotifyError::Status { status: 500 });
    let pause = |attempts| match judge(&at(attempts), fails(), now) {
        Attempt::Again { at, .. } => at.as_millis(),
        other => panic!("{other:?}"),
    };
    assert_eq!((pause(0), pause(1), pause(2)), (30_000, 60_000, 120_000));
    assert!(matches!(
        judge(&at(7), fails(), now),
        Attempt::Failed { .. }
    ));
    let refused = Err(NotifyError::Status { status: 404 });
    assert!(matches!(
        judge(&at(0), refused, now),
        Attempt::Failed { .. }
    ));
    assert_eq!(judge(&at(0), Ok(()), now), Attempt::Sent);
}
