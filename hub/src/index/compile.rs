//! From the search language's tree to the engine's queries.

use std::ops::Bound;
use std::sync::Arc;

use tantivy::columnar::Column;
use tantivy::query::doc_predicate_query::{DocPredicateQuery, FunctionPredicate};
use tantivy::query::{
    AllQuery, BooleanQuery, EmptyQuery, Occur, PhraseQuery, Query, RangeQuery, RegexQuery,
    TermQuery, TermSetQuery,
};
use tantivy::schema::{Field, IndexRecordOption};
use tantivy::{DocId, Searcher, SegmentReader, Term};

use super::begun::Begun;
use super::columns::Places;
use super::compare::{Compared, Kinds, compare_versions};
use super::part::Parts;
use super::schema::{Fields, SEPARATOR, pair, tag_key, words};
use super::values::Values;
use super::{IndexError, Search};
use crate::query::{Expr, Filter, Key, Op, Part, Pattern, Scope, Text, Value, parse_number};

/// What names of fields begin with that applications use for tags of their own.
const MAY_BE_TAGS: [&str; 6] = ["app.", "device.", "http.", "os.", "transaction.", "unreal."];
/// What `user` stands for.
const USER_KEYS: [&str; 4] = ["user.id", "user.username", "user.email", "user.ip"];
/// The facts that a pattern over `message` is held against; its words are those of these texts.
const SAID: [&str; 4] = ["message", "title", "error.type", "error.value"];
/// So many terms are looked up one by one; of more, a set is made that all terms are held against,
/// which costs a megabyte of memory each time.
const UNITED_TERMS_MAX: usize = 64;
/// The events of so many issues are looked up. Of more, the events that are meant otherwise are
/// asked whose they are: to look up a page of issues in every segment takes longer than to read a
/// column of events.
const LOOKED_UP_ISSUES_MAX: usize = 8;
/// The whole question: scope, time and filter.
pub(super) fn compile(
    search: &Search,
    parts: &Parts,
    searcher: &Searcher,
) -> Result<Box<dyn Query>, IndexError> {
    let fields = &parts.fields;
    let compiler = Compiler {
        fields,
        kinds: &parts.kinds,
        searcher,
    };
    let mut demands: Vec<(Occur, Box<dyn Query>)> = Vec::new();
    if !search.projects.is_empty() {
        let terms = search
            .projects
            .iter()
            .map(|p| Term::from_field_u64(fields.project, p.get()));
        demands.push((Occur::Must, any_of(terms.collect())));
    }
    if let Some(issues) = &search.issues {
        demands.push((Occur::Must, of_issues(issues, fields.issue)));
    }
    if !search.environments.is_empty() {
        let alternatives = search.environments.iter().map(|environment| {
            if environment.is_empty() {
                compiler.not(compiler.has("environment"))
            } else {
                compiler.term(fields.pair, &pair("environment", environment))
            }
        });
        demands.push((
            Occur::Must,
            Box::new(BooleanQuery::union(alternatives.collect())),
        ));
    }
    if search.from.is_some() || search.until.is_some() {
        let bound = |at: i64| Term::from_field_i64(fields.timestamp, at);
        let from = search
            .from
            .map_or(Bound::Unbounded, |t| Bound::Included(bound(t.as_millis())));
        let until = search
            .until
            .map_or(Bound::Unbounded, |t| Bound::Excluded(bound(t.as_millis())));
        demands.push((Occur::Must, Box::new(RangeQuery::new(from, until))));
    }
    if !search.filter.is_everything() {
        demands.push((Occur::Must, compiler.expr(&search.filter)?));
    }
    if demands.is_empty() {
        return Ok(Box::new(AllQuery));
    }
    Ok(Box::new(BooleanQuery::new(demands)))
}

fn of_issues(issues: &[i64], field: Field) -> Box<dyn Query> {
    if issues.len() <= LOOKED_UP_ISSUES_MAX {
        let terms = issues.iter();
        let terms = terms.map(|issue| Term::from_field_i64(field, *issue));
        return any_of(terms.collect());
    }
    let issues = Arc::new(Places::of(issues));
    let of_segment = move |segment: &SegmentReader| {
        let whose: Column<i64> = segment.fast_fields().i64("issue")?;
        let issues = Arc::clone(&issues);
        Ok(move |doc: DocId| {
            let issue = whose.first(doc);
            issue.and_then(|issue| issues.place(issue)).is_some()
        })
    };
    Box::new(DocPredicateQuery::from(FunctionPredicate::from(of_segment)))
}

fn any_of(mut terms: Vec<Term>) -> Box<dyn Query> {
    match terms.len() {
        0 => Box::new(EmptyQuery),
        1 => one_term(terms.remove(0)),
        n if n <= UNITED_TERMS_MAX => Box::new(BooleanQuery::union(
            terms.into_iter().map(one_term).collect(),
        )),
        _ => Box::new(TermSetQuery::new(terms)),
    }
}

fn one_term(term: Term) -> Box<dyn Query> {
    Box::new(TermQuery::new(term, IndexRecordOption::Basic))
}

struct Compiler<'i> {
    fields: &'i Fields,
    kinds: &'i Arc<Kinds>,
    searcher: &'i Searcher,
}

impl Compiler<'_> {
    fn expr(&self, expr: &Expr) -> Result<Box<dyn Query>, IndexError> {
        Ok(match expr {
            Expr::And(parts) if parts.is_empty() => Box::new(AllQuery),
            Expr::And(parts) => Box::new(BooleanQuery::intersection(self.exprs(parts)?)),
            Expr::Or(parts) => Box::new(BooleanQuery::union(self.exprs(parts)?)),
            Expr::Not(part) => self.not(self.expr(part)?),
            Expr::Text(text) => self.text(text)?,
            Expr::Filter(filter) => self.filter(filter)?,
        })
    }

    fn exprs(&self, parts: &[Expr]) -> Result<Vec<Box<dyn Query>>, IndexError> {
        parts.iter().map(|part| self.expr(part)).collect()
    }

    fn not(&self, query: Box<dyn Query>) -> Box<dyn Query> {
        Box::new(BooleanQuery::new(vec![
            (Occur::Must, Box::new(AllQuery)),
            (Occur::MustNot, query),
        ]))
    }

    fn term(&self, field: Field, text: &str) -> Box<dyn Query> {
        one_term(Term::from_field_text(field, text))
    }

    fn has(&self, key: &str) -> Box<dyn Query> {
        self.term(self.fields.has, key)
    }

    /// The keys a filter's name stands for: a field, a tag, or both where they share a name.
    fn keys(&self, key: &Key) -> Vec<String> {
        match key {
            Key::Field(name) if name == "user" => USER_KEYS.map(str::to_owned).to_vec(),
            // What is a fact of events for some is a tag that others set themselves.
            Key::Field(name) if MAY_BE_TAGS.iter().any(|begin| name.starts_with(begin)) => {
                vec![name.clone(), tag_key(name)]
            }
            Key::Field(name) => vec![name.clone()],
            Key::Tag(name) => vec![tag_key(name)],
            Key::Flag(name) => vec![tag_key(&format!("flags.{name}"))],
        }
    }

    fn filter(&self, filter: &Filter) -> Result<Box<dyn Query>, IndexError> {
        if filter.key.scope() != Scope::Event {
            return Err(IndexError::NotAnEventKey(filter.key.name().to_owned()));
        }
        if let Value::Date(at) = filter.value {
            return Ok(self.date(filter.op, at.as_millis()));
        }
        if let Some(said) = self.said(filter)? {
            return Ok(said);
        }
        let mut alternatives: Vec<_> = self.named_user(filter).into_iter().collect();
        for key in self.keys(&filter.key) {
            alternatives.push(self.filter_of(&key, filter)?);
        }
        Ok(one_or_union(alternatives))
    }

    fn filter_of(&self, key: &str, filter: &Filter) -> Result<Box<dyn Query>, IndexError> {
        match (&filter.op, &filter.value) {
            (Op::Exists, _) | (_, Value::None) => Ok(self.has(key)),
            (Op::Is, Value::Text(pattern)) => self.pattern(key, pattern),
            (Op::Is, Value::List(patterns)) => {
                let queries: Result<Vec<_>, _> = patterns
                    .iter()
                    .map(|pattern| self.pattern(key, pattern))
                    .collect();
                Ok(one_or_union(queries?))
            }
            (op, Value::Text(pattern)) => {
                let with = pattern.as_literal().unwrap_or_default().to_lowercase();
                let (op, values) = (*op, self.values(key));
                let is_tag = matches!(filter.key, Key::Tag(_));
                let number = match parse_number(&with).filter(|_| is_tag) {
                    Some(number) if self.kinds.are_numbers(key, &values, self.searcher)? => {
                        Some(number)
                    }
                    _ => None,
                };
                Ok(match number {
                    Some(number) => self.compared(values, op, number),
                    None => values.that(move |value| op.holds(compare_versions(value, &with))),
                })
            }
            (op, Value::Number(number)) => Ok(self.compared(self.values(key), *op, *number)),
            (_, Value::List(_) | Value::Date(_)) => Ok(Box::new(EmptyQuery)),
        }
    }

    /// `message:word` looks for words in what was said of the error. With `*` each text that was said
    /// is held against the pattern as far as it is kept as a value; what is within a word is found in
    /// every word as well.
    fn said(&self, filter: &Filter) -> Result<Option<Box<dyn Query>>, IndexError> {
        let patterns = match (&filter.key, &filter.op, &filter.value) {
            (Key::Field(name), Op::Is, Value::Text(pattern)) if name == "message" => {
                std::slice::from_ref(pattern)
            }
            (Key::Field(name), Op::Is, Value::List(patterns)) if name == "message" => patterns,
            _ => return Ok(None),
        };
        let mut alternatives: Vec<Box<dyn Query>> = Vec::new();
        for pattern in patterns {
            if let Some(words) = pattern.as_literal() {
                let is_begun = ends_in_word(words);
                alternatives.push(self.phrase(self.fields.message, &tokens(words), is_begun));
                continue;
            }
            if let Some(part) = within_a_word(pattern) {
                let regex = format!(".*{}.*", escape(&part));
                let words = RegexQuery::from_pattern(&regex, self.fields.message)?;
                alternatives.push(Box::new(words));
            }
            for key in SAID {
                alternatives.push(self.pattern(key, pattern)?);
            }
        }
        Ok(Some(one_or_union(alternatives)))
    }

    /// `user:"id:7"`, the way tags name users.
    fn named_user(&self, filter: &Filter) -> Option<Box<dyn Query>> {
        let Value::Text(pattern) = &filter.value else {
            return None;
        };
        let (name, value) = pattern.as_literal()?.split_once(':')?;
        let key = USER_KEYS
            .iter()
            .find(|key| key.strip_prefix("user.") == Some(name))?;
        let is_user = matches!(&filter.key, Key::Field(name) if name == "user");
        (is_user && filter.op == Op::Is).then(|| self.term(self.fields.pair, &pair(key, value)))
    }

    fn date(&self, op: Op, at: i64) -> Box<dyn Query> {
        let term = Term::from_field_i64(self.fields.timestamp, at);
        let (from, until) = match op {
            Op::Gt => (Bound::Excluded(term), Bound::Unbounded),
            Op::Ge => (Bound::Included(term), Bound::Unbounded),
            Op::Lt => (Bound::Unbounded, Bound::Excluded(term)),
            Op::Le => (Bound::Unbounded, Bound::Included(term)),
            Op::Is | Op::Exists => (Bound::Included(term.clone()), Bound::Included(term)),
        };
        Box::new(RangeQuery::new(from, until))
    }

    /// An exact value, or one with wildcards over the key's values.
    fn pattern(&self, key: &str, pattern: &Pattern) -> Result<Box<dyn Query>, IndexError> {
        if let Some(text) = pattern.as_literal() {
            return Ok(self.term(self.fields.pair, &pair(key, text)));
        }
        let mut regex = escape(&format!("{key}{SEPARATOR}"));
        for part in &pattern.parts {
            match part {
                Part::Any => regex.push_str("(.|\n)*"),
                Part::Literal(text) => regex.push_str(&escape(&text.to_lowercase())),
            }
        }
        let query = RegexQuery::from_pattern(&regex, self.fields.pair);
        Ok(Box::new(query.map_err(IndexError::Engine)?))
    }

    /// The values of `key`.
    fn values(&self, key: &str) -> Values {
        Values::of(self.fields.pair, format!("{key}{SEPARATOR}"))
    }

    fn compared(&self, values: Values, op: Op, with: f64) -> Box<dyn Query> {
        Box::new(Compared {
            kinds: Arc::clone(self.kinds),
            values,
            op,
            with,
        })
    }

    /// Words in their order; the last may be only begun, unless it stood in quotes.
    fn text(&self, text: &Text) -> Result<Box<dyn Query>, IndexError> {
        let is_begun = !text.quoted || text.pattern.parts.last() == Some(&Part::Any);
        let is_plain = text
            .pattern
            .parts
            .iter()
            .rev()
            .skip(1)
            .all(|part| matches!(part, Part::Literal(_)))
            && matches!(text.pattern.parts.first(), Some(Part::Literal(_)));
        if !is_plain {
            return self.wild_words(&text.pattern);
        }
        let Some(Part::Literal(literal)) = text.pattern.parts.first() else {
            return Ok(Box::new(AllQuery));
        };
        let is_begun = is_begun && ends_in_word(literal);
        Ok(self.phrase(self.fields.text, &tokens(literal), is_begun))
    }

    fn phrase(&self, field: Field, words: &[String], is_begun: bool) -> Box<dyn Query> {
        let terms = words.iter().map(|word| Term::from_field_text(field, word));
        match words {
            // Signs alone: nothing to look for, so nothing is found.
            [] => Box::new(EmptyQuery),
            [before @ .., last] if is_begun => Box::new(Begun::new(field, before, last)),
            [_] => any_of(terms.collect()),
            _ => Box::new(PhraseQuery::new(terms.collect())),
        }
    }

    /// `*` inside words: each word is matched by itself.
    fn wild_words(&self, pattern: &Pattern) -> Result<Box<dyn Query>, IndexError> {
        let mut regexes = vec![String::new()];
        for part in &pattern.parts {
            match part {
                Part::Any => {
                    if let Some(last) = regexes.last_mut() {
                        last.push_str(".*");
                    }
                }
                Part::Literal(text) => {
                    for (at, piece) in text.split(|c: char| !c.is_alphanumeric()).enumerate() {
                        if at > 0 {
                            regexes.push(String::new());
                        }
                        if let Some(last) = regexes.last_mut() {
                            last.push_str(&escape(&piece.to_lowercase()));
                        }
                    }
                }
            }
        }
        let queries: Result<Vec<Box<dyn Query>>, IndexError> = regexes
            .iter()
            .filter(|regex| !regex.is_empty() && *regex != ".*")
            .map(|regex| {
                let query = RegexQuery::from_pattern(regex, self.fields.text);
                query
                    .map(|q| Box::new(q) as Box<dyn Query>)
                    .map_err(IndexError::Engine)
            })
            .collect();
        let queries = queries?;
        if queries.is_empty() {
            return Ok(Box::new(AllQuery));
        }
        Ok(Box::new(BooleanQuery::intersection(queries)))
    }
}

/// What a pattern such as `*part*` wants to be a part of a word, as events keep words.
fn within_a_word(pattern: &Pattern) -> Option<String> {
    let [Part::Any, Part::Literal(part), Part::Any] = pattern.parts.as_slice() else {
        return None;
    };
    let is_of_one = part.chars().all(char::is_alphanumeric);
    tokens(part).pop().filter(|_| is_of_one)
}

/// Whether a text ends within a word, which may go on.
fn ends_in_word(text: &str) -> bool {
    text.chars().next_back().is_some_and(char::is_alphanumeric)
}

fn one_or_union(mut queries: Vec<Box<dyn Query>>) -> Box<dyn Query> {
    if queries.len() == 1 {
        queries.remove(0)
    } else {
        Box::new(BooleanQuery::union(queries))
    }
}

/// The words of a text, as events keep them.
pub(super) fn tokens(text: &str) -> Vec<String> {
    let mut analyzer = words();
    let mut stream = analyzer.token_stream(text);
    let mut found = Vec::new();
    while stream.advance() {
        found.push(stream.token().text.clone());
    }
    found
}

/// The text as a regular expression that matches itself.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if r"\.+*?()|[]{}^$#&-~".contains(c) {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}
