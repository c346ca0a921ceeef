//! Joining a hub: a token buys a certificate for a key that never leaves this host.

use std::path::PathBuf;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use protocol::ids::RelayId;
use protocol::wire::{ErrorBody, Frame, Join, WireError};
use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256};
use serde_bytes::ByteBuf;
use tokio::time::timeout;

use super::channel::{Carrier, Channel};
use super::dial::{Plan, Way, connect};
use super::error::LinkError;
use super::identity::{Identity, IdentityError};
use super::tls::{Secured, enrol_tls};
use super::{Config, hubs};
use crate::roster::{self, RosterError};

/// How long the hub may take to answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(15);

/// What to join, and how.
#[derive(Clone, Debug)]
pub struct JoinRequest {
    /// `host` or `host:port`.
    pub hub: String,
    /// `vdj1.…`, as the hub showed it.
    pub token: String,
    /// Where the identity is kept.
    pub dir: PathBuf,
    /// What the relay shall be called; the hub may rename it.
    pub name: String,
    /// Whether an identity that is there may be replaced.
    pub force: bool,
    /// The settings of the link, for the carrier and the proxy.
    pub way: Config,
}

/// The relay is of the fleet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Joined {
    /// Who it is.
    pub relay: RelayId,
    /// Where its hub is.
    pub hub: String,
}

/// Why the relay did not join. What was there before is still there.
#[derive(Debug, thiserror::Error)]
pub enum JoinError {
    /// The text is no join token.
    #[error("not a join token, which looks like vdj1.….….…")]
    Token,
    /// There is an identity already.
    #[error("already joined to a hub: --force gives the identity up for another")]
    AlreadyJoined,
    /// The hub was not reached, or is another than the token's.
    #[error("hub {hub}: {reason}")]
    Connect {
        /// Where.
        hub: String,
        /// Why.
        reason: String,
    },
    /// The hub refused.
    #[error("hub refused: {0}")]
    Refused(String),
    /// The hub's answer makes no sense.
    #[error("hub's answer is not readable")]
    Answer(#[source] WireError),
    /// The hub did not answer in time, or hung up.
    #[error("hub did not answer")]
    NoAnswer,
    /// No key could be made.
    #[error("no key could be made: {0}")]
    Key(#[from] rcgen::Error),
    /// The identity could not be kept.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// A file that was carried by hand is not what it should be.
    #[error("{0}")]
    Paper(#[source] WireError),
    /// There is no request that the bundle answers.
    #[error("the bundle answers another request than the one made here with --request")]
    OtherRequest,
    /// What the bundle says of projects could not be kept.
    #[error(transparent)]
    Roster(#[from] RosterError),
}

impl JoinError {
    pub(super) fn connect(hub: &str, error: &LinkError) -> Self {
        Self::Connect {
            hub: hub.to_owned(),
            reason: error.to_string(),
        }
    }

    pub(super) fn unexpected(answer: &Frame) -> Self {
        Self::Refused(format!("unexpected {}", answer.name()))
    }
}

/// A token's parts.
struct Token {
    id: String,
    secret: String,
    pin: [u8; 32],
}

impl Token {
    fn parse(text: &str) -> Option<Self> {
        const PART_LEN_MAX: usize = 128;
        let mut parts = text.trim().split('.');
        let (version, id, secret, pin) =
            (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let is_sound = |part: &str| !part.is_empty() && part.len() <= PART_LEN_MAX;
        if version != "vdj1" || parts.next().is_some() || !is_sound(id) || !is_sound(secret) {
            return None;
        }
        let pin = URL_SAFE_NO_PAD.decode(pin).ok()?;
        Some(Self {
            id: id.to_owned(),
            secret: secret.to_owned(),
            pin: pin.try_into().ok()?,
        })
    }
}

/// Joins a hub and keeps the identity.
///
/// # Errors
/// [`JoinError`].
pub async fn join(request: &JoinRequest) -> Result<Joined, JoinError> {
    let token = Token::parse(&request.token).ok_or(JoinError::Token)?;
    if !request.force && Identity::exists(&request.dir) {
        return Err(JoinError::AlreadyJoined);
    }
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
    let csr = CertificateParams::default().serialize_request(&key)?;
    // The handshake checks the pin: the secret goes to no other hub.
    let tls = enrol_tls(token.pin, None)
        .map_err(|error| JoinError::connect(&request.hub, &error.into()))?;
    let join = Frame::Join(Join {
        token_id: token.id,
        secret: token.secret,
        csr: csr.der().to_vec(),
        name: request.name.clone(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    });
    let joined = match exchange(&request.hub, &request.way, tls, &join).await? {
        Frame::Joined(joined) => joined,
        other => return Err(JoinError::unexpected(&other)),
    };
    if let Some(key) = joined.config_key {
        roster::pin(&request.dir, key)?;
    }
    let mut identity = Identity::new(
        request.hub.clone(),
        joined.relay,
        key.serialize_der(),
        joined.certificate,
        joined
            .authorities
            .into_iter()
            .map(ByteBuf::into_vec)
            .collect(),
    );
    identity.fallbacks = hubs::sound(joined.alternatives);
    identity.save(&request.dir)?;
    Ok(Joined {
        relay: joined.relay,
        hub: request.hub.clone(),
    })
}

/// Connects for one request and its answer.
pub(super) async fn exchange(
    hub: &str,
    config: &Config,
    tls: Secured,
    request: &Frame,
) -> Result<Frame, JoinError> {
    let failed = |error: LinkError| JoinError::connect(hub, &error);
    let way = Way::new(config, hub, tls);
    let plan = config.carrier.plan(Carrier::Quic, config.tcp_delay.0);
    let channel = Box::pin(connect(&way, plan)).await.map_err(failed)?;
    let by_quic = channel.carrier() == Carrier::Quic;
    let answer = match ask(channel, request).await {
        // A network may let the handshake pass and nothing behind it.
        Err(LinkError::Lost(_) | LinkError::Timeout) if by_quic && config.carrier.is_auto() => {
            let channel = Box::pin(connect(&way, Plan::Only(Carrier::Tcp))).await;
            ask(channel.map_err(failed)?, request).await
        }
        answer => answer,
    };
    match answer {
        Ok(Frame::Error(ErrorBody { message, .. }))
        | Err(LinkError::Closed {
            reason: message, ..
        }) => Err(JoinError::Refused(message)),
        Err(LinkError::Wire(error)) => Err(JoinError::Answer(error)),
        Err(_) => Err(JoinError::NoAnswer),
        Ok(answer) => Ok(answer),
    }
}

/// Sends the one frame and waits for the one that answers it.
async fn ask(mut channel: Channel, join: &Frame) -> Result<Frame, LinkError> {
    let asked = async {
        channel.send(join).await?;
        let answer = timeout(ANSWER_TIMEOUT, channel.next()).await;
        answer.unwrap_or(Err(LinkError::Timeout))
    };
    match asked.await {
        Ok(answer) => {
            channel.close(LinkError::Stopping).await;
            Ok(answer)
        }
        Err(error) => Err(channel.close(error).await),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_tokens_and_nothing_else() {
        let pin = URL_SAFE_NO_PAD.encode([7; 32]);
        let token = Token::parse(&format!(" vdj1.a1.s3.{pin}\n")).unwrap();
        assert_eq!((token.id.as_str(), token.secret.as_str()), ("a1", "s3"));
        assert_eq!(token.pin, [7; 32]);
        for text in [
            "",
            "vdj1",
            "vdj2.a.b.c",
            "vdj1.a.b.c",
            "vdj1...",
            "vdj1.a.b.c.d",
        ] {
            assert!(Token::parse(text).is_none(), "{text}");
        }
        assert!(Token::parse(&format!("vdj1..s.{pin}")).is_none());
    }
}
