//! Finds stack traces among lines of text: the crash that a program printed, where no SDK was.
//!
//! Lines go in one by one, and come out as they went in, in order: alone, or together where they
//! are a trace of Python, Java, Node, Go, Rust, Ruby or PHP.
//!
//! What always holds: every line comes out exactly once; what is held back is bounded, in lines
//! and in bytes; nothing panics, whatever a line holds. A trace that ends in the middle, because
//! its program was killed, is text.
//!
//! To add a language: a part with `begins`, `step` and `parse`, and its line in [`Language`].

mod go;
mod java;
mod node;
mod php;
mod python;
mod ruby;
mod rust;

use serde_json::{Value, json};

/// Most lines of one trace; what follows is text.
pub const LINES_MAX: usize = 1000;
/// Most bytes of one trace.
pub const BYTES_MAX: usize = 256 * 1024;
/// Most frames of one exception that are kept, those nearest to where it was raised.
const FRAMES_MAX: usize = 250;
/// Most exceptions of one trace.
const EXCEPTIONS_MAX: usize = 20;
/// Most lines that may or may not belong to a trace, until one shows it.
const UNSURE_MAX: usize = 3;

/// Lines that belong together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// One that is part of no trace.
    Line(String),
    /// A trace.
    Trace(Traceback),
}

/// A trace, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Traceback {
    /// Who printed it.
    pub language: Language,
    /// The chain of exceptions, the oldest cause first; at least one.
    pub exceptions: Vec<Exception>,
    /// The lines it was.
    pub lines: Vec<String>,
}

/// One exception of a chain.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exception {
    /// The class.
    pub ty: String,
    /// The message; may be empty.
    pub value: String,
    /// Where it was raised, the oldest call first.
    pub frames: Vec<Frame>,
}

/// One call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frame {
    /// The function; may be empty.
    pub function: String,
    /// The module or package, where the language tells it apart.
    pub module: String,
    /// The file; may be empty.
    pub file: String,
    /// The line.
    pub line: Option<u32>,
    /// The column.
    pub column: Option<u32>,
    /// The source, where it is printed.
    pub context: String,
}

/// Whose traces are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// `Traceback (most recent call last):`
    Python,
    /// `at com.example.Shop.pay(Shop.java:7)`
    Java,
    /// `at pay (/srv/shop.js:7:3)`
    Node,
    /// `panic: …` and `goroutine 1 [running]:`
    Go,
    /// `thread 'main' panicked at src/main.rs:7:3:`
    Rust,
    /// ``shop.rb:7:in `pay': … (RuntimeError)``
    Ruby,
    /// `PHP Fatal error:  Uncaught RuntimeException: …`
    Php,
}

/// Whether a line belongs to the trace before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// It does; the trace is in this phase now.
    Yes(Phase),
    /// It does if a later one does.
    Unsure,
    /// It does not.
    No,
}

/// How far a trace is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Before its frames, and nothing without them.
    Head,
    /// Whole if it ends here, but for what may follow.
    Frames,
    /// Among its frames, and nothing without what follows them.
    Open,
    /// Behind what ends it.
    Done,
}

impl Language {
    const ALL: [Self; 7] = [
        Self::Python,
        Self::Java,
        Self::Node,
        Self::Go,
        Self::Rust,
        Self::Ruby,
        Self::Php,
    ];

    /// The platform as events name it.
    #[must_use]
    pub const fn platform(self) -> &'static str {
        match self {
            Self::Python => "python",
            Self::Java => "java",
            Self::Node => "node",
            Self::Go => "go",
            Self::Rust => "native",
            Self::Ruby => "ruby",
            Self::Php => "php",
        }
    }

    /// The phase of a trace that this line begins.
    fn begins(self, line: &str) -> Option<Phase> {
        match self {
            Self::Python => python::begins(line),
            Self::Go => go::begins(line),
            Self::Rust => rust::begins(line),
            Self::Ruby => ruby::begins(line),
            Self::Php => php::begins(line),
            // These show by their first frame; the line before it is their head.
            Self::Java | Self::Node => None,
        }
    }

    /// Whether this line is the first frame of a trace that the line before began.
    fn is_frame(self, line: &str) -> bool {
        match self {
            Self::Java => java::is_frame(line),
            Self::Node => node::is_frame(line),
            Self::Python | Self::Go | Self::Rust | Self::Ruby | Self::Php => false,
        }
    }

    fn step(self, phase: Phase, line: &str) -> Step {
        match self {
            Self::Python => python::step(phase, line),
            Self::Java => java::step(phase, line),
            Self::Node => node::step(phase, line),
            Self::Go => go::step(phase, line),
            Self::Rust => rust::step(phase, line),
            Self::Ruby => ruby::step(phase, line),
            Self::Php => php::step(phase, line),
        }
    }

    fn parse(self, lines: &[String]) -> Vec<Exception> {
        let mut exceptions = match self {
            Self::Python => python::parse(lines),
            Self::Java => java::parse(lines),
            Self::Node => node::parse(lines),
            Self::Go => go::parse(lines),
            Self::Rust => rust::parse(lines),
            Self::Ruby => ruby::parse(lines),
            Self::Php => php::parse(lines),
        };
        let surplus = exceptions.len().saturating_sub(EXCEPTIONS_MAX);
        exceptions.drain(..surplus);
        for exception in &mut exceptions {
            let surplus = exception.frames.len().saturating_sub(FRAMES_MAX);
            exception.frames.drain(..surplus);
        }
        exceptions
    }
}

/// Takes lines and gives pieces.
#[derive(Debug, Default)]
pub struct Collector {
    /// The line before, which may be the head of a trace.
    before: Option<String>,
    open: Option<Open>,
    /// The language of a trace that was cut, while its lines still come.
    cut: Option<(Language, Phase)>,
}

#[derive(Debug)]
struct Open {
    language: Language,
    phase: Phase,
    lines: Vec<String>,
    n_bytes: usize,
    unsure: Vec<String>,
}

impl Open {
    fn add(&mut self, line: String) {
        self.n_bytes += line.len();
        self.lines.push(line);
    }

    fn is_full(&self) -> bool {
        self.lines.len() + self.unsure.len() >= LINES_MAX || self.n_bytes >= BYTES_MAX
    }
}

impl Collector {
    /// Takes a line, without its end. Gives what is known now, in order.
    pub fn push(&mut self, line: String) -> Vec<Piece> {
        let mut pieces = Vec::new();
        if let Some(mut open) = self.open.take() {
            match open.language.step(open.phase, &line) {
                Step::Yes(phase) => {
                    open.phase = phase;
                    for line in std::mem::take(&mut open.unsure) {
                        open.add(line);
                    }
                    open.add(line);
                    if open.is_full() {
                        self.cut = Some((open.language, open.phase));
                        self.close(open, &mut pieces);
                    } else {
                        self.open = Some(open);
                    }
                    return pieces;
                }
                Step::Unsure if open.unsure.len() < UNSURE_MAX => {
                    open.unsure.push(line);
                    self.open = Some(open);
                    return pieces;
                }
                Step::Unsure | Step::No => self.close(open, &mut pieces),
            }
        }
        self.plain(line, &mut pieces);
        pieces
    }

    /// No further line is to be expected soon: gives all that was held back.
    pub fn end(&mut self) -> Vec<Piece> {
        let mut pieces = Vec::new();
        if let Some(open) = self.open.take() {
            self.close(open, &mut pieces);
        }
        pieces.extend(self.before.take().map(Piece::Line));
        pieces
    }

    /// Lines that are held back.
    #[must_use]
    pub fn n_held(&self) -> usize {
        let open = self.open.as_ref();
        let n_open = open.map_or(0, |open| open.lines.len() + open.unsure.len());
        n_open + usize::from(self.before.is_some())
    }

    /// A line that no open trace takes.
    fn plain(&mut self, line: String, pieces: &mut Vec<Piece>) {
        if let Some((language, phase)) = self.cut.take()
            && let Step::Yes(phase) = language.step(phase, &line)
        {
            self.cut = Some((language, phase));
            pieces.push(Piece::Line(line));
            return;
        }
        let begun = Language::ALL
            .iter()
            .find_map(|language| Some((*language, language.begins(&line)?)));
        if let Some((language, phase)) = begun {
            pieces.extend(self.before.take().map(Piece::Line));
            self.begin(language, phase, [line]);
            return;
        }
        let framed = Language::ALL
            .iter()
            .find(|language| language.is_frame(&line));
        match (framed, self.before.take()) {
            (Some(language), Some(head)) if !head.trim().is_empty() => {
                self.begin(*language, Phase::Frames, [head, line]);
            }
            (_, before) => {
                pieces.extend(before.map(Piece::Line));
                self.before = Some(line);
            }
        }
    }

    fn begin<const N: usize>(&mut self, language: Language, phase: Phase, lines: [String; N]) {
        self.open = Some(Open {
            language,
            phase,
            n_bytes: lines.iter().map(String::len).sum(),
            lines: lines.into(),
            unsure: Vec::new(),
        });
    }

    /// Gives a trace, or its lines where it is none after all, and what was behind it.
    fn close(&mut self, open: Open, pieces: &mut Vec<Piece>) {
        let is_whole = matches!(open.phase, Phase::Frames | Phase::Done);
        let exceptions = if is_whole {
            open.language.parse(&open.lines)
        } else {
            Vec::new()
        };
        if exceptions.is_empty() {
            pieces.extend(open.lines.into_iter().map(Piece::Line));
        } else {
            pieces.push(Piece::Trace(Traceback {
                language: open.language,
                exceptions,
                lines: open.lines,
            }));
        }
        for line in open.unsure {
            pieces.extend(self.before.replace(line).map(Piece::Line));
        }
    }
}

impl Traceback {
    /// The event of it: `exception`, `platform` and `level`, for the caller to add to.
    #[must_use]
    pub fn event(&self) -> Value {
        let mechanism = json!({"type": "logs", "handled": false});
        let value = |exception: &Exception| {
            let frames: Vec<Value> = exception.frames.iter().map(Frame::json).collect();
            let stack = (!frames.is_empty()).then(|| json!({"frames": frames}));
            let mut value = serde_json::Map::new();
            for (name, of) in [
                ("type", Some(json!(exception.ty))),
                ("value", Some(json!(exception.value))),
                ("mechanism", Some(mechanism.clone())),
                ("stacktrace", stack),
            ] {
                value.extend(of.map(|of| (name.to_owned(), of)));
            }
            Value::Object(value)
        };
        let values: Vec<Value> = self.exceptions.iter().map(value).collect();
        json!({
            "platform": self.language.platform(), "level": "error",
            "exception": {"values": values},
        })
    }
}

impl Frame {
    fn json(&self) -> Value {
        let mut json = serde_json::Map::new();
        for (name, text) in [
            ("function", &self.function),
            ("module", &self.module),
            ("filename", &self.file),
            ("context_line", &self.context),
        ] {
            if !text.is_empty() {
                json.insert(name.to_owned(), Value::from(text.as_str()));
            }
        }
        if self.file.starts_with('/') {
            json.insert("abs_path".to_owned(), Value::from(self.file.as_str()));
        }
        for (name, number) in [("lineno", self.line), ("colno", self.column)] {
            json.extend(number.map(|number| (name.to_owned(), Value::from(number))));
        }
        Value::Object(json)
    }
}

/// Whether a line is indented.
fn is_indented(line: &str) -> bool {
    line.starts_with([' ', '\t'])
}

/// `file:7` or `file:7:3`, from its end.
fn place(text: &str) -> (String, Option<u32>, Option<u32>) {
    let number = |text: &str| text.parse::<u32>().ok();
    let Some((rest, last)) = text.rsplit_once(':') else {
        return (text.to_owned(), None, None);
    };
    let Some(last) = number(last) else {
        return (text.to_owned(), None, None);
    };
    match rest
        .rsplit_once(':')
        .map(|(file, line)| (file, number(line)))
    {
        Some((file, Some(line))) => (file.to_owned(), Some(line), Some(last)),
        _ => (rest.to_owned(), Some(last), None),
    }
}

/// `Type: value`; what is no type with a value is a value.
fn head(text: &str) -> (Option<String>, String) {
    let is_type = |text: &str| {
        let is_part = |c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '$' | '\\' | ':');
        text.starts_with(|c: char| c.is_alphabetic() || c == '_') && text.chars().all(is_part)
    };
    match text.split_once(": ") {
        Some((ty, value)) if is_type(ty) => (Some(ty.to_owned()), value.to_owned()),
        _ => {
            let ty = text.strip_suffix(':').unwrap_or(text);
            if is_type(ty) {
                (Some(ty.to_owned()), String::new())
            } else {
                (None, text.to_owned())
            }
        }
    }
}

#[cfg(test)]
mod tests;
