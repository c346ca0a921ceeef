//! Check digits, which tell a number that somebody was given from one that only looks like it.
//!
//! Each function takes a text and the range of a candidate in it.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::ops::Range;

/// Whether a candidate is what it looks like.
pub(crate) type Check = fn(&str, &Range<usize>) -> bool;

/// The candidate's digits as numbers.
pub(super) fn digits(text: &str, range: &Range<usize>) -> Vec<u32> {
    let candidate = text.get(range.clone()).unwrap_or_default();
    candidate.chars().filter_map(|c| c.to_digit(10)).collect()
}

/// The candidate's letters and digits, in upper case.
pub(super) fn symbols(text: &str, range: &Range<usize>) -> Vec<char> {
    let candidate = text.get(range.clone()).unwrap_or_default();
    let symbols = candidate.chars().filter(char::is_ascii_alphanumeric);
    symbols.map(|c| c.to_ascii_uppercase()).collect()
}

/// ISO/IEC 7812: from the right, every second digit doubled.
pub(super) fn luhn(text: &str, range: &Range<usize>) -> bool {
    is_luhn(&digits(text, range))
}

pub(super) fn is_luhn(digits: &[u32]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(n, digit)| match (n % 2, digit * 2) {
            (0, _) => *digit,
            (_, double @ 10..) => double - 9,
            (_, double) => double,
        })
        .sum();
    sum.is_multiple_of(10) && digits.iter().any(|digit| *digit != 0)
}

/// ISO 13616: the country and check digits moved to the end, letters as numbers, modulo 97.
pub(super) fn iban(text: &str, range: &Range<usize>) -> bool {
    let symbols = symbols(text, range);
    let (head, tail) = symbols.split_at(symbols.len().min(4));
    let rest = tail.iter().chain(head).try_fold(0_u32, |rest, symbol| {
        let value = symbol.to_digit(36)?;
        let shift = if value < 10 { 10 } else { 100 };
        Some((rest * shift + value) % 97)
    });
    rest == Some(1)
}

/// An IPv6 address with colons on no side of it.
pub(super) fn ipv6(text: &str, range: &Range<usize>) -> bool {
    let candidate = text.get(range.clone()).unwrap_or_default();
    let address = candidate.split('%').next().unwrap_or_default();
    let before = text.get(..range.start).and_then(|head| head.chars().last());
    let after = text.get(range.end..).and_then(|tail| tail.chars().next());
    let continues = |c: Option<char>| c.is_some_and(|c| c == ':' || c.is_alphanumeric());
    address.parse::<Ipv6Addr>().is_ok() && !continues(before) && !continues(after)
}

/// An IPv4 address that is no part of a longer number with dots.
pub(super) fn ipv4(text: &str, range: &Range<usize>) -> bool {
    let candidate = text.get(range.clone()).unwrap_or_default();
    candidate.parse::<Ipv4Addr>().is_ok()
}
