//! Opens a lane: of its files, which are its segments, where it goes on, and what it misses.

use std::collections::VecDeque;
use std::io;
use std::path::Path;

use protocol::ids::{Epoch, Lane, Seq};

use crate::spool::catalog::Book;
use crate::spool::cipher::Keys;
use crate::spool::disk::Disk;
use crate::spool::loss::Loss;
use crate::spool::segment;
use crate::spool::shared::Health;
use crate::spool::state::LostRange;
use crate::spool::writer::Writer;

/// One lane's part of the opening.
pub(super) struct Opening<'a> {
    pub(super) disk: &'a dyn Disk,
    pub(super) dir: &'a Path,
    pub(super) keys: &'a Keys,
    pub(super) lane: Lane,
    pub(super) epoch: Epoch,
    /// Whether the state was read, and with it the cursor.
    pub(super) known: bool,
    /// Records below this number were committed.
    pub(super) promised: Seq,
    /// What is known to have no records.
    pub(super) gaps: &'a [LostRange],
    pub(super) health: &'a mut Health,
    pub(super) losses: &'a mut Vec<Loss>,
    /// The highest serial that a file has, whatever is in it.
    pub(super) serial: &'a mut u64,
}

impl Opening<'_> {
    pub(super) fn lane(&mut self, acked: Seq) -> io::Result<(Book, Writer)> {
        let dir = segment::lane_dir(self.dir, self.lane, self.epoch);
        self.disk.make_dir(&dir)?;
        let mut files: Vec<(Seq, u64)> = self
            .disk
            .list(&dir)?
            .iter()
            .filter_map(|entry| segment::parse_file_name(&entry.name))
            .collect();
        files.sort_by_key(|(_, serial)| *serial);
        if let Some((_, serial)) = files.last() {
            *self.serial = (*self.serial).max(*serial);
        }
        files.retain(|(first, serial)| {
            !self.is_unfinished(*first, &dir.join(segment::file_name(*first, *serial)))
        });
        // The last one carries on the lane's numbers and totals.
        let last = files.last().copied();
        files.retain(|(first, serial)| {
            let goes = Some((*first, *serial)) != last && self.begins_given_away(*first);
            if goes {
                self.give_away(&dir.join(segment::file_name(*first, *serial)));
            }
            !goes
        });
        self.drop_unused(&dir, &mut files)?;
        let mut book = Book {
            acked,
            next: Seq(1),
            ..Book::default()
        };
        let mut writer = Writer {
            dir: dir.clone(),
            ..Writer::default()
        };
        let mut behind = files
            .iter()
            .skip(1)
            .map(|(first, _)| *first)
            .collect::<VecDeque<_>>();
        for (first, serial) in files {
            let path = dir.join(segment::file_name(first, serial));
            match behind.pop_front() {
                Some(next) if self.is_given_away(first, next, acked) => self.give_away(&path),
                Some(next) => match self.sealed(&path, first, serial, next.min(self.end(first))) {
                    Ok(info) if self.is_given_away(first, info.next, acked) => {
                        self.give_away(&path);
                    }
                    Ok(info) => book.segments.push_back(info),
                    Err(error) => self.unreadable(&path, &error),
                },
                None => {
                    let last = self.last(&path, first, serial, &mut writer);
                    match last {
                        Ok(info) => book.segments.push_back(info),
                        Err(error) => self.unreadable(&path, &error),
                    }
                }
            }
        }
        self.find_missing(&book, acked);
        let end = book.segments.back().map_or(Seq(1), |segment| segment.next);
        book.next = end.max(self.promised).max(acked.next());
        if book.next > end {
            self.losses
                .push(Loss::unknown(self.lane, end.max(acked.next()), book.next));
        }
        book.oldest_received = book
            .segments
            .iter()
            .find(|segment| segment.next.0 > acked.0 + 1)
            .and_then(|segment| segment.received);
        Ok((book, writer))
    }

    /// Numbers that no segment has and that were not delivered.
    fn find_missing(&mut self, book: &Book, acked: Seq) {
        let mut expected = acked.next();
        if acked == Seq(0) && !self.known {
            expected = book
                .segments
                .front()
                .map_or(expected, |segment| segment.first);
        }
        for segment in &book.segments {
            if segment.first > expected {
                self.losses
                    .push(Loss::unknown(self.lane, expected, segment.first));
            }
            expected = expected.max(segment.next);
        }
    }
}
