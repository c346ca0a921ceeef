//! Makes JSON of what almost is: bare `NaN` and `Infinity`, numbers without end, half surrogates.
//!
//! Old clients send these. Only payloads that did not parse come here.

/// A copy in which every such value is `null`, and every half surrogate the replacement character.
pub(super) fn clean(payload: &[u8]) -> String {
    let text = String::from_utf8_lossy(payload);
    let mut out = String::with_capacity(text.len());
    let mut rest: &str = &text;
    while let Some(first) = rest.chars().next() {
        let token_len = match first {
            '"' => string_len(rest),
            '-' | '+' | '0'..='9' | 'a'..='z' | 'A'..='Z' => word_len(rest),
            _ => first.len_utf8(),
        };
        let (token, tail) = rest.split_at_checked(token_len).unwrap_or((rest, ""));
        match first {
            '"' => push_string(&mut out, token),
            '-' | '+' | '0'..='9' | 'a'..='z' | 'A'..='Z' => push_word(&mut out, token),
            _ => out.push_str(token),
        }
        rest = tail;
    }
    out
}

fn string_len(text: &str) -> usize {
    let mut is_escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

fn word_len(text: &str) -> usize {
    text.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '+' | '.')))
        .unwrap_or(text.len())
}

fn push_word(out: &mut String, word: &str) {
    let is_plain = matches!(word, "true" | "false" | "null")
        || (word.parse::<f64>().is_ok_and(f64::is_finite)
            && word.ends_with(|c: char| c.is_ascii_digit())
            && !word.starts_with('+'));
    out.push_str(if is_plain { word } else { "null" });
}

/// Copies a string, with control characters escaped and half surrogates replaced.
fn push_string(out: &mut String, string: &str) {
    let mut rest = string;
    while let Some(first) = rest.chars().next() {
        let mut taken = first.len_utf8();
        if first == '\\' {
            match unicode_escape(rest) {
                Some(high @ 0xD800..=0xDBFF) => {
                    let pair = rest.get(6..).and_then(unicode_escape);
                    taken = 6;
                    if matches!(pair, Some(0xDC00..=0xDFFF)) {
                        taken = 12;
                        out.push_str(rest.get(..12).unwrap_or_default());
                    } else {
                        debug_assert!(high >= 0xD800);
                        out.push_str("\\ufffd");
                    }
                }
                Some(0xDC00..=0xDFFF) => {
                    taken = 6;
                    out.push_str("\\ufffd");
                }
                _ => {
                    taken = rest.chars().take(2).map(char::len_utf8).sum();
                    out.push_str(rest.get(..taken).unwrap_or_default());
                }
            }
        } else if first < ' ' {
            out.push_str(match first {
                '\n' => "\\n",
                '\t' => "\\t",
                '\r' => "\\r",
                _ => "\\ufffd",
            });
        } else {
            out.push(first);
        }
        rest = rest.get(taken..).unwrap_or_default();
    }
}

fn unicode_escape(text: &str) -> Option<u16> {
    let digits = text.strip_prefix("\\u")?.get(..4)?;
    u16::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_what_is_no_json_into_null() {
        let check = |raw: &str, expected: &str| {
            assert_eq!(clean(raw.as_bytes()), expected, "{raw}");
        };
        check(r#"{"a":NaN}"#, r#"{"a":null}"#);
        check(r#"[Infinity, -Infinity, 1e999]"#, r#"[null, null, null]"#);
        check(r#"{"a":"NaN","b":-1.5e3}"#, r#"{"a":"NaN","b":-1.5e3}"#);
        check(r#"[true,false,null,0]"#, r#"[true,false,null,0]"#);
        check(r#"["\ud83d"]"#, r#"["\ufffd"]"#);
        check(r#"["\ud83d\ude00"]"#, r#"["\ud83d\ude00"]"#);
        check(r#"["\udc00x\\ud800"]"#, r#"["\ufffdx\\ud800"]"#);
        check("[\"a\nb\"]", r#"["a\nb"]"#);
        check("[\"open", "[\"open");
    }
}
