//! Somebody is forgotten: in what is shown, in counts, in the search, and in every file.

use std::path::Path;

use super::*;
use crate::erasure::Erasures;
use crate::retention::{self, Retention};

const ERASURES: &str = "projects/acme/shop/erasures/";

fn erasures(hub: &Hub) -> Erasures {
    let Parts {
        store,
        archive,
        index,
        digest,
        ..
    } = &*hub.state;
    let config = retention::Config::default();
    Erasures {
        store: store.clone(),
        archive: archive.clone(),
        index: index.clone(),
        digest: digest.clone(),
        retention: Retention::new(store.clone(), archive.clone(), index.clone(), config),
    }
}

/// Runs as often as it takes to be done, and gives what the API says then.
async fn finish(hub: &Hub) -> Value {
    let erasures = erasures(hub);
    for _ in 0..3 {
        erasures.run(clock::now()).await.unwrap();
    }
    let listed = hub.get(ERASURES).await.json();
    let one = listed.as_array().unwrap().last().unwrap();
    assert_ne!(one["hub"]["dateDone"], Value::Null, "{one}");
    one["hub"].clone()
}

/// How often a text stands in the bodies that can be read, whatever points to them.
fn bodies_with(hub: &Hub, text: &str) -> usize {
    let archive = &hub.state.archive;
    let (mut n, mut position) = (0, crate::archive::Position::default());
    while let Some((bodies, next)) = archive.next_chunk(position).unwrap() {
        position = next;
        let has = |payload: &[u8]| memchr::memmem::find(payload, text.as_bytes()).is_some();
        n += bodies.iter().filter(|(_, body)| has(&body.payload)).count();
    }
    n
}

/// The files below a directory that hold a text as it is.
fn files_with(dir: &Path, text: &str) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files_with(&path, text));
        } else if memchr::memmem::find(&std::fs::read(&path).unwrap(), text.as_bytes()).is_some() {
            found.push(path);
        }
    }
    found
}

#[tokio::test]
async fn a_person_is_forgotten_and_nobody_else() {
    let hub = Hub::new().await;
    hub.seed().await;
    hub.digest_item(
        1,
        "attachment",
        &json!({"filename": "log.txt"}),
        "ann was here",
    )
    .await;
    hub.digest_item(
        4,
        "attachment",
        &json!({"filename": "log.txt"}),
        "bob was here",
    )
    .await;
    assert_eq!(bodies_with(&hub, "ann"), 3);
    let wish = json!({"people": [{"email": "ANN@example.org"}]});
    let asked = hub.post(ERASURES, wish).await;
    assert_eq!(asked.status, StatusCode::CREATED, "{}", asked.text);
    assert_eq!(asked.json()["hub"]["dateDone"], Value::Null);

    let done = finish(&hub).await;
    assert_eq!((&done["events"], &done["items"]), (&json!(2), &json!(1)));
    assert_eq!((bodies_with(&hub, "ann"), bodies_with(&hub, "bob")), (0, 3));
    let zero = hub.issue("Zero").await;
    let zero = hub
        .get(&format!("organizations/acme/issues/{zero}/"))
        .await
        .json();
    assert_eq!(
        (&zero["count"], &zero["userCount"]),
        (&json!("1"), &json!(1))
    );
    let titles = |query: &'static str| hub.titles(query);
    assert_eq!(titles("?query=user.id:ann").await, [""; 0]);
    assert_eq!(titles("?query=user.email:bob@example.org").await.len(), 2);
    let events = "projects/acme/shop/events/";
    assert_eq!(hub.get(events).await.json().as_array().unwrap().len(), 3);
    let tags = hub.get("organizations/acme/tags/").await.text;
    assert!(!tags.contains("ann"), "{tags}");
    hub.state.store.give_back().await.unwrap();
    assert_eq!(
        files_with(hub._dir.path(), "ann@example.org"),
        [""; 0].map(Path::new)
    );

    // What comes later of the same event is found too; what is sent later is another matter.
    hub.digest_item(
        2,
        "attachment",
        &json!({"filename": "late.txt"}),
        "ann again",
    )
    .await;
    hub.digest(9, &error("Nine", "ann", 0)).await;
    let done = finish(&hub).await;
    assert_eq!((&done["events"], &done["items"]), (&json!(2), &json!(2)));
    assert_eq!(bodies_with(&hub, "ann again"), 0);
    assert_eq!(titles("?query=user.id:ann").await, ["Nine"]);
}

#[tokio::test]
async fn an_issue_of_which_nothing_is_left_goes_and_another_shows_what_is() {
    let hub = Hub::new().await;
    hub.seed().await;
    let id = |n: u128| EventId::from_bytes(n.to_be_bytes()).to_string();
    // The latest of the one issue, and all of the other.
    let wish = json!({"eventIds": [id(3), id(4)]});
    assert_eq!(hub.post(ERASURES, wish).await.status, StatusCode::CREATED);
    finish(&hub).await;
    let mut left = hub.titles("").await;
    left.sort();
    assert_eq!(left, ["Two", "Zero"]);
    let zero = hub.issue("Zero").await;
    let latest = format!("organizations/acme/issues/{zero}/events/latest/");
    assert_eq!(hub.get(&latest).await.json()["eventID"], id(2));
    assert_eq!(bodies_with(&hub, "bob"), 0);
}

#[tokio::test]
async fn what_is_found_of_an_event_before_the_event_itself_takes_its_counts_too() {
    let hub = Hub::new().await;
    // A file that names the person, read in an earlier step than the event.
    let file = json!({"user": {"id": "ann"}}).to_string();
    hub.digest_item(1, "attachment", &json!({"filename": "a.json"}), &file)
        .await;
    for n in 0..70 {
        hub.digest_item(100 + n, "attachment", &json!({"filename": "b.txt"}), "b")
            .await;
    }
    hub.digest(1, &error("Zero", "ann", 50)).await;
    hub.digest(2, &error("Zero", "bob", 40)).await;
    let wish = json!({"people": [{"id": "ann"}]});
    assert_eq!(hub.post(ERASURES, wish).await.status, StatusCode::CREATED);
    let done = finish(&hub).await;
    assert_eq!((&done["events"], &done["items"]), (&json!(1), &json!(1)));
    let zero = hub.issue("Zero").await;
    let zero = format!("organizations/acme/issues/{zero}/");
    let shown = hub.get(&zero).await.json();
    assert_eq!(
        (&shown["count"], &shown["userCount"]),
        (&json!("1"), &json!(1))
    );
    let colors = hub.get(&format!("{zero}tags/color/values/")).await.text;
    assert!(
        !colors.contains("ann") && colors.contains("bob"),
        "{colors}"
    );
}
