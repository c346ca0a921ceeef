//! Values: patterns, lists, numbers with units, absolute and relative dates.

use std::cmp::Ordering;
use std::ops::Range;

use protocol::timestamp::Timestamp;

use super::QueryError;

/// How a filter compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// Equal, or matching the pattern, or one of the list.
    Is,
    /// Greater.
    Gt,
    /// Greater or equal.
    Ge,
    /// Less.
    Lt,
    /// Less or equal.
    Le,
    /// There is a value.
    Exists,
}

impl Op {
    /// Whether what is in this order to what is compared with is meant.
    #[must_use]
    pub const fn holds(self, order: Ordering) -> bool {
        match self {
            Self::Gt => order.is_gt(),
            Self::Ge => order.is_ge(),
            Self::Lt => order.is_lt(),
            Self::Le => order.is_le(),
            Self::Is | Self::Exists => order.is_eq(),
        }
    }
}

/// What a filter compares with.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Nothing: for [`Op::Exists`].
    None,
    /// One text.
    Text(Pattern),
    /// One of several texts.
    List(Vec<Pattern>),
    /// A number, its unit resolved: durations in milliseconds, sizes in bytes.
    Number(f64),
    /// A point in time.
    Date(Timestamp),
}

/// Text in which `*` stands for anything.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Pattern {
    /// Literal pieces and wildcards, in order; two wildcards never stand together.
    pub parts: Vec<Part>,
}

/// A piece of a [`Pattern`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Part {
    /// Text as it stands.
    Literal(String),
    /// Any text, also none.
    Any,
}

impl Pattern {
    /// Reads `*` as anything and `\*` as a star.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            match c {
                '\\' if chars.peek() == Some(&'*') => {
                    literal.push('*');
                    chars.next();
                }
                '*' => {
                    if !literal.is_empty() {
                        parts.push(Part::Literal(std::mem::take(&mut literal)));
                    }
                    if parts.last() != Some(&Part::Any) {
                        parts.push(Part::Any);
                    }
                }
                other => literal.push(other),
            }
        }
        if !literal.is_empty() || parts.is_empty() {
            parts.push(Part::Literal(literal));
        }
        Self { parts }
    }

    /// The text, when there is no wildcard in it.
    #[must_use]
    pub fn as_literal(&self) -> Option<&str> {
        match self.parts.as_slice() {
            [Part::Literal(text)] => Some(text),
            _ => None,
        }
    }

    /// Whether `text` matches as a whole, letters compared without case.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        let text = text.to_lowercase();
        let mut rest = text.as_str();
        let mut anchored = true;
        for part in &self.parts {
            match part {
                Part::Any => anchored = false,
                Part::Literal(literal) => {
                    let literal = literal.to_lowercase();
                    let found = if anchored {
                        rest.strip_prefix(literal.as_str())
                    } else {
                        rest.find(&literal)
                            .and_then(|at| rest.get(at + literal.len()..))
                    };
                    let Some(after) = found else {
                        return self.matches_by_tail(&text);
                    };
                    rest = after;
                    anchored = true;
                }
            }
        }
        let ends_open = self.parts.last() == Some(&Part::Any);
        ends_open || rest.is_empty() || self.matches_by_tail(&text)
    }

    /// The last literal may have been found too early: try it from the end.
    fn matches_by_tail(&self, text: &str) -> bool {
        let [head @ .., Part::Any, Part::Literal(tail)] = self.parts.as_slice() else {
            return false;
        };
        let Some(before) = text.strip_suffix(tail.to_lowercase().as_str()) else {
            return false;
        };
        let mut parts = head.to_vec();
        parts.push(Part::Any);
        Self { parts }.matches(before)
    }
}

/// A value as it was written.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Raw {
    Bare {
        operator: String,
        text: String,
    },
    Quoted {
        operator: String,
        text: String,
    },
    List {
        operator: String,
        items: Vec<String>,
    },
}

/// Marks an operator that Sentry's interface writes between colon and value.
const INTERNAL: char = '\u{F00D}';
const INTERNAL_OPERATORS: &[&str] = &["Contains", "StartsWith", "EndsWith"];
const COMPARISONS: &[&str] = &[">=", "<=", "!=", ">", "<", "="];

/// From and until; a date alone is its whole day.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct DateBounds {
    lower: Option<(Op, Timestamp)>,
    upper: Option<(Op, Timestamp)>,
    negated: bool,
}

impl DateBounds {
    pub(super) fn parts(&self) -> Vec<(Op, Timestamp)> {
        self.lower.into_iter().chain(self.upper).collect()
    }

    pub(super) const fn negated(&self) -> bool {
        self.negated
    }

    /// The whole hour or day that a point in time lies in, where one was named and not a bound.
    pub(super) fn of_whole(self, lasts_ms: i64) -> Self {
        let (Some((_, from)), Some((_, until))) = (self.lower, self.upper) else {
            return self;
        };
        let middle = i64::midpoint(from.as_millis(), until.as_millis());
        let is_day = until.as_millis() - from.as_millis() == DAY_MS;
        let begin = if is_day { from.as_millis() } else { middle };
        let begin = Timestamp::from_millis(begin.div_euclid(lasts_ms) * lasts_ms);
        let end = if is_day {
            until
        } else {
            begin.plus_millis(lasts_ms)
        };
        Self {
            lower: Some((Op::Ge, begin)),
            upper: Some((Op::Lt, end)),
            ..self
        }
    }
}

/// Milliseconds of a day.
const DAY_MS: i64 = 86_400_000;

impl Raw {
    /// Bytes of the operator in front of a value.
    pub(super) fn operator_prefix(text: &str) -> usize {
        if let Some(rest) = text.strip_prefix(INTERNAL) {
            let name_len = rest.find(INTERNAL).unwrap_or(0);
            let is_known = rest
                .get(..name_len)
                .is_some_and(|n| INTERNAL_OPERATORS.contains(&n));
            return if is_known {
                name_len + 2 * INTERNAL.len_utf8()
            } else {
                0
            };
        }
        COMPARISONS
            .iter()
            .find(|op| text.starts_with(**op))
            .map_or(0, |op| op.len())
    }

    const fn operator(&self) -> &String {
        match self {
            Self::Bare { operator, .. }
            | Self::Quoted { operator, .. }
            | Self::List { operator, .. } => operator,
        }
    }

    pub(super) const fn is_missing(&self) -> bool {
        match self {
            Self::Bare { text, .. } => text.is_empty(),
            Self::List { items, .. } => items.is_empty(),
            Self::Quoted { .. } => false,
        }
    }

    pub(super) const fn is_empty_quotes(&self) -> bool {
        matches!(self, Self::Quoted { text, operator } if text.is_empty() && operator.is_empty())
    }

    pub(super) fn plain_text(&self) -> Option<&str> {
        match self {
            Self::Bare { text, .. } | Self::Quoted { text, .. } => Some(text),
            Self::List { .. } => None,
        }
    }

    /// As text: a pattern or a list of them, and whether it is negated. Comparisons stay, so that
    /// versions can be compared.
    pub(super) fn text(&self, span: &Range<usize>) -> Result<(Op, Value, bool), QueryError> {
        let (op, negated) = self.comparison();
        if let Self::List { items, .. } = self {
            if op != Op::Is {
                return Err(QueryError::new(
                    span.clone(),
                    "a list cannot be compared; use key:[a, b]",
                ));
            }
            let patterns = items.iter().map(|item| Pattern::parse(item)).collect();
            return Ok((op, Value::List(patterns), negated));
        }
        let text = self.plain_text().unwrap_or_default();
        let pattern = match self.operator().trim_matches(INTERNAL) {
            "Contains" => wildcards(true, text, true),
            "StartsWith" => wildcards(false, text, true),
            "EndsWith" => wildcards(true, text, false),
            _ => Pattern::parse(text),
        };
        if op != Op::Is && pattern.as_literal().is_none() {
            return Err(QueryError::new(
                span.clone(),
                "a value with * cannot be compared; leave out the * or the sign before it",
            ));
        }
        Ok((op, Value::Text(pattern), negated))
    }

    /// Whether it is one number, and no pattern or list of them.
    pub(super) fn is_a_number(&self) -> bool {
        self.plain_text().is_some_and(|text| !text.contains('*'))
    }

    /// As yes or no, which `1` and `0` say as well.
    pub(super) fn boolean(&self, span: &Range<usize>) -> Result<(Op, Value, bool), QueryError> {
        let (op, value, negated) = self.text(span)?;
        let word = match &value {
            Value::Text(pattern) => pattern.as_literal(),
            _ => None,
        };
        let value = match word {
            Some("1") => Value::Text(Pattern::parse("true")),
            Some("0") => Value::Text(Pattern::parse("false")),
            _ => value,
        };
        Ok((op, value, negated))
    }

    /// As a number with an optional unit.
    pub(super) fn number(&self, span: &Range<usize>) -> Result<(Op, Value, bool), QueryError> {
        let (op, negated) = self.comparison();
        let number = self.plain_text().and_then(parse_number).ok_or_else(|| {
            QueryError::new(
                span.clone(),
                "this key needs a number, as in :>100 or :1.5k",
            )
        })?;
        Ok((op, Value::Number(number), negated))
    }

    /// As a list of numbers, and whether it is negated; `None` when it is no list.
    pub(super) fn numbers(
        &self,
        span: &Range<usize>,
    ) -> Result<Option<(Vec<f64>, bool)>, QueryError> {
        let Self::List { items, .. } = self else {
            return Ok(None);
        };
        let (op, negated) = self.comparison();
        let numbers: Option<Vec<f64>> = items.iter().map(|item| parse_number(item)).collect();
        match numbers {
            Some(numbers) if op == Op::Is => Ok(Some((numbers, negated))),
            _ => Err(QueryError::new(
                span.clone(),
                "this key needs numbers, as in :[1, 20], or one to compare with, as in :>100",
            )),
        }
    }

    /// As a date: absolute with an operator, a whole day, or relative to `now`.
    pub(super) fn date(
        &self,
        span: &Range<usize>,
        now: Timestamp,
    ) -> Result<DateBounds, QueryError> {
        let wrong = || {
            let message = "this key needs a date: :>2026-01-31, :2026-01-31T08:00:00, :-24h (newer \
                           than a day) or :+7d (older than a week)";
            QueryError::new(span.clone(), message)
        };
        let text = self.plain_text().ok_or_else(wrong)?;
        let (op, negated) = self.comparison();
        if let Some(ago) = text.strip_prefix('-').and_then(parse_span) {
            let lower = Some((Op::Ge, now.plus_millis(-ago)));
            return Ok(DateBounds {
                lower,
                upper: None,
                negated,
            });
        }
        if let Some(ago) = text.strip_prefix('+').and_then(parse_span) {
            let upper = Some((Op::Le, now.plus_millis(-ago)));
            return Ok(DateBounds {
                lower: None,
                upper,
                negated,
            });
        }
        let is_day = text.len() == 10;
        let start = if is_day {
            Timestamp::parse(&format!("{text}T00:00:00Z"))
        } else {
            Timestamp::parse(text)
        };
        let start = start.map_err(|_| wrong())?;
        let around = 5 * 60_000;
        let (lower, upper) = match op {
            Op::Gt | Op::Ge => (Some((op, start)), None),
            Op::Lt | Op::Le => (None, Some((op, start))),
            Op::Is | Op::Exists if is_day => (
                Some((Op::Ge, start)),
                Some((Op::Lt, start.plus_millis(DAY_MS))),
            ),
            Op::Is | Op::Exists => (
                Some((Op::Ge, start.plus_millis(-around))),
                Some((Op::Le, start.plus_millis(around))),
            ),
        };
        Ok(DateBounds {
            lower,
            upper,
            negated,
        })
    }

    fn comparison(&self) -> (Op, bool) {
        match self.operator().as_str() {
            ">" => (Op::Gt, false),
            ">=" => (Op::Ge, false),
            "<" => (Op::Lt, false),
            "<=" => (Op::Le, false),
            "!=" => (Op::Is, true),
            _ => (Op::Is, false),
        }
    }
}

fn wildcards(before: bool, text: &str, after: bool) -> Pattern {
    let mut parts = vec![Part::Literal(text.to_owned())];
    if before {
        parts.insert(0, Part::Any);
    }
    if after {
        parts.push(Part::Any);
    }
    Pattern { parts }
}

/// `10`, `-0.5`, `1e3`, `1.5k`, `2m`, `1b`; durations (`100ms`, `2s`, `5min`, `1h`) in
/// milliseconds; sizes (`10kb`, `1mib`, `8bit`) in bytes.
#[must_use]
pub fn parse_number(text: &str) -> Option<f64> {
    const UNITS: &[(&str, f64)] = &[
        ("", 1.0),
        ("k", 1e3),
        ("m", 1e6),
        ("b", 1e9),
        ("ms", 1.0),
        ("s", 1e3),
        ("min", 6e4),
        ("h", 3.6e6),
        ("hr", 3.6e6),
        ("d", 8.64e7),
        ("day", 8.64e7),
        ("w", 6.048e8),
        ("wk", 6.048e8),
        ("bit", 0.125),
        ("nb", 0.5),
        ("bytes", 1.0),
        ("kb", 1e3),
        ("mb", 1e6),
        ("gb", 1e9),
        ("tb", 1e12),
        ("pb", 1e15),
        ("eb", 1e18),
        ("zb", 1e21),
        ("yb", 1e24),
        ("kib", KIB),
        ("mib", KIB * KIB),
        ("gib", KIB * KIB * KIB),
        ("tib", TIB),
        ("pib", TIB * KIB),
        ("eib", TIB * KIB * KIB),
        ("zib", TIB * KIB * KIB * KIB),
        ("yib", TIB * TIB),
    ];
    const KIB: f64 = 1024.0;
    const TIB: f64 = KIB * KIB * KIB * KIB;
    let (number, unit) = text.split_at(number_len(text));
    let unit = unit.to_ascii_lowercase();
    let factor = UNITS
        .iter()
        .find(|(name, _)| *name == unit)
        .map(|(_, factor)| *factor)?;
    number
        .parse::<f64>()
        .ok()
        .filter(|n| n.is_finite())
        .map(|n| n * factor)
}

/// Bytes of the number that a text begins with, its exponent included.
fn number_len(text: &str) -> usize {
    let digits = |text: &str| text.find(|c: char| !c.is_ascii_digit());
    let is_other = |c: char| !(c.is_ascii_digit() || c == '.' || c == '-');
    let len = text.find(is_other).unwrap_or(text.len());
    let rest = text.get(len..).unwrap_or_default();
    let Some(power) = rest.strip_prefix(['e', 'E']) else {
        return len;
    };
    let unsigned = power.strip_prefix(['-', '+']).unwrap_or(power);
    match digits(unsigned).unwrap_or(unsigned.len()) {
        // The unit begins with this letter.
        0 => len,
        n => len + (rest.len() - unsigned.len()) + n,
    }
}

/// `24h`, `7d`, `2w`, `30m` in milliseconds.
fn parse_span(text: &str) -> Option<i64> {
    let unit = text.chars().next_back()?;
    let number: i64 = text.strip_suffix(unit)?.parse().ok().filter(|n| *n >= 0)?;
    let factor = match unit {
        'm' => 60_000,
        'h' => 3_600_000,
        'd' => 86_400_000,
        'w' => 604_800_000,
        _ => return None,
    };
    number.checked_mul(factor)
}
