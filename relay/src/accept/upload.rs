//! Large files, in as many requests as it takes: the tus protocol, version 1.0.0, with creation.
//!
//! Where a client goes on is said by every answer, and lies some way before what was sent: the
//! bytes between are scrubbed with what follows them, and sent again.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{self, HeaderName, HeaderValue};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use protocol::ids::WholeId;

use super::answer::{self, Answer, Look};
use super::decode::Encoding;
use super::guests::Guest;
use super::handle;
use super::route::Route;
use super::source::{Content, End, Source};
use super::tus::{self, Creation, Piece, VERSION};
use super::{Door, body, large};
use crate::pipeline::{self, Files, Form, Refusal};
use crate::upload::{Progress, Sender, UPLOAD_BYTES_MAX, UploadError};

/// What clients are advised to send in one request, in bytes.
const CHUNK_BYTES: u64 = 16 * 1024 * 1024;

const RESUMABLE: HeaderName = HeaderName::from_static("tus-resumable");
const UPLOAD_LENGTH: HeaderName = HeaderName::from_static("upload-length");
const DEFER_LENGTH: HeaderName = HeaderName::from_static("upload-defer-length");
const UPLOAD_OFFSET: HeaderName = HeaderName::from_static("upload-offset");
const CHUNK_SIZE: HeaderName = HeaderName::from_static("upload-chunk-size");

/// Answers, whatever comes.
pub(super) async fn request(
    door: &Arc<Door>,
    guest: &Guest,
    route: Route,
    id: Option<&str>,
    request: Request<Incoming>,
) -> Answer {
    let project = route.project.as_ref().ok().copied().flatten();
    let answered = match (request.method(), id) {
        (&Method::OPTIONS, _) => Ok(options()),
        (&Method::POST, None) => create(door, guest, route, request).await,
        (&Method::HEAD | &Method::PATCH, Some(id)) => go_on(door, guest, route, id, request).await,
        _ => return answer::not_allowed(route.endpoint.allow()),
    };
    let mut answer = answered.unwrap_or_else(|refusal| {
        // Who is told where to go on has lost nothing.
        let is_told = matches!(
            refusal,
            Refusal::Upload(UploadError::Offset { .. } | UploadError::Busy | UploadError::Unknown)
        );
        match project {
            _ if is_told => {}
            Some(project) if is_of_file(&refusal) => door.pipeline.refuse_file(project, &refusal),
            _ => door.pipeline.refuse_unread(&refusal),
        }
        answer::refused(&refusal, Look::Empty(204))
    });
    set(&mut answer, RESUMABLE, HeaderValue::from_static(VERSION));
    answer
}

/// Whether it says of a file whose sender is known that it is not taken.
const fn is_of_file(refusal: &Refusal) -> bool {
    matches!(
        refusal,
        Refusal::Upload(_)
            | Refusal::FileLimit { .. }
            | Refusal::Withheld
            | Refusal::HeldBack
            | Refusal::FairShare
            | Refusal::Drained
    )
}

/// What is served, for who asks.
fn options() -> Answer {
    let mut answer = answer::preflight();
    for (name, value) in [
        ("tus-version", VERSION),
        (
            "tus-extension",
            "creation,creation-with-upload,creation-defer-length",
        ),
        ("access-control-allow-methods", "POST, PATCH, HEAD, OPTIONS"),
    ] {
        let name = HeaderName::from_static(name);
        set(&mut answer, name, HeaderValue::from_static(value));
    }
    let most = HeaderName::from_static("tus-max-size");
    set(&mut answer, most, HeaderValue::from(UPLOAD_BYTES_MAX));
    answer
}

async fn create(
    door: &Arc<Door>,
    guest: &Guest,
    route: Route,
    request: Request<Incoming>,
) -> Result<Answer, Refusal> {
    let creation = Creation::read(request.headers())?;
    let asked = asked(guest, &route, &request);
    let sender = door.pipeline.sender(&asked, None)?;
    let coming = Coming::of(request.headers(), 0)?;
    let id = begin(door, &asked, &sender, creation).await?;
    let mut progress = Progress {
        offset: 0,
        length: creation.length,
    };
    if creation.has_piece {
        progress = feed(door, guest, &sender, id, coming, request.into_body()).await?;
    }
    let mut answer = answered(StatusCode::CREATED, progress);
    let location = format!("/api/{}/upload/{id}/", sender.project);
    if let Ok(location) = HeaderValue::try_from(location) {
        set(&mut answer, header::LOCATION, location);
    }
    set(&mut answer, CHUNK_SIZE, HeaderValue::from(CHUNK_BYTES));
    Ok(answer)
}

/// A place for a file, taken from the limits of its project.
async fn begin(
    door: &Door,
    asked: &pipeline::Request,
    sender: &Sender,
    creation: Creation,
) -> Result<WholeId, Refusal> {
    match door.pipeline.files() {
        Files::Taken => {}
        Files::Withheld => return Err(Refusal::Withheld),
        Files::HeldBack => return Err(Refusal::HeldBack),
        Files::Drained => return Err(Refusal::Drained),
    }
    door.pipeline.charge(asked, None, creation.is_crash)?;
    let uploads = door.pipeline.uploads();
    let created = uploads.create(sender, creation.length).await;
    created.map_err(Refusal::Upload)
}

async fn go_on(
    door: &Arc<Door>,
    guest: &Guest,
    route: Route,
    id: &str,
    request: Request<Incoming>,
) -> Result<Answer, Refusal> {
    tus::check_version(request.headers())?;
    let unknown = |_| Refusal::Upload(UploadError::Unknown);
    let id: WholeId = id.parse().map_err(unknown)?;
    let sender = door
        .pipeline
        .sender(&asked(guest, &route, &request), None)?;
    let uploads = door.pipeline.uploads();
    if request.method() == Method::HEAD {
        let progress = uploads.progress(sender.project, id);
        let progress = progress.map_err(Refusal::Upload)?;
        return Ok(answered(StatusCode::OK, progress));
    }
    let piece = Piece::read(request.headers())?;
    let coming = Coming::of(request.headers(), piece.offset)?;
    if let Some(length) = piece.length {
        let set = uploads.set_length(sender.project, id, length);
        set.map_err(Refusal::Upload)?;
    }
    let body = request.into_body();
    let progress = feed(door, guest, &sender, id, coming, body).await?;
    Ok(answered(StatusCode::NO_CONTENT, progress))
}

/// How a piece of the file comes.
#[derive(Clone, Copy)]
struct Coming {
    /// Where it begins, in bytes.
    offset: u64,
    encoding: Encoding,
    /// Bytes of it once it is unpacked, where that is told.
    length: Option<u64>,
}

impl Coming {
    fn of(headers: &HeaderMap, offset: u64) -> Result<Self, Refusal> {
        Ok(Self {
            offset,
            encoding: Encoding::parse(handle::text(headers, "content-encoding"))?,
            length: tus::number(headers, tus::DECODED_LENGTH)?,
        })
    }
}

/// Takes a piece of the file, as long as was told or of any length.
async fn feed(
    door: &Arc<Door>,
    guest: &Guest,
    sender: &Sender,
    id: WholeId,
    coming: Coming,
    body: Incoming,
) -> Result<Progress, Refusal> {
    let _place = large::place(door)?;
    let upload = door.pipeline.uploads().turn(sender, id, coming.offset);
    let mut upload = upload.map_err(Refusal::Upload)?;
    let around = large::HELD_BYTES + coming.encoding.memory();
    let _held = door.budget.first(around).await?;
    let _reading = guest.read();
    let arriving = body::arriving(body, door, guest)?;
    let source = Source::open(Bytes::new(), Some(arriving), coming.encoding).await?;
    let mut source = source.up_to(usize::try_from(UPLOAD_BYTES_MAX).unwrap_or(usize::MAX));
    let mut content = Content::new(&mut source, End::Body);
    let mut n_bytes = 0;
    while let Some(bytes) = content.next().await? {
        n_bytes += bytes.len() as u64;
        if coming.length.is_some_and(|length| n_bytes > length) {
            break;
        }
        upload.push(&bytes).await.map_err(Refusal::Upload)?;
    }
    if coming.length.is_some_and(|length| n_bytes != length) {
        return Err(Refusal::UploadHeader(tus::DECODED_LENGTH));
    }
    upload.finish().await.map_err(Refusal::Upload)
}

fn asked(guest: &Guest, route: &Route, request: &Request<Incoming>) -> pipeline::Request {
    let (headers, query) = (request.headers(), request.uri().query());
    let given = handle::credentials(headers, query, &route.endpoint);
    handle::asked(guest, headers, Form::Envelope, given, route.project.clone())
}

fn answered(status: StatusCode, progress: Progress) -> Answer {
    let mut answer = Response::new(Full::<Bytes>::default());
    *answer.status_mut() = status;
    set(
        &mut answer,
        UPLOAD_OFFSET,
        HeaderValue::from(progress.offset),
    );
    match progress.length {
        Some(length) => set(&mut answer, UPLOAD_LENGTH, HeaderValue::from(length)),
        None => set(&mut answer, DEFER_LENGTH, HeaderValue::from_static("1")),
    }
    let kept = HeaderValue::from_static("no-store");
    set(&mut answer, header::CACHE_CONTROL, kept);
    answer::open_to_browsers(answer)
}

fn set(answer: &mut Answer, name: HeaderName, value: HeaderValue) {
    answer.headers_mut().insert(name, value);
}
