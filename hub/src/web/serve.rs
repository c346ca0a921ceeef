//! Connections of browsers, scripts and proxies: how many, how long they may take for what they
//! send.
//!
//! Answers may take as long as they like: pages that are open listen for changes.

use std::convert::Infallible;
use std::future::Future as _;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, HttpBody};
use axum::extract::ConnectInfo;
use axum::http::{HeaderValue, Request, Response, StatusCode, header};
use axum::response::IntoResponse as _;
use hyper::body::{Frame, Incoming, SizeHint};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{Instant, Sleep, sleep, sleep_until};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::Service as _;

use super::stall::Stalling;

/// Most connections at a time, and most of the files that the process may open; more wait in the
/// kernel's queue.
const CONNECTIONS_MAX: u64 = 4096;
const FILES_SHARE: u64 = 2;
/// How long a new connection may take for its first request's headers.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a connection may stay open without a request.
const IDLE_TIMEOUT: Duration = Duration::from_secs(75);
/// How long a body may be slower than [`BYTES_PER_SECOND_MIN`].
const BODY_PAUSE: Duration = Duration::from_secs(10);
const BYTES_PER_SECOND_MIN: u64 = 1024;
/// How long a reader may take nothing of what is written to it.
const WRITE_PAUSE: Duration = Duration::from_secs(30);
/// Most memory of one connection for reading headers, in bytes.
const READ_BUFFER_BYTES: usize = 64 * 1024;
/// Pause after the system refused a connection, for want of files as a rule.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves until it is told to end, then lets requests finish. Whoever ends it waits for it, and no
/// longer than they want to.
pub async fn serve(listener: TcpListener, router: Router, cancel: CancellationToken) {
    let places = Arc::new(Semaphore::new(connections_max()));
    let tracker = TaskTracker::new();
    loop {
        let next = async {
            let place = Arc::clone(&places).acquire_owned().await;
            (place, listener.accept().await)
        };
        let (place, accepted) = tokio::select! {
            () = cancel.cancelled() => break,
            next = next => next,
        };
        match accepted {
            Ok((stream, peer)) => {
                let (router, cancel) = (router.clone(), cancel.clone());
                tracker.spawn(async move {
                    talk(stream, peer, router, cancel).await;
                    drop(place);
                });
            }
            Err(error) => {
                tracing::debug!(%error, "a connection was not accepted");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    tracker.close();
    tracker.wait().await;
}

fn connections_max() -> usize {
    let files = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    let files = files.current.unwrap_or(u64::MAX);
    let most = CONNECTIONS_MAX.min(files / FILES_SHARE).max(1);
    usize::try_from(most).unwrap_or(1)
}

async fn talk(stream: TcpStream, peer: SocketAddr, router: Router, cancel: CancellationToken) {
    let has_asked = AtomicBool::new(false);
    let service = service_fn(|request: Request<Incoming>| {
        has_asked.store(true, Ordering::Relaxed);
        let router = router.clone();
        async move { Ok::<_, Infallible>(answer(router, peer, request).await) }
    });
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(IDLE_TIMEOUT)
        .max_buf_size(READ_BUFFER_BYTES);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(IDLE_TIMEOUT);
    let connection =
        builder.serve_connection(TokioIo::new(Stalling::new(stream, WRITE_PAUSE)), service);
    let mut connection = pin!(connection);
    let silence = async {
        sleep(HEADER_TIMEOUT).await;
        if has_asked.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
    };
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = silence => return,
        () = cancel.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    // Clients that go away or speak nonsense are not our trouble.
    if let Err(error) = ended {
        tracing::debug!(error, "connection ended early");
    }
}

async fn answer(
    mut router: Router,
    peer: SocketAddr,
    request: Request<Incoming>,
) -> Response<Body> {
    if !is_plainly_framed(&request) {
        let mut refused = StatusCode::BAD_REQUEST.into_response();
        let close = HeaderValue::from_static("close");
        refused.headers_mut().insert(header::CONNECTION, close);
        return refused;
    }
    let mut request = request.map(|body| Body::new(Arriving::new(body, BODY_PAUSE)));
    request.extensions_mut().insert(ConnectInfo(peer));
    match router.call(request).await {
        Ok(answer) => answer,
        Err(never) => match never {},
    }
}

/// Whether a body's end is no matter of opinion: chunks alone, said once. What proxies make of
/// anything else differs.
fn is_plainly_framed<B>(request: &Request<B>) -> bool {
    let encodings = request.headers().get_all(header::TRANSFER_ENCODING);
    let mut encodings = encodings.iter();
    match (encodings.next(), encodings.next()) {
        (None, _) => true,
        (Some(only), None) => only.as_bytes().eq_ignore_ascii_case(b"chunked"),
        (Some(_), Some(_)) => false,
    }
}

/// A body on its way, which may not dribble.
struct Arriving<B> {
    body: B,
    /// When it is too late for the next byte: later by a second for each KiB.
    late: Pin<Box<Sleep>>,
}

/// A body that came too slowly.
#[derive(Debug, thiserror::Error)]
#[error("body did not arrive in time")]
struct Late;

impl<B> Arriving<B> {
    fn new(body: B, pause: Duration) -> Self {
        let late = Box::pin(sleep_until(Instant::now() + pause));
        Self { body, late }
    }
}

impl<B> HttpBody for Arriving<B>
where
    B: HttpBody<Data = Bytes> + Unpin,
    B::Error: std::error::Error + Send + Sync + 'static,
{
    type Data = Bytes;
    type Error = axum::BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::BoxError>>> {
        let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(context) else {
            ready!(self.late.as_mut().poll(context));
            return Poll::Ready(Some(Err(Late.into())));
        };
        if let Some(Ok(frame)) = &frame
            && let Some(data) = frame.data_ref()
        {
            let bytes = u64::try_from(data.len()).unwrap_or(u64::MAX);
            let more = Duration::from_millis(bytes.saturating_mul(1000) / BYTES_PER_SECOND_MIN);
            let late = self.late.deadline() + more;
            self.late.as_mut().reset(late);
        }
        Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use axum::http::header::TRANSFER_ENCODING;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    #[test]
    fn chunks_alone_said_once_are_plain() {
        let is_plain = |encodings: &[&str]| {
            let mut request = Request::new(());
            for encoding in encodings {
                let value = HeaderValue::from_str(encoding).unwrap();
                request.headers_mut().append(TRANSFER_ENCODING, value);
            }
            is_plainly_framed(&request)
        };
        assert!(is_plain(&[]) && is_plain(&["Chunked"]));
        for doubtful in [
            &["gzip, chunked"][..],
            &["x", "chunked"],
            &["chunked", "chunked"],
        ] {
            assert!(!is_plain(doubtful), "{doubtful:?}");
        }
    }

    #[tokio::test]
    async fn a_body_that_dribbles_ends_and_one_that_comes_does_not() {
        let (mut to, from) = tokio::io::duplex(64 * 1024);
        let stream = tokio_util::io::ReaderStream::new(from);
        let body = Body::from_stream(stream);
        let mut body = pin!(Arriving::new(body, Duration::from_millis(50)));
        let mut next = async || std::future::poll_fn(|cx| body.as_mut().poll_frame(cx)).await;
        for _ in 0..3 {
            to.write_all(b"x").await.unwrap();
            assert!(next().await.unwrap().is_ok());
        }
        assert!(next().await.unwrap().is_err());
    }

    #[tokio::test]
    async fn requests_are_answered_and_the_end_waits_for_them() {
        let router = Router::new().route("/", axum::routing::get(|| async { "here" }));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let cancel = CancellationToken::new();
        let tracker = TaskTracker::new();
        let serving = tracker.spawn(serve(listener, router, cancel.clone()));
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
        stream.write_all(request).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("here"));
        cancel.cancel();
        serving.await.unwrap();
    }
}
