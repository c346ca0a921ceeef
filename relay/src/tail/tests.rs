//! Files that grow, move and are cut; entries of the journal; what a trace becomes.

use std::fs::{self, OpenOptions};
use std::io::Write as _;

use super::file::{Follower, Looked, Place};
use super::*;

const LINE_MAX: usize = 1000;

struct Log {
    dir: tempfile::TempDir,
    follower: Follower,
}

fn path(dir: &tempfile::TempDir) -> PathBuf {
    dir.path().join("app.log")
}

impl Log {
    /// A follower that has seen a file with these words.
    fn new(words: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::write(path(&dir), words).unwrap();
        let follower = Follower::new(path(&dir), None, LINE_MAX);
        let mut log = Self { dir, follower };
        assert_eq!(log.look(), Vec::<String>::new());
        log
    }

    fn write(&self, text: &str) {
        let mut open = OpenOptions::new();
        let mut file = open
            .append(true)
            .create(true)
            .open(path(&self.dir))
            .unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }

    /// Looks until there is no more; gives the messages of the traces.
    fn look(&mut self) -> Vec<String> {
        let mut values = Vec::new();
        loop {
            let Looked { found, is_more } = self.follower.look();
            values.extend(found.iter().map(|f| f.trace.exceptions[0].value.clone()));
            self.follower.done = self.follower.emitted;
            if !is_more {
                return values;
            }
        }
    }

    /// What tells the traces that are found from others.
    fn marks(&mut self) -> Vec<String> {
        let mut marks = Vec::new();
        for _ in 0..5 {
            let Looked { found, .. } = self.follower.look();
            marks.extend(found.into_iter().map(|f| f.mark));
            self.follower.done = self.follower.emitted;
        }
        marks
    }

    /// Until nothing is held back.
    fn look_on(&mut self) -> Vec<String> {
        // A file that takes the place of another needs a look for each.
        (0..5).flat_map(|_| self.look()).collect()
    }

    /// The same in another life of the relay.
    fn again(mut self) -> Self {
        let place: Option<Place> = self.follower.place();
        self.follower = Follower::new(path(&self.dir), place, LINE_MAX);
        self
    }
}

/// A trace with its message.
fn trace(value: &str) -> String {
    format!(
        "Traceback (most recent call last):\n  File \"a.py\", line 1, in f\nValueError: {value}\n"
    )
}

#[test]
fn what_is_written_from_now_on_is_found_once() {
    let mut log = Log::new(&trace("old"));
    log.write("started\n");
    log.write(&trace("one"));
    log.write(&trace("two"));
    assert_eq!(log.look_on(), ["one", "two"]);
    log.write("Traceback (most recent call last):\n  File \"a.py\", li");
    assert!(log.look().is_empty());
    log.write("ne 1, in f\nValueError: three\nbehind\n");
    assert_eq!(log.look_on(), ["three"]);
    assert!(log.look_on().is_empty());
}

#[test]
fn what_is_written_before_the_first_look_is_found() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(path(&dir), trace("old")).unwrap();
    let follower = Follower::new(path(&dir), None, LINE_MAX);
    let mut log = Log { dir, follower };
    log.write(&trace("one"));
    assert_eq!(log.look_on(), ["one"]);
}

#[test]
fn a_restart_goes_on_where_it_was_and_takes_again_what_was_held() {
    let mut log = Log::new("");
    log.write(&trace("one"));
    log.write("Traceback (most recent call last):\n");
    assert_eq!(log.look(), ["one"]);
    let mut log = log.again();
    log.write("  File \"a.py\", line 1, in f\nValueError: two\n");
    assert_eq!(log.look_on(), ["two"]);
    let mut log = log.again();
    assert!(log.look_on().is_empty());
}

#[test]
fn a_file_that_is_moved_away_is_read_to_its_end_and_the_new_one_from_its_beginning() {
    let mut log = Log::new("");
    let moved = log.dir.path().join("app.log.1");
    log.write(&trace("one"));
    fs::rename(path(&log.dir), &moved).unwrap();
    log.write(&trace("two"));
    assert_eq!(log.look_on(), ["one", "two"]);
    // While nobody looks.
    log.write(&trace("three"));
    fs::rename(path(&log.dir), &moved).unwrap();
    log.write(&trace("four"));
    let mut log = log.again();
    assert_eq!(log.look_on(), ["three", "four"]);
}

#[test]
fn a_file_that_is_cut_is_read_from_its_beginning() {
    let mut log = Log::new("some words before\n");
    log.write(&trace("one"));
    assert_eq!(log.look_on(), ["one"]);
    fs::write(path(&log.dir), trace("two")).unwrap();
    assert_eq!(log.look_on(), ["two"]);
}

#[test]
fn what_is_written_anew_into_a_file_that_was_cut_is_another_trace() {
    let mut log = Log::new("");
    let mut marks = std::collections::BTreeSet::new();
    for _ in 0..3 {
        fs::write(path(&log.dir), trace("the same")).unwrap();
        // Cut and written between two looks as well, and while nobody looks.
        marks.extend(log.marks());
        fs::write(path(&log.dir), "").unwrap();
        log.look();
    }
    assert_eq!(marks.len(), 3, "{marks:?}");
    log.write(&trace("longer than what comes next"));
    log.write("\n");
    marks.extend(log.marks());
    let mut log = log.again();
    fs::write(path(&log.dir), trace("the same")).unwrap();
    marks.extend(log.marks());
    assert_eq!(marks.len(), 5, "{marks:?}");
}

#[test]
fn a_file_that_comes_later_is_read_from_its_beginning() {
    let dir = tempfile::tempdir().unwrap();
    let follower = Follower::new(path(&dir), None, LINE_MAX);
    let mut log = Log { dir, follower };
    assert!(log.look().is_empty());
    log.write(&trace("one"));
    assert_eq!(log.look_on(), ["one"]);
}

#[test]
fn lines_are_bounded() {
    let mut log = Log::new("");
    log.write(&"x".repeat(300_000));
    log.write("\n");
    log.write(&trace(&"y".repeat(5000)));
    let found = log.look_on();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].len(), LINE_MAX - "ValueError: ".len());
}

#[test]
fn a_trace_has_the_same_id_each_time_it_is_read() {
    let lines = ["a".to_owned(), "b".to_owned()];
    assert_eq!(event_id("x", &lines), event_id("x", &lines));
    assert_ne!(event_id("x", &lines), event_id("y", &lines));
    assert_ne!(event_id("x", &lines), event_id("x", &lines[..1]));
}

mod journal {
    use super::super::journal::{Entry, QUIET, Voices};
    use super::*;

    fn hear(voices: &mut Voices, n: u64, pid: u64, message: &Value, now: Duration) -> Vec<Found> {
        let entry = json!({"__CURSOR": format!("c{n}"), "__REALTIME_TIMESTAMP": "1767323045000000",
            "_SYSTEMD_UNIT": "shop.service", "_PID": pid.to_string(), "MESSAGE": message});
        let entry: Entry = serde_json::from_value(entry).unwrap();
        voices.hear(entry, 1000, now)
    }

    #[test]
    fn processes_that_speak_at_once_are_told_apart_and_the_cursor_stays_before_what_is_held() {
        let mut voices = Voices::default();
        let now = Duration::ZERO;
        let mut n = 0;
        let text = trace("one");
        for line in text.lines() {
            for pid in [1, 2] {
                n += 1;
                assert!(hear(&mut voices, n, pid, &json!(line), now).is_empty());
            }
        }
        assert_eq!(voices.done(), None);
        let found = hear(&mut voices, 7, 1, &json!("next"), now);
        assert_eq!(found.len(), 1);
        assert_eq!(
            (found[0].mark.as_str(), found[0].logger.as_str()),
            ("c1", "shop.service")
        );
        assert_eq!(found[0].at.unwrap().as_millis(), 1_767_323_045_000);
        assert_eq!(voices.done().as_deref(), Some("c1"));
        let found = voices.end_silent(QUIET, false);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].mark, "c2");
        assert_eq!(voices.done().as_deref(), Some("c7"));
        assert_eq!(voices.done(), None);
    }

    #[test]
    fn one_entry_may_hold_all_lines_as_text_or_as_bytes() {
        let mut voices = Voices::default();
        let bytes = trace("bytes").into_bytes();
        hear(&mut voices, 1, 1, &json!(trace("text")), Duration::ZERO);
        hear(&mut voices, 2, 2, &json!(bytes), Duration::ZERO);
        hear(&mut voices, 3, 3, &json!(null), Duration::ZERO);
        let found = voices.end_silent(Duration::ZERO, true);
        let values: Vec<_> = found
            .iter()
            .map(|found| found.trace.exceptions[0].value.as_str())
            .collect();
        assert_eq!(values, ["text", "bytes"]);
    }
}
