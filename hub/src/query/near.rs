//! How far apart two words are, for those who mistyped one.

/// Letters of a word that may be wrong: none of a very short one.
#[must_use]
pub const fn slips(chars: usize) -> usize {
    match chars {
        0..=2 => 0,
        3..=5 => 1,
        _ => 2,
    }
}

/// Letters put in, left out, put for another, or changed places with the next that lead from one
/// word to the other, without case; `None` where these are more than `max`.
#[must_use]
pub fn distance(from: &str, to: &str, max: usize) -> Option<usize> {
    let small = |text: &str| text.chars().flat_map(char::to_lowercase).collect();
    let (from, to): (Vec<char>, Vec<char>) = (small(from), small(to));
    if from.len().abs_diff(to.len()) > max {
        return None;
    }
    // Three rows of the table are enough: one for changed places.
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=to.len()).collect();
    let mut previous = None;
    for (i, a) in from.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, b) in to.iter().enumerate() {
            let at = |row: &[usize], place: usize| row.get(place).copied().unwrap_or(usize::MAX);
            let replaced = at(&last, j) + usize::from(a != b);
            let mut least = replaced.min(at(&last, j + 1) + 1).min(at(&row, j) + 1);
            let other = j.checked_sub(1).and_then(|k| to.get(k));
            if previous == Some(b) && other == Some(a) {
                least = least.min(at(&before, j - 1) + 1);
            }
            row.push(least);
        }
        if row.iter().all(|n| *n > max) {
            return None;
        }
        before = std::mem::replace(&mut last, row);
        previous = Some(a);
    }
    last.last().copied().filter(|n| *n <= max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_slips_of_the_finger() {
        let check = |from: &str, to: &str, expected: Option<usize>| {
            assert_eq!(distance(from, to, 2), expected, "{from} {to}");
            assert_eq!(distance(to, from, 2), expected, "{to} {from}");
        };
        check("timeout", "timeout", Some(0));
        check("Timeout", "timeout", Some(0));
        check("timout", "timeout", Some(1));
        check("tiemout", "timeout", Some(1));
        check("tmieuot", "timeout", Some(2));
        check("levle", "level", Some(1));
        check("größe", "große", Some(1));
        check("", "ab", Some(2));
        check("chargeback", "timeout", None);
        check("abc", "abcdef", None);
        assert_eq!(distance("timout", "timeout", 0), None);
    }
}
