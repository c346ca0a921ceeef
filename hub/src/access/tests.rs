//! What a caller sees of access.

use super::*;

const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
const START: Timestamp = Timestamp::from_millis(1_767_323_045_000);

/// A browser on this host.
fn here() -> Browser {
    Browser {
        user_agent: "Firefox".to_owned(),
        address: HERE,
    }
}

fn hours(n: i64) -> i64 {
    n * 3_600_000
}

async fn access() -> (Access, i64, tempfile::TempDir) {
    let (store, dir) = Store::temporary().await;
    let access = Access::new(store, TaskTracker::new()).unwrap();
    let user = access
        .create_user(START, "Ann@Example.org", "Ann", "correct horse")
        .await
        .unwrap();
    let organization = access
        .create_organization(START, "acme", "Acme")
        .await
        .unwrap();
    access
        .put_member(START, organization, user, Role::Admin)
        .await
        .unwrap();
    (access, user, dir)
}

#[tokio::test]
async fn a_session_lives_until_it_is_idle_for_twelve_hours() {
    let (access, user, _dir) = access().await;
    let login = access
        .login(START, "ann@example.org", "correct horse", &here())
        .await
        .unwrap();
    let later = START.plus_millis(hours(11));
    let identity = access
        .by_session(later, &login.cookie)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(identity.user.id, user);
    assert!(identity.accepts_csrf(Some(&login.csrf_token)));
    assert!(!identity.accepts_csrf(Some("something else")));
    assert!(!identity.accepts_csrf(None));

    access.tracker.close();
    access.tracker.wait().await;
    let still = later.plus_millis(hours(11));
    assert!(
        access
            .by_session(still, &login.cookie)
            .await
            .unwrap()
            .is_some()
    );
    access.tracker.wait().await;
    let idle = still.plus_millis(hours(12));
    assert!(
        access
            .by_session(idle, &login.cookie)
            .await
            .unwrap()
            .is_none()
    );
}

#[tokio::test]
async fn a_session_ends_after_fourteen_days_of_use_and_at_logout() {
    let (access, _, _dir) = access().await;
    let login = access
        .login(START, "ann@example.org", "correct horse", &here())
        .await
        .unwrap();
    let mut now = START;
    for _ in 0..(14 * 24 / 8) {
        assert!(
            access
                .by_session(now, &login.cookie)
                .await
                .unwrap()
                .is_some()
        );
        access.tracker.close();
        access.tracker.wait().await;
        now = now.plus_millis(hours(8));
    }
    assert!(
        access
            .by_session(now, &login.cookie)
            .await
            .unwrap()
            .is_none()
    );

    let login = access
        .login(now, "ann@example.org", "correct horse", &here())
        .await
        .unwrap();
    access.logout(&login.cookie).await.unwrap();
    assert!(
        access
            .by_session(now, &login.cookie)
            .await
            .unwrap()
            .is_none()
    );
}

#[tokio::test]
async fn unknown_accounts_and_wrong_passwords_read_the_same_and_are_slowed_down() {
    let (access, _, _dir) = access().await;
    for email in ["ann@example.org", "nobody@example.org"] {
        for _ in 0..5 {
            let error = access.login(START, email, "wrong password", &here()).await;
            assert!(matches!(error, Err(AccessError::WrongLogin)));
        }
        let error = access.login(START, email, "correct horse", &here()).await;
        assert!(matches!(error, Err(AccessError::Throttled { .. })));
    }
}

#[tokio::test]
async fn a_token_holds_no_more_than_its_owners_role() {
    let (access, user, _dir) = access().await;
    let token = access
        .create_token(START, user, "ci", ScopeSet::all())
        .await
        .unwrap();
    assert_eq!(token.secret.len(), "sntryu_".len() + 64);
    let identity = access
        .by_token(START, &token.secret)
        .await
        .unwrap()
        .unwrap();
    assert!(identity.scopes().has(Scope::ProjectWrite));
    assert!(!identity.scopes().has(Scope::OrgWrite));
    assert!(
        access
            .by_token(START, "sntryu_unknown")
            .await
            .unwrap()
            .is_none()
    );

    let reads = [Scope::EventRead].into_iter().collect();
    let token = access
        .create_token(START, user, "read", reads)
        .await
        .unwrap();
    let identity = access
        .by_token(START, &token.secret)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(identity.scopes().names(), ["event:read"]);
}

#[tokio::test]
async fn a_new_password_ends_the_sessions() {
    let (access, user, _dir) = access().await;
    let login = access
        .login(START, "ann@example.org", "correct horse", &here())
        .await
        .unwrap();
    access.set_password(user, "another horse").await.unwrap();
    assert!(
        access
            .by_session(START, &login.cookie)
            .await
            .unwrap()
            .is_none()
    );
}

#[test]
fn slugs_are_made_and_checked() {
    assert_eq!(slug_of("My  Shop (EU)!"), "my-shop-eu");
    assert!(check_slug("my-shop").is_ok());
    for bad in ["", "123", "My", "a/b", "ä"] {
        assert!(check_slug(bad).is_err(), "{bad}");
    }
}

#[tokio::test]
async fn wrong_logins_beyond_what_one_can_read_are_told_of_in_one_entry() {
    let (store, _dir) = Store::temporary().await;
    let access = Access::new(store.clone(), TaskTracker::new()).unwrap();
    for _ in 0..wrong_logins::WRITTEN_MAX + 30 {
        access.wrong_logins().is_written(START);
    }
    assert_eq!(access.tell_wrong_logins(START, false).await.unwrap(), 0);
    let later = START.plus_millis(3_600_000);
    assert_eq!(access.tell_wrong_logins(later, false).await.unwrap(), 30);
    assert_eq!(access.tell_wrong_logins(later, true).await.unwrap(), 0);
    let entries = store.audit_behind(0).await.unwrap();
    let [told] = entries.as_slice() else {
        panic!("{entries:?}");
    };
    assert_eq!(told.entry.action, LOGIN_FAILED);
    assert!(told.entry.data.contains(r#""count":30"#), "{told:?}");
}
