//! Tests of the fleet: who gets in, and what relays are told.

mod reports;

use rcgen::{CertificateParams, KeyPair};

use super::*;
use crate::store::projects::{NewProject, ProjectKey};

const NOW: Timestamp = Timestamp::from_millis(1_767_323_045_678);

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
    let joined = fleet.join(&join, NOW).await.unwrap();
    assert_eq!(
        fleet.admit(&joined.certificate).await.unwrap(),
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
    let refused = fleet.admit(&joined.certificate).await;
    assert!(matches!(refused, Err(FleetError::Revoked(_))));
}

#[tokio::test]
async fn a_token_lets_in_no_more_than_it_may_and_not_for_longer() {
    let (fleet, _store, _dir) = fleet().await;
    let one_use = token(&fleet, 1).await;
    fleet.join(&request(&one_use), NOW).await.unwrap();
    let check = async |join: Join, at: Timestamp| {
        let result = fleet.join(&join, at).await;
        assert!(matches!(result, Err(FleetError::BadToken)), "{result:?}");
    };
    check(request(&one_use), NOW).await;
    let fresh = token(&fleet, 1).await;
    check(request(&fresh), NOW.plus_millis(3_600_000)).await;
    let mut wrong = request(&fresh);
    wrong.secret.push('x');
    check(wrong, NOW).await;
    assert_eq!(fleet.join_tokens().await.unwrap().len(), 1);
    fleet.join(&request(&fresh), NOW).await.unwrap();
}

#[tokio::test]
async fn a_request_that_is_none_uses_no_token() {
    let (fleet, _store, _dir) = fleet().await;
    let token = token(&fleet, 1).await;
    let mut join = request(&token);
    join.csr.truncate(40);
    let result = fleet.join(&join, NOW).await;
    assert!(matches!(result, Err(FleetError::Authority(_))));
    fleet.join(&request(&token), NOW).await.unwrap();
}

#[tokio::test]
async fn the_authority_stays_the_same_and_its_key_is_for_the_hub_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let (fleet, store, dir) = fleet().await;
    let joined = fleet.join(&request(&token(&fleet, 1).await), NOW).await;
    let dir = dir.path().join("link");
    let again = Fleet::open(store, &dir, Config::default()).await.unwrap();
    assert_eq!(again.authority(), fleet.authority());
    assert!(again.admit(&joined.unwrap().certificate).await.is_ok());
    let mode = std::fs::metadata(dir.join("authority.key"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[tokio::test]
async fn a_certificate_of_another_authority_or_none_is_not_a_relay() {
    let (fleet, _store, _dir) = fleet().await;
    assert!(fleet.admit(fleet.authority()).await.is_err());
    assert!(fleet.admit(b"0").await.is_err());
    let (other, _store, _dir) = self::fleet().await;
    let joined = other.join(&request(&token(&other, 1).await), NOW).await;
    let refused = fleet.admit(&joined.unwrap().certificate).await;
    assert!(matches!(refused, Err(FleetError::UnknownRelay(_))));
}

#[tokio::test]
async fn the_roster_follows_projects_and_keys() {
    let (fleet, store, _dir) = fleet().await;
    let mut watch = fleet.watch();
    let before = watch.borrow_and_update().roster.version;
    let mut write = store.begin().await.unwrap();
    let organization_id = write.add_organization("acme", "Acme", 0).await.unwrap();
    let project_id = write
        .add_project(
            NewProject {
                organization_id,
                slug: "shop",
                name: "Shop",
                platform: "python",
            },
            0,
        )
        .await
        .unwrap();
    write
        .add_project_key(&ProjectKey {
            public_key: "cd".repeat(16),
            secret_key: "ef".repeat(16),
            project_id,
            label: "Default".to_owned(),
            is_active: true,
            rate_limit_count: Some(10),
            rate_limit_window_s: Some(60),
            created_at: 0,
        })
        .await
        .unwrap();
    write.commit().await.unwrap();

    fleet.refresh().await.unwrap();
    let roster = Arc::clone(&watch.borrow_and_update().roster);
    assert!(roster.version > before);
    assert_eq!(roster.projects.len(), 1);
    assert_eq!(roster.projects[0].slug, "shop");
    let limit = roster.projects[0].keys[0].rate_limit.unwrap();
    assert_eq!((limit.count, limit.window_secs), (10, 60));

    fleet.refresh().await.unwrap();
    assert!(!watch.has_changed().unwrap());
}

#[tokio::test]
async fn what_a_relay_said_last_is_kept_with_it() {
    let (fleet, _store, _dir) = fleet().await;
    let joined = fleet.join(&request(&token(&fleet, 1).await), NOW).await;
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
