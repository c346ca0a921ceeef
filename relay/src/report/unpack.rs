//! Undoes the packing that a file's first bytes tell.

use bytes::{Bytes, BytesMut};

use super::{ReportError, UNPACKED_BYTES_MAX};
use crate::unpack::{Broken, Packing, Unpacker};

/// The file as it was; one that is not packed is given back.
pub(super) fn unpack(file: &Bytes) -> Result<Bytes, ReportError> {
    match Packing::of(file) {
        Some(packing) => whole(packing, file),
        None => Ok(file.clone()),
    }
}

/// Undoes zlib, which says little by its first bytes.
pub(super) fn zlib(file: &Bytes) -> Result<Bytes, ReportError> {
    whole(Packing::Zlib, file)
}

/// Undoes zstd, where that is told beside.
pub(super) fn zstd(file: &Bytes) -> Result<Bytes, ReportError> {
    whole(Packing::Zstd, file)
}

fn whole(packing: Packing, file: &Bytes) -> Result<Bytes, ReportError> {
    let broken = |Broken(packing)| ReportError::Compression(packing.name());
    let mut unpacker = Unpacker::new(packing);
    let (mut packed, mut out) = (file.clone(), BytesMut::new());
    loop {
        let is_more = if packed.is_empty() {
            unpacker.finish(&mut out).map_err(broken)?
        } else {
            unpacker.step(&mut packed, &mut out).map_err(broken)?;
            true
        };
        if out.len() > UNPACKED_BYTES_MAX {
            return Err(ReportError::UnpacksTo(UNPACKED_BYTES_MAX));
        }
        if !is_more {
            return Ok(out.freeze());
        }
    }
}
