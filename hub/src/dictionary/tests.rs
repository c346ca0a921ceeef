//! What gets into a dictionary, what does not, and when one is put in force.

use protocol::block::{Item, Items, Record, seal};
use protocol::ids::{Epoch, EventId, ProjectId, PublicKey, Seq};

use super::*;

const USERS: u64 = 60;
const NOW: Timestamp = Timestamp::from_millis(1_767_323_045_678);

/// A word of letters that no other number gives.
fn word(n: u64) -> String {
    const LETTERS: &[u8] = b"bcdfghklmnprstvz";
    let mut x = n.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0x5555;
    let letter = |_| {
        x = x.rotate_left(7).wrapping_mul(0xD6E8_FEB8_6659_FD93);
        char::from(LETTERS[usize::try_from(x % 16).unwrap()])
    };
    (0..10).map(letter).collect()
}

/// What nobody but this user may see: in words, numbers, addresses and ids.
fn secrets(user: u64) -> Vec<String> {
    let [a, b, c] = [0, 1, 2].map(|n| word(user * 10 + n));
    vec![
        format!("{a} {b}"),
        format!("{a}@{b}.example"),
        format!("/srv/{c}/{a}"),
        format!(
            "+39 {:03} {:03} {:04}",
            user * 7 % 1000,
            user * 13 % 1000,
            1000 + user
        ),
        format!("{:032x}", u128::from(user) * 0x1234_5678_9abc_def1_2345),
        format!("10.{}.{}.7", user % 250, user * 3 % 250),
    ]
}

/// An error of a user, as an SDK would send it.
fn event(n: u64, user: u64, more: &str) -> Record {
    let secrets = secrets(user);
    let frames: Vec<_> = (0..20)
        .map(|frame| {
            serde_json::json!({
                "filename": format!("shop/checkout/step_{frame}.py"),
                "function": format!("charge_card_{frame}"),
                "context_line": "        raise PaymentRefused(order, amount, currency)",
                "lineno": 100 + frame,
                "vars": {"customer": secrets[0], "path": secrets[2], "note": more},
            })
        })
        .collect();
    let payload = serde_json::json!({
        "event_id": format!("{n:032x}"),
        "level": "error",
        "platform": "python",
        "message": format!("payment of {} refused: {more}", secrets[0]),
        "user": {"id": user.to_string(), "username": secrets[0], "email": secrets[1]},
        "request": {
            "headers": {"X-Request-Id": secrets[4], "X-Phone": secrets[3], "Accept": "text/html"},
            "env": {"REMOTE_ADDR": secrets[5]},
        },
        "breadcrumbs": {"values": [{"category": "query", "message": secrets.join(" ")}]},
        "tags": {"customer": secrets[0], "region": "north-harbour"},
        "exception": {"values": [{"type": "PaymentRefused", "stacktrace": {"frames": frames}}]},
    });
    Record::Items(Items {
        project: ProjectId::new(1).unwrap(),
        key: PublicKey::from_bytes([7; 16]),
        received_at: NOW,
        sent_at: Some(NOW),
        event_id: Some(EventId::from_bytes(u128::from(n).to_be_bytes())),
        client: Some("sentry.python/2.75.0".to_owned()),
        remote_addr: Some(secrets[5].clone()),
        user_agent: Some(format!("Browser of {}", secrets[0])),
        trace: None,
        items: vec![Item {
            kind: "event".to_owned(),
            header: Bytes::from_static(b"{}"),
            payload: payload.to_string().into(),
        }],
    })
}

fn block(n: u64, record: &Record) -> Bytes {
    let seq = Seq(n + 1);
    let sealed = seal(Epoch(1), Lane::Errors, seq, std::slice::from_ref(record));
    sealed.unwrap().bytes
}

/// Errors of many users, each with something that only four users have, or one user says often.
fn blocks() -> Vec<Bytes> {
    let four = word(1_000_001);
    let one = word(1_000_002);
    (0..400)
        .map(|n| {
            let user = n % USERS;
            let more = match user {
                0..4 => format!("{four} says so"),
                4 => format!("{one} again and again"),
                _ => "as always".to_owned(),
            };
            block(n, &event(n, user, &more))
        })
        .collect()
}

fn holds(dictionary: &Dictionary, text: &str) -> bool {
    memchr::memmem::find(dictionary.bytes(), text.as_bytes()).is_some()
}

#[test]
fn nothing_of_fewer_than_five_users_gets_into_a_dictionary() {
    let candidate = train::train(&blocks(), Current(DictId::BUILT_IN), 10).unwrap();
    let dictionary = &candidate.dictionary;
    for user in 0..USERS {
        for secret in secrets(user) {
            assert!(!holds(dictionary, &secret), "{secret}");
            let parts = secret.split(|c: char| !c.is_ascii_alphanumeric());
            for part in parts.filter(|part| part.len() >= 8) {
                assert!(!holds(dictionary, &part[..6]), "{part}");
            }
        }
    }
    for shared_by_few in [word(1_000_001), word(1_000_002)] {
        assert!(!holds(dictionary, &shared_by_few), "{shared_by_few}");
    }
    for common in [
        "PaymentRefused",
        "shop/checkout/step_",
        "north-harbour",
        "as always",
    ] {
        assert!(holds(dictionary, common), "{common}");
    }
}

#[test]
fn a_dictionary_is_judged_by_records_it_has_not_seen() {
    let blocks = blocks();
    let candidate = train::train(&blocks, Current(DictId::BUILT_IN), 10).unwrap();
    let (before, with) = (candidate.before, candidate.with);
    assert!(with * 5 < before * 4, "{with} of {before}");
    dict::learn(&candidate.dictionary).unwrap();
    let again = train::train(&blocks, Current(candidate.dictionary.id()), 10);
    assert!(matches!(again, Err(Refused::NoGain { .. })), "{again:?}");
    let few = train::train(&blocks[..20], Current(DictId::BUILT_IN), 10);
    assert!(matches!(few, Err(Refused::TooFew { .. })), "{few:?}");
}

#[test]
fn records_without_anything_in_common_make_no_dictionary() {
    let random = |n: u64| {
        let mut record = event(n, n, "");
        if let Record::Items(items) = &mut record {
            let words: Vec<_> = (0..200).map(|m| word(n * 1000 + m)).collect();
            items.items[0].payload = serde_json::json!({"message": words}).to_string().into();
        }
        block(n, &record)
    };
    let blocks: Vec<_> = (0..400).map(random).collect();
    let trained = train::train(&blocks, Current(DictId::BUILT_IN), 10);
    assert!(trained.is_err(), "{trained:?}");
}

#[tokio::test]
async fn what_is_trained_is_in_force_until_the_next_and_kept_after_it() {
    let (store, _dir) = Store::temporary().await;
    let dictionaries = Dictionaries::open(store.clone(), Config::default())
        .await
        .unwrap();
    let none = dictionaries.train(DictKind::Errors, 10, NOW).await;
    assert!(matches!(none, Ok(Outcome::Stays(Refused::TooFew { n: 0 }))));
    let mut versions = Vec::new();
    for round in 0..2_u64 {
        for n in 0..400 {
            // The second time other code fails.
            let mut record = event(n, n % USERS, "as always");
            if let (1, Record::Items(items)) = (round, &mut record) {
                let payload = String::from_utf8(items.items[0].payload.to_vec()).unwrap();
                let payload = payload
                    .replace("charge_card", "weigh_anchor_and_leave")
                    .replace("PaymentRefused", "AnchorFoulOfTheGround")
                    .replace("shop/checkout", "ship/deck/capstan");
                items.items[0].payload = payload.into();
            }
            dictionaries.offer(Lane::Errors, &block(n, &record));
        }
        let outcome = dictionaries.train(DictKind::Errors, 10, NOW).await.unwrap();
        let Outcome::InForce { id, .. } = outcome else {
            panic!("{outcome}");
        };
        let in_force = store.dictionaries_in_force().await.unwrap();
        assert_eq!(in_force.len(), 1);
        assert_eq!(
            (in_force[0].id, in_force[0].kind()),
            (id, Some(DictKind::Errors))
        );
        versions.push(id);
    }
    let kept = store.dictionary_ids().await.unwrap();
    assert!(versions.iter().all(|id| kept.contains(id)) && versions[0] != versions[1]);
    let rows = store.dictionaries().await.unwrap();
    let versions: Vec<_> = rows.iter().map(|row| row.version).collect();
    assert_eq!(versions, [2, 1]);
    // Reading them again, as a hub that starts does.
    load(&store).await.unwrap();
}

#[tokio::test]
async fn who_asks_is_answered_once() {
    let (store, _dir) = Store::temporary().await;
    let dictionaries = Dictionaries::open(store.clone(), Config::default())
        .await
        .unwrap();
    let asked = ask(&store, NOW).await.unwrap();
    assert_eq!(answer(&store, &asked).await.unwrap(), None);
    let mut due = Instant::now() + FIRST_AFTER;
    dictionaries.look(&mut due, || NOW).await.unwrap();
    let text = answer(&store, &asked).await.unwrap().unwrap();
    assert!(text.starts_with("errors\tnothing new: 0 records"), "{text}");
    assert_eq!(text.lines().count(), DictKind::ALL.len());
    assert_eq!(answer(&store, "another").await.unwrap(), None);
}
