//! What relays are told, when, and which of them.

use protocol::roster::{LinkSettings, SIGNING_CONTEXT};
use protocol::wire::{ConfigOutcome, ConfigStatus, Total, decode_roster};
use ring::signature::{ED25519, UnparsedPublicKey};

use super::*;
use crate::store::erasures::ErasureRow;
use crate::store::projects::{NewProject, ProjectKey};

const KEY: &str = "cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd";

/// A fleet that tries for no time, so that nothing has to be waited for.
async fn hasty() -> (Fleet, Store, tempfile::TempDir) {
    let (store, dir) = Store::temporary().await;
    let fleet = open(&store, &dir, Duration::ZERO).await;
    (fleet, store, dir)
}

async fn open(store: &Store, dir: &tempfile::TempDir, canary_time: Duration) -> Fleet {
    let config = Config {
        canary_time: Span(canary_time),
        ..Config::default()
    };
    let dir = dir.path().join("link");
    Fleet::open(store.clone(), &dir, config).await.unwrap()
}

/// Makes a project with a key; gives its number.
async fn add_project(store: &Store, options: &str) -> i64 {
    let mut write = store.begin().await.unwrap();
    let organization_id = write.add_organization("acme", "Acme", 0).await.unwrap();
    let new = NewProject {
        organization_id,
        slug: "shop",
        name: "Shop",
        platform: "python",
    };
    let project_id = write.add_project(new, 0).await.unwrap();
    write.add_project_key(&key(project_id, true)).await.unwrap();
    write.commit().await.unwrap();
    set_options(store, project_id, options).await;
    project_id
}

fn key(project_id: i64, is_active: bool) -> ProjectKey {
    ProjectKey {
        public_key: KEY.to_owned(),
        secret_key: "ef".repeat(16),
        project_id,
        label: "Default".to_owned(),
        is_active,
        rate_limit_count: Some(10),
        rate_limit_window_s: Some(60),
        rate_limit_burst: None,
        created_at: 0,
    }
}

async fn set_options(store: &Store, project_id: i64, options: &str) {
    let organizations = store.organizations().await.unwrap();
    let projects = store.projects(organizations[0].id).await.unwrap();
    let mut project = projects.into_iter().find(|p| p.id == project_id).unwrap();
    project.options = options.to_owned();
    let mut write = store.begin().await.unwrap();
    write.update_project(&project).await.unwrap();
    write.commit().await.unwrap();
}

async fn switch_off(store: &Store, project_id: i64) {
    let mut write = store.begin().await.unwrap();
    write
        .update_project_key(&key(project_id, false))
        .await
        .unwrap();
    write.commit().await.unwrap();
}

async fn join(fleet: &Fleet) -> RelayId {
    let join = request(&token(fleet, 1).await);
    fleet.join(&join, HERE, NOW).await.unwrap().relay
}

/// What a relay is to have by now.
fn told(fleet: &Fleet, relay: RelayId) -> Arc<Published> {
    Arc::clone(fleet.watch().borrow().config.for_relay(relay))
}

fn scrubs_emails(published: &Published) -> bool {
    published.bundle.projects[0].privacy.scrub_emails
}

fn says(version: u64, outcome: ConfigOutcome) -> ConfigStatus {
    ConfigStatus {
        version,
        outcome,
        reason: "it says".to_owned(),
    }
}

const STRICT: &str = "{\"privacy\":{\"scrub_emails\":true}}";
const LOOSE: &str = "{}";

#[tokio::test]
async fn the_roster_follows_projects_and_keys() {
    let (fleet, store, _dir) = hasty().await;
    let mut watch = fleet.watch();
    let before = watch.borrow_and_update().config.stable.bundle.version;
    add_project(&store, "{\"sampling\":{\"transaction\":0.25}}").await;
    fleet.refresh().await.unwrap();
    let roster = Arc::clone(&watch.borrow_and_update().config.stable);
    assert!(roster.bundle.version > before);
    let project = &roster.bundle.projects[0];
    assert_eq!(project.slug, "shop");
    let limit = project.keys[0].rate_limit.unwrap();
    assert_eq!((limit.count, limit.window_secs), (10, 60));
    assert!((project.sampling["transaction"].share() - 0.25).abs() < 1e-9);

    fleet.refresh().await.unwrap();
    assert!(!watch.has_changed().unwrap());
}

#[tokio::test]
async fn an_erasure_that_has_ended_leaves_the_roster_by_itself() {
    let (fleet, store, _dir) = hasty().await;
    let project_id = add_project(&store, "{}").await;
    let now = clock::now().as_millis();
    let erasure = |ends_at| ErasureRow {
        project_id,
        subjects: "[]".to_owned(),
        events: format!("[\"{}\"]", "11".repeat(16)),
        created_at: now,
        ends_at,
        ..ErasureRow::default()
    };
    let mut write = store.begin().await.unwrap();
    write.add_erasure(&erasure(now + 3_000)).await.unwrap();
    let stays = write.add_erasure(&erasure(now + 3_600_000)).await.unwrap();
    write.commit().await.unwrap();
    fleet.refresh().await.unwrap();
    let asked = || {
        let config = Arc::clone(&fleet.watch().borrow().config.stable);
        let erasures = config.bundle.erasures.iter();
        erasures.map(|one| one.id.cast_signed()).collect::<Vec<_>>()
    };
    assert_eq!(asked().len(), 2);
    let ends = async {
        let mut tick = tokio::time::interval(Duration::from_millis(50));
        while asked().len() > 1 {
            tick.tick().await;
            fleet.refresh().await.unwrap();
        }
    };
    tokio::time::timeout(Duration::from_secs(30), ends)
        .await
        .expect("it ends");
    assert_eq!(asked(), [stays]);
}

#[tokio::test]
async fn what_relays_are_told_is_signed_by_the_key_they_pin() {
    let (fleet, _store, dir) = hasty().await;
    let joined = fleet
        .join(&request(&token(&fleet, 1).await), HERE, NOW)
        .await
        .unwrap();
    let pinned = joined.config_key.unwrap();
    let check = |published: &Published| {
        let config = &published.config;
        let signed = [SIGNING_CONTEXT, &config.bytes].concat();
        let by_pinned = config.signatures.iter().find(|s| s.key == pinned).unwrap();
        let key = UnparsedPublicKey::new(&ED25519, pinned);
        key.verify(&signed, &by_pinned.signature).unwrap();
        let bundle = decode_roster(&config.bytes).unwrap();
        assert_eq!(bundle, published.bundle);
        bundle
    };
    let first = check(&told(&fleet, joined.relay));
    assert_eq!(first.config_key, Some(pinned));
    fleet.replace_config_key().await.unwrap();
    // Signed by the pinned key too, it names the next.
    let next = check(&told(&fleet, joined.relay));
    assert!(next.version > first.version);
    assert_ne!(next.config_key, Some(pinned));
    let joined = fleet
        .join(&request(&token(&fleet, 1).await), HERE, NOW)
        .await;
    assert_eq!(joined.unwrap().config_key, next.config_key);

    use std::os::unix::fs::PermissionsExt as _;
    let file = std::fs::metadata(dir.path().join("link/config.key")).unwrap();
    assert_eq!(file.permissions().mode() & 0o777, 0o600);
}

#[tokio::test]
async fn what_loosens_goes_to_a_relay_that_tries_it_and_then_to_the_rest() {
    let (fleet, store, _dir) = hasty().await;
    // The one with the label, whatever its number.
    let (a, b) = (join(&fleet).await, join(&fleet).await);
    let (tries, waits) = (a.max(b), a.min(b));
    let label = Labels::from([("canary".to_owned(), "true".to_owned())]);
    let active = RelayState::Active;
    fleet
        .update_relay(tries, "x", &label, active)
        .await
        .unwrap();
    let project = add_project(&store, STRICT).await;
    fleet.refresh().await.unwrap();
    let before = told(&fleet, a).bundle.version;
    let _present = [fleet.enter(a, before, NOW), fleet.enter(b, before, NOW)];

    set_options(&store, project, LOOSE).await;
    fleet.refresh().await.unwrap();
    assert!(!scrubs_emails(&told(&fleet, tries)));
    assert!(scrubs_emails(&told(&fleet, waits)));
    // It is not taken yet, and so it goes no further.
    let candidate = told(&fleet, tries).bundle.version;
    assert!(candidate > before);
    fleet.note_config(
        tries,
        &says(candidate, ConfigOutcome::Applied),
        clock::now(),
    );
    fleet.refresh().await.unwrap();
    assert_eq!(told(&fleet, waits).bundle.version, candidate);
    let view = fleet.config().await;
    assert!(view.offer.trial.is_none() && view.failed.is_none());
}

#[tokio::test]
async fn a_key_that_is_switched_off_does_not_wait_for_what_is_tried() {
    let (store, dir) = Store::temporary().await;
    let fleet = open(&store, &dir, Duration::from_secs(3600)).await;
    let (a, b) = (join(&fleet).await, join(&fleet).await);
    let project = add_project(&store, STRICT).await;
    fleet.refresh().await.unwrap();
    let before = told(&fleet, a).bundle.version;
    let _present = [fleet.enter(a, before, NOW), fleet.enter(b, before, NOW)];
    set_options(&store, project, LOOSE).await;
    fleet.refresh().await.unwrap();

    switch_off(&store, project).await;
    fleet.refresh().await.unwrap();
    let (told_a, told_b) = (told(&fleet, a), told(&fleet, b));
    for told in [&told_a, &told_b] {
        assert!(!told.bundle.projects[0].keys[0].active);
        assert!(told.bundle.version > before);
    }
    assert_ne!(
        scrubs_emails(&told_a),
        scrubs_emails(&told_b),
        "one still tries"
    );
}

#[tokio::test]
async fn what_a_relay_refuses_is_taken_back_held_and_tried_again_when_asked() {
    let (fleet, store, dir) = hasty().await;
    let a = join(&fleet).await;
    let project = add_project(&store, STRICT).await;
    fleet.refresh().await.unwrap();
    let _present = fleet.enter(a, told(&fleet, a).bundle.version, NOW);
    set_options(&store, project, LOOSE).await;
    fleet.refresh().await.unwrap();
    let candidate = told(&fleet, a).bundle.version;
    assert!(!scrubs_emails(&told(&fleet, a)));
    fleet.note_config(a, &says(candidate, ConfigOutcome::Reverted), NOW);
    fleet.refresh().await.unwrap();
    let back = told(&fleet, a);
    assert!(scrubs_emails(&back) && back.bundle.version > candidate);
    let (version, reason) = fleet.config().await.failed.unwrap();
    assert_eq!(version, candidate);
    assert!(reason.contains("reverted: it says"), "{reason}");

    // Something else does not bring it back; neither does a restart.
    switch_off(&store, project).await;
    fleet.refresh().await.unwrap();
    assert!(scrubs_emails(&told(&fleet, a)));
    assert!(!told(&fleet, a).bundle.projects[0].keys[0].active);
    let again = open(&store, &dir, Duration::ZERO).await;
    assert!(scrubs_emails(&told(&again, a)));
    assert!(again.config().await.failed.is_some());

    fleet.retry_config().await.unwrap();
    assert!(!scrubs_emails(&told(&fleet, a)));
}

#[tokio::test]
async fn a_relay_that_does_worse_with_it_stops_it() {
    let (store, dir) = Store::temporary().await;
    let fleet = open(&store, &dir, Duration::from_secs(3600)).await;
    let a = join(&fleet).await;
    let project = add_project(&store, STRICT).await;
    fleet.refresh().await.unwrap();
    let _present = fleet.enter(a, told(&fleet, a).bundle.version, NOW);
    set_options(&store, project, LOOSE).await;
    fleet.refresh().await.unwrap();
    let candidate = told(&fleet, a).bundle.version;
    let report = |version, received, invalid| {
        let total = |term, n| Total {
            project: None,
            category: protocol::item::Category::Error,
            term,
            reason: String::new(),
            n,
        };
        let report = Report {
            roster_version: version,
            books: Some(Books {
                totals: vec![
                    total(protocol::outcome::Term::Received, received),
                    total(protocol::outcome::Term::Invalid, invalid),
                ],
                ..Books::default()
            }),
            ..Report::default()
        };
        let address = "127.0.0.1:9".parse().unwrap();
        fleet.note_seen(a, address, "0.1.0", 0, Some(&report), clock::now());
    };
    report(candidate, 1000, 0);
    fleet.refresh().await.unwrap();
    assert_eq!(told(&fleet, a).bundle.version, candidate);
    report(candidate, 1100, 60);
    fleet.refresh().await.unwrap();
    assert!(scrubs_emails(&told(&fleet, a)));
    let (_, reason) = fleet.config().await.failed.unwrap();
    assert!(reason.contains("60 % of its items"), "{reason}");
}

#[tokio::test]
async fn a_relay_that_takes_more_of_its_host_with_it_stops_it() {
    use protocol::wire::ProcessReport;
    let (store, dir) = Store::temporary().await;
    let fleet = open(&store, &dir, Duration::from_secs(3600)).await;
    let a = join(&fleet).await;
    let project = add_project(&store, STRICT).await;
    fleet.refresh().await.unwrap();
    let version = told(&fleet, a).bundle.version;
    let _present = fleet.enter(a, version, NOW);
    let begin = clock::now();
    let report = |version, secs: i64, cpu_ms| {
        let report = Report {
            roster_version: version,
            process: Some(ProcessReport {
                cpu_ms,
                rss_bytes: 20 << 20,
            }),
            ..Report::default()
        };
        let address = "127.0.0.1:9".parse().unwrap();
        let at = begin.plus_millis(secs * 1000);
        fleet.note_seen(a, address, "0.1.0", 0, Some(&report), at);
    };
    report(version, 0, 100);
    report(version, 60, 700);
    set_options(&store, project, LOOSE).await;
    fleet.refresh().await.unwrap();
    let candidate = told(&fleet, a).bundle.version;
    report(candidate, 65, 750);
    report(candidate, 75, 9000);
    fleet.refresh().await.unwrap();
    assert_eq!(
        told(&fleet, a).bundle.version,
        candidate,
        "too soon to tell"
    );
    report(candidate, 85, 18_000);
    fleet.refresh().await.unwrap();
    assert!(scrubs_emails(&told(&fleet, a)));
    let (_, reason) = fleet.config().await.failed.unwrap();
    assert!(
        reason.ends_with("it takes 87 % of a core, 1 % before"),
        "{reason}"
    );
    let shown = fleet.relay(a).await.unwrap().unwrap().report.unwrap();
    assert_eq!(shown.process.unwrap().cpu_permille, Some(900));
}

#[tokio::test]
async fn a_hub_that_starts_again_goes_on_where_it_was() {
    let (store, dir) = Store::temporary().await;
    let fleet = open(&store, &dir, Duration::from_secs(3600)).await;
    let a = join(&fleet).await;
    let project = add_project(&store, STRICT).await;
    fleet.refresh().await.unwrap();
    let _present = fleet.enter(a, told(&fleet, a).bundle.version, NOW);
    set_options(&store, project, LOOSE).await;
    fleet.refresh().await.unwrap();
    let candidate = told(&fleet, a);

    let again = open(&store, &dir, Duration::from_secs(3600)).await;
    assert!(scrubs_emails(&told(&again, a)), "nobody is connected yet");
    let _present = again.enter(a, candidate.bundle.version, NOW);
    again.refresh().await.unwrap();
    assert_eq!(told(&again, a), candidate);
}

#[tokio::test]
async fn a_hub_that_was_restored_rises_above_what_its_relays_have() {
    let (fleet, _store, _dir) = hasty().await;
    let a = join(&fleet).await;
    let version = told(&fleet, a).bundle.version;
    let _present = fleet.enter(a, version + 500, NOW);
    fleet.refresh().await.unwrap();
    assert_eq!(told(&fleet, a).bundle.version, version + 501);
    // What no hub of this fleet can have said is not followed.
    let _liar = fleet.enter(a, u64::MAX, NOW);
    fleet.refresh().await.unwrap();
    assert_eq!(told(&fleet, a).bundle.version, version + 501);
}

#[tokio::test]
async fn a_key_is_switched_off_even_while_relays_would_not_take_the_rest() {
    let (fleet, store, _dir) = hasty().await;
    let a = join(&fleet).await;
    let project = add_project(&store, STRICT).await;
    fleet.refresh().await.unwrap();
    let fields = (0..300).map(|n| format!("\"f{n}\"")).collect::<Vec<_>>();
    let too_many = format!(
        "{{\"privacy\":{{\"sensitive_fields\":[{}]}}}}",
        fields.join(",")
    );
    set_options(&store, project, &too_many).await;
    switch_off(&store, project).await;
    fleet.refresh().await.unwrap();
    let project = &told(&fleet, a).bundle.projects[0];
    assert!(!project.keys[0].active);
    assert!(project.privacy.scrub_emails, "as it was");
    let problem = fleet.config().await.problem.unwrap();
    assert!(problem.contains("entries in a list"), "{problem}");
}

#[tokio::test]
async fn the_last_project_is_taken_away_with_a_word() {
    let (fleet, store, _dir) = hasty().await;
    let a = join(&fleet).await;
    let project = add_project(&store, STRICT).await;
    fleet.refresh().await.unwrap();
    assert!(!told(&fleet, a).bundle.is_emptied);
    let mut write = store.begin().await.unwrap();
    write.remove_project(project).await.unwrap();
    write.commit().await.unwrap();
    fleet.refresh().await.unwrap();
    let bundle = &told(&fleet, a).bundle;
    assert!(bundle.projects.is_empty() && bundle.is_emptied);
}

#[tokio::test]
async fn a_relay_has_settings_of_the_link_of_its_own() {
    let (fleet, _store, _dir) = hasty().await;
    let (a, b) = (join(&fleet).await, join(&fleet).await);
    let thin = LinkSettings {
        bandwidth_max: Some(8000),
        ..LinkSettings::default()
    };
    fleet.set_link(a, Some(&thin)).await.unwrap();
    let bundle = &told(&fleet, b).bundle;
    assert_eq!(bundle.link_of(a), &thin);
    assert!(bundle.link_of(b).is_default());
    fleet.set_link(a, None).await.unwrap();
    assert!(told(&fleet, a).bundle.link_of(a).is_default());
    let unknown = fleet.set_link(RelayId::from_bytes([9; 16]), None).await;
    assert!(matches!(unknown, Err(FleetError::UnknownRelay(_))));
}
