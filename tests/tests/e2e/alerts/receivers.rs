//! A webhook receiver and a mail server on loopback, as real as the protocol asks.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

/// Messages that may wait to be looked at.
const WAITING: usize = 64;

/// Listens and hands each connection to `serve`, which sends on what it took.
fn listen(serve: fn(TcpStream, &SyncSender<String>)) -> (u16, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (taken, waiting) = sync_channel(WAITING);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            serve(stream, &taken);
        }
    });
    (port, waiting)
}

/// Answers every POST with 200.
pub(super) struct WebhookServer {
    port: u16,
    bodies: Receiver<String>,
}

impl WebhookServer {
    pub(super) fn start() -> Self {
        let (port, bodies) = listen(take_post);
        Self { port, bodies }
    }

    pub(super) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/hook", self.port)
    }

    pub(super) fn next(&self, most: Duration) -> Option<String> {
        self.bodies.recv_timeout(most).ok()
    }
}

fn take_post(mut stream: TcpStream, taken: &SyncSender<String>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 {
            return;
        }
        if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if line.trim().is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    drop(stream.write_all(answer));
    drop(taken.send(String::from_utf8(body).unwrap()));
}

/// Takes every mail.
pub(super) struct MailServer {
    port: u16,
    mails: Receiver<String>,
}

impl MailServer {
    pub(super) fn start() -> Self {
        let (port, mails) = listen(take_mails);
        Self { port, mails }
    }

    pub(super) fn url(&self) -> String {
        format!("smtp://127.0.0.1:{}", self.port)
    }

    pub(super) fn next(&self, most: Duration) -> Option<String> {
        self.mails.recv_timeout(most).ok()
    }
}

fn take_mails(stream: TcpStream, taken: &SyncSender<String>) {
    let mut out = stream.try_clone().unwrap();
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    let mut say = move |text: &str| drop(out.write_all(format!("{text}\r\n").as_bytes()));
    say("220 test");
    while let Some(line) = lines.next() {
        match line
            .split(' ')
            .next()
            .unwrap_or_default()
            .to_uppercase()
            .as_str()
        {
            "DATA" => {
                say("354 go on");
                let text: Vec<String> = lines.by_ref().take_while(|line| line != ".").collect();
                say("250 taken");
                drop(taken.send(text.join("\n")));
            }
            "QUIT" => {
                say("221 bye");
                return;
            }
            _ => say("250 ok"),
        }
    }
}
