//! Rules of what share of some items is kept: the first whose condition holds decides.
//!
//! Whether an item is in the share goes by a number that stands for its trace, so that a trace is
//! kept whole or not at all, at every relay alike.

use crate::condition::{Condition, ConditionError};
use crate::facts::{ROOTS, Subject};
use crate::item::Category;
use crate::roster::{SampleRate, SamplingRule};
use crate::timestamp::Timestamp;

/// Rules, compiled.
#[derive(Clone, Debug, Default)]
pub struct Rules(Vec<Compiled>);

#[derive(Clone, Debug)]
struct Compiled {
    id: u32,
    category: Category,
    condition: Condition,
    rate: SampleRate,
    from: Option<Timestamp>,
    until: Option<Timestamp>,
}

/// A rule that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("sampling rule {id}: {source}")]
pub struct RuleError {
    /// Which.
    pub id: u32,
    /// What is wrong with its condition.
    #[source]
    pub source: ConditionError,
}

/// The rule that decides about an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Which.
    pub id: u32,
    /// The share it keeps.
    pub rate: SampleRate,
}

impl Rules {
    /// Compiles rules, in their order. Those of categories that are not known are of a later
    /// version and decide about nothing that this program sees.
    ///
    /// # Errors
    /// [`RuleError`].
    pub fn compile(rules: &[SamplingRule]) -> Result<Self, RuleError> {
        let mut compiled = Vec::with_capacity(rules.len());
        for rule in rules {
            let wrong = |source| RuleError {
                id: rule.id,
                source,
            };
            let condition = Condition::parse(&rule.condition, ROOTS).map_err(wrong)?;
            let Some(category) = Category::from_name(&rule.category) else {
                continue;
            };
            compiled.push(Compiled {
                id: rule.id,
                category,
                condition,
                rate: rule.rate,
                from: rule.from,
                until: rule.until,
            });
        }
        Ok(Self(compiled))
    }

    /// Whether there is a rule for a category.
    #[must_use]
    pub fn concern(&self, category: Category) -> bool {
        self.0.iter().any(|rule| rule.category == category)
    }

    /// The first rule for a category that is in force and whose condition holds.
    #[must_use]
    pub fn decide(
        &self,
        category: Category,
        subject: &Subject<'_>,
        now: Timestamp,
    ) -> Option<Decision> {
        let in_force = |rule: &&Compiled| {
            rule.category == category
                && rule.from.is_none_or(|from| from <= now)
                && rule.until.is_none_or(|until| now < until)
        };
        let mut rules = self.0.iter().filter(in_force);
        let rule = rules.find(|rule| rule.condition.holds(subject))?;
        Some(Decision {
            id: rule.id,
            rate: rule.rate,
        })
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::envelope::{EnvelopeItem, ItemHeader};
    use crate::facts::Sender;
    use crate::item::ItemKind;

    fn rule(id: u32, condition: &str, share: f64) -> SamplingRule {
        SamplingRule {
            id,
            category: "transaction".to_owned(),
            condition: condition.to_owned(),
            rate: SampleRate::from_share(share).unwrap(),
            from: None,
            until: None,
        }
    }

    #[test]
    fn the_first_rule_in_force_that_holds_decides() {
        let health = r#"{"op":"glob","name":"event.transaction","value":["*health*"]}"#;
        let all = r#"{"op":"and","inner":[]}"#;
        let mut sale = rule(3003, all, 1.0);
        (sale.from, sale.until) = (
            Some(Timestamp::from_millis(100)),
            Some(Timestamp::from_millis(200)),
        );
        let mut later = rule(3009, all, 0.0);
        later.category = "of the future".to_owned();
        let rules = [rule(3001, health, 0.0), later, sale, rule(3002, all, 0.5)];
        let rules = Rules::compile(&rules).unwrap();
        let decide = |name: &str, at: i64| {
            let item = EnvelopeItem {
                kind: ItemKind::Transaction,
                header: ItemHeader::default(),
                payload: Bytes::from(format!("{{\"transaction\":\"{name}\"}}")),
            };
            let subject = Subject::read(&item, Sender::default());
            let at = Timestamp::from_millis(at);
            let decision = rules.decide(Category::Transaction, &subject, at);
            decision.map(|decision| (decision.id, decision.rate.share()))
        };
        assert_eq!(decide("/healthz", 150), Some((3001, 0.0)));
        assert_eq!(decide("/", 99), Some((3002, 0.5)));
        assert_eq!(decide("/", 100), Some((3003, 1.0)));
        assert_eq!(decide("/", 200), Some((3002, 0.5)));
        assert!(rules.concern(Category::Transaction) && !rules.concern(Category::Error));
    }

    #[test]
    fn a_wrong_condition_names_its_rule() {
        let error = Rules::compile(&[rule(7, "{\"op\":\"eq\"}", 0.5)]).unwrap_err();
        assert!(
            error.to_string().starts_with("sampling rule 7: "),
            "{error}"
        );
    }
}
