//! Crashes of which addresses are known, and no functions.

use super::*;

const PROGRAM: (&str, u64) = ("/opt/shop/shop", 0x55c6_0000_0000);
const LIBRARY: (&str, u64) = ("/usr/lib/libc.so.6", 0x7fda_0000_0000);

/// A crash whose frames are (image, offset, trust), oldest first, with all images moved by `slide`.
fn crash(slide: u64, frames: &[((&str, u64), u64, &str)]) -> Json {
    let frames = frames.iter().map(|((image, base), offset, trust)| {
        let base = base + slide;
        json!({"package": image, "image_addr": format!("{base:#x}"), "in_app": true,
            "instruction_addr": format!("{:#x}", base + offset), "trust": trust})
    });
    json!({"platform": "native", "exception": {"values": [{"type": "SIGSEGV",
        "stacktrace": {"frames": frames.collect::<Vec<_>>()}}]}})
}

#[test]
fn tells_crashes_by_image_and_offset_wherever_the_image_is() {
    let at = |slide, offset| crash(slide, &[(PROGRAM, offset, "context")]);
    same(&at(0, 0x1234), &at(0x5000, 0x1234));
    apart(&at(0, 0x1234), &at(0, 0x1238));
    apart(&at(0, 0x1234), &crash(0, &[(LIBRARY, 0x1234, "context")]));
    let found = grouped(&at(0, 0x1234));
    assert_eq!(found.title, "SIGSEGV");
    assert_eq!(found.culprit, "shop+0x1234");
}

#[test]
fn takes_no_heed_of_what_was_left_on_a_stack() {
    let crashed = (PROGRAM, 0x10, "context");
    let left = |offset| [(PROGRAM, offset, "scan"), crashed];
    same(&crash(0, &left(0x99)), &crash(0x1000, &left(0x77)));
    same(&crash(0, &left(0x99)), &crash(0, &[crashed]));
}

#[test]
fn tells_crashes_in_a_library_by_who_called_it() {
    let from = |offset, left| {
        let frames = [
            (PROGRAM, left, "scan"),
            (PROGRAM, offset, "scan"),
            (LIBRARY, 0x40, "scan"),
            (LIBRARY, 0x80, "context"),
        ];
        crash(0, &frames)
    };
    same(&from(0x10, 0x1), &from(0x10, 0x2));
    apart(&from(0x10, 0x1), &from(0x20, 0x1));
}
