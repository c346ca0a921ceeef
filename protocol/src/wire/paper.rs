//! Frames as text, to be carried by hand where no network reaches.
//!
//! The text is a frame's bytes in base64 between two lines that say what it is, so that one file
//! is not taken for another and mail programs leave it whole. Several frames may follow each
//! other. Nothing is secret in it: requests hold public keys, answers hold certificates.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::BytesMut;

use super::{Frame, WireError};
use crate::limits::CONFIG_BYTES_MAX;

/// Longest text that is read, in bytes.
pub const PAPER_BYTES_MAX: usize = 2 * CONFIG_BYTES_MAX;

/// What a text carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paper {
    /// A relay asks to be taken into the fleet.
    JoinRequest,
    /// The answer.
    JoinBundle,
}

impl Paper {
    const fn title(self) -> &'static str {
        match self {
            Self::JoinRequest => "VEDETTE JOIN REQUEST",
            Self::JoinBundle => "VEDETTE JOIN BUNDLE",
        }
    }

    /// Writes frames.
    ///
    /// # Errors
    /// [`WireError`] when one is beyond its limit.
    pub fn write(self, frames: &[Frame]) -> Result<String, WireError> {
        const LINE: usize = 64;
        let mut bytes = BytesMut::new();
        for frame in frames {
            frame.encode(&mut bytes)?;
        }
        let title = self.title();
        let mut text = format!("-----BEGIN {title}-----\n");
        for (at, letter) in STANDARD.encode(&bytes).chars().enumerate() {
            if at > 0 && at % LINE == 0 {
                text.push('\n');
            }
            text.push(letter);
        }
        text.push_str(&format!("\n-----END {title}-----\n"));
        Ok(text)
    }

    /// Reads frames.
    ///
    /// # Errors
    /// [`WireError::Paper`] when the text is something else, [`WireError`] when its bytes are.
    pub fn read(self, text: &str) -> Result<Vec<Frame>, WireError> {
        let title = self.title();
        let wrong = WireError::Paper { title };
        if text.len() > PAPER_BYTES_MAX {
            return Err(WireError::TooLarge {
                what: "file",
                len: text.len() as u64,
                max: PAPER_BYTES_MAX,
            });
        }
        let begin = format!("-----BEGIN {title}-----");
        let end = format!("-----END {title}-----");
        let body = text.split_once(&begin).map(|(_, rest)| rest);
        let Some((body, _)) = body.and_then(|rest| rest.split_once(&end)) else {
            return Err(wrong);
        };
        let body: String = body.chars().filter(|c| !c.is_whitespace()).collect();
        let Ok(bytes) = STANDARD.decode(body) else {
            return Err(wrong);
        };
        let mut input = BytesMut::from(bytes.as_slice());
        let mut frames = Vec::new();
        while let Some(frame) = Frame::decode(&mut input)? {
            frames.push(frame);
        }
        if input.is_empty() {
            Ok(frames)
        } else {
            Err(WireError::Truncated)
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::wire::Ping;

    fn frames(n: u64) -> Vec<Frame> {
        let ping = |nonce| {
            Frame::Ping(Ping {
                nonce,
                answer: false,
            })
        };
        (0..n).map(ping).collect()
    }

    #[test]
    fn frames_survive_the_way_by_hand() {
        for n in [0, 1, 40] {
            let text = Paper::JoinBundle.write(&frames(n)).unwrap();
            assert!(text.lines().all(|line| line.len() <= 64));
            let mailed = format!("Hello,\r\n{}\r\nBye", text.replace('\n', "\r\n"));
            assert_eq!(Paper::JoinBundle.read(&mailed).unwrap(), frames(n));
        }
    }

    #[test]
    fn one_file_is_not_taken_for_another() {
        let text = Paper::JoinRequest.write(&frames(1)).unwrap();
        let read = Paper::JoinBundle.read(&text);
        assert!(matches!(read, Err(WireError::Paper { .. })));
        let cut = text.replacen("DAE", "DA", 1);
        assert!(Paper::JoinRequest.read(&cut).is_err());
    }

    proptest! {
        #[test]
        fn arbitrary_text_never_panics(text: String) {
            drop(Paper::JoinRequest.read(&text));
            let title = Paper::JoinRequest.title();
            drop(Paper::JoinRequest.read(&format!("-----BEGIN {title}-----{text}-----END {title}-----")));
        }
    }
}
