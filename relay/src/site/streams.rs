//! TCP streams to the hub.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::{Meter, count};
use crate::forward;

/// Bytes moved at once.
const CHUNK_BYTES: usize = 16 * 1024;
/// How long nobody is accepted after that failed: files may have run out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The streams that pass.
pub(super) struct Streams {
    pub(super) listener: TcpListener,
    pub(super) link: forward::Handle,
    pub(super) flows_max: usize,
    pub(super) idle: Duration,
    pub(super) meter: Arc<Meter>,
}

impl Streams {
    pub(super) async fn run(self, cancel: CancellationToken) {
        let places = Arc::new(Semaphore::new(self.flows_max.min(Semaphore::MAX_PERMITS)));
        let mut flows = JoinSet::new();
        loop {
            let accepted = tokio::select! {
                () = cancel.cancelled() => return,
                // Ends those that are done with; `None` when there is none.
                Some(_) = flows.join_next() => continue,
                accepted = self.listener.accept() => accepted,
            };
            let stream = match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::debug!(%error, "connection not accepted");
                    sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
                count(&self.meter.refused, 1);
                continue;
            };
            let (link, meter, idle) = (self.link.clone(), Arc::clone(&self.meter), self.idle);
            flows.spawn(async move {
                let _place = place;
                match link.open_stream().await {
                    Ok(hub) => pass(stream, hub, idle, &meter).await,
                    Err(error) => {
                        count(&meter.refused, 1);
                        tracing::debug!(%error, "no way to the hub for a relay");
                    }
                }
            });
        }
    }
}

async fn pass(relay: TcpStream, hub: TcpStream, idle: Duration, meter: &Meter) {
    meter.tcp_flows.fetch_add(1, Ordering::Relaxed);
    let moved = async {
        relay.set_nodelay(true)?;
        let (relay_in, relay_out) = relay.into_split();
        let (hub_in, hub_out) = hub.into_split();
        tokio::try_join!(
            copy(relay_in, hub_out, idle, &meter.bytes_up),
            copy(hub_in, relay_out, idle, &meter.bytes_down),
        )
    };
    if let Err(error) = moved.await {
        let error: io::Error = error;
        tracing::debug!(%error, "a relay's stream ended");
    }
    meter.tcp_flows.fetch_sub(1, Ordering::Relaxed);
}

/// Moves bytes one way until the end, and says the end on.
async fn copy(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    idle: Duration,
    meter: &AtomicU64,
) -> io::Result<()> {
    let mut buffer = vec![0; CHUNK_BYTES];
    loop {
        let n = timeout(idle, from.read(&mut buffer)).await??;
        let Some(bytes) = buffer.get(..n).filter(|bytes| !bytes.is_empty()) else {
            return to.shutdown().await;
        };
        timeout(idle, to.write_all(bytes)).await??;
        count(meter, n);
    }
}
