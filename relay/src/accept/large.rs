//! Bodies that are too large to be held: their large files become uploads while they come, and
//! the rest is read as any other body, with references in the files' places.
//!
//! Envelopes are read here, forms, crash dumps and crash containers in `parts`.

use bytes::Bytes;
use protocol::dsn::Dsn;
use protocol::envelope::{Envelope, EnvelopeError, EnvelopeItem, ItemHeader};
use protocol::item::ItemKind;
use protocol::limits::{ENVELOPE_HEADER_BYTES_MAX, ENVELOPE_ITEMS_MAX, ITEM_HEADER_BYTES_MAX};
use tokio::sync::SemaphorePermit;

use super::Door;
use super::body::{self, Begun, Held};
use super::decode::Encoding;
use super::guests::Guest;
use super::parts;
use super::source::{Content, End, Source};
use crate::pipeline::{Absent, Files, Form, Pipeline, Refusal, Request};
use crate::report::{self, trace_file};
use crate::upload::{HEAD_BYTES, Named, Sender, UploadError};

/// Bodies from this length on are read here, in bytes, packed or not.
pub(super) const LARGE_BODY_BYTES: usize = 8 * 1024 * 1024;
/// Files from this length on become uploads, in bytes.
pub(super) const LARGE_FILE_BYTES: usize = 2 * 1024 * 1024;
/// Memory of one that comes: what is scrubbed, twice, and its part; and the head of a dump.
pub(super) const HELD_BYTES: usize = 4 * 1024 * 1024 + HEAD_BYTES;
/// What the item of a crash dump is.
pub(super) const DUMP: &str = "event.minidump";

/// Whether bodies of a form are read here when they are large.
pub(super) const fn may_be_large(form: &Form) -> bool {
    matches!(
        form,
        Form::Envelope
            | Form::Report(
                report::Form::Minidump { .. }
                    | report::Form::Unreal { .. }
                    | report::Form::PlayStation { .. }
                    | report::Form::Attachments { .. }
            )
    )
}

/// A place among those who send large bodies.
pub(super) fn place(door: &Door) -> Result<SemaphorePermit<'_>, Refusal> {
    door.large.try_acquire().map_err(|_| Refusal::Overload)
}

/// The body without the content of its large files, which is kept.
pub(super) async fn read(
    begun: Begun<'_>,
    door: &Door,
    guest: &Guest,
    encoding: Encoding,
    asked: &mut Request,
) -> Result<(Bytes, Held), Refusal> {
    let _place = place(door)?;
    let around = begun.bytes.len() + HELD_BYTES + encoding.memory();
    let held = match begun.held {
        Some(mut held) => {
            held.resize(around)?;
            held
        }
        None => door.budget.first(around).await?,
    };
    let _reading = guest.read();
    let mut rest = Rest {
        bytes: Vec::new(),
        bytes_max: body::to_usize(door.config.decompressed_bytes_max),
        held,
        around,
    };
    let mut source = Source::open(begun.bytes, begun.arriving, encoding).await?;
    match &asked.form {
        Form::Report(form) => {
            let taker = Taker::new(door, asked, None)?;
            let form = parts::read(&taker, &mut source, &mut rest, form).await?;
            asked.form = Form::Report(form);
        }
        Form::Envelope | Form::Store => envelope(door, asked, &mut source, &mut rest).await?,
    }
    let Rest {
        bytes, mut held, ..
    } = rest;
    held.resize(bytes.len().saturating_mul(2))?;
    Ok((Bytes::from(bytes), held))
}

async fn envelope(
    door: &Door,
    asked: &Request,
    source: &mut Source<'_>,
    rest: &mut Rest,
) -> Result<(), Refusal> {
    let line = source.line(ENVELOPE_HEADER_BYTES_MAX).await?;
    let line = line.ok_or(Refusal::Envelope(EnvelopeError::HeaderTooLong))?;
    let header = Envelope::parse_header(&line).map_err(Refusal::Envelope)?;
    let taker = Taker::new(door, asked, header.dsn.as_ref())?;
    rest.add_line(&line)?;
    let mut n_items = 0;
    while let Some(line) = source.line(ITEM_HEADER_BYTES_MAX).await? {
        if line.trim_ascii().is_empty() {
            if source.is_over() {
                break;
            }
            rest.add_line(&line)?;
            continue;
        }
        if n_items == ENVELOPE_ITEMS_MAX {
            return Err(Refusal::Envelope(EnvelopeError::TooManyItems));
        }
        let (item, length) = EnvelopeItem::parse_head(&line, n_items).map_err(Refusal::Envelope)?;
        match length {
            Some(length) if is_large_file(&item, length) => {
                let item = taker.item(source, item, length).await?;
                rest.add_item(&item)?;
                source.end_of_item(n_items).await?;
            }
            Some(length) => {
                rest.add_line(&line)?;
                rest.add_all(Content::new(source, End::Length(length)))
                    .await?;
                source.end_of_item(n_items).await?;
                rest.add(b"\n")?;
            }
            None => {
                rest.add_line(&line)?;
                let bytes_max = rest.bytes_max;
                let payload = source.line(bytes_max).await?;
                rest.add_line(&payload.ok_or(Refusal::BodyTooLarge { bytes_max })?)?;
            }
        }
        n_items += 1;
    }
    Ok(())
}

fn is_large_file(item: &EnvelopeItem, length: u64) -> bool {
    let is_large = length >= LARGE_FILE_BYTES as u64;
    item.kind == ItemKind::Attachment && is_large && !is_read(&item.header)
}

/// Whether a file is read, and so scrubbed, as a whole.
pub(super) fn is_read(header: &ItemHeader) -> bool {
    let kind = header.attachment_type();
    matches!(
        kind.as_deref(),
        Some("event.view_hierarchy" | "event.payload" | "event.breadcrumbs")
    )
}

/// Takes files of one request.
pub(super) struct Taker<'r> {
    door: &'r Door,
    asked: &'r Request,
    dsn: Option<&'r Dsn>,
    sender: Sender,
}

impl<'r> Taker<'r> {
    fn new(door: &'r Door, asked: &'r Request, dsn: Option<&'r Dsn>) -> Result<Self, Refusal> {
        let sender = door.pipeline.sender(asked, dsn)?;
        Ok(Self {
            door,
            asked,
            dsn,
            sender,
        })
    }

    /// Takes the file of an envelope's item of that length. What is told of a file of a trace
    /// before its content goes into its header; one of which nothing can be told is passed, and
    /// counted by its item, which stays as it is.
    async fn item(
        &self,
        source: &mut Source<'_>,
        mut item: EnvelopeItem,
        mut length: u64,
    ) -> Result<EnvelopeItem, Refusal> {
        if trace_file::is_whole(&item) {
            let n_told = trace_file::told_bytes(&item.header).unwrap_or_default() as u64;
            let n_told = n_told.min(length);
            let mut told = Vec::new();
            let mut content = Content::new(source, End::Length(n_told));
            while let Some(bytes) = content.next().await? {
                told.extend_from_slice(&bytes);
            }
            length -= n_told;
            let Some(header) = trace_file::header(&item.header, &told) else {
                Content::new(source, End::Length(length)).pass().await?;
                return Ok(item);
            };
            item.header = header;
        }
        let content = Content::new(source, End::Length(length));
        self.file(content, &item.header).await
    }

    /// Takes a file's content; gives the item that stands for it. What is over a limit is passed:
    /// its item is asked again, and told of it. So is what people's rules have to see as a whole:
    /// its item says so.
    pub(super) async fn file(
        &self,
        mut content: Content<'_, '_>,
        header: &ItemHeader,
    ) -> Result<EnvelopeItem, Refusal> {
        let Self {
            door, asked, dsn, ..
        } = self;
        let is_taken = door.pipeline.files() == Files::Taken
            && door.pipeline.charge(asked, *dsn, false).is_ok();
        if !is_taken {
            let length = content.pass().await?;
            return Ok(Pipeline::absent(Absent::Untaken, header, length));
        }
        match self.keep(&mut content, header).await {
            Err(Refusal::Upload(UploadError::Rules(_))) => {
                let length = content.pass().await?;
                Ok(Pipeline::absent(Absent::NeedsWhole, header, length))
            }
            kept => kept,
        }
    }

    async fn keep(
        &self,
        content: &mut Content<'_, '_>,
        header: &ItemHeader,
    ) -> Result<EnvelopeItem, Refusal> {
        let name = header.filename().unwrap_or_default();
        let named = Named {
            name: &name,
            is_minidump: header.attachment_type().as_deref() == Some(DUMP),
        };
        let uploads = self.door.pipeline.uploads();
        let upload = uploads.inline(&self.sender, named, None).await;
        let mut upload = upload.map_err(Refusal::Upload)?;
        while let Some(bytes) = content.next().await? {
            upload.push(&bytes).await.map_err(Refusal::Upload)?;
        }
        let id = upload.id();
        let length = upload.finish_whole().await.map_err(Refusal::Upload)?;
        Ok(Pipeline::reference(id, header, length))
    }
}

/// What is held of a body.
pub(super) struct Rest {
    bytes: Vec<u8>,
    bytes_max: usize,
    held: Held,
    /// Memory that is needed besides.
    around: usize,
}

impl Rest {
    pub(super) fn add(&mut self, bytes: &[u8]) -> Result<(), Refusal> {
        let len = self.bytes.len() + bytes.len();
        if len > self.bytes_max {
            let bytes_max = self.bytes_max;
            return Err(Refusal::BodyTooLarge { bytes_max });
        }
        if len > self.bytes.capacity() {
            let capacity = len.saturating_mul(2).min(self.bytes_max);
            self.held.grow(self.around + capacity)?;
            self.bytes.reserve_exact(capacity - self.bytes.len());
        }
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    /// Adds content as it comes.
    pub(super) async fn add_all(&mut self, mut content: Content<'_, '_>) -> Result<(), Refusal> {
        while let Some(bytes) = content.next().await? {
            self.add(&bytes)?;
        }
        Ok(())
    }

    /// Asks for memory beside what is held.
    pub(super) fn need(&mut self, bytes: usize) -> Result<(), Refusal> {
        self.around += bytes;
        self.held.grow(self.around + self.bytes.capacity())
    }

    fn add_line(&mut self, line: &[u8]) -> Result<(), Refusal> {
        self.add(line)?;
        self.add(b"\n")
    }

    fn add_item(&mut self, item: &EnvelopeItem) -> Result<(), Refusal> {
        let mut bytes = Vec::new();
        item.write(&mut bytes);
        self.add(&bytes)
    }
}
