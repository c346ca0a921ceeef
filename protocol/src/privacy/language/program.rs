//! Compiles documents into what the engine runs: steps, and selectors over bits of one matcher.

use std::sync::Arc;

use super::builtin::{self, BuiltIn, Redaction};
use super::document::{
    Dialect, RULE_DEPTH_MAX, RedactionSpec, RuleDocument, RuleError, RuleSpec, STEPS_MAX,
};
use super::kinds::{Kind, Pattern, Simple, Take};
use super::selector::{Selector, is_specific};
use crate::privacy::engine::bits::{Matcher, MatcherBuilder};
use crate::privacy::engine::words::Words;

/// A rule as it is run.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    /// The name in notes.
    pub(crate) id: Arc<str>,
    /// The name by which the reference orders it: of a built-in rule the one with its method.
    order: String,
    pub(crate) kind: Kind,
    pub(crate) redaction: Redaction,
    pub(crate) dialect: Dialect,
}

/// A selector over the matcher's bits.
#[derive(Clone, Debug)]
pub(crate) enum Expr {
    /// A path's last bit, and whether it reaches fields that must be named.
    Path(usize, bool),
    Not(Box<Self>),
    And(Vec<Self>),
    Or(Vec<Self>),
}

/// Where some of the steps apply.
#[derive(Clone, Debug)]
pub(crate) struct Application {
    pub(crate) target: Expr,
    pub(crate) dialect: Dialect,
    /// Which steps, in order.
    pub(crate) steps: Vec<usize>,
}

/// Documents, compiled.
#[derive(Debug, Default)]
pub(crate) struct Program {
    pub(crate) matcher: Matcher,
    pub(crate) steps: Vec<Step>,
    pub(crate) applications: Vec<Application>,
    /// The words that patterns wait for.
    pub(crate) words: Words,
}

impl Program {
    /// Compiles documents, the first one first.
    ///
    /// # Errors
    /// [`RuleError`]; then none of them is used.
    pub(crate) fn compile(documents: &[RuleDocument]) -> Result<Self, RuleError> {
        let mut matcher = MatcherBuilder::default();
        let mut program = Self::default();
        for document in documents {
            let mut compiler = Compiler {
                document,
                dialect: document.dialect,
                steps: &mut program.steps,
            };
            compiler.check_all()?;
            for (text, rules) in &document.applications {
                let selector = Selector::parse(text).map_err(|source| RuleError::Selector {
                    selector: text.clone(),
                    source,
                })?;
                let target = expression(&selector, &mut matcher, document.dialect)?;
                let from = compiler.steps.len();
                for rule in rules {
                    compiler.add(rule, None, 0, &format!("selector `{text}`"))?;
                }
                compiler.sort_from(from);
                if compiler.steps.len() > STEPS_MAX {
                    return Err(RuleError::TooMany {
                        what: "rules that apply",
                        max: STEPS_MAX,
                    });
                }
                program.applications.push(Application {
                    target,
                    dialect: document.dialect,
                    steps: (from..compiler.steps.len()).collect(),
                });
            }
        }
        program.matcher = matcher.build();
        let patterns = program.steps.iter().flat_map(|step| step.kind.patterns());
        program.words = Words::new(patterns.flat_map(|pattern| &pattern.need.words).collect());
        Ok(program)
    }
}

impl Kind {
    /// Every pattern in it.
    pub(crate) fn patterns(&self) -> impl Iterator<Item = &Arc<Pattern>> {
        let (key, values) = match self {
            Self::Anything => (None, &[][..]),
            Self::Patterns(patterns) => (None, patterns.as_slice()),
            Self::Pair { key, values, .. } => (Some(key), values.as_slice()),
        };
        key.into_iter().chain(values)
    }
}

/// A selector's bits, and those of its parts.
pub(crate) fn expression(
    selector: &Selector,
    matcher: &mut MatcherBuilder,
    dialect: Dialect,
) -> Result<Expr, RuleError> {
    let mut all = |parts: &[Selector]| {
        let parts = parts.iter().map(|part| expression(part, matcher, dialect));
        parts.collect::<Result<Vec<_>, _>>()
    };
    Ok(match selector {
        Selector::Path(items) => Expr::Path(matcher.add(items)?, is_specific(items, dialect)),
        Selector::Not(inner) => Expr::Not(Box::new(expression(inner, matcher, dialect)?)),
        Selector::And(parts) => Expr::And(all(parts)?),
        Selector::Or(parts) => Expr::Or(all(parts)?),
    })
}

/// What hides a rule: the name it is told by, and what is left, where that is not the rule's own.
type Outer = (Arc<str>, Option<Redaction>);

struct Compiler<'a> {
    document: &'a RuleDocument,
    dialect: Dialect,
    steps: &'a mut Vec<Step>,
}

impl Compiler<'_> {
    /// Also rules that nothing applies must be right.
    fn check_all(&self) -> Result<(), RuleError> {
        for (name, spec) in &self.document.rules {
            self.check_parameters(name, spec)?;
            redaction(name, spec.redaction.as_ref(), self.dialect)?;
            if let Some(named) = spec.rules.iter().flatten().chain(&spec.rule).find(|named| {
                !self.document.rules.contains_key(*named)
                    && builtin::find(named, self.dialect).is_none()
            }) && self.dialect == Dialect::Vedette
            {
                return Err(RuleError::UnknownRule {
                    place: format!("rule `{name}`"),
                    rule: named.clone(),
                });
            }
            if !matches!(spec.kind.as_str(), "multiple" | "alias") {
                self.kind(name, spec)?;
            }
        }
        Ok(())
    }

    fn check_parameters(&self, name: &str, spec: &RuleSpec) -> Result<(), RuleError> {
        let kind = spec.kind.as_str();
        let wrong = |problem, parameter| {
            Err(RuleError::Parameter {
                rule: name.to_owned(),
                kind: kind.to_owned(),
                problem,
                parameter,
            })
        };
        let is_group = matches!(kind, "multiple" | "alias");
        let parameters = [
            ("pattern", spec.pattern.is_some(), kind == "pattern", true),
            (
                "replaceGroups",
                spec.replace_groups.is_some(),
                kind == "pattern",
                false,
            ),
            (
                "keyPattern",
                spec.key_pattern.is_some(),
                is_pair(kind),
                true,
            ),
            ("rules", spec.rules.is_some(), kind == "multiple", true),
            ("rule", spec.rule.is_some(), kind == "alias", true),
            ("hideInner", spec.hide_inner.is_some(), is_group, false),
        ];
        for (parameter, is_there, is_taken, is_needed) in parameters {
            if is_taken && is_needed && !is_there {
                return wrong("needs", parameter);
            }
            if is_there && !is_taken && self.dialect == Dialect::Vedette {
                return wrong("does not take", parameter);
            }
        }
        Ok(())
    }

    /// As they are listed; for the reference in the order of their names.
    fn sort_from(&mut self, from: usize) {
        if self.dialect == Dialect::Reference {
            let mut steps = self.steps.split_off(from);
            steps.sort_by(|a, b| a.order.cmp(&b.order));
            self.steps.append(&mut steps);
        }
    }

    /// Adds the steps of a rule. `outer` is the rule that hides this one: its name and redaction hold.
    fn add(
        &mut self,
        rule: &str,
        outer: Option<&Outer>,
        depth: usize,
        place: &str,
    ) -> Result<(), RuleError> {
        if depth > RULE_DEPTH_MAX || self.steps.len() > STEPS_MAX {
            return match self.dialect {
                // The reference passes over a rule that names itself.
                Dialect::Reference => Ok(()),
                Dialect::Vedette => Err(RuleError::Circle {
                    rule: rule.to_owned(),
                }),
            };
        }
        if let Some(spec) = self.document.rules.get(rule) {
            return self.add_own(rule, spec, outer, depth);
        }
        match builtin::find(rule, self.dialect) {
            Some(BuiltIn::One(kind, redaction)) => {
                self.push(rule, kind, redaction, outer);
                Ok(())
            }
            Some(BuiltIn::Many(inner)) => {
                let outer = self.through(outer);
                inner
                    .iter()
                    .try_for_each(|inner| self.add(inner, outer, depth + 1, rule))
            }
            None if self.dialect == Dialect::Reference => Ok(()),
            None => Err(RuleError::UnknownRule {
                place: place.to_owned(),
                rule: rule.to_owned(),
            }),
        }
    }

    fn add_own(
        &mut self,
        name: &str,
        spec: &RuleSpec,
        outer: Option<&Outer>,
        depth: usize,
    ) -> Result<(), RuleError> {
        let inner: Vec<String> = match spec.kind.as_str() {
            "multiple" => spec.rules.clone().unwrap_or_default(),
            "alias" => spec.rule.clone().into_iter().collect(),
            _ => {
                let kind = self.kind(name, spec)?;
                let redaction = redaction(name, spec.redaction.as_ref(), self.dialect)?;
                self.push(name, kind, redaction.unwrap_or(Redaction::Remove), outer);
                return Ok(());
            }
        };
        let hiding = match (self.through(outer), spec.hide_inner) {
            (Some(outer), _) => Some(outer.clone()),
            (None, Some(true)) => Some((
                Arc::from(name),
                redaction(name, spec.redaction.as_ref(), self.dialect)?,
            )),
            (None, _) => None,
        };
        for rule in &inner {
            let is_itself = rule.as_str() == name;
            if is_itself && self.dialect == Dialect::Reference {
                continue;
            }
            self.add(rule, hiding.as_ref(), depth + 1, &format!("rule `{name}`"))?;
        }
        Ok(())
    }

    /// What hides the rules of a group within a group: for the reference only the inner one does.
    fn through<'o>(&self, outer: Option<&'o Outer>) -> Option<&'o Outer> {
        outer.filter(|_| self.dialect == Dialect::Vedette)
    }

    fn push(&mut self, name: &str, kind: Kind, redaction: Redaction, outer: Option<&Outer>) {
        let (id, redaction) = match outer {
            Some((id, over)) => (Arc::clone(id), over.clone().unwrap_or(redaction)),
            None => (Arc::from(name), redaction),
        };
        let order = builtin::with_method(name).unwrap_or_else(|| name.to_owned());
        self.steps.push(Step {
            id,
            order,
            kind,
            redaction,
            dialect: self.dialect,
        });
    }

    fn kind(&self, name: &str, spec: &RuleSpec) -> Result<Kind, RuleError> {
        let compile = |source: &str, take: Take| {
            let compiled = Pattern::compile(source, take, None);
            compiled.map(Arc::new).map_err(|error| RuleError::Pattern {
                rule: name.to_owned(),
                problem: error.to_string(),
            })
        };
        match spec.kind.as_str() {
            "pattern" => {
                let source = spec.pattern.as_deref().unwrap_or_default();
                let groups = spec.replace_groups.clone().unwrap_or_else(|| vec![0]);
                let pattern = compile(source, Take::Groups(groups.clone()))?;
                let n_groups = pattern.regex.captures_len();
                let missing = groups.into_iter().find(|n| usize::from(*n) >= n_groups);
                match missing {
                    Some(group) if self.dialect == Dialect::Vedette => Err(RuleError::Group {
                        rule: name.to_owned(),
                        group,
                    }),
                    _ => Ok(Kind::Patterns(vec![pattern])),
                }
            }
            kind if is_pair(kind) => {
                let source = spec.key_pattern.as_deref().unwrap_or_default();
                let pattern = compile(source, Take::Text)?;
                Ok(Kind::Pair {
                    key: Arc::clone(&pattern),
                    n_first: 0,
                    values: vec![pattern],
                })
            }
            kind => match Simple::from_type(kind) {
                Some(simple) => Ok(simple.kind(self.dialect)),
                None => Err(RuleError::UnknownType {
                    rule: name.to_owned(),
                    kind: kind.to_owned(),
                }),
            },
        }
    }
}

fn is_pair(kind: &str) -> bool {
    matches!(kind, "redact_pair" | "redactPair")
}

/// What a rule leaves; `None` when it does not say.
fn redaction(
    rule: &str,
    spec: Option<&RedactionSpec>,
    dialect: Dialect,
) -> Result<Option<Redaction>, RuleError> {
    let Some(spec) = spec else {
        return Ok(None);
    };
    let text = || {
        spec.text
            .clone()
            .unwrap_or_else(|| builtin::FILTERED.to_owned())
    };
    Ok(Some(match spec.method.as_str() {
        "default" => return Ok(None),
        "remove" => Redaction::Remove,
        "replace" => Redaction::Replace(text()),
        "mask" => Redaction::Mask,
        "hash" => Redaction::Hash,
        _ if dialect == Dialect::Reference => Redaction::Drop,
        method => {
            return Err(RuleError::UnknownRedaction {
                rule: rule.to_owned(),
                method: method.to_owned(),
            });
        }
    }))
}
