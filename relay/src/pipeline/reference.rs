//! Files that came before their envelope: an item refers to them, and stands for their parts.

use std::borrow::Cow;

use bytes::Bytes;
use protocol::block::Sum;
use protocol::envelope::{EnvelopeItem, ItemHeader};
use protocol::ids::{ProjectId, WholeId};
use protocol::item::ItemKind;
use protocol::outcome::reason;
use serde::Deserialize;

use crate::report::Dump;
use crate::upload::Uploads;

/// The type of an attachment that says where its content is. Source: ingest specification,
/// attachments.
const REFERENCE: &str = "application/vnd.sentry.attachment-ref+json";
/// The header that says how long the content is.
const LENGTH: &str = "attachment_length";

/// Where what is not taken lies: nowhere.
const NOWHERE: &str = "nowhere";
/// And what people's rules would have to see as a whole.
const NEEDS_WHOLE: &str = "privacy_rules";

/// Why a file is not taken whose item is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Absent {
    /// No file is taken from there at the moment; its item is asked again, and told why.
    Untaken,
    /// People's rules have to see it as a whole, for which it is too large.
    NeedsWhole,
}

/// What a reference says.
#[derive(Deserialize)]
struct Reference<'a> {
    #[serde(borrow)]
    location: Cow<'a, str>,
    #[serde(borrow, default)]
    content_type: Option<Cow<'a, str>>,
}

/// A reference to a file, in the place of its item.
pub(super) fn to(id: WholeId, header: &ItemHeader, length: u64) -> EnvelopeItem {
    at(&id.to_string(), header, length)
}

/// A reference to a file of which nothing is kept.
pub(super) fn to_absent(why: Absent, header: &ItemHeader, length: u64) -> EnvelopeItem {
    let location = match why {
        Absent::Untaken => NOWHERE,
        Absent::NeedsWhole => NEEDS_WHOLE,
    };
    at(location, header, length)
}

fn at(location: &str, header: &ItemHeader, length: u64) -> EnvelopeItem {
    let content_type = header.content_type();
    let payload = serde_json::json!({"location": location, "content_type": content_type});
    let mut header = header.clone();
    header.set_text("content_type", REFERENCE);
    header.set_number(LENGTH, length);
    EnvelopeItem {
        kind: ItemKind::Attachment,
        header,
        payload: Bytes::from(payload.to_string()),
    }
}

/// Bytes that an item comes to, its file's included.
pub(super) fn length(item: &EnvelopeItem) -> usize {
    let own = item.payload.len();
    let of_file = item.header.number(LENGTH).filter(|_| is_reference(item));
    of_file.map_or(own, |length| usize::try_from(length).unwrap_or(usize::MAX))
}

/// The item that a reference stands for, with what its parts come to; any other item as it is.
///
/// # Errors
/// The reason, when there is no such file.
pub(super) fn follow<'i>(
    uploads: &Uploads,
    project: ProjectId,
    item: &'i EnvelopeItem,
) -> Result<(Cow<'i, EnvelopeItem>, Option<Sum>), &'static str> {
    if !is_reference(item) {
        return Ok((Cow::Borrowed(item), None));
    }
    // Those are read, and cannot be read in pieces.
    let is_read = matches!(
        item.header.attachment_type().as_deref(),
        Some("event.view_hierarchy" | "event.payload" | "event.breadcrumbs")
    );
    let found = serde_json::from_slice::<Reference<'_>>(&item.payload).ok();
    if found
        .as_ref()
        .is_some_and(|found| found.location == NEEDS_WHOLE)
    {
        return Err(reason::PRIVACY_RULES);
    }
    let found = found.filter(|_| !is_read).and_then(|reference| {
        let sum = uploads.done(project, id(&reference.location)?)?;
        Some((reference, sum))
    });
    let (reference, sum) = found.ok_or(reason::INVALID_PLACEHOLDER)?;
    let mut header = item.header.clone();
    header.set_text("content_type", &reference.content_type.unwrap_or_default());
    header.set_number(LENGTH, sum.bytes);
    let whole = EnvelopeItem {
        kind: ItemKind::Attachment,
        header,
        payload: Bytes::new(),
    };
    Ok((Cow::Owned(whole), Some(sum)))
}

/// Where the dump of an item is. Who knows an upload's name is who sent it.
pub(super) fn dump(uploads: &Uploads, item: &EnvelopeItem) -> Dump {
    if !is_reference(item) {
        return Dump::Here;
    }
    let found = serde_json::from_slice::<Reference<'_>>(&item.payload).ok();
    let id = found.and_then(|reference| id(&reference.location));
    Dump::Apart(id.and_then(|id| uploads.crash(id)))
}

/// Whether it refers to a file that was taken from its limits: one that is here, or that came and
/// cannot be kept.
pub(super) fn is_charged(uploads: &Uploads, project: ProjectId, item: &EnvelopeItem) -> bool {
    let followed = is_reference(item).then(|| follow(uploads, project, item));
    matches!(
        followed,
        Some(Ok((_, Some(_))) | Err(reason::PRIVACY_RULES))
    )
}

fn is_reference(item: &EnvelopeItem) -> bool {
    item.kind == ItemKind::Attachment && item.header.content_type().as_deref() == Some(REFERENCE)
}

/// The last segment of the address, which may have a query behind it.
fn id(location: &str) -> Option<WholeId> {
    let path = location.split(['?', '#']).next()?;
    path.rsplit('/')
        .find(|segment| !segment.is_empty())?
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_names_its_upload() {
        let name = "0123456789abcdef0123456789abcdef";
        let check = |location: &str, is_known: bool| {
            assert_eq!(
                id(location).map(|id| id.to_string()),
                is_known.then(|| name.to_owned()),
                "{location}"
            );
        };
        check(name, true);
        check(&format!("/api/1/upload/{name}/"), true);
        check(
            &format!("https://relay.example.org/api/1/upload/{name}?length=7"),
            true,
        );
        check("/api/1/upload/", false);
        check("", false);
    }

    #[test]
    fn a_reference_counts_as_what_it_refers_to() {
        let item = to(WholeId::from_bytes([7; 16]), &ItemHeader::default(), 300);
        assert_eq!(length(&item), 300);
        let plain = EnvelopeItem {
            header: ItemHeader::default(),
            ..item
        };
        assert_eq!(length(&plain), plain.payload.len());
    }
}
