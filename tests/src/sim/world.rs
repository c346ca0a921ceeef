//! One story: a relay, a hub and what is between them, a step at a time.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use protocol::block::Sum;
use protocol::ids::Lane;
use relay::spool::LaneState;

use super::disk::{FaultKind, SimDisk};
use super::hub::{CommitEnd, Hub};
use super::net::{Arrived, Net};
use super::plan::{Plan, Trouble};
use super::promises::Promises;
use super::records;
use super::relay::Relay;
use super::time::SimTime;
use crate::chance::Chance;

/// Steps that are remembered for whoever looks for the cause.
const REMEMBERED: usize = 400;
/// The end may take this long, in simulated milliseconds.
const DRAIN_MILLIS: u64 = 60_000;
/// A fresh record is at the hub within this, in simulated milliseconds.
const FRESH_MILLIS: u64 = 5_000;
/// A link on which nothing moves, while something waits, is made anew after this.
const RECONNECT_AFTER: Duration = Duration::from_secs(5);
const TEN_YEARS_MILLIS: i64 = 315_576_000_000;

/// How a story went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Story {
    /// Steps.
    pub steps: u64,
    /// Records that were promised.
    pub promised: u64,
    /// Lives of the relay.
    pub lives: u64,
    /// Connections.
    pub connections: u64,
    /// Items that bits flipped in and of which the hub knows more than the relay.
    pub in_doubt: u64,
    /// What happened, in short: the same seed gives the same number.
    pub fingerprint: u64,
}

/// What happens next.
#[derive(Clone, Copy, Debug)]
enum Action {
    Append,
    Step,
    Forward,
    Deliver,
    Commit,
    Leap,
    Connect,
    Trouble(Trouble),
}

pub(super) struct World {
    chance: Chance,
    plan: Plan,
    time: Arc<SimTime>,
    disk: SimDisk,
    relay: Option<Relay>,
    hub: Hub,
    net: Net,
    promises: Promises,
    /// Uploads whose parts are not answered yet, and those that are to be ended.
    uploading: BTreeMap<u64, Sum>,
    uploaded: VecDeque<Sum>,
    next: u64,
    story: Story,
    log: Option<VecDeque<String>>,
}

impl World {
    pub(super) fn new(seed: u64, is_told: bool) -> Self {
        let mut chance = Chance::new(seed);
        let plan = Plan::of(&mut chance);
        Self {
            chance,
            plan,
            time: Arc::default(),
            disk: SimDisk::default(),
            relay: None,
            hub: Hub::default(),
            net: Net::default(),
            promises: Promises::default(),
            uploading: BTreeMap::new(),
            uploaded: VecDeque::new(),
            next: 0,
            story: Story::default(),
            log: is_told.then(VecDeque::new),
        }
    }

    /// The set-up and the last steps, for whoever looks for the cause.
    pub(super) fn tale(&self) -> String {
        let mut tale = format!("{:?}\n{:?}\n", self.plan.troubles, self.plan.config);
        for line in self.log.iter().flatten() {
            let written = writeln!(tale, "{line}");
            debug_assert!(written.is_ok(), "writing to a string cannot fail");
        }
        tale
    }

    fn tell(&mut self, line: impl FnOnce() -> String) {
        if let Some(log) = &mut self.log {
            let line = line();
            log.push_back(format!("{:6} {line}", self.story.steps));
            if log.len() > REMEMBERED {
                log.pop_front();
            }
        }
    }

    /// Tells the whole story, to its good end.
    ///
    /// # Errors
    /// Names the promise that was broken.
    pub(super) fn run(&mut self) -> Result<Story, String> {
        self.hub.start();
        while self.story.steps < self.plan.n_steps {
            self.story.steps += 1;
            self.time.advance(self.chance.below(30));
            let action = self.choose();
            self.tell(|| format!("{action:?}"));
            self.act(action)?;
            self.bury();
            self.check()?;
        }
        self.heal_and_drain()?;
        self.story.promised = self.promises.n_promised() as u64;
        Ok(self.story)
    }

    fn choose(&mut self) -> Action {
        let is_trouble = self.chance.one_in(30);
        if is_trouble && !self.plan.troubles.is_empty() {
            let at = self.chance.place(self.plan.troubles.len());
            if let Some(trouble) = self.plan.troubles.get(at) {
                return Action::Trouble(*trouble);
            }
        }
        match self.chance.below(100) {
            0..18 => Action::Append,
            18..38 => Action::Step,
            38..58 => Action::Forward,
            58..80 => Action::Deliver,
            80..92 => Action::Commit,
            92..98 => Action::Connect,
            _ => Action::Leap,
        }
    }

    fn act(&mut self, action: Action) -> Result<(), String> {
        match action {
            Action::Append => self.append(),
            Action::Step => {
                self.step();
                Ok(())
            }
            Action::Forward => {
                let now = self.time.elapsed();
                if let Some(relay) = &mut self.relay {
                    relay.forward(&mut self.net, now);
                }
                Ok(())
            }
            Action::Deliver => self.deliver(),
            Action::Commit => self.commit(CommitEnd::Well),
            Action::Leap => {
                let most = if self.plan.has(Trouble::OldAge) {
                    600_000
                } else {
                    12_000
                };
                self.time.advance(self.chance.below(most));
                Ok(())
            }
            Action::Connect => self.connect(),
            Action::Trouble(trouble) => self.trouble(trouble),
        }
    }

    /// A request with a record for each of one or two lanes.
    fn append(&mut self) -> Result<(), String> {
        if self.relay.is_none() {
            return self.open();
        }
        if self.chance.one_in(8) {
            self.append_large();
            return Ok(());
        }
        self.next += 1;
        let mut records = vec![(self.lane(), self.next)];
        if self.chance.one_in(2) {
            // What comes together is of one project.
            self.next += records::PROJECTS;
            records.push((self.lane(), self.next));
        }
        records.dedup_by_key(|(lane, _)| *lane);
        self.hand_over(&records);
        Ok(())
    }

    /// Errors are what there is most of; what goes to a twin is the spool's to say.
    fn lane(&mut self) -> Lane {
        let at = self.chance.place(Lane::ALL.len() * 2);
        Lane::ALL.get(at).map_or(Lane::Errors, |lane| lane.live())
    }

    fn hand_over(&mut self, records: &[(Lane, u64)]) {
        let len = self.payload_len();
        let Some(relay) = &mut self.relay else { return };
        let made = records.iter().map(|(lane, n)| {
            self.promises.tried(*lane, *n);
            (*lane, records::make(*n, *lane, len))
        });
        relay.append(records.to_vec(), made.collect());
    }

    /// An item in parts: all in one request, or an upload whose end comes with a later one.
    fn append_large(&mut self) {
        self.next += 1;
        let (n, is_at_once) = (self.next, self.chance.one_in(2));
        let ended = self.uploaded.pop_front();
        let (mut records, sum) = match ended {
            Some(sum) => (Vec::new(), sum),
            None => records::make_parts(n, self.payload_len()),
        };
        if ended.is_some() || is_at_once {
            records.push(records::make_whole(n, sum));
            self.promises.tried(Lane::Blobs, n);
        } else {
            self.uploading.insert(n, sum);
        }
        let Some(relay) = &mut self.relay else { return };
        let records = records.into_iter().map(|record| (Lane::Blobs, record));
        relay.append(vec![(Lane::Blobs, n)], records.collect());
    }

    fn payload_len(&mut self) -> usize {
        usize::try_from(self.chance.below(self.plan.payload_max)).unwrap_or(0)
    }

    fn step(&mut self) {
        let Some(relay) = &mut self.relay else { return };
        for answered in relay.step() {
            let is_kept = answered.result.is_ok();
            for (lane, n) in answered.records {
                match self.uploading.remove(&n) {
                    Some(sum) if is_kept => self.uploaded.push_back(sum),
                    None if is_kept => self.promises.promised(lane, n),
                    _ => {}
                }
            }
        }
    }

    fn deliver(&mut self) -> Result<(), String> {
        let arrived = self.net.deliver(&mut self.chance);
        let now = self.time.elapsed();
        match arrived {
            None => Ok(()),
            Some(Arrived::AtHub(connection, frame)) => {
                let (net, chance) = (&mut self.net, &mut self.chance);
                self.hub.take(connection, frame, net, chance)
            }
            Some(Arrived::AtRelay(connection, frame)) => match &mut self.relay {
                Some(relay) if relay.connection() == Some(connection) => relay.take(frame, now),
                _ => Ok(()),
            },
        }
    }

    fn commit(&mut self, end: CommitEnd) -> Result<(), String> {
        self.hub.commit(end, &mut self.net, &mut self.chance)
    }

    /// Brings up what is down, one thing at a time.
    fn connect(&mut self) -> Result<(), String> {
        if self.relay.is_none() {
            return self.open();
        }
        if !self.hub.runs() {
            self.hub.start();
            return Ok(());
        }
        let Some(relay) = &mut self.relay else {
            return Ok(());
        };
        match relay.connection() {
            Some(connection) if self.net.is_dead(connection) => relay.disconnect(&mut self.net),
            Some(_) => {}
            None if self.net.is_partitioned => {}
            None => {
                self.story.connections += 1;
                relay.connect(&mut self.net);
            }
        }
        Ok(())
    }

    /// Opens the spool, and looks whether it holds what was promised.
    fn open(&mut self) -> Result<(), String> {
        let opened = Relay::open(&self.plan.config, &self.disk, &self.time);
        let mut relay = match opened {
            Ok(relay) => relay,
            Err(error) => {
                self.tell(|| format!("the spool does not open: {error}"));
                return Ok(());
            }
        };
        self.story.lives += 1;
        let lanes = Lane::ALL.into_iter().zip(relay.spool.lanes());
        let lane = |(lane, is): (Lane, LaneState)| format!("{lane} {}..{}", is.acked.0, is.next.0);
        self.tell(|| format!("open: {}", lanes.map(lane).collect::<Vec<_>>().join(", ")));
        // A hub that was set back may still be getting again what it had.
        if !self.plan.may_lose() && !self.plan.has(Trouble::HubSetBack) {
            let kept = self.promises.check_kept(&mut relay, &self.hub);
            // Reading notes what is handed out, and the process may die in that call.
            if !self.disk.is_stopped() {
                kept?;
            }
        }
        self.relay = Some(relay);
        Ok(())
    }

    /// A process that has died in a call is gone, perhaps with the power of its host.
    fn bury(&mut self) {
        if self.disk.is_stopped() {
            let has_power = self.chance.one_in(2);
            self.relay_dies(has_power);
        }
    }

    fn relay_dies(&mut self, has_power: bool) {
        self.tell(|| format!("the relay dies, power {has_power}"));
        if let Some(mut relay) = self.relay.take() {
            relay.disconnect(&mut self.net);
        }
        self.disk = if has_power {
            self.disk.after_kill()
        } else {
            self.disk.after_power_cut(&mut self.chance)
        };
    }

    fn trouble(&mut self, trouble: Trouble) -> Result<(), String> {
        match trouble {
            Trouble::RelayDies => {
                let has_power = self.chance.one_in(2);
                self.relay_dies(has_power);
            }
            Trouble::RelayDiesInACall => {
                self.disk.fail(self.chance.below(16), 1, FaultKind::Stop);
            }
            Trouble::DiskFails => {
                let kinds = [
                    std::io::ErrorKind::Other,
                    std::io::ErrorKind::StorageFull,
                    std::io::ErrorKind::Interrupted,
                    std::io::ErrorKind::WriteZero,
                ];
                let kind = kinds.get(self.chance.place(kinds.len())).copied();
                let kind = FaultKind::Error(kind.unwrap_or(std::io::ErrorKind::Other));
                let (after, n) = (self.chance.below(12), 1 + self.chance.below(4));
                self.disk.fail(after, n, kind);
            }
            Trouble::DiskFull => {
                let room = self.disk.used() + self.chance.below(4_000);
                let is_over = self.chance.one_in(2);
                self.disk.set_room((!is_over).then_some(room));
            }
            Trouble::BitsFlip => self.flip()?,
            // These are in the set-up.
            Trouble::SmallQuota | Trouble::OldAge => {}
            Trouble::Partition => self.net.is_partitioned ^= true,
            Trouble::Breaks => self.breaks(),
            Trouble::HubDies => match self.chance.below(3) {
                0 => self.hub.kill(&mut self.net),
                1 => self.commit(CommitEnd::KilledBefore)?,
                _ => self.commit(CommitEnd::KilledAfter)?,
            },
            Trouble::HubFails => self.commit(CommitEnd::Failed)?,
            Trouble::HubSetBack => self.hub.back_up_or_set_back(&mut self.net),
            Trouble::ClockJumps => {
                let years = i64::try_from(self.chance.below(3)).unwrap_or(1) - 1;
                self.time.jump(years * TEN_YEARS_MILLIS);
            }
            Trouble::SdkRetries => {
                let is_quiet = self.relay.as_ref().is_some_and(Relay::has_answered_all);
                if let Some(open) = self.promises.unanswered().filter(|_| is_quiet) {
                    self.hand_over(&[open]);
                }
            }
        }
        Ok(())
    }

    /// One end of a connection hears that it has broken, or both.
    fn breaks(&mut self) {
        for connection in self.net.half_open() {
            self.hub.forget(connection);
            self.net.hub_closes(connection);
        }
        if let Some(relay) = &mut self.relay {
            relay.disconnect(&mut self.net);
        }
    }

    /// The relay is killed, a bit flips in one of its files, and it comes up again.
    ///
    /// Lane 0 and its twin are left alone: they hold the accounts themselves, of which there is no
    /// second copy. Nor does the power go before it is up: of a lane's last block, what was promised
    /// is noted in the mark, which a kill leaves and a power cut may not; without it, a block that is
    /// damaged is as one that was never finished.
    fn flip(&mut self) -> Result<(), String> {
        self.step();
        if self.relay.is_none() || self.disk.is_stopped() {
            return Ok(());
        }
        self.relay_dies(true);
        let names = self.disk.names();
        let is_account = |part: std::path::Component<'_>| {
            let lane: Option<Lane> = part.as_os_str().to_str().and_then(|name| name.parse().ok());
            lane.is_some_and(|lane| lane.live() == Lane::Control)
        };
        let names: Vec<_> = names
            .iter()
            .filter(|path| !path.components().any(is_account))
            .collect();
        let at = self.chance.place(names.len());
        if let Some(path) = names.get(at) {
            let has_flipped = self.disk.flip(path, &mut self.chance);
            self.tell(|| format!("a bit flips in {}: {has_flipped}", path.display()));
        }
        self.open()
    }

    fn check(&self) -> Result<(), String> {
        match &self.relay {
            Some(relay) => Promises::check_cursors(relay, &self.hub),
            None => Ok(()),
        }
    }

    /// Everything is well again: what waits is delivered, and a fresh record comes through.
    fn heal_and_drain(&mut self) -> Result<(), String> {
        self.tell(|| "everything heals".to_owned());
        self.disk.heal();
        self.net.is_partitioned = false;
        self.time.jump(0);
        self.settle("the backlog", DRAIN_MILLIS)?;
        self.promises.check_applied(&self.hub)?;
        self.next += 1;
        let fresh = self.next;
        self.hand_over(&[(Lane::Errors, fresh)]);
        self.settle("a fresh record", FRESH_MILLIS)?;
        let is_there = |hub: &Hub| hub.store.applied.iter().any(|applied| applied.n == fresh);
        if !is_there(&self.hub) {
            return Err(format!("liveness: {fresh} is not at the hub"));
        }
        self.promises.check_applied(&self.hub)?;
        let Some(relay) = &self.relay else {
            return Err("liveness: the relay does not run".to_owned());
        };
        let may_lose = self.plan.may_lose();
        let is_damaged = self.plan.has(Trouble::BitsFlip);
        self.story.in_doubt = self
            .promises
            .check_end(relay, &self.hub, may_lose, is_damaged)?;
        let mut mark = Chance::new(self.chance.number() ^ hub_mark(&self.hub));
        self.story.fingerprint = mark.number();
        Ok(())
    }

    /// Goes on until nothing waits anywhere.
    fn settle(&mut self, what: &str, most_millis: u64) -> Result<(), String> {
        let begin = self.time.elapsed();
        let mut n_quiet = 0;
        let mut moved_at = begin;
        while n_quiet < 3 {
            self.time.advance(25);
            self.story.steps += 1;
            self.connect()?;
            self.bury();
            self.step();
            let now = self.time.elapsed();
            let mut is_busy = false;
            if let Some(relay) = &mut self.relay {
                while relay.forward(&mut self.net, now) {
                    is_busy = true;
                }
            }
            while let Some(()) = self.deliver_one()? {
                is_busy = true;
            }
            while self.hub.n_waiting() > 0 {
                self.commit(CommitEnd::Well)?;
                is_busy = true;
            }
            self.check()?;
            if is_busy {
                moved_at = self.time.elapsed();
            } else if self.time.elapsed().saturating_sub(moved_at) > RECONNECT_AFTER {
                // A cursor that the disk did not take is told again on the next connection.
                moved_at = self.time.elapsed();
                self.breaks();
            }
            let is_drained = self.relay.as_ref().is_some_and(|relay| {
                let lanes = relay.spool.lanes();
                let is_empty = lanes.iter().all(|lane| lane.acked.next() >= lane.next);
                let epoch = relay.spool.epoch();
                let mut numbered = Lane::ALL.into_iter().zip(&lanes);
                let is_there = numbered.all(|(lane, is)| self.hub.cursor(epoch, lane) >= is.acked);
                is_empty && is_there && relay.has_answered_all() && relay.connection().is_some()
            });
            if is_drained && !is_busy {
                // Counts that are still in memory are written within a second.
                n_quiet += 1;
                self.time.advance(1_000);
            } else {
                n_quiet = 0;
            }
            let took = self.time.elapsed().saturating_sub(begin).as_millis();
            if took > u128::from(most_millis) {
                let lanes = self.relay.as_ref().map(|relay| relay.spool.lanes());
                return Err(format!("liveness: {what} waits in {lanes:?}"));
            }
        }
        Ok(())
    }

    fn deliver_one(&mut self) -> Result<Option<()>, String> {
        let before = self.net.n_arrived();
        self.deliver()?;
        Ok((self.net.n_arrived() > before).then_some(()))
    }
}

/// A number for what was applied, in its order.
fn hub_mark(hub: &Hub) -> u64 {
    let applied = hub.store.applied.iter();
    applied.fold(0, |mark, applied| Chance::new(mark ^ applied.n).number())
}
