//! Finds cards, IBANs and US social security numbers in a text.
//!
//! Check digits decide, and neighbours: a run of digits inside a longer word, id or number is none of them.

use super::found::{Found, at, before};
use super::json::{DASH, Sight};
use super::rules::Rule;

/// Fewest digits in a text that may hold a card or an IBAN. The shortest IBANs in use are Dutch.
const DIGITS_MIN: usize = 12;
/// Digits of a social security number, which has dashes too.
const SSN_DIGITS: usize = 9;
/// Longest part of a dashed id that is looked at, in bytes.
const PART_BYTES_MAX: usize = 40;

/// Length of an IBAN by country.
const IBAN_LENGTHS: &[(&[u8; 2], usize)] = &[
    (b"AD", 24),
    (b"AE", 23),
    (b"AL", 28),
    (b"AT", 20),
    (b"AZ", 28),
    (b"BA", 20),
    (b"BE", 16),
    (b"BG", 22),
    (b"BH", 22),
    (b"BI", 27),
    (b"BR", 29),
    (b"BY", 28),
    (b"CH", 21),
    (b"CR", 22),
    (b"CY", 28),
    (b"CZ", 24),
    (b"DE", 22),
    (b"DJ", 27),
    (b"DK", 18),
    (b"DO", 28),
    (b"DZ", 26),
    (b"EE", 20),
    (b"EG", 29),
    (b"ES", 24),
    (b"FI", 18),
    (b"FK", 18),
    (b"FO", 18),
    (b"FR", 27),
    (b"GB", 22),
    (b"GE", 22),
    (b"GI", 23),
    (b"GL", 18),
    (b"GR", 27),
    (b"GT", 28),
    (b"HN", 28),
    (b"HR", 21),
    (b"HU", 28),
    (b"IE", 22),
    (b"IL", 23),
    (b"IQ", 23),
    (b"IR", 26),
    (b"IS", 26),
    (b"IT", 27),
    (b"JO", 30),
    (b"KW", 30),
    (b"KZ", 20),
    (b"LB", 28),
    (b"LC", 32),
    (b"LI", 21),
    (b"LT", 20),
    (b"LU", 20),
    (b"LV", 21),
    (b"LY", 25),
    (b"MA", 28),
    (b"MC", 27),
    (b"MD", 24),
    (b"ME", 22),
    (b"MK", 19),
    (b"MN", 20),
    (b"MR", 27),
    (b"MT", 31),
    (b"MU", 30),
    (b"MZ", 25),
    (b"NI", 28),
    (b"NL", 18),
    (b"NO", 15),
    (b"OM", 23),
    (b"PK", 24),
    (b"PL", 28),
    (b"PS", 29),
    (b"PT", 25),
    (b"QA", 29),
    (b"RO", 24),
    (b"RS", 22),
    (b"RU", 33),
    (b"SA", 24),
    (b"SC", 31),
    (b"SD", 18),
    (b"SE", 24),
    (b"SI", 19),
    (b"SK", 24),
    (b"SM", 27),
    (b"SN", 28),
    (b"SO", 23),
    (b"ST", 25),
    (b"SV", 28),
    (b"TL", 23),
    (b"TN", 24),
    (b"TR", 26),
    (b"UA", 29),
    (b"VA", 22),
    (b"VG", 24),
    (b"XK", 20),
    (b"YE", 30),
];

/// Whether a text of this sight may hold any of these numbers.
#[inline]
pub(super) fn may_be_in(sight: Sight) -> bool {
    sight.digits >= DIGITS_MIN || sight.digits >= SSN_DIGITS && sight.has(DASH)
}

/// Looks at every run of digits.
pub(super) fn find(text: &[u8], found: &mut Vec<Found>) {
    let mut from = 0;
    while let Some(run) = next_where(text, from, u8::is_ascii_digit) {
        let run_end = next_where(text, run, |byte| !byte.is_ascii_digit()).unwrap_or(text.len());
        let start = after_escape(text, run, run_end);
        let (hit, next) = if start == run && continues_left(text, run) {
            // Inside a word only an IBAN's check digits matter; what follows in the word does not.
            let next = next_where(text, run_end, |byte| !byte.is_ascii_alphanumeric());
            let in_word =
                before(text, run, 1).is_ascii_alphanumeric() && before(text, run, 2) != b'\\';
            (
                iban(text, run),
                if in_word {
                    next.unwrap_or(text.len())
                } else {
                    run_end
                },
            )
        } else {
            (
                card(text, start, run_end).or_else(|| ssn(text, start, run_end)),
                run_end,
            )
        };
        from = next;
        if let Some(hit) = hit {
            from = hit.range.end.max(run_end);
            found.push(hit);
        }
    }
}

fn next_where(text: &[u8], from: usize, is_wanted: impl Fn(&u8) -> bool) -> Option<usize> {
    text.get(from..)?
        .iter()
        .position(is_wanted)
        .map(|n| from + n)
}

/// Whether a whole JSON number is a card.
pub(super) fn is_card(number: &[u8]) -> bool {
    let digits = number
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    let (whole, fraction) = number.split_at(digits);
    let is_whole = fraction.is_empty()
        || fraction
            .strip_prefix(b".")
            .is_some_and(|zeros| zeros.iter().all(|byte| *byte == b'0'));
    is_whole && (digits == 15 || digits == 16) && card(whole, 0, digits).is_some()
}

/// `%204111…` and `\u00e94111…`: digits of an escape belong to it, not to the number.
fn after_escape(text: &[u8], run: usize, run_end: usize) -> usize {
    for read in 0..4 {
        let length = match (before(text, run, read + 2), before(text, run, read + 1)) {
            (b'\\', b'u') => 4,
            (_, b'%') | (b'\\', b'x') if read < 2 => 2,
            (_, byte) if byte.is_ascii_hexdigit() => continue,
            _ => return run,
        };
        let rest = run + length - read;
        return if rest < run_end { rest } else { run };
    }
    run
}

/// 34 and 37 with 15 digits; 4, 51 to 55, 2221 to 2720, 6011, 644 to 649 and 65 with 16.
fn card_length(first: u32) -> Option<usize> {
    match first {
        3400..=3499 | 3700..=3799 => Some(15),
        4000..=4999 | 5100..=5599 | 2221..=2720 | 6011 | 6440..=6599 => Some(16),
        _ => None,
    }
}

fn card(text: &[u8], start: usize, run_end: usize) -> Option<Found> {
    if !matches!(at(text, start), b'2'..=b'6') {
        return None;
    }
    let number = collect(text, start)?;
    let first = number
        .digits
        .iter()
        .take(4)
        .fold(0, |value, digit| value * 10 + u32::from(*digit));
    let length = card_length(first)?;
    let (digits, ends) = (number.digits.get(..length)?, number.ends.get(..length)?);
    let end = *ends.last()?;
    if number.count < length || at(text, end).is_ascii_digit() || !luhn(digits) {
        return None;
    }
    if end != run_end && !grouping_is_usual(text, start, end, ends, number.separator) {
        return None;
    }
    (!continues_right(text, end)).then(|| Found::new(start..end, Rule::CreditCard))
}

/// Up to 16 digits with the same separator, or none, between them.
struct Spaced {
    digits: [u8; 16],
    ends: [usize; 16],
    count: usize,
    separator: &'static [u8],
}

fn collect(text: &[u8], start: usize) -> Option<Spaced> {
    const SEPARATORS: [&[u8]; 4] = [b" ", b"-", b"+", b"%20"];
    let mut number = Spaced {
        digits: [0; 16],
        ends: [0; 16],
        count: 0,
        separator: b"",
    };
    let mut cursor = start;
    while number.count < number.digits.len() {
        let byte = at(text, cursor);
        if byte.is_ascii_digit() {
            cursor += 1;
            *number.digits.get_mut(number.count)? = byte - b'0';
            *number.ends.get_mut(number.count)? = cursor;
            number.count += 1;
            continue;
        }
        let rest = text.get(cursor..).unwrap_or_default();
        let Some(separator) = SEPARATORS
            .into_iter()
            .find(|separator| rest.starts_with(separator))
        else {
            break;
        };
        if !number.separator.is_empty() && number.separator != separator
            || !at(text, cursor + separator.len()).is_ascii_digit()
        {
            break;
        }
        number.separator = separator;
        cursor += separator.len();
    }
    Some(number)
}

/// Groups of three digits and more, or each digit alone. Smaller groups are lists of numbers when the list goes on.
fn grouping_is_usual(
    text: &[u8],
    start: usize,
    end: usize,
    ends: &[usize],
    separator: &[u8],
) -> bool {
    let mut smallest = usize::MAX;
    let mut size = 0;
    let mut last = start;
    for digit_end in ends {
        if size > 0 && digit_end - last > 1 {
            smallest = smallest.min(size);
            size = 0;
        }
        size += 1;
        last = *digit_end;
    }
    smallest = smallest.min(size);
    let goes_on = {
        let rest = text.get(end..).unwrap_or_default();
        let after = rest
            .strip_prefix(separator)
            .and_then(|rest| rest.first())
            .is_some_and(u8::is_ascii_digit);
        let head = text.get(..start).unwrap_or_default();
        after
            || head
                .strip_suffix(separator)
                .and_then(|head| head.last())
                .is_some_and(u8::is_ascii_digit)
    };
    smallest >= 3 || !goes_on
}

fn luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(place, digit)| {
            let digit = u32::from(*digit);
            match (place % 2, digit) {
                (0, digit) => digit,
                (_, digit @ 0..5) => digit * 2,
                (_, digit) => digit * 2 - 9,
            }
        })
        .sum();
    sum.is_multiple_of(10)
}

fn ssn(text: &[u8], start: usize, run_end: usize) -> Option<Found> {
    let end = start + 11;
    let number = text.get(start..end)?;
    let [area @ .., b'-', group_tens, group, b'-', s1, s2, s3, s4] = number else {
        return None;
    };
    let serial = [*s1, *s2, *s3, *s4];
    if run_end != start + 3
        || area.len() != 3
        || ![*group_tens, *group]
            .iter()
            .chain(&serial)
            .all(u8::is_ascii_digit)
    {
        return None;
    }
    let was_issued = area != b"000"
        && area != b"666"
        && !area.starts_with(b"9")
        && [*group_tens, *group] != *b"00"
        && serial != *b"0000";
    (was_issued && !continues_right(text, end)).then(|| Found::new(start..end, Rule::UsSsn))
}

/// An IBAN whose check digits stand at `digits`.
fn iban(text: &[u8], digits: usize) -> Option<Found> {
    let start = digits.checked_sub(2)?;
    let country = [at(text, start), at(text, start + 1)];
    // Ids of letters and digits are long, and hardly any begins as a country does.
    if !country.iter().all(u8::is_ascii_alphabetic) || continues_left(text, start) {
        return None;
    }
    let is_lower = country.iter().all(u8::is_ascii_lowercase);
    let country = if is_lower {
        country.map(|letter| letter.to_ascii_uppercase())
    } else {
        country
    };
    let (_, length) = IBAN_LENGTHS.iter().find(|(known, _)| **known == country)?;
    let mut cursor = start;
    let mut remainder_of_head = 0;
    let mut remainder = 0;
    for place in 0..*length {
        cursor = if place > 0 && place.is_multiple_of(4) {
            after_separator(text, cursor)
        } else {
            cursor
        };
        let value = match at(text, cursor) {
            digit @ b'0'..=b'9' => u32::from(digit - b'0'),
            letter @ b'A'..=b'Z' if !is_lower => u32::from(letter - b'A') + 10,
            letter @ b'a'..=b'z' if is_lower && place < 2 => u32::from(letter - b'a') + 10,
            _ => return None,
        };
        let sum = if place < 4 {
            &mut remainder_of_head
        } else {
            &mut remainder
        };
        *sum = (*sum * if value > 9 { 100 } else { 10 } + value) % 97;
        cursor += 1;
    }
    // The head moves behind the rest: two letters (four digits) and two digits.
    let check = (remainder * (1_000_000 % 97) + remainder_of_head) % 97;
    (check == 1 && !continues_right(text, cursor)).then(|| Found::new(start..cursor, Rule::Iban))
}

fn after_separator(text: &[u8], cursor: usize) -> usize {
    match at(text, cursor) {
        b' ' | b'-' | b'+' => cursor + 1,
        b'%' if text
            .get(cursor..)
            .is_some_and(|rest| rest.starts_with(b"%20")) =>
        {
            cursor + 3
        }
        _ => cursor,
    }
}

/// Whether what starts at `start` is the tail of a longer word, id or number.
fn continues_left(text: &[u8], start: usize) -> bool {
    match before(text, start, 1) {
        b'.' => before(text, start, 2).is_ascii_digit(),
        b'-' => {
            let head = text.get(..start - 1).unwrap_or_default();
            head.iter()
                .rev()
                .take(PART_BYTES_MAX)
                .take_while(|byte| byte.is_ascii_alphanumeric())
                .any(u8::is_ascii_digit)
        }
        byte => byte.is_ascii_alphanumeric() && !ends_escape(text, start),
    }
}

/// Whether what ends at `end` is the head of a longer word, id or number.
fn continues_right(text: &[u8], end: usize) -> bool {
    match at(text, end) {
        b'.' => at(text, end + 1).is_ascii_digit(),
        b'-' => {
            let tail = text.get(end + 1..).unwrap_or_default();
            tail.iter()
                .take(PART_BYTES_MAX)
                .take_while(|byte| byte.is_ascii_alphanumeric())
                .any(u8::is_ascii_digit)
        }
        byte => byte.is_ascii_alphanumeric(),
    }
}

/// Whether an escape ends at `end`: `\n`, `%3D`, `\x3d`, `\u003d`.
fn ends_escape(text: &[u8], end: usize) -> bool {
    let is_hex = |count: usize| (1..=count).all(|back| before(text, end, back).is_ascii_hexdigit());
    match (before(text, end, 2), before(text, end, 1)) {
        (b'\\', b'n' | b'r' | b't') => true,
        _ if is_hex(2) && before(text, end, 3) == b'%' => true,
        _ if is_hex(2) && before(text, end, 3) == b'x' && before(text, end, 4) == b'\\' => true,
        _ => is_hex(4) && before(text, end, 5) == b'u' && before(text, end, 6) == b'\\',
    }
}
