//! Parts a query into what the store knows of issues and what the index knows of events.
//!
//! Filters over events that stand together are asked together: an issue is found when *one* of
//! its events matches all of them.

use crate::api::error::ApiError;
use crate::ids::ShortId;
use crate::query::{Expr, Filter, Key, Op, Part, Pattern, QueryError, Scope, Value};
use crate::store::issue_condition::{Comparison, IssueColumn, IssueCondition};

/// Who asks, and whom they may name.
#[derive(Clone, Debug, Default)]
pub(super) struct Who {
    /// Who asks.
    pub(super) user: i64,
    /// When, in unix milliseconds.
    pub(super) now_ms: i64,
    /// Whether they look at the events of a time or of environments alone: numbers are of those.
    pub(super) has_window: bool,
    /// The teams they are in.
    pub(super) own_teams: Vec<i64>,
    /// What owners are called, `#web` or an e-mail address, and what they are stored as.
    pub(super) names: Vec<(String, String)>,
}

impl Who {
    fn named(&self, name: &str) -> Option<String> {
        let mut names = self.names.iter();
        let found = names.find(|(called, _)| called.eq_ignore_ascii_case(name))?;
        Some(found.1.clone())
    }
}

/// How to answer a query.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Plan {
    /// The statuses that can match; empty is all of them. Lets the store walk its indexes.
    pub(super) statuses: Vec<i64>,
    /// What issues must be like.
    pub(super) condition: Option<Wanted>,
    /// Questions for the index, which [`Wanted::Events`] names by place.
    pub(super) events: Vec<Expr>,
    /// Numbers of events within the window, which [`Wanted::Counted`] names by place.
    pub(super) counted: Vec<Counted>,
}

/// How many events of an issue there must be, or people who met them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Counted {
    /// Events or users.
    pub(super) column: IssueColumn,
    pub(super) comparison: Comparison,
    pub(super) value: i64,
}

/// A condition whose questions about events are still open.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Wanted {
    All(Vec<Wanted>),
    Any(Vec<Wanted>),
    Not(Box<Wanted>),
    Issue(IssueCondition),
    /// One of the issues that the index finds for the question at this place.
    Events(usize),
    /// One of the issues that have as many events as is said at this place.
    Counted(usize),
}

impl Wanted {
    /// Puts in what the index found, in the order of the questions, and of the numbers.
    pub(super) fn with(&self, found: &[Vec<i64>], counted: &[Vec<i64>]) -> IssueCondition {
        let all = |parts: &[Self]| parts.iter().map(|part| part.with(found, counted)).collect();
        let one_of =
            |found: Option<&Vec<i64>>| IssueCondition::OneOf(found.cloned().unwrap_or_default());
        match self {
            Self::All(parts) => IssueCondition::All(all(parts)),
            Self::Any(parts) => IssueCondition::Any(all(parts)),
            Self::Not(part) => IssueCondition::Not(Box::new(part.with(found, counted))),
            Self::Issue(condition) => condition.clone(),
            Self::Events(place) => one_of(found.get(*place)),
            Self::Counted(place) => one_of(counted.get(*place)),
        }
    }
}

impl Plan {
    /// What the query as a whole demands of events, where it does: the question's place.
    pub(super) fn narrowing(&self) -> Option<usize> {
        let place = |wanted: &Wanted| match wanted {
            Wanted::Events(place) => Some(*place),
            _ => None,
        };
        match self.condition.as_ref()? {
            Wanted::All(parts) => parts.iter().find_map(place),
            other => place(other),
        }
    }

    /// Plans a query for who asks.
    pub(super) fn read(query: &Expr, who: &Who) -> Result<Self, ApiError> {
        let mut planner = Planner {
            who,
            events: Vec::new(),
            counted: Vec::new(),
        };
        let condition = if query.is_everything() {
            None
        } else {
            Some(planner.wanted(query)?)
        };
        let statuses = condition.as_ref().map(statuses_of).unwrap_or_default();
        Ok(Self {
            statuses,
            condition,
            events: planner.events,
            counted: planner.counted,
        })
    }
}

/// The one status that the whole query asks for, when it does.
fn statuses_of(wanted: &Wanted) -> Vec<i64> {
    match wanted {
        Wanted::Issue(IssueCondition::Any(parts)) => match parts.as_slice() {
            [IssueCondition::State { status, .. }] => vec![*status],
            [IssueCondition::All(parts)] => match parts.first() {
                Some(IssueCondition::State { status, .. }) => vec![*status],
                _ => Vec::new(),
            },
            _ => Vec::new(),
        },
        Wanted::All(parts) => parts
            .iter()
            .map(statuses_of)
            .find(|found| !found.is_empty())
            .unwrap_or_default(),
        _ => Vec::new(),
    }
}

fn is_about_events(expr: &Expr) -> bool {
    match expr {
        Expr::And(parts) | Expr::Or(parts) => parts.iter().all(is_about_events),
        Expr::Not(part) => is_about_events(part),
        Expr::Text(_) => true,
        Expr::Filter(filter) => filter.key.scope() == Scope::Event,
    }
}

struct Planner<'w> {
    who: &'w Who,
    events: Vec<Expr>,
    counted: Vec<Counted>,
}

impl Planner<'_> {
    fn wanted(&mut self, expr: &Expr) -> Result<Wanted, ApiError> {
        if is_about_events(expr) && !expr.is_everything() {
            return Ok(self.ask(expr.clone()));
        }
        Ok(match expr {
            Expr::And(parts) => {
                let (events, issues): (Vec<&Expr>, Vec<&Expr>) =
                    parts.iter().partition(|part| is_about_events(part));
                let mut all = Vec::new();
                for part in issues {
                    all.push(self.wanted(part)?);
                }
                if !events.is_empty() {
                    all.push(self.ask(Expr::And(events.into_iter().cloned().collect())));
                }
                Wanted::All(all)
            }
            Expr::Or(parts) => {
                let parts: Result<Vec<_>, _> = parts.iter().map(|part| self.wanted(part)).collect();
                Wanted::Any(parts?)
            }
            Expr::Not(part) => Wanted::Not(Box::new(self.wanted(part)?)),
            Expr::Filter(filter) => match self.filter(filter)? {
                IssueCondition::Compares {
                    column: column @ (IssueColumn::TimesSeen | IssueColumn::UsersSeen),
                    comparison,
                    value,
                } if self.who.has_window => {
                    self.counted.push(Counted {
                        column,
                        comparison,
                        value,
                    });
                    Wanted::Counted(self.counted.len() - 1)
                }
                condition => Wanted::Issue(condition),
            },
            Expr::Text(_) => self.ask(expr.clone()),
        })
    }

    fn ask(&mut self, question: Expr) -> Wanted {
        self.events.push(question);
        Wanted::Events(self.events.len() - 1)
    }

    fn filter(&self, filter: &Filter) -> Result<IssueCondition, ApiError> {
        let Key::Field(name) = &filter.key else {
            return Ok(IssueCondition::All(Vec::new()));
        };
        let each = |read: &dyn Fn(&Pattern) -> Option<IssueCondition>, what: &str| {
            patterns(filter)
                .iter()
                .map(|pattern| read(pattern).ok_or_else(|| not_a(filter, pattern, what)))
                .collect::<Result<Vec<_>, _>>()
                .map(IssueCondition::Any)
        };
        let like = |column| {
            move |pattern: &Pattern| {
                Some(IssueCondition::Like {
                    column,
                    pattern: like(pattern),
                })
            }
        };
        if filter.op == Op::Exists {
            return Ok(there_is(name));
        }
        match name.as_str() {
            "firstSeen" => Ok(compares(IssueColumn::FirstSeen, filter)),
            "lastSeen" => Ok(compares(IssueColumn::LastSeen, filter)),
            "timesSeen" => Ok(compares(IssueColumn::TimesSeen, filter)),
            "userCount" => Ok(compares(IssueColumn::UsersSeen, filter)),
            "is" | "status" | "substatus" => {
                each(&|word| state(word.as_literal()?, self.who.now_ms), A_STATE)
            }
            "assigned" => each(&|who| self.assigned(who.as_literal()?), OWNERS),
            "assigned_or_suggested" => each(
                &|who| Some(or_suggested(self.assigned(who.as_literal()?)?)),
                OWNERS,
            ),
            "team" => each(&|team| self.team(team.as_literal()?), TEAMS),
            // Nothing watches on its own: every issue is of events that were sent.
            "detector" => Ok(always(false)),
            "issue" => each(
                &|id| short_id(id.as_literal()?),
                "a short id such as SHOP-1",
            ),
            "issue.id" => each(&|id| number(IssueColumn::Id, id), "a number"),
            "project.id" => each(&|id| number(IssueColumn::ProjectId, id), "a number"),
            "project" => each(
                &|slug| Some(IssueCondition::Project(slug.as_literal()?.to_owned())),
                "a project's slug",
            ),
            "issue.priority" => each(
                &|level| priority(level.as_literal()?),
                "low, medium or high",
            ),
            // Every issue is of errors, as the answers say.
            "issue.category" | "issue.type" => {
                each(&|kind| Some(always(kind.matches("error"))), "a kind")
            }
            "firstRelease" => each(&like(IssueColumn::FirstRelease), "a release"),
            "regressed_in_release" => each(
                &|release| Some(IssueCondition::RegressedIn(self::like(release))),
                "a release",
            ),
            "bookmarks" => each(
                &|who| {
                    Some(IssueCondition::BookmarkedBy(
                        self.person(who.as_literal()?)?,
                    ))
                },
                PEOPLE,
            ),
            "subscribed" => each(
                &|who| Some(IssueCondition::FollowedBy(self.person(who.as_literal()?)?)),
                PEOPLE,
            ),
            _ => Err(wrong(filter, format!("{name} cannot be searched for"))),
        }
    }

    fn person(&self, who: &str) -> Option<i64> {
        if who == "me" {
            return Some(self.who.user);
        }
        let name = match who.parse::<i64>() {
            Ok(id) => return Some(id),
            Err(_) => self.who.named(who)?,
        };
        name.strip_prefix("user:")?.parse().ok()
    }

    /// Issues given to a team, with or without the sign before its name.
    fn team(&self, name: &str) -> Option<IssueCondition> {
        if name == "my_teams" {
            return self.assigned(name);
        }
        let named = self
            .who
            .named(&format!("#{}", name.trim_start_matches('#')))?;
        Some(IssueCondition::AssignedTo(named))
    }

    fn assigned(&self, who: &str) -> Option<IssueCondition> {
        let to = |name: String| IssueCondition::AssignedTo(name);
        Some(match who {
            "me" => to(format!("user:{}", self.who.user)),
            "none" => IssueCondition::Not(Box::new(IssueCondition::IsAssigned)),
            "my_teams" => {
                let teams = self.who.own_teams.iter();
                IssueCondition::Any(teams.map(|id| to(format!("team:{id}"))).collect())
            }
            id if id.parse::<i64>().is_ok() => to(format!("user:{id}")),
            name if name.starts_with("user:") || name.starts_with("team:") => to(name.to_owned()),
            name => to(self.who.named(name)?),
        })
    }
}

/// How long an issue is for review that was marked for it, in milliseconds: a week.
const REVIEW_MS: i64 = 7 * 86_400_000;

/// What issues can be called in a search, by the words that are most used.
const A_STATE: &str = "a state; write unresolved, resolved, archived, new, ongoing, escalating, \
                      regressed, for_review, assigned or unassigned";

/// What an owner can be called in a search.
const OWNERS: &str = "me, my_teams, none, #team, or the e-mail address or id of a member";

/// What teams can be called in a search.
const TEAMS: &str = "my_teams, or the name of a team";

/// What people can be called in a search.
const PEOPLE: &str = "me, or the e-mail address or id of a member";

/// Whether an issue has a value of a key at all; most have one always.
fn there_is(key: &str) -> IssueCondition {
    match key {
        "assigned" | "assigned_or_suggested" | "team" => IssueCondition::IsAssigned,
        "detector" => always(false),
        "firstRelease" => IssueCondition::Like {
            column: IssueColumn::FirstRelease,
            pattern: "_%".to_owned(),
        },
        "regressed_in_release" => IssueCondition::RegressedIn("_%".to_owned()),
        _ => always(true),
    }
}

const fn always(is_so: bool) -> IssueCondition {
    if is_so {
        IssueCondition::All(Vec::new())
    } else {
        IssueCondition::Any(Vec::new())
    }
}

/// The same for issues that are nobody's but suggested to them.
fn or_suggested(assigned: IssueCondition) -> IssueCondition {
    match assigned {
        IssueCondition::AssignedTo(name) => IssueCondition::Any(vec![
            IssueCondition::AssignedTo(name.clone()),
            IssueCondition::SuggestedTo(name),
        ]),
        IssueCondition::Any(parts) => {
            IssueCondition::Any(parts.into_iter().map(or_suggested).collect())
        }
        other => other,
    }
}

fn patterns(filter: &Filter) -> Vec<Pattern> {
    match &filter.value {
        Value::Text(pattern) => vec![pattern.clone()],
        Value::List(patterns) => patterns.clone(),
        Value::None | Value::Number(_) | Value::Date(_) => Vec::new(),
    }
}

fn wrong(filter: &Filter, message: String) -> ApiError {
    QueryError {
        message,
        span: filter.span.clone(),
    }
    .into()
}

fn not_a(filter: &Filter, pattern: &Pattern, what: &str) -> ApiError {
    let text = pattern.as_literal().unwrap_or("a value with *");
    wrong(filter, format!("{text} is not {what}"))
}

fn compares(column: IssueColumn, filter: &Filter) -> IssueCondition {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "counts beyond i64 do not exist"
    )]
    let value = match &filter.value {
        Value::Date(at) => at.as_millis(),
        Value::Number(number) => *number as i64,
        Value::None | Value::Text(_) | Value::List(_) => return IssueCondition::All(Vec::new()),
    };
    let comparison = comparison(filter.op);
    IssueCondition::Compares {
        column,
        comparison,
        value,
    }
}

/// How numbers of the store compare.
pub(in crate::api) const fn comparison(op: Op) -> Comparison {
    match op {
        Op::Is | Op::Exists => Comparison::Equal,
        Op::Gt => Comparison::Greater,
        Op::Ge => Comparison::GreaterOrEqual,
        Op::Lt => Comparison::Less,
        Op::Le => Comparison::LessOrEqual,
    }
}

fn number(column: IssueColumn, pattern: &Pattern) -> Option<IssueCondition> {
    let value = pattern.as_literal()?.parse().ok()?;
    Some(IssueCondition::Compares {
        column,
        comparison: Comparison::Equal,
        value,
    })
}

fn short_id(text: &str) -> Option<IssueCondition> {
    let ShortId { project, number } = ShortId::parse(text).ok()?;
    Some(IssueCondition::ShortId { project, number })
}

fn priority(word: &str) -> Option<IssueCondition> {
    let value = match word {
        "low" => 25,
        "medium" => 50,
        "high" => 75,
        _ => return None,
    };
    let (column, comparison) = (IssueColumn::Priority, Comparison::Equal);
    Some(IssueCondition::Compares {
        column,
        comparison,
        value,
    })
}

/// The words of `is:`.
pub(in crate::api) const STATES: &[&str] = &[
    "unresolved",
    "resolved",
    "archived",
    "ignored",
    "muted",
    "new",
    "ongoing",
    "escalating",
    "regressed",
    "for_review",
    "archived_until_escalating",
    "archived_until_condition_met",
    "archived_forever",
    "assigned",
    "unassigned",
    "linked",
    "unlinked",
    "reprocessing",
];

/// The states of `is:`, by the words Sentry's search has for them.
fn state(word: &str, now_ms: i64) -> Option<IssueCondition> {
    let (status, substatuses): (i64, &[i64]) = match word {
        "unresolved" => (0, &[]),
        "resolved" => (1, &[]),
        "ignored" | "archived" | "muted" => (2, &[]),
        "new" => (0, &[7]),
        "ongoing" => (0, &[3]),
        "escalating" => (0, &[2]),
        "regressed" => (0, &[6]),
        "for_review" => return Some(for_review(now_ms)),
        "archived_until_escalating" => (2, &[1]),
        "archived_until_condition_met" => (2, &[4]),
        "archived_forever" => (2, &[5]),
        // Nothing is linked to other trackers, and nothing is being worked on anew.
        "linked" | "reprocessing" => return Some(always(false)),
        "unlinked" => return Some(always(true)),
        "assigned" => return Some(IssueCondition::IsAssigned),
        "unassigned" => return Some(IssueCondition::Not(Box::new(IssueCondition::IsAssigned))),
        _ => return None,
    };
    Some(IssueCondition::State {
        status,
        substatuses: substatuses.to_vec(),
    })
}

/// Open issues that are new, came back, escalate, or were marked within a week.
fn for_review(now_ms: i64) -> IssueCondition {
    let open = |substatuses: &[i64]| IssueCondition::State {
        status: 0,
        substatuses: substatuses.to_vec(),
    };
    let marked = IssueCondition::Compares {
        column: IssueColumn::ReviewSince,
        comparison: Comparison::Greater,
        value: now_ms - REVIEW_MS,
    };
    let either = IssueCondition::Any(vec![open(&[7, 2, 6]), marked]);
    IssueCondition::All(vec![open(&[]), either])
}

/// A pattern as `LIKE` has it.
fn like(pattern: &Pattern) -> String {
    let mut text = String::new();
    for part in &pattern.parts {
        match part {
            Part::Any => text.push('%'),
            Part::Literal(literal) => {
                for c in literal.chars() {
                    if matches!(c, '%' | '_' | '\\') {
                        text.push('\\');
                    }
                    text.push(c);
                }
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use protocol::timestamp::Timestamp;

    use super::*;
    use crate::query::parse;

    fn who() -> Who {
        Who {
            user: 7,
            now_ms: 0,
            has_window: false,
            own_teams: vec![3, 4],
            names: vec![
                ("#web".to_owned(), "team:3".to_owned()),
                ("ann@example.org".to_owned(), "user:9".to_owned()),
            ],
        }
    }

    fn plan(text: &str) -> Plan {
        Plan::read(&parse(text, Timestamp::from_millis(0)).unwrap(), &who()).unwrap()
    }

    #[test]
    fn asks_the_index_once_for_filters_that_stand_together() {
        let plan = plan("is:unresolved level:error boom timesSeen:>10");
        assert_eq!(plan.statuses, [0]);
        assert_eq!(plan.events.len(), 1);
        let condition = plan.condition.unwrap().with(&[vec![4, 5]], &[]);
        let expected = IssueCondition::All(vec![
            IssueCondition::Any(vec![IssueCondition::State {
                status: 0,
                substatuses: vec![],
            }]),
            IssueCondition::Compares {
                column: IssueColumn::TimesSeen,
                comparison: Comparison::Greater,
                value: 10,
            },
            IssueCondition::OneOf(vec![4, 5]),
        ]);
        assert_eq!(condition, expected);
    }

    #[test]
    fn joins_both_worlds_under_or() {
        let plan = plan("is:resolved or level:error");
        assert!(plan.statuses.is_empty());
        assert_eq!(plan.events.len(), 1);
        assert!(matches!(plan.condition, Some(Wanted::Any(parts)) if parts.len() == 2));
        assert_eq!(self::plan("is:for_review").statuses, [0]);
    }

    #[test]
    fn owners_are_called_by_their_names() {
        let check = |text: &str, expected: &[&str]| {
            let condition = plan(text).condition.unwrap().with(&[], &[]);
            let IssueCondition::Any(parts) = condition else {
                panic!("{condition:?}");
            };
            let to = |name: &&str| IssueCondition::AssignedTo((*name).to_owned());
            let expected: Vec<_> = expected.iter().map(to).collect();
            assert_eq!(parts, expected, "{text}");
        };
        check("assigned:#web", &["team:3"]);
        check("assigned:Ann@example.org", &["user:9"]);
        check("assigned:[me, #web]", &["user:7", "team:3"]);
        check("team:[web, #web]", &["team:3", "team:3"]);
        let mine = plan("assigned:my_teams").condition.unwrap().with(&[], &[]);
        assert!(format!("{mine:?}").contains("team:4"), "{mine:?}");
        let suggested = plan("assigned_or_suggested:me").condition.unwrap();
        let suggested = format!("{:?}", suggested.with(&[], &[]));
        assert!(
            suggested.contains(r#"SuggestedTo("user:7")"#),
            "{suggested}"
        );
        let unknown = parse("assigned:#gone", Timestamp::from_millis(0)).unwrap();
        let error = Plan::read(&unknown, &who()).unwrap_err().to_string();
        assert!(error.contains("#gone is not me, my_teams"), "{error}");
    }

    #[test]
    fn a_query_narrows_where_it_demands_something_of_every_event() {
        assert_eq!(plan("is:unresolved level:error boom").narrowing(), Some(0));
        assert_eq!(plan("level:error or boom").narrowing(), Some(0));
        assert_eq!(plan("is:resolved or level:error").narrowing(), None);
        assert_eq!(plan("is:unresolved").narrowing(), None);
        assert_eq!(plan("").narrowing(), None);
    }

    #[test]
    fn numbers_are_of_the_window_where_there_is_one() {
        let whole = plan("timesSeen:>10");
        assert_eq!(whole.counted, []);
        let who = Who {
            has_window: true,
            ..who()
        };
        let query = parse("is:unresolved timesSeen:>10", Timestamp::from_millis(0)).unwrap();
        let plan = Plan::read(&query, &who).unwrap();
        let expected = Counted {
            column: IssueColumn::TimesSeen,
            comparison: Comparison::Greater,
            value: 10,
        };
        assert_eq!(plan.counted, [expected]);
        let condition = plan.condition.unwrap().with(&[], &[vec![4]]);
        let condition = format!("{condition:?}");
        assert!(condition.contains("OneOf([4])"), "{condition}");
    }

    #[test]
    fn everything_asks_nothing() {
        assert_eq!(plan("").condition, None);
        assert!(plan("").events.is_empty());
    }

    #[test]
    fn every_word_of_is_has_a_meaning() {
        for word in STATES {
            assert!(state(word, 0).is_some(), "{word}");
        }
    }

    #[test]
    fn what_people_did_with_issues_is_asked_by_their_names() {
        let check = |text: &str, expected: &str| {
            let condition = plan(text).condition.unwrap().with(&[], &[]);
            let condition = format!("{condition:?}");
            assert!(condition.contains(expected), "{text}: {condition}");
        };
        check("bookmarks:me", "BookmarkedBy(7)");
        check("bookmarked_by:[me, ann@example.org]", "BookmarkedBy(9)");
        check("subscribed:12", "FollowedBy(12)");
        check("regressed_in_release:shop@2.*", "RegressedIn(\"shop@2.%\")");
        check("has:assigned", "IsAssigned");
        check("!has:firstRelease", "pattern: \"_%\"");
        check("issue.category:error", "All([])");
        check("is:linked", "Any([])");
        let team = parse("bookmarks:#web", Timestamp::from_millis(0)).unwrap();
        let error = Plan::read(&team, &who()).unwrap_err().to_string();
        assert!(error.contains("#web is not me, or"), "{error}");
    }

    #[test]
    fn says_which_word_is_no_state() {
        let query = parse("is:gone", Timestamp::from_millis(0)).unwrap();
        let error = Plan::read(&query, &who()).unwrap_err();
        assert!(error.to_string().contains("gone is not a state"), "{error}");
    }
}
