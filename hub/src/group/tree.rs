//! Which exceptions of an event count, when some of them only hold others.
//!
//! SDKs number exceptions and name each one's parent. Those that are groups only hold others, so
//! they are left out; of equal ones one counts. Where the numbers make no tree, all count.

use std::collections::HashMap;

use protocol::event::Exception;

use crate::normalise::NormalEvent;

use super::hash::Hash;

/// The exceptions that count.
#[derive(Debug)]
pub(super) struct Chosen<'e, 'a> {
    /// In the event's order, oldest cause first.
    pub(super) list: Vec<&'e Exception<'a>>,
    /// The one that names the issue.
    pub(super) main: Option<&'e Exception<'a>>,
    pub(super) hint: Option<&'static str>,
}

/// Chooses, telling equal exceptions by `hash`.
pub(super) fn choose<'e, 'a>(
    event: &'e NormalEvent<'a>,
    hash: impl Fn(&Exception<'a>) -> Hash,
) -> Chosen<'e, 'a> {
    let all = || event.exceptions.iter().collect::<Vec<_>>();
    let tree = Tree::of(&event.exceptions).filter(|_| !has_odd_numbers(event));
    let Some(tree) = tree else {
        let list = all();
        let main = named_for(&list);
        return Chosen {
            list,
            main,
            hint: None,
        };
    };
    let mut tops = Vec::new();
    tree.tops(tree.root, &mut tops);
    let mut hashes = Vec::new();
    tops.retain(|top| {
        let hash = hash(top);
        let is_new = !hashes.contains(&hash);
        if is_new {
            hashes.push(hash);
        }
        is_new
    });
    let (kept, main, hint) = match tops.as_slice() {
        [] => (all(), None, "every exception only holds others"),
        [only] => (
            tree.path(only),
            Some(*only),
            "the one kind of exception within a group",
        ),
        many => {
            let mut kept = many.to_vec();
            kept.push(tree.root);
            (
                kept,
                Some(tree.root),
                "the different exceptions within a group",
            )
        }
    };
    let list: Vec<_> = event
        .exceptions
        .iter()
        .filter(|exception| kept.iter().any(|one| std::ptr::eq(*one, *exception)))
        .collect();
    let is_whole = list.len() == event.exceptions.len();
    Chosen {
        main: if is_whole { named_for(&list) } else { main },
        list,
        hint: (!is_whole).then_some(hint),
    }
}

/// Exceptions by their numbers.
struct Tree<'e, 'a> {
    root: &'e Exception<'a>,
    children: HashMap<u64, Vec<&'e Exception<'a>>>,
}

/// The third major version of the Python SDK numbers exceptions in a way of its own.
fn has_odd_numbers(event: &NormalEvent<'_>) -> bool {
    event.sdk.as_ref().is_some_and(|sdk| {
        sdk.name
            .as_deref()
            .is_some_and(|name| name.starts_with("sentry.python"))
            && sdk
                .version
                .as_deref()
                .is_some_and(|version| version.starts_with("3."))
    })
}

fn id(exception: &Exception<'_>) -> Option<u64> {
    exception.mechanism.as_ref()?.exception_id
}

fn is_group(exception: &Exception<'_>) -> bool {
    exception
        .mechanism
        .as_ref()
        .is_some_and(|mechanism| mechanism.is_exception_group == Some(true))
}

impl<'e, 'a> Tree<'e, 'a> {
    /// A tree, if there is a group and the numbers make one.
    fn of(list: &'e [Exception<'a>]) -> Option<Self> {
        if list.len() < 2 || !list.iter().any(is_group) || list.iter().all(is_group) {
            return None;
        }
        let mut parents = HashMap::with_capacity(list.len());
        let mut children: HashMap<u64, Vec<_>> = HashMap::new();
        let mut root = None;
        for exception in list {
            let mechanism = exception.mechanism.as_ref()?;
            let own = mechanism.exception_id?;
            if parents.insert(own, mechanism.parent_id).is_some() {
                return None;
            }
            match mechanism.parent_id {
                Some(parent) => children.entry(parent).or_default().push(exception),
                None if root.is_none() => root = Some(exception),
                None => return None,
            }
        }
        // Every exception must lead to the root.
        for start in parents.keys() {
            let mut at = *start;
            for _ in 0..=list.len() {
                match parents.get(&at)? {
                    Some(parent) => at = *parent,
                    None => break,
                }
            }
            if parents.get(&at)?.is_some() {
                return None;
            }
        }
        // SDKs list parents after or before their children; numbers give one order.
        for list in children.values_mut() {
            list.sort_by_key(|exception| id(exception));
        }
        Some(Self {
            root: root?,
            children,
        })
    }

    fn children(&self, of: &Exception<'_>) -> &[&'e Exception<'a>] {
        id(of)
            .and_then(|id| self.children.get(&id))
            .map_or(&[], Vec::as_slice)
    }

    /// The exceptions nearest the root that are no groups. The walk ends with the tree.
    fn tops(&self, of: &'e Exception<'a>, tops: &mut Vec<&'e Exception<'a>>) {
        let mut open = vec![of];
        while let Some(one) = open.pop() {
            if is_group(one) {
                open.extend(self.children(one).iter().rev());
            } else {
                tops.push(one);
            }
        }
    }

    /// An exception and its first causes.
    fn path(&self, from: &'e Exception<'a>) -> Vec<&'e Exception<'a>> {
        let mut path = vec![from];
        let mut at = from;
        while let Some(first) = self.children(at).first() {
            path.push(first);
            at = first;
        }
        path
    }
}

/// The last of a chain, or its cause where the last only wraps it.
fn named_for<'e, 'a>(list: &[&'e Exception<'a>]) -> Option<&'e Exception<'a>> {
    let (last, before) = list.split_last()?;
    match before.last() {
        Some(cause) if is_wrapper(last) => Some(cause),
        _ => Some(last),
    }
}

/// Wrappers of React and `RxJava` say nothing about the error within.
fn is_wrapper(exception: &Exception<'_>) -> bool {
    const TYPES: &[&str] = &[
        "OnErrorNotImplementedException",
        "UndeliverableException",
        "CompositeException",
    ];
    const VALUES: &[&str] = &[
        "There was an error during concurrent rendering",
        "There was an error while hydrating",
    ];
    let module = exception.module.as_deref().unwrap_or_default();
    let is_rx = (module.starts_with("io.reactivex") || module.starts_with("rx."))
        && exception
            .ty
            .as_deref()
            .is_some_and(|ty| TYPES.contains(&ty));
    let value = exception.value.0.as_deref().unwrap_or_default();
    is_rx || VALUES.iter().any(|start| value.starts_with(start))
}
