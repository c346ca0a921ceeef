//! The one function that lists the steps an envelope takes, in order.
//!
//! cut → credentials → roster → origin → containers cut into entries → event id → per item: of use? allowed to leave? past the
//! filters? in the sample? within every limit? → scrub → split by lane → fold → spool → answer.
//!
//! What always holds: every item ends in exactly one outcome, and all of its counts are made in
//! one call; nothing goes to the spool that the privacy rules did not see; success is told only
//! after the spool has it durably. Deciding is pure and happens before; only the spool is waited
//! for.
//!
//! Without a roster items are taken for the project in the path, scrubbed by the strictest
//! built-in settings and the policy of this host: scrubbing is never off for lack of a hub.

mod cut;
mod discard;
mod fate;
mod files;
mod items;
mod meter;
mod origin;
mod parts;
mod recording;
mod records;
mod reference;
mod refusal;
mod scrub;
mod store;
mod trim;

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use protocol::auth::{self, AuthError, Credentials};
use protocol::block::Record;
use protocol::container;
use protocol::dsn::Dsn;
use protocol::envelope::Envelope;
use protocol::ids::{EventId, IdError, Lane, ProjectId, WholeId};
use protocol::item::Category;
use protocol::outcome::{Account, Term, reason};
use protocol::privacy::{REMOVED_HEADER, Scrubber};
use protocol::roster::{PrivacySettings, RateLimit, SampleRate};
use protocol::sampling;
use protocol::timestamp::Timestamp;

use crate::aside::Aside;
use crate::fold::{Folder, Told, Way};
use crate::ledger::{self, Ledger};
use crate::limit::Limiter;
use crate::report;
use crate::roster::{Lookup, Project, Roster};
use crate::spool::{Spool, SpoolError};
use crate::upload::Uploads;

use cut::Dropped;
use fate::{Fate, Whose};
use records::Kept;

pub use files::Files;
pub use meter::{LATENCY_BOUNDS, Meter};
pub use reference::Absent;
pub use refusal::Refusal;
pub use store::StoreError;

/// Bodies up to this size are worked on where they arrive; larger ones beside, so that they do
/// not hold up others.
const INLINE_BYTES_MAX: usize = 128 * 1024;

/// Everything the steps need.
#[derive(Clone, Debug)]
pub struct Pipeline(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    roster: Roster,
    ledger: Ledger,
    spool: Spool,
    uploads: Uploads,
    meter: Meter,
    limiter: Mutex<Limiter>,
    /// For the time before any roster.
    strictest: Scrubber,
    /// Whether items of kinds that are not known are kept.
    keep_unknown: bool,
    /// Tells events of storms together.
    folder: Option<Folder>,
}

/// What came, decompressed.
#[derive(Clone, Debug)]
pub struct Request {
    /// The form of the body.
    pub form: Form,
    /// The body.
    pub body: Bytes,
    /// The project in the path; only the oldest addresses have none.
    pub project: Result<Option<ProjectId>, IdError>,
    /// Credentials of the request itself.
    pub credentials: Result<Option<Credentials>, AuthError>,
    /// Where a browser says the page is from.
    pub origin: Option<String>,
    /// The address of the client.
    pub remote_addr: Option<IpAddr>,
    /// `User-Agent`.
    pub user_agent: Option<String>,
    /// When the request was complete, by the wall clock.
    pub received_at: Timestamp,
    /// The same by a clock that never jumps.
    pub now: Duration,
}

impl Request {
    /// Whose it says it is. Nobody has looked yet whether that is true.
    #[must_use]
    pub fn whose(&self) -> Option<ProjectId> {
        let of_key = || self.credentials.as_ref().ok()?.as_ref()?.project;
        let in_path = self.project.as_ref().ok().copied().flatten();
        in_path.or_else(of_key)
    }
}

/// The form of a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Form {
    /// Lines and payloads.
    Envelope,
    /// One event: JSON, plain or packed as old clients do.
    Store,
    /// What is made an envelope first.
    Report(report::Form),
}

impl Form {
    /// What a body is counted as when nothing can be cut from it.
    const fn category(&self) -> Category {
        match self {
            Self::Envelope => Category::Unknown,
            Self::Store => Category::Error,
            Self::Report(form) => form.category(),
        }
    }
}

/// What was taken. Everything that was not dropped is durable.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// The event's id, given or made.
    pub event_id: Option<EventId>,
    /// Limits that are reached.
    pub limited: Vec<Limited>,
    /// Items that are kept.
    pub n_kept: usize,
    /// Items that are refused because of a limit.
    pub n_limited: usize,
}

/// A limit that is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limited {
    /// The names of the categories it is for, with `;` between them; empty is all.
    pub categories: Arc<str>,
    /// Of what: `key`, `project` or `organization`.
    pub scope: &'static str,
    /// The reason, as it is counted.
    pub reason: Arc<str>,
    /// How long to wait.
    pub wait: Duration,
}

impl Limited {
    /// Adds a limit to others; one that is told already is told with the longer wait.
    fn tell(self, told: &mut Vec<Self>) {
        let known = told.iter_mut().find(|known| {
            known.categories == self.categories
                && known.scope == self.scope
                && known.reason == self.reason
        });
        match known {
            Some(known) => known.wait = known.wait.max(self.wait),
            None => told.push(self),
        }
    }
}

/// Whose items these are and how they are treated.
#[derive(Clone, Debug)]
struct Target {
    project: ProjectId,
    /// What the roster says of it; `None` without a roster.
    known: Option<Arc<Project>>,
    rate_limit: Option<RateLimit>,
    scrubber: Scrubber,
    withhold_address: bool,
}

/// Decided, not done.
struct Prepared {
    project: ProjectId,
    /// When the request was complete, by a clock that never jumps.
    now: Duration,
    taken: Taken,
    records: Vec<(Lane, Record)>,
    /// Accepted with the rest, and not kept.
    dropped: Vec<Dropped>,
    /// Kept items by category, to count them when the spool refuses.
    kept: Vec<Category>,
    /// What the client says it dropped itself.
    discarded: Vec<(Account, u64)>,
    /// Files whose items are among the kept ones.
    files: Vec<WholeId>,
}

impl Prepared {
    fn of(project: ProjectId, now: Duration) -> Self {
        Self {
            project,
            now,
            taken: Taken::default(),
            records: Vec::new(),
            dropped: Vec::new(),
            kept: Vec::new(),
            discarded: Vec::new(),
            files: Vec::new(),
        }
    }

    /// Puts two envelopes of one request together; the first one's event is the request's.
    fn join(&mut self, other: Self) {
        self.taken.event_id = self.taken.event_id.or(other.taken.event_id);
        self.taken.n_kept += other.taken.n_kept;
        self.taken.n_limited += other.taken.n_limited;
        for limited in other.taken.limited {
            limited.tell(&mut self.taken.limited);
        }
        self.records.extend(other.records);
        self.dropped.extend(other.dropped);
        self.kept.extend(other.kept);
        self.discarded.extend(other.discarded);
        self.files.extend(other.files);
    }
}

/// The envelopes of a body: one, but for lists of reports and large exports.
fn read(request: &Request, uploads: &Uploads) -> Result<Vec<Envelope>, Refusal> {
    match &request.form {
        Form::Envelope => {
            let mut envelope = Envelope::parse(&request.body).map_err(Refusal::Envelope)?;
            report::complete(&mut envelope, |item| reference::dump(uploads, item));
            Ok(vec![envelope])
        }
        Form::Store => {
            let envelope = store::envelope(&request.body).map_err(Refusal::Store)?;
            Ok(vec![envelope])
        }
        Form::Report(form) => {
            // None of them names a key inside: who has none is told so before anything is made of it.
            auth::with_dsn(request.credentials.clone().map_err(Refusal::Auth)?, None)
                .map_err(Refusal::Auth)?;
            let (body, at) = (&request.body, request.received_at);
            let dumps = |item: &_| reference::dump(uploads, item);
            let envelopes = report::envelopes(form, body, at, dumps);
            envelopes.map_err(Refusal::Report)
        }
    }
}

impl Pipeline {
    /// Puts the steps together.
    #[must_use]
    pub fn new(
        roster: Roster,
        ledger: Ledger,
        spool: Spool,
        uploads: Uploads,
        meter: Meter,
    ) -> Self {
        let strictest = roster.policy().privacy(&PrivacySettings::strictest());
        Self(Arc::new(Inner {
            roster,
            ledger,
            spool,
            uploads,
            meter,
            limiter: Mutex::default(),
            strictest: Scrubber::new(&strictest),
            keep_unknown: false,
            folder: None,
        }))
    }

    /// The same, with items of unknown kinds kept or not. To be told before the first request.
    #[must_use]
    pub fn keeping_unknown_items(mut self, keep: bool) -> Self {
        if let Some(inner) = Arc::get_mut(&mut self.0) {
            inner.keep_unknown = keep;
        }
        self
    }

    /// The same, with events of storms told together. To be told before the first request.
    #[must_use]
    pub fn folding(mut self, folder: Option<Folder>) -> Self {
        if let Some(inner) = Arc::get_mut(&mut self.0) {
            inner.folder = folder;
        }
        self
    }

    /// Takes a body through every step.
    ///
    /// # Errors
    /// [`Refusal`] when nothing of it was taken; it is counted.
    pub async fn take(&self, request: Request) -> Result<Taken, Refusal> {
        let prepared = if request.body.len() > INLINE_BYTES_MAX {
            let (inner, whose) = (Arc::clone(&self.0), request.whose());
            let prepared = self.aside().run(whose, move || inner.prepare(&request));
            prepared.await.ok_or(Refusal::Broken)?
        } else {
            self.0.prepare(&request)
        };
        self.0.keep(prepared?).await
    }

    /// Counts a request that could not even be read.
    pub fn refuse_unread(&self, refusal: &Refusal) {
        let Inner { ledger, .. } = &*self.0;
        ledger.refused(None, Category::Unknown, refusal.reason(), 1);
    }

    /// Whether nothing new is taken, since the relay is to go.
    #[must_use]
    pub fn is_drained(&self) -> bool {
        self.0.roster.is_drained()
    }

    /// Where what takes long is done.
    #[must_use]
    pub fn aside(&self) -> &Aside {
        self.0.uploads.aside()
    }

    /// How requests ended.
    #[must_use]
    pub fn meter(&self) -> &Meter {
        &self.0.meter
    }
}

impl Inner {
    /// Everything up to the spool. A refusal is counted here.
    fn prepare(&self, request: &Request) -> Result<Prepared, Refusal> {
        let envelopes = read(request, &self.uploads).inspect_err(|refusal| {
            let category = request.form.category();
            self.ledger.refused(None, category, refusal.reason(), 1);
        })?;
        let dsn = envelopes.first().and_then(|one| one.header.dsn.as_ref());
        let found = self.find_target(request, dsn);
        let (credentials, target) =
            found.map_err(|(project, refusal)| self.refuse(project, &envelopes, refusal))?;
        let checked = envelopes.iter().try_for_each(items::check_budgets);
        checked.map_err(|refusal| self.refuse(Some(target.project), &envelopes, refusal))?;
        let mut prepared = Prepared::of(target.project, request.now);
        for mut envelope in envelopes {
            for item in &mut envelope.items {
                item.header.remove(sampling::RATE_HEADER);
                item.header.remove(REMOVED_HEADER);
            }
            let (envelope, dropped) = cut::containers(envelope);
            prepared.dropped.extend(dropped);
            prepared.join(self.decide(request, &credentials, &target, &envelope));
        }
        Ok(prepared)
    }

    /// Who sends, and for which project. An error comes with the project it is counted for.
    fn find_target(
        &self,
        request: &Request,
        dsn: Option<&Dsn>,
    ) -> Result<(Credentials, Target), (Option<ProjectId>, Refusal)> {
        let anyone = |refusal| (None, refusal);
        let asked = request.credentials.clone();
        let credentials = asked.and_then(|c| auth::with_dsn(c, dsn));
        let credentials = credentials.map_err(|error| anyone(Refusal::Auth(error)))?;
        let in_path = request.project.clone();
        let in_path = in_path.map_err(|error| anyone(Refusal::ProjectPath(error)))?;
        if let (Some(in_dsn), Some(in_path)) = (credentials.project, in_path)
            && in_dsn != in_path
        {
            return Err(anyone(Refusal::HeaderProject));
        }
        let asked = in_path.or(credentials.project);
        let target = match self.roster.lookup(&credentials.key) {
            Lookup::Unknown => return Err(anyone(Refusal::UnknownKey)),
            Lookup::Disabled => return Err(anyone(Refusal::DisabledKey)),
            Lookup::NotYet => Target {
                project: asked.ok_or(anyone(Refusal::NoRoster))?,
                known: None,
                rate_limit: self.roster.policy().rate_limit(None),
                scrubber: self.strictest.clone(),
                withhold_address: true,
            },
            Lookup::Known(project, rate_limit) => {
                let theirs = |refusal| (Some(project.id), refusal);
                if asked.is_some_and(|asked| asked != project.id) {
                    return Err(theirs(Refusal::WrongProject));
                }
                if !origin::is_allowed(&project.allowed_domains, request.origin.as_deref()) {
                    return Err(theirs(Refusal::Origin));
                }
                Target {
                    project: project.id,
                    rate_limit,
                    scrubber: project.scrubber.clone(),
                    withhold_address: project.privacy.scrub_ip_addresses,
                    known: Some(project),
                }
            }
        };
        Ok((credentials, target))
    }

    /// What becomes of each item.
    fn decide(
        &self,
        request: &Request,
        credentials: &Credentials,
        target: &Target,
        envelope: &Envelope,
    ) -> Prepared {
        let event_id = items::event_id(envelope);
        let whose = Whose {
            request,
            credentials,
            target,
            trace: envelope.header.trace.as_deref(),
            number: fate::number(envelope, event_id),
        };
        let mut dropped = Vec::new();
        let mut discarded = Vec::new();
        let mut limited: Vec<Limited> = Vec::new();
        let mut n_limited = 0;
        let mut kept = Vec::new();
        let mut event_fate = Fate::Keep(SampleRate::ALL);
        for wanted in items::wanted(envelope, self.keep_unknown) {
            let item = wanted.item;
            let category = item.kind.category();
            if let Some(why) = wanted.drop {
                dropped.push(Dropped::one(category, Term::Invalid, why.into()));
                continue;
            }
            let is_orphan = !event_fate.is_kept() && category == Category::Attachment;
            let fate = if is_orphan {
                event_fate.clone()
            } else {
                self.fate(&whose, item)
            };
            if item.kind.makes_event() && !fate.is_kept() {
                event_fate = fate.clone();
            }
            let rate = match fate {
                Fate::Keep(rate) => rate,
                Fate::Drop(term, why) => {
                    dropped.push(Dropped::one(category, term, why));
                    continue;
                }
                Fate::Limited(limit) => {
                    let (project, why) = (Some(target.project), limit.reason.to_string());
                    self.ledger.refused(project, category, why, 1);
                    n_limited += 1;
                    if !is_orphan {
                        limit.tell(&mut limited);
                    }
                    continue;
                }
            };
            let followed = reference::follow(&self.uploads, target.project, item);
            let scrubbed = followed.and_then(|(item, sum)| {
                let apart = sum.map(|sum| self.uploads.hits(sum.whole));
                let (scrubbed, hits) = scrub::item(&target.scrubber, &item, apart)?;
                Ok((scrubbed, hits, sum))
            });
            match scrubbed {
                Err(why) => dropped.push(Dropped::one(category, Term::Invalid, why.into())),
                Ok((mut scrubbed, hits, sum)) => {
                    if rate != SampleRate::ALL && sampling::is_weighed(category) {
                        scrubbed.header = sampling::with_rate(&scrubbed.header, rate);
                    }
                    self.meter.scrubbed(&hits);
                    discarded.extend(discard::counts(target.project, item));
                    kept.push(Kept {
                        lane: item.kind.lane(),
                        category,
                        item: scrubbed,
                        sum,
                    });
                }
            }
        }
        let categories = kept.iter().map(|kept| kept.category).collect();
        let stamp = records::stamp(request, credentials, target, envelope, event_id);
        Prepared {
            project: target.project,
            now: request.now,
            taken: Taken {
                event_id,
                limited,
                n_kept: kept.len(),
                n_limited,
            },
            files: files::names(kept.iter().map(|kept| kept.sum)),
            records: records::split(&stamp, kept),
            dropped,
            kept: categories,
            discarded,
        }
    }

    fn limiter(&self) -> MutexGuard<'_, Limiter> {
        self.limiter.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the spool, then counts what was dropped on the way.
    async fn keep(&self, prepared: Prepared) -> Result<Taken, Refusal> {
        let project = Some(prepared.project);
        let stored = match prepared.records.is_empty() {
            true => Ok(Told::Now),
            false => self.store(prepared.records, prepared.now).await,
        };
        let kept = prepared.kept.iter();
        let again = match stored {
            Ok(Told::Now) => Vec::new(),
            Ok(Told::Before) => kept
                .map(|category| Dropped::one(*category, Term::Invalid, reason::DUPLICATE.into()))
                .collect(),
            Err(error) => {
                let refusal = Refusal::Spool(error);
                let dropped = prepared.dropped.iter().map(|one| (one.category, one.n));
                for (category, n) in kept.map(|category| (*category, 1)).chain(dropped) {
                    self.ledger.refused(project, category, refusal.reason(), n);
                }
                return Err(refusal);
            }
        };
        let dropped =
            prepared.dropped.into_iter().chain(again).flat_map(|one| {
                ledger::item_terms(project, one.category, one.term, one.why, one.n)
            });
        self.ledger.count_all(dropped.chain(prepared.discarded));
        for file in prepared.files {
            self.uploads.forget(file).await;
        }
        Ok(prepared.taken)
    }

    /// Waits until the records are durable. One that is an event of a storm is told with others.
    async fn store(&self, records: Vec<(Lane, Record)>, now: Duration) -> Result<Told, SpoolError> {
        let folder = self.folder.as_ref().filter(|_| self.roster.folds());
        let (Some(folder), [(Lane::Errors, Record::Items(items))]) = (folder, records.as_slice())
        else {
            self.append(records).await?;
            return Ok(Told::Now);
        };
        match folder.admit(items, now) {
            Way::Again => Ok(Told::Before),
            Way::Together(one) => folder.keep(items.clone(), one).await,
            Way::Alone => {
                let name = folder.name(items);
                self.append(records).await?;
                folder.remember(name);
                Ok(Told::Now)
            }
        }
    }

    async fn append(&self, records: Vec<(Lane, Record)>) -> Result<(), SpoolError> {
        self.spool
            .append_beside(self.uploads.aside(), records)
            .await
    }

    /// Counts every item of envelopes that are refused whole; containers, which nobody has looked
    /// into, as what they claim to hold.
    fn refuse(
        &self,
        project: Option<ProjectId>,
        envelopes: &[Envelope],
        refusal: Refusal,
    ) -> Refusal {
        for item in envelopes.iter().flat_map(|envelope| &envelope.items) {
            let (category, n) = (item.kind.category(), container::claimed(item));
            self.ledger.refused(project, category, refusal.reason(), n);
        }
        refusal
    }
}
