//! Who a relay is to its hub, with real ends: certificates that end, copies of a state directory,
//! another authority, joining by hand.

use protocol::pattern::Network;
use protocol::wire::{Frame, Paper};
use relay::forward::Trouble;

use crate::*;

fn lifetime(lifetime: Duration) -> fleet::Config {
    fleet::Config {
        certificate_lifetime: Span(lifetime),
        ..fleet::Config::default()
    }
}

/// What stands in a relay's identity.
fn identity(dir: &Path) -> serde_json::Value {
    serde_json::from_slice(&std::fs::read(dir.join("identity.json")).unwrap()).unwrap()
}

/// The events that were applied, by the number they were kept with.
fn applied(sink: &Memory) -> Vec<u128> {
    let applied = sink.applied.lock().unwrap();
    let number = |record: &Record| {
        let id = record.items()?.event_id?;
        Some(u128::from_be_bytes(*id.as_bytes()))
    };
    applied
        .iter()
        .filter_map(|(.., record)| number(record))
        .collect()
}

async fn troubled(relay: &Relay, trouble: Trouble) {
    let is_there = || relay.link.status().trouble == Some(trouble);
    until(Awaited(relay, trouble), is_there).await;
}

/// A relay's trouble, and how the relay is instead.
struct Awaited<'a>(&'a Relay, Trouble);

impl std::fmt::Display for Awaited<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self(relay, trouble) = self;
        let (link, spool) = (relay.link.status(), relay.spool.status());
        write!(f, "{trouble:?}; the link is {link:?}, the spool {spool:?}")
    }
}

async fn join_again(hub: &Hub, dir: &Path) -> RelayId {
    let request = JoinRequest {
        force: true,
        ..hub.join(&hub.token(1, DEADLINE).await, dir)
    };
    forward::join(&request).await.unwrap().relay
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_for_other_addresses_lets_nobody_in() {
    let hub = Hub::start().await;
    let dir = tempfile::tempdir().unwrap();
    let token = async |from: &str| {
        let request = TokenRequest {
            from: Some(from.parse::<Network>().unwrap()),
            ..TokenRequest::default()
        };
        let now = hub::clock::now();
        let token = hub.fleet.make_join_token(&request, now).await.unwrap();
        forward::join(&hub.join(&token.to_string(), dir.path())).await
    };
    let error = token("10.20.0.0/16").await.unwrap_err().to_string();
    assert!(
        error.contains("10.20.0.0/16") && error.contains("127.0.0.1"),
        "{error}"
    );
    token("127.0.0.0/8").await.unwrap();
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_is_kept_out_while_the_other_lives_and_delivers_once_it_has_its_own_identity() {
    let (hub, dir) = joined().await;
    let first = Relay::start(dir.path());
    first.keep(Lane::Errors, 1).await;
    until("delivered", || first.is_drained()).await;
    let id = hub.handle.connected()[0];
    // Copied while it runs: the copy descends from the start that is connected.
    let clone_dir = tempfile::tempdir().unwrap();
    copy(dir.path(), clone_dir.path());

    let clone = Relay::start(clone_dir.path());
    clone.keep(Lane::Errors, 100).await;
    troubled(&clone, Trouble::Cloned).await;
    first.keep(Lane::Errors, 2).await;
    until("the first goes on", || first.is_drained()).await;
    assert_eq!(applied(&hub.sink), [1, 2]);
    let row = hub.fleet.relays().await.unwrap().remove(0);
    assert_eq!(row.second_holder.unwrap().addresses.len(), 2);
    assert_eq!(row.generation, 1);

    let own = join_again(&hub, clone_dir.path()).await;
    assert_ne!(own, id);
    until("the clone is itself", || clone.is_drained()).await;
    assert_eq!(clone.link.status().trouble, None);
    // What was delivered before the copy was made is not sent again.
    assert_eq!(applied(&hub.sink), [1, 2, 100]);

    hub.fleet.clear_clone(id).await.unwrap();
    let rows = hub.fleet.relays().await.unwrap();
    assert!(rows.iter().all(|row| row.second_holder.is_none()));
    first.stop().await;
    clone.stop().await;
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_copies_the_one_that_was_welcomed_first_goes_on_however_often_the_other_starts() {
    let (hub, dir) = joined().await;
    let first = Relay::start(dir.path());
    first.keep(Lane::Errors, 1).await;
    until("delivered", || first.is_drained()).await;
    first.stop().await;
    let clone_dir = tempfile::tempdir().unwrap();
    copy(dir.path(), clone_dir.path());

    let clone = Relay::start(clone_dir.path());
    clone.keep(Lane::Errors, 100).await;
    until("the copy goes on", || clone.is_drained()).await;
    clone.stop().await;
    for n in 2..5 {
        let first = Relay::start(dir.path());
        // Numbered as the records of the copy are.
        first.keep(Lane::Errors, n).await;
        troubled(&first, Trouble::Cloned).await;
        first.stop().await;
    }
    assert_eq!(applied(&hub.sink), [1, 100]);
    join_again(&hub, dir.path()).await;
    let first = Relay::start(dir.path());
    until("nothing is lost", || first.is_drained()).await;
    assert_eq!(applied(&hub.sink), [1, 100, 2, 3, 4]);
    first.stop().await;
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn records_that_two_numbered_alike_are_not_taken_for_each_other() {
    let (mut hub, dir) = joined().await;
    let first = Relay::start(dir.path());
    first.keep(Lane::Errors, 1).await;
    until("delivered", || first.is_drained()).await;
    // Copied while it runs: the copy descends from the start that the hub knows.
    let clone_dir = tempfile::tempdir().unwrap();
    copy(dir.path(), clone_dir.path());
    first.keep(Lane::Errors, 2).await;
    until("delivered", || first.is_drained()).await;
    first.stop().await;
    hub.stop().await;

    let clone = Relay::start(clone_dir.path());
    for n in 100..105 {
        clone.keep(Lane::Errors, n).await;
    }
    hub.restart();
    troubled(&clone, Trouble::Cloned).await;
    assert_eq!(applied(&hub.sink), [1, 2]);
    assert!(!clone.is_drained());
    join_again(&hub, clone_dir.path()).await;
    until("nothing is lost", || clone.is_drained()).await;
    assert_eq!(applied(&hub.sink), [1, 2, 100, 101, 102, 103, 104]);
    clone.stop().await;
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_is_renewed_before_it_ends_and_the_link_goes_on() {
    let (hub, dir) = joined_to(Hub::with(lifetime(Duration::from_secs(4))).await).await;
    let joined = identity(dir.path());
    let relay = Relay::start(dir.path());
    until("renewed", || {
        identity(dir.path())["certificate"] != joined["certificate"]
    })
    .await;
    assert_ne!(identity(dir.path())["key"], joined["key"]);
    assert_eq!(relay.link.status().connections, 1);
    relay.keep(Lane::Errors, 1).await;
    until("delivered", || relay.is_drained()).await;
    relay.stop().await;
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_identity_from_before_a_renewal_is_a_copy() {
    let (hub, dir) = joined_to(Hub::with(lifetime(Duration::from_secs(4))).await).await;
    let clone_dir = tempfile::tempdir().unwrap();
    copy(dir.path(), clone_dir.path());
    let joined = identity(dir.path());
    let relay = Relay::start(dir.path());
    until("renewed", || {
        identity(dir.path())["certificate"] != joined["certificate"]
    })
    .await;
    relay.keep(Lane::Errors, 1).await;
    until("delivered", || relay.is_drained()).await;
    let clone = Relay::start(clone_dir.path());
    troubled(&clone, Trouble::Cloned).await;
    relay.stop().await;
    clone.stop().await;
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_ended_is_exchanged_for_the_enrolled_key() {
    let none = fleet::Config {
        recoveries_max: 0,
        ..lifetime(Duration::ZERO)
    };
    let (mut hub, dir) = joined_to(Hub::with(none).await).await;
    let relay = Relay::start(dir.path());
    relay.keep(Lane::Errors, 1).await;
    troubled(&relay, Trouble::Expired).await;
    let joined = identity(dir.path());
    until("said why", || {
        let error = relay.link.status().last_error;
        error.is_some_and(|error| error.contains("exchanged 0 times"))
    })
    .await;
    hub.stop().await;
    relay.stop().await;

    hub.restart_with(fleet::Config::default()).await;
    let relay = Relay::start(dir.path());
    until("delivered", || relay.is_drained()).await;
    assert_eq!(applied(&hub.sink), [1]);
    assert_eq!(relay.link.status().trouble, None);
    assert_eq!(identity(dir.path())["relay"], joined["relay"]);
    assert_ne!(identity(dir.path())["key"], joined["key"]);
    relay.stop().await;
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_relay_gets_no_certificate_in_the_place_of_one_that_ended() {
    let (mut hub, dir) = joined_to(Hub::with(lifetime(Duration::ZERO)).await).await;
    let id = hub.fleet.relays().await.unwrap()[0].id;
    hub.fleet
        .update_relay(id, "x", &Labels::new(), RelayState::Revoked)
        .await
        .unwrap();
    hub.stop().await;
    hub.restart_with(fleet::Config::default()).await;
    let joined = identity(dir.path());
    let relay = Relay::start(dir.path());
    troubled(&relay, Trouble::Revoked).await;
    assert_eq!(identity(dir.path())["certificate"], joined["certificate"]);
    relay.stop().await;
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_that_was_away_while_the_authority_changed_knows_its_hub() {
    let (mut hub, dir) = joined_to(Hub::with(lifetime(Duration::ZERO)).await).await;
    let old_token = hub.token(1, DEADLINE).await;
    hub.stop().await;
    let now = hub::clock::now();
    hub.fleet.rotate_authority(now).await.unwrap();
    hub.fleet.rotate_authority(now).await.unwrap();
    hub.restart_with(fleet::Config::default()).await;
    // Its certificate has ended as well, and is of an authority that signs no more.
    let relay = Relay::start(dir.path());
    relay.keep(Lane::Errors, 1).await;
    until("delivered", || relay.is_drained()).await;
    let trusted = identity(dir.path())["authorities"]
        .as_array()
        .unwrap()
        .len();
    assert_eq!(trusted, 2);
    let states = hub.fleet.authority_states(now).await.unwrap();
    let relays: Vec<usize> = states.iter().map(|state| state.relays).collect();
    assert_eq!(relays, [1, 0, 0]);

    // A token that was made before pins a key that is still shown.
    let dir = tempfile::tempdir().unwrap();
    forward::join(&hub.join(&old_token, dir.path()))
        .await
        .unwrap();
    relay.stop().await;
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_hub_follows_an_authority_that_another_process_put_in_place() {
    let (hub, dir) = joined().await;
    let relay = Relay::start(dir.path());
    until("connected", || hub.handle.connected().len() == 1).await;
    let dir_of_hub = hub.dir.path().join("link");
    let other = Fleet::open(hub.store.clone(), &dir_of_hub, fleet::Config::default());
    let other = other.await.unwrap();
    other.rotate_authority(hub::clock::now()).await.unwrap();
    until("followed", || hub.fleet.pin() == other.pin()).await;
    relay.stop().await;
    let relay = Relay::start(dir.path());
    until("connected again", || {
        relay.link.status().state == LinkState::Connected
    })
    .await;
    relay.stop().await;
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_of_another_authority_is_refused_by_name_and_the_relay_buffers() {
    let (hub, dir) = joined().await;
    let address = hub.handle.local_addr();
    hub.stop().await;
    let stranger = Hub::start().await;
    stranger.stop().await;
    let config = receive::Config {
        listen: address,
        ..receive::Config::default()
    };
    let (tracker, cancel, _handle) = serve(&config, &stranger.fleet, &stranger.sink);
    let relay = Relay::start(dir.path());
    relay.keep(Lane::Errors, 1).await;
    until("refused", || {
        let error = relay.link.status().last_error;
        error.is_some_and(|error| error.contains("issued by CN=vedette authority"))
    })
    .await;
    assert_eq!(stranger.sink.n_applied(), 0);
    assert!(!relay.is_drained());
    relay.stop().await;
    cancel.cancel();
    tracker.close();
    tracker.wait().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_joins_by_hand_and_knows_its_projects_before_it_meets_its_hub() {
    let hub = Hub::start().await;
    let dir = tempfile::tempdir().unwrap();
    let request = forward::request_by_hand(dir.path(), "mast-7", false).unwrap();
    let frames = Paper::JoinRequest.read(&request).unwrap();
    let [Frame::Join(join)] = frames.as_slice() else {
        panic!("{frames:?}");
    };
    let address = hub.handle.local_addr().to_string();
    let labels = Labels::from([("site".to_owned(), "mast".to_owned())]);
    let now = hub::clock::now();
    let joined = hub.fleet.vouch(join, &labels, &address, now).await.unwrap();
    let told = hub.fleet.config().await.offer.stable;
    let frames = [Frame::Joined(joined), Frame::Config(told.config.clone())];
    let bundle = Paper::JoinBundle.write(&frames).unwrap();

    // The bundle is for the key that waits here, and for no other.
    let other = tempfile::tempdir().unwrap();
    forward::request_by_hand(other.path(), "mast-8", false).unwrap();
    let refused = forward::join_by_hand(other.path(), &bundle, false);
    assert!(matches!(refused, Err(JoinError::OtherRequest)));

    forward::join_by_hand(dir.path(), &bundle, false).unwrap();
    let roster = Roster::open(dir.path(), dir.path(), Policy::default()).unwrap();
    assert_eq!(roster.version(), told.bundle.version);
    let relay = Relay::start(dir.path());
    relay.keep(Lane::Errors, 1).await;
    until("delivered", || relay.is_drained()).await;
    let row = hub.fleet.relays().await.unwrap().remove(0);
    assert_eq!((row.name.as_str(), row.labels), ("mast-7", labels));
    let again = forward::join_by_hand(dir.path(), &bundle, true);
    assert!(matches!(again, Err(JoinError::OtherRequest)));
    relay.stop().await;
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_that_was_set_back_knows_a_relay_that_renewed_since() {
    let (mut hub, dir) = joined_to(Hub::with(lifetime(Duration::from_secs(4))).await).await;
    let joined = identity(dir.path());
    hub.stop().await;
    let backup = tempfile::tempdir().unwrap();
    copy(hub.dir.path(), backup.path());
    hub.restart();
    let relay = Relay::start(dir.path());
    until("renewed", || {
        let now = identity(dir.path());
        now["certificate"] != joined["certificate"]
    })
    .await;
    relay.keep(Lane::Errors, 1).await;
    until("delivered", || relay.is_drained()).await;
    hub.stop().await;
    until("the outage is noticed", || {
        relay.link.status().state != LinkState::Connected
    })
    .await;
    let address = hub.handle.local_addr();
    let hub = Hub::at(address, backup, lifetime(Duration::from_secs(60))).await;
    relay.keep(Lane::Errors, 2).await;
    until("delivered to the backup", || relay.is_drained()).await;
    // What is kept of what the backup lacks came as well.
    assert_each_once(&hub.sink, Lane::Errors, 2);
    relay.stop().await;
    hub.stop().await;
}
