//! Settings of the way to the hub.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use protocol::roster::{LinkSettings, QuietHours};
use protocol::unit::{Bandwidth, Span};
use serde::{Deserialize, Serialize};

use super::adapt::{Measured, choose};
use super::channel::Carrier;
use super::dial::Plan;
use super::hubs;
use super::limits::QuietLanes;
use super::proxy::Proxy;

/// How long a carrier that won lately is tried alone.
const HEAD_START: Duration = Duration::from_secs(3);

/// Settings of the way to the hub. A restart is needed to change them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Where the relay keeps what it joined with.
    pub dir: PathBuf,
    /// `host` or `host:port`; when not set, the hub that was joined.
    pub hub: Option<String>,
    /// Other addresses of the same hub, in the order in which they are tried.
    #[serde(deserialize_with = "hubs::a_few")]
    pub fallback_hubs: Vec<String>,
    /// How long another address is gone on with before the preferred one is tried again.
    pub hub_retry_interval: Span,
    /// What carries the link.
    pub carrier: CarrierChoice,
    /// How long QUIC is tried alone before TCP is tried beside it.
    pub tcp_delay: Span,
    /// How long TCP is gone on with before QUIC is tried again.
    pub quic_retry_interval: Span,
    /// An HTTP proxy on the way, for TCP.
    pub proxy: Option<Proxy>,
    /// A file with `user:password` for the proxy.
    pub proxy_auth_file: Option<PathBuf>,
    /// How QUIC finds its rate: `bbr` holds on lossy links, `cubic` is fairer on thin clean ones,
    /// `auto` goes by what was measured.
    pub congestion: Congestion,
    /// Most bytes of blocks per second, as a mean.
    pub bandwidth_max: Option<Bandwidth>,
    /// Spans of the day, in UTC, in which the relay keeps quiet.
    pub quiet_hours: Vec<QuietHours>,
    /// What travels in quiet hours.
    pub quiet_lanes: QuietLanes,
    /// Most blocks under way; the hub may allow fewer.
    pub window: u16,
    /// How often the relay tells the hub how it is.
    pub report_interval: Span,
    /// How long the end of the relay waits for acknowledgements.
    pub drain_timeout: Span,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            dir: PathBuf::from("/var/lib/vedette-relay"),
            hub: None,
            fallback_hubs: Vec::new(),
            hub_retry_interval: Span(Duration::from_secs(600)),
            carrier: CarrierChoice::Auto,
            tcp_delay: Span(Duration::from_millis(300)),
            quic_retry_interval: Span(Duration::from_secs(600)),
            proxy: None,
            proxy_auth_file: None,
            congestion: Congestion::Auto,
            bandwidth_max: None,
            quiet_hours: Vec::new(),
            quiet_lanes: QuietLanes::Urgent,
            window: 256,
            report_interval: Span(Duration::from_secs(5)),
            drain_timeout: Span(Duration::from_secs(1)),
        }
    }
}

impl Config {
    /// What the link may take of its network, as far as this host has to say.
    pub(super) fn limits(&self) -> LinkSettings {
        LinkSettings {
            bandwidth_max: self.bandwidth_max.map(|most| most.0),
            quiet_hours: self.quiet_hours.clone(),
        }
    }
}

/// How QUIC finds its rate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Congestion {
    /// By what was measured of the link before.
    #[default]
    Auto,
    /// By the measured bandwidth and round trip.
    Bbr,
    /// By loss.
    Cubic,
}

impl Congestion {
    /// The way that fits what was measured, unless one is set.
    pub(super) fn resolve(self, measured: &Measured) -> Self {
        match self {
            Self::Auto => choose(measured),
            set => set,
        }
    }
}

/// What carries the link.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CarrierChoice {
    /// QUIC where UDP passes, else TCP.
    #[default]
    Auto,
    /// QUIC alone.
    Quic,
    /// TCP alone.
    Tcp,
}

impl FromStr for CarrierChoice {
    type Err = NoCarrier;
    fn from_str(text: &str) -> Result<Self, NoCarrier> {
        match text {
            "auto" => Ok(Self::Auto),
            "quic" => Ok(Self::Quic),
            "tcp" => Ok(Self::Tcp),
            _ => Err(NoCarrier),
        }
    }
}

/// A text that names no carrier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not one of auto, quic, tcp")]
pub struct NoCarrier;

impl CarrierChoice {
    /// Whether one may stand in for the other.
    pub(super) const fn is_auto(self) -> bool {
        matches!(self, Self::Auto)
    }

    /// What to try when there is no connection.
    pub(super) const fn plan(self, first: Carrier, tcp_delay: Duration) -> Plan {
        match (self, first) {
            (Self::Auto, Carrier::Quic) => Plan::First(Carrier::Quic, tcp_delay),
            (Self::Auto, Carrier::Tcp) => Plan::First(Carrier::Tcp, HEAD_START),
            (Self::Quic, _) => Plan::Only(Carrier::Quic),
            (Self::Tcp, _) => Plan::Only(Carrier::Tcp),
        }
    }

    /// What to try when the connection's path seems lost.
    pub(super) const fn plan_of_rescue(self) -> Plan {
        self.plan(Carrier::Quic, Duration::ZERO)
    }
}
