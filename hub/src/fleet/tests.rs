//! Tests of the fleet: who gets in, and what relays are told.

mod config;
mod reports;

use protocol::wire::{Hello, Join};
use rcgen::{CertificateParams, KeyPair};

use super::*;

const NOW: Timestamp = Timestamp::from_millis(1_767_323_045_678);

const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 20, 0, 9));

async fn fleet() -> (Fleet, Store, tempfile::TempDir) {
    let (store, dir) = Store::temporary().await;
    let fleet = Fleet::open(store.clone(), &dir.path().join("link"), Config::default())
        .await
        .unwrap();
    (fleet, store, dir)
}

fn request(token: &JoinToken) -> Join {
    let text = token.to_string();
    let parts: Vec<&str> = text.split('.').collect();
    let key = KeyPair::generate().unwrap();
    let csr = CertificateParams::default()
        .serialize_request(&key)
        .unwrap();
    Join {
        token_id: parts[1].to_owned(),
        secret: parts[2].to_owned(),
        csr: csr.der().to_vec(),
        name: "shop-12".to_owned(),
        version: "0.1.0".to_owned(),
    }
}

async fn token(fleet: &Fleet, uses: u32) -> JoinToken {
    let request = TokenRequest {
        uses,
        labels: Labels::from([("site".to_owned(), "north".to_owned())]),
        ..TokenRequest::default()
    };
    fleet.make_join_token(&request, NOW).await.unwrap()
}

#[tokio::test]
async fn a_relay_that_joined_is_admitted_until_it_is_revoked() {
    let (fleet, _store, _dir) = fleet().await;
    let join = request(&token(&fleet, 1).await);
    let joined = fleet.join(&join, HERE, NOW).await.unwrap();
    assert_eq!(
        fleet.admit(&joined.certificate, NOW).await.unwrap().relay,
        joined.relay
    );
    let relays = fleet.relays().await.unwrap();
    assert_eq!((relays.len(), relays[0].name.as_str()), (1, "shop-12"));
    assert_eq!(relays[0].labels["site"], "north");

    let mut watch = fleet.watch();
    fleet
        .update_relay(joined.relay, "shop-12", &Labels::new(), RelayState::Revoked)
        .await
        .unwrap();
    assert!(watch.borrow_and_update().revoked.contains(&joined.relay));
    let refused = fleet.admit(&joined.certificate, NOW).await;
    assert!(matches!(refused, Err(FleetError::Revoked(_))));
}

#[tokio::test]
async fn a_token_lets_in_no_more_than_it_may_and_not_for_longer() {
    let (fleet, _store, _dir) = fleet().await;
    let one_use = token(&fleet, 1).await;
    fleet.join(&request(&one_use), HERE, NOW).await.unwrap();
    let check = async |join: Join, at: Timestamp| {
        let result = fleet.join(&join, HERE, at).await;
        assert!(matches!(result, Err(FleetError::BadToken)), "{result:?}");
    };
    check(request(&one_use), NOW).await;
    let fresh = token(&fleet, 1).await;
    check(request(&fresh), NOW.plus_millis(3_600_000)).await;
    let mut wrong = request(&fresh);
    wrong.secret.push('x');
    check(wrong, NOW).await;
    assert_eq!(fleet.join_tokens().await.unwrap().len(), 1);
    fleet.join(&request(&fresh), HERE, NOW).await.unwrap();
}

#[tokio::test]
async fn a_token_bound_to_addresses_lets_in_no_others_and_is_not_used_by_them() {
    let (fleet, _store, _dir) = fleet().await;
    let request = TokenRequest {
        from: Some("10.20.0.0/16".parse().unwrap()),
        ..TokenRequest::default()
    };
    let token = fleet.make_join_token(&request, NOW).await.unwrap();
    let elsewhere = "10.21.0.1".parse().unwrap();
    let refused = fleet.join(&self::request(&token), elsewhere, NOW).await;
    assert!(matches!(refused, Err(FleetError::BadAddress { .. })));
    let open = fleet.join_tokens().await.unwrap().remove(0);
    assert_eq!((open.uses_left, open.from), (1, request.from));
    fleet.join(&self::request(&token), HERE, NOW).await.unwrap();
}

#[tokio::test]
async fn who_guesses_has_to_wait_and_a_token_that_is_guessed_at_ends() {
    let (fleet, _store, _dir) = fleet().await;
    let token = token(&fleet, 1).await;
    let mut wrong = request(&token);
    wrong.secret.push('x');
    let guess = async |from: IpAddr| {
        let refused = fleet.join(&wrong, from, NOW).await.unwrap_err();
        matches!(refused, FleetError::TooManyGuesses { .. })
    };
    for _ in 0..6 {
        assert!(!guess(HERE).await);
    }
    assert!(guess(HERE).await);
    // The rightful owner at that address waits as well, and no longer than the second said.
    let held = fleet.join(&request(&token), HERE, NOW).await;
    assert!(matches!(
        held,
        Err(FleetError::TooManyGuesses { seconds: 2 })
    ));
    assert_eq!(fleet.join_tokens().await.unwrap()[0].failures, 6);

    for n in 6..token::TOKEN_FAILURES_MAX {
        assert!(!guess(IpAddr::from(n.to_be_bytes())).await);
    }
    assert!(fleet.join_tokens().await.unwrap().is_empty());
    let later = NOW.plus_millis(2000);
    let ended = fleet.join(&request(&token), HERE, later).await;
    assert!(matches!(ended, Err(FleetError::BadToken)), "{ended:?}");
}

#[tokio::test]
async fn a_request_that_is_none_uses_no_token() {
    let (fleet, _store, _dir) = fleet().await;
    let token = token(&fleet, 1).await;
    let mut join = request(&token);
    join.csr.truncate(40);
    let result = fleet.join(&join, HERE, NOW).await;
    assert!(matches!(result, Err(FleetError::Authority(_))));
    fleet.join(&request(&token), HERE, NOW).await.unwrap();
}

fn csr() -> Vec<u8> {
    let key = KeyPair::generate().unwrap();
    let csr = CertificateParams::default().serialize_request(&key);
    csr.unwrap().der().to_vec()
}

fn hello(relay: RelayId, instance: u64, ancestors: &[u64]) -> Hello {
    Hello {
        proto_min: 1,
        proto_max: 1,
        relay,
        epoch: Epoch(7),
        lanes: vec![],
        version: String::new(),
        roster_version: 0,
        dicts: vec![],
        wall: NOW,
        capabilities: vec![],
        generation: 1,
        instance,
        ancestors: ancestors.to_vec(),
    }
}

#[tokio::test]
async fn a_certificate_holds_for_its_time_and_the_one_before_until_the_new_one_is_used() {
    let (fleet, _store, _dir) = fleet().await;
    let joined = fleet
        .join(&request(&token(&fleet, 1).await), HERE, NOW)
        .await;
    let joined = joined.unwrap();
    let days = |days: i64| NOW.plus_millis(days * 86_400_000);
    let admitted = fleet.admit(&joined.certificate, days(6)).await.unwrap();
    for at in [days(7), days(-1)] {
        let refused = fleet.admit(&joined.certificate, at).await;
        assert!(matches!(refused, Err(FleetError::Expired(_))));
    }
    let lost = fleet.renew(&admitted, &csr(), days(3)).await.unwrap();
    let cert = fleet.renew(&admitted, &csr(), days(3)).await.unwrap();
    fleet.admit(&joined.certificate, days(4)).await.unwrap();
    let admitted = fleet.admit(&cert.certificate, days(4)).await.unwrap();
    let hello = hello(joined.relay, 1, &[]);
    fleet.welcome(&admitted, &hello, &[]).await.unwrap();
    for replaced in [&joined.certificate, &lost.certificate] {
        let refused = fleet.admit(replaced, days(4)).await;
        assert!(matches!(refused, Err(FleetError::Cloned(_))));
    }
    let row = fleet.relays().await.unwrap().remove(0);
    assert!(row.certificate.ends_at.unwrap() >= days(9));
    // Certificates name whole seconds.
    let issued = row.certificate.issued_at.map(Timestamp::as_secs);
    assert_eq!(issued, Some(days(3).as_secs()));
    assert_eq!(row.certificate.serial.as_ref().map(Vec::len), Some(16));
    assert_eq!(row.certificate.authority, Some(fleet.pin().to_vec()));
    let state = |at| row.certificate.state(at);
    assert_eq!(state(days(7)), CertificateState::Valid);
    assert_eq!(state(days(8)), CertificateState::Late);
    assert_eq!(state(days(10)), CertificateState::Ended);
}

#[tokio::test]
async fn an_ended_certificate_is_exchanged_no_more_often_than_it_may_be_before_a_renewal() {
    let (fleet, _store, _dir) = fleet().await;
    let joined = fleet
        .join(&request(&token(&fleet, 1).await), HERE, NOW)
        .await;
    let joined = joined.unwrap();
    let later = NOW.plus_millis(400 * 86_400_000);
    let exhaust = async || {
        for _ in 0..Config::default().recoveries_max {
            fleet
                .recover(&joined.certificate, &csr(), later)
                .await
                .unwrap();
        }
        let refused = fleet.recover(&joined.certificate, &csr(), later).await;
        assert!(matches!(refused, Err(FleetError::NoRecoveryLeft { .. })));
    };
    exhaust().await;
    let admitted = fleet.admit(&joined.certificate, NOW).await.unwrap();
    fleet.renew(&admitted, &csr(), NOW).await.unwrap();
    exhaust().await;
}

#[tokio::test]
async fn of_many_starts_that_present_themselves_at_once_one_is_welcomed() {
    let (fleet, _store, _dir) = fleet().await;
    let joined = fleet
        .join(&request(&token(&fleet, 1).await), HERE, NOW)
        .await;
    let joined = joined.unwrap();
    let admitted = fleet.admit(&joined.certificate, NOW).await.unwrap();
    // Each dials by two ways.
    let starts = (1..=8).chain(1..=8).map(|n| hello(joined.relay, n, &[]));
    let starts: Vec<Hello> = starts.collect();
    let mut n_welcome = 0;
    let mut welcomes = tokio::task::JoinSet::new();
    for start in starts {
        let (fleet, admitted) = (fleet.clone(), admitted.clone());
        welcomes.spawn(async move { fleet.welcome(&admitted, &start, &[]).await });
    }
    while let Some(welcomed) = welcomes.join_next().await {
        match welcomed.unwrap() {
            Ok(()) => n_welcome += 1,
            Err(error) => assert!(matches!(error, FleetError::Cloned(_)), "{error}"),
        }
    }
    assert_eq!(n_welcome, 2);
}

#[tokio::test]
async fn an_exchanged_authority_is_followed_and_the_one_before_is_trusted_for_a_while() {
    let (fleet, store, dir) = fleet().await;
    let before = fleet.pin();
    let joined = fleet
        .join(&request(&token(&fleet, 1).await), HERE, NOW)
        .await;
    let joined = joined.unwrap();
    fleet.rotate_authority(NOW).await.unwrap();
    assert_ne!(fleet.pin(), before);
    let admitted = fleet.admit(&joined.certificate, NOW).await.unwrap();
    let soon = fleet.renew(&admitted, &csr(), NOW).await.unwrap();
    assert_eq!(soon.authorities.len(), 2);
    let late = NOW.plus_millis(14 * 86_400_000);
    let late = fleet.renew(&admitted, &csr(), late).await.unwrap();
    assert_eq!(late.authorities, soon.authorities[..1]);

    let dir = dir.path().join("link");
    let again = Fleet::open(store, &dir, Config::default()).await.unwrap();
    assert_eq!(again.authorities(), fleet.authorities());
    // An exchange that was cut short before the new key was there did not happen.
    let former = std::fs::read(dir.join("former.pem")).unwrap();
    let current = std::fs::read(dir.join("authority.pem")).unwrap();
    std::fs::write(
        dir.join("former.pem"),
        [&current, &current, &former[..]].concat(),
    )
    .unwrap();
    let (store, _dir) = Store::temporary().await;
    let cut = Fleet::open(store, &dir, Config::default()).await.unwrap();
    assert_eq!(cut.authorities(), fleet.authorities());
}

#[tokio::test]
async fn the_authority_stays_the_same_and_its_key_is_for_the_hub_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let (fleet, store, dir) = fleet().await;
    let joined = fleet
        .join(&request(&token(&fleet, 1).await), HERE, NOW)
        .await;
    let dir = dir.path().join("link");
    let again = Fleet::open(store, &dir, Config::default()).await.unwrap();
    assert_eq!(again.authorities(), fleet.authorities());
    assert!(again.admit(&joined.unwrap().certificate, NOW).await.is_ok());
    let mode = std::fs::metadata(dir.join("authority.key"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[tokio::test]
async fn a_certificate_of_another_authority_or_none_is_not_a_relay() {
    let (fleet, _store, _dir) = fleet().await;
    assert!(fleet.admit(&fleet.authorities()[0], NOW).await.is_err());
    assert!(fleet.admit(b"0", NOW).await.is_err());
    let (other, _store, _dir) = self::fleet().await;
    let joined = other
        .join(&request(&token(&other, 1).await), HERE, NOW)
        .await;
    let refused = fleet.admit(&joined.unwrap().certificate, NOW).await;
    assert!(matches!(refused, Err(FleetError::UnknownRelay(_))));
}

#[tokio::test]
async fn what_a_relay_said_last_is_kept_with_it() {
    let (fleet, _store, _dir) = fleet().await;
    let joined = fleet
        .join(&request(&token(&fleet, 1).await), HERE, NOW)
        .await;
    let relay = joined.unwrap().relay;
    let report = Report {
        spool_bytes: 7,
        ..Report::default()
    };
    let address = "127.0.0.1:9".parse().unwrap();
    fleet.note_seen(relay, address, "0.2.0", -5, Some(&report), NOW);
    fleet.note_seen(relay, address, "0.2.0", -6, None, NOW.plus_millis(1));
    fleet.refresh().await.unwrap();
    let shown = fleet.relays().await.unwrap().remove(0);
    assert_eq!(shown.version, "0.2.0");
    assert_eq!(shown.clock_offset_ms, Some(-6));
    assert_eq!(shown.report.unwrap().spool_bytes, 7);
}
