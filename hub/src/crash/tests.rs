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
