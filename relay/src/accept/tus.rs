//! The headers of resumable uploads, read: the tus protocol, version 1.0.0.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use serde::Deserialize;

use super::handle::text;
use crate::pipeline::Refusal;
use crate::report;

/// The version that is spoken.
pub const VERSION: &str = "1.0.0";
/// The type of a piece of a file.
const PIECE: &str = "application/offset+octet-stream";
/// What is said of a file when it begins: keys with texts in base64.
const METADATA: &str = "upload-metadata";
/// The key of what is for us.
const OURS: &str = "sentry";
/// The header that says how long a piece is once it is unpacked.
pub const DECODED_LENGTH: &str = "x-decoded-content-length";

/// What begins a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Creation {
    /// Its length in bytes; `None` where it is told later.
    pub length: Option<u64>,
    /// Whether the first piece comes along.
    pub has_piece: bool,
    /// Whether it is said to be a file that makes an event, as a crash dump does.
    pub is_crash: bool,
}

/// What is said of a file.
#[derive(Deserialize)]
struct Metadata {
    attachment_type: String,
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
    /// [`Refusal`] for another version, a length that is none or not there, and what is said of the
    /// file and cannot be read.
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
            is_crash: is_crash(headers)?,
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

fn is_crash(headers: &HeaderMap) -> Result<bool, Refusal> {
    let pairs = text(headers, METADATA).unwrap_or_default().split(',');
    let mut pairs = pairs.map(|pair| pair.trim().split_once(' ').unwrap_or((pair.trim(), "")));
    let Some((_, ours)) = pairs.find(|(key, _)| *key == OURS) else {
        return Ok(false);
    };
    let json = STANDARD.decode(ours.trim()).ok();
    let read = json.and_then(|json| serde_json::from_slice::<Metadata>(&json).ok());
    let said = read.ok_or(Refusal::UploadHeader(METADATA))?;
    Ok(report::is_crash(&said.attachment_type))
}

/// A header's number, where there is one.
///
/// # Errors
/// [`Refusal::UploadHeader`] for what is none.
pub(super) fn number(headers: &HeaderMap, name: &'static str) -> Result<Option<u64>, Refusal> {
    let wrong = |_| Refusal::UploadHeader(name);
    text(headers, name)
        .map(str::parse)
        .transpose()
        .map_err(wrong)
}
