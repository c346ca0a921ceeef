//! Bytes as text.

use base64::Engine as _;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// The bytes of a text in Base64: of either alphabet, filled up or not; `None` for other texts.
#[must_use]
pub fn base64(text: &[u8]) -> Option<Vec<u8>> {
    const ANY: GeneralPurposeConfig = GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true);
    let is_of_urls = memchr::memchr2(b'-', b'_', text).is_some();
    let alphabet = if is_of_urls { &URL_SAFE } else { &STANDARD };
    GeneralPurpose::new(alphabet, ANY).decode(text).ok()
}
