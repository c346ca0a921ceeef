//! Relays that come again and say who they are with their first packet.

use quinn::ZeroRttAccepted;

use super::*;
use crate::fleet::{Labels, RelayState};

/// A client that keeps its tickets.
struct Client {
    endpoint: Endpoint,
    config: ClientConfig,
}

impl Client {
    fn new(config: ClientConfig) -> Self {
        let endpoint = Endpoint::client("127.0.0.1:0".parse().unwrap()).unwrap();
        Self { endpoint, config }
    }

    fn connecting(&self, hub: &Hub) -> quinn::Connecting {
        let address = hub.handle.local_addr();
        let config = self.config.clone();
        let name = protocol::wire::HUB_NAME;
        let connecting = self.endpoint.connect_with(config, address, name);
        connecting.unwrap()
    }

    /// A whole handshake.
    async fn session(&self, hub: &Hub) -> Session {
        let connection = self.connecting(hub).await.unwrap();
        self.open(connection).await
    }

    /// A connection on which something may be said before its handshake is over, if there is a
    /// ticket for it.
    async fn early(&self, hub: &Hub) -> Option<(Session, ZeroRttAccepted)> {
        let (connection, taken) = self.connecting(hub).into_0rtt().ok()?;
        Some((self.open(connection).await, taken))
    }

    async fn open(&self, connection: Connection) -> Session {
        let (control, answers) = connection.open_bi().await.unwrap();
        Session {
            endpoint: self.endpoint.clone(),
            connection,
            control,
            answers,
            buffer: BytesMut::new(),
        }
    }
}

async fn welcomed(session: &mut Session, identity: &Identity) {
    session.send(&hello(identity)).await;
    let answer = session.next().await;
    assert!(matches!(answer, Frame::Welcome(_)), "{answer:?}");
}

#[tokio::test]
async fn a_relay_with_a_ticket_is_heard_with_its_first_packet() {
    let hub = hub().await;
    let identity = hub.identity().await;
    let client = Client::new(hub.config(ALPN, Some(&identity)));
    assert!(client.early(&hub).await.is_none(), "without a ticket");
    let mut first = client.session(&hub).await;
    welcomed(&mut first, &identity).await;
    let (mut again, taken) = client.early(&hub).await.expect("a ticket came");
    welcomed(&mut again, &identity).await;
    assert!(taken.await);
    // It stands for the relay as any other, and gets a ticket as well.
    again.send_block(&block(1, 2)).await;
    again.acked(2).await;
    assert_eq!(first.close_code().await, Some(CloseCode::Replaced));
    let (mut third, taken) = client.early(&hub).await.expect("another ticket came");
    welcomed(&mut third, &identity).await;
    assert!(taken.await);
    hub.stop().await;
}

#[tokio::test]
async fn a_ticket_lets_nobody_in_whom_the_registry_does_not() {
    let hub = hub().await;
    let identity = hub.identity().await;
    let client = Client::new(hub.config(ALPN, Some(&identity)));
    let mut first = client.session(&hub).await;
    welcomed(&mut first, &identity).await;
    let relay = identity.joined.relay;
    let (labels, revoked) = (Labels::new(), RelayState::Revoked);
    let revoking = hub.fleet.update_relay(relay, "shop", &labels, revoked);
    revoking.await.unwrap();
    let (mut again, _) = client.early(&hub).await.expect("a ticket came");
    again.send(&hello(&identity)).await;
    assert_eq!(again.close_code().await, Some(CloseCode::Revoked));
    assert!(hub.sink.0.lock().unwrap().is_empty());
    hub.stop().await;
}

#[tokio::test]
async fn a_copy_with_a_ticket_is_kept_out() {
    let hub = hub().await;
    let identity = hub.identity().await;
    let client = Client::new(hub.config(ALPN, Some(&identity)));
    let mut first = client.session(&hub).await;
    welcomed(&mut first, &identity).await;
    // Another start, which does not descend from the one that was welcomed.
    let (mut copy, _) = client.early(&hub).await.expect("a ticket came");
    copy.send(&hello_of(&identity, 2, &[])).await;
    assert_eq!(copy.close_code().await, Some(CloseCode::Cloned));
    hub.stop().await;
}
