//! Items that are too large for one record: their parts, and what is told of them beside.

use std::borrow::Cow;
use std::collections::BTreeMap;

use bytes::Bytes;
use protocol::block::{self, Item, Items, Record, Sum, Whole};
use protocol::ids::WholeId;
use protocol::item::ItemKind;
use serde_json::value::RawValue;

/// Longest member of a JSON payload that its outline has, in bytes.
const MEMBER_BYTES_MAX: usize = 1024;
/// Longest outline, in bytes.
const OUTLINE_BYTES_MAX: usize = 16 * 1024;

/// Whether items of a kind may be larger than a record. All of them travel in one lane.
pub(super) const fn may_be_cut(kind: &ItemKind) -> bool {
    matches!(
        kind,
        ItemKind::Attachment
            | ItemKind::Profile
            | ItemKind::ProfileChunk
            | ItemKind::ReplayRecording
    )
}

/// An item as records: its parts, then itself with an outline for a payload.
pub(super) fn of(stamp: &Items, mut item: Item) -> Vec<Record> {
    let whole = WholeId::from_bytes(uuid::Uuid::new_v4().into_bytes());
    let (parts, sum) = block::cut(stamp, whole, &item.payload);
    item.payload = outline(&ItemKind::from_name(&item.kind), &item.payload);
    let mut records: Vec<Record> = parts.into_iter().map(Record::Part).collect();
    records.push(whole_of(stamp, item, sum));
    records
}

/// An item whose parts come to this, as the record that stands for them.
pub(super) fn whole_of(stamp: &Items, item: Item, sum: Sum) -> Record {
    let mut items = stamp.clone();
    items.items.push(item);
    Record::Whole(Whole { sum, items })
}

/// What is small of a payload, for lists to show: the first members of a JSON object that are short,
/// or a recording's first line.
fn outline(kind: &ItemKind, payload: &Bytes) -> Bytes {
    match kind {
        ItemKind::ReplayRecording => {
            let line = payload.split(|b| *b == b'\n').next().unwrap_or_default();
            let line = Some(line).filter(|line| line.len() <= OUTLINE_BYTES_MAX);
            Bytes::copy_from_slice(line.unwrap_or_default())
        }
        ItemKind::Profile | ItemKind::ProfileChunk => members(payload),
        _ => Bytes::new(),
    }
}

fn members(payload: &[u8]) -> Bytes {
    let read = serde_json::from_slice::<BTreeMap<Cow<'_, str>, &RawValue>>(payload);
    let mut members = read.unwrap_or_default();
    let mut left = OUTLINE_BYTES_MAX;
    members.retain(|name, value| {
        let n_bytes = name.len() + value.get().len();
        let fits = n_bytes <= MEMBER_BYTES_MAX.min(left);
        left -= if fits { n_bytes } else { 0 };
        fits
    });
    serde_json::to_vec(&members).unwrap_or_default().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outline_has_what_is_short_and_is_short() {
        let check = |kind: ItemKind, payload: &str, expected: &str| {
            let found = outline(&kind, &Bytes::from(payload.to_owned()));
            assert_eq!(found, expected, "{payload}");
        };
        let long = "x".repeat(MEMBER_BYTES_MAX);
        let profile = format!("{{\"samples\":[\"{long}\"],\"a\":{{\"b\":1}},\"version\":\"2\"}}");
        check(
            ItemKind::Profile,
            &profile,
            "{\"a\":{\"b\":1},\"version\":\"2\"}",
        );
        check(ItemKind::Profile, "no object", "{}");
        check(
            ItemKind::ReplayRecording,
            "{\"segment_id\":3}\n[1]",
            "{\"segment_id\":3}",
        );
        check(
            ItemKind::ReplayRecording,
            &"x".repeat(OUTLINE_BYTES_MAX + 1),
            "",
        );
        check(ItemKind::Attachment, "{}", "");
        let many: Vec<_> = (0..1000).map(|n| format!("\"{n}\":\"{n:0>99}\"")).collect();
        let many = Bytes::from(format!("{{{}}}", many.join(",")));
        assert!(outline(&ItemKind::ProfileChunk, &many).len() <= 2 * OUTLINE_BYTES_MAX);
    }
}
