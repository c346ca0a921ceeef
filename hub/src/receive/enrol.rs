//! Enrolment: a token and a key's request in, a certificate out. So does a certificate that has
//! ended, in place of the token, and over the link one that is about to.

use std::sync::Arc;
use std::time::Duration;

use protocol::wire::{Cert, CertRequest, CloseCode, ErrorBody, Frame, Joined};
use tokio::time::{Instant, timeout};

use super::peer::{Peer, Streams};
use super::session::refused;
use super::stream::SessionError;
use super::{CLOSE_TIMEOUT, Context, Sink, alive};
use crate::clock;
use crate::fleet::{Admitted, Fleet, FleetError};

/// How long a relay waits between two certificates: making one costs the hub a commit.
const RENEWAL_PAUSE: Duration = Duration::from_millis(500);

/// The certificates that a session gives.
pub(super) struct Renewals {
    admitted: Admitted,
    last: Option<Instant>,
}

impl Renewals {
    pub(super) const fn new(admitted: Admitted) -> Self {
        Self {
            admitted,
            last: None,
        }
    }

    /// What a request is answered with.
    pub(super) async fn answer(
        &mut self,
        fleet: &Fleet,
        request: &CertRequest,
    ) -> Result<Frame, SessionError> {
        if self.last.is_some_and(|last| last.elapsed() < RENEWAL_PAUSE) {
            return Err(SessionError::Limit);
        }
        self.last = Some(Instant::now());
        let cert = fleet.renew(&self.admitted, &request.csr, clock::now());
        Ok(match cert.await {
            Ok(cert) => Frame::Cert(cert),
            Err(error) => refusal(&error),
        })
    }

    /// The relay has a certificate on its disk.
    pub(super) async fn kept(&mut self, fleet: &Fleet, kept: &Cert) -> Result<(), SessionError> {
        let noted = fleet.note_kept(&mut self.admitted, &kept.certificate);
        noted.await.map_err(refused)
    }
}

pub(super) async fn serve<S: Sink>(peer: Peer, context: Arc<Context<S>>) {
    let Ok(_permit) = context.enrolments.try_acquire() else {
        return peer.close(CloseCode::Limit);
    };
    let done = tokio::select! {
        () = context.cancel.cancelled() => Err(SessionError::Refused(CloseCode::Unavailable)),
        done = enrol(&peer, &context) => done,
    };
    match done {
        // The relay closes when it has read the answer.
        Ok(()) => {
            drop(timeout(CLOSE_TIMEOUT, peer.closed()).await);
            peer.close(CloseCode::Done);
        }
        Err(error) => {
            let address = peer.remote_address();
            tracing::debug!(%address, %error, "enrolment ended");
            peer.close(error.code());
        }
    }
}

async fn enrol<S: Sink>(peer: &Peer, context: &Context<S>) -> Result<(), SessionError> {
    let Streams {
        mut control,
        mut requests,
        ..
    } = peer.open(&context.room).await?;
    let (fleet, now) = (&context.fleet, clock::now());
    let granted = match requests.first().await? {
        Frame::Join(join) => {
            let from = peer.remote_address().ip();
            let joined = fleet.join(&join, from, now).await;
            joined.map(|joined| {
                Frame::Joined(Joined {
                    alternatives: context.config.alternatives.clone(),
                    ..joined
                })
            })
        }
        // The handshake has proved that the relay holds the key of what it shows.
        Frame::CertRequest(request) => {
            let Some(shown) = peer.certificate() else {
                return Err(SessionError::Unexpected("request without a certificate"));
            };
            let cert = fleet.recover(&shown, &request.csr, now).await;
            if let Err(FleetError::Cloned(relay)) = &cert {
                alive::note(context, *relay, peer).await;
            }
            cert.map(Frame::Cert)
        }
        other => return Err(SessionError::Unexpected(other.name())),
    };
    let frame = granted.unwrap_or_else(|error| refusal(&error));
    control.send(&frame).await?;
    control.finish().await;
    Ok(())
}

fn refusal(error: &FleetError) -> Frame {
    let code = match error {
        FleetError::BadToken | FleetError::BadAddress { .. } => CloseCode::BadToken,
        FleetError::Full { .. } | FleetError::TooManyGuesses { .. } => CloseCode::Limit,
        FleetError::Authority(_) => CloseCode::BadFrame,
        FleetError::UnknownRelay(_) => CloseCode::UnknownRelay,
        FleetError::Revoked(_) => CloseCode::Revoked,
        FleetError::Expired(_) | FleetError::NoRecoveryLeft { .. } => CloseCode::Expired,
        FleetError::Cloned(_) => CloseCode::Cloned,
        FleetError::Store(_)
        | FleetError::NoRandomness(_)
        | FleetError::ConfigKey(_)
        | FleetError::TooManyErasures
        | FleetError::TooMuch(_)
        | FleetError::Stopping => {
            tracing::warn!(%error, "a relay could not be taken into the fleet");
            CloseCode::Unavailable
        }
    };
    let message = match code {
        CloseCode::Unavailable => code.reason().to_owned(),
        _ => error.to_string(),
    };
    Frame::Error(ErrorBody {
        code: code.code(),
        message,
    })
}
