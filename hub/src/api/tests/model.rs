//! An issue's states against a model of them: what people do, events, time and releases, in random
//! sequences over the real digest and store.
//!
//! The model is written from what is promised, with its own notion of time and of releases; the
//! forecast of escalation alone is asked of `issue`, where it is tested for itself. A sequence is
//! made of its number, so that one that fails comes back.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::atomic::AtomicI64;

use super::*;
use crate::issue;
use crate::store::commits::NewCommit;

/// Sequences, and what is done in each.
const SEQUENCES: u64 = 200;
const STEPS: usize = 20;

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
/// After so many hours without an event an issue is resolved by itself.
const RESOLVE_AGE: i64 = 240;

static NOW: AtomicI64 = AtomicI64::new(0);

fn now() -> Timestamp {
    Timestamp::from_millis(NOW.load(Ordering::SeqCst))
}

/// Random numbers that are the same for the same seed (`SplitMix64`).
pub(super) struct Chance(pub(super) u64);

impl Chance {
    pub(super) fn next(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % below
    }

    fn one_of<T: Copy>(&mut self, of: &[T]) -> T {
        let n = u64::try_from(of.len()).unwrap();
        of[usize::try_from(self.next(n)).unwrap()]
    }
}

#[derive(Clone, Debug, PartialEq)]
enum State {
    New,
    Ongoing,
    Escalating,
    Regressed,
    Resolved(Fix),
    UntilEscalating {
        base_hour: i64,
    },
    Until {
        time: Option<i64>,
        events: Option<i64>,
        users: Option<usize>,
    },
    Forever,
}

#[derive(Clone, Debug, PartialEq)]
enum Fix {
    Now,
    Release(String),
    Next(Option<String>),
    Commit(String),
}

impl State {
    /// The API's words for it.
    fn words(&self) -> (&'static str, Option<&'static str>) {
        match self {
            Self::New => ("unresolved", Some("new")),
            Self::Ongoing => ("unresolved", Some("ongoing")),
            Self::Escalating => ("unresolved", Some("escalating")),
            Self::Regressed => ("unresolved", Some("regressed")),
            Self::Resolved(_) => ("resolved", None),
            Self::UntilEscalating { .. } => ("ignored", Some("archived_until_escalating")),
            Self::Until { .. } => ("ignored", Some("archived_until_condition_met")),
            Self::Forever => ("ignored", Some("archived_forever")),
        }
    }
}

struct Event {
    at: i64,
    user: u64,
    release: Option<String>,
}

struct Model {
    state: State,
    first_seen: i64,
    last_seen: i64,
    events: i64,
    users: BTreeSet<u64>,
    hours: BTreeMap<i64, i64>,
    resolved_at: i64,
    /// When it regressed or escalated.
    moved_at: i64,
}

#[derive(Debug)]
struct Release {
    made_at: i64,
    /// When the project's events first named it; where none has, when it was made.
    first_seen: i64,
    has_events: bool,
}

/// All releases, in the order in which they were made.
#[derive(Default)]
struct Releases {
    names: Vec<String>,
    known: BTreeMap<String, Release>,
    /// The first release of each commit.
    commits: BTreeMap<String, String>,
}

impl Releases {
    fn see(&mut self, event: &Event) {
        let Some(version) = &event.release else {
            return;
        };
        let now = now().as_millis();
        let names = &mut self.names;
        let release = self.known.entry(version.clone()).or_insert_with(|| {
            names.push(version.clone());
            Release {
                made_at: now,
                first_seen: event.at,
                has_events: true,
            }
        });
        if !release.has_events || event.at < release.first_seen {
            release.first_seen = event.at;
        }
        release.has_events = true;
    }

    /// By version where every release has one, else by date.
    fn newest(&self) -> Option<String> {
        let mut names: Vec<(i64, usize, &String)> = Vec::new();
        for (n, name) in self.names.iter().enumerate() {
            names.push((self.known[name].first_seen, n, name));
        }
        names.sort_unstable();
        let have_versions = names.iter().all(|(.., name)| number(name).is_some());
        let is_newer =
            |a: (i64, usize, &String), b: (i64, usize, &String)| match (number(a.2), number(b.2)) {
                (Some((left, a)), Some((right, b))) if have_versions && left == right => a > b,
                _ => a.0 > b.0,
            };
        // The latest by date first, which stays where nothing is newer.
        let latest = names.into_iter().rev();
        let newest = latest.reduce(|newest, one| if is_newer(one, newest) { one } else { newest });
        newest.map(|(.., name)| name.clone())
    }

    fn made_at(&self, version: &str) -> i64 {
        let known = self.known.get(version);
        known.map_or_else(|| now().as_millis(), |release| release.made_at)
    }

    /// By number where both have one, of the same package; else by date.
    fn is_newer(&self, a: &str, b: &str) -> bool {
        match (number(a), number(b)) {
            (Some((left, a)), Some((right, b))) if left == right => a > b,
            _ => a != b && self.made_at(a) > self.made_at(b),
        }
    }
}

/// The package and the number of a version; what is none has none.
fn number(version: &str) -> Option<(&str, u64)> {
    let (package, rest) = version.split_once('@')?;
    let minor = rest.split('.').nth(1)?.parse().ok()?;
    Some((package, minor))
}

impl Model {
    fn new(events: &[Event]) -> Self {
        let first_seen = events.iter().map(|event| event.at).min().unwrap();
        let mut model = Self {
            state: State::New,
            first_seen,
            last_seen: first_seen,
            events: 0,
            users: BTreeSet::new(),
            hours: BTreeMap::new(),
            resolved_at: 0,
            moved_at: 0,
        };
        model.state = model.by_age();
        model.count(events);
        model
    }

    fn by_age(&self) -> State {
        match now().as_millis() - self.first_seen < 7 * DAY {
            true => State::New,
            false => State::Ongoing,
        }
    }

    fn count(&mut self, events: &[Event]) {
        for event in events {
            self.events += 1;
            self.users.insert(event.user);
            self.first_seen = self.first_seen.min(event.at);
            self.last_seen = self.last_seen.max(event.at);
            *self.hours.entry(event.at / HOUR).or_default() += 1;
        }
    }

    /// Events of one commit: the first that moves the issue does.
    fn see(&mut self, events: &[Event], releases: &Releases) {
        let mut users = self.users.clone();
        users.extend(events.iter().map(|event| event.user));
        let now = now().as_millis();
        let pace = self.pace();
        let mut this_hour = self.hours.get(&(now / HOUR)).copied().unwrap_or_default();
        for (n, event) in (1..).zip(events) {
            this_hour += i64::from(event.at / HOUR == now / HOUR);
            let next = match &self.state {
                State::Resolved(fix) if self.is_undone(fix, event, releases) => State::Regressed,
                State::UntilEscalating { .. } if this_hour > pace => State::Escalating,
                State::Until {
                    time,
                    events: most,
                    users: people,
                } if time.is_some_and(|time| now >= time)
                    || most.is_some_and(|most| self.events + n >= most)
                    || people.is_some_and(|most| users.len() >= most) =>
                {
                    self.by_age()
                }
                _ => continue,
            };
            self.state = next;
            self.moved_at = now;
            break;
        }
        self.count(events);
    }

    fn is_undone(&self, fix: &Fix, event: &Event, releases: &Releases) -> bool {
        let release = event.release.as_deref();
        event.at > self.resolved_at
            && match fix {
                Fix::Now => true,
                Fix::Release(fixed) => {
                    release.is_some_and(|it| it == fixed || releases.is_newer(it, fixed))
                }
                Fix::Next(Some(current)) => {
                    release.is_some_and(|it| releases.is_newer(it, current))
                }
                Fix::Next(None) => {
                    release.is_some_and(|it| releases.made_at(it) > self.resolved_at)
                }
                Fix::Commit(_) => false,
            }
    }

    /// Most events of this hour that are no surprise.
    fn pace(&self) -> i64 {
        let State::UntilEscalating { base_hour } = self.state else {
            return 0;
        };
        let hour = now().as_millis() / HOUR;
        let end = (base_hour + 1).clamp(hour - 24, hour + 1);
        let week = self.hours.range(end - issue::WEEK_HOURS..end);
        let week: Vec<(i64, i64)> = week.map(|(hour, n)| (*hour, *n)).collect();
        issue::ceiling(&week, self.first_seen / HOUR, end)
    }

    /// What only time does.
    fn age(&mut self) {
        let now = now().as_millis();
        let since = match self.state {
            State::New => self.first_seen,
            State::Regressed | State::Escalating => self.moved_at,
            _ => now,
        };
        if since < now - 7 * DAY {
            self.state = State::Ongoing;
        }
        if matches!(self.state, State::Until { time: Some(time), .. } if time <= now) {
            self.state = self.by_age();
        }
        let is_open = self.state.words().0 == "unresolved";
        if is_open && self.last_seen < now - RESOLVE_AGE * HOUR {
            self.resolve(Fix::Now);
        }
    }

    fn resolve(&mut self, fix: Fix) {
        self.state = State::Resolved(fix);
        self.resolved_at = now().as_millis();
    }
}

/// One sequence: the real hub, the model, and what was done so far.
struct Run<'h> {
    hub: &'h Hub,
    caller: &'h caller::Caller,
    seed: u64,
    chance: Chance,
    releases: &'h mut Releases,
    model: Option<Model>,
    issue: i64,
    done: String,
}

impl Run<'_> {
    fn version(&mut self) -> String {
        match self.chance.next(3) {
            0 => format!("build-{}-{}", self.seed, self.chance.next(4)),
            _ => format!("m{}@1.{}.0", self.seed, self.chance.next(12)),
        }
    }

    async fn events(&mut self) {
        let mut events = Vec::new();
        let mut records = Vec::new();
        for _ in 0..=self.chance.next(3) {
            let late = self
                .chance
                .one_of(&[0, 0, 0, 10 * MINUTE, 3 * HOUR, 2 * DAY]);
            let event = Event {
                at: now().as_millis() - late,
                user: self.chance.next(4),
                release: match self.chance.next(4) {
                    0 => None,
                    _ => Some(self.version()),
                },
            };
            let payload = json!({
                "platform": "python",
                "timestamp": Timestamp::from_millis(event.at).to_rfc3339(),
                "release": event.release,
                "user": { "id": event.user.to_string() },
                "exception": { "values": [{ "type": format!("Seed{}", self.seed) }] },
            });
            let n = u128::from(self.hub.next_seq.load(Ordering::Relaxed));
            let id = (n << 8) + u128::try_from(events.len()).unwrap();
            let record = self
                .hub
                .record(id, "event", &json!({}), &payload.to_string());
            writeln!(self.done, "event {late} late, {:?}", event.release).unwrap();
            records.push(record);
            events.push(event);
        }
        self.hub.deliver(&records).await;
        // Those of one commit are noted in the order of their letters.
        let mut named: Vec<&Event> = events.iter().collect();
        named.sort_by_key(|event| event.release.clone());
        for event in named {
            self.releases.see(event);
        }
        match &mut self.model {
            Some(model) => model.see(&events, self.releases),
            None => {
                self.model = Some(Model::new(&events));
                self.issue = self
                    .hub
                    .state
                    .store
                    .number("SELECT MAX(id) FROM issues")
                    .await;
            }
        }
    }

    async fn person(&mut self) {
        let wish = self.wish();
        writeln!(self.done, "{wish}").unwrap();
        let change: issue_edit::IssueChange = serde_json::from_value(wish.clone()).unwrap();
        let state = &self.hub.state;
        let organization = state.store.organization("acme").await.unwrap().unwrap();
        let rows = state.store.issue_rows(&[self.issue]).await.unwrap();
        let done = issue_edit::apply(state, self.caller, &organization, &rows, change, now).await;
        let details = &wish["statusDetails"];
        let model = self.model.as_mut().unwrap();
        let now = now().as_millis();
        let newest = self.releases.newest();
        match (wish["status"].as_str().unwrap(), details) {
            ("unresolved", _) => model.state = State::Ongoing,
            ("resolved", details) if details["inNextRelease"] == true => {
                model.resolve(Fix::Next(newest));
            }
            ("resolved", details) if details["inRelease"] == "latest" => match newest {
                Some(newest) => model.resolve(Fix::Release(newest)),
                None => return assert!(done.is_err(), "there is no release"),
            },
            ("resolved", details) if details["inRelease"].is_string() => {
                let version = details["inRelease"].as_str().unwrap();
                model.resolve(Fix::Release(version.to_owned()));
            }
            ("resolved", details) if details["inCommit"].is_object() => {
                let commit = details["inCommit"]["commit"].as_str().unwrap();
                let released = self.releases.commits.get(commit).cloned();
                model.resolve(released.map_or(Fix::Commit(commit.to_owned()), Fix::Release));
            }
            ("resolved", _) => model.resolve(Fix::Now),
            _ if wish["substatus"] == "archived_until_escalating" => {
                let base_hour = now / HOUR;
                model.state = State::UntilEscalating { base_hour };
            }
            (_, Value::Null) => model.state = State::Forever,
            (_, details) => {
                let more = |key: &str| details[key].as_i64();
                model.state = State::Until {
                    time: more("ignoreDuration").map(|minutes| now + minutes * MINUTE),
                    events: more("ignoreCount").map(|n| model.events + n),
                    users: more("ignoreUserCount")
                        .map(|n| model.users.len() + usize::try_from(n).unwrap()),
                };
            }
        }
        done.unwrap();
    }

    fn wish(&mut self) -> Value {
        let few = 1 + self.chance.next(4);
        match self.chance.next(12) {
            0 => json!({ "status": "unresolved" }),
            1 | 2 => json!({ "status": "resolved" }),
            3 => json!({ "status": "resolved", "statusDetails": { "inRelease": "latest" } }),
            4 => {
                let version = self.version();
                json!({ "status": "resolved", "statusDetails": { "inRelease": version } })
            }
            5 => json!({ "status": "resolved", "statusDetails": { "inNextRelease": true } }),
            6 => {
                let commit = self.commit();
                let named = json!({ "commit": commit });
                json!({ "status": "resolved", "statusDetails": { "inCommit": named } })
            }
            7 => json!({ "status": "ignored" }),
            8 => json!({ "status": "ignored", "substatus": "archived_until_escalating" }),
            9 => {
                let minutes = self.chance.one_of(&[30, 600, 4000]);
                json!({ "status": "ignored", "statusDetails": { "ignoreDuration": minutes } })
            }
            10 => json!({ "status": "ignored", "statusDetails": { "ignoreCount": few } }),
            _ => json!({ "status": "ignored", "statusDetails": {
                "ignoreUserCount": few, "ignoreCount": 10 * few,
            } }),
        }
    }

    fn commit(&mut self) -> String {
        format!("c{}-{}", self.seed, self.chance.next(3))
    }

    /// Makes a release that nobody has heard of, of one commit.
    async fn release(&mut self) {
        let n = self.releases.names.len() + 100;
        let version = format!("m{}@1.{n}.0", self.seed);
        let commit = self.commit();
        writeln!(self.done, "release {version} of {commit}").unwrap();
        let at = now().as_millis();
        let mut write = self.hub.state.store.begin().await.unwrap();
        let acme = self
            .hub
            .state
            .store
            .organization("acme")
            .await
            .unwrap()
            .unwrap()
            .id;
        let (release, is_new) = write.make_release(acme, &version, at).await.unwrap();
        assert!(is_new, "{version}");
        write
            .add_release_project(release, self.hub.project, at)
            .await
            .unwrap();
        let new = NewCommit {
            repository_id: write.put_repository(acme, "shop", at).await.unwrap(),
            sha: &commit,
            message: "",
            author_name: "",
            author_email: "",
            committed_at: at,
        };
        let row = write.put_commit(new).await.unwrap();
        write.set_release_commits(release, &[row]).await.unwrap();
        write
            .release_resolutions(release, &version, now())
            .await
            .unwrap();
        write.commit().await.unwrap();
        let made = Release {
            made_at: at,
            first_seen: at,
            has_events: false,
        };
        self.releases.known.insert(version.clone(), made);
        self.releases.names.push(version.clone());
        let model = self.model.as_mut().unwrap();
        if model.state == State::Resolved(Fix::Commit(commit.clone())) {
            model.state = State::Resolved(Fix::Release(version.clone()));
        }
        self.releases.commits.entry(commit).or_insert(version);
    }

    /// What the hub does by itself, every so often.
    async fn upkeep(&mut self) {
        writeln!(self.done, "upkeep").unwrap();
        let store = &self.hub.state.store;
        let mut write = store.begin().await.unwrap();
        let before = now().plus_millis(-issue::NEW_FOR_MILLIS);
        write.age_issues(before, now()).await.unwrap();
        write.commit().await.unwrap();
        store.wake_issues(now()).await.unwrap();
        store.resolve_forgotten_issues(now()).await.unwrap();
        self.model.as_mut().unwrap().age();
    }

    fn wait(&mut self) {
        let some = [MINUTE, 20 * MINUTE, HOUR, 6 * HOUR, DAY, 3 * DAY, 8 * DAY];
        let millis = self.chance.one_of(&some);
        writeln!(self.done, "{} minutes", millis / MINUTE).unwrap();
        NOW.fetch_add(millis, Ordering::SeqCst);
    }

    async fn check(&self) {
        let row = self
            .hub
            .state
            .store
            .issue_rows(&[self.issue])
            .await
            .unwrap()
            .remove(0);
        let model = self.model.as_ref().unwrap();
        let status = issue::Status::from_codes(row.status, row.substatus);
        let words = (status.name(), status.substatus_name());
        let seed = self.seed;
        assert_eq!(
            words,
            model.state.words(),
            "sequence {seed}:\n{}",
            self.done
        );
        assert_eq!(
            row.times_seen, model.events,
            "sequence {seed}:\n{}",
            self.done
        );
        let users = usize::try_from(row.users_seen).unwrap();
        assert_eq!(users, model.users.len(), "sequence {seed}:\n{}", self.done);
        if let State::Resolved(fix) = &model.state {
            let details = issue::StatusDetails::parse(&row.status_details);
            let release = match fix {
                Fix::Release(version) => Some(version.clone()),
                _ => None,
            };
            assert_eq!(
                details.in_release, release,
                "sequence {seed}:\n{}",
                self.done
            );
            assert_eq!(
                row.resolved_at,
                Some(model.resolved_at),
                "sequence {seed}:\n{}",
                self.done
            );
        }
    }
}

#[tokio::test]
async fn an_issue_is_where_a_model_of_its_states_says() {
    NOW.store(clock::now().as_millis(), Ordering::SeqCst);
    let hub = Hub::at(now).await;
    let age = json!({ "resolveAge": RESOLVE_AGE });
    let set = hub.put("projects/acme/shop/", age).await;
    assert_eq!(set.status, StatusCode::OK, "{}", set.text);
    let identity = hub.state.access.by_token(clock::now(), &hub.owner).await;
    let caller = caller::Caller(identity.unwrap().unwrap());
    let mut releases = Releases::default();
    for seed in 0..SEQUENCES {
        NOW.fetch_add(30 * DAY, Ordering::SeqCst);
        let mut run = Run {
            hub: &hub,
            caller: &caller,
            seed,
            chance: Chance(seed),
            releases: &mut releases,
            model: None,
            issue: 0,
            done: String::new(),
        };
        run.events().await;
        run.check().await;
        for _ in 0..STEPS {
            match run.chance.next(20) {
                0..=7 => run.events().await,
                8..=12 => run.person().await,
                13..=16 => run.wait(),
                17 | 18 => run.upkeep().await,
                _ => run.release().await,
            }
            run.check().await;
        }
    }
}
