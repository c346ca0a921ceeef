//! What is kept of what was delivered: a hub that was set back to a backup has it sent again.
//!
//! Whole segments are kept, for a time and up to a number of bytes, whichever is less, and only as
//! long as nobody needs their room: they go before anything that was not delivered does. To who
//! reads they are there as any other; to the accounts they are delivered.

use std::io;

use protocol::ids::Lane;

use super::owner::Owner;

impl Owner {
    /// Notes which segments of a lane the hub has all of. The last one stays in any case: it
    /// carries on the lane's numbers and totals.
    pub(super) fn note_delivered(&self, lane: Lane) {
        let elapsed = self.elapsed();
        let mut catalog = self.shared.catalog();
        let book = catalog.lanes.get_mut(lane);
        let (acked, n_but_last) = (book.acked, book.segments.len().saturating_sub(1));
        let delivered = book.segments.iter_mut().take(n_but_last);
        for segment in delivered.take_while(|segment| segment.next <= acked.next()) {
            segment.delivered_at.get_or_insert(elapsed);
        }
    }

    /// Deletes what is kept for longer, or is more, than may be kept.
    pub(super) fn forget_delivered(&mut self) -> io::Result<()> {
        let (age_max, bytes_max) = self.limits.retained();
        while let Some(kept) = self.kept() {
            let is_old = self.elapsed().saturating_sub(kept.since) >= age_max;
            if !is_old && kept.bytes <= bytes_max {
                break;
            }
            self.delete_front(kept.lane)?;
        }
        Ok(())
    }

    /// Keeps nothing of what is lost, no more of what was delivered than may be, and nothing of it
    /// when the disk is full.
    pub(super) fn keep_little(&mut self) {
        if let Err(error) = self.delete_given_away() {
            self.note("lost segment not deleted", &error);
        }
        if let Err(error) = self.forget_delivered() {
            self.note("delivered segment not deleted", &error);
        }
        while self.is_without_room() && self.give_way() {}
    }

    /// Gives the room of the oldest delivered segment away; `false` when there is none.
    pub(super) fn give_way(&mut self) -> bool {
        let Some(kept) = self.kept() else {
            return false;
        };
        let given = self.delete_front(kept.lane);
        if let Err(error) = &given {
            self.note("delivered segment not deleted", error);
        }
        self.look_at_space();
        given.is_ok()
    }

    fn delete_front(&mut self, lane: Lane) -> io::Result<()> {
        self.delete_given_away()?;
        let front = self
            .shared
            .catalog()
            .lanes
            .get(lane)
            .segments
            .front()
            .cloned();
        if let Some(front) = front {
            self.delete(lane, &front)?;
            self.disk().sync_dir(&self.writers.get(lane).dir)?;
        }
        Ok(())
    }

    /// What is kept, if anything is.
    fn kept(&self) -> Option<Kept> {
        let catalog = self.shared.catalog();
        let mut kept: Option<Kept> = None;
        for lane in Lane::ALL {
            for segment in &catalog.lanes.get(lane).segments {
                let Some(since) = segment.delivered_at else {
                    break;
                };
                let before = kept.filter(|kept| kept.since <= since);
                let bytes = kept.map_or(0, |kept| kept.bytes) + segment.bytes;
                let oldest = before.unwrap_or(Kept { lane, since, bytes });
                kept = Some(Kept { bytes, ..oldest });
            }
        }
        kept
    }
}

/// Segments that were delivered and are kept.
#[derive(Clone, Copy, Debug)]
struct Kept {
    /// The lane whose first segment was delivered before any other.
    lane: Lane,
    /// When, by the spool's age.
    since: u64,
    /// Bytes of all of them.
    bytes: u64,
}
