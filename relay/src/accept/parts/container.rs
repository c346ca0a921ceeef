//! Crash containers of the Unreal engine, as a form with a part for each of their files.

use protocol::ids::WholeId;

use super::{MAGIC_BYTES, Parts};
use crate::accept::large::{DUMP, LARGE_FILE_BYTES, Rest, Taker};
use crate::accept::source::{Content, End, Source};
use crate::pipeline::Refusal;
use crate::report::{self, DUMP_FIELD, ReportError, unreal};
use crate::unpack::Packing;

/// Reads a container; gives the boundary of the form that is made of it.
pub(super) async fn read(
    taker: &Taker<'_>,
    source: &mut Source<'_>,
    rest: &mut Rest,
) -> Result<String, Refusal> {
    rest.need(Packing::Zlib.memory())?;
    source.unpack(Packing::Zlib);
    if source.peek(unreal::MAGIC.len()).await? != unreal::MAGIC {
        return Err(wrong("it has no header"));
    }
    source.advance(unreal::MAGIC.len());
    text(source).await?;
    text(source).await?;
    number(source).await?;
    let n_files = number(source).await?;
    if n_files > unreal::FILES_MAX {
        return Err(wrong("it has too many files"));
    }
    // Small files stand in the form as they are, and could guess any other.
    let boundary = WholeId::from_bytes(uuid::Uuid::new_v4().into_bytes()).to_string();
    let parts = Parts::new(taker, &boundary, true);
    for _ in 0..n_files {
        file(&parts, source, rest).await?;
    }
    parts.end(rest)?;
    Ok(boundary)
}

async fn file(parts: &Parts<'_>, source: &mut Source<'_>, rest: &mut Rest) -> Result<(), Refusal> {
    number(source).await?;
    let name = text(source).await?;
    let length = number(source).await?;
    let is_dump = report::is_minidump(source.peek(MAGIC_BYTES).await?);
    let field = if is_dump { DUMP_FIELD } else { "file" };
    // Within quotes, on one line.
    let name: String = name
        .chars()
        .map(|c| {
            if c.is_control() || "\"\\".contains(c) {
                '_'
            } else {
                c
            }
        })
        .collect();
    let head = format!("Content-Disposition: form-data; name=\"{field}\"; filename=\"{name}\"\r\n");
    let content = Content::new(source, End::Length(length.into()));
    if (length as usize) < LARGE_FILE_BYTES {
        parts.begin_part(rest, head.as_bytes())?;
        rest.add_all(content).await?;
        return rest.add(b"\r\n");
    }
    let part = report::part_of(head.as_bytes()).map_err(Refusal::Report)?;
    let header = report::attachment(part, is_dump.then_some(DUMP)).header;
    parts.file(rest, head.as_bytes(), &header, content).await
}

async fn number(source: &mut Source<'_>) -> Result<u32, Refusal> {
    let bytes = source.peek(4).await?.try_into();
    let number = u32::from_le_bytes(bytes.map_err(|_| wrong("it is cut off"))?);
    source.advance(4);
    Ok(number)
}

async fn text(source: &mut Source<'_>) -> Result<String, Refusal> {
    let length = number(source).await? as usize;
    if length > unreal::TEXT_BYTES_MAX {
        return Err(wrong("a text is too long"));
    }
    let text = source.peek(length).await?;
    if text.len() < length {
        return Err(wrong("it is cut off"));
    }
    let text = unreal::text_of(text);
    source.advance(length);
    Ok(text)
}

const fn wrong(what: &'static str) -> Refusal {
    Refusal::Report(ReportError::Unreal(what))
}
