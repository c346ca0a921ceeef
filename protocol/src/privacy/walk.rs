//! Walks once over the bytes of a JSON payload, follows the roles, and collects what must be replaced.
//!
//! The walk keeps its own stack, so that nesting costs memory and not the thread's stack, and it never builds values:
//! a text is looked at where it lies, and decoded only when it has escapes and something to look for.

mod decide;

use std::ops::Range;

use super::ScrubError;
use super::edits::{Edit, Edits};
use super::found::Found;
use super::graphql::GraphQl;
use super::json::{self, Escapes, Token};
use super::keys::counts_tokens;
use super::notes::{Change, NOTES_MAX, Note, Step};
use super::pairs;
use super::roles::{Role, Spot};
use super::rules::{Hits, Rule};
use super::text::{Mode, Rules, has_elements, has_signs, next_word};
use super::{Payload, named, numbers, secrets};
use crate::limits::JSON_DEPTH_MAX;
use decide::{decide, secret_rule};

/// What the walk brings home.
#[derive(Debug, Default)]
pub(super) struct Walked {
    pub(super) edits: Edits,
    pub(super) notes: Vec<Note>,
    pub(super) hits: Hits,
    /// The value of the last `_meta` of the root.
    pub(super) meta: Option<Range<usize>>,
    /// The brace that ends the root, when it is an object.
    pub(super) root_end: Option<usize>,
}

/// A container that is open.
#[derive(Debug)]
struct Level {
    is_array: bool,
    /// What the elements of an array are; for an object only the role counts.
    spot: Spot,
    /// The whole container is the value of a sensitive key.
    secret: Option<Rule>,
    start: usize,
    key: Range<usize>,
    index: usize,
    /// The literal of an array's first element, if a text: it may be the key of a pair.
    first: Option<Token>,
    /// Likewise the second element.
    second: Option<Range<usize>>,
    /// The element before was an option such as `--password`.
    follows_option: bool,
    /// An object said `"key": "password"`.
    names_secret: bool,
    /// The values of an object that may turn out to be named so.
    n_values: usize,
}

/// What the next value is.
#[derive(Clone, Copy, Debug)]
struct Next {
    spot: Spot,
    secret: Option<Rule>,
}

pub(super) struct Walk<'a> {
    bytes: &'a [u8],
    rules: &'a Rules,
    levels: Vec<Level>,
    /// `"value": …` members of the open objects, in order.
    values: Vec<(Vec<Step>, Range<usize>)>,
    word: Option<usize>,
    /// Whether there are ends of elements in it.
    has_elements: bool,
    /// Inside the value of a sensitive key: whether there is more in it than redactions and empty texts.
    secret_content: Option<bool>,
    /// A line of the frame began a PEM key that no line has ended yet.
    in_pem: bool,
    graphql: Option<GraphQl>,
    payload: Payload,
    decoded: Vec<u8>,
    key: Vec<u8>,
    found: Vec<Found>,
    out: Walked,
}

impl<'a> Walk<'a> {
    pub(super) fn new(bytes: &'a [u8], rules: &'a Rules) -> Self {
        Self {
            bytes,
            rules,
            levels: Vec::with_capacity(16),
            values: Vec::new(),
            word: next_word(bytes, 0),
            has_elements: has_elements(bytes),
            secret_content: None,
            in_pem: false,
            graphql: None,
            payload: Payload::Json,
            decoded: Vec::new(),
            key: Vec::new(),
            found: Vec::new(),
            out: Walked::default(),
        }
    }

    /// From the first byte to the last.
    pub(super) fn run(mut self, payload: Payload) -> Result<Walked, ScrubError> {
        self.payload = payload;
        if matches!(payload, Payload::Event | Payload::Transaction) {
            self.graphql = GraphQl::of(self.bytes);
        }
        let mut next = Next {
            spot: Spot::root(payload),
            secret: None,
        };
        let mut at = json::skip_space(self.bytes, 0);
        loop {
            let (after, opened) = self.value(at, next)?;
            at = json::skip_space(self.bytes, after);
            if !opened {
                match self.close_until_next(at)? {
                    Some(after) => at = after,
                    None => return Ok(self.out),
                }
            }
            let in_object = self.levels.last().is_some_and(|level| !level.is_array);
            if in_object {
                (at, next) = self.object_key(at)?;
            } else {
                next = self.element();
            }
        }
    }

    /// Reads a value. Says where it ends and whether it is a container with something in it, which is then open.
    fn value(&mut self, at: usize, next: Next) -> Result<(usize, bool), ScrubError> {
        match self.bytes.get(at) {
            Some(b'"') => Ok((self.text(at, next)?, false)),
            Some(b'{') => self.open(at, next, false),
            Some(b'[') => self.open(at, next, true),
            Some(b'-' | b'0'..=b'9') if self.bytes.get(at + 1) != Some(&b'I') => {
                let end = json::number(self.bytes, at).map_err(|at| ScrubError::NotJson { at })?;
                self.number(at..end, next);
                Ok((end, false))
            }
            _ => Ok((
                json::literal(self.bytes, at).map_err(|at| ScrubError::NotJson { at })?,
                false,
            )),
        }
    }

    fn open(&mut self, at: usize, next: Next, is_array: bool) -> Result<(usize, bool), ScrubError> {
        if self.levels.len() >= JSON_DEPTH_MAX {
            return Err(ScrubError::TooDeep {
                max: JSON_DEPTH_MAX,
            });
        }
        let inside = json::skip_space(self.bytes, at + 1);
        // An attribute's value lies deeper; so does an original value in `_meta`.
        let (spot, secret) = match (next.secret, next.spot.role) {
            (None, _) => (next.spot, None),
            (Some(rule), Role::Attribute) if !is_array => {
                let role = match rule {
                    Rule::Ip => Role::AddressAttribute,
                    _ => Role::SecretAttribute,
                };
                (Spot { role, ..next.spot }, None)
            }
            (Some(_), Role::SecretMeta) => (next.spot, None),
            (secret, _) => (Spot::SKIP, secret),
        };
        let is_empty = self.bytes.get(inside) == Some(if is_array { &b']' } else { &b'}' });
        if secret.is_some() && !is_empty {
            self.secret_content = Some(false);
        }
        if spot.role == Role::Frame && !is_array {
            self.in_pem = false;
        }
        self.levels.push(Level {
            is_array,
            spot,
            secret: if is_empty { None } else { secret },
            start: at,
            key: 0..0,
            index: 0,
            first: None,
            second: None,
            follows_option: false,
            names_secret: false,
            n_values: 0,
        });
        // An empty container is closed by the caller's next step.
        Ok((inside, !is_empty))
    }

    /// Behind a value: closes what ends, and says where the next key or element begins. `None` at the end of the payload.
    fn close_until_next(&mut self, mut at: usize) -> Result<Option<usize>, ScrubError> {
        loop {
            let Some(level) = self.levels.last_mut() else {
                return if at == self.bytes.len() {
                    Ok(None)
                } else {
                    Err(ScrubError::NotJson { at })
                };
            };
            match self.bytes.get(at) {
                Some(b',') => {
                    level.index += 1;
                    return Ok(Some(json::skip_space(self.bytes, at + 1)));
                }
                Some(b'}') if !level.is_array => self.close(at),
                Some(b']') if level.is_array => self.close(at),
                _ => return Err(ScrubError::NotJson { at }),
            }
            at = json::skip_space(self.bytes, at + 1);
        }
    }

    fn close(&mut self, at: usize) {
        self.redact_late_pair();
        let Some(level) = self.levels.pop() else {
            return;
        };
        let range = level.start..at + 1;
        if let Some(rule) = level.secret
            && self.secret_content.take() == Some(true)
        {
            let path = self.path();
            self.redact_whole(range.clone(), rule, path, None);
        }
        self.values.truncate(self.values.len() - level.n_values);
        match self.levels.last() {
            None if !level.is_array => self.out.root_end = Some(at),
            None => {}
            Some(parent) => {
                if self.levels.len() == 1 && level.spot.role == Role::Meta && !parent.is_array {
                    self.out.meta = Some(range.clone());
                }
                self.remember(range);
            }
        }
    }

    /// `["password", "x"]` in a list, and `{"value": "x", "key": "password"}`: the secret was passed before it was known.
    fn redact_late_pair(&mut self) {
        let Some(level) = self.levels.last() else {
            return;
        };
        if !level.spot.role.has_pairs() {
            return;
        }
        if !level.is_array {
            if level.names_secret {
                let from = self.values.len() - level.n_values;
                for (path, range) in self.values.split_off(from) {
                    self.redact_late(range, Rule::Password, path);
                }
                if let Some(level) = self.levels.last_mut() {
                    level.n_values = 0;
                }
            }
            return;
        }
        let (Some(first), Some(second), 1) = (&level.first, level.second.clone(), level.index)
        else {
            return;
        };
        let in_list = self
            .levels
            .len()
            .checked_sub(2)
            .and_then(|parent| self.levels.get(parent))
            .is_some_and(|parent| parent.is_array);
        if !in_list {
            return;
        }
        let is_cookie = level.spot.role == Role::Cookies;
        let raw = first.raw.clone();
        self.read_name(&raw, first.escapes);
        if let Some(rule) = self.secret_rule(is_cookie) {
            let path = self.path();
            self.redact_late(second, rule, path);
        }
    }

    /// A value that was passed already: replaced unless it says nothing.
    fn redact_late(&mut self, range: Range<usize>, rule: Rule, path: Vec<Step>) {
        self.out
            .notes
            .retain(|note| note.range.start < range.start || note.range.end > range.end);
        let Some(literal) = self.bytes.get(range.clone()) else {
            return;
        };
        match literal {
            [b'"', raw @ .., b'"'] => {
                self.decoded.clear();
                json::decode(raw, &mut self.decoded);
                if !pairs::is_plain(&self.decoded) {
                    let length = Change::length(&self.decoded);
                    self.redact_whole(range, rule, path, Some(length));
                }
            }
            [b't' | b'f' | b'n' | b'N' | b'I', ..] | b"{}" | b"[]" => {}
            _ => self.redact_whole(range, rule, path, None),
        }
    }

    /// Reads a key and decides what its value is.
    fn object_key(&mut self, at: usize) -> Result<(usize, Next), ScrubError> {
        if self.bytes.get(at) != Some(&b'"') {
            return Err(ScrubError::NotJson { at });
        }
        let token = json::string(self.bytes, at + 1).map_err(|at| ScrubError::NotJson { at })?;
        let colon = json::skip_space(self.bytes, token.raw.end + 1);
        if self.bytes.get(colon) != Some(&b':') {
            return Err(ScrubError::NotJson { at: colon });
        }
        let next = self.member(&token);
        Ok((json::skip_space(self.bytes, colon + 1), next))
    }

    fn member(&mut self, token: &Token) -> Next {
        let Some(level) = self.levels.last_mut() else {
            return Next {
                spot: Spot::FREE,
                secret: None,
            };
        };
        level.key = token.raw.clone();
        let role = level.spot.role;
        if role == Role::Skip {
            return Next {
                spot: Spot::SKIP,
                secret: None,
            };
        }
        if token.escapes == Escapes::None && self.graphql.is_none() {
            // The common case borrows the key from the payload.
            let key = self.bytes.get(token.raw.clone()).unwrap_or_default();
            return decide(self.rules, role, key, token.sight);
        }
        self.read_key(&token.raw, token.escapes);
        let mut next = decide(self.rules, role, &self.key, json::Sight::of(&self.key));
        if next.secret.is_none() && self.is_of_graphql() {
            next.secret = Some(Rule::GraphQl);
        }
        next
    }

    fn element(&self) -> Next {
        let Some(level) = self.levels.last() else {
            return Next {
                spot: Spot::FREE,
                secret: None,
            };
        };
        let secret = if level.follows_option && level.spot.mode == Mode::Text {
            Some(Rule::Password)
        } else {
            None
        };
        Next {
            spot: level.spot,
            secret,
        }
    }

    fn read_key(&mut self, raw: &Range<usize>, escapes: Escapes) {
        self.key.clear();
        let raw = self.bytes.get(raw.clone()).unwrap_or_default();
        if escapes == Escapes::None {
            self.key.extend_from_slice(raw);
        } else {
            json::decode(raw, &mut self.key);
        }
    }

    /// Reads a value that may name another. What stands in place of a secret is no part of a name,
    /// or `Bearer [token]` would name a token the next time.
    fn read_name(&mut self, raw: &Range<usize>, escapes: Escapes) {
        self.read_key(raw, escapes);
        if !self.key.contains(&b'[') {
            return;
        }
        for label in Rule::ALL.map(Rule::label) {
            while let Some(at) = memchr::memmem::find(&self.key, label.as_bytes()) {
                self.key.drain(at..at + label.len());
            }
        }
    }

    fn secret_rule(&self, is_cookie: bool) -> Option<Rule> {
        secret_rule(self.rules, &self.key, json::Sight::of(&self.key), is_cookie)
    }

    fn text(&mut self, at: usize, next: Next) -> Result<usize, ScrubError> {
        let is_skipped = next.spot.mode == Mode::Skip && next.secret.is_none();
        let token = if is_skipped {
            json::skip_string(self.bytes, at + 1)
        } else {
            json::string(self.bytes, at + 1)
        };
        let token = token.map_err(|at| ScrubError::NotJson { at })?;
        let end = token.raw.end + 1;
        match next.secret {
            Some(rule) => self.secret_text(&token, rule),
            None if !is_skipped => self.plain_text(&token, next.spot.mode),
            None if self.secret_content == Some(false) => {
                let raw = self.bytes.get(token.raw.clone()).unwrap_or_default();
                self.secret_content = Some(!pairs::is_plain(raw));
            }
            None => {}
        }
        self.remember_text(token, next.spot.role);
        Ok(end)
    }

    fn secret_text(&mut self, token: &Token, rule: Rule) {
        self.read_text(token);
        if !pairs::is_plain(&self.decoded) {
            let length = Change::length(&self.decoded);
            let path = self.path();
            self.redact_whole(token.literal(), rule, path, Some(length));
        }
    }

    fn plain_text(&mut self, token: &Token, mode: Mode) {
        if self.rules.keys.has_further() && !self.is_prose(mode) {
            self.read_text(token);
            if self.rules.keys.are_named_in(&self.decoded) {
                return self.secret_text(token, Rule::Password);
            }
        }
        if self.word.is_some_and(|word| word < token.raw.start) {
            self.word = next_word(self.bytes, token.raw.start);
        }
        let bytes = self.bytes;
        let raw = bytes.get(token.raw.clone()).unwrap_or_default();
        let has_word = self.word.is_some_and(|word| word < token.raw.end)
            || has_signs(raw, token.sight, token.escapes != Escapes::None)
            || self.has_elements && mode != Mode::Source && has_elements(raw);
        let rules = self.rules;
        if mode == Mode::Source && (self.in_pem || has_word) && self.pem_line(token) {
            return;
        }
        if token.escapes == Escapes::None {
            if rules.wants(token.sight, has_word) {
                rules.inspect_at_sight(raw, mode, token.sight, has_word, &mut self.found);
                self.take_found(token, raw, mode);
            }
            return;
        }
        if token.escapes == Escapes::Unicode || rules.wants(token.sight, has_word) {
            self.read_text(token);
            let text = std::mem::take(&mut self.decoded);
            rules.inspect(&text, mode, &mut self.found);
            self.take_found(token, &text, mode);
            self.decoded = text;
        }
    }

    /// A PEM key may lie over the lines of a program. Whether this line is in the middle of one.
    fn pem_line(&mut self, token: &Token) -> bool {
        self.read_text(token);
        let is_middle = self.in_pem && !secrets::ends_pem(&self.decoded);
        if is_middle {
            self.secret_text(token, Rule::PemKey);
        } else {
            self.in_pem = secrets::opens_pem(&self.decoded);
        }
        is_middle
    }

    fn read_text(&mut self, token: &Token) {
        self.decoded.clear();
        json::decode(
            self.bytes.get(token.raw.clone()).unwrap_or_default(),
            &mut self.decoded,
        );
    }

    fn take_found(&mut self, token: &Token, text: &[u8], mode: Mode) {
        if self.found.is_empty() || self.is_safe(&token.literal(), None) {
            return;
        }
        for secret in &self.found {
            self.out.hits.count(secret.rule);
        }
        let (clean, labels) = self.rules.clean(text, mode, &mut self.found);
        let mut literal = Vec::with_capacity(clean.len() + 16);
        json::encode(&clean, &mut literal);
        self.out.edits.push(Edit {
            range: token.literal(),
            text: literal,
        });
        self.note(
            token.literal(),
            None,
            Change::Labels {
                labels,
                length: Change::length(text),
            },
        );
    }

    fn number(&mut self, range: Range<usize>, next: Next) {
        let number = self.bytes.get(range.clone()).unwrap_or_default();
        self.secret_content = self.secret_content.map(|_| true);
        match next.secret {
            Some(rule) => {
                let is_count = counts_tokens(self.name_of_value());
                if !is_count {
                    let path = self.path();
                    self.redact_whole(range.clone(), rule, path, None);
                }
            }
            None if next.spot.mode != Mode::Skip && numbers::is_card(number) => {
                let path = self.path();
                self.redact_whole(range.clone(), Rule::CreditCard, path, None);
            }
            None => {}
        }
        self.remember(range);
    }

    /// The key of the value that is being read; of an attribute's value, the attribute's name.
    fn name_of_value(&self) -> &[u8] {
        let is_attribute = self
            .levels
            .last()
            .is_some_and(|level| level.spot.role == Role::SecretAttribute);
        let level = self.levels.iter().rev().nth(usize::from(is_attribute));
        level
            .filter(|level| !level.is_array)
            .and_then(|level| self.bytes.get(level.key.clone()))
            .unwrap_or_default()
    }

    /// Remembers a text as the possible half of a pair.
    fn remember_text(&mut self, token: Token, role: Role) {
        let Some(level) = self.levels.last_mut() else {
            return;
        };
        let is_inspected = role.has_pairs();
        if level.is_array {
            if !is_inspected {
                return;
            }
            let raw = self.bytes.get(token.raw.clone()).unwrap_or_default();
            level.follows_option = named::is_secret_option(raw, &self.rules.keys);
            match level.index {
                0 => level.first = Some(token),
                1 => level.second = Some(token.literal()),
                _ => {}
            }
            return;
        }
        let is_name = is_inspected && self.bytes.get(level.key.clone()) == Some(b"key");
        if is_name {
            self.read_name(&token.raw, token.escapes);
            let names_secret = self.secret_rule(false).is_some();
            if let Some(level) = self.levels.last_mut() {
                level.names_secret |= names_secret;
            }
            return;
        }
        self.remember(token.literal());
    }

    /// Remembers any other value likewise.
    fn remember(&mut self, range: Range<usize>) {
        let is_root = self.levels.len() == 1;
        let Some(level) = self.levels.last_mut() else {
            return;
        };
        if !level.spot.role.has_pairs() {
            return;
        }
        if level.is_array {
            if level.index == 1 {
                level.second = Some(range);
            }
            level.follows_option = false;
            return;
        }
        let key = self.bytes.get(level.key.clone()).unwrap_or_default();
        if is_root && key == b"_meta" {
            self.out.meta = Some(range.clone());
        }
        if key == b"value" {
            level.n_values += 1;
            let path = self.path();
            self.values.push((path, range));
        }
    }

    fn redact_whole(
        &mut self,
        range: Range<usize>,
        rule: Rule,
        path: Vec<Step>,
        length: Option<usize>,
    ) {
        if self.is_safe(&range, Some(&path)) {
            return;
        }
        // Who reads an address knows what to do without one, and not what a label is.
        let (text, change) = if rule == Rule::Ip {
            (b"null".to_vec(), Change::Removed { rule, length })
        } else {
            let mut literal = Vec::with_capacity(16);
            json::encode(rule.label().as_bytes(), &mut literal);
            (literal, Change::Whole { rule, length })
        };
        self.out.edits.push(Edit {
            range: range.clone(),
            text,
        });
        self.out.hits.count(rule);
        self.note(range, Some(path), change);
    }

    fn note(&mut self, range: Range<usize>, path: Option<Vec<Step>>, change: Change) {
        let in_meta = self
            .levels
            .last()
            .is_some_and(|level| level.spot.role.is_meta());
        if self.out.notes.len() < NOTES_MAX && !in_meta {
            let path = path.unwrap_or_else(|| self.path());
            self.out.notes.push(Note {
                range,
                path,
                change,
            });
        }
    }

    fn path(&self) -> Vec<Step> {
        self.levels
            .iter()
            .map(|level| {
                if level.is_array {
                    Step::Index(level.index)
                } else {
                    Step::Key(level.key.clone())
                }
            })
            .collect()
    }
}
