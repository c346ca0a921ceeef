//! Every packing is undone however its bytes come, and nothing wrong is taken for whole.

use std::io::Read as _;

use flate2::Compression;
use proptest::prelude::*;

use super::*;

/// But xz, which comes from a file.
const ALL: [Packing; 6] = [
    Packing::Gzip,
    Packing::Zlib,
    Packing::Deflate,
    Packing::Brotli,
    Packing::Zstd,
    Packing::Bzip2,
];

fn pack(packing: Packing, bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let fast = Compression::fast();
    match packing {
        Packing::Gzip => drop(flate2::read::GzEncoder::new(bytes, fast).read_to_end(&mut out)),
        Packing::Zlib => drop(flate2::read::ZlibEncoder::new(bytes, fast).read_to_end(&mut out)),
        Packing::Deflate => {
            drop(flate2::read::DeflateEncoder::new(bytes, fast).read_to_end(&mut out));
        }
        Packing::Brotli => {
            drop(brotli::CompressorReader::new(bytes, 4096, 3, 18).read_to_end(&mut out));
        }
        Packing::Zstd => out = zstd::encode_all(bytes, 3).unwrap(),
        Packing::Xz => unreachable!("nothing here packs as xz"),
        Packing::Bzip2 => drop(
            bzip2::read::BzEncoder::new(bytes, bzip2::Compression::fast()).read_to_end(&mut out),
        ),
    }
    out
}

/// What comes of bytes in runs of this length, and the most that one step gave.
fn unpack(packing: Packing, packed: &[u8], run: usize) -> Result<(Vec<u8>, usize), Broken> {
    let mut unpacker = Unpacker::new(packing);
    let (mut out, mut most) = (BytesMut::new(), 0);
    for bytes in packed.chunks(run) {
        let mut bytes = Bytes::copy_from_slice(bytes);
        while !bytes.is_empty() {
            let before = out.len();
            unpacker.step(&mut bytes, &mut out)?;
            most = most.max(out.len() - before);
        }
    }
    while unpacker.finish(&mut out)? {}
    Ok((out.to_vec(), most))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn bytes_are_what_they_were_however_they_come(
        word in prop::collection::vec(any::<u8>(), 1..2000),
        times in 1_usize..100,
        run in 1_usize..5000,
    ) {
        let bytes = word.repeat(times);
        for packing in ALL {
            let packed = pack(packing, &bytes);
            prop_assert!(unpack(packing, &packed, run).unwrap().0 == bytes, "{packing:?}");
            let cut = &packed[..packed.len() - 1];
            prop_assert_eq!(unpack(packing, cut, run).err(), Some(Broken(packing)));
        }
    }

    #[test]
    fn nothing_that_comes_does_harm(bytes in prop::collection::vec(any::<u8>(), 0..300), run in 1_usize..50) {
        for packing in ALL.into_iter().chain([Packing::Xz]) {
            drop(unpack(packing, &bytes, run));
        }
    }
}

#[test]
fn a_bomb_gives_a_mebibyte_a_step_at_most() {
    let zeros = vec![0; 24 << 20];
    for packing in ALL {
        let packed = pack(packing, &zeros);
        let (out, most) = unpack(packing, &packed, 1 << 20).unwrap();
        assert!(
            out == zeros && most <= (1 << 20) + 16 * 1024,
            "{packing:?} {most}"
        );
    }
}

#[test]
fn what_is_one_behind_the_other_is_one() {
    for packing in [Packing::Gzip, Packing::Zstd, Packing::Bzip2] {
        let packed = [pack(packing, b"one "), pack(packing, b"two")].concat();
        for run in [1, packed.len()] {
            assert_eq!(
                unpack(packing, &packed, run).unwrap().0,
                b"one two",
                "{packing:?}"
            );
        }
        assert_eq!(Packing::of(&packed), Some(packing));
    }
    assert_eq!(Packing::of(b"MDMP"), None);
}

#[test]
fn a_file_of_xz_is_what_it_was_however_it_comes() {
    let packed = include_bytes!("../../fixtures/dump.xz");
    let (whole, _) = unpack(Packing::Xz, packed, packed.len()).unwrap();
    assert!(whole.starts_with(b"MDMP"));
    assert_eq!(Packing::of(packed), Some(Packing::Xz));
    for run in [1, 7, 100] {
        assert_eq!(unpack(Packing::Xz, packed, run).unwrap().0, whole);
        let cut = &packed[..packed.len() - 1];
        assert_eq!(unpack(Packing::Xz, cut, run), Err(Broken(Packing::Xz)));
        let twice = [&packed[..], packed].concat();
        let (twice, _) = unpack(Packing::Xz, &twice, run).unwrap();
        assert_eq!(twice, whole.repeat(2));
    }
}
