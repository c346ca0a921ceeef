//! The command line, read and carried out on a data directory.

use super::*;

async fn go(dir: &Path, line: &str) -> anyhow::Result<()> {
    let config = Config {
        data_dir: dir.to_owned(),
        ..Config::default()
    };
    let words = std::iter::once("vedette-hub").chain(line.split_whitespace());
    on_data(&config, Cli::try_parse_from(words)?.command).await
}

#[test]
fn the_command_line_is_sound() {
    Cli::command().debug_assert();
    for line in [
        "vedette-hub run --config /tmp/x.toml",
        "vedette-hub --config /tmp/x.toml run",
        "vedette-hub check-config /tmp/x.toml",
        "vedette-hub join-token create --uses 3 --valid 7d --label site=a --label ring=1",
        "vedette-hub join-token create --from 10.20.0.0/16 --ttl 1h",
    ] {
        assert!(Cli::try_parse_from(line.split(' ')).is_ok(), "{line}");
    }
    let both = "vedette-hub admin create --email a@b --password-file x --password-stdin";
    assert!(Cli::try_parse_from(both.split(' ')).is_err());
}

#[test]
fn every_command_has_a_manual_page() {
    let dir = tempfile::tempdir().unwrap();
    write_manual(dir.path()).unwrap();
    let page = std::fs::read_to_string(dir.path().join("vedette-hub.1")).unwrap();
    assert!(page.contains(".TH vedette-hub 1"), "{page}");
    for command in ["run", "check-config", "project-create", "poison-replay"] {
        let page = dir.path().join(format!("vedette-hub-{command}.1"));
        assert!(page.exists(), "{}", page.display());
    }
}

#[tokio::test]
async fn a_hub_is_set_up_from_the_command_line() {
    let dir = tempfile::tempdir().unwrap();
    let password = dir.path().join("password");
    std::fs::write(&password, "a long enough password\n").unwrap();
    let password = password.display();
    let path = dir.path();
    let admin = format!("admin create --email Admin@example.com --password-file {password}");
    go(path, &admin).await.unwrap();
    assert!(go(path, "project create shop").await.is_err());
    go(path, "organization create Acme").await.unwrap();
    go(path, "project create Shop --platform python")
        .await
        .unwrap();
    let key = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    let add_key = format!("project add-key --project shop --public-key {key}");
    go(path, &add_key).await.unwrap();
    assert!(go(path, &add_key).await.is_err());
    go(path, "rollout").await.unwrap();
    go(path, "join-token create --label site=a --from 10.20.0.0/16")
        .await
        .unwrap();
    assert!(go(path, "join-token create --from 10.20").await.is_err());
    go(path, "join-token list").await.unwrap();
    assert!(go(path, "join-token remove 0123").await.is_err());
    go(path, "relay list").await.unwrap();
    let nobody = "relay clear-clone 00000000-0000-0000-0000-000000000001";
    assert!(go(path, nobody).await.is_err());
    go(path, "authority rotate").await.unwrap();
    go(path, "authority show").await.unwrap();
    go(path, "audit verify").await.unwrap();
    let store = app::open_store(path).await.unwrap();
    let entries = store.audit_behind(0).await.unwrap();
    store.close().await;
    let names: Vec<_> = entries.iter().map(|link| &link.entry.action).collect();
    let deeds = [
        "user.create",
        "org.create",
        "project.create",
        "fleet.rotate-authority",
    ];
    for refused in ["join-token.remove", "relay.edit"] {
        assert!(!names.iter().any(|name| *name == refused), "{refused}");
    }
    for deed in deeds {
        assert!(names.iter().any(|name| *name == deed), "{deed}: {names:?}");
    }
    go(path, "audit export").await.unwrap();
    assert!(go(path, "audit verify --contains 1:00").await.is_err());
    assert!(go(path, "audit verify --contains 1").await.is_err());
    go(path, "api-token create --user admin@example.com")
        .await
        .unwrap();
    assert!(
        go(
            path,
            "api-token create --user admin@example.com --scope nonsense"
        )
        .await
        .is_err()
    );
    go(path, "poison list").await.unwrap();
    assert!(go(path, "poison replay 1").await.is_err());
    go(path, "index rebuild").await.unwrap();

    let store = app::open_store(path).await.unwrap();
    let (user, _) = store
        .user_by_email("admin@example.com")
        .await
        .unwrap()
        .unwrap();
    assert_eq!(store.memberships(user.id).await.unwrap().len(), 1);
    let project = store.project(1, "shop").await.unwrap().unwrap();
    let keys = store.project_keys(project.id).await.unwrap();
    assert_eq!(keys.len(), 2);
    assert!(keys.iter().any(|one| one.public_key == key));
}

#[tokio::test]
async fn a_request_that_was_carried_by_hand_is_answered_with_a_bundle_once() {
    use protocol::wire::{Frame, Join, Paper};
    let dir = tempfile::tempdir().unwrap();
    let (request, bundle) = (dir.path().join("request"), dir.path().join("bundle"));
    let key = rcgen::KeyPair::generate().unwrap();
    let csr = rcgen::CertificateParams::default().serialize_request(&key);
    let join = Join {
        token_id: String::new(),
        secret: String::new(),
        csr: csr.unwrap().der().to_vec(),
        name: "mast".to_owned(),
        version: "0.1.0".to_owned(),
    };
    let text = Paper::JoinRequest.write(&[Frame::Join(join)]).unwrap();
    let data = dir.path().join("data");
    let sign = format!(
        "sign {} --out {} --name mast-7 --label site=mast",
        request.display(),
        bundle.display()
    );
    std::fs::write(&request, "nothing").unwrap();
    assert!(go(&data, &sign).await.is_err());
    std::fs::write(&request, text).unwrap();
    go(&data, &sign).await.unwrap();
    let text = std::fs::read_to_string(&bundle).unwrap();
    let frames = Paper::JoinBundle.read(&text).unwrap();
    let [Frame::Joined(joined), Frame::Config(_)] = frames.as_slice() else {
        panic!("{frames:?}");
    };
    // A bundle that is there is not written over, and nobody is registered a second time.
    assert!(go(&data, &sign).await.is_err());
    let store = app::open_store(&data).await.unwrap();
    let relays = store.relays().await.unwrap();
    assert_eq!(relays.len(), 1);
    assert_eq!(relays[0].name, "mast-7");
    assert_eq!(relays[0].id, joined.relay.as_bytes());
}
