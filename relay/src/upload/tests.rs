//! Uploads outlive the process, and nothing else does.

use std::path::Path;

use protocol::roster::PrivacySettings;

use super::*;
use crate::ledger::Ledger;

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
    let uploads = Uploads::open(&path, spool.clone(), Duration::ZERO).unwrap();
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
    let inline = uploads.inline(&sender(), 5).await.unwrap();

    fs::write(path.join("00000000000000000000000000000000.json"), b"{}").unwrap();
    fs::write(path.join("something.new"), b"{}").unwrap();
    // As after a kill: nothing of the first is ended.
    let again = Uploads::open(&path, spool, Duration::ZERO).unwrap();
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

#[tokio::test(flavor = "multi_thread")]
async fn there_are_few_and_those_that_nobody_goes_on_with_make_room() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("uploads");
    let uploads = Uploads::open(&path, spool(dir.path()), Duration::ZERO).unwrap();
    for _ in 0..OPEN_MAX {
        uploads.create(&sender(), Some(1)).await.unwrap();
    }
    let more = uploads.create(&sender(), Some(1)).await;
    assert!(matches!(more, Err(UploadError::TooMany)));
    // Files of envelopes need none of those places.
    let mut inline = uploads.inline(&sender(), 1).await.unwrap();
    inline.push(b"x").await.unwrap();
    inline.finish().await.unwrap();
    let tomorrow = Sender {
        now: IDLE_MAX + Duration::from_secs(1),
        ..sender()
    };
    uploads.create(&tomorrow, Some(1)).await.unwrap();
    assert_eq!(uploads.lock().len(), 1);
}
