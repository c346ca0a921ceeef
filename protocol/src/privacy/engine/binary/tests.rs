//! What people's rules do to attachments and crash dumps.

use serde_json::{Value, json};

use super::super::CustomRules;
use super::*;

const SECRET: &[u8] = b"m@example.com";

fn rules(document: &Value) -> CustomRules {
    CustomRules::compile(&[document.to_string()], None).unwrap()
}

fn wide(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

#[test]
fn attachments_keep_their_length() {
    let all = rules(&json!({"applications": {
        "$attachments.'a.txt'": ["@email:mask"],
        "$attachments.'b.bin'": ["@email:replace"],
    }}));
    let text = Bytes::from_static(b"ask m@example.com \xff\x00 m@example.com");
    let left = all.apply_to_attachment("a.txt", &text, false);
    assert_eq!(left.as_ref(), b"ask ************* \xff\x00 *************");
    let other = all.apply_to_attachment("c.txt", &text, false);
    assert_eq!(other.as_ptr(), text.as_ptr());
    let mut before = vec![1];
    before.extend(wide("ask m@example.com!"));
    let left = all.apply_to_attachment("b.bin", &Bytes::from(before), false);
    let mut after = vec![1];
    after.extend(wide("ask [email]xxxxxx!"));
    assert_eq!(left.as_ref(), after);
}

fn word(n: usize) -> [u8; 4] {
    u32::try_from(n).unwrap().to_le_bytes()
}

/// A stream's kind, and its bytes by where they begin.
type Stream = (usize, fn(usize) -> Vec<u8>);

/// A dump with these streams.
fn dump_of(streams: &[Stream]) -> Vec<u8> {
    let mut directory = Vec::new();
    let mut bodies = Vec::new();
    for (kind, body) in streams {
        let at = 32 + 12 * streams.len() + bodies.len();
        let body = body(at);
        directory.extend([word(*kind), word(body.len()), word(at)].concat());
        bodies.extend(body);
    }
    let mut dump = [&b"MDMP"[..], &word(0), &word(streams.len()), &word(32)].concat();
    dump.resize(32, 0);
    [dump, directory, bodies].concat()
}

const THREADS: usize = 3;
const MEMORY: usize = 5;

/// A thread, and its stack behind it.
fn thread(at: usize) -> Vec<u8> {
    let place = [word(SECRET.len()), word(at + 52)].concat();
    [&word(1), &[0; 32][..], &place, &[0; 8], SECRET].concat()
}

/// A range of memory, and its bytes behind it.
fn memory(at: usize) -> Vec<u8> {
    let place = [word(SECRET.len()), word(at + 20)].concat();
    [&word(1), &[0; 8][..], &place, SECRET].concat()
}

/// A dump with one thread whose stack holds a text, one range of memory, and a text outside of both.
fn minidump() -> Vec<u8> {
    let outside: Stream = (0, |_| SECRET.to_vec());
    dump_of(&[(THREADS, thread), (MEMORY, memory), outside])
}

#[test]
fn of_a_minidump_only_memory_is_touched() {
    let dump = Bytes::from(minidump());
    for (selector, touched) in [
        ("$stack_memory", [true, false]),
        ("$heap_memory", [false, true]),
        ("$minidump", [true, true]),
        ("$minidump.$heap_memory", [false, true]),
        ("$attachments.'crash.dmp'", [true, true]),
    ] {
        let all = rules(&json!({"applications": {selector: ["@email:mask"]}}));
        let left = all.apply_to_attachment("crash.dmp", &dump, true);
        let mut expected = dump.to_vec();
        let places = memchr::memmem::find_iter(&dump, SECRET);
        for (at, touched) in places.zip(touched) {
            if touched {
                expected[at..at + SECRET.len()].fill(b'*');
            }
        }
        assert_eq!(left.as_ref(), expected, "{selector}");
    }
}

#[test]
fn a_broken_minidump_is_read_without_harm() {
    let whole = minidump();
    let all = rules(&json!({"applications": {"$minidump": ["@anything:mask"]}}));
    for at in 0..whole.len() {
        let cut = Bytes::copy_from_slice(&whole[..at]);
        assert_eq!(all.apply_to_attachment("x", &cut, true).len(), at);
        let mut wrong = whole.clone();
        wrong[at] = 0xFF;
        let wrong = Bytes::from(wrong);
        assert_eq!(
            all.apply_to_attachment("x", &wrong, true).len(),
            whole.len()
        );
    }
}

/// Whether a text is among bytes.
fn has(bytes: &[u8], text: &[u8]) -> bool {
    memchr::memmem::find(bytes, text).is_some()
}

#[test]
fn what_is_no_dump_that_is_known_in_full_is_scrubbed_whole() {
    let whole = minidump();
    let with = |at: usize, bytes: &[u8]| {
        let mut dump = whole.clone();
        dump[at..at + bytes.len()].copy_from_slice(bytes);
        dump
    };
    let memory_at = memchr::memmem::rfind(&whole, &word(SECRET.len())).unwrap() - 12;
    let many = |n: usize| {
        let mut dump = dump_of(&[(THREADS, thread), (MEMORY, |_| Vec::new())]);
        let at = dump.len();
        dump[48..52].copy_from_slice(&word(4 + 16 * n));
        dump[52..56].copy_from_slice(&word(at));
        let place = at + 4 + 16 * n;
        let range = [&[0; 8][..], &word(SECRET.len()), &word(place)].concat();
        dump.extend([&word(n)[..], &range.repeat(n), SECRET].concat());
        dump
    };
    let files = [
        ("of the other byte order", with(0, b"PMDM")),
        ("no dump", [b"a note of ", SECRET].concat()),
        ("nothing listed", with(8, &word(0))),
        ("streams beyond its end", with(12, &word(1 << 30))),
        ("more streams than are read", with(8, &word(1 << 20))),
        ("more memory than there is", with(memory_at, &word(2))),
        (
            "memory beyond its end",
            with(memory_at + 16, &word(1 << 30)),
        ),
        ("more memory than is read", many(200_000)),
        ("cut off", [&whole[..memory_at + 10], SECRET].concat()),
    ];
    for selector in [
        "$minidump",
        "$heap_memory",
        "$binary",
        "$attachments.'a.dmp'",
    ] {
        let all = rules(&json!({"applications": {selector: ["@email:mask"]}}));
        for (what, file) in &files {
            let left = all.apply_to_attachment("a.dmp", &file.clone().into(), true);
            assert_eq!(left.len(), file.len(), "{what}");
            assert!(!has(&left, SECRET), "{selector} {what}");
        }
        let left = all.apply_to_attachment("a.dmp", &many(12_000).into(), true);
        assert!(!has(&left[50_000..], SECRET), "{selector}");
    }
}
