//! A real dump, and what is none.

use proptest::prelude::{any, prop};

use super::*;

/// Of a program that wrote to address 0 in `charge`, which `checkout` and `main` had called.
const DUMP: &[u8] = include_bytes!("../../fixtures/dumps/crash.dmp");

#[test]
fn reads_what_a_dump_says() {
    let crash = read(DUMP).unwrap();
    assert_eq!(crash.reason.as_deref(), Some("SIGSEGV / SEGV_MAPERR"));
    assert_eq!(
        (crash.address, crash.os.as_str(), crash.cpu.as_str()),
        (Some(0), "linux", "amd64")
    );
    assert_eq!((crash.threads.len(), crash.n_threads), (1, 1));
    let thread = &crash.threads[0];
    assert!(thread.crashed);
    let last = thread.frames.last().unwrap();
    assert_eq!(last.trust, "context");
    let program = &crash.images[0];
    assert_eq!(last.image.as_ref(), Some(&program.file));
    assert!((program.address..program.address + program.size).contains(&last.address));
    assert_eq!(
        program.debug_id.as_deref(),
        Some("33221100-5544-7766-8899-aabbccddeeff")
    );
    // The calls as the symbols know them; a call returns behind its instruction.
    let mut calls = thread.frames.iter().rev().map(|frame| frame.address);
    for address in [
        0x55c6_342f_d26d_u64,
        0x55c6_342f_d292,
        0x55c6_342f_d326,
        0x7fda_82b5_d249,
    ] {
        assert!(
            calls.any(|at| at.abs_diff(address) <= 1),
            "{address:#x} is missing or not in order"
        );
    }
    assert!(thread.frames.len() <= FRAMES_MAX);
}

/// Where a stream of the dump is listed, and where it is.
fn stream(kind: u32) -> (usize, usize) {
    let word = |at: usize| u32::from_le_bytes(DUMP[at..at + 4].try_into().unwrap());
    let place = |at: usize| usize::try_from(word(at)).unwrap();
    let mut entries = (0..place(8)).map(|nth| place(12) + nth * 12);
    let entry = entries.find(|at| word(*at) == kind).unwrap();
    (entry, place(entry + 8))
}

/// The dump with its one thread listed `n` times.
fn with_threads(n: usize) -> Vec<u8> {
    const THREAD_LIST: u32 = 3;
    const THREAD_LEN: usize = 48;
    let (entry, list) = stream(THREAD_LIST);
    let thread = list + 4;
    let mut bytes = DUMP.to_vec();
    let list = u32::try_from(bytes.len()).unwrap();
    bytes.extend(u32::try_from(n).unwrap().to_le_bytes());
    for _ in 0..n {
        bytes.extend(&DUMP[thread..thread + THREAD_LEN]);
    }
    let len = u32::try_from(4 + n * THREAD_LEN).unwrap();
    bytes[entry + 4..entry + 8].copy_from_slice(&len.to_le_bytes());
    bytes[entry + 8..entry + 12].copy_from_slice(&list.to_le_bytes());
    bytes
}

#[test]
fn one_thread_crashed_however_many_say_so() {
    let crash = read(&with_threads(5_000)).unwrap();
    assert_eq!((crash.threads.len(), crash.n_threads), (THREADS_MAX, 5_000));
    let crashed: Vec<bool> = crash.threads.iter().map(|t| t.crashed).collect();
    assert!(crashed[0] && !crashed[1..].contains(&true));
}

/// The dump with `n` images that all have the name of `len` bytes behind it.
fn with_images(n: usize, len: usize) -> Vec<u8> {
    const MODULE_LIST: u32 = 4;
    const MODULE_LEN: usize = 108;
    const NAME_AT: usize = 20;
    let mut bytes = DUMP.to_vec();
    let (entry, list) = stream(MODULE_LIST);
    let mut module = DUMP[list + 4..list + 4 + MODULE_LEN].to_vec();
    let name_at = u32::try_from(bytes.len()).unwrap();
    module[NAME_AT..NAME_AT + 4].copy_from_slice(&name_at.to_le_bytes());
    bytes.extend(u32::try_from(len).unwrap().to_le_bytes());
    bytes.extend(b"a\0".repeat(len / 2));
    let list = u32::try_from(bytes.len()).unwrap();
    bytes.extend(u32::try_from(n).unwrap().to_le_bytes());
    bytes.extend(module.repeat(n));
    let len = u32::try_from(4 + n * MODULE_LEN).unwrap();
    bytes[entry + 4..entry + 8].copy_from_slice(&len.to_le_bytes());
    bytes[entry + 8..entry + 12].copy_from_slice(&list.to_le_bytes());
    bytes
}

#[test]
fn names_are_read_as_often_as_a_dump_needs() {
    let check = |n, len, expected| {
        let crash = read(&with_images(n, len)).unwrap();
        assert_eq!(crash.n_images, expected, "{n} names of {len} bytes");
    };
    check(1, 1024 * 1024, 1);
    check(1_000, 200, 1_000);
    check(10_000, 1024 * 1024, 0);
}

#[test]
fn a_dump_that_is_cut_off_behind_its_lists_says_what_is_in_front() {
    let whole = read(DUMP).unwrap();
    let lists = [3, 4, 6, 7].map(|kind| stream(kind).1);
    let enough = lists.into_iter().max().unwrap() + 8 * 1024;
    let cut = read(&DUMP[..enough.min(DUMP.len() - 1)]).unwrap();
    assert_eq!((cut.reason, cut.address), (whole.reason, whole.address));
}

#[test]
fn refuses_what_is_no_dump() {
    for bytes in [&b""[..], b"MDMP", b"just a file", &DUMP[..40]] {
        assert!(read(bytes).is_err());
    }
}

proptest::proptest! {
    #[test]
    fn never_panics_and_stays_within_its_limits(
        changes in prop::collection::vec((0..DUMP.len(), any::<u8>()), 0..40),
        len in 0..=DUMP.len(),
    ) {
        let mut bytes = DUMP.to_vec();
        for (at, byte) in changes {
            bytes[at] = byte;
        }
        bytes.truncate(len.max(32));
        if let Ok(crash) = read(&bytes) {
            proptest::prop_assert!(crash.threads.len() <= THREADS_MAX);
            proptest::prop_assert!(crash.images.len() <= IMAGES_MAX);
            proptest::prop_assert!(crash.threads.iter().all(|t| t.frames.len() <= FRAMES_MAX));
        }
    }
}
