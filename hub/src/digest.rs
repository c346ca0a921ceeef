//! The one writer of events: a block in, one committed change out.
//!
//! What always holds: the effects of a record and the cursor that says so are one transaction,
//! and a delivery is answered only after its commit, so a block may come twice and counts once.
//! Within a lane of a relay records are applied in the order of their numbers, without holes:
//! what a relay lost for good it has to say ([`Handle::skip`]).

use bytes::Bytes;
use protocol::block::Head;
use protocol::ids::{Epoch, Lane, RelayId, Seq};
use protocol::timestamp::Timestamp;
use tokio::sync::{mpsc, oneshot};

/// A block as it came from a relay.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// Which relay, by its certificate.
    pub relay: RelayId,
    /// The block's head; its checksum was verified.
    pub head: Head,
    /// The encoded block, head included.
    pub block: Bytes,
    /// When it arrived, by the hub's clock.
    pub arrived_at: Timestamp,
}

/// What became of a delivery: all of it is committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Applied {
    /// The lane's last committed record.
    pub upto: Seq,
}

/// Records that will never come: evicted, expired or damaged at the relay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Skip {
    /// Which relay.
    pub relay: RelayId,
    /// The spool's life.
    pub epoch: Epoch,
    /// The lane.
    pub lane: Lane,
    /// The last record that will not come.
    pub upto: Seq,
}

/// Why a delivery was not committed. Nothing of it has an effect.
#[derive(Debug, thiserror::Error)]
pub enum DigestError {
    /// Records are missing before this block: send those first, or say that they are lost.
    #[error("block begins at {got:?}, and {expected:?} is next")]
    Gap {
        /// The next record of the lane.
        expected: Seq,
        /// The block's first.
        got: Seq,
    },
    /// The relay is not, or no longer, registered.
    #[error("relay {0} is not registered")]
    UnknownRelay(RelayId),
    /// The hub cannot write at the moment: send it again later.
    #[error("hub cannot commit at the moment")]
    Unavailable,
    /// The hub is stopping.
    #[error("digest has ended")]
    Closed,
}

/// A handle to the digest.
#[derive(Clone, Debug)]
pub struct Handle {
    #[expect(dead_code, reason = "the owner task is not here yet")]
    commands: mpsc::Sender<Command>,
}

#[derive(Debug)]
#[expect(dead_code, reason = "the owner task is not here yet")]
enum Command {
    Skip(Skip, oneshot::Sender<Result<Applied, DigestError>>),
}

impl Handle {
    /// Applies a block. Resolves after the commit; then the relay may be told.
    ///
    /// Blocks of one lane must be handed in by the order of their numbers; several may wait at
    /// once, and they share a commit.
    ///
    /// # Errors
    /// See [`DigestError`]; only [`DigestError::Unavailable`] is worth a retry as it is.
    pub async fn deliver(&self, delivery: Delivery) -> Result<Applied, DigestError> {
        let _ = delivery;
        std::future::ready(Err(DigestError::Closed)).await
    }

    /// Moves the cursor past records that will never come.
    ///
    /// # Errors
    /// See [`DigestError`].
    pub async fn skip(&self, skip: Skip) -> Result<Applied, DigestError> {
        let _ = skip;
        std::future::ready(Err(DigestError::Closed)).await
    }
}
