//! Which steps apply at a place, decided once for each set of paths that match there.

use std::sync::Arc;

use super::super::language::Dialect;
use super::super::language::kinds::{Kind, Pattern};
use super::super::language::need::Least;
use super::super::language::program::{Expr, Program};
use super::bits::Bits;
use super::schema::Reach;

/// Most decisions that are remembered for a payload.
const PLANS_MAX: usize = 64;

/// The steps for one set of matching paths.
#[derive(Debug, Default)]
pub(super) struct Plan {
    ends: Bits,
    reach: Option<Reach>,
    pub(super) steps: Vec<usize>,
    /// A step looks at keys that have a word.
    waits_for_key: bool,
    /// A step looks at every key.
    wants_keys: bool,
    /// Of patterns that wait for no word: what one of them needs at least.
    least: Vec<Least>,
    /// A step waits for a word.
    waits_for_word: bool,
}

impl Plan {
    fn new(program: &Program, ends: Bits, reach: Reach) -> Self {
        let mut plan = Self {
            ends,
            reach: Some(reach),
            ..Self::default()
        };
        if reach == Reach::Closed {
            return plan;
        }
        for application in &program.applications {
            let target = &application.target;
            let is_reached = reach == Reach::Open || names(target, ends, application.dialect);
            if is_reached && holds(target, ends) {
                plan.steps.extend(&application.steps);
            }
        }
        let steps = plan.steps.clone();
        for step in steps.iter().filter_map(|n| program.steps.get(*n)) {
            match &step.kind {
                Kind::Anything => add(&mut plan.least, &Least::default()),
                Kind::Patterns(patterns) => plan.wait_for(patterns),
                Kind::Pair { key, values, .. } => {
                    plan.waits_for_key |= !key.need.words.is_empty();
                    plan.wants_keys |= key.need.words.is_empty();
                    plan.wait_for(values);
                }
            }
        }
        plan
    }

    fn wait_for(&mut self, patterns: &[Arc<Pattern>]) {
        for pattern in patterns {
            if pattern.need.words.is_empty() {
                add(&mut self.least, &pattern.need.least);
            } else {
                self.waits_for_word = true;
            }
        }
    }

    /// Whether some step may find something in a text.
    #[inline]
    pub(super) fn wants(&self, text: &[u8], has_word: bool) -> bool {
        has_word && self.waits_for_word || self.least.iter().any(|least| least.is_in(text))
    }

    /// Whether some step may find something in the key of a text.
    #[inline]
    pub(super) const fn wants_key(&self, has_word: bool) -> bool {
        self.wants_keys || has_word && self.waits_for_key
    }
}

/// Adds what a pattern needs, unless another one needs no more; what needs no less is no longer looked for.
fn add(all: &mut Vec<Least>, least: &Least) {
    if !all.iter().any(|other| other.is_implied_by(least)) {
        all.retain(|other| !least.is_implied_by(other));
        all.push(least.clone());
    }
}

/// Whether a selector holds where these paths end.
pub(crate) fn holds(target: &Expr, ends: Bits) -> bool {
    match target {
        Expr::Path(bit, _) => ends.has(*bit),
        Expr::Not(inner) => !holds(inner, ends),
        Expr::And(parts) => parts.iter().all(|part| holds(part, ends)),
        Expr::Or(parts) => parts.iter().any(|part| holds(part, ends)),
    }
}

/// Whether it holds by a part that names the field, not by a wildcard.
fn names(target: &Expr, ends: Bits, dialect: Dialect) -> bool {
    match target {
        Expr::Path(bit, is_specific) => *is_specific && ends.has(*bit),
        Expr::Not(inner) => !holds(inner, ends),
        Expr::Or(parts) => parts.iter().any(|part| names(part, ends, dialect)),
        Expr::And(parts) if dialect == Dialect::Reference => {
            parts.iter().all(|part| names(part, ends, dialect))
        }
        // Naming it once is enough; that it is not something else does not name it.
        Expr::And(parts) => parts
            .iter()
            .any(|part| !matches!(part, Expr::Not(_)) && names(part, ends, dialect)),
    }
}

/// The decisions of one payload.
#[derive(Debug, Default)]
pub(super) struct Plans {
    plans: Vec<Plan>,
}

impl Plans {
    /// Where the plan for these paths is.
    #[inline]
    pub(super) fn find(&mut self, program: &Program, bits: Bits, reach: Reach) -> usize {
        let ends = program.matcher.ends(bits);
        let is_it = |plan: &Plan| plan.ends == ends && plan.reach == Some(reach);
        if let Some(at) = self.plans.iter().position(is_it) {
            return at;
        }
        if self.plans.len() >= PLANS_MAX {
            self.plans.clear();
        }
        self.plans.push(Plan::new(program, ends, reach));
        self.plans.len() - 1
    }

    pub(super) fn get(&self, at: usize) -> Option<&Plan> {
        self.plans.get(at)
    }
}
