//! Reads conditions, with the place of what is wrong.

use std::fmt;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::Value as Json;

use super::version::Version;
use super::{DEPTH_MAX, Literal, NODES_MAX, Node, Order, Spelling, VALUES_MAX};
use crate::pattern::{Case, Globs, NetworkError};

/// A condition that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct ConditionError {
    /// What is wrong.
    pub what: String,
    /// Where: the first byte of what is wrong, or the end of the condition it is in.
    pub at: usize,
}

pub(super) fn read(json: &str, roots: &[&str]) -> Result<Node, ConditionError> {
    let node: Node = serde_json::from_str(json).map_err(|error| placed(json, &error))?;
    check(&node, json, roots)?;
    Ok(node)
}

/// The parser tells places by line and column, and writes them behind its message.
fn placed(json: &str, error: &serde_json::Error) -> ConditionError {
    let (line, column) = (error.line(), error.column());
    let before: usize = json
        .split_inclusive('\n')
        .take(line.saturating_sub(1))
        .map(str::len)
        .sum();
    let what = error.to_string();
    let what = what.split(" at line ").next().unwrap_or_default();
    ConditionError {
        what: what.to_owned(),
        at: (before + column.saturating_sub(1)).min(json.len()),
    }
}

/// Size, depth and names.
fn check(node: &Node, json: &str, roots: &[&str]) -> Result<(), ConditionError> {
    let wrong = |what: String| Err(ConditionError { what, at: 0 });
    let mut open = vec![(node, 1, true)];
    let mut n_nodes = 0;
    while let Some((node, depth, is_outer)) = open.pop() {
        n_nodes += 1;
        if n_nodes > NODES_MAX {
            return wrong(format!("more than {NODES_MAX} conditions"));
        }
        if depth > DEPTH_MAX {
            return wrong(format!("nested deeper than {DEPTH_MAX}"));
        }
        if let Some(name) = node
            .name()
            .filter(|name| is_outer && !is_rooted(name, roots))
        {
            let quoted = serde_json::to_string(name).unwrap_or_default();
            return Err(ConditionError {
                what: format!("{name:?} is not known: names begin with {}", listed(roots)),
                at: json.find(&quoted).unwrap_or(0),
            });
        }
        match node {
            Node::And(inner) | Node::Or(inner) => {
                open.extend(inner.iter().map(|node| (node, depth + 1, is_outer)));
            }
            Node::Not(inner) => open.push((inner, depth + 1, is_outer)),
            Node::Any(_, inner) | Node::All(_, inner) => open.push((inner, depth + 1, false)),
            Node::Eq(..)
            | Node::Compare(..)
            | Node::Glob(..)
            | Node::Cidr(..)
            | Node::Release(..) => {}
        }
    }
    Ok(())
}

fn is_rooted(name: &str, roots: &[&str]) -> bool {
    name.split_once('.')
        .is_some_and(|(root, _)| roots.contains(&root))
}

fn listed(roots: &[&str]) -> String {
    let roots: Vec<String> = roots.iter().map(|root| format!("`{root}.`")).collect();
    roots.join(", ")
}

impl Node {
    fn name(&self) -> Option<&str> {
        match self {
            Self::And(_) | Self::Or(_) | Self::Not(_) => None,
            Self::Eq(name, ..)
            | Self::Compare(name, ..)
            | Self::Glob(name, ..)
            | Self::Cidr(name, ..)
            | Self::Release(name, ..)
            | Self::Any(name, ..)
            | Self::All(name, ..) => Some(name),
        }
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(source: D) -> Result<Self, D::Error> {
        source.deserialize_map(NodeVisitor)
    }
}

/// Errors that a visitor gives are given their place by the parser.
struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a condition")
    }
    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Node, A::Error> {
        let written = Written::deserialize(MapAccessDeserializer::new(map))?;
        written.node().map_err(A::Error::custom)
    }
}

/// What `inner` holds.
enum Inner {
    One(Box<Node>),
    Many(Vec<Node>),
}

impl<'de> Deserialize<'de> for Inner {
    fn deserialize<D: Deserializer<'de>>(source: D) -> Result<Self, D::Error> {
        source.deserialize_any(InnerVisitor)
    }
}

struct InnerVisitor;

impl<'de> Visitor<'de> for InnerVisitor {
    type Value = Inner;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a condition or a list of conditions")
    }
    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Inner, A::Error> {
        NodeVisitor
            .visit_map(map)
            .map(|node| Inner::One(Box::new(node)))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Inner, A::Error> {
        let mut nodes = Vec::new();
        while let Some(node) = seq.next_element()? {
            if nodes.len() >= NODES_MAX {
                return Err(A::Error::custom(format!(
                    "more than {NODES_MAX} conditions"
                )));
            }
            nodes.push(node);
        }
        Ok(Inner::Many(nodes))
    }
}

/// A condition as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    op: String,
    name: Option<String>,
    #[serde(default, deserialize_with = "there")]
    value: Option<Json>,
    inner: Option<Inner>,
    cmp: Option<String>,
    #[serde(default)]
    options: Options,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Options {
    #[serde(default)]
    ignore_case: bool,
}

/// A value that is written, `null` as well.
fn there<'de, D: Deserializer<'de>>(source: D) -> Result<Option<Json>, D::Error> {
    Json::deserialize(source).map(Some)
}

impl Written {
    fn node(self) -> Result<Node, String> {
        let op = self.op.as_str();
        match op {
            "and" | "or" => match self.inner {
                Some(Inner::Many(inner)) if op == "and" => Ok(Node::And(inner)),
                Some(Inner::Many(inner)) => Ok(Node::Or(inner)),
                _ => Err(format!("`{op}` needs `inner`, a list of conditions")),
            },
            "not" => Ok(Node::Not(one(self.inner, op)?)),
            "any" | "all" => {
                let name = named(self.name, op)?;
                let inner = one(self.inner, op)?;
                Ok(match op {
                    "any" => Node::Any(name, inner),
                    _ => Node::All(name, inner),
                })
            }
            "eq" => {
                let spelling = if self.options.ignore_case {
                    Spelling::AnyCase
                } else {
                    Spelling::Exact
                };
                let values = literals(self.value)?;
                Ok(Node::Eq(named(self.name, op)?, values, spelling))
            }
            "glob" => {
                let case = if self.options.ignore_case {
                    Case::Ignored
                } else {
                    Case::Sensitive
                };
                let globs = Globs::compile(&texts(self.value, op)?, case);
                let globs = globs.map_err(|error| error.to_string())?;
                Ok(Node::Glob(named(self.name, op)?, globs))
            }
            "cidr" => {
                let networks = texts(self.value, op)?;
                let networks = networks.iter().map(|text| {
                    text.parse()
                        .map_err(|error: NetworkError| format!("{text:?} is {error}"))
                });
                Ok(Node::Cidr(
                    named(self.name, op)?,
                    networks.collect::<Result<_, _>>()?,
                ))
            }
            "release" => {
                let order = order(self.cmp.as_deref().unwrap_or("eq"));
                let order = order.ok_or("`cmp` is one of eq, gt, gte, lt, lte")?;
                let version = self.value.as_ref().and_then(Json::as_str);
                let version = version.and_then(Version::parse);
                let version = version.ok_or("`release` needs `value`, a version such as 1.2.3")?;
                Ok(Node::Release(named(self.name, op)?, order, version))
            }
            "gt" | "gte" | "lt" | "lte" => {
                let order = order(op).ok_or("not an order")?;
                let bound = self.value.as_ref().and_then(Json::as_f64);
                let bound = bound.ok_or_else(|| format!("`{op}` needs `value`, a number"))?;
                Ok(Node::Compare(named(self.name, op)?, order, bound))
            }
            _ => Err(format!("there is no `op` {op:?}")),
        }
    }
}

fn named(name: Option<String>, op: &str) -> Result<String, String> {
    let name = name.filter(|name| !name.is_empty());
    name.ok_or_else(|| format!("`{op}` needs `name`"))
}

fn one(inner: Option<Inner>, op: &str) -> Result<Box<Node>, String> {
    match inner {
        Some(Inner::One(node)) => Ok(node),
        _ => Err(format!("`{op}` needs `inner`, a condition")),
    }
}

fn order(name: &str) -> Option<Order> {
    Some(match name {
        "eq" => Order::Equal,
        "gt" => Order::Above,
        "gte" => Order::AtLeast,
        "lt" => Order::Below,
        "lte" => Order::AtMost,
        _ => return None,
    })
}

fn literals(value: Option<Json>) -> Result<Vec<Literal>, String> {
    let values = match value {
        None => return Err("`eq` needs `value`".to_owned()),
        Some(Json::Array(values)) => values,
        Some(value) => vec![value],
    };
    if values.len() > VALUES_MAX {
        return Err(format!("more than {VALUES_MAX} values"));
    }
    let literals = values.into_iter().map(|value| match value {
        Json::Null => Ok(Literal::Absent),
        Json::Bool(flag) => Ok(Literal::Flag(flag)),
        Json::String(text) => Ok(Literal::Text(text)),
        Json::Number(n) => n
            .as_f64()
            .map(Literal::Number)
            .ok_or("not a number".to_owned()),
        Json::Array(_) | Json::Object(_) => {
            Err("`eq` compares texts, numbers, true, false and null".to_owned())
        }
    });
    literals.collect()
}

/// A list of texts; one alone is a list too.
fn texts(value: Option<Json>, op: &str) -> Result<Vec<String>, String> {
    let wrong = || format!("`{op}` needs `value`, a list of at most {VALUES_MAX} texts");
    let values = match value {
        Some(Json::Array(values)) => values,
        Some(Json::String(text)) => return Ok(vec![text]),
        _ => return Err(wrong()),
    };
    if values.len() > VALUES_MAX {
        return Err(wrong());
    }
    let texts = values.into_iter().map(|value| match value {
        Json::String(text) => Ok(text),
        _ => Err(wrong()),
    });
    texts.collect()
}
