//! The digest, as relays' sessions see it: what they deliver is shown to the dictionaries first.

use crate::dictionary::Dictionaries;
use crate::digest::{self, Applied, Delivery, DigestError, Skip};
use crate::receive::Sink;

/// A digest whose deliveries may become samples.
#[derive(Clone, Debug)]
pub(super) struct Sampled {
    digest: digest::Handle,
    dictionaries: Dictionaries,
}

impl Sampled {
    pub(super) const fn new(digest: digest::Handle, dictionaries: Dictionaries) -> Self {
        Self {
            digest,
            dictionaries,
        }
    }
}

impl Sink for Sampled {
    async fn deliver(&self, delivery: Delivery) -> Result<Applied, DigestError> {
        self.dictionaries.offer(delivery.head.lane, &delivery.block);
        self.digest.deliver(delivery).await
    }

    async fn skip(&self, skip: Skip) -> Result<Applied, DigestError> {
        self.digest.skip(skip).await
    }
}
