//! Rules of what share of some items is kept: the first whose condition holds decides.
//!
//! Whether an item is in the share goes by a number that stands for its trace, so that a trace is
//! kept whole or not at all, at every relay alike.
//!
//! What is kept says which share of those like it was, so that whoever counts knows for how many it
//! stands: one of a tenth stands for ten.

use bytes::Bytes;
use serde::Deserialize;

use crate::condition::{Condition, ConditionError};
use crate::envelope::with_member;
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

/// The member of an item's header that says what share of those like it a relay kept. It is the
/// relay's alone: what clients call so is taken out.
pub const RATE_HEADER: &str = "server_sample_rate";

/// Whether items of a category say what share of those like them was kept: those that are added up
/// by what they took, and not one by one.
#[must_use]
pub const fn is_weighed(category: Category) -> bool {
    matches!(category, Category::Transaction | Category::Span)
}

/// An item's header, a JSON object, with the share that was kept of those like it.
#[must_use]
pub fn with_rate(header: &Bytes, rate: SampleRate) -> Bytes {
    with_member(header, RATE_HEADER, &rate.share().to_string())
}

/// The share that was kept of those like an item, by its header; all where it says nothing that
/// can be.
#[must_use]
pub fn rate_of(header: &[u8]) -> SampleRate {
    #[derive(Deserialize)]
    struct Said {
        server_sample_rate: Option<f64>,
    }
    let said = serde_json::from_slice::<Said>(header).ok();
    let share = said.and_then(|said| said.server_sample_rate);
    let rate = share.and_then(|share| SampleRate::from_share(share).ok());
    rate.filter(|rate| rate.share() > 0.0)
        .unwrap_or(SampleRate::ALL)
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
    fn an_item_says_what_share_of_those_like_it_was_kept() {
        for header in ["{}", "{ }", "{\"a\":1}"] {
            for share in [1e-6, 0.2, 0.333_333, 1.0] {
                let rate = SampleRate::from_share(share).unwrap();
                let header = Bytes::from(header);
                let said = with_rate(&header, rate);
                assert_eq!(rate_of(&said), rate, "{said:?}");
                assert_eq!(rate_of(&header), SampleRate::ALL);
            }
        }
        for wrong in ["", "[]", "0", "-0.5", "2", "\"x\"", "null", "1e-9"] {
            let header = format!("{{\"{RATE_HEADER}\":{wrong}}}");
            assert_eq!(rate_of(header.as_bytes()), SampleRate::ALL, "{wrong}");
        }
    }

    proptest::proptest! {
        /// Whatever shares there are: what is kept, each for as many as it stands for, comes to
        /// what there was, and a trace is in a larger share whenever it is in a smaller one.
        #[test]
        fn weights_come_to_what_there_was(small in 0.02..1.0_f64, more in 0.0..1.0_f64, seed: u64) {
            const TRACES: u32 = 20_000;
            let small = SampleRate::from_share(small).unwrap();
            let large = SampleRate::from_share(small.share() + (1.0 - small.share()) * more).unwrap();
            let numbers = (0..TRACES).map(|n| {
                let id = (seed ^ u64::from(n)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
                u64::from(crc32c::crc32c(&id.to_be_bytes()))
            });
            let (mut n_small, mut n_large) = (0_u32, 0_u32);
            for number in numbers {
                proptest::prop_assert!(large.keeps(number) || !small.keeps(number));
                n_small += u32::from(small.keeps(number));
                n_large += u32::from(large.keeps(number));
            }
            for (n, rate) in [(n_small, small), (n_large, large)] {
                let share = rate.share();
                let estimate = f64::from(n) / share;
                // Six times what chance makes of it.
                let bound = 6.0 * (f64::from(TRACES) * (1.0 - share) / share).sqrt() + 10.0;
                let off = (estimate - f64::from(TRACES)).abs();
                proptest::prop_assert!(off <= bound, "{estimate} at {share}");
            }
        }
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
