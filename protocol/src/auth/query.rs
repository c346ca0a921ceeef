//! Reads `name=value&…` with percent signs and pluses.

use std::borrow::Cow;

/// Most pairs that are looked at.
const PAIRS_MAX: usize = 100;

/// The decoded pairs of a query or form.
pub type QueryPairs<'a> = Box<dyn Iterator<Item = (Cow<'a, str>, Cow<'a, str>)> + 'a>;

/// Splits and decodes; what is not UTF-8 after decoding becomes replacement characters.
#[must_use]
pub fn query_pairs(query: &str) -> QueryPairs<'_> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    Box::new(pairs.take(PAIRS_MAX).map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decode(name), decode(value))
    }))
}

fn decode(text: &str) -> Cow<'_, str> {
    if !text.bytes().any(|b| b == b'%' || b == b'+') {
        return Cow::Borrowed(text);
    }
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        match byte {
            b'+' => out.push(b' '),
            b'%' => match tail.split_at_checked(2).and_then(|(two, tail)| {
                let mut byte = [0];
                hex::decode_to_slice(two, &mut byte).ok()?;
                Some((byte, tail))
            }) {
                Some((decoded, tail)) => {
                    out.extend_from_slice(&decoded);
                    rest = tail;
                }
                None => out.push(b'%'),
            },
            other => out.push(other),
        }
    }
    Cow::Owned(
        String::from_utf8(out)
            .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decodes_pairs() {
        let pairs: Vec<_> = query_pairs("a=1&b=x%2Fy+z&&c&d=%zz%4&e=%ff").collect();
        let pairs: Vec<_> = pairs
            .iter()
            .map(|(n, v)| (n.as_ref(), v.as_ref()))
            .collect();
        assert_eq!(
            pairs,
            [
                ("a", "1"),
                ("b", "x/y z"),
                ("c", ""),
                ("d", "%zz%4"),
                ("e", "\u{fffd}")
            ]
        );
    }
}
