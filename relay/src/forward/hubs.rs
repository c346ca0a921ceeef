//! The addresses of the hub, in the order in which they are tried.
//!
//! They lead to one hub: other ways to it, or a stand-in with its data. One that is late is not
//! given up for the next, which is tried beside it: on a slow link all are late. Whoever welcomes
//! the relay first is the hub it goes on with. A hub of another authority gets no byte of a
//! session, whichever place it has here: the certificate decides, not the list.

use std::future::Future;
use std::time::Duration;

use protocol::wire::Goaway;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::adapt::Measured;
use super::dial::{Dialled, Plan, Way, dial};
use super::error::LinkError;
use super::identity::Identity;
use super::tell::hello;
use super::{Config, Link};

/// Longest address that a hub may name, in bytes.
const ADDRESS_LEN_MAX: usize = 300;
/// Most addresses beside the first.
const FALLBACK_HUBS_MAX: usize = 7;
/// How long an address is tried alone before the next is tried beside it.
pub(super) const HUB_DELAY: Duration = Duration::from_millis(1500);
/// The same while a connection lasts that seems lost: it was waited for by then.
pub(super) const RESCUE_DELAY: Duration = Duration::from_millis(300);

/// Reads the addresses beside the first.
///
/// # Errors
/// There are too many.
pub(super) fn a_few<'de, D: Deserializer<'de>>(source: D) -> Result<Vec<String>, D::Error> {
    let hubs = Vec::<String>::deserialize(source)?;
    if hubs.len() > FALLBACK_HUBS_MAX {
        let text = format!("{} hubs to fall back to: name at most 7", hubs.len());
        return Err(D::Error::custom(text));
    }
    Ok(hubs)
}

/// Where a hub was joined.
#[derive(Clone, Copy, Debug)]
pub(super) struct At<'a> {
    pub(super) hub: &'a str,
    pub(super) fallbacks: &'a [String],
}

/// Where the hub is looked for: where the one before said that it may be found, then the preferred
/// address, then those that this host names beside it, then those that the hub named when it was
/// joined; never empty.
pub(super) fn in_order(config: &Config, joined: &At<'_>, alternatives: &[String]) -> Vec<String> {
    let preferred = config.hub.as_deref().unwrap_or(joined.hub).to_owned();
    let mut hubs = Vec::new();
    let all = alternatives.iter().chain([&preferred]);
    for hub in all.chain(&config.fallback_hubs).chain(joined.fallbacks) {
        if !hubs.contains(hub) {
            hubs.push(hub.clone());
        }
    }
    hubs
}

/// Remembers where a hub that goes says it may be found, until the relay is welcomed somewhere.
/// Whoever is there has to show what any hub has to.
pub(super) fn note_alternatives(link: &Link, alternatives: Vec<String>) {
    *link.alternatives() = sound(alternatives);
}

/// Those of a hub's addresses that can be tried.
pub(super) fn sound(mut alternatives: Vec<String>) -> Vec<String> {
    alternatives.retain(|hub| !hub.is_empty() && hub.len() <= ADDRESS_LEN_MAX);
    alternatives.truncate(Goaway::ALTERNATIVES_MAX);
    alternatives
}

/// Whom the link is to.
pub(super) struct Peers<'a> {
    pub(super) link: &'a Link,
    pub(super) identity: &'a Identity,
    /// Where the hub is looked for, the preferred address first.
    pub(super) hubs: &'a [String],
}

impl Peers<'_> {
    /// Makes a connection that the hub has welcomed; an address that is late by `delay` gets the
    /// next beside it.
    pub(super) async fn dial(
        &self,
        plan: Plan,
        measured: Measured,
        delay: Duration,
    ) -> Result<Dialled, LinkError> {
        let hello = hello(self.link, self.identity);
        first_to(self.hubs, delay, |hub| {
            let tls = self.link.tickets.tls(self.identity, &hub);
            let way = tls.map(|tls| {
                let mut way = Way::new(&self.link.config, &hub, tls);
                way.congestion = way.congestion.resolve(&measured);
                way
            });
            let hello = hello.clone();
            // Two handshakes at once are large.
            Box::pin(async move { dial(&way?, plan, &hello).await })
        })
        .await
    }

    /// The address that is gone back to when it answers.
    pub(super) fn preferred(&self) -> &str {
        let config = &self.link.config;
        config.hub.as_deref().unwrap_or(&self.identity.hub)
    }
}

/// Tries addresses in order, the next when the one before has failed or is late; gives what the
/// first to succeed brought.
///
/// # Errors
/// What each address said, when none succeeded.
pub(super) async fn first_to<T, F>(
    hubs: &[String],
    delay: Duration,
    connect: impl Fn(String) -> F,
) -> Result<T, LinkError>
where
    T: Send + 'static,
    F: Future<Output = Result<T, LinkError>> + Send + 'static,
{
    let mut attempts = JoinSet::new();
    let mut failed = Vec::new();
    let mut left = hubs.iter();
    loop {
        if let Some(hub) = left.next() {
            let (hub, attempt) = (hub.clone(), connect(hub.clone()));
            attempts.spawn(async move { attempt.await.map_err(|error| (hub, error)) });
        }
        let patience = match left.len() {
            0 => Duration::MAX,
            _ => delay,
        };
        match timeout(patience, attempts.join_next()).await {
            Ok(Some(Ok(Ok(won)))) => return Ok(won),
            Ok(Some(Ok(Err(why)))) => failed.push(why),
            Ok(Some(Err(_))) => return Err(LinkError::Stopping),
            Ok(None) => return Err(nowhere(failed)),
            Err(_) => {}
        }
    }
}

/// One address's error is said as it is.
fn nowhere(mut failed: Vec<(String, LinkError)>) -> LinkError {
    match failed.pop() {
        Some((_, error)) if failed.is_empty() => error,
        Some(last) => {
            failed.push(last);
            LinkError::Nowhere(failed)
        }
        None => LinkError::Stopping,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::sleep;

    const SOON: Duration = Duration::from_millis(20);
    const NEVER: Duration = Duration::from_secs(3600);

    async fn check(delay: Duration, said: &[(&str, Duration, bool)]) -> Result<String, String> {
        let hubs: Vec<String> = said.iter().map(|(hub, ..)| (*hub).to_owned()).collect();
        let connect = |hub: String| {
            let found = said.iter().find(|(name, ..)| *name == hub);
            let (_, after, is_there) = *found.expect("only these are asked");
            async move {
                sleep(after).await;
                if is_there {
                    Ok(hub)
                } else {
                    Err(LinkError::Lost(format!("{hub} is down")))
                }
            }
        };
        let won = first_to(&hubs, delay, connect).await;
        won.map_err(|error| error.to_string())
    }

    #[tokio::test]
    async fn the_next_is_asked_when_the_one_before_is_late_or_has_failed() {
        let both = [("a", SOON, true), ("b", Duration::ZERO, true)];
        assert_eq!(check(NEVER, &both).await, Ok("a".to_owned()));
        let late = [("a", NEVER, true), ("b", SOON, true)];
        assert_eq!(check(SOON, &late).await, Ok("b".to_owned()));
        let failed = [("a", SOON, false), ("b", SOON, true)];
        assert_eq!(check(NEVER, &failed).await, Ok("b".to_owned()));
        // One that is late is not given up.
        let slow = [("a", SOON * 3, true), ("b", NEVER, true)];
        assert_eq!(check(SOON, &slow).await, Ok("a".to_owned()));
    }

    #[tokio::test]
    async fn what_each_said_is_named() {
        let one = [("a", SOON, false)];
        let said = check(NEVER, &one).await.unwrap_err();
        assert_eq!(said, "connection lost: a is down");
        let both = [("a", SOON, false), ("b", SOON, false)];
        let said = check(NEVER, &both).await.unwrap_err();
        let text = "no hub welcomes the relay: a: connection lost: a is down; \
                    b: connection lost: b is down";
        assert_eq!(said, text);
    }

    #[test]
    fn the_preferred_address_is_first_and_none_is_there_twice() {
        let config = Config {
            fallback_hubs: vec!["b".to_owned(), "a".to_owned(), "b".to_owned()],
            ..Config::default()
        };
        let fallbacks = ["e".to_owned()];
        let joined = At {
            hub: "a",
            fallbacks: &fallbacks,
        };
        assert_eq!(in_order(&config, &joined, &[]), ["a", "b", "e"]);
        let alternatives = ["d".to_owned(), "b".to_owned()];
        let told = in_order(&config, &joined, &alternatives);
        assert_eq!(told, ["d", "b", "a", "e"]);
        let moved = Config {
            hub: Some("c".to_owned()),
            ..config
        };
        assert_eq!(in_order(&moved, &joined, &[]), ["c", "b", "a", "e"]);
    }
}
