//! Knows a GraphQL request and its answer within an event: the request's variables are what people typed, and the answer says
//! them again.
//!
//! Every variable goes. Of the answer's data what is named as a variable goes, wherever it lies; where there are no variables,
//! all of it.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde::de::IgnoredAny;

/// Where the variables are.
const VARIABLES: [&[u8]; 3] = [b"request", b"data", b"variables"];
/// Where the answer's data is.
const ANSWER: [&[u8]; 4] = [b"contexts", b"response", b"data", b"data"];

/// A GraphQL request.
#[derive(Debug)]
pub(super) struct GraphQl {
    /// The names of its variables.
    names: BTreeSet<String>,
}

#[derive(Deserialize)]
struct Event<'a> {
    #[serde(borrow)]
    request: Request<'a>,
}

#[derive(Deserialize)]
struct Request<'a> {
    #[serde(borrow)]
    api_target: Cow<'a, str>,
    #[serde(borrow, default)]
    data: Option<Data<'a>>,
}

/// A body that is no object has no variables.
#[derive(Deserialize)]
#[serde(untagged)]
enum Data<'a> {
    Object {
        #[serde(borrow, default)]
        variables: Option<Variables<'a>>,
    },
    Other(IgnoredAny),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Variables<'a> {
    Object(#[serde(borrow)] BTreeMap<Cow<'a, str>, IgnoredAny>),
    Other(IgnoredAny),
}

impl GraphQl {
    /// The request of an event, if it is one.
    pub(super) fn of(event: &[u8]) -> Option<Self> {
        memchr::memmem::find(event, b"\"api_target\"")?;
        let Event { request } = serde_json::from_slice(event).ok()?;
        if !request.api_target.eq_ignore_ascii_case("graphql") {
            return None;
        }
        let names = match request.data {
            Some(Data::Object {
                variables: Some(Variables::Object(variables)),
            }) => variables.into_keys().map(Cow::into_owned).collect(),
            _ => BTreeSet::new(),
        };
        Some(Self { names })
    }

    /// Whether the value of a key goes, below these keys.
    pub(super) fn takes(&self, path: &[&[u8]], key: &[u8]) -> bool {
        if path.starts_with(&ANSWER) {
            let key = std::str::from_utf8(key);
            return self.names.is_empty() || key.is_ok_and(|key| self.names.contains(key));
        }
        path == VARIABLES
    }
}
