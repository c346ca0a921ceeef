//! The index by examples: what is found, what is not, and what survives.

use super::*;
use crate::query;

const NOW: Timestamp = Timestamp::from_millis(1_767_323_045_000);

fn event(row: i64, issue: i64) -> Document {
    let text = |text: &str| Some(text.to_owned());
    Document {
        row,
        project: ProjectId::new(1).ok(),
        issue,
        event_id: Some(EventId::from_bytes([u8::try_from(row).unwrap(); 16])),
        timestamp: NOW.plus_millis(row * 1000),
        level: "error".into(),
        platform: "python".into(),
        kind: "error".into(),
        release: text("shop@1.10.0"),
        environment: text("production"),
        title: "PaymentError: could not charge order 42".into(),
        culprit: "shop.billing in charge_card".into(),
        location: text("shop/billing.py"),
        message: "could not charge order 42".into(),
        sdk_version: text("2.0.0"),
        exceptions: vec![("PaymentError".into(), "could not charge order 42".into())],
        frames: vec![Frame {
            module: text("shop.billing"),
            function: text("charge_card"),
            filename: text("shop/billing.py"),
            abs_path: text("/srv/shop/billing.py"),
            in_app: true,
            ..Frame::default()
        }],
        breadcrumbs: vec!["added item 7 to the basket".into()],
        tags: vec![
            ("customer.tier".into(), "Gold".into()),
            ("n".into(), "15".into()),
        ],
        user: User {
            id: text("u-1"),
            email: text("jane@example.com"),
            ..User::default()
        },
        handled: Some(false),
        ..Document::default()
    }
}

async fn index_of(events: Vec<Document>) -> (tempfile::TempDir, Index) {
    let dir = tempfile::tempdir().unwrap();
    let index = Index::open(dir.path()).unwrap();
    index.add(events, Replaces::Nothing).await.unwrap();
    index.commit().await.unwrap();
    (dir, index)
}

fn search(text: &str) -> Search {
    Search {
        filter: query::parse(text, NOW).unwrap(),
        ..Search::everything()
    }
}

async fn rows(index: &Index, search: Search) -> Vec<i64> {
    let hits = index
        .events(search, Order::Oldest, None, 100)
        .await
        .unwrap();
    hits.iter().map(|hit| hit.row).collect()
}

#[tokio::test]
async fn finds_events_by_every_kind_of_term() {
    let (_dir, index) = index_of(vec![event(1, 1)]).await;
    let finds = [
        "",
        "level:error",
        "level:ERROR",
        "!level:fatal",
        "level:[fatal, error]",
        "lev*",
        "could not charge",
        "\"could not charge\"",
        "charge_card",
        "billing.py",
        "basket",
        "payment",
        "PaymentError",
        "customer.tier:gold",
        "tags[customer.tier]:g*",
        "gold",
        "has:customer.tier",
        "!has:dist",
        "user.email:*@example.com",
        "user:u-1",
        "release:>=1.9",
        "release:shop@1.10.0",
        "tags[n]:>9",
        "error.handled:false",
        "error.unhandled:true",
        "stack.function:charge*",
        "stack.abs_path:/srv/*",
        "culprit:\"shop.billing in *\"",
        "location:shop/billing.py",
        "sdk.version:2.*",
        "error.value:*order*",
        "level:fatal or environment:production",
        "charg*",
        "NOT level:fatal",
        "id:01010101010101010101010101010101",
        "error.type:PaymentError (basket or nothing)",
        "timestamp:>2026-01-01",
    ];
    for text in finds.iter().filter(|text| **text != "lev*") {
        assert_eq!(rows(&index, search(text)).await, [1], "{text}");
    }
    let misses = [
        "level:fatal",
        "!level:error",
        "charge could",
        "\"charge car\"",
        "customer.tier:silver",
        "has:dist",
        "release:>2",
        "tags[n]:<9",
        "user:jane",
        "environment:staging",
        "boom",
        "timestamp:<2026-01-01",
        "\"\u{2026}\"",
    ];
    for text in misses {
        assert!(rows(&index, search(text)).await.is_empty(), "{text}");
    }
}

#[tokio::test]
async fn a_long_message_is_found_by_every_word_that_there_is_room_for() {
    let filler = "lorem ipsum ".repeat(30);
    let said = format!("{filler}the Kühlschrank is empty");
    let long = format!("begun {}", "dolor sit ".repeat(8 * 1024));
    let with = |row: i64, message: &str| Document {
        message: message.to_owned(),
        ..event(row, row)
    };
    let (_dir, index) = index_of(vec![with(1, &said), with(2, &long)]).await;
    let check = async |text: &str, expected: &[i64]| {
        assert_eq!(rows(&index, search(text)).await, expected, "{text}");
    };
    check("message:kühlschrank", &[1]).await;
    check("message:*KÜHL*", &[1]).await;
    check("message:[*nothing*, *schrank*]", &[1]).await;
    check("!message:*schrank*", &[2]).await;
    check("message:*ehlers*", &[]).await;
    // Anchored, or of several words: as far as the value is kept.
    check("message:*ipsum*lorem*", &[1]).await;
    check("message:lorem*", &[1]).await;
    check("message:*empty", &[]).await;
    check("begun", &[2]).await;
    check("message:begun", &[2]).await;
    check("message:\"dolor sit\"", &[2]).await;
}

#[tokio::test]
async fn looks_at_every_value_of_a_key_and_every_word_that_begins_so() {
    let n: i64 = 20_500;
    let one = |row: i64| Document {
        row,
        issue: row,
        timestamp: NOW.plus_millis(row),
        title: format!("could not charge order{row:05}"),
        message: String::new(),
        exceptions: Vec::new(),
        tags: vec![("n".to_owned(), row.to_string())],
        ..event(1, 1)
    };
    let (_dir, index) = index_of((1..=n).map(one).collect()).await;
    let last = format!("tags[n]:>={n}");
    assert_eq!(rows(&index, search(&last)).await, [n]);
    let late = format!("\"charge order{}*\" tags[n]:>{}", n / 1000, n - 2);
    assert_eq!(rows(&index, search(&late)).await, [n - 1, n]);
    let begun = format!("charge order tags[n]:>{}", n - 2);
    assert_eq!(rows(&index, search(&begun)).await, [n - 1, n]);
}

/// The rows whose tag a filter finds, of a row for each value.
async fn found(values: &[&str], key: &str, filter: &str) -> Vec<i64> {
    let tagged = (1..).zip(values).map(|(row, value)| Document {
        tags: vec![(key.to_owned(), (*value).to_owned())],
        ..event(row, row)
    });
    let (_dir, index) = index_of(tagged.collect()).await;
    rows(&index, search(filter)).await
}

#[tokio::test]
async fn tags_compare_as_what_they_are() {
    let check = async |values: &[&str], filter: &str, expected: &[i64]| {
        let key = filter.trim_start_matches("tags[");
        let key = key.split([',', ':', ']']).next().unwrap();
        assert_eq!(found(values, key, filter).await, expected, "{filter}");
    };
    // Typed: numbers, whatever else there is.
    check(&["0.75", "0.9", "n/a"], "tags[ratio,number]:>0.8", &[2]).await;
    check(&["0.75", "0.90"], "tags[ratio,number]:0.9", &[2]).await;
    check(&["0.75", "0.9"], "tags[ratio,number]:[0.9, 1]", &[2]).await;
    check(&["true", "false"], "tags[cached,boolean]:1", &[1]).await;
    // Numbers where all values are.
    check(&["99", "100", "1000"], "order:>100", &[3]).await;
    check(&["0.75", "0.9", "unknown"], "ratio:>0.8", &[2]).await;
    check(&["-5", "-1", "3"], "delta:>=-1", &[2, 3]).await;
    check(&["900", "1e3", "2500"], "size:>=1e3", &[2, 3]).await;
    check(&["1400", "1600"], "size:>1.5k", &[2]).await;
    check(&["1900ms", "2.5s", "3000"], "took:>2s", &[2, 3]).await;
    check(&["9kb", "11kib", "1mb"], "size:>10kb", &[2, 3]).await;
    // Versions elsewhere.
    check(&["1.9.0", "1.10.0"], "build:>1.9", &[2]).await;
    check(&["1.9", "1.10"], "app_version:>1.9", &[2]).await;
    check(&["1.9", "1.10"], "tags[lib.release]:>1.9", &[2]).await;
}

#[tokio::test]
async fn refuses_keys_of_issues() {
    let (_dir, index) = index_of(vec![event(1, 1)]).await;
    let answer = index.look(search("is:unresolved")).await;
    assert!(matches!(answer, Err(IndexError::NotAnEventKey(key)) if key == "is"));
}

/// Events and people of a group, and of each of its steps of time.
type Told = (u64, u64, Vec<(u64, u64)>);

#[tokio::test]
async fn counts_by_issue_and_person() {
    let mut other = event(3, 2);
    other.user.id = Some("u-2".into());
    let mut third = event(4, 2);
    third.user = User::default();
    let (_dir, index) = index_of(vec![event(1, 1), event(2, 1), other, third]).await;
    let look = index.look(Search::everything()).await.unwrap();
    let mut hits = look.issues.clone();
    hits.sort_by_key(|hit| hit.issue);
    let counts: Vec<_> = hits.iter().map(|hit| (hit.issue, hit.events)).collect();
    assert_eq!(counts, [(1, 2), (2, 2)]);
    assert_eq!(hits[0].first_seen, NOW.plus_millis(1000));
    assert_eq!(hits[0].last_seen, NOW.plus_millis(2000));
    let wanted = |groups, people| Wanted {
        groups,
        has_rest: true,
        points: Points {
            from: NOW,
            width_ms: 2000,
            n: 2,
        },
        people,
        with_others: false,
    };
    let tally = async |wanted| -> Vec<Told> {
        let tallies = index.tally(&look, wanted).await.unwrap().into_iter();
        let figures = |count: &Count| (count.events, count.people);
        let told = tallies.map(|tally| {
            let points = tally.points.iter().map(figures).collect();
            (tally.all.events, tally.all.people, points)
        });
        told.collect()
    };
    // The events happened one, two, three and four seconds after.
    assert_eq!(
        tally(wanted(Groups::Issues(vec![2]), People::OfGroups)).await,
        [(2, 1, vec![(0, 0), (1, 0)]), (2, 1, vec![(1, 0), (1, 0)])]
    );
    assert_eq!(
        tally(wanted(Groups::All, People::OfPoints)).await,
        [(4, 0, vec![(1, 1), (2, 2)]), (0, 0, vec![(0, 0), (0, 0)])]
    );
    let filters = ["user.id:u-1", "user.id:[u-1, u-2]"];
    let filters = filters.map(|text| query::parse(text, NOW).unwrap());
    assert_eq!(
        tally(wanted(Groups::Matching(filters.to_vec()), People::OfGroups)).await,
        [
            (2, 1, vec![(1, 0), (1, 0)]),
            (3, 2, vec![(1, 0), (2, 0)]),
            (1, 0, vec![(0, 0), (0, 0)])
        ],
        "an event is in each group that it matches"
    );
    let projects = vec![ProjectId::new(7).unwrap(), ProjectId::new(1).unwrap()];
    let of_projects = tally(wanted(Groups::Projects(projects), People::NotCounted)).await;
    let events: Vec<u64> = of_projects.iter().map(|(n, _, _)| *n).collect();
    assert_eq!(events, [0, 4, 0]);
}

#[tokio::test]
async fn events_that_were_told_with_a_stored_one_are_counted_where_that_is_wanted() {
    let user = |id: &str| User {
        id: Some(id.into()),
        ..User::default()
    };
    let mut storm = event(1, 1);
    storm.n_others = 99;
    storm.users_of_others = vec![user("u-1"), user("u-2"), user("u-3")];
    let (_dir, index) = index_of(vec![storm, event(2, 1)]).await;
    let look = index.look(Search::everything()).await.unwrap();
    let hit = look.issues[0];
    assert_eq!((hit.events, hit.others), (2, 99));
    let tally = async |with_others| {
        let wanted = Wanted {
            groups: Groups::All,
            has_rest: false,
            points: Points {
                from: NOW,
                width_ms: 2000,
                n: 1,
            },
            people: People::OfGroups,
            with_others,
        };
        let tally = index.tally(&look, wanted).await.unwrap().remove(0);
        (tally.all.events, tally.all.people, tally.points[0].events)
    };
    assert_eq!(tally(false).await, (2, 1, 1));
    assert_eq!(tally(true).await, (101, 3, 100));
}

#[tokio::test]
async fn what_was_found_stays_as_it_was() {
    let (_dir, index) = index_of(vec![event(1, 1), event(2, 2)]).await;
    let look = index.look(Search::everything()).await.unwrap();
    index.remove_issues(vec![1]).await.unwrap();
    index
        .add(vec![event(3, 2)], Replaces::Nothing)
        .await
        .unwrap();
    index.commit().await.unwrap();
    let wanted = Wanted {
        groups: Groups::Issues(vec![1, 2]),
        has_rest: false,
        points: Points::NONE,
        people: People::NotCounted,
        with_others: false,
    };
    let tallies = index.tally(&look, wanted).await.unwrap();
    let events: Vec<u64> = tallies.iter().map(|tally| tally.all.events).collect();
    assert_eq!(events, [1, 1]);
}

#[tokio::test]
async fn pages_go_on_over_weeks() {
    let mut events = Vec::new();
    for row in 1..=12 {
        let mut event = event(row, 1);
        event.timestamp = NOW.plus_millis(row / 2 * 7 * 86_400_000);
        events.push(event);
    }
    let (_dir, index) = index_of(events).await;
    for order in [Order::Newest, Order::Oldest] {
        let mut seen = Vec::new();
        let mut after = None;
        loop {
            let search = Search::everything();
            let page = index.events(search, order, after, 3).await.unwrap();
            let Some(last) = page.last() else { break };
            after = Some(*last);
            seen.extend(page.iter().map(|hit| hit.row));
        }
        if order == Order::Newest {
            seen.reverse();
        }
        assert_eq!(seen, (1..=12).collect::<Vec<_>>(), "{order:?}");
    }
}

#[tokio::test]
async fn pages_are_stable_and_ordered() {
    let (_dir, index) = index_of((1..=25).map(|row| event(row, 1)).collect()).await;
    let page = |after| index.events(Search::everything(), Order::Newest, after, 10);
    let first = page(None).await.unwrap();
    assert_eq!(
        first.iter().map(|h| h.row).collect::<Vec<_>>(),
        (16..=25).rev().collect::<Vec<_>>()
    );
    index
        .add(vec![event(26, 1)], Replaces::Nothing)
        .await
        .unwrap();
    index.commit().await.unwrap();
    let second = page(first.last().copied()).await.unwrap();
    assert_eq!(second.first().map(|h| h.row), Some(15));
}

#[tokio::test]
async fn narrows_by_scope_and_time() {
    let mut elsewhere = event(2, 2);
    elsewhere.project = ProjectId::new(2).ok();
    elsewhere.environment = None;
    let (_dir, index) = index_of(vec![event(1, 1), elsewhere]).await;
    let of = |change: fn(&mut Search)| {
        let mut search = Search::everything();
        change(&mut search);
        rows(&index, search)
    };
    assert_eq!(
        of(|s| s.projects = vec![ProjectId::new(2).unwrap()]).await,
        [2]
    );
    assert_eq!(
        of(|s| s.environments = vec!["production".into()]).await,
        [1]
    );
    assert_eq!(of(|s| s.environments = vec![String::new()]).await, [2]);
    assert_eq!(of(|s| s.issues = Some(vec![2])).await, [2]);
    assert_eq!(of(|s| s.issues = Some(Vec::new())).await, Vec::<i64>::new());
    assert_eq!(of(|s| s.from = Some(NOW.plus_millis(1500))).await, [2]);
    assert_eq!(of(|s| s.until = Some(NOW.plus_millis(2000))).await, [1]);
}

#[tokio::test]
async fn adding_a_row_again_replaces_it() {
    let (dir, index) = index_of(vec![event(1, 1), event(2, 1)]).await;
    assert_eq!(index.upto(), 2);
    index.close().await.unwrap();
    let index = Index::open(dir.path()).unwrap();
    assert_eq!(index.upto(), 2);
    index
        .add(vec![event(2, 1), event(3, 1)], Replaces::SameRows)
        .await
        .unwrap();
    index.commit().await.unwrap();
    assert_eq!(rows(&index, Search::everything()).await, [1, 2, 3]);
}

#[tokio::test]
async fn removes_issues_and_whole_weeks() {
    let mut old = event(1, 1);
    old.timestamp = NOW.plus_millis(-30 * 86_400_000);
    let (dir, index) = index_of(vec![old, event(2, 1), event(3, 2)]).await;
    index.remove_before(NOW).await.unwrap();
    index.commit().await.unwrap();
    assert_eq!(rows(&index, Search::everything()).await, [2, 3]);
    let weeks = std::fs::read_dir(dir.path().join("v5")).unwrap();
    let n_weeks = weeks
        .flatten()
        .filter(|entry| entry.path().is_dir())
        .count();
    assert_eq!(n_weeks, 1, "the old week's files are gone");
    index.remove_issues(vec![2]).await.unwrap();
    index.commit().await.unwrap();
    assert_eq!(rows(&index, Search::everything()).await, [2]);
}

fn offered(found: &Suggestions) -> Vec<(&str, u64)> {
    let found = found.found.iter();
    found
        .map(|each| (each.text.as_str(), each.events))
        .collect()
}

#[tokio::test]
async fn offers_keys_and_values_of_a_project_with_exact_counts() {
    let with = |row: i64, issue: i64, project: u64, tier: &str| {
        let mut event = event(row, issue);
        event.project = ProjectId::new(project).ok();
        event.tags = vec![("customer.tier".into(), tier.into())];
        event
    };
    let (_dir, index) = index_of(vec![
        with(1, 1, 1, "Gold"),
        with(2, 2, 1, "gold"),
        with(3, 1, 1, "Silver"),
        with(4, 3, 2, "Tin"),
    ])
    .await;
    // Another segment, and another week.
    let mut old = with(5, 1, 1, "Gold");
    old.timestamp = NOW.plus_millis(-30 * 86_400_000);
    index.add(vec![old], Replaces::Nothing).await.unwrap();
    index.commit().await.unwrap();
    let projects = |ids: &[u64]| -> Vec<ProjectId> {
        ids.iter()
            .filter_map(|id| ProjectId::new(*id).ok())
            .collect()
    };
    let tier = async |ids: &[u64], begin: &str| {
        let key = query::canonical("customer.tier");
        index
            .suggest_values(projects(ids), &key, begin, 10)
            .await
            .unwrap()
    };
    let of_one = tier(&[1], "").await;
    assert_eq!(offered(&of_one), [("Gold", 2), ("gold", 1), ("Silver", 1)]);
    assert!(of_one.is_complete);
    assert_eq!(offered(&tier(&[1], "GO").await), [("Gold", 2), ("gold", 1)]);
    assert_eq!(
        offered(&tier(&[2], "").await),
        [("Tin", 1)],
        "and none of another project"
    );
    assert_eq!(offered(&tier(&[1, 2], "t").await), [("Tin", 1)]);

    let keys = index.suggest_keys(projects(&[1]), 100).await.unwrap();
    assert!(offered(&keys).contains(&("#customer.tier", 4)), "{keys:?}");
    assert!(offered(&keys).contains(&("error.type", 4)), "{keys:?}");
    assert!(
        !offered(&keys).iter().any(|(key, _)| *key == "id"),
        "{keys:?}"
    );

    index.remove_issues(vec![2]).await.unwrap();
    index.commit().await.unwrap();
    assert_eq!(
        offered(&tier(&[1], "g").await),
        [("Gold", 2)],
        "what is deleted is not counted"
    );
}

#[tokio::test]
async fn offers_the_first_of_very_many_values_in_the_order_of_letters() {
    let many = (0..1200_i64).map(|n| {
        let mut event = event(1, 1);
        event.row = n;
        event.user.id = Some(format!("u-{n:04}"));
        event
    });
    let (_dir, index) = index_of(many.collect()).await;
    let projects = vec![ProjectId::new(1).unwrap()];
    let key = query::canonical("user.id");
    let found = index
        .suggest_values(projects.clone(), &key, "", 3)
        .await
        .unwrap();
    assert_eq!(
        offered(&found),
        [("u-0000", 1), ("u-0001", 1), ("u-0002", 1)]
    );
    assert!(!found.is_complete);
    let found = index
        .suggest_values(projects, &key, "U-119", 100)
        .await
        .unwrap();
    assert_eq!(found.found.len(), 10);
    assert!(found.is_complete);
}

/// Events of many weeks, mixed together, as relays deliver them that were cut off for long.
async fn add_mixed(index: &Index, n_events: i64) {
    const WEEKS: i64 = 13;
    let rows: Vec<i64> = (1..=n_events).collect();
    for rows in rows.chunks(50) {
        let late = rows.iter().map(|row| {
            let mut late = event(1, row % 7);
            late.row = *row;
            late.timestamp = NOW.plus_millis(-(row % WEEKS) * 7 * 86_400_000);
            late
        });
        index.add(late.collect(), Replaces::Nothing).await.unwrap();
    }
}

#[tokio::test]
async fn late_events_of_many_weeks_are_all_found() {
    let (dir, index) = index_of(vec![event(1, 1)]).await;
    index
        .add(vec![event(1, 1)], Replaces::SameRows)
        .await
        .unwrap();
    add_mixed(&index, 1300).await;
    index.remove_issues(vec![3]).await.unwrap();
    index.commit().await.unwrap();
    assert_eq!(index.upto(), 1300);
    let found = index.look(Search::everything()).await.unwrap().issues;
    let events: u64 = found.iter().map(|hit| hit.events).sum();
    let kept = (1..=1300).filter(|row| row % 7 != 3).count() as u64;
    assert_eq!(
        events,
        kept + 1,
        "those of the issue that was removed waited for their parts"
    );
    index.close().await.unwrap();
    let index = Index::open(dir.path()).unwrap();
    let again = index.look(Search::everything()).await.unwrap();
    assert_eq!(again.issues.len(), found.len());
}

#[tokio::test]
async fn words_that_were_mistyped_are_found_by_those_there_are() {
    let (_dir, index) = index_of(vec![event(1, 1)]).await;
    let near = async |word: &str| index.near_words(word).await.unwrap();
    assert_eq!(near("chagre").await, ["charge"]);
    assert_eq!(near("Baskte").await, ["basket"]);
    assert_eq!(near("chrg").await, [""; 0], "a short word has one slip");
    assert_eq!(near("char").await, [""; 0], "what is begun is found");
    assert_eq!(near("").await, [""; 0]);
}
