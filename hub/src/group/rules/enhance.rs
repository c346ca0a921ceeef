//! Rules about frames: which are the application's own, and which count.
//!
//! A rule looks at a frame, and may look at the one that called it and the one it called. Its
//! actions are for that frame, or with `^` for all nearer the crash, with `v` for all before it.
//! Rules run in their order, and a later one overrides.

use std::fmt;

use protocol::event::{Exception, Stacktrace};

use super::matcher::{FrameFacts, Matcher, Subject};
use super::text::{Cursor, quote};
use super::{PARTS_MAX, RuleError, read_all};

/// Conditions of this language.
const SUBJECTS: &[Subject] = &[Subject::Frame, Subject::Exception];
/// Greatest number of `max-frames` and `min-frames`.
const FRAMES_MAX: usize = 1000;

/// A project's rules about frames.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Enhancements {
    rules: Vec<Rule>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Rule {
    /// On the frame that called.
    caller: Option<Matcher>,
    matchers: Vec<Matcher>,
    /// On the frame that was called.
    callee: Option<Matcher>,
    actions: Vec<Action>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Action {
    Flag {
        reach: Reach,
        flag: Flag,
        value: bool,
    },
    Category(String),
    MaxFrames(usize),
    MinFrames(usize),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flag {
    App,
    Group,
}

/// Which frames an action is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reach {
    This,
    /// Nearer the crash.
    Up,
    /// Before it.
    Down,
}

/// What the rules say of a frame.
#[derive(Clone, Debug, Default)]
pub(in crate::group) struct Mark {
    pub(in crate::group) in_app: bool,
    /// Whether it counts, if a rule says so.
    pub(in crate::group) counts: Option<bool>,
    category: Option<String>,
    /// The rules that decided, by their place.
    app_rule: Option<usize>,
    group_rule: Option<usize>,
}

/// What the rules say of a stack.
#[derive(Clone, Debug, Default)]
pub(in crate::group) struct Marks {
    pub(in crate::group) frames: Vec<Mark>,
    pub(in crate::group) max_frames: Option<usize>,
    pub(in crate::group) min_frames: Option<usize>,
}

impl Enhancements {
    /// Reads a text of rules.
    ///
    /// # Errors
    /// What is wrong first, and where.
    pub fn parse(text: &str) -> Result<Self, RuleError> {
        let rules = read_all(text, rule)?;
        Ok(Self { rules })
    }

    /// Whether there are no rules.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// What the rules say, beginning with what `in_app` says of each frame.
    pub(in crate::group) fn marks(
        &self,
        stack: &Stacktrace<'_>,
        exception: Option<&Exception<'_>>,
        platform: &str,
        in_app: impl Fn(usize) -> bool,
    ) -> Marks {
        let mut marks = Marks::default();
        let frames = stack.frames.len();
        marks.frames.extend((0..frames).map(|at| Mark {
            in_app: in_app(at),
            ..Mark::default()
        }));
        if self.rules.is_empty() {
            return marks;
        }
        let mut facts: Vec<_> = stack
            .frames
            .iter()
            .zip(&marks.frames)
            .map(|(frame, mark)| FrameFacts::of(frame, platform, mark.in_app))
            .collect();
        for (place, rule) in self.rules.iter().enumerate() {
            if !rule.fits_exception(exception) {
                continue;
            }
            let hits: Vec<usize> = (0..frames).filter(|at| rule.hits(&facts, *at)).collect();
            for hit in hits {
                for action in &rule.actions {
                    marks.act(action, hit, place);
                }
            }
            for (fact, mark) in facts.iter_mut().zip(&marks.frames) {
                fact.in_app = mark.in_app;
            }
            if rule.sets_category() {
                for (fact, mark) in facts.iter_mut().zip(&marks.frames) {
                    fact.category = self.category(mark);
                }
            }
        }
        marks
    }

    /// The category's text, as the rule that set it holds it.
    pub(in crate::group) fn category(&self, mark: &Mark) -> Option<&str> {
        let own = mark.category.as_deref()?;
        let actions = self.rules.iter().flat_map(|rule| &rule.actions);
        actions
            .filter_map(|action| match action {
                Action::Category(name) => Some(name.as_str()),
                Action::Flag { .. } | Action::MaxFrames(_) | Action::MinFrames(_) => None,
            })
            .find(|name| *name == own)
    }

    /// The text of the rule that decided whether the frame is the application's own.
    pub(in crate::group) fn app_rule(&self, mark: &Mark) -> Option<String> {
        self.rules.get(mark.app_rule?).map(ToString::to_string)
    }

    /// The text of the rule that decided whether the frame counts.
    pub(in crate::group) fn group_rule(&self, mark: &Mark) -> Option<String> {
        self.rules.get(mark.group_rule?).map(ToString::to_string)
    }
}

impl Marks {
    fn act(&mut self, action: &Action, hit: usize, place: usize) {
        match action {
            Action::Flag { reach, flag, value } => {
                let range = match reach {
                    Reach::This => hit..hit + 1,
                    Reach::Up => hit + 1..self.frames.len(),
                    Reach::Down => 0..hit,
                };
                for mark in self.frames.get_mut(range).unwrap_or_default() {
                    match flag {
                        Flag::App => {
                            mark.in_app = *value;
                            mark.app_rule = Some(place);
                        }
                        Flag::Group => {
                            mark.counts = Some(*value);
                            mark.group_rule = Some(place);
                        }
                    }
                }
            }
            Action::Category(name) => {
                if let Some(mark) = self.frames.get_mut(hit) {
                    mark.category = Some(name.clone());
                }
            }
            Action::MaxFrames(n) => self.max_frames = (*n > 0).then_some(*n),
            Action::MinFrames(n) => self.min_frames = (*n > 0).then_some(*n),
        }
    }
}

impl Rule {
    fn sets_category(&self) -> bool {
        let mut actions = self.actions.iter();
        actions.any(|action| matches!(action, Action::Category(_)))
    }

    fn fits_exception(&self, exception: Option<&Exception<'_>>) -> bool {
        self.matchers
            .iter()
            .filter(|matcher| matcher.subject() == Subject::Exception)
            .all(|matcher| exception.is_some_and(|exception| matcher.on_exception(exception)))
    }

    fn hits(&self, facts: &[FrameFacts<'_>], at: usize) -> bool {
        let fits = |matcher: &Matcher, at: Option<usize>| {
            at.and_then(|at| facts.get(at))
                .is_some_and(|frame| matcher.on_frame(frame))
        };
        self.matchers
            .iter()
            .filter(|matcher| matcher.subject() == Subject::Frame)
            .all(|matcher| fits(matcher, Some(at)))
            && self
                .caller
                .as_ref()
                .is_none_or(|matcher| fits(matcher, at.checked_sub(1)))
            && self
                .callee
                .as_ref()
                .is_none_or(|matcher| fits(matcher, Some(at + 1)))
    }
}

fn rule(cursor: &mut Cursor<'_>) -> Result<Rule, RuleError> {
    let caller = match cursor.peek() {
        Some('[') => {
            let caller = neighbour(cursor)?;
            cursor.blanks();
            let from = cursor.at();
            if !cursor.eat("|") {
                return Err(cursor.error(from, "expected | between the caller and the frame"));
            }
            cursor.blanks();
            Some(caller)
        }
        _ => None,
    };
    let mut matchers = Vec::new();
    loop {
        cursor.blanks();
        if cursor.is_line_end() || cursor.rest().starts_with('|') || is_action(cursor.rest()) {
            break;
        }
        let from = cursor.at();
        matchers.push(Matcher::read(cursor, SUBJECTS)?);
        if matchers.len() > PARTS_MAX {
            return Err(cursor.error(from, format!("at most {PARTS_MAX} conditions")));
        }
    }
    let from = cursor.at();
    if matchers.is_empty() {
        return Err(cursor.error(from, "expected a condition such as function:main*"));
    }
    let callee = match cursor.eat("|") {
        true => {
            cursor.blanks();
            let callee = neighbour(cursor)?;
            cursor.blanks();
            Some(callee)
        }
        false => None,
    };
    let actions = actions(cursor)?;
    Ok(Rule {
        caller,
        matchers,
        callee,
        actions,
    })
}

/// `[ condition ]`.
fn neighbour(cursor: &mut Cursor<'_>) -> Result<Matcher, RuleError> {
    let from = cursor.at();
    if !cursor.eat("[") {
        return Err(cursor.error(from, "expected a condition in brackets"));
    }
    cursor.blanks();
    let matcher = Matcher::read(cursor, &[Subject::Frame])?;
    cursor.blanks();
    let from = cursor.at();
    if !cursor.eat("]") {
        return Err(cursor.error(from, "expected ]"));
    }
    Ok(matcher)
}

fn is_action(rest: &str) -> bool {
    let flag = rest.strip_prefix(['^', 'v']).unwrap_or(rest);
    let word = rest.split(|c: char| c.is_whitespace()).next();
    flag.starts_with(['+', '-'])
        || word.is_some_and(|word| word.contains('=') && !word.contains(':'))
}

fn actions(cursor: &mut Cursor<'_>) -> Result<Vec<Action>, RuleError> {
    let mut actions = Vec::new();
    loop {
        cursor.blanks();
        let from = cursor.at();
        if cursor.is_line_end() {
            break;
        }
        actions.push(action(cursor)?);
        if actions.len() > PARTS_MAX {
            return Err(cursor.error(from, format!("at most {PARTS_MAX} actions")));
        }
    }
    if actions.is_empty() {
        let from = cursor.at();
        return Err(cursor.error(from, "expected an action such as -app"));
    }
    Ok(actions)
}

fn action(cursor: &mut Cursor<'_>) -> Result<Action, RuleError> {
    let from = cursor.at();
    if is_action(cursor.rest())
        && !cursor
            .rest()
            .starts_with(|c: char| c.is_alphanumeric() && c != 'v')
        || cursor.rest().starts_with("v+")
        || cursor.rest().starts_with("v-")
    {
        return flag(cursor);
    }
    let name = cursor.word(|c| c.is_alphanumeric() || c == '-' || c == '_');
    if !cursor.eat("=") {
        cursor.word(|c| !c.is_whitespace());
        return Err(cursor.error(from, "expected an action such as -app"));
    }
    let value_from = cursor.at();
    let value = match cursor.peek() {
        Some('"') => cursor.quoted()?,
        _ => cursor.word(|c| !c.is_whitespace() && c != '#').to_owned(),
    };
    let number = |cursor: &Cursor<'_>| {
        value
            .parse::<usize>()
            .ok()
            .filter(|n| *n <= FRAMES_MAX)
            .ok_or_else(|| cursor.error(value_from, format!("expected 0 to {FRAMES_MAX}")))
    };
    match name {
        "max-frames" => Ok(Action::MaxFrames(number(cursor)?)),
        "min-frames" => Ok(Action::MinFrames(number(cursor)?)),
        "category" if !value.is_empty() => Ok(Action::Category(value)),
        "category" => Err(cursor.error(value_from, "category needs a name")),
        _ => Err(cursor.error(from, format!("there is no action {name}"))),
    }
}

fn flag(cursor: &mut Cursor<'_>) -> Result<Action, RuleError> {
    let from = cursor.at();
    let reach = match cursor.peek() {
        Some('^') => Reach::Up,
        Some('v') => Reach::Down,
        _ => Reach::This,
    };
    if reach != Reach::This {
        cursor.word(|c| matches!(c, '^' | 'v'));
    }
    let value = cursor.eat("+");
    if !value {
        cursor.eat("-");
    }
    let flag = match cursor.word(char::is_alphanumeric) {
        "app" => Flag::App,
        "group" => Flag::Group,
        name => {
            let message = format!("there is no flag {name}: app or group");
            return Err(cursor.error(from, message));
        }
    };
    Ok(Action::Flag { reach, flag, value })
}

impl fmt::Display for Enhancements {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.rules.iter().try_for_each(|rule| writeln!(f, "{rule}"))
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(caller) = &self.caller {
            write!(f, "[ {caller} ] | ")?;
        }
        for (place, matcher) in self.matchers.iter().enumerate() {
            let blank = if place == 0 { "" } else { " " };
            write!(f, "{blank}{matcher}")?;
        }
        if let Some(callee) = &self.callee {
            write!(f, " | [ {callee} ]")?;
        }
        self.actions
            .iter()
            .try_for_each(|action| write!(f, " {action}"))
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag { reach, flag, value } => {
                let reach = match reach {
                    Reach::This => "",
                    Reach::Up => "^",
                    Reach::Down => "v",
                };
                let sign = if *value { '+' } else { '-' };
                let flag = match flag {
                    Flag::App => "app",
                    Flag::Group => "group",
                };
                write!(f, "{reach}{sign}{flag}")
            }
            Self::Category(name) => {
                let bare = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
                write!(f, "category={}", quote(name, bare))
            }
            Self::MaxFrames(n) => write!(f, "max-frames={n}"),
            Self::MinFrames(n) => write!(f, "min-frames={n}"),
        }
    }
}
