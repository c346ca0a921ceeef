//! An upload whose bytes are coming: scrubbed, and kept part by part.

use bytes::Bytes;
use protocol::block::{PART_BYTES, Part, Record, Sum};
use protocol::crash;
use protocol::ids::{Lane, WholeId};
use protocol::privacy::{Hits, NeedsWhole, Pieces, Scrubbed};

use super::{HEAD_BYTES, Inner, Progress, State, UploadError, Uploads, check_length};
use crate::spool::SpoolError;

/// What a dump begins with.
const DUMP: &[u8] = b"MDMP";

/// An upload whose bytes are coming.
#[derive(Debug)]
pub struct Upload {
    pub(super) uploads: Uploads,
    pub(super) state: State,
    pub(super) is_noted: bool,
    /// Away while they are scrubbed.
    pub(super) pieces: Option<Pieces>,
    /// What came, from the file's first byte on.
    pub(super) offset: u64,
    /// The first bytes as they came, while they may be a dump's.
    pub(super) head: Option<Vec<u8>>,
}

impl Upload {
    /// Takes the next bytes; what can be kept of all that came is durable afterwards.
    ///
    /// # Errors
    /// [`UploadError::TooLarge`], [`UploadError::Rules`], [`UploadError::Spool`],
    /// [`UploadError::Note`].
    pub async fn push(&mut self, bytes: &[u8]) -> Result<(), UploadError> {
        self.offset += bytes.len() as u64;
        check_length(self.offset, self.state.length)?;
        self.look(bytes);
        if let Some(pieces) = &mut self.pieces {
            pieces.push(bytes);
        }
        while self
            .pieces
            .as_ref()
            .is_some_and(|pieces| pieces.has(PART_BYTES))
        {
            if let Some(piece) = self.scrubbed().await? {
                self.keep(piece.payload).await?;
                self.count(&piece.hits);
            }
        }
        Ok(())
    }

    /// Ends a file that is as long as what came; all of it is durable afterwards. Gives its length.
    ///
    /// # Errors
    /// As [`Upload::finish`].
    pub async fn finish_whole(mut self) -> Result<u64, UploadError> {
        let length = self.offset;
        self.state.length = Some(length);
        self.finish().await?;
        Ok(length)
    }

    /// Ends the request; when the whole file came, all of it is durable afterwards.
    ///
    /// # Errors
    /// [`UploadError::Rules`], [`UploadError::Spool`], [`UploadError::Note`].
    pub async fn finish(mut self) -> Result<Progress, UploadError> {
        self.note_crash().await;
        if self.state.length == Some(self.offset)
            && let Some(pieces) = self.pieces.take()
        {
            let rest = self.aside(move || pieces.finish()).await;
            let rest = rest.ok_or(SpoolError::Closed)??;
            for piece in rest.payload.chunks(PART_BYTES) {
                self.keep(rest.payload.slice_ref(piece)).await?;
            }
            self.count(&rest.hits);
            if self.state.sum.parts == 0 {
                self.keep(Bytes::new()).await?;
            }
            self.state.is_done = true;
            self.write_down().await?;
        }
        Ok(self.state.progress())
    }

    /// The name by which an envelope refers to it.
    #[must_use]
    pub const fn id(&self) -> WholeId {
        self.state.sum.whole
    }

    /// Keeps the head of what may be a dump.
    fn look(&mut self, bytes: &[u8]) {
        let Some(head) = &mut self.head else { return };
        let room = HEAD_BYTES.saturating_sub(head.len());
        head.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
        let n = head.len().min(DUMP.len());
        if head.get(..n) != DUMP.get(..n) {
            self.head = None;
        }
    }

    /// Remembers what the head says.
    async fn note_crash(&mut self) {
        let Some(head) = self.head.take() else { return };
        let read = self.aside(move || crash::read(&head)).await;
        if let Some(Ok(crash)) = read
            && let Some(open) = self.uploads.lock().get_mut(&self.id())
        {
            open.crash = Some(Box::new(crash));
        }
    }

    /// The next piece without what is private.
    async fn scrubbed(&mut self) -> Result<Option<Scrubbed>, NeedsWhole> {
        let Some(mut pieces) = self.pieces.take() else {
            return Ok(None);
        };
        let work = self.aside(move || (pieces.take(PART_BYTES), pieces));
        let Some((piece, pieces)) = work.await else {
            return Ok(None);
        };
        self.pieces = Some(pieces);
        piece
    }

    async fn aside<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        let whose = Some(self.state.project);
        self.uploads.aside().run(whose, work).await
    }

    async fn keep(&mut self, bytes: Bytes) -> Result<(), UploadError> {
        let State {
            project,
            received_at,
            sum,
            ..
        } = self.state;
        let sum = Sum {
            parts: sum.parts + 1,
            bytes: sum.bytes + bytes.len() as u64,
            chain: sum.chain.with(&bytes),
            ..sum
        };
        let part = Part {
            project,
            event_id: None,
            received_at,
            whole: sum.whole,
            nth: sum.parts - 1,
            chain: sum.chain,
            bytes,
        };
        let records = vec![(Lane::Blobs, Record::Part(part))];
        let Inner { spool, aside, .. } = &*self.uploads.0;
        spool.append_beside(aside, records).await?;
        self.state.sum = sum;
        self.write_down().await
    }

    fn count(&self, hits: &Hits) {
        if let Some(open) = self.uploads.lock().get_mut(&self.id()) {
            open.hits.join(hits);
        }
    }

    async fn write_down(&mut self) -> Result<(), UploadError> {
        if self.is_noted {
            self.uploads.note(self.state).await?;
        }
        if let Some(open) = self.uploads.lock().get_mut(&self.id()) {
            open.state = self.state;
        }
        Ok(())
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        let mut all = self.uploads.lock();
        let is_lost = !self.is_noted && !self.state.is_done;
        if is_lost {
            all.remove(&self.state.sum.whole);
        } else if let Some(open) = all.get_mut(&self.state.sum.whole) {
            open.is_busy = false;
        }
    }
}
