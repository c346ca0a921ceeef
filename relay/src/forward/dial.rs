//! The way to the hub: QUIC at once, TCP a little later, and whoever brings the hub's WELCOME
//! first carries the link.
//!
//! A connection is the relay's only when the hub has welcomed it, so a network that lets the
//! handshake pass and nothing after it loses. The hub keeps the connection that the relay goes on
//! with and forgets the other.

use std::future::Future;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use protocol::wire::{Frame, HUB_NAME, PROTO, Welcome};
use quinn::{Endpoint, ZeroRttAccepted};
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use tokio_rustls::TlsConnector;

use super::channel::{Carrier, Channel, FRAME_TIMEOUT, QuicChannel, TcpChannel};
use super::error::LinkError;
use super::proxy::{self, Proxy};
use super::tls::{ConnectError, Secured, quic_config};
use super::{Config, Congestion, HUB_PORT};

/// How long an attempt to connect may take. Long enough for two seconds of round trip and loss.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long an address is tried alone before the next is tried beside it.
const ADDRESS_DELAY: Duration = Duration::from_millis(250);
/// How much longer QUIC may take than TCP, at most. It is the better on a link that is far or
/// loses packets, which is where it may be a lost packet behind.
const QUIC_GRACE_MAX: Duration = Duration::from_secs(5);
/// Most addresses of a name that are tried.
const ADDRESSES_MAX: usize = 4;

/// A connection that the hub has welcomed.
#[derive(Debug)]
pub(super) struct Dialled {
    /// Where.
    pub(super) hub: String,
    pub(super) channel: Channel,
    pub(super) welcome: Welcome,
}

/// Which carriers are tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Plan {
    /// One alone.
    Only(Carrier),
    /// This one, and after a while the other as well.
    First(Carrier, Duration),
}

/// Where to, and with what.
#[derive(Clone, Debug)]
pub(super) struct Way {
    pub(super) hub: String,
    pub(super) tls: Secured,
    pub(super) congestion: Congestion,
    pub(super) proxy: Option<Proxy>,
    pub(super) proxy_auth_file: Option<PathBuf>,
}

impl Way {
    pub(super) fn new(config: &Config, hub: &str, tls: Secured) -> Self {
        Self {
            hub: hub.to_owned(),
            tls,
            congestion: config.congestion,
            proxy: config.proxy.clone(),
            proxy_auth_file: config.proxy_auth_file.clone(),
        }
    }

    /// Connects by one carrier; the handshake is done and the hub is the right one.
    async fn connect(&self, carrier: Carrier) -> Result<Channel, LinkError> {
        let connected = match carrier {
            Carrier::Quic => self.over_quic().await.map(Channel::Quic),
            Carrier::Tcp => self.over_tcp().await.map(Channel::Tcp),
        };
        connected.map_err(|error| self.tls.foreign().map_or(error, LinkError::from))
    }

    async fn over_quic(&self) -> Result<QuicChannel, LinkError> {
        let config = quic_config(self.tls.client.clone(), self.congestion)?;
        let addresses = resolve(&with_port(&self.hub)).await?;
        // Among several the handshake decides, so that nothing can go before it.
        let may_be_early = addresses.len() == 1;
        let (endpoint, connection, early) = first_of(&addresses, |address| {
            let config = config.clone();
            async move { quic_to(address, config, may_be_early).await }
        })
        .await?;
        QuicChannel::open(endpoint, connection, early).await
    }

    async fn over_tcp(&self) -> Result<TcpChannel, LinkError> {
        let target = with_port(&self.hub);
        let auth_file = self.proxy_auth_file.as_deref();
        let (stream, rtt) = open_tcp(&target, self.proxy.as_ref(), auth_file).await?;
        let name = ServerName::try_from(HUB_NAME).map_err(ConnectError::tls)?;
        let connector = TlsConnector::from(Arc::new(self.tls.for_tcp()));
        let connecting = connector.connect(name, stream);
        match timeout(CONNECT_TIMEOUT, connecting).await {
            Ok(Ok(stream)) => Ok(TcpChannel::open(stream, rtt)),
            Ok(Err(error)) => Err(LinkError::Lost(error.to_string())),
            Err(_) => Err(ConnectError::Silent { at: target }.into()),
        }
    }
}

/// A TCP connection to `target` (`host:port`), through the proxy when there is one, and the round
/// trip it has.
pub(super) async fn open_tcp(
    target: &str,
    proxy: Option<&Proxy>,
    auth_file: Option<&Path>,
) -> Result<(TcpStream, Duration), LinkError> {
    let Some(proxy) = proxy else {
        return tcp_to(target).await;
    };
    let (mut stream, rtt) = tcp_to(&proxy.address()).await?;
    let auth = match auth_file {
        Some(file) => Some(proxy::read_auth(file).await.map_err(ConnectError::from)?),
        None => None,
    };
    let passing = proxy::pass(&mut stream, target, auth.as_deref());
    match timeout(CONNECT_TIMEOUT, passing).await {
        Ok(passed) => passed.map_err(ConnectError::from)?,
        Err(_) => {
            let at = proxy.to_string();
            return Err(ConnectError::Silent { at }.into());
        }
    }
    Ok((stream, rtt))
}

/// Connects and presents the relay; the first to be welcomed wins.
pub(super) async fn dial(way: &Way, plan: Plan, hello: &Frame) -> Result<Dialled, LinkError> {
    way.tls.begin();
    let by = async |carrier| {
        let welcomed = welcome(way.connect(carrier).await?, hello).await;
        // Of a handshake that goes on beside what is said early, this is the first word.
        welcomed.map_err(|error| way.tls.foreign().map_or(error, LinkError::from))
    };
    let (quic, tcp) = (by(Carrier::Quic), by(Carrier::Tcp));
    let (channel, welcome) = by_plan(plan, quic, tcp).await?;
    Ok(Dialled {
        hub: way.hub.clone(),
        channel,
        welcome,
    })
}

/// Connects; the first whose handshake is done wins.
pub(super) async fn connect(way: &Way, plan: Plan) -> Result<Channel, LinkError> {
    by_plan(plan, way.connect(Carrier::Quic), way.connect(Carrier::Tcp)).await
}

async fn welcome(mut channel: Channel, hello: &Frame) -> Result<(Channel, Welcome), LinkError> {
    let asked = async {
        channel.send(hello).await?;
        if !channel.was_heard().await? {
            channel.send(hello).await?;
        }
        match timeout(FRAME_TIMEOUT, channel.next()).await {
            Ok(Ok(Frame::Welcome(welcome))) if welcome.proto != PROTO => {
                Err(LinkError::Version(welcome.proto))
            }
            Ok(Ok(Frame::Welcome(welcome))) => Ok(welcome),
            Ok(Ok(_)) => Err(LinkError::Unexpected("frame before Welcome")),
            Ok(Err(error)) => Err(error),
            Err(_) => Err(LinkError::Timeout),
        }
    };
    match asked.await {
        Ok(welcome) => Ok((channel, welcome)),
        Err(error) => Err(channel.close(error).await),
    }
}

/// Why nobody won a race.
enum NoWinner {
    /// The hub was reached and refuses the relay: the other would be told the same.
    Refused(LinkError),
    Both(LinkError, LinkError),
}

async fn by_plan<T>(
    plan: Plan,
    quic: impl Future<Output = Result<T, LinkError>>,
    tcp: impl Future<Output = Result<T, LinkError>>,
) -> Result<T, LinkError> {
    let (quic, tcp) = match plan {
        Plan::Only(Carrier::Quic) => return quic.await,
        Plan::Only(Carrier::Tcp) => return tcp.await,
        Plan::First(Carrier::Quic, delay) => match race(quic, tcp, delay, QUIC_GRACE_MAX).await {
            Ok(won) => return Ok(won),
            Err(NoWinner::Refused(error)) => return Err(error),
            Err(NoWinner::Both(quic, tcp)) => (quic, tcp),
        },
        Plan::First(Carrier::Tcp, delay) => match race(tcp, quic, delay, Duration::ZERO).await {
            Ok(won) => return Ok(won),
            Err(NoWinner::Refused(error)) => return Err(error),
            Err(NoWinner::Both(tcp, quic)) => (quic, tcp),
        },
    };
    if quic.to_string() == tcp.to_string() {
        return Err(quic);
    }
    Err(LinkError::Unreached {
        quic: Box::new(quic),
        tcp: Box::new(tcp),
    })
}

/// Runs one, and beside it the other when it has failed or not succeeded in time. When the other
/// is through first, the one has as long again, and `grace_max` at most.
async fn race<T>(
    one: impl Future<Output = Result<T, LinkError>>,
    other: impl Future<Output = Result<T, LinkError>>,
    delay: Duration,
    grace_max: Duration,
) -> Result<T, NoWinner> {
    let mut one = std::pin::pin!(one);
    let mut other = std::pin::pin!(other);
    let mut failed = (None, None);
    let began = Instant::now();
    match timeout(delay, &mut one).await {
        Ok(Ok(won)) => return Ok(won),
        Ok(Err(error)) if error.is_refusal() => return Err(NoWinner::Refused(error)),
        Ok(Err(error)) => failed.0 = Some(error),
        Err(_) => {}
    }
    loop {
        let (done, is_one) = tokio::select! {
            done = &mut one, if failed.0.is_none() => (done, true),
            done = &mut other, if failed.1.is_none() => (done, false),
        };
        match done {
            Ok(won) if is_one || failed.0.is_some() => return Ok(won),
            Ok(won) => {
                let grace = began.elapsed().min(grace_max);
                return Ok(match timeout(grace, &mut one).await {
                    Ok(Ok(better)) => better,
                    Ok(Err(_)) | Err(_) => won,
                });
            }
            Err(error) if error.is_refusal() => return Err(NoWinner::Refused(error)),
            Err(error) if is_one => failed.0 = Some(error),
            Err(error) => failed.1 = Some(error),
        }
        failed = match failed {
            (Some(one), Some(other)) => return Err(NoWinner::Both(one, other)),
            one_at_most => one_at_most,
        };
    }
}

pub(super) async fn resolve(with_port: &str) -> Result<Vec<SocketAddr>, LinkError> {
    let failed = |source| ConnectError::Resolve {
        name: with_port.to_owned(),
        source,
    };
    match timeout(CONNECT_TIMEOUT, tokio::net::lookup_host(with_port)).await {
        Ok(Ok(addresses)) => Ok(addresses.take(ADDRESSES_MAX).collect()),
        Ok(Err(error)) => Err(failed(Some(error)).into()),
        Err(_) => Err(failed(None).into()),
    }
}

/// Tries addresses one after the other, each beside those before; the first that answers wins.
async fn first_of<T, F>(
    addresses: &[SocketAddr],
    connect: impl Fn(SocketAddr) -> F,
) -> Result<T, LinkError>
where
    T: Send + 'static,
    F: Future<Output = Result<T, LinkError>> + Send + 'static,
{
    let mut attempts = JoinSet::new();
    let mut delay = Duration::ZERO;
    for address in addresses {
        let attempt = connect(*address);
        attempts.spawn(async move {
            sleep(delay).await;
            attempt.await
        });
        delay += ADDRESS_DELAY;
    }
    let mut failed = None;
    while let Some(done) = attempts.join_next().await {
        match done {
            Ok(Ok(won)) => return Ok(won),
            Ok(Err(error)) => failed = Some(error),
            Err(_) => return Err(LinkError::Stopping),
        }
    }
    let nowhere = ConnectError::Resolve {
        name: String::new(),
        source: None,
    };
    Err(failed.unwrap_or_else(|| nowhere.into()))
}

async fn quic_to(
    address: SocketAddr,
    config: quinn::ClientConfig,
    may_be_early: bool,
) -> Result<(Endpoint, quinn::Connection, Option<ZeroRttAccepted>), LinkError> {
    let any = match address {
        SocketAddr::V4(_) => SocketAddr::from(([0, 0, 0, 0], 0)),
        SocketAddr::V6(_) => SocketAddr::from(([0_u16; 8], 0)),
    };
    let endpoint = Endpoint::client(any).map_err(ConnectError::Socket)?;
    let mut connecting = endpoint
        .connect_with(config, address, HUB_NAME)
        .map_err(ConnectError::tls)?;
    if may_be_early {
        connecting = match connecting.into_0rtt() {
            Ok((connection, early)) => return Ok((endpoint, connection, Some(early))),
            Err(connecting) => connecting,
        };
    }
    match timeout(CONNECT_TIMEOUT, connecting).await {
        Ok(Ok(connection)) => Ok((endpoint, connection, None)),
        Ok(Err(error)) => Err(LinkError::from_quic(error)),
        Err(_) => Err(ConnectError::Silent {
            at: address.to_string(),
        }
        .into()),
    }
}

/// A TCP connection to the first address that answers, and how long that took.
async fn tcp_to(with_port: &str) -> Result<(TcpStream, Duration), LinkError> {
    let addresses = resolve(with_port).await?;
    first_of(&addresses, |address| async move {
        let began = Instant::now();
        let connected = timeout(CONNECT_TIMEOUT, TcpStream::connect(address)).await;
        let stream = match connected {
            Ok(connected) => connected.map_err(|source| ConnectError::Tcp { address, source })?,
            Err(_) => {
                let at = address.to_string();
                return Err(ConnectError::Silent { at }.into());
            }
        };
        stream.set_nodelay(true).map_err(ConnectError::Socket)?;
        Ok((stream, began.elapsed()))
    })
    .await
}

/// `host`, `host:port`, `1.2.3.4`, `[::1]`, `[::1]:port` or `::1`, with a port.
pub(super) fn with_port(hub: &str) -> String {
    let is_bare_v6 = hub.parse::<std::net::Ipv6Addr>().is_ok();
    let has_port = !is_bare_v6
        && hub
            .rsplit_once(':')
            .is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    match (has_port, is_bare_v6) {
        (true, _) => hub.to_owned(),
        (false, true) => format!("[{hub}]:{HUB_PORT}"),
        (false, false) => format!("{hub}:{HUB_PORT}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_millis(20);
    const NEVER: Duration = Duration::from_secs(3600);

    async fn after(delay: Duration, done: Result<u8, LinkError>) -> Result<u8, LinkError> {
        sleep(delay).await;
        done
    }

    #[tokio::test]
    async fn the_second_starts_when_the_first_is_late_or_has_failed() {
        let first = Plan::First(Carrier::Quic, SOON);
        let won = by_plan(first, after(NEVER, Ok(1)), after(SOON, Ok(2))).await;
        assert_eq!(won.unwrap(), 2);

        let patient = Plan::First(Carrier::Quic, NEVER);
        let failed = after(SOON, Err(LinkError::Timeout));
        let won = by_plan(patient, failed, after(SOON, Ok(2))).await;
        assert_eq!(won.unwrap(), 2);

        let won = by_plan(patient, after(SOON, Ok(1)), after(Duration::ZERO, Ok(2))).await;
        assert_eq!(won.unwrap(), 1);

        let tcp_first = Plan::First(Carrier::Tcp, NEVER);
        let won = by_plan(tcp_first, after(Duration::ZERO, Ok(1)), after(SOON, Ok(2))).await;
        assert_eq!(won.unwrap(), 2);
        let failed = after(SOON, Err(LinkError::Timeout));
        let won = by_plan(tcp_first, after(SOON, Ok(1)), failed).await;
        assert_eq!(won.unwrap(), 1);
    }

    #[tokio::test]
    async fn quic_may_be_late_by_as_long_again() {
        let first = Plan::First(Carrier::Quic, SOON);
        let won = by_plan(first, after(SOON * 5, Ok(1)), after(SOON * 3, Ok(2))).await;
        assert_eq!(won.unwrap(), 1);
        // Not for ever, and not when it has failed.
        let won = by_plan(first, after(NEVER, Ok(1)), after(SOON, Ok(2))).await;
        assert_eq!(won.unwrap(), 2);
        let failed = after(SOON * 4, Err(LinkError::Timeout));
        let won = by_plan(first, failed, after(SOON * 3, Ok(2))).await;
        assert_eq!(won.unwrap(), 2);
        // Where TCP is tried first it is not waited for.
        let tcp_first = Plan::First(Carrier::Tcp, SOON);
        let won = by_plan(tcp_first, after(SOON, Ok(1)), after(SOON * 9, Ok(2))).await;
        assert_eq!(won.unwrap(), 1);
    }

    #[tokio::test]
    async fn both_reasons_are_said_and_a_refusal_alone() {
        let first = Plan::First(Carrier::Quic, SOON);
        let quic = after(SOON, Err(LinkError::Timeout));
        let tcp = after(SOON, Err(LinkError::Lost("reset".to_owned())));
        let error = by_plan(first, quic, tcp).await.unwrap_err();
        let text = "quic: hub did not answer in time; tcp: connection lost: reset";
        assert_eq!(error.to_string(), text);

        let refused = after(SOON * 2, Err(LinkError::Version(9)));
        let error = by_plan(first, refused, after(NEVER, Ok(2))).await;
        assert!(error.unwrap_err().is_refusal());
    }

    #[test]
    fn a_hub_without_a_port_has_the_usual_one() {
        assert_eq!(with_port("hub.example"), "hub.example:4801");
        assert_eq!(with_port("hub.example:443"), "hub.example:443");
        assert_eq!(with_port("10.0.0.1"), "10.0.0.1:4801");
        assert_eq!(with_port("::1"), "[::1]:4801");
        assert_eq!(with_port("[::1]:443"), "[::1]:443");
    }
}
