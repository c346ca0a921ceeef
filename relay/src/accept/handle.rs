//! One request, from its headers to its answer.

use std::future::poll_fn;
use std::net::{IpAddr, SocketAddr};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Uri};
use http_body_util::Full;
use hyper::body::Incoming;
use protocol::auth::{self, Credentials, Sources};
use protocol::ids::{IdError, ProjectId};
use protocol::limits::STORE_BYTES_MAX;

use super::Door;
use super::answer::{self, Answer, Look};
use super::body::{self, Begun, Held, Read};
use super::decode::{self, Encoding};
use super::form;
use super::guests::Guest;
use super::large::{self, LARGE_BODY_BYTES};
use super::route::{self, Endpoint, Route};
use super::upload;
use crate::clock;
use crate::pipeline::{self, Form, Refusal};
use crate::report::{self, UNPACKED_BYTES_MAX};

/// Compressed bodies up to this size are unpacked where they arrive, larger ones beside.
const INLINE_BYTES_MAX: usize = 32 * 1024;
/// Longest `Origin` or `Referer` that is looked at, in bytes.
const ORIGIN_BYTES_MAX: usize = 2048;
/// Longest `User-Agent` that is looked at, in bytes.
const USER_AGENT_BYTES_MAX: usize = 1024;

/// Answers, whatever comes.
pub(super) async fn request(door: &Arc<Door>, guest: &Guest, request: Request<Incoming>) -> Answer {
    if !is_plainly_framed(&request) {
        let refusal = Refusal::Framing;
        door.pipeline.refuse_unread(&refusal);
        return answer::last(answer::refused(&refusal, Look::Json));
    }
    let began = clock::monotonic();
    let Some(route) = route::of(request.uri().path()) else {
        return beside(door, &request);
    };
    let look = Look::of(&route.endpoint, &request);
    let upload = match &route.endpoint {
        Endpoint::Upload { id } => Some(id.clone()),
        _ => None,
    };
    let answer = match (request.method(), &route.endpoint) {
        (_, Endpoint::Upload { .. }) => {
            let id = upload.flatten();
            upload::request(door, guest, route, id.as_deref(), request).await
        }
        (&Method::OPTIONS, _) => answer::preflight(),
        (&Method::GET, Endpoint::Dialog) => answer::dialog(),
        (&Method::POST, Endpoint::PlayStation) if asks_what_is_wanted(request.headers()) => {
            answer::wanted_of_a_console()
        }
        (&Method::POST, _) | (&Method::GET, Endpoint::Store | Endpoint::CheckIn { .. }) => {
            ingest(door, guest, route, request, look).await
        }
        (_, endpoint) => answer::not_allowed(endpoint.allow()),
    };
    let took = clock::monotonic().saturating_sub(began);
    let status = answer.status().as_u16();
    door.pipeline.meter().answered(status, took);
    answer
}

/// Whether a console asks which of its files are wanted.
fn asks_what_is_wanted(headers: &HeaderMap) -> bool {
    let content_type = text(headers, "content-type").unwrap_or_default();
    content_type.contains(report::DATA_REQUEST)
}

/// Whether a body's end is no matter of opinion: chunks alone, said once. What proxies make of
/// anything else differs.
fn is_plainly_framed(request: &Request<Incoming>) -> bool {
    let mut encodings = request.headers().get_all("transfer-encoding").iter();
    match (encodings.next(), encodings.next()) {
        (None, _) => true,
        (Some(only), None) => only.as_bytes().eq_ignore_ascii_case(b"chunked"),
        (Some(_), Some(_)) => false,
    }
}

fn beside(door: &Door, request: &Request<Incoming>) -> Answer {
    let path = request.uri().path();
    let found = matches!(*request.method(), Method::GET | Method::HEAD)
        .then(|| door.beside.answer(path))
        .flatten();
    found.map_or_else(answer::not_found, |found| found.map(Full::new))
}

async fn ingest(
    door: &Arc<Door>,
    guest: &Guest,
    route: Route,
    request: Request<Incoming>,
    look: Look,
) -> Answer {
    let taken = match ask(door, guest, route, request, look).await {
        // The pipeline counts what it refuses by items; what it never saw is counted here.
        Ok((asked, _held)) => unpanicked(door.pipeline.take(asked)).await,
        Err(refusal) => {
            door.pipeline.refuse_unread(&refusal);
            Err(refusal)
        }
    };
    match taken {
        Ok(taken) => answer::taken(&taken, look),
        Err(refusal) => {
            let error = &refusal;
            tracing::debug!(%error, status = refusal.status(), "request refused");
            answer::refused(&refusal, look)
        }
    }
}

/// A bug met by one request is answered 500, and the next request is served.
async fn unpanicked<T>(work: impl Future<Output = Result<T, Refusal>>) -> Result<T, Refusal> {
    let mut work = pin!(work);
    poll_fn(|cx| {
        let polled = catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(cx)));
        polled.unwrap_or_else(|_| {
            tracing::error!("a step panicked, the request is answered 500");
            Poll::Ready(Err(Refusal::Broken))
        })
    })
    .await
}

/// What the head of a request says: who sends what, and how it is packed.
#[derive(Debug)]
pub struct Head {
    form: Form,
    encoding: Encoding,
    credentials: Result<Option<Credentials>, auth::AuthError>,
    project: Result<Option<ProjectId>, IdError>,
}

impl Head {
    /// Reads a head; `None` where nothing is served at its address.
    #[must_use]
    pub fn read(uri: &Uri, headers: &HeaderMap) -> Option<Result<Self, Refusal>> {
        let route = route::of(uri.path())?;
        Some(Self::of(route, headers, uri.query()))
    }

    fn of(route: Route, headers: &HeaderMap, query: Option<&str>) -> Result<Self, Refusal> {
        let given = credentials(headers, query, &route.endpoint);
        let (credentials, project) = match route.endpoint {
            Endpoint::Dialog => form::dialog_sender(query),
            _ => (given, route.project),
        };
        Ok(Self {
            form: form::of(route.endpoint, headers, query)?,
            encoding: Encoding::parse(text(headers, "content-encoding"))?,
            credentials,
            project,
        })
    }
}

/// The request as the pipeline takes it, with the memory it holds.
async fn ask(
    door: &Arc<Door>,
    guest: &Guest,
    route: Route,
    request: Request<Incoming>,
    look: Look,
) -> Result<(pipeline::Request, Held), Refusal> {
    let (parts, incoming) = request.into_parts();
    let query = parts.uri.query();
    let Head {
        form,
        encoding,
        credentials,
        project,
    } = Head::of(route, &parts.headers, query)?;
    let mut asked = asked(guest, &parts.headers, form, credentials, project);
    let large = large::may_be_large(&asked.form).then_some(LARGE_BODY_BYTES);
    let read = match body::read(incoming, door, guest, encoding, large).await? {
        Read::Whole(_, held) if look == Look::Pixel => {
            Unpacked::Whole(form::sentry_data(query), held)
        }
        Read::Whole(body, held) => unpack(door, &asked, encoding, body, held).await?,
        Read::Large(begun) => Unpacked::Large(begun, encoding),
    };
    let (body, held) = match read {
        Unpacked::Whole(body, held) => (body, held),
        Unpacked::Large(begun, encoding) => {
            large::read(begun, door, guest, encoding, &mut asked).await?
        }
    };
    let may_be_empty = matches!(&asked.form, Form::Report(report) if report.may_be_empty());
    if body.is_empty() && !may_be_empty {
        return Err(Refusal::EmptyBody);
    }
    asked.body = body;
    (asked.received_at, asked.now) = (clock::now(), clock::monotonic());
    Ok((asked, held))
}

/// A request of which the headers are here.
pub(super) fn asked(
    guest: &Guest,
    headers: &HeaderMap,
    form: Form,
    credentials: Result<Option<Credentials>, auth::AuthError>,
    project: Result<Option<ProjectId>, IdError>,
) -> pipeline::Request {
    pipeline::Request {
        form,
        body: Bytes::new(),
        project,
        credentials,
        origin: origin(headers),
        remote_addr: Some(client_address(headers, guest.peer)),
        user_agent: text(headers, "user-agent").map(|t| cut(t, USER_AGENT_BYTES_MAX)),
        received_at: clock::now(),
        now: clock::monotonic(),
    }
}

pub(super) fn credentials(
    headers: &HeaderMap,
    query: Option<&str>,
    endpoint: &Endpoint,
) -> Result<Option<Credentials>, auth::AuthError> {
    let path_key = match endpoint {
        Endpoint::Unreal { key } => Some(key.as_str()),
        Endpoint::CheckIn { key, .. } => key.as_deref(),
        _ => None,
    };
    auth::from_request(&Sources {
        x_sentry_auth: text(headers, "x-sentry-auth"),
        authorization: text(headers, "authorization"),
        query,
        path_key,
    })
}

/// A body that was unpacked.
enum Unpacked<'a> {
    Whole(Bytes, Held),
    /// It is too large to be held, and packed like this.
    Large(Begun<'a>, Encoding),
}

async fn unpack<'a>(
    door: &Arc<Door>,
    asked: &pipeline::Request,
    encoding: Encoding,
    body: Bytes,
    held: Held,
) -> Result<Unpacked<'a>, Refusal> {
    let (of_form, beyond) = match &asked.form {
        Form::Envelope => (None, 0),
        // Base64 of the largest event is a third larger.
        Form::Store => (Some(STORE_BYTES_MAX * 2), 0),
        Form::Report(report) if report.is_packed() => (report.bytes_max(), UNPACKED_BYTES_MAX),
        Form::Report(report) => (report.bytes_max(), 0),
    };
    let large = large::may_be_large(&asked.form);
    let bytes_max = body::to_usize(door.config.decompressed_bytes_max);
    let bytes_max = bytes_max.min(of_form.unwrap_or(usize::MAX)).min(if large {
        LARGE_BODY_BYTES
    } else {
        usize::MAX
    });
    let is_small = encoding == Encoding::Identity || body.len() <= INLINE_BYTES_MAX;
    let form = asked.form.clone();
    let unpack = move || unpack_here(&form, encoding, body, held, bytes_max, beyond);
    if is_small {
        return unpack();
    }
    let unpacked = door.pipeline.aside().run(asked.whose(), unpack).await;
    unpacked.ok_or(Refusal::Broken)?
}

fn unpack_here<'a>(
    form: &Form,
    encoding: Encoding,
    body: Bytes,
    mut held: Held,
    bytes_max: usize,
    beyond: usize,
) -> Result<Unpacked<'a>, Refusal> {
    let whole = |bytes, held| Begun {
        bytes,
        arriving: None,
        held: Some(held),
    };
    let unpacked = match decode::decode(encoding, body.clone(), bytes_max, &mut held) {
        Err(Refusal::BodyTooLarge { .. }) if large::may_be_large(form) => {
            return Ok(Unpacked::Large(whole(body, held), encoding));
        }
        unpacked => unpacked?,
    };
    if beyond > 0 {
        held.grow(unpacked.len().saturating_mul(2) + beyond)?;
    }
    match form {
        Form::Report(report) if report::is_larger_inside(report, &unpacked) => {
            Ok(Unpacked::Large(whole(unpacked, held), Encoding::Identity))
        }
        _ => Ok(Unpacked::Whole(unpacked, held)),
    }
}

/// `Origin`, else the page in `Referer`.
fn origin(headers: &HeaderMap) -> Option<String> {
    let is_web = |text: &&str| text.starts_with("http://") || text.starts_with("https://");
    let origin = text(headers, "origin");
    let origin = origin.or_else(|| text(headers, "referer").filter(is_web));
    origin.map(|text| cut(text, ORIGIN_BYTES_MAX))
}

/// The first address of `X-Forwarded-For`, else the peer's.
fn client_address(headers: &HeaderMap, peer: SocketAddr) -> IpAddr {
    let forwarded = text(headers, "x-forwarded-for").and_then(|list| list.split(',').next());
    let forwarded = forwarded.map(str::trim).and_then(|addr| {
        let with_port = || addr.parse::<SocketAddr>().map(|addr| addr.ip());
        addr.parse().or_else(|_| with_port()).ok()
    });
    forwarded.unwrap_or_else(|| peer.ip()).to_canonical()
}

pub(super) fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

fn cut(text: &str, bytes_max: usize) -> String {
    let mut text = text.to_owned();
    text.truncate(text.floor_char_boundary(bytes_max));
    text
}
