//! Reads the lines of a project's own rules.

use std::ops::Range;

use super::matcher::{Kind, Matcher};
use super::{OWNERS_MAX, Owner, OwnerError, RULES_BYTES_MAX, RULES_MAX, Rule};

/// A word of a line and where it stands in the whole text.
struct Word {
    text: String,
    span: Range<usize>,
}

pub(super) fn rules(text: &str) -> Result<Vec<Rule>, OwnerError> {
    if text.len() > RULES_BYTES_MAX {
        let message = format!("the rules are longer than {RULES_BYTES_MAX} bytes; shorten them");
        return Err(wrong(1, RULES_BYTES_MAX..text.len(), message));
    }
    let mut rules = Vec::new();
    let mut start = 0;
    for (n, line) in text.split('\n').enumerate() {
        let number = n + 1;
        let words = words(number, start, line)?;
        if let Some((pattern, owners)) = words.split_first() {
            if rules.len() == RULES_MAX {
                let message = format!("a project has at most {RULES_MAX} rules");
                return Err(wrong(number, start..start + line.len(), message));
            }
            rules.push(rule(number, pattern, owners)?);
        }
        start += line.len() + 1;
    }
    Ok(rules)
}

pub(super) fn wrong(line: usize, span: Range<usize>, message: impl Into<String>) -> OwnerError {
    OwnerError {
        message: message.into(),
        line,
        span,
    }
}

fn rule(number: usize, pattern: &Word, owners: &[Word]) -> Result<Rule, OwnerError> {
    let matcher = matcher(number, pattern)?;
    if owners.is_empty() {
        let message = "nobody owns it: write an e-mail address or #team behind the pattern";
        return Err(wrong(number, pattern.span.clone(), message));
    }
    if owners.len() > OWNERS_MAX {
        let message = format!("a rule has at most {OWNERS_MAX} owners");
        return Err(wrong(number, pattern.span.clone(), message));
    }
    let owners = owners.iter().map(|word| {
        owner(&word.text).ok_or_else(|| {
            let message = format!("{} is neither an e-mail address nor #team", word.text);
            wrong(number, word.span.clone(), message)
        })
    });
    Ok(Rule {
        matcher,
        owners: owners.collect::<Result<_, _>>()?,
        line: number,
    })
}

fn matcher(number: usize, word: &Word) -> Result<Matcher, OwnerError> {
    let fail = |message: String| Err(wrong(number, word.span.clone(), message));
    let (kind, pattern) = match word.text.split_once(':') {
        None => (Kind::Path, word.text.as_str()),
        Some(("path", pattern)) => (Kind::Path, pattern),
        Some(("module", pattern)) => (Kind::Module, pattern),
        Some(("url", pattern)) => (Kind::Url, pattern),
        Some(("codeowners", pattern)) => (Kind::Codeowners, pattern),
        Some((name, pattern)) => match name.strip_prefix("tags.") {
            Some(key) if !key.is_empty() => (Kind::Tag(key.to_owned()), pattern),
            _ => {
                return fail(format!(
                    "nothing is called {name}: use path, module, url, tags.NAME or codeowners"
                ));
            }
        },
    };
    if pattern.is_empty() {
        return fail("the pattern is empty: write what it must be behind the colon".to_owned());
    }
    Ok(Matcher::new(kind, pattern))
}

fn owner(text: &str) -> Option<Owner> {
    if let Some(slug) = text.strip_prefix('#') {
        return (!slug.is_empty()).then(|| Owner::Team(slug.to_owned()));
    }
    let (name, host) = text.split_once('@')?;
    let is_address = !name.is_empty() && !host.is_empty() && !host.contains('@');
    is_address.then(|| Owner::Email(text.to_lowercase()))
}

/// The words of a line, parted by blanks; a comment has none. What stands in quotes, alone or
/// behind a colon, may hold blanks.
fn words(number: usize, start: usize, line: &str) -> Result<Vec<Word>, OwnerError> {
    let mut words: Vec<Word> = Vec::new();
    if line.trim_start().starts_with('#') {
        return Ok(words);
    }
    let mut chars = line.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        if c.is_whitespace() {
            continue;
        }
        let mut text = String::new();
        let mut end = at + c.len_utf8();
        let mut next = Some(c);
        let mut quoted_from = None;
        while let Some(c) = next {
            match c {
                '"' if quoted_from.is_some() => quoted_from = None,
                '"' if text.is_empty() || text.ends_with(':') => quoted_from = Some(end - 1),
                c => text.push(c),
            }
            let goes_on = |c: char| quoted_from.is_some() || !c.is_whitespace();
            next = chars.next_if(|(_, c)| goes_on(*c)).map(|(at, c)| {
                end = at + c.len_utf8();
                c
            });
        }
        if let Some(from) = quoted_from {
            let message = "the quotes are not closed: write \" at the end of the pattern";
            return Err(wrong(number, start + from..start + line.len(), message));
        }
        let span = start + at..start + end;
        words.push(Word { text, span });
    }
    Ok(words)
}
