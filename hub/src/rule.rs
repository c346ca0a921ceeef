//! Alert conditions over facts.
//!
//! A rule says which changes of issues matter, where, how often at most, and what is done then.
//! Everything here is pure: the caller brings the facts and the time.

use protocol::timestamp::Timestamp;
use serde::{Deserialize, Serialize};

/// Shortest and longest pause between two notifications of one rule about one issue, in minutes.
pub const FREQUENCY_MINUTES: std::ops::RangeInclusive<i64> = 5..=43_200;
/// Most actions of one rule.
pub const ACTIONS_MAX: usize = 10;

/// What can happen to an issue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trigger {
    /// It is seen for the first time.
    NewIssue,
    /// It is seen again after it was resolved.
    Regression,
    /// It was archived, and is seen more often than foretold.
    Escalating,
}

impl Trigger {
    /// The name in the store and in the API.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NewIssue => "new_issue",
            Self::Regression => "regression",
            Self::Escalating => "escalating",
        }
    }

    /// The trigger of a name; `None` for names not known.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::NewIssue, Self::Regression, Self::Escalating]
            .into_iter()
            .find(|trigger| trigger.name() == name)
    }
}

/// What a rule does.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Action {
    /// A POST with a JSON body.
    Webhook {
        /// `http` or `https`.
        url: String,
    },
    /// A mail.
    Email {
        /// One address.
        to: String,
    },
}

/// Why a rule cannot be kept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RuleError {
    /// Without a trigger it would never fire.
    #[error("choose at least one trigger: new_issue, regression")]
    NoTrigger,
    /// Without an action nobody would know.
    #[error("add at least one action, a webhook or an e-mail address")]
    NoAction,
    /// More than [`ACTIONS_MAX`].
    #[error("a rule has at most {ACTIONS_MAX} actions")]
    TooManyActions,
    /// Neither `http` nor `https`, or no host.
    #[error("{0:?} is not an http or https address")]
    Url(String),
    /// Not `name@host`.
    #[error("{0:?} is not an e-mail address")]
    Email(String),
    /// Outside [`FREQUENCY_MINUTES`].
    #[error("the pause between notifications is 5 to 43200 minutes")]
    Frequency,
}

/// A rule as a person keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Any of these.
    pub triggers: Vec<Trigger>,
    /// All of these.
    pub actions: Vec<Action>,
    /// Only events of this environment; `None` is any.
    pub environment: Option<String>,
    /// At most one notification per issue in this time, in minutes.
    pub frequency_minutes: i64,
    /// Off rules never fire.
    pub is_enabled: bool,
}

impl Rule {
    /// Checks what a person wrote.
    ///
    /// # Errors
    /// [`RuleError`] names the field and the remedy.
    pub fn check(&self) -> Result<(), RuleError> {
        if self.triggers.is_empty() {
            return Err(RuleError::NoTrigger);
        }
        if self.actions.is_empty() {
            return Err(RuleError::NoAction);
        }
        if self.actions.len() > ACTIONS_MAX {
            return Err(RuleError::TooManyActions);
        }
        if !FREQUENCY_MINUTES.contains(&self.frequency_minutes) {
            return Err(RuleError::Frequency);
        }
        self.actions.iter().try_for_each(check_action)
    }
}

fn check_action(action: &Action) -> Result<(), RuleError> {
    match action {
        Action::Webhook { url } => {
            let rest = url
                .strip_prefix("http://")
                .or_else(|| url.strip_prefix("https://"));
            let host = rest.and_then(|rest| rest.split(['/', '?', '#']).next());
            let is_plain = !url.chars().any(|c| c.is_whitespace() || c.is_control());
            match host.filter(|host| !host.is_empty() && is_plain && url.len() <= 2048) {
                Some(_) => Ok(()),
                None => Err(RuleError::Url(url.clone())),
            }
        }
        Action::Email { to } => {
            let parts = to.split_once('@').filter(|(name, host)| {
                !name.is_empty() && !host.is_empty() && !host.contains('@') && to.len() <= 254
            });
            let is_plain = !to
                .chars()
                .any(|c| c.is_whitespace() || c.is_control() || c == ',');
            match parts.filter(|_| is_plain) {
                Some(_) => Ok(()),
                None => Err(RuleError::Email(to.clone())),
            }
        }
    }
}

/// What is known about a change when a rule is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts<'f> {
    /// What happened.
    pub trigger: Trigger,
    /// The event's environment.
    pub environment: Option<&'f str>,
    /// When this rule last told of this issue.
    pub last_told: Option<Timestamp>,
}

/// What a rule says to a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Do the actions.
    Fire,
    /// The change is none of its triggers, is elsewhere, or the rule is off.
    Pass,
    /// It told of this issue a short while ago; it may again at this time.
    Muted {
        /// When the pause ends.
        until: Timestamp,
    },
}

/// Decides whether a rule fires.
#[must_use]
pub fn decide(rule: &Rule, facts: &Facts<'_>, now: Timestamp) -> Verdict {
    let is_elsewhere = rule
        .environment
        .as_deref()
        .is_some_and(|e| Some(e) != facts.environment);
    if !rule.is_enabled || !rule.triggers.contains(&facts.trigger) || is_elsewhere {
        return Verdict::Pass;
    }
    let pause_ms = rule.frequency_minutes.saturating_mul(60_000);
    match facts.last_told.map(|told| told.plus_millis(pause_ms)) {
        Some(until) if now < until => Verdict::Muted { until },
        _ => Verdict::Fire,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule() -> Rule {
        Rule {
            triggers: vec![Trigger::NewIssue],
            actions: vec![Action::Webhook {
                url: "https://example.com/hook".into(),
            }],
            environment: Some("production".into()),
            frequency_minutes: 30,
            is_enabled: true,
        }
    }

    #[test]
    fn fires_for_its_trigger_in_its_environment_once_per_pause() {
        let at = |minutes: i64| Timestamp::from_millis(minutes * 60_000);
        let check = |trigger, environment, last_told: Option<i64>, expected| {
            let facts = Facts {
                trigger,
                environment,
                last_told: last_told.map(at),
            };
            assert_eq!(decide(&rule(), &facts, at(100)), expected, "{facts:?}");
        };
        check(Trigger::NewIssue, Some("production"), None, Verdict::Fire);
        check(Trigger::Regression, Some("production"), None, Verdict::Pass);
        check(Trigger::NewIssue, Some("staging"), None, Verdict::Pass);
        check(Trigger::NewIssue, None, None, Verdict::Pass);
        check(
            Trigger::NewIssue,
            Some("production"),
            Some(71),
            Verdict::Muted { until: at(101) },
        );
        check(
            Trigger::NewIssue,
            Some("production"),
            Some(70),
            Verdict::Fire,
        );
        let off = Rule {
            is_enabled: false,
            ..rule()
        };
        let facts = Facts {
            trigger: Trigger::NewIssue,
            environment: Some("production"),
            last_told: None,
        };
        assert_eq!(decide(&off, &facts, at(100)), Verdict::Pass);
    }

    #[test]
    fn names_what_is_wrong_with_a_rule() {
        assert_eq!(rule().check(), Ok(()));
        let with = |action| {
            Rule {
                actions: vec![action],
                ..rule()
            }
            .check()
        };
        assert!(matches!(
            with(Action::Webhook {
                url: "ftp://x".into()
            }),
            Err(RuleError::Url(_))
        ));
        assert!(matches!(
            with(Action::Webhook {
                url: "https://".into()
            }),
            Err(RuleError::Url(_))
        ));
        assert!(matches!(
            with(Action::Email { to: "jane".into() }),
            Err(RuleError::Email(_))
        ));
        assert!(matches!(
            with(Action::Email {
                to: "a@b,c@d".into()
            }),
            Err(RuleError::Email(_))
        ));
        assert_eq!(
            with(Action::Email {
                to: "jane@example.com".into()
            }),
            Ok(())
        );
        assert_eq!(
            Rule {
                triggers: Vec::new(),
                ..rule()
            }
            .check(),
            Err(RuleError::NoTrigger)
        );
        assert_eq!(
            Rule {
                frequency_minutes: 1,
                ..rule()
            }
            .check(),
            Err(RuleError::Frequency)
        );
    }

    #[test]
    fn actions_are_kept_as_tagged_json() {
        let json = r#"{"type":"email","to":"jane@example.com"}"#;
        let action: Action = serde_json::from_str(json).unwrap();
        assert_eq!(
            action,
            Action::Email {
                to: "jane@example.com".into()
            }
        );
        assert_eq!(serde_json::to_string(&action).unwrap(), json);
    }
}
