//! Uploads outlive the process, and nothing else does.

use std::path::Path;

use protocol::block::PART_BYTES;
use protocol::outcome::reason;
use protocol::roster::PrivacySettings;

use super::places::{IDLE_MAX, SHARE, WANTED_IDLE_MAX};
use super::*;
use crate::ledger::Ledger;

const FILE: Named<'_> = Named {
    name: "a.log",
    is_minidump: false,
};

fn sender() -> Sender {
    Sender {
        project: ProjectId::new(1).unwrap(),
        scrubber: Scrubber::new(&PrivacySettings::default()),
        at: Timestamp::from_millis(1),
        now: Duration::ZERO,
    }
}

fn spool(dir: &Path) -> Spool {
    let config = crate::spool::Config {
        dir: dir.join("spool"),
        ..crate::spool::Config::default()
    };
    Spool::open(&config, Ledger::default()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_was_begun_goes_on_after_the_process_died() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("uploads");
    let spool = spool(dir.path());
    let uploads = Uploads::open(&path, spool.clone(), Ledger::default(), Duration::ZERO).unwrap();
    let file = vec![b'x'; 3 * PART_BYTES];
    let id = uploads
        .create(&sender(), Some(file.len() as u64))
        .await
        .unwrap();
    let mut upload = uploads.turn(&sender(), id, 0).unwrap();
    upload.push(&file[..2 * PART_BYTES]).await.unwrap();
    assert!(matches!(
        uploads.turn(&sender(), id, 0),
        Err(UploadError::Busy)
    ));
    let inline = uploads.inline(&sender(), FILE, Some(5)).await.unwrap();

    fs::write(path.join("00000000000000000000000000000000.json"), b"{}").unwrap();
    fs::write(path.join("something.new"), b"{}").unwrap();
    // As after a kill: nothing of the first is ended.
    let again = Uploads::open(&path, spool, Ledger::default(), Duration::ZERO).unwrap();
    assert_eq!(again.lock().len(), 1);
    assert_eq!(fs::read_dir(&path).unwrap().count(), 1);
    drop((upload, inline));
    let at = again.progress(sender().project, id).unwrap().offset;
    assert_eq!(at, (PART_BYTES - CONTEXT_BYTES) as u64);
    let mut upload = again.turn(&sender(), id, at).unwrap();
    let at = usize::try_from(at).unwrap();
    upload.push(&file[at..]).await.unwrap();
    upload.finish().await.unwrap();
    let sum = again.done(sender().project, id).unwrap();
    assert_eq!((sum.parts, sum.bytes), (3, file.len() as u64));
    again.forget(id).await;
    assert_eq!(fs::read_dir(&path).unwrap().count(), 0);
}

/// A sender of a project, so long after the start.
fn sender_of(project: u64, now: Duration) -> Sender {
    Sender {
        project: ProjectId::new(project).unwrap(),
        now,
        ..sender()
    }
}

/// Uploads that were given up, as the ledger has them.
fn failed(ledger: &Ledger) -> u64 {
    let totals = ledger.totals();
    let failed = totals
        .iter()
        .filter(|(account, _)| account.reason == reason::UPLOAD_FAILED);
    failed.map(|(_, n)| *n).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn there_are_few_and_those_that_nobody_goes_on_with_make_room() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("uploads");
    let ledger = Ledger::default();
    let uploads = Uploads::open(&path, spool(dir.path()), ledger.clone(), Duration::ZERO).unwrap();
    let share = OPEN_MAX / SHARE;
    let begin = async |project, now| uploads.create(&sender_of(project, now), Some(1)).await;
    for project in (1..=4).flat_map(|project| std::iter::repeat_n(project, share)) {
        begin(project, Duration::ZERO).await.unwrap();
    }
    // A project takes no more than its share, whatever is free; and all of it is taken.
    let of_share = begin(1, Duration::ZERO).await;
    assert!(matches!(of_share, Err(UploadError::Share { open_max }) if open_max == share));
    let more = begin(5, Duration::ZERO).await;
    assert!(matches!(more, Err(UploadError::TooMany)));
    // Files of envelopes need none of those places.
    let mut inline = uploads.inline(&sender(), FILE, None).await.unwrap();
    inline.push(b"x").await.unwrap();
    assert_eq!(inline.finish_whole().await.unwrap(), 1);
    assert_eq!(failed(&ledger), 0);
    // A place that is wanted is given up by who waits for longest, and no other.
    let soon = WANTED_IDLE_MAX + Duration::from_secs(1);
    begin(1, soon).await.unwrap();
    begin(5, soon).await.unwrap();
    assert_eq!(failed(&ledger), 2);
    let tomorrow = IDLE_MAX + Duration::from_secs(1);
    begin(1, tomorrow).await.unwrap();
    assert_eq!(uploads.lock().len(), 3);
    assert_eq!(failed(&ledger), OPEN_MAX as u64);
}
