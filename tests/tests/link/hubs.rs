//! Several addresses of a hub: which is taken, and which never.

use std::time::Instant;

use super::middle::Middle;
use crate::*;

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
    let is_at = |middle: &Middle| {
        let status = relay.link.status();
        let at = middle.address.to_string();
        status.state == LinkState::Connected && status.hub == Some(at)
    };
    until("the preferred address is taken", || is_at(&preferred)).await;
    relay.keep(Lane::Errors, 1).await;
    until("the first is acknowledged", || relay.is_drained()).await;

    let_pass(false);
    let lost_at = Instant::now();
    relay.keep(Lane::Errors, 2).await;
    until("the other address is taken", || is_at(&fallback)).await;
    until("the second is acknowledged", || relay.is_drained()).await;
    println!(
        "acknowledged {:?} after the silence began",
        lost_at.elapsed()
    );

    let_pass(true);
    let healed_at = Instant::now();
    until("the preferred address is taken again", || is_at(&preferred)).await;
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
    let began = Instant::now();
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
