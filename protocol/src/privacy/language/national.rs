//! Numbers that states give to people. A number is taken only when its check digits are right, where the country has any.

use std::ops::Range;

use super::checks::{Check, digits, is_luhn, symbols};

/// One country's number.
pub(super) struct National {
    /// The built-in rule's name without `@`.
    pub(super) id: &'static str,
    pub(super) pattern: &'static str,
    pub(super) check: Option<Check>,
}

const fn national(id: &'static str, pattern: &'static str, check: Check) -> National {
    National {
        id,
        pattern,
        check: Some(check),
    }
}

/// Every country's, by the country's code.
pub(super) const ALL: &[National] = &[
    national("id-at-svnr", r"\b\d{4} ?\d{6}\b", austria),
    national("id-au-tfn", r"\b\d{3} ?\d{3} ?\d{3}\b", australia),
    national(
        "id-be-nrn",
        r"\b\d{2}\.?\d{2}\.?\d{2}-?\d{3}\.?\d{2}\b",
        belgium,
    ),
    national("id-br-cpf", r"\b\d{3}\.?\d{3}\.?\d{3}-?\d{2}\b", brazil),
    national("id-ca-sin", r"\b[1-79]\d{2}[ -]?\d{3}[ -]?\d{3}\b", canada),
    national("id-ch-ahv", r"\b756\.?\d{4}\.?\d{4}\.?\d{2}\b", switzerland),
    national("id-cn-ric", r"(?i)\b[1-9]\d{16}[\dX]\b", china),
    national("id-de-idnr", r"\b[1-9]\d ?\d{3} ?\d{3} ?\d{3}\b", germany),
    national("id-es-dni", r"(?i)\b[XYZ\d]-?\d{7}-?[A-Z]\b", spain),
    national("id-fi-hetu", r"(?i)\b\d{6}[-+A-F]\d{3}[0-9A-Y]\b", finland),
    national(
        "id-fr-nir",
        r"(?i)\b[12] ?\d{2} ?(?:0[1-9]|1[0-2]|[2-9]\d) ?(?:\d{2}|2[AB]) ?\d{3} ?\d{3} ?\d{2}\b",
        france,
    ),
    National {
        id: "id-gb-nino",
        pattern: r"(?i)\b[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?\d{2} ?\d{2} ?\d{2} ?[A-D]\b",
        check: None,
    },
    national("id-gb-nhs", r"\b\d{3}[ -]?\d{3}[ -]?\d{4}\b", britain),
    national("id-in-aadhaar", r"\b[2-9]\d{3} ?\d{4} ?\d{4}\b", india),
    national(
        "id-it-cf",
        r"(?i)\b[A-Z]{6}\d{2}[A-EHLMPRST]\d{2}[A-Z]\d{3}[A-Z]\b",
        italy,
    ),
    national("id-nl-bsn", r"\b\d{9}\b", netherlands),
    national("id-no-fnr", r"\b\d{6} ?\d{5}\b", norway),
    national("id-pl-pesel", r"\b\d{11}\b", poland),
    national("id-pt-nif", r"\b[1-35689]\d{2} ?\d{3} ?\d{3}\b", portugal),
    national("id-se-pnr", r"\b(?:\d{2})?\d{6}[-+]?\d{4}\b", sweden),
    national("id-za-id", r"\b\d{13}\b", south_africa),
];

/// The sum of digits times weights, as far as both go.
fn weighted(digits: &[u32], weights: &[u32]) -> u32 {
    digits.iter().zip(weights).map(|(d, w)| d * w).sum()
}

fn digit(digits: &[u32], at: usize) -> u32 {
    digits.get(at).copied().unwrap_or(u32::MAX)
}

/// The digits as one number, from one place to another.
fn number(digits: &[u32], range: Range<usize>) -> u64 {
    let digits = digits.get(range).unwrap_or_default();
    digits.iter().fold(0, |n, d| n * 10 + u64::from(*d))
}

/// Month and day of a date of birth may be these.
fn is_date(month: u64, day: u64) -> bool {
    (1..=12).contains(&month) && (1..=31).contains(&day)
}

fn austria(text: &str, range: &Range<usize>) -> bool {
    let d = digits(text, range);
    let sum = weighted(&d, &[3, 7, 9, 0, 5, 8, 4, 2, 1, 6]);
    digit(&d, 0) != 0 && sum % 11 == digit(&d, 3)
}

fn australia(text: &str, range: &Range<usize>) -> bool {
    let d = digits(text, range);
    let sum = weighted(&d, &[1, 4, 3, 7, 5, 8, 6, 9, 10]);
    sum > 0 && sum.is_multiple_of(11)
}

fn belgium(text: &str, range: &Range<usize>) -> bool {
    let d = digits(text, range);
    let (own, check) = (number(&d, 0..9), number(&d, 9..11));
    // Who was born from 2000 on has a two before the number.
    let is_right = |n: u64| 97 - n % 97 == check;
    let is_birth = number(&d, 2..4) <= 12 && number(&d, 4..6) <= 31;
    is_birth && own > 0 && (is_right(own) || is_right(2_000_000_000 + own))
}

fn brazil(text: &str, range: &Range<usize>) -> bool {
    let d = digits(text, range);
    let check = |n: u32| {
        let weights: Vec<u32> = (2..=n).rev().collect();
        let rest = weighted(&d, &weights) * 10 % 11;
        if rest == 10 { 0 } else { rest }
    };
    let is_same = d.iter().all(|other| Some(other) == d.first());
    !is_same && check(10) == digit(&d, 9) && check(11) == digit(&d, 10)
}

fn canada(text: &str, range: &Range<usize>) -> bool {
    is_luhn(&digits(text, range))
}

fn switzerland(text: &str, range: &Range<usize>) -> bool {
    let d = digits(text, range);
    weighted(&d, &[1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1]).is_multiple_of(10)
}

fn china(text: &str, range: &Range<usize>) -> bool {
    let symbols = symbols(text, range);
    let d: Vec<u32> = symbols.iter().filter_map(|c| c.to_digit(10)).collect();
    let sum = weighted(&d, &[7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2]);
    let check = "10X98765432".chars().nth((sum % 11) as usize);
    is_date(number(&d, 10..12), number(&d, 12..14)) && check == symbols.last().copied()
}

/// ISO 7064, modulo 11 and 10; one digit of the first ten stands twice or thrice.
fn germany(text: &str, range: &Range<usize>) -> bool {
    let d = digits(text, range);
    let own = d.get(..10).unwrap_or_default();
    let mut counts = [0_u32; 10];
    for digit in own {
        if let Some(count) = counts.get_mut(*digit as usize) {
            *count += 1;
        }
    }
    let repeats = counts.iter().filter(|count| **count > 1).count();
    let most = counts.iter().max().copied().unwrap_or_default();
    let product = own.iter().fold(10, |product, digit| {
        let sum = (digit + product) % 10;
        (if sum == 0 { 10 } else { sum }) * 2 % 11
    });
    repeats == 1 && most <= 3 && (11 - product) % 10 == digit(&d, 10)
}

fn spain(text: &str, range: &Range<usize>) -> bool {
    let symbols = symbols(text, range);
    let value = symbols.iter().take(8).try_fold(0_usize, |n, symbol| {
        let digit = match symbol {
            'X' => 0,
            'Y' => 1,
            'Z' => 2,
            other => other.to_digit(10)?,
        };
        Some(n * 10 + digit as usize)
    });
    let letter = value.and_then(|n| "TRWAGMYFPDXBNJZSQVHLCKE".chars().nth(n % 23));
    letter.is_some() && letter == symbols.last().copied()
}

fn finland(text: &str, range: &Range<usize>) -> bool {
    let candidate = text.get(range.clone()).unwrap_or_default();
    let head: Vec<u32> = candidate
        .chars()
        .take(6)
        .filter_map(|c| c.to_digit(10))
        .collect();
    let own: Vec<u32> = candidate
        .chars()
        .skip(7)
        .take(3)
        .filter_map(|c| c.to_digit(10))
        .collect();
    let n = number(&head, 0..6) * 1000 + number(&own, 0..3);
    let expected = "0123456789ABCDEFHJKLMNPRSTUVWXY"
        .chars()
        .nth(usize::try_from(n % 31).unwrap_or_default());
    let last = candidate.chars().last().map(|c| c.to_ascii_uppercase());
    is_date(number(&head, 2..4), number(&head, 0..2)) && last.is_some() && last == expected
}

/// The two departments of Corsica count as 19 and 18.
fn france(text: &str, range: &Range<usize>) -> bool {
    let symbols: String = symbols(text, range).into_iter().collect();
    let d = symbols.replace("2A", "19").replace("2B", "18");
    let d: Vec<u32> = d.chars().filter_map(|c| c.to_digit(10)).collect();
    d.len() == 15 && 97 - number(&d, 0..13) % 97 == number(&d, 13..15)
}

fn britain(text: &str, range: &Range<usize>) -> bool {
    let d = digits(text, range);
    let rest = 11 - weighted(&d, &[10, 9, 8, 7, 6, 5, 4, 3, 2]) % 11;
    let is_zero = d.iter().all(|digit| *digit == 0);
    !is_zero && rest % 11 == digit(&d, 9)
}

/// Verhoeff's scheme: the symmetries of a pentagon, and a permutation by the place.
fn india(text: &str, range: &Range<usize>) -> bool {
    const PERMUTATION: [u32; 10] = [1, 5, 7, 6, 2, 8, 3, 0, 9, 4];
    let multiply = |a: u32, b: u32| match (a < 5, b < 5) {
        (true, true) => (a + b) % 5,
        (true, false) => (a + b) % 5 + 5,
        (false, true) => (a + 5 - b) % 5 + 5,
        (false, false) => (a + 5 - b) % 5,
    };
    let d = digits(text, range);
    let check = d.iter().rev().enumerate().fold(0, |check, (place, digit)| {
        let permuted = (0..place % 8).fold(*digit, |digit, _| {
            PERMUTATION.get(digit as usize).copied().unwrap_or_default()
        });
        multiply(check, permuted)
    });
    check == 0
}

fn italy(text: &str, range: &Range<usize>) -> bool {
    /// The values of digits and letters at odd places.
    const ODD: [u32; 26] = [
        1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24,
        23,
    ];
    let symbols = symbols(text, range);
    let sum: u32 = symbols
        .iter()
        .take(15)
        .enumerate()
        .map(|(n, symbol)| {
            let value = symbol.to_digit(36).unwrap_or_default();
            let value = if value < 10 { value } else { value - 10 };
            match n % 2 {
                0 => ODD.get(value as usize).copied().unwrap_or_default(),
                _ => value,
            }
        })
        .sum();
    let expected = char::from_digit(sum % 26 + 10, 36).map(|c| c.to_ascii_uppercase());
    expected.is_some() && symbols.last().copied() == expected
}

fn netherlands(text: &str, range: &Range<usize>) -> bool {
    let d = digits(text, range);
    let sum = weighted(&d, &[9, 8, 7, 6, 5, 4, 3, 2]);
    sum > 0 && sum % 11 == digit(&d, 8)
}

fn norway(text: &str, range: &Range<usize>) -> bool {
    let d = digits(text, range);
    let first = weighted(&d, &[3, 7, 6, 1, 8, 9, 4, 5, 2, 1]);
    let second = weighted(&d, &[5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1]);
    // Numbers for people from abroad have forty more in the day.
    let day = number(&d, 0..2) % 40;
    is_date(number(&d, 2..4), day) && first.is_multiple_of(11) && second.is_multiple_of(11)
}

/// The month says the century by multiples of twenty.
fn poland(text: &str, range: &Range<usize>) -> bool {
    let d = digits(text, range);
    let sum = weighted(&d, &[1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1]);
    is_date(number(&d, 2..4) % 20, number(&d, 4..6)) && sum.is_multiple_of(10)
}

fn portugal(text: &str, range: &Range<usize>) -> bool {
    let d = digits(text, range);
    let rest = weighted(&d, &[9, 8, 7, 6, 5, 4, 3, 2]) % 11;
    let check = if rest < 2 { 0 } else { 11 - rest };
    check == digit(&d, 8)
}

fn sweden(text: &str, range: &Range<usize>) -> bool {
    let d = digits(text, range);
    let d = d.get(d.len().saturating_sub(10)..).unwrap_or_default();
    // Numbers for people without residence have sixty more in the day.
    let day = number(d, 4..6) % 60;
    d.len() == 10 && is_date(number(d, 2..4), day) && is_luhn(d)
}

fn south_africa(text: &str, range: &Range<usize>) -> bool {
    let d = digits(text, range);
    is_date(number(&d, 2..4), number(&d, 4..6)) && is_luhn(&d)
}
