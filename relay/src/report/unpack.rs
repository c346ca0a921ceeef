//! Undoes the packing that a file's first bytes tell.

use std::io::{BufReader, Read};

use bytes::Bytes;

use super::{ReportError, UNPACKED_BYTES_MAX};

/// Largest dictionary of an xz stream that is accepted, in KiB.
const XZ_MEMORY_KIB: u32 = 16 * 1024;
/// Largest window of a zstd frame that is accepted, as a power of two.
const ZSTD_WINDOW_LOG_MAX: u32 = 23;

/// The file as it was; one that is not packed is given back. What is larger than is kept anyway
/// is cut where that shows.
pub(super) fn unpack(file: &Bytes) -> Result<Bytes, ReportError> {
    let bytes = file.as_ref();
    if bytes.starts_with(&[0x1f, 0x8b]) {
        let reader = flate2::bufread::MultiGzDecoder::new(bytes);
        return drain(reader, "gzip");
    }
    if bytes.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
        let reader = zstd::Decoder::with_buffer(bytes).and_then(|mut reader| {
            reader.window_log_max(ZSTD_WINDOW_LOG_MAX)?;
            Ok(reader)
        });
        return drain(
            reader.map_err(|_| ReportError::Compression("zstd"))?,
            "zstd",
        );
    }
    if bytes.starts_with(b"\xfd7zXZ\0") {
        let reader = lzma_rust2::XzReader::new_mem_limit(bytes, true, XZ_MEMORY_KIB);
        return drain(reader, "xz");
    }
    if bytes.starts_with(b"BZh") {
        let reader = bzip2::bufread::MultiBzDecoder::new(BufReader::new(bytes));
        return drain(reader, "bzip2");
    }
    Ok(file.clone())
}

/// Undoes zlib, which says little by its first bytes.
pub(super) fn zlib(file: &Bytes) -> Result<Bytes, ReportError> {
    drain(flate2::bufread::ZlibDecoder::new(file.as_ref()), "zlib")
}

fn drain(reader: impl Read, name: &'static str) -> Result<Bytes, ReportError> {
    let mut out = Vec::new();
    let read = reader.take(UNPACKED_BYTES_MAX as u64).read_to_end(&mut out);
    read.map_err(|_| ReportError::Compression(name))?;
    Ok(Bytes::from(out))
}
