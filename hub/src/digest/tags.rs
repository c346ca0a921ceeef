//! How often each value of each tag was seen, with a cap on the number of values.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::store::issues::{OTHER_VALUES, TagCount};
use crate::store::{StoreError, Write};

/// Values of one tag that are counted apart for one issue; the rest is counted together.
pub(super) const TAG_VALUES_MAX: u32 = 1000;

/// Counts tag values, folding those beyond the cap.
pub(super) async fn add(
    write: &mut Write,
    tags: Vec<TagCount<'_>>,
    new_issues: &HashSet<i64>,
) -> Result<(), StoreError> {
    let (of_new, of_known): (Vec<_>, Vec<_>) = tags
        .into_iter()
        .partition(|tag| new_issues.contains(&tag.issue));
    let known = write.known_tags(&of_known).await?;
    let mut passed = Vec::with_capacity(of_known.len() + of_new.len());
    let mut fresh = Vec::new();
    for (place, tag) in of_known.into_iter().enumerate() {
        if known.contains(&place) {
            passed.push(tag);
        } else {
            fresh.push(tag);
        }
    }
    fresh.extend(of_new);
    let mut room: HashMap<(i64, &str), u32> = HashMap::new();
    let mut folded: BTreeMap<(i64, &str), TagCount<'_>> = BTreeMap::new();
    for tag in fresh {
        let key = (tag.issue, tag.key);
        let left = match room.get(&key) {
            Some(left) => *left,
            None if new_issues.contains(&tag.issue) => TAG_VALUES_MAX,
            None => {
                let n = write
                    .tag_value_count(tag.issue, tag.key, TAG_VALUES_MAX)
                    .await?;
                TAG_VALUES_MAX.saturating_sub(n)
            }
        };
        room.insert(key, left.saturating_sub(1));
        if left > 0 {
            passed.push(tag);
        } else {
            fold(&mut folded, key, &tag);
        }
    }
    passed.extend(folded.into_values());
    write.add_issue_tags(&passed).await
}

fn fold<'a>(
    folded: &mut BTreeMap<(i64, &'a str), TagCount<'a>>,
    key: (i64, &'a str),
    tag: &TagCount<'a>,
) {
    let sum = folded.entry(key).or_insert_with(|| TagCount {
        value: OTHER_VALUES,
        times_seen: 0,
        ..tag.clone()
    });
    sum.times_seen += tag.times_seen;
    sum.first_seen = sum.first_seen.min(tag.first_seen);
    sum.last_seen = sum.last_seen.max(tag.last_seen);
}
