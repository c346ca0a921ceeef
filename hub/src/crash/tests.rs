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

/// The dump with its one thread listed `n` times.
fn with_threads(n: usize) -> Vec<u8> {
    const THREAD_LIST: u32 = 3;
    const THREAD_LEN: usize = 48;
    let word = |at: usize| u32::from_le_bytes(DUMP[at..at + 4].try_into().unwrap());
    let place = |at: usize| usize::try_from(word(at)).unwrap();
    let mut entries = (0..place(8)).map(|nth| place(12) + nth * 12);
    let entry = entries.find(|at| word(*at) == THREAD_LIST).unwrap();
    let thread = place(entry + 8) + 4;
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
