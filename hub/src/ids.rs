//! Ids that only the hub gives: issues, short ids.

use std::fmt;

/// An issue's row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IssueId(pub i64);

impl fmt::Display for IssueId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What people call an issue: `SHOP-2K`, the project's slug in capitals and a number that counts
/// within the project, in Crockford's base 32.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShortId {
    /// The project's slug, in small letters.
    pub project: String,
    /// Counts from 1.
    pub number: i64,
}

/// A text that is no short id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a short id, as in SHOP-2K")]
pub struct ShortIdError;

/// Digits without I, L, O and U, which are misread or make words.
const DIGITS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

impl ShortId {
    /// Reads a short id in capitals or small letters; `I`, `L` and `O` are taken for the digits
    /// they look like.
    ///
    /// # Errors
    /// [`ShortIdError`].
    pub fn parse(text: &str) -> Result<Self, ShortIdError> {
        let (project, digits) = text.rsplit_once('-').ok_or(ShortIdError)?;
        if project.is_empty() || digits.is_empty() {
            return Err(ShortIdError);
        }
        let mut number: i64 = 0;
        for byte in digits.bytes() {
            let byte = match byte.to_ascii_uppercase() {
                b'I' | b'L' => b'1',
                b'O' => b'0',
                other => other,
            };
            let digit = DIGITS.iter().position(|d| *d == byte).ok_or(ShortIdError)?;
            number = number
                .checked_mul(32)
                .and_then(|number| number.checked_add(i64::try_from(digit).ok()?))
                .ok_or(ShortIdError)?;
        }
        if number == 0 {
            return Err(ShortIdError);
        }
        Ok(Self {
            project: project.to_ascii_lowercase(),
            number,
        })
    }
}

impl fmt::Display for ShortId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut digits = [0; 13];
        let mut rest = self.number.unsigned_abs();
        let mut len = 0;
        for place in digits.iter_mut().rev() {
            let digit = usize::try_from(rest % 32).unwrap_or_default();
            *place = DIGITS.get(digit).copied().unwrap_or(b'0');
            rest /= 32;
            len += 1;
            if rest == 0 {
                break;
            }
        }
        let digits = digits.get(13 - len..).unwrap_or_default();
        let digits = std::str::from_utf8(digits).unwrap_or_default();
        write!(f, "{}-{digits}", self.project.to_ascii_uppercase())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_and_reads_short_ids() {
        let check = |number: i64, text: &str| {
            let id = ShortId {
                project: "web-shop".to_owned(),
                number,
            };
            assert_eq!(id.to_string(), text);
            assert_eq!(ShortId::parse(text), Ok(id));
        };
        check(1, "WEB-SHOP-1");
        check(31, "WEB-SHOP-Z");
        check(32, "WEB-SHOP-10");
        check(i64::MAX, "WEB-SHOP-7ZZZZZZZZZZZZ");
        assert_eq!(ShortId::parse("web-shop-io"), ShortId::parse("WEB-SHOP-10"));
    }

    #[test]
    fn refuses_what_is_no_short_id() {
        for text in [
            "",
            "-",
            "shop",
            "shop-",
            "-1",
            "shop-0",
            "shop-u",
            "shop-80000000000000",
        ] {
            assert_eq!(ShortId::parse(text), Err(ShortIdError), "{text}");
        }
    }
}
