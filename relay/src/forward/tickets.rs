//! What the relay is known by when it comes again, by the address it was given at.
//!
//! A hub that the relay shook hands with over QUIC gives it a ticket. With that, the next connection
//! says who the relay is in its first packet, and the hub welcomes it one round trip earlier.
//! Nothing else goes early. Blocks do not, although a block that comes twice has no effect: which
//! records the hub has, and whether this start of the relay is still the one that may number them
//! (`hub::fleet`, `lineage`), only the welcome says, and a block sent before it could be taken for
//! another's. Enrolments and renewals do not either.
//!
//! What goes early can be read by no other than the hub that gave the ticket, which had shown by
//! then that it is of the relay's authority and region; a ticket is good once. Tickets are kept in
//! memory, and forgotten when the relay has another certificate or trusts other authorities.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use rustls::pki_types::CertificateDer;

use super::identity::Identity;
use super::tls::{ConnectError, Secured, link_tls};

/// Most addresses whose tickets are kept.
const HUBS_MAX: usize = 16;

/// By the hub's address.
#[derive(Debug, Default)]
pub(super) struct Tickets(Mutex<HashMap<String, Known>>);

/// A hub's tickets are in what secured the connections there, and are good for no other
/// certificate.
#[derive(Debug)]
struct Known {
    certificate: CertificateDer<'static>,
    authorities: Vec<CertificateDer<'static>>,
    tls: Secured,
}

impl Tickets {
    /// What a connection to a hub is secured with.
    pub(super) fn tls(&self, identity: &Identity, hub: &str) -> Result<Secured, ConnectError> {
        let mut hubs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_same = |known: &&Known| {
            known.certificate == identity.certificate && known.authorities == identity.authorities
        };
        if let Some(known) = hubs.get(hub).filter(is_same) {
            return Ok(known.tls.clone());
        }
        let tls = link_tls(identity)?;
        if hubs.len() >= HUBS_MAX {
            hubs.clear();
        }
        let known = Known {
            certificate: identity.certificate.clone(),
            authorities: identity.authorities.clone(),
            tls: tls.clone(),
        };
        hubs.insert(hub.to_owned(), known);
        Ok(tls)
    }
}
