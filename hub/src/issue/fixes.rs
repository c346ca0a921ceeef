//! Which issues a commit's message says are put right: `fixes SHOP-2K`.

use crate::ids::ShortId;

/// Issues that one message names; what is beyond is not read.
const NAMED_MAX: usize = 50;
/// The words that say so, before one name or several.
const WORDS: [&str; 9] = [
    "fix", "fixes", "fixed", "close", "closes", "closed", "resolve", "resolves", "resolved",
];

/// The short ids that follow `fixes`, `closes`, `resolves` and their forms, each once.
#[must_use]
pub fn fixed(message: &str) -> Vec<ShortId> {
    let mut named: Vec<ShortId> = Vec::new();
    let mut follows = false;
    let words = message.split(|c: char| c.is_whitespace() || matches!(c, ',' | ';' | '(' | ')'));
    for word in words.filter(|word| !word.is_empty()) {
        let plain = word.trim_matches(|c: char| !c.is_ascii_alphanumeric());
        if WORDS.iter().any(|known| known.eq_ignore_ascii_case(plain)) {
            follows = true;
            continue;
        }
        match ShortId::parse(plain) {
            Ok(id) if follows && plain.bytes().any(|byte| byte.is_ascii_uppercase()) => {
                if !named.contains(&id) && named.len() < NAMED_MAX {
                    named.push(id);
                }
            }
            _ if matches!(plain, "" | "and" | "issue" | "issues") => {}
            _ => follows = false,
        }
    }
    named
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_which_issues_a_message_puts_right() {
        let check = |message: &str, expected: &[&str]| {
            let named = fixed(message);
            let named: Vec<String> = named.iter().map(ToString::to_string).collect();
            assert_eq!(named, expected, "{message}");
        };
        check("Fixes SHOP-2K", &["SHOP-2K"]);
        check(
            "Round amounts\n\nfixes: SHOP-1, SHOP-2 and API-3.",
            &["SHOP-1", "SHOP-2", "API-3"],
        );
        check("closes (#SHOP-1), resolved SHOP-1", &["SHOP-1"]);
        check("See SHOP-1", &[]);
        check("Fix the cart, as SHOP-1 says", &[]);
        check("fix re-do of pre-1", &[]);
        check("fixes", &[]);
        check("", &[]);
    }
}
