//! Connections: how many, how long, which HTTP.

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::rt::{Read, Write};
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulConnection;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{sleep, timeout};
use tokio_util::task::TaskTracker;

use super::guests::Guest;
use super::{Door, handle};
use crate::clock;

/// Most memory of one HTTP/1 connection for reading, in bytes. A pixel's event is in its headers.
const READ_BUFFER_BYTES: usize = 32 * 1024;
/// Most requests at a time on one HTTP/2 connection.
const STREAMS_MAX: u32 = 32;
/// Largest headers over HTTP/2, in bytes.
const HEADER_LIST_BYTES: u32 = 32 * 1024;
/// Pause after the system refused a connection, for want of files as a rule.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// How long a connection waits for a place before one more is cut for it.
const PLACE_PAUSE: Duration = Duration::from_millis(20);
/// Shortest pause between two looks at a connection that is quiet.
const QUIET_PAUSE: Duration = Duration::from_millis(100);
/// How long the end waits for the next request of a connection, which may be on its way, so that a
/// restart refuses nobody: whoever is answered is told that the connection ends. Longer than a
/// request takes from afar or from a busy host; twice of it is less than the two seconds of an end.
const LATE_REQUEST: Duration = Duration::from_millis(700);

/// Takes connections until the door closes, then waits for those that are open.
pub(super) async fn accept(listener: TcpListener, door: Arc<Door>) {
    let places = Arc::new(Semaphore::new(door.config.connections_max as usize));
    let tracker = TaskTracker::new();
    loop {
        let accepted = tokio::select! {
            () = door.cancel.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                let place = place(&places, &door).await;
                let door = Arc::clone(&door);
                tracker.spawn(async move {
                    let (number, guest) = door.guests.welcome(peer);
                    tokio::select! {
                        () = talk(stream, &guest, &door) => {}
                        () = cut(&guest) => {}
                    }
                    door.guests.leave(number);
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

/// A place, made free if need be. When the door closes meanwhile the places become free anyway:
/// whoever was accepted is served.
async fn place(places: &Arc<Semaphore>, door: &Door) -> Option<OwnedSemaphorePermit> {
    loop {
        if let Ok(place) = Arc::clone(places).try_acquire_owned() {
            return Some(place);
        }
        door.guests.cut_one(clock::monotonic());
        let free = Arc::clone(places).acquire_owned();
        if let Ok(place) = timeout(PLACE_PAUSE, free).await {
            return place.ok();
        }
    }
}

/// Ends when the connection is cut; whoever was sending a body is told.
async fn cut(guest: &Guest) {
    guest.cut.cancelled().await;
    if guest.is_asking() {
        sleep(LATE_REQUEST).await;
    }
}

async fn talk(stream: TcpStream, guest: &Arc<Guest>, door: &Arc<Door>) {
    // Answers are small and waited for.
    let no_delay = stream.set_nodelay(true);
    match (no_delay, detect(&stream, door).await) {
        (Ok(()), Some(true)) => talk_http2(TokioIo::new(stream), guest, door).await,
        (Ok(()), Some(false)) => talk_http1(TokioIo::new(stream), guest, door).await,
        _ => {}
    }
}

/// Whether the client speaks HTTP/2; `None` when it says nothing in time.
async fn detect(stream: &TcpStream, door: &Door) -> Option<bool> {
    let mut detecting = pin!(timeout(door.config.header_timeout.0, is_http2(stream)));
    let detected = tokio::select! {
        detected = detecting.as_mut() => detected,
        () = door.cancel.cancelled() => timeout(LATE_REQUEST, detecting).await.ok()?,
    };
    detected.ok()?.ok()
}

/// HTTP/2 without TLS begins with `PRI`; no method of HTTP/1 does.
async fn is_http2(stream: &TcpStream) -> std::io::Result<bool> {
    const PREFACE: &[u8] = b"PRI";
    let mut seen = [0; PREFACE.len()];
    loop {
        let n_seen = stream.peek(&mut seen).await?;
        let seen = seen.get(..n_seen).unwrap_or_default();
        if n_seen == PREFACE.len() || !PREFACE.starts_with(seen) || seen.is_empty() {
            return Ok(seen == PREFACE);
        }
        // Almost nobody sends one byte at a time.
        sleep(Duration::from_millis(5)).await;
    }
}

async fn talk_http1<I: Read + Write + Unpin + 'static>(
    io: I,
    guest: &Arc<Guest>,
    door: &Arc<Door>,
) {
    let service = service_fn(|request: http::Request<Incoming>| {
        let (door, guest) = (Arc::clone(door), Arc::clone(guest));
        async move {
            let _asking = guest.ask();
            Ok::<_, Infallible>(handle::request(&door, &guest, request).await)
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(door.config.idle_timeout.0)
        .max_buf_size(READ_BUFFER_BYTES)
        .serve_connection(io, service);
    serve(connection, door, guest).await;
}

async fn talk_http2<I: Read + Write + Unpin + 'static>(
    io: I,
    guest: &Arc<Guest>,
    door: &Arc<Door>,
) {
    let service = service_fn(|request: http::Request<Incoming>| {
        let (door, guest) = (Arc::clone(door), Arc::clone(guest));
        async move {
            let _asking = guest.ask();
            Ok::<_, Infallible>(handle::request(&door, &guest, request).await)
        }
    });
    let connection = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .keep_alive_interval(door.config.idle_timeout.0)
        .keep_alive_timeout(door.config.header_timeout.0)
        .max_concurrent_streams(STREAMS_MAX)
        .max_header_list_size(HEADER_LIST_BYTES)
        .serve_connection(io, service);
    serve(connection, door, guest).await;
}

/// Serves a connection until it ends, is silent for too long, or the door closes.
async fn serve<C>(connection: C, door: &Door, guest: &Guest)
where
    C: GracefulConnection<Error = hyper::Error>,
{
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = silence(door, guest) => {
            connection.as_mut().graceful_shutdown();
            let Ok(ended) = timeout(LATE_REQUEST, connection).await else { return };
            ended
        }
        () = door.cancel.cancelled() => {
            match timeout(LATE_REQUEST, next_request(connection.as_mut(), guest)).await {
                Ok(Some(ended)) => ended,
                Ok(None) | Err(_) => {
                    connection.as_mut().graceful_shutdown();
                    connection.await
                }
            }
        }
    };
    note(ended);
}

/// Drives a connection until it asks for something, or has ended. One that asks already is not
/// driven: its answer may be ready, and would go without telling of the end.
async fn next_request<C>(mut connection: Pin<&mut C>, guest: &Guest) -> Option<hyper::Result<()>>
where
    C: GracefulConnection<Error = hyper::Error>,
{
    if guest.is_asking() {
        return None;
    }
    poll_fn(|context| match connection.as_mut().poll(context) {
        Poll::Ready(ended) => Poll::Ready(Some(ended)),
        Poll::Pending if guest.is_asking() => Poll::Ready(None),
        Poll::Pending => Poll::Pending,
    })
    .await
}

/// Ends when a connection has been open for long enough without its first request, or has not
/// asked again, or not taken its answer, for longer than it may be idle.
async fn silence(door: &Door, guest: &Guest) {
    sleep(door.config.header_timeout.0).await;
    if !guest.has_asked() {
        return;
    }
    let idle_max = door.config.idle_timeout.0;
    loop {
        let quiet = guest.quiet_for(clock::monotonic());
        if quiet >= idle_max {
            return;
        }
        sleep(idle_max.saturating_sub(quiet).max(QUIET_PAUSE)).await;
    }
}

/// Clients that go away or speak nonsense are not our trouble.
fn note(ended: hyper::Result<()>) {
    if let Err(error) = ended {
        tracing::debug!(%error, "connection ended early");
    }
}
