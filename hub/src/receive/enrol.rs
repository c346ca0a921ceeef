//! Enrolment: a token and a key's request in, a certificate out.

use std::sync::Arc;

use protocol::wire::{CloseCode, ErrorBody, Frame};
use quinn::Connection;
use tokio::time::timeout;

use super::stream::{FrameReader, SessionError, send};
use super::{CLOSE_TIMEOUT, Context, HANDSHAKE_TIMEOUT, Sink, close};
use crate::clock;
use crate::fleet::FleetError;

pub(super) async fn serve<S: Sink>(connection: Connection, context: Arc<Context<S>>) {
    let Ok(_permit) = context.enrolments.try_acquire() else {
        return close(&connection, CloseCode::Limit);
    };
    let done = tokio::select! {
        () = context.cancel.cancelled() => Err(SessionError::Refused(CloseCode::Unavailable)),
        done = enrol(&connection, &context) => done,
    };
    match done {
        // The relay closes when it has read the answer.
        Ok(()) => {
            drop(timeout(CLOSE_TIMEOUT, connection.closed()).await);
            close(&connection, CloseCode::Done);
        }
        Err(error) => {
            let address = connection.remote_address();
            tracing::debug!(%address, %error, "enrolment ended");
            close(&connection, error.code());
        }
    }
}

async fn enrol<S: Sink>(connection: &Connection, context: &Context<S>) -> Result<(), SessionError> {
    let (mut answer, request) = timeout(HANDSHAKE_TIMEOUT, connection.accept_bi())
        .await
        .map_err(|_| SessionError::Timeout)?
        .map_err(|_| SessionError::Lost)?;
    let Frame::Join(join) = FrameReader::new(request).first().await? else {
        return Err(SessionError::Unexpected("frame, not Join"));
    };
    let frame = match context.fleet.join(&join, clock::now()).await {
        Ok(joined) => Frame::Joined(joined),
        Err(error) => refusal(&error),
    };
    send(&mut answer, &frame).await?;
    // An error here is a stream that the relay closed first.
    drop(answer.finish());
    Ok(())
}

fn refusal(error: &FleetError) -> Frame {
    let code = match error {
        FleetError::BadToken => CloseCode::BadToken,
        FleetError::Full { .. } => CloseCode::Limit,
        FleetError::Authority(_) => CloseCode::BadFrame,
        FleetError::UnknownRelay(_) => CloseCode::UnknownRelay,
        FleetError::Revoked(_) => CloseCode::Revoked,
        FleetError::Store(_) | FleetError::NoRandomness(_) => {
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
