//! The search language: text to a tree, errors with positions.
//!
//! `level:error !user.email:*@example.com "could not charge" release:[1.0, 1.1]` becomes an
//! [`Expr`] that knows no engine: `index` compiles it for events, `store` for issues.
//!
//! What always holds: parsing is linear and bounded (length, terms, depth), never panics, and an
//! error names the byte range to underline and the remedy. An unknown key is a tag.
//!
//! Blank means AND, which binds tighter than OR; `!` and NOT negate; parentheses group.
//! Words that stand together without a key are one phrase of free text. What is said of groups of
//! events, as `count():>10`, is taken apart from the rest by [`parted`].

mod figure;
mod keys;
mod length;
mod lexer;
mod near;
mod value;

use std::ops::Range;

use protocol::timestamp::Timestamp;

use figure::Figures;
pub use figure::{figure, parted};
use keys::{BOOLEAN_KEYS, DATE_KEYS, NUMBER_KEYS, TIME_SPANS, TagKind, tag_kind};
pub use keys::{Key, Scope, canonical, field_keys};
pub use length::{VALUE_CHARS_MAX, WORD_BYTES_MAX};
use lexer::{Lexer, Token, TokenKind};
pub use near::{distance, slips};
pub use value::{Op, Part, Pattern, Value, parse_number};

/// Longest query, in bytes.
pub const QUERY_BYTES_MAX: usize = 4096;
/// Most terms in one query.
pub const QUERY_TERMS_MAX: usize = 200;
/// Deepest nesting of parentheses.
pub const QUERY_DEPTH_MAX: usize = 20;

/// A query as a tree.
#[derive(Clone, Debug, PartialEq)]
pub enum Expr {
    /// Every part must match; empty matches everything.
    And(Vec<Expr>),
    /// One part must match.
    Or(Vec<Expr>),
    /// The part must not match.
    Not(Box<Expr>),
    /// A key and what its value must be.
    Filter(Filter),
    /// Words to be found anywhere in the event.
    Text(Text),
}

impl Expr {
    /// The query that matches everything.
    #[must_use]
    pub const fn everything() -> Self {
        Self::And(Vec::new())
    }

    /// Whether there is nothing to match.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        matches!(self, Self::And(parts) if parts.iter().all(Self::is_everything))
    }
}

/// `key:value`.
#[derive(Clone, Debug, PartialEq)]
pub struct Filter {
    /// What is looked at.
    pub key: Key,
    /// How it is compared.
    pub op: Op,
    /// With what.
    pub value: Value,
    /// Where it stands in the query.
    pub span: Range<usize>,
}

/// Free text.
#[derive(Clone, Debug, PartialEq)]
pub struct Text {
    /// The words; `*` stands for anything.
    pub pattern: Pattern,
    /// Whether it stood in quotes.
    pub quoted: bool,
    /// Where it stands in the query.
    pub span: Range<usize>,
}

/// Why a query cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct QueryError {
    /// What is wrong, and the remedy.
    pub message: String,
    /// The bytes to underline.
    pub span: Range<usize>,
}

impl QueryError {
    fn new(span: Range<usize>, message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            span,
        }
    }
}

/// Reads a query. `now` gives relative dates their meaning.
///
/// # Errors
/// [`QueryError`] with the range to underline: unbalanced parentheses or quotes, an empty value,
/// a number or date that is none, or a bound that is passed.
pub fn parse(text: &str, now: Timestamp) -> Result<Expr, QueryError> {
    read(text, Figures::Groups, now)
}

/// The same, of totals of transactions and spans: their figures are `p95():>300ms` and others.
///
/// # Errors
/// The same.
pub fn parse_of_totals(text: &str, now: Timestamp) -> Result<Expr, QueryError> {
    read(text, Figures::Totals, now)
}

fn read(text: &str, figures: Figures, now: Timestamp) -> Result<Expr, QueryError> {
    if text.len() > QUERY_BYTES_MAX {
        let message = format!("the query is longer than {QUERY_BYTES_MAX} bytes; shorten it");
        return Err(QueryError::new(QUERY_BYTES_MAX..text.len(), message));
    }
    let tokens = Lexer::new(text).tokens()?;
    let mut parser = Parser {
        tokens: &tokens,
        at: 0,
        n_terms: 0,
        figures,
        now,
        end: text.len(),
    };
    let expr = parser.or(0)?;
    match parser.peek() {
        None => Ok(expr),
        Some(token) => Err(QueryError::new(
            token.span.clone(),
            "this parenthesis closes nothing; remove it or open one before it",
        )),
    }
}

struct Parser<'t> {
    tokens: &'t [Token],
    at: usize,
    n_terms: usize,
    figures: Figures,
    now: Timestamp,
    end: usize,
}

impl<'t> Parser<'t> {
    fn peek(&self) -> Option<&'t Token> {
        self.tokens.get(self.at)
    }

    fn or(&mut self, depth: usize) -> Result<Expr, QueryError> {
        let mut parts = vec![self.and(depth)?];
        while let Some(token) = self.peek() {
            if !matches!(token.kind, TokenKind::Or) {
                break;
            }
            let span = token.span.clone();
            self.at += 1;
            let part = self.and(depth)?;
            if part.is_everything() || parts.last().is_some_and(Expr::is_everything) {
                return Err(QueryError::new(span, "OR needs a term on each side"));
            }
            parts.push(part);
        }
        Ok(one_or(parts, Expr::Or))
    }

    fn and(&mut self, depth: usize) -> Result<Expr, QueryError> {
        let mut parts = Vec::new();
        while let Some(token) = self.peek() {
            match token.kind {
                TokenKind::Or | TokenKind::Close => break,
                TokenKind::And => {
                    let span = token.span.clone();
                    self.at += 1;
                    let ends = self.peek().is_none_or(|next| {
                        matches!(next.kind, TokenKind::And | TokenKind::Or | TokenKind::Close)
                    });
                    if parts.is_empty() || ends {
                        return Err(QueryError::new(span, "AND needs a term on each side"));
                    }
                }
                _ => parts.push(self.unary(depth)?),
            }
        }
        Ok(one_or(parts, Expr::And))
    }

    fn unary(&mut self, depth: usize) -> Result<Expr, QueryError> {
        let Some(token) = self.peek() else {
            return Err(QueryError::new(
                self.end..self.end,
                "a term is missing here",
            ));
        };
        self.at += 1;
        match &token.kind {
            TokenKind::Not => Ok(Expr::Not(Box::new(
                self.unary(deeper(depth, &token.span)?)?,
            ))),
            TokenKind::Open => {
                let inner = self.or(deeper(depth, &token.span)?)?;
                match self.peek() {
                    Some(close) if matches!(close.kind, TokenKind::Close) => {
                        self.at += 1;
                        Ok(inner)
                    }
                    _ => Err(QueryError::new(
                        token.span.clone(),
                        "this parenthesis is never closed; add one or remove it",
                    )),
                }
            }
            TokenKind::Words { pattern, quoted } => {
                self.count(&token.span)?;
                length::check_words(pattern, &token.span)?;
                let text = Text {
                    pattern: pattern.clone(),
                    quoted: *quoted,
                    span: token.span.clone(),
                };
                Ok(Expr::Text(text))
            }
            TokenKind::Filter { negated, key, raw } => {
                self.count(&token.span)?;
                let expr = self.filter(key, raw, &token.span)?;
                Ok(if *negated {
                    Expr::Not(Box::new(expr))
                } else {
                    expr
                })
            }
            TokenKind::And | TokenKind::Or | TokenKind::Close => Err(QueryError::new(
                token.span.clone(),
                "a term is missing before this",
            )),
        }
    }

    fn filter(&self, key: &str, raw: &value::Raw, span: &Range<usize>) -> Result<Expr, QueryError> {
        if key == "has" {
            let name = raw
                .plain_text()
                .filter(|name| !name.is_empty())
                .ok_or_else(|| {
                    QueryError::new(span.clone(), "has: needs one key, as in has:user")
                })?;
            return Ok(exists(canonical(name), span));
        }
        let kind = tag_kind(key);
        let key = figure::named(key, self.figures, span)?.unwrap_or_else(|| canonical(key));
        if raw.is_empty_quotes() {
            return Ok(Expr::Not(Box::new(exists(key, span))));
        }
        if let Some((_, lasts)) = TIME_SPANS.iter().find(|(name, _)| key.name() == *name) {
            let bounds = raw.date(span, self.now)?.of_whole(*lasts);
            let key = Key::Field("timestamp".to_owned());
            return Ok(date_expr(&key, span, bounds));
        }
        if key.is_issue_number()
            && let Some((numbers, negated)) = raw.numbers(span)?
        {
            return Ok(one_of_numbers(&key, numbers, negated, span));
        }
        let (op, value, negated) = match &key {
            // Of events, numbers are looked up as they are written, so that patterns and lists can be.
            Key::Field(name) if key.is_issue_number() || figure::is_number(name) => {
                raw.number(span)?
            }
            Key::Field(_) if key.is_one_of(NUMBER_KEYS) && raw.is_a_number() => raw.number(span)?,
            Key::Field(_) if key.is_one_of(BOOLEAN_KEYS) => raw.boolean(span)?,
            Key::Tag(_) if kind == TagKind::Number && raw.is_a_number() => raw.number(span)?,
            Key::Tag(_) if kind == TagKind::Boolean => raw.boolean(span)?,
            Key::Flag(_) => raw.boolean(span)?,
            Key::Field(name) if key.is_one_of(DATE_KEYS) || figure::is_date(name) => {
                return raw
                    .date(span, self.now)
                    .map(|bounds| date_expr(&key, span, bounds));
            }
            _ => raw.text(span)?,
        };
        length::check_value(&key, &value, span)?;
        let filter = Expr::Filter(Filter {
            key,
            op,
            value,
            span: span.clone(),
        });
        Ok(if negated {
            Expr::Not(Box::new(filter))
        } else {
            filter
        })
    }

    fn count(&mut self, span: &Range<usize>) -> Result<(), QueryError> {
        self.n_terms += 1;
        if self.n_terms > QUERY_TERMS_MAX {
            let message = format!("more than {QUERY_TERMS_MAX} terms; use a list: key:[a, b]");
            return Err(QueryError::new(span.clone(), message));
        }
        Ok(())
    }
}

fn one_of_numbers(key: &Key, numbers: Vec<f64>, negated: bool, span: &Range<usize>) -> Expr {
    let each = numbers.into_iter().map(|number| {
        Expr::Filter(Filter {
            key: key.clone(),
            op: Op::Is,
            value: Value::Number(number),
            span: span.clone(),
        })
    });
    let any = Expr::Or(each.collect());
    if negated {
        Expr::Not(Box::new(any))
    } else {
        any
    }
}

fn deeper(depth: usize, span: &Range<usize>) -> Result<usize, QueryError> {
    if depth >= QUERY_DEPTH_MAX {
        let message = format!("nested deeper than {QUERY_DEPTH_MAX}; remove parentheses");
        return Err(QueryError::new(span.clone(), message));
    }
    Ok(depth + 1)
}

fn one_or(mut parts: Vec<Expr>, many: fn(Vec<Expr>) -> Expr) -> Expr {
    match parts.pop() {
        Some(only) if parts.is_empty() => only,
        Some(last) => {
            parts.push(last);
            many(parts)
        }
        None => Expr::everything(),
    }
}

fn exists(key: Key, span: &Range<usize>) -> Expr {
    Expr::Filter(Filter {
        key,
        op: Op::Exists,
        value: Value::None,
        span: span.clone(),
    })
}

fn date_expr(key: &Key, span: &Range<usize>, bounds: value::DateBounds) -> Expr {
    let bound = |op, at| {
        Expr::Filter(Filter {
            key: key.clone(),
            op,
            value: Value::Date(at),
            span: span.clone(),
        })
    };
    let parts = bounds
        .parts()
        .into_iter()
        .map(|(op, at)| bound(op, at))
        .collect();
    let expr = one_or(parts, Expr::And);
    if bounds.negated() {
        Expr::Not(Box::new(expr))
    } else {
        expr
    }
}

#[cfg(test)]
mod tests;
