//! Streams through the link.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use super::way::Pipe;
use super::{Direction, Shared, Transport};
use crate::chance::Chance;

/// Bytes that are taken at once.
const CHUNK_BYTES: usize = 16 * 1024;
/// Chunks on their way in one direction of a stream; then the sender waits.
const CHUNKS_MAX: usize = 256;
/// Streams at a time.
const STREAMS_MAX: usize = 64;
/// How often a stream that is held looks whether it may go on.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Carries streams until the link ends.
pub(super) async fn serve(
    shared: Arc<Shared>,
    listener: std::net::TcpListener,
    mut chance: Chance,
) {
    let mut streams = JoinSet::new();
    let Ok(listener) = TcpListener::from_std(listener) else {
        return;
    };
    loop {
        tokio::select! {
            accepted = listener.accept(), if streams.len() < STREAMS_MAX => {
                if let Ok((relay, _)) = accepted {
                    let pipes = [Pipe::new(chance.fork()), Pipe::new(chance.fork())];
                    streams.spawn(carry(Arc::clone(&shared), relay, pipes));
                }
            }
            Some(_) = streams.join_next() => {}
        }
    }
}

/// One stream, until either side ends it or it is blocked.
async fn carry(shared: Arc<Shared>, relay: TcpStream, pipes: [Pipe; 2]) {
    if shared.with(|conditions| conditions.is_tcp_blocked) {
        return;
    }
    // The relay's connection stands; the hub's comes when the link lets it.
    while is_held(&shared, Direction::ToHub) {
        sleep(LOOK_EVERY).await;
    }
    let Ok(hub) = TcpStream::connect(shared.target).await else {
        return;
    };
    drop(relay.set_nodelay(true));
    drop(hub.set_nodelay(true));
    let (from_relay, to_relay) = relay.into_split();
    let (from_hub, to_hub) = hub.into_split();
    let [up, down] = pipes;
    let up = one_way(&shared, Direction::ToHub, up, from_relay, to_hub);
    let down = one_way(&shared, Direction::ToRelay, down, from_hub, to_relay);
    let blocked = async {
        while !shared.with(|conditions| conditions.is_tcp_blocked) {
            sleep(LOOK_EVERY).await;
        }
    };
    tokio::select! {
        _ = async { tokio::join!(up, down) } => {}
        () = blocked => {}
    }
}

fn is_held(shared: &Shared, direction: Direction) -> bool {
    let now = shared.now();
    shared.with(|conditions| conditions.way(direction).is_black_hole || !conditions.is_up(now))
}

async fn one_way(
    shared: &Shared,
    direction: Direction,
    pipe: Pipe,
    from: OwnedReadHalf,
    to: OwnedWriteHalf,
) {
    let (chunks, arriving) = mpsc::channel(CHUNKS_MAX);
    tokio::join!(
        take(shared, direction, pipe, from, chunks),
        hand_over(shared, direction, to, arriving),
    );
}

async fn take(
    shared: &Shared,
    direction: Direction,
    mut pipe: Pipe,
    mut from: OwnedReadHalf,
    chunks: mpsc::Sender<(Duration, Bytes)>,
) {
    let mut buffer = vec![0; CHUNK_BYTES];
    loop {
        let Ok(len) = from.read(&mut buffer).await else {
            return;
        };
        if len == 0 {
            return;
        }
        let chunk = Bytes::copy_from_slice(buffer.get(..len).unwrap_or_default());
        shared.count(Transport::Tcp, direction, &chunk);
        let way = shared.with(|conditions| conditions.way(direction).clone());
        let at = pipe.stream(&way, shared.now(), len);
        if chunks.send((at, chunk)).await.is_err() {
            return;
        }
    }
}

async fn hand_over(
    shared: &Shared,
    direction: Direction,
    mut to: OwnedWriteHalf,
    mut arriving: mpsc::Receiver<(Duration, Bytes)>,
) {
    let began = Instant::from_std(shared.began);
    while let Some((at, chunk)) = arriving.recv().await {
        sleep_until(began + at).await;
        while is_held(shared, direction) {
            sleep(LOOK_EVERY).await;
        }
        if to.write_all(&chunk).await.is_err() {
            return;
        }
    }
    // The end travels like the bytes before it.
    drop(to.shutdown().await);
}
