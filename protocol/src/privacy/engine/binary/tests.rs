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
    let (left, n) = all.apply_to_attachment("a.txt", &text, false);
    assert_eq!(n, 2);
    assert_eq!(left.as_ref(), b"ask ************* \xff\x00 *************");
    let (other, _) = all.apply_to_attachment("c.txt", &text, false);
    assert_eq!(other.as_ptr(), text.as_ptr());
    let mut before = vec![1];
    before.extend(wide("ask m@example.com!"));
    let (left, _) = all.apply_to_attachment("b.bin", &Bytes::from(before), false);
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
const MODULES: usize = 4;
const MEMORY: usize = 5;
const MAPS: usize = 0x4767_0009;

/// A thread, and its stack behind it.
fn thread(at: usize) -> Vec<u8> {
    let place = [word(SECRET.len()), word(at + 52)].concat();
    [&word(1)[..], &[0; 32], &place, &[0; 8], SECRET].concat()
}

/// A range of memory, and its bytes behind it.
fn memory(at: usize) -> Vec<u8> {
    let place = [word(SECRET.len()), word(at + 20)].concat();
    [&word(1)[..], &[0; 8], &place, SECRET].concat()
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
        let (left, _) = all.apply_to_attachment("crash.dmp", &dump, true);
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
        assert_eq!(all.apply_to_attachment("x", &cut, true).0.len(), at);
        let mut wrong = whole.clone();
        wrong[at] = 0xFF;
        let wrong = Bytes::from(wrong);
        assert_eq!(
            all.apply_to_attachment("x", &wrong, true).0.len(),
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
        ("no dump", [&b"a note of "[..], SECRET].concat()),
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
            let (left, _) = all.apply_to_attachment("a.dmp", &file.clone().into(), true);
            assert_eq!(left.len(), file.len(), "{what}");
            assert!(!has(&left, SECRET), "{selector} {what}");
        }
        let (left, _) = all.apply_to_attachment("a.dmp", &many(12_000).into(), true);
        assert!(!has(&left[50_000..], SECRET), "{selector}");
    }
}

/// An image, and behind it the names of its file and of its symbols.
fn module(at: usize) -> Vec<u8> {
    let name = wide("C:\\acme\\acme.exe");
    let symbols = [&b"RSDS"[..], &[0; 20], b"/srv/acme/acme.pdb\0"].concat();
    let name_at = at + 4 + 108;
    let symbols_at = name_at + 4 + name.len();
    let mut module = vec![0; 108];
    module[20..24].copy_from_slice(&word(name_at));
    module[76..80].copy_from_slice(&word(symbols.len()));
    module[80..84].copy_from_slice(&word(symbols_at));
    [&word(1)[..], &module, &word(name.len()), &name, &symbols].concat()
}

#[test]
fn paths_to_images_keep_their_last_element() {
    let maps: Stream = (MAPS, |_| {
        b"7f00-7f08 r-xp 00000000 fd:00 17   /srv/acme/acme.so\n7f08 [acme]\n".to_vec()
    });
    let dump = Bytes::from(dump_of(&[(THREADS, thread), (MODULES, module), maps]));
    let check = |selector: &str, rule: &str, expected: [&[u8]; 3]| {
        // What parts the elements is seen, and stays before the last.
        let slashes = json!({"type": "pattern", "pattern": r"[/\\]acme[/\\]", "redaction": {"method": "mask"}});
        let all = json!({"rules": {"slashes": slashes}, "applications": {selector: [rule]}});
        let (left, n) = rules(&all).apply_to_attachment("crash.dmp", &dump, true);
        assert_eq!((left.len(), n), (dump.len(), 3), "{selector}");
        for text in expected {
            assert!(has(&left, text), "{selector} {rule} {text:?}");
        }
    };
    let name = wide(r"C:*****\acme.exe");
    let expected: [&[u8]; 3] = [
        &name,
        b"/srv*****/acme.pdb\0",
        b" /srv*****/acme.so\n7f08 [acme]",
    ];
    for selector in ["$minidump", "code_file", "$minidump.$string"] {
        check(selector, "slashes", expected);
    }
    // One byte of two is a mask's.
    let name = [&b"*".repeat(14)[..], &wide(r"\acme.exe")].concat();
    let expected: [&[u8]; 3] = [&name, b"*********/acme.pdb\0", b" *********/acme.so\n"];
    check("code_file", "@anything:mask", expected);
}

#[test]
fn a_stack_within_other_memory_is_a_stack() {
    let stack: Stream = (THREADS, |at| {
        let place = [word(SECRET.len()), word(at + 52 + 5)].concat();
        [
            &word(1)[..],
            &[0; 32][..],
            &place,
            &[0; 8],
            b"heap,",
            SECRET,
            b",heap",
        ]
        .concat()
    });
    let heap: Stream = (MEMORY, |at| {
        let size = SECRET.len() + 10;
        [&word(1)[..], &[0; 8], &word(size), &word(at - size)].concat()
    });
    let dump = Bytes::from(dump_of(&[stack, heap]));
    for (selector, expected) in [
        ("$stack_memory", "heap,*************,heap"),
        ("$heap_memory", "*****m@example.com*****"),
        ("$minidump", "***********************"),
    ] {
        let all = rules(&json!({"applications": {selector: ["@anything:mask"]}}));
        let (left, _) = all.apply_to_attachment("a", &dump, true);
        assert!(has(&left, expected.as_bytes()), "{selector}");
    }
}
