//! Which steps apply at a place, decided once for each set of paths that match there.

use super::super::json::Sight;
use super::super::language::Dialect;
use super::super::language::kinds::Kind;
use super::super::language::kinds::Pattern;
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
    /// A step runs on every text.
    is_unconditional: bool,
    /// A step looks at keys.
    pub(super) has_pairs: bool,
    /// Fewest digits that some step waits for, of those that wait for digits.
    digits_min: usize,
    /// Signs that some step waits for, of those that wait for nothing else.
    flags: u8,
    /// A step waits for a word.
    waits_for_word: bool,
}

impl Plan {
    fn new(program: &Program, ends: Bits, reach: Reach) -> Self {
        let mut plan = Self {
            ends,
            reach: Some(reach),
            digits_min: usize::MAX,
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
        for step in &plan.steps {
            match program.steps.get(*step).map(|step| &step.kind) {
                None | Some(Kind::Anything) => plan.is_unconditional = true,
                Some(Kind::Patterns(patterns)) => {
                    for pattern in patterns {
                        plan.is_unconditional |= !plan_for(
                            &mut plan.digits_min,
                            &mut plan.flags,
                            &mut plan.waits_for_word,
                            pattern,
                        );
                    }
                }
                Some(Kind::Pair { values, .. }) => {
                    plan.has_pairs = true;
                    for pattern in values {
                        plan.is_unconditional |= !plan_for(
                            &mut plan.digits_min,
                            &mut plan.flags,
                            &mut plan.waits_for_word,
                            pattern,
                        );
                    }
                }
            }
        }
        plan
    }

    /// Whether some step may find something in a text; keys are looked at elsewhere.
    #[inline]
    pub(super) fn wants(&self, sight: Sight, has_word: bool) -> bool {
        self.is_unconditional
            || sight.digits >= self.digits_min
            || sight.flags & self.flags != 0
            || has_word && self.waits_for_word
    }
}

/// Notes what a pattern waits for, the rarest thing of it. `false`: it waits for nothing.
fn plan_for(digits: &mut usize, flags: &mut u8, word: &mut bool, pattern: &Pattern) -> bool {
    let need = &pattern.need;
    if !need.words.is_empty() {
        *word = true;
    } else if need.digits > 0 {
        *digits = (*digits).min(need.digits);
    } else if need.flags != 0 {
        *flags |= need.flags;
    } else {
        return false;
    }
    true
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
