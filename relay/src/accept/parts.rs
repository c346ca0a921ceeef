//! Forms and crash dumps that are too large to be held: the form without the content of its large
//! files, as one reads it that is held.

mod container;

use bytes::{Bytes, BytesMut};
use protocol::envelope::ItemHeader;

use super::large::{self, DUMP, LARGE_FILE_BYTES, Rest, Taker};
use super::source::{Content, End, Source};
use crate::pipeline::Refusal;
use crate::report::{self, DUMP_FIELD, Form, LENGTH_HEADER, ReportError};
use crate::unpack::{Packing, Unpacker};

/// How much of a body is looked at to tell what it is, in bytes: a boundary fits.
const BEGIN_BYTES: usize = 256;
/// How many of them tell how it is packed.
const MAGIC_BYTES: usize = 6;
/// Longest rest of a boundary's line, in bytes.
const LINE_BYTES_MAX: usize = 1024;
/// The boundary of a form that is made of a dump alone.
const OWN_BOUNDARY: &str = "vedette";

/// Reads a body of this form; gives the form of the rest.
pub(super) async fn read(
    taker: &Taker<'_>,
    source: &mut Source<'_>,
    rest: &mut Rest,
    form: &Form,
) -> Result<Form, Refusal> {
    match form {
        Form::Minidump { boundary: None } => {
            if let Some(packing) = Packing::of(source.peek(MAGIC_BYTES).await?) {
                rest.need(packing.memory())?;
                source.unpack(packing);
            }
            // Packed forms come with the type of what packed them.
            let boundary = match report::leading_boundary(source.peek(BEGIN_BYTES).await?) {
                Some(boundary) => {
                    Parts::new(taker, &boundary, true)
                        .read(source, rest)
                        .await?;
                    boundary
                }
                None => {
                    Parts::new(taker, OWN_BOUNDARY, true)
                        .dump(source, rest)
                        .await?;
                    OWN_BOUNDARY.to_owned()
                }
            };
            let boundary = Some(boundary);
            return Ok(Form::Minidump { boundary });
        }
        Form::Minidump {
            boundary: Some(boundary),
        } => Parts::new(taker, boundary, true).read(source, rest).await?,
        Form::Attachments { boundary, .. } | Form::PlayStation { boundary } => {
            Parts::new(taker, boundary, false)
                .read(source, rest)
                .await?;
        }
        Form::Unreal { user, .. } => {
            let boundary = Some(container::read(taker, source, rest).await?);
            let user = user.clone();
            return Ok(Form::Unreal { user, boundary });
        }
        _ => return Err(Refusal::ContentType),
    }
    Ok(form.clone())
}

/// Reads the parts of one form.
struct Parts<'p> {
    taker: &'p Taker<'p>,
    /// The end of a line, and what the next one begins with.
    delimiter: Vec<u8>,
    /// One of the files is a crash dump.
    has_dump: bool,
}

impl<'p> Parts<'p> {
    fn new(taker: &'p Taker<'p>, boundary: &str, has_dump: bool) -> Self {
        Self {
            taker,
            delimiter: format!("\n--{boundary}").into_bytes(),
            has_dump,
        }
    }

    /// What a boundary's line begins with.
    fn mark(&self) -> &[u8] {
        self.delimiter.get(1..).unwrap_or_default()
    }

    async fn read(&self, source: &mut Source<'_>, rest: &mut Rest) -> Result<(), Refusal> {
        if !self.is_at_mark(source).await? {
            let mut preamble = Content::new(source, End::Delimiter(&self.delimiter));
            preamble.pass().await?;
        }
        let mut n_parts = 0;
        loop {
            let line = line(source, LINE_BYTES_MAX).await?;
            if line.starts_with(b"--") {
                return self.end(rest);
            }
            if !line.trim_ascii().is_empty() {
                return Err(wrong("a boundary's line does not end"));
            }
            if n_parts == report::PARTS_MAX {
                return Err(wrong("it has too many parts"));
            }
            n_parts += 1;
            let head = self.head(source).await?;
            self.part(source, rest, &head).await?;
        }
    }

    /// A body that is a dump and nothing else, as a form.
    async fn dump(&self, source: &mut Source<'_>, rest: &mut Rest) -> Result<(), Refusal> {
        if !report::is_minidump(source.peek(MAGIC_BYTES).await?) {
            return Err(Refusal::Report(ReportError::Minidump));
        }
        let head = format!(
            "Content-Disposition: form-data; name=\"{DUMP_FIELD}\"; filename=\"minidump.dmp\"\r\n\
             Content-Type: application/x-dmp\r\n"
        );
        let part = report::part_of(head.as_bytes()).map_err(Refusal::Report)?;
        let header = report::attachment(part, Some(DUMP)).header;
        let content = Content::new(source, End::Body);
        self.file(rest, head.as_bytes(), &header, content).await?;
        self.end(rest)
    }

    /// Passes a boundary's mark, if it stands here.
    async fn is_at_mark(&self, source: &mut Source<'_>) -> Result<bool, Refusal> {
        let mark = self.mark();
        let is_here = source.peek(mark.len()).await? == mark;
        if is_here {
            source.advance(mark.len());
        }
        Ok(is_here)
    }

    /// The headers of a part, each with the end of its line.
    async fn head(&self, source: &mut Source<'_>) -> Result<Vec<u8>, Refusal> {
        let mut head = Vec::new();
        loop {
            let line = line(source, report::HEADERS_BYTES_MAX).await?;
            let line = line.strip_suffix(b"\r").unwrap_or(&line);
            if line.is_empty() {
                return Ok(head);
            }
            let is_too_long = head.len() + line.len() > report::HEADERS_BYTES_MAX;
            if is_too_long || line.starts_with(self.mark()) {
                return Err(wrong("a part has no headers"));
            }
            head.extend_from_slice(line);
            head.extend_from_slice(b"\r\n");
        }
    }

    async fn part(
        &self,
        source: &mut Source<'_>,
        rest: &mut Rest,
        head: &[u8],
    ) -> Result<(), Refusal> {
        let part = report::part_of(head).map_err(Refusal::Report)?;
        let mut first = BytesMut::new();
        // A part without content has no line of its own.
        let mut is_whole = self.is_at_mark(source).await?;
        while !is_whole && first.len() < LARGE_FILE_BYTES {
            match source.until(&self.delimiter).await? {
                Some(bytes) => first.extend_from_slice(&bytes),
                None => is_whole = true,
            }
        }
        let first = first.freeze();
        let is_dump = self.has_dump && part.name == DUMP_FIELD;
        let packing = Packing::of(&first).filter(|_| is_dump);
        let stands = report::attachment(part.clone(), is_dump.then_some(DUMP));
        let is_read = large::is_read(&stands.header) || part.name.starts_with("__sentry-");
        let is_file = (is_dump || part.filename.is_some()) && !is_read;
        // A form within the field is read as a whole.
        let is_large = is_file
            && (packing.is_some() || !is_whole)
            && !(is_dump && begin(packing, &first)?.starts_with(b"--"));
        let end = match is_whole {
            true => End::Length(0),
            false => End::Delimiter(&self.delimiter),
        };
        if !is_large {
            self.begin_part(rest, head)?;
            rest.add_all(Content::new(source, end).begun(first, None))
                .await?;
            return rest.add(b"\r\n");
        }
        if is_dump && !report::is_minidump(&begin(packing, &first)?) {
            return Err(Refusal::Report(ReportError::Minidump));
        }
        rest.need(packing.map_or(0, Packing::memory))?;
        let content = Content::new(source, end).begun(first, packing);
        self.file(rest, head, &stands.header, content).await
    }

    /// Takes a file, and leaves a part that refers to it.
    async fn file(
        &self,
        rest: &mut Rest,
        head: &[u8],
        header: &ItemHeader,
        content: Content<'_, '_>,
    ) -> Result<(), Refusal> {
        let item = self.taker.file(content, header).await?;
        let kept = head.split_inclusive(|b| *b == b'\n').filter(|line| {
            let name = line
                .split(|b| *b == b':')
                .next()
                .unwrap_or_default()
                .trim_ascii();
            !name.eq_ignore_ascii_case(b"content-type")
                && !name.eq_ignore_ascii_case(LENGTH_HEADER.as_bytes())
        });
        let kept: Vec<u8> = kept.flatten().copied().collect();
        let content_type = item.header.content_type().unwrap_or_default();
        let length = item.header.number("attachment_length").unwrap_or_default();
        let own = format!("Content-Type: {content_type}\r\n{LENGTH_HEADER}: {length}\r\n");
        self.begin_part(rest, &[&kept, own.as_bytes()].concat())?;
        rest.add(&item.payload)?;
        rest.add(b"\r\n")
    }

    fn begin_part(&self, rest: &mut Rest, head: &[u8]) -> Result<(), Refusal> {
        rest.add(self.mark())?;
        rest.add(b"\r\n")?;
        rest.add(head)?;
        rest.add(b"\r\n")
    }

    fn end(&self, rest: &mut Rest) -> Result<(), Refusal> {
        rest.add(self.mark())?;
        rest.add(b"--\r\n")
    }
}

/// What a file begins with once it is unpacked.
fn begin(packing: Option<Packing>, first: &Bytes) -> Result<Bytes, Refusal> {
    let Some(packing) = packing else {
        return Ok(first.clone());
    };
    let mut unpacker = Unpacker::new(packing);
    let (mut packed, mut out) = (first.clone(), BytesMut::new());
    while out.len() < MAGIC_BYTES && !packed.is_empty() {
        let stepped = unpacker.step(&mut packed, &mut out);
        stepped.map_err(|_| Refusal::Report(ReportError::Compression(packing.name())))?;
    }
    Ok(out.freeze())
}

/// A line of a form without its newline.
async fn line(source: &mut Source<'_>, bytes_max: usize) -> Result<Bytes, Refusal> {
    let line = source
        .line(bytes_max)
        .await
        .map_err(|refusal| match refusal {
            Refusal::Envelope(_) => wrong("a line of it is too long"),
            refusal => refusal,
        })?;
    line.ok_or(wrong("a part does not end"))
}

const fn wrong(what: &'static str) -> Refusal {
    Refusal::Report(ReportError::Multipart(what))
}
