//! The headers of resumable uploads, read: the tus protocol, version 1.0.0.

use http::HeaderMap;

use super::handle::text;
use crate::pipeline::Refusal;

/// The version that is spoken.
pub const VERSION: &str = "1.0.0";
/// The type of a piece of a file.
const PIECE: &str = "application/offset+octet-stream";

/// What begins a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Creation {
    /// Its length in bytes; `None` where it is told later.
    pub length: Option<u64>,
    /// Whether the first piece comes along.
    pub has_piece: bool,
}

/// What goes on with a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Where in the file the piece begins, in bytes.
    pub offset: u64,
    /// The file's length in bytes, where it is told now.
    pub length: Option<u64>,
}

impl Creation {
    /// Reads the headers of a request that begins a file.
    ///
    /// # Errors
    /// [`Refusal`] for another version, and a length that is none or not there.
    pub fn read(headers: &HeaderMap) -> Result<Self, Refusal> {
        check_version(headers)?;
        let length = number(headers, "upload-length")?;
        let is_deferred = text(headers, "upload-defer-length") == Some("1");
        if length.is_none() && !is_deferred {
            return Err(Refusal::UploadHeader("upload-length"));
        }
        Ok(Self {
            length,
            has_piece: is_piece(headers),
        })
    }
}

impl Piece {
    /// Reads the headers of a request with a piece of a file.
    ///
    /// # Errors
    /// [`Refusal`] for another version, another type, and a place that is none or not there.
    pub fn read(headers: &HeaderMap) -> Result<Self, Refusal> {
        check_version(headers)?;
        if !is_piece(headers) {
            return Err(Refusal::ContentType);
        }
        let offset = number(headers, "upload-offset")?;
        Ok(Self {
            offset: offset.ok_or(Refusal::UploadHeader("upload-offset"))?,
            length: number(headers, "upload-length")?,
        })
    }
}

/// Whether a request speaks this version.
///
/// # Errors
/// [`Refusal::UploadVersion`].
pub fn check_version(headers: &HeaderMap) -> Result<(), Refusal> {
    match text(headers, "tus-resumable") {
        Some(VERSION) => Ok(()),
        _ => Err(Refusal::UploadVersion),
    }
}

fn is_piece(headers: &HeaderMap) -> bool {
    text(headers, "content-type").is_some_and(|text| text.eq_ignore_ascii_case(PIECE))
}

/// A header's number, where there is one.
fn number(headers: &HeaderMap, name: &'static str) -> Result<Option<u64>, Refusal> {
    let wrong = |_| Refusal::UploadHeader(name);
    text(headers, name)
        .map(str::parse)
        .transpose()
        .map_err(wrong)
}
