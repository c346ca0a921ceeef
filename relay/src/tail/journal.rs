//! Follows the journal of some units, as `journalctl` writes it: one JSON object a line.

use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use protocol::timestamp::Timestamp;
use protocol::traceback::{Collector, Piece};
use serde::Deserialize;
use serde_json::Value;
use tokio::io::{AsyncBufRead, AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use super::cursors::Cursors;
use super::{Config, Found, SOURCES_MAX, Sink};
use crate::clock;

/// What all units share of the state.
const CURSOR: &str = "cursor";
/// Longest entry, in bytes; of a longer one nothing is read.
const ENTRY_BYTES_MAX: usize = 1024 * 1024;
/// How long no entry comes until what is held back is as whole as it will be.
pub(super) const QUIET: Duration = Duration::from_secs(2);
/// How long is waited before `journalctl` is started again.
const RESTART: Duration = Duration::from_secs(10);

/// An entry, as far as it is of use.
#[derive(Debug, Deserialize)]
pub struct Entry {
    #[serde(rename = "__CURSOR")]
    cursor: String,
    #[serde(rename = "__REALTIME_TIMESTAMP", default)]
    micros: Option<String>,
    #[serde(rename = "MESSAGE", default)]
    message: Value,
    #[serde(rename = "_SYSTEMD_UNIT", default)]
    unit: Option<String>,
    #[serde(rename = "_PID", default)]
    pid: Option<String>,
}

/// What processes say between each other's lines, each apart.
#[derive(Debug, Default)]
pub struct Voices {
    by_process: BTreeMap<String, Voice>,
    /// Entries so far.
    n_entries: u64,
    /// Entries that are not done with, in their order: number and cursor.
    waiting: VecDeque<(u64, String)>,
}

#[derive(Debug, Default)]
struct Voice {
    collector: Collector,
    unit: String,
    /// Whence each line is that the collector holds.
    held: VecDeque<Origin>,
    heard: Duration,
}

#[derive(Debug)]
struct Origin {
    entry: u64,
    cursor: String,
    at: Option<Timestamp>,
}

/// Follows the journal until the sink's relay ends.
pub(super) async fn follow(config: Config, state: PathBuf, sink: Sink) {
    let opened = tokio::task::spawn_blocking(move || Cursors::<String>::open(state));
    let Ok(mut cursors) = opened.await else {
        return;
    };
    let mut is_told = false;
    loop {
        match start(&config, cursors.places.get(CURSOR)) {
            Ok(mut child) => {
                is_told = false;
                let Some(output) = child.stdout.take() else {
                    return;
                };
                let read = BufReader::new(output);
                match listen(read, &config, cursors, &sink).await {
                    Some(kept) => cursors = kept,
                    None => return,
                }
                // It ended by itself, or goes with its handle.
                drop(child);
            }
            Err(error) if !is_told => {
                tracing::warn!(%error, "journalctl cannot be started; it is tried again");
                is_told = true;
            }
            Err(_) => {}
        }
        tokio::select! {
            () = sink.cancel.cancelled() => return,
            () = tokio::time::sleep(RESTART) => {}
        }
    }
}

fn start(config: &Config, cursor: Option<&String>) -> std::io::Result<Child> {
    let mut command = Command::new("journalctl");
    command.args(["--output=json", "--follow", "--all", "--quiet"]);
    match cursor {
        Some(cursor) => command.arg(format!("--after-cursor={cursor}")),
        None => command.arg("--lines=0"),
    };
    for unit in config.journal_units.iter().take(SOURCES_MAX) {
        command.arg(format!("--unit={unit}"));
    }
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
}

/// Reads entries until there are no more; `None` when the relay ends.
async fn listen(
    mut read: impl AsyncBufRead + Unpin,
    config: &Config,
    mut cursors: Cursors<String>,
    sink: &Sink,
) -> Option<Cursors<String>> {
    let mut voices = Voices::default();
    let mut line = Vec::new();
    let mut saved_at = Duration::ZERO;
    loop {
        let read = tokio::select! {
            () = sink.cancel.cancelled() => return None,
            read = timeout(QUIET, next_line(&mut read, &mut line)) => read,
        };
        let now = clock::monotonic();
        let is_quiet = read.is_err();
        let is_over = matches!(read, Ok(Ok(false) | Err(_)));
        let mut found = voices.end_silent(now, is_quiet || is_over);
        if let Ok(Ok(true)) = read {
            if let Ok(entry) = serde_json::from_slice(&line) {
                found.extend(voices.hear(entry, config.line_max(), now));
            }
            line.clear();
        }
        for found in &found {
            if !sink.send(found).await {
                return None;
            }
        }
        let is_time = is_quiet || is_over || now.saturating_sub(saved_at) >= QUIET;
        if is_time && let Some(cursor) = voices.done() {
            saved_at = now;
            cursors.places.insert(CURSOR.to_owned(), cursor);
            let saving = tokio::task::spawn_blocking(move || {
                cursors.save();
                cursors
            });
            cursors = saving.await.ok()?;
        }
        if is_over {
            return Some(cursors);
        }
    }
}

/// Reads a line within the limit; of a longer one nothing is left. `false` at the end.
///
/// When this is dropped, what was read of the line stays in the buffer.
async fn next_line(
    read: &mut (impl AsyncBufRead + Unpin),
    line: &mut Vec<u8>,
) -> std::io::Result<bool> {
    loop {
        let bytes = read.fill_buf().await?;
        if bytes.is_empty() {
            return Ok(false);
        }
        let newline = memchr::memchr(b'\n', bytes);
        let part = bytes
            .get(..newline.unwrap_or(bytes.len()))
            .unwrap_or_default();
        // One byte over the limit marks that it is.
        let room = (ENTRY_BYTES_MAX + 1).saturating_sub(line.len());
        line.extend_from_slice(part.get(..room.min(part.len())).unwrap_or_default());
        let n = newline.map_or(bytes.len(), |at| at + 1);
        read.consume(n);
        if newline.is_some() {
            if line.len() > ENTRY_BYTES_MAX {
                line.clear();
            }
            return Ok(true);
        }
    }
}

impl Voices {
    /// Takes an entry of the journal, whose lines are cut to so many bytes; gives the traces that
    /// are whole now.
    pub fn hear(&mut self, entry: Entry, line_max: usize, now: Duration) -> Vec<Found> {
        let unit = entry.unit.unwrap_or_default();
        let who = format!("{unit} {}", entry.pid.unwrap_or_default());
        let mut found = Vec::new();
        if !self.by_process.contains_key(&who) && self.by_process.len() >= SOURCES_MAX {
            found.extend(self.end_silent(now, true));
        }
        self.n_entries += 1;
        self.waiting
            .push_back((self.n_entries, entry.cursor.clone()));
        let voice = self.by_process.entry(who).or_default();
        voice.unit = unit;
        voice.heard = now;
        let at = entry.micros.and_then(|micros| micros.parse::<i64>().ok());
        for line in text(&entry.message).lines() {
            let line = line.get(..line.floor_char_boundary(line_max));
            voice.held.push_back(Origin {
                entry: self.n_entries,
                cursor: entry.cursor.clone(),
                at: at.map(|micros| Timestamp::from_millis(micros / 1000)),
            });
            let pieces = voice.collector.push(line.unwrap_or_default().to_owned());
            found.extend(voice.found(pieces));
        }
        found
    }

    /// Gives what is held of those who say nothing for a while, or of all.
    pub fn end_silent(&mut self, now: Duration, all: bool) -> Vec<Found> {
        let mut found = Vec::new();
        self.by_process.retain(|_, voice| {
            let is_silent = all || now.saturating_sub(voice.heard) >= QUIET;
            if is_silent {
                let pieces = voice.collector.end();
                found.extend(voice.found(pieces));
            }
            !is_silent
        });
        found
    }

    /// The last entry before which nothing is held, where that is another than before.
    pub fn done(&mut self) -> Option<String> {
        let held = self
            .by_process
            .values()
            .filter_map(|voice| voice.held.front());
        let first = held.map(|origin| origin.entry).min();
        let mut done = None;
        while let Some((n, _)) = self.waiting.front() {
            if first.is_some_and(|first| *n >= first) {
                break;
            }
            done = self.waiting.pop_front();
        }
        done.map(|(_, cursor)| cursor)
    }
}

impl Voice {
    fn found(&mut self, pieces: Vec<Piece>) -> Vec<Found> {
        let mut found = Vec::new();
        for piece in pieces {
            let n_lines = match &piece {
                Piece::Line(_) => 1,
                Piece::Trace(trace) => trace.lines.len(),
            };
            let n_lines = n_lines.min(self.held.len());
            let first = self.held.drain(..n_lines).next();
            if let (Piece::Trace(trace), Some(first)) = (piece, first) {
                found.push(Found {
                    trace,
                    mark: first.cursor,
                    logger: self.unit.clone(),
                    at: first.at,
                });
            }
        }
        found
    }
}

/// The message; bytes that are no text come as a list of numbers.
fn text(message: &Value) -> String {
    match message {
        Value::String(text) => text.clone(),
        Value::Array(bytes) => {
            let bytes = bytes
                .iter()
                .filter_map(|byte| u8::try_from(byte.as_u64()?).ok());
            String::from_utf8_lossy(&bytes.collect::<Vec<_>>()).into_owned()
        }
        _ => String::new(),
    }
}
