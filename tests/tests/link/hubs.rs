//! Several addresses of a hub: which is taken, and which never.

use relay::forward::Trouble;

use super::middle::Middle;
use crate::*;

/// The address that a relay is connected at.
fn is_at(relay: &Relay, middle: &Middle) -> bool {
    let status = relay.link.status();
    let at = middle.address.to_string();
    status.state == LinkState::Connected && status.hub == Some(at)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_address_is_gone_on_with_while_the_preferred_is_away() {
    let (hub, dir) = joined().await;
    let preferred = Middle::to(hub.handle.local_addr()).await;
    let fallback = Middle::to(hub.handle.local_addr()).await;
    let let_pass = |pass| {
        preferred.let_udp_pass(pass);
        preferred.let_tcp_pass(pass);
    };
    let relay = Relay::start_with(dir.path(), |config| {
        config.hub = Some(preferred.address.to_string());
        config.fallback_hubs = vec![fallback.address.to_string()];
        config.hub_retry_interval = Span(Duration::from_secs(1));
    });
    until("the preferred address is taken", || {
        is_at(&relay, &preferred)
    })
    .await;
    relay.keep(Lane::Errors, 1).await;
    until("the first is acknowledged", || relay.is_drained()).await;

    let_pass(false);
    let lost_at = tests::wait::clock();
    relay.keep(Lane::Errors, 2).await;
    until("the other address is taken", || is_at(&relay, &fallback)).await;
    until("the second is acknowledged", || relay.is_drained()).await;
    println!(
        "acknowledged {:?} after the silence began",
        lost_at.elapsed()
    );

    let_pass(true);
    let healed_at = tests::wait::clock();
    until("the preferred address is taken again", || {
        is_at(&relay, &preferred)
    })
    .await;
    relay.keep(Lane::Errors, 3).await;
    until("the third is acknowledged", || relay.is_drained()).await;
    println!("back {:?} after the path healed", healed_at.elapsed());
    assert_each_once(&hub.sink, Lane::Errors, 3);
    relay.stop().await;
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_finds_the_second_address_when_nobody_is_at_the_first() {
    let (hub, dir) = joined().await;
    let nobody = Middle::to(hub.handle.local_addr()).await;
    nobody.let_udp_pass(false);
    nobody.let_tcp_pass(false);
    let began = tests::wait::clock();
    let relay = Relay::start_with(dir.path(), |config| {
        config.hub = Some(nobody.address.to_string());
        config.fallback_hubs = vec![hub.handle.local_addr().to_string()];
    });
    relay.keep(Lane::Errors, 1).await;
    until("the record is acknowledged", || relay.is_drained()).await;
    println!("acknowledged {:?} after the start", began.elapsed());
    assert_eq!(hub.sink.n_applied(), 1);
    relay.stop().await;
    hub.stop().await;
}

/// Every region's hub has an authority of its own, and the relay believes that of its own alone.
#[tokio::test(flavor = "multi_thread")]
async fn a_hub_of_another_authority_is_told_nothing_even_when_no_other_is_there() {
    let (mut home, dir) = joined().await;
    let foreign = Hub::start().await;
    home.stop().await;
    let relay = Relay::start_with(dir.path(), |config| {
        config.fallback_hubs = vec![foreign.handle.local_addr().to_string()];
    });
    relay.keep(Lane::Errors, 1).await;
    until("the foreign authority is named", || {
        let error = relay.link.status().last_error;
        error.is_some_and(|error| error.contains("not by the authority to trust"))
    })
    .await;
    let status = relay.link.status();
    assert_eq!((status.connections, status.blocks_sent), (0, 0));
    assert!(!relay.is_drained());
    assert_eq!(foreign.sink.n_applied(), 0);
    assert!(foreign.fleet.relays().await.unwrap().is_empty());

    home.restart();
    until("home has it", || relay.is_drained()).await;
    assert_each_once(&home.sink, Lane::Errors, 1);
    relay.stop().await;
    home.stop().await;
    foreign.stop().await;
}

fn of_region(region: &str) -> fleet::Config {
    fleet::Config {
        region: Some(region.parse().unwrap()),
        ..fleet::Config::default()
    }
}

/// Another hub with what one has by now, as a backup of it brings up.
async fn twin_of(hub: &Hub, config: fleet::Config) -> Hub {
    let dir = tempfile::tempdir().unwrap();
    copy(hub.dir.path(), dir.path());
    Hub::in_dir(dir, config).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_of_another_region_is_told_nothing_whoever_vouches_for_it() {
    let (mut home, dir) = joined_to(Hub::with(of_region("eu")).await).await;
    // It knows the relay, and the relay its authority: nothing but the region is in the way.
    home.stop().await;
    let foreign = twin_of(&home, of_region("us")).await;
    let relay = Relay::start_with(dir.path(), |config| {
        config.fallback_hubs = vec![foreign.handle.local_addr().to_string()];
    });
    relay.keep(Lane::Errors, 1).await;
    until("the foreign region is named", || {
        relay.link.status().trouble == Some(Trouble::ForeignRegion)
    })
    .await;
    let error = relay.link.status().last_error.unwrap();
    let text = "hub is of region us, and this relay is pinned to region eu";
    assert!(error.contains(text), "{error}");
    assert_eq!(relay.link.status().connections, 0);
    assert!(foreign.handle.connected().is_empty() && foreign.sink.n_applied() == 0);

    home.restart();
    until("home has it", || relay.is_drained()).await;
    assert_each_once(&home.sink, Lane::Errors, 1);
    assert_eq!(relay.link.status().trouble, None);
    // Nor is one that states no region believed.
    relay.stop().await;
    home.stop().await;
    home.restart_with(fleet::Config::default()).await;
    let relay = Relay::start(dir.path());
    until("the missing region is named", || {
        let error = relay.link.status().last_error;
        error.is_some_and(|error| error.contains("hub is of no region"))
    })
    .await;
    relay.stop().await;
    home.stop().await;
    foreign.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_that_joined_before_regions_is_pinned_when_its_hub_states_one() {
    let (mut home, dir) = joined().await;
    let relay = Relay::start(dir.path());
    until("connected", || !home.handle.connected().is_empty()).await;
    let identity = || std::fs::read_to_string(dir.path().join("identity.json")).unwrap();
    let joined = identity();
    home.stop().await;
    home.restart_with(of_region("eu")).await;
    let certificate = |text: &str| {
        let identity: serde_json::Value = serde_json::from_str(text).unwrap();
        identity["certificate"].clone()
    };
    until("another certificate came", || {
        certificate(&identity()) != certificate(&joined)
    })
    .await;
    relay.keep(Lane::Errors, 1).await;
    until("delivered", || relay.is_drained()).await;
    relay.stop().await;
    home.stop().await;
    home.restart_with(of_region("us")).await;
    let relay = Relay::start(dir.path());
    until("it is pinned", || {
        relay.link.status().trouble == Some(Trouble::ForeignRegion)
    })
    .await;
    relay.stop().await;
    home.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_that_goes_says_where_it_is_found() {
    let (mut hub, dir) = joined().await;
    let (home, elsewhere) = (hub.handle.local_addr(), free_address().await);
    hub.stop().await;
    hub.restart_as(|config| config.alternatives = vec![elsewhere.to_string()]);
    let relay = Relay::start(dir.path());
    let is_connected_at = |address: SocketAddr| {
        let status = relay.link.status();
        status.state == LinkState::Connected && status.hub == Some(address.to_string())
    };
    until("connected", || is_connected_at(home)).await;
    hub.stop().await;
    let hub = hub.moved_to(elsewhere).await;
    until("it goes where it was told", || is_connected_at(elsewhere)).await;
    relay.keep(Lane::Errors, 1).await;
    until("delivered", || relay.is_drained()).await;
    assert_eq!(hub.sink.n_applied(), 1);
    // What was said of one end is forgotten by the next.
    hub.stop().await;
    let hub = hub.moved_to(home).await;
    until("it is home again", || is_connected_at(home)).await;
    relay.stop().await;
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_that_joins_is_told_where_else_the_hub_is_found() {
    let mut hub = Hub::start().await;
    let elsewhere = Middle::to(hub.handle.local_addr()).await;
    hub.stop().await;
    hub.restart_as(|config| config.alternatives = vec![elsewhere.address.to_string()]);
    let (hub, dir) = joined_to(hub).await;
    let relay = Relay::start_with(dir.path(), |config| {
        config.hub = Some("127.0.0.1:1".to_owned());
    });
    until("it is found there", || is_at(&relay, &elsewhere)).await;
    relay.stop().await;
    hub.stop().await;
}

/// A port that is free for both carriers.
async fn free_address() -> SocketAddr {
    loop {
        let socket = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        if tokio::net::TcpListener::bind(address).await.is_ok() {
            return address;
        }
    }
}

/// The host of a hub dies, and a stand-in serves its data from elsewhere.
#[tokio::test(flavor = "multi_thread")]
async fn a_stand_in_that_serves_the_same_data_is_gone_on_with_and_left_again() {
    let (first, dir) = joined().await;
    let way = Middle::to(first.handle.local_addr()).await;
    let let_pass = |pass| {
        way.let_udp_pass(pass);
        way.let_tcp_pass(pass);
    };
    let elsewhere = free_address().await;
    let relay = Relay::start_with(dir.path(), |config| {
        config.hub = Some(way.address.to_string());
        config.fallback_hubs = vec![elsewhere.to_string()];
        config.hub_retry_interval = Span(Duration::from_secs(1));
    });
    relay.keep(Lane::Errors, 1).await;
    until("the first is acknowledged", || relay.is_drained()).await;
    let address = first.handle.local_addr();

    let_pass(false);
    let died_at = tests::wait::clock();
    relay.keep(Lane::Errors, 2).await;
    first.stop().await;
    let applied_first = first.sink.clone();
    let stand_in = first.moved_to(elsewhere).await;
    until("the second is acknowledged", || relay.is_drained()).await;
    let moved = died_at.elapsed();

    stand_in.stop().await;
    let applied_there = stand_in.sink.clone();
    let home = stand_in.moved_to(address).await;
    let_pass(true);
    let healed_at = tests::wait::clock();
    until("it is back", || is_at(&relay, &way)).await;
    let back = healed_at.elapsed();
    relay.keep(Lane::Errors, 3).await;
    until("the third is acknowledged", || relay.is_drained()).await;
    println!("acknowledged elsewhere {moved:?} after the silence began, back after {back:?}");
    let n_applied = [&applied_first, &applied_there, &home.sink].map(Memory::n_applied);
    assert_eq!(n_applied, [1, 1, 1]);
    relay.stop().await;
    home.stop().await;
}
