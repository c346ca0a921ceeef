//! Rosters for tests, signed with a key that everybody knows.

use std::path::Path;

use protocol::roster::{ConfigKey, RosterBundle, SIGNING_CONTEXT};
use protocol::wire::{Config, ConfigSignature, encode_roster};
use ring::signature::{Ed25519KeyPair, KeyPair as _};

use super::{Roster, pin};
use crate::policy::Policy;

/// A hub's key.
pub(crate) struct Signer(Ed25519KeyPair);

impl Signer {
    pub(crate) fn new(seed: u8) -> Self {
        Self(Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap())
    }

    pub(crate) fn key(&self) -> ConfigKey {
        self.0.public_key().as_ref().try_into().unwrap()
    }

    pub(crate) fn sign(&self, bundle: &RosterBundle) -> Config {
        self.sign_bytes(encode_roster(bundle).unwrap())
    }

    pub(crate) fn sign_bytes(&self, bytes: Vec<u8>) -> Config {
        let signature = self.0.sign(&[SIGNING_CONTEXT, &bytes].concat());
        Config {
            bytes,
            signatures: vec![ConfigSignature {
                key: self.key(),
                signature: signature.as_ref().try_into().unwrap(),
            }],
        }
    }
}

/// A roster in a directory, of a relay that has joined and was told of this, if of anything.
pub(crate) fn roster(dir: &Path, policy: Policy, bundle: Option<&RosterBundle>) -> Roster {
    let signer = Signer::new(1);
    pin(dir, signer.key()).unwrap();
    let roster = Roster::open(dir, dir, policy).unwrap();
    if let Some(bundle) = bundle {
        let now = crate::clock::now();
        roster.apply(&signer.sign(bundle), now).unwrap();
    }
    roster
}
