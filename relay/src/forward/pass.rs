//! The way to the hub, for relays that this one lets through.

use std::net::SocketAddr;

use tokio::net::TcpStream;

use super::Handle;
use super::dial::{open_tcp, resolve, with_port};

/// Why a relay cannot pass.
#[derive(Debug, thiserror::Error)]
pub enum PassError {
    /// This relay has no hub yet.
    #[error("this relay has joined no hub")]
    NoHub,
    /// The hub, or the proxy to it, does not answer.
    #[error("{0}")]
    Unreached(String),
}

impl Handle {
    /// A TCP connection to the hub, through the proxy when one is set.
    ///
    /// # Errors
    /// [`PassError`].
    pub async fn open_stream(&self) -> Result<TcpStream, PassError> {
        let hub = with_port(&self.hub()?);
        let config = &self.config;
        let auth_file = config.proxy_auth_file.as_deref();
        let opened = open_tcp(&hub, config.proxy.as_ref(), auth_file).await;
        let (stream, _) = opened.map_err(|error| PassError::Unreached(error.to_string()))?;
        Ok(stream)
    }

    /// Where the hub takes datagrams.
    ///
    /// # Errors
    /// [`PassError`].
    pub async fn hub_address(&self) -> Result<SocketAddr, PassError> {
        let hub = with_port(&self.hub()?);
        let addresses = resolve(&hub).await;
        let addresses = addresses.map_err(|error| PassError::Unreached(error.to_string()))?;
        addresses.first().copied().ok_or(PassError::NoHub)
    }

    fn hub(&self) -> Result<String, PassError> {
        self.shared.lock().hub.clone().ok_or(PassError::NoHub)
    }
}
