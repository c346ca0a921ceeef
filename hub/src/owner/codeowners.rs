//! Reads CODEOWNERS files of GitHub and GitLab.

use super::matcher::{Kind, Matcher};
use super::read::wrong;
use super::{CODEOWNERS_BYTES_MAX, OWNERS_MAX, Owner, OwnerError, RULES_MAX, Rule};

pub(super) fn rules(text: &str) -> Result<Vec<Rule>, OwnerError> {
    if text.len() > CODEOWNERS_BYTES_MAX {
        let message = format!("the file is longer than {CODEOWNERS_BYTES_MAX} bytes");
        return Err(wrong(1, CODEOWNERS_BYTES_MAX..text.len(), message));
    }
    let mut rules = Vec::new();
    let mut start = 0;
    for (n, line) in text.split('\n').enumerate() {
        if let Some(rule) = rule(n + 1, line) {
            if rules.len() == RULES_MAX {
                let message = format!("the file has more than {RULES_MAX} rules");
                return Err(wrong(n + 1, start..start + line.len(), message));
            }
            rules.push(rule);
        }
        start += line.len() + 1;
    }
    Ok(rules)
}

fn rule(number: usize, line: &str) -> Option<Rule> {
    let line = line.trim();
    // `[Section]` and `^[Section]` are GitLab's, `!` is in no CODEOWNERS file.
    if line.is_empty() || line.starts_with(['#', '[', '^', '!']) {
        return None;
    }
    let (pattern, rest) = pattern_of(line);
    let mut owners = Vec::new();
    for word in rest.split_whitespace() {
        if word.starts_with('#') {
            break;
        }
        owners.extend(owner(word));
    }
    owners.truncate(OWNERS_MAX);
    Some(Rule {
        matcher: Matcher::new(Kind::Codeowners, &pattern),
        owners,
        line: number,
    })
}

/// The pattern, in which `\ ` is a blank, and what is behind it.
fn pattern_of(line: &str) -> (String, &str) {
    let mut pattern = String::new();
    let mut chars = line.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => pattern.extend(chars.next().map(|(_, c)| c)),
            c if c.is_whitespace() => return (pattern, line.get(at..).unwrap_or_default()),
            c => pattern.push(c),
        }
    }
    (pattern, "")
}

/// `@organization/team`, `@name` or an address.
fn owner(word: &str) -> Option<Owner> {
    let Some(name) = word.strip_prefix('@') else {
        let (name, host) = word.split_once('@')?;
        let is_address = !name.is_empty() && !host.is_empty();
        return is_address.then(|| Owner::Email(word.to_lowercase()));
    };
    match name.rsplit_once('/') {
        Some((_, team)) => (!team.is_empty()).then(|| Owner::Team(team.to_lowercase())),
        None => (!name.is_empty()).then(|| Owner::Name(name.to_lowercase())),
    }
}
