//! Rosters as they travel: a document of privacy rules once, however many projects it is for.
//!
//! An organization's document may be 64 KiB long and its projects thousands. A relay that does not
//! know how documents are shared would let more leave than was meant, so a roster that shares any
//! requires [`SHARED_DOCUMENTS`] of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{WireError, decode_msgpack, encode_msgpack_named};
use crate::roster::{RosterBundle, RosterProject};

/// What a relay must understand to read a roster whose projects share documents.
const SHARED_DOCUMENTS: &str = "shared-documents";

/// Writes a roster. What several projects' rules begin with is written once.
///
/// # Errors
/// [`WireError::Encode`].
pub fn encode_roster(bundle: &RosterBundle) -> Result<Vec<u8>, WireError> {
    let mut n_uses: BTreeMap<Arc<str>, usize> = BTreeMap::new();
    let documents = |project: &RosterProject| project.privacy.rules.clone();
    for document in bundle.projects.iter().flat_map(documents) {
        let n = n_uses.entry(document).or_default();
        *n = n.saturating_add(1);
    }
    n_uses.retain(|_, n| *n > 1);
    if n_uses.is_empty() {
        return encode_msgpack_named(bundle);
    }
    let places = n_uses.keys().zip(0_u32..);
    let places: BTreeMap<&Arc<str>, u32> = places.collect();
    let mut sent = bundle.clone();
    for project in &mut sent.projects {
        let rules = &mut project.privacy.rules;
        // The order of documents matters, so only the first ones can be named.
        let shared = rules.iter().map_while(|document| places.get(document));
        project.documents = shared.copied().collect();
        rules.drain(..project.documents.len());
    }
    sent.documents = places.into_keys().cloned().collect();
    sent.requires.push(SHARED_DOCUMENTS.to_owned());
    encode_msgpack_named(&sent)
}

/// Reads what [`encode_roster`] wrote.
///
/// # Errors
/// [`WireError`]; [`WireError::NoDocument`] when a project names a document that is not there.
pub fn decode_roster(bytes: &[u8]) -> Result<RosterBundle, WireError> {
    let mut bundle: RosterBundle = decode_msgpack(bytes)?;
    let documents = std::mem::take(&mut bundle.documents);
    for project in &mut bundle.projects {
        let shared = std::mem::take(&mut project.documents).into_iter();
        let shared = shared.map(|place| {
            let document = usize::try_from(place).ok().and_then(|n| documents.get(n));
            document.cloned().ok_or(WireError::NoDocument { place })
        });
        let shared = shared.collect::<Result<Vec<_>, _>>()?;
        project.privacy.rules.splice(0..0, shared);
    }
    bundle.requires.retain(|name| name != SHARED_DOCUMENTS);
    Ok(bundle)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::ProjectId;
    use crate::limits::ROSTER_BYTES_MAX;

    fn project(id: u64, rules: &[&Arc<str>]) -> RosterProject {
        let id = ProjectId::new(id).unwrap();
        let mut project = RosterProject::new(id, "shop");
        project.privacy.rules = rules.iter().map(|document| Arc::clone(document)).collect();
        project
    }

    fn bundle(projects: Vec<RosterProject>) -> RosterBundle {
        RosterBundle {
            version: 1,
            projects,
            ..RosterBundle::default()
        }
    }

    #[test]
    fn a_document_of_many_projects_travels_once() {
        let all: Arc<str> = "x".repeat(64 * 1024).into();
        let own: Arc<str> = "{\"applications\":{}}".into();
        let mut projects: Vec<_> = (1..4_000).map(|id| project(id, &[&all])).collect();
        projects.push(project(4_000, &[&all, &own]));
        let bundle = bundle(projects);
        let bytes = encode_roster(&bundle).unwrap();
        assert!(bytes.len() < ROSTER_BYTES_MAX, "{}", bytes.len());
        assert_eq!(decode_roster(&bytes).unwrap(), bundle);
    }

    #[test]
    fn the_order_of_documents_stays() {
        let [a, b, c]: [Arc<str>; 3] = ["a".into(), "b".into(), "c".into()];
        let bundle = bundle(vec![
            project(1, &[&a, &b]),
            project(2, &[&b, &a]),
            project(3, &[&c, &a]),
            project(4, &[]),
        ]);
        let bytes = encode_roster(&bundle).unwrap();
        assert_eq!(decode_roster(&bytes).unwrap(), bundle);
    }

    #[test]
    fn a_relay_that_cannot_share_refuses_the_roster() {
        let all: Arc<str> = "{}".into();
        let shared = bundle(vec![project(1, &[&all]), project(2, &[&all])]);
        let bytes = encode_roster(&shared).unwrap();
        let as_before: RosterBundle = decode_msgpack(&bytes).unwrap();
        assert_eq!(as_before.requires, [SHARED_DOCUMENTS]);
        let alone = bundle(vec![project(1, &[&all]), project(2, &[])]);
        let bytes = encode_roster(&alone).unwrap();
        assert_eq!(decode_msgpack::<RosterBundle>(&bytes).unwrap(), alone);
    }

    #[test]
    fn a_document_that_is_not_there_is_an_error() {
        let mut bundle = bundle(vec![project(1, &[])]);
        bundle.projects[0].documents = vec![1];
        let bytes = encode_msgpack_named(&bundle).unwrap();
        let read = decode_roster(&bytes);
        assert!(matches!(read, Err(WireError::NoDocument { place: 1 })));
    }
}
