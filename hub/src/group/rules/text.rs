//! Reads the text of rules, and knows where in it each thing stands.

use super::RuleError;

/// A place in the text of rules.
pub(super) struct Cursor<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Cursor<'t> {
    pub(super) const fn new(text: &'t str) -> Self {
        Self { text, at: 0 }
    }

    pub(super) const fn at(&self) -> usize {
        self.at
    }

    pub(super) fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or_default()
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn bump(&mut self) {
        self.at += self.peek().map_or(0, char::len_utf8);
    }

    pub(super) fn eat(&mut self, text: &str) -> bool {
        let is_next = self.rest().starts_with(text);
        if is_next {
            self.at += text.len();
        }
        is_next
    }

    /// Goes past blanks within the line.
    pub(super) fn blanks(&mut self) {
        while self.peek().is_some_and(|c| c != '\n' && c.is_whitespace()) {
            self.bump();
        }
    }

    /// Whether the line, or the text, ends here; a comment after a blank is no part of it.
    pub(super) fn is_line_end(&self) -> bool {
        matches!(self.peek(), None | Some('\n' | '#'))
    }

    /// Goes to the next line that has a rule; false at the end of the text.
    pub(super) fn next_rule(&mut self) -> bool {
        loop {
            while self.peek().is_some_and(char::is_whitespace) {
                self.bump();
            }
            match self.peek() {
                None => return false,
                Some('#') => self.line_end(),
                Some(_) => return true,
            }
        }
    }

    fn line_end(&mut self) {
        while self.peek().is_some_and(|c| c != '\n') {
            self.bump();
        }
    }

    /// Characters for as long as they fit.
    pub(super) fn word(&mut self, fits: impl Fn(char) -> bool) -> &'t str {
        let from = self.at;
        while self.peek().is_some_and(&fits) {
            self.bump();
        }
        self.text.get(from..self.at).unwrap_or_default()
    }

    /// A text in quotes, in which a backslash keeps the next character as it is.
    pub(super) fn quoted(&mut self) -> Result<String, RuleError> {
        let from = self.at;
        self.bump();
        let mut out = String::new();
        loop {
            match self.peek() {
                Some('"') => {
                    self.bump();
                    return Ok(out);
                }
                None | Some('\n') => {
                    return Err(self.error(from, "this quotation mark is never closed"));
                }
                Some('\\') => {
                    self.bump();
                    match self.peek() {
                        Some(c @ ('"' | '\\')) => out.push(c),
                        Some('n') => out.push('\n'),
                        Some(c) if c != '\n' => out.extend(['\\', c]),
                        _ => continue,
                    }
                    self.bump();
                }
                Some(c) => {
                    out.push(c);
                    self.bump();
                }
            }
        }
    }

    /// An error about what stands from `from` to here.
    pub(super) fn error(&self, from: usize, message: impl Into<String>) -> RuleError {
        let before = self.text.get(..from).unwrap_or_default();
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let line = before.matches('\n').count() + 1;
        let column = before
            .get(line_start..)
            .map_or(0, |text| text.chars().count())
            + 1;
        // What is missing at the end is pointed at by what stands before it.
        let last = self.text.len().saturating_sub(1);
        let from = self.text.floor_char_boundary(from.min(last));
        let wrong = self.text.get(from..).unwrap_or_default().chars().next();
        let to = self.at.max(from + wrong.map_or(0, char::len_utf8));
        RuleError {
            line,
            column,
            span: [from, to],
            message: message.into(),
        }
    }
}

/// The text as rules hold it: in quotes where it has to be.
pub(super) fn quote(text: &str, bare: impl Fn(char) -> bool) -> String {
    if !text.is_empty() && text.chars().all(bare) {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
