//! Cuts a query into terms, operators and parentheses.

use std::ops::Range;

use super::value::{Pattern, Raw};
use super::{Key, QueryError, canonical, figure};

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Token {
    pub(super) kind: TokenKind,
    pub(super) span: Range<usize>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum TokenKind {
    And,
    Or,
    Not,
    Open,
    Close,
    Words {
        pattern: Pattern,
        quoted: bool,
    },
    Filter {
        negated: bool,
        key: String,
        raw: Raw,
    },
}

/// Whether `name:` is part of free text: an address such as `https://host`, or a pasted title
/// such as `TypeError: x is undefined`.
fn is_word(name: &str, after: &str) -> bool {
    let ends = after.chars().next().is_none_or(char::is_whitespace);
    let is_unknown = name != "has" && matches!(canonical(name), Key::Tag(tag) if tag == name);
    after.starts_with("//") || (ends && is_unknown)
}

pub(super) struct Lexer<'q> {
    text: &'q str,
    at: usize,
    /// Words that stand together and become one phrase.
    words: Option<Range<usize>>,
    tokens: Vec<Token>,
}

impl<'q> Lexer<'q> {
    pub(super) const fn new(text: &'q str) -> Self {
        Self {
            text,
            at: 0,
            words: None,
            tokens: Vec::new(),
        }
    }

    pub(super) fn tokens(mut self) -> Result<Vec<Token>, QueryError> {
        while let Some(c) = self.rest().chars().next() {
            match c {
                c if c.is_whitespace() => self.at += c.len_utf8(),
                '(' => self.sign(TokenKind::Open),
                ')' => self.sign(TokenKind::Close),
                _ => self.term()?,
            }
        }
        self.end_phrase();
        Ok(self.tokens)
    }

    fn rest(&self) -> &'q str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn sign(&mut self, kind: TokenKind) {
        self.end_phrase();
        self.tokens.push(Token {
            kind,
            span: self.at..self.at + 1,
        });
        self.at += 1;
    }

    fn end_phrase(&mut self) {
        if let Some(span) = self.words.take() {
            let words = self.text.get(span.clone()).unwrap_or_default();
            let joined = words.split_whitespace().collect::<Vec<_>>().join(" ");
            let pattern = Pattern::parse(&joined);
            self.tokens.push(Token {
                kind: TokenKind::Words {
                    pattern,
                    quoted: false,
                },
                span,
            });
        }
    }

    /// A word, a quoted phrase, an operator or a filter.
    fn term(&mut self) -> Result<(), QueryError> {
        let start = self.at;
        let negated = self.rest().starts_with('!');
        let key_at = if negated { start + 1 } else { start };
        if let Some((key, value_at)) = self.key(key_at)? {
            self.end_phrase();
            self.at = value_at;
            let raw = self.value(start)?;
            let kind = TokenKind::Filter { negated, key, raw };
            self.tokens.push(Token {
                kind,
                span: start..self.at,
            });
            return Ok(());
        }
        if self.rest().starts_with('"') {
            self.end_phrase();
            let inner = self.quoted()?;
            let pattern = Pattern::parse(&inner);
            let kind = TokenKind::Words {
                pattern,
                quoted: true,
            };
            self.tokens.push(Token {
                kind,
                span: start..self.at,
            });
            return Ok(());
        }
        let word_len = self
            .rest()
            .find(|c: char| c.is_whitespace() || matches!(c, '(' | ')'))
            .unwrap_or(self.rest().len());
        let word = self.rest().get(..word_len).unwrap_or_default();
        // "not" is too common a word of messages to be an operator in small letters.
        let operator = match word {
            "NOT" => Some(TokenKind::Not),
            word if word.eq_ignore_ascii_case("and") => Some(TokenKind::And),
            word if word.eq_ignore_ascii_case("or") => Some(TokenKind::Or),
            _ => None,
        };
        self.at += word_len;
        if let Some(kind) = operator {
            self.end_phrase();
            self.tokens.push(Token {
                kind,
                span: start..self.at,
            });
        } else {
            let phrase_start = self.words.as_ref().map_or(start, |words| words.start);
            self.words = Some(phrase_start..self.at);
        }
        Ok(())
    }

    /// The key in front of a colon, and where its value begins.
    fn key(&self, at: usize) -> Result<Option<(String, usize)>, QueryError> {
        let rest = self.text.get(at..).unwrap_or_default();
        if rest.starts_with('"') {
            let mut ahead = Lexer {
                text: self.text,
                at,
                words: None,
                tokens: Vec::new(),
            };
            let name = ahead.quoted()?;
            let is_key = ahead.rest().starts_with(':');
            return Ok(is_key.then(|| (name, ahead.at + 1)));
        }
        if let Some(len) = figure::name_len(rest) {
            let name = rest.get(..len).unwrap_or_default();
            return Ok(Some((name.to_owned(), at + len + 1)));
        }
        let mut in_brackets = false;
        for (offset, c) in rest.char_indices() {
            match c {
                '[' => in_brackets = true,
                ']' => in_brackets = false,
                ':' if !in_brackets => {
                    let name = rest.get(..offset).unwrap_or_default();
                    let after = rest.get(offset + 1..).unwrap_or_default();
                    let is_key = !name.is_empty() && !is_word(name, after);
                    return Ok(is_key.then(|| (name.to_owned(), at + offset + 1)));
                }
                c if in_brackets && c != '"' && c.is_whitespace() => return Ok(None),
                c if c.is_alphanumeric() || "._-[]\",".contains(c) => {}
                _ => return Ok(None),
            }
        }
        Ok(None)
    }

    fn value(&mut self, start: usize) -> Result<Raw, QueryError> {
        let prefix = Raw::operator_prefix(self.rest());
        let operator = self.rest().get(..prefix).unwrap_or_default().to_owned();
        self.at += prefix;
        let raw = match self.rest().chars().next() {
            Some('"') => Raw::Quoted {
                operator,
                text: self.quoted()?,
            },
            Some('[') => Raw::List {
                operator,
                items: self.list()?,
            },
            _ => {
                let len = self.bare_len();
                let text = self.rest().get(..len).unwrap_or_default().to_owned();
                self.at += len;
                Raw::Bare { operator, text }
            }
        };
        if raw.is_missing() {
            let message = "a value is missing after the colon; use key:\"\" for an empty one";
            return Err(QueryError::new(start..self.at, message));
        }
        Ok(raw)
    }

    /// Up to a blank or a parenthesis that was not opened inside the value.
    fn bare_len(&self) -> usize {
        let mut depth = 0_i32;
        for (offset, c) in self.rest().char_indices() {
            match c {
                c if c.is_whitespace() => return offset,
                '(' => depth += 1,
                ')' if depth == 0 => return offset,
                ')' => depth -= 1,
                _ => {}
            }
        }
        self.rest().len()
    }

    /// A quoted text, the cursor on its first quote. Escaped quotes are freed, `\*` is kept.
    fn quoted(&mut self) -> Result<String, QueryError> {
        let start = self.at;
        let mut inner = String::new();
        let mut chars = self.rest().char_indices().skip(1).peekable();
        while let Some((offset, c)) = chars.next() {
            match c {
                '"' => {
                    self.at = start + offset + 1;
                    return Ok(inner);
                }
                '\\' if chars.peek().is_some_and(|(_, next)| *next == '"') => {
                    inner.push('"');
                    chars.next();
                }
                other => inner.push(other),
            }
        }
        Err(QueryError::new(
            start..self.text.len(),
            "this quote is never closed; add one at the end",
        ))
    }

    /// `[a, b, "c d"]`, the cursor on the bracket.
    fn list(&mut self) -> Result<Vec<String>, QueryError> {
        let start = self.at;
        self.at += 1;
        let mut items = Vec::new();
        loop {
            let blanks = self.rest().len() - self.rest().trim_start().len();
            self.at += blanks;
            match self.rest().chars().next() {
                Some(']') => {
                    self.at += 1;
                    return Ok(items);
                }
                Some(',') => self.at += 1,
                Some('"') => items.push(self.quoted()?),
                Some(_) => {
                    let len = self.rest().find([',', ']']).unwrap_or(self.rest().len());
                    let item = self.rest().get(..len).unwrap_or_default().trim();
                    items.push(item.to_owned());
                    self.at += len;
                }
                None => {
                    let message = "this list is never closed; add ] at the end";
                    return Err(QueryError::new(start..self.text.len(), message));
                }
            }
        }
    }
}
