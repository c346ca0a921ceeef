//! Brings an event into the one shape that the product works with, and notes each correction.
//!
//! The archive keeps payloads as they came, with their receipt; digest and API both call
//! [`normalise`], so the result depends on nothing but these two: no clock, no settings.
//! Times are judged against the moment of receipt at the relay, never of arrival here.
//!
//! What always holds: nothing is changed without a [`Correction`] or a [`Remark`]; a corrected
//! time keeps the original beside it; every text and every unread part is within its limit.
//!
//! A further rule belongs into the part that owns its field, with a line in that part's table of
//! cases.

mod agent;
mod contexts;
mod described;
mod entry;
mod exception;
mod frames;
mod images;
mod in_app;
mod journal;
mod json;
mod names;
mod request;
mod security;
mod signals;
mod tags;
mod time;
mod transaction;
mod user;

use std::borrow::Cow;

use protocol::event::{
    Breadcrumb, Csp, DebugMeta, Event, Exception, Fields, Level, LogEntry, Raw, Request, Sdk,
    Stacktrace, Template, Thread, User,
};
use protocol::ids::EventId;
use protocol::item::ItemKind;
use protocol::timestamp::Timestamp;

pub use contexts::Facts;
pub use entry::{EntryError, NormalEntry, entry, is_entry};
pub use journal::{CORRECTIONS_MAX, Correction, CorrectionKind, Remark};
pub use time::{drift, received, relay_offset};
pub use transaction::{NormalTransaction, Span, TransactionError, transaction};
pub use user::Place;

use journal::{Journal, Limit};

/// What the relay knew when it took an event.
#[derive(Clone, Debug)]
pub struct Receipt<'a> {
    /// The event's id: the envelope's, given or made.
    pub event_id: EventId,
    /// The item's kind: an event, feedback or a security report.
    pub kind: ItemKind,
    /// When the relay had the whole request, by the relay's clock.
    pub received_at: Timestamp,
    /// How far that clock was ahead then, in milliseconds; 0 where nobody can tell.
    pub relay_offset_millis: i64,
    /// When the SDK says it sent it.
    pub sent_at: Option<Timestamp>,
    /// `sentry.python/2.75.0`.
    pub client: Option<&'a str>,
    /// The address it came from.
    pub remote_addr: Option<&'a str>,
    /// Where the user's address was when the event was digested, as far as the hub knows.
    pub place: Option<Place<'a>>,
    /// The request's `User-Agent`.
    pub user_agent: Option<&'a str>,
    /// The item's header, a JSON object; what the address of a security report adds is there.
    pub header: &'a [u8],
}

/// Why a payload cannot be an event.
#[derive(Debug, thiserror::Error)]
pub enum NormaliseError {
    /// It cannot be read.
    #[error("payload is no event")]
    Unreadable(#[from] protocol::event::EventError),
    /// A security report of a kind that nobody sends any more, or none at all.
    #[error("payload is no content security policy report")]
    NoSecurityReport,
}

/// What an event is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EventKind {
    /// It holds an exception.
    Error,
    /// A message, or nothing of its own.
    Default,
    /// A violated content security policy.
    Csp,
    /// A user's words.
    Feedback,
    /// Something that took time, and nothing wrong with it.
    Transaction,
}

impl EventKind {
    /// The name in API and search.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Default => "default",
            Self::Csp => "csp",
            Self::Feedback => "feedback",
            Self::Transaction => "transaction",
        }
    }
}

/// A tag with its value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tag<'a> {
    /// Within its charset and limit.
    pub key: Cow<'a, str>,
    /// Not empty, one line, within its limit.
    pub value: Cow<'a, str>,
}

/// A normalised event.
#[derive(Clone, Debug)]
pub struct NormalEvent<'a> {
    /// Its id.
    pub id: EventId,
    /// What it is about.
    pub kind: EventKind,
    /// How bad it is.
    pub level: Level,
    /// The language, one of nineteen names.
    pub platform: &'static str,
    /// When it happened, corrected.
    pub timestamp: Timestamp,
    /// When it happened as the client said, where that was corrected.
    pub original_timestamp: Option<Timestamp>,
    /// When the relay had it, corrected where its clock was off.
    pub received_at: Timestamp,
    /// The logger's name.
    pub logger: Option<Cow<'a, str>>,
    /// The release.
    pub release: Option<Cow<'a, str>>,
    /// The build of the release.
    pub dist: Option<Cow<'a, str>>,
    /// The environment.
    pub environment: Option<Cow<'a, str>>,
    /// The host.
    pub server_name: Option<Cow<'a, str>>,
    /// The deployment, of old clients.
    pub site: Option<Cow<'a, str>>,
    /// The route, view or task.
    pub transaction: Option<Cow<'a, str>>,
    /// The message; `formatted` is set, and `message` only where it differs.
    pub message: Option<LogEntry<'a>>,
    /// The chain of exceptions, oldest cause first.
    pub exceptions: Vec<Exception<'a>>,
    /// A stack without an exception.
    pub stacktrace: Option<Box<Stacktrace<'a>>>,
    /// Threads.
    pub threads: Vec<Thread<'a>>,
    /// A place in a template.
    pub template: Option<Box<Template<'a>>>,
    /// A violated content security policy.
    pub csp: Option<Box<Csp<'a>>>,
    /// What happened before, oldest first.
    pub breadcrumbs: Vec<Breadcrumb<'a>>,
    /// Who was affected.
    pub user: Option<Box<User<'a>>>,
    /// The HTTP request: URL without query, headers sorted.
    pub request: Option<Box<Request<'a>>>,
    /// Named sets of facts, those from the user agent included.
    pub contexts: Fields<'a>,
    /// What other parts look up in the contexts.
    pub facts: Facts,
    /// The event's tags and those computed from it, by key.
    pub tags: Vec<Tag<'a>>,
    /// Further data.
    pub extra: Fields<'a>,
    /// Installed packages with their versions.
    pub modules: Fields<'a>,
    /// Program images.
    pub debug_meta: Option<Box<DebugMeta<'a>>>,
    /// The client library.
    pub sdk: Option<Box<Sdk<'a>>>,
    /// The application's own idea of which events belong together.
    pub fingerprint: Vec<Cow<'a, str>>,
    /// The same of old clients.
    pub checksum: Option<Cow<'a, str>>,
    /// Whether the program dealt with the error; `None` is not said.
    pub handled: Option<bool>,
    /// What was put right, at most [`CORRECTIONS_MAX`].
    pub corrections: Vec<Correction>,
    /// What was cut.
    pub remarks: Vec<Remark>,
    /// Remarks of earlier programs on the payload as it came.
    pub sent_meta: Option<Raw<'a>>,
    /// Bytes of the payload.
    pub size: usize,
}

impl<'a> NormalEvent<'a> {
    /// The exception that the event is named for: the last of the chain.
    #[must_use]
    pub fn main_exception(&self) -> Option<&Exception<'a>> {
        self.exceptions.last()
    }

    /// The message as for reading.
    #[must_use]
    pub fn message_text(&self) -> Option<&str> {
        self.message.as_ref()?.formatted.0.as_deref()
    }

    /// The key that users are counted by: `id:`, `username:`, `email:` or `ip:` with its value.
    #[must_use]
    pub fn user_key(&self) -> Option<&str> {
        self.user.as_ref()?.sentry_user.as_deref()
    }

    /// The value of a tag, computed ones included.
    #[must_use]
    pub fn tag(&self, key: &str) -> Option<&str> {
        self.tags
            .iter()
            .find(|tag| tag.key == key)
            .map(|tag| &*tag.value)
    }

    /// Says where the user was, unless the client did.
    pub fn locate(&mut self, place: &Place<'_>) {
        let Some(user) = self.user.as_mut().filter(|user| user.geo.0.is_empty()) else {
            return;
        };
        user.geo = place.fields();
        tags::add_place(&mut self.tags, &user.geo);
    }

    /// Every stack of the event: the exceptions', its own, the threads'.
    pub fn stacktraces(&self) -> impl Iterator<Item = &Stacktrace<'a>> {
        let exceptions = self.exceptions.iter().map(|e| e.stacktrace.as_deref());
        let threads = self.threads.iter().map(|t| t.stacktrace.as_deref());
        exceptions
            .chain([self.stacktrace.as_deref()])
            .chain(threads)
            .flatten()
    }

    /// The remarks of earlier programs and of this one, as the API's `_meta` object.
    #[must_use]
    pub fn meta(&self) -> serde_json::Value {
        journal::meta(self.sent_meta.as_ref(), &self.remarks)
    }
}

/// Reads and normalises a payload.
///
/// # Errors
/// [`NormaliseError`] for what is no event at all; anything else becomes a correction.
pub fn normalise<'a>(
    payload: &'a [u8],
    receipt: &Receipt<'a>,
) -> Result<NormalEvent<'a>, NormaliseError> {
    let mut journal = Journal::default();
    let event = match receipt.kind {
        ItemKind::RawSecurity => security::read(payload, receipt.header)?,
        _ => {
            let parsed = Event::parse(payload)?;
            journal.take_notes(parsed.notes, parsed.n_notes_omitted);
            parsed.event
        }
    };
    let mut normal = shape(event, payload.len(), receipt, journal);
    if let Some(place) = &receipt.place {
        normal.locate(place);
    }
    Ok(normal)
}

fn shape<'a>(
    mut event: Event<'a>,
    size: usize,
    receipt: &Receipt<'a>,
    mut journal: Journal,
) -> NormalEvent<'a> {
    journal.take_sent(std::mem::take(&mut event.errors));
    let received_at = time::of_receipt(receipt, &mut journal);
    let times = time::judge(event.timestamp, receipt.sent_at, received_at, &mut journal);
    let names = names::read(&mut event, receipt, &mut journal);
    time::shift_breadcrumbs(&mut event.breadcrumbs, times.shift_millis);
    breadcrumbs(&mut event.breadcrumbs, &mut journal);
    let message = message(event.logentry.take(), event.message.take(), &mut journal);
    let sdk = names::sdk(event.sdk.take(), receipt, &mut journal);
    request::normalise(&mut event.request, &mut journal);
    user::normalise(
        &mut event,
        names.platform,
        sdk.as_deref(),
        receipt,
        &mut journal,
    );
    contexts::normalise(&mut event, names.platform, receipt, &mut journal);
    let facts = contexts::facts(&event.contexts);
    let system = signals::System::of(facts.os.as_ref().map(|os| &*os.name), names.platform);
    exception::chain(&mut event, names.platform, system, &mut journal);
    images::normalise(event.debug_meta.as_deref_mut(), &mut journal);
    json::trim_fields(&mut event.extra, json::EXTRA, "extra", &mut journal);
    json::trim_fields(&mut event.modules, json::MODULES, "modules", &mut journal);
    fingerprint(&mut event, &mut journal);
    let kind = kind_of(&event, receipt, &facts);
    let handled = exception::handled(&event.exceptions);
    let tags = tags::normalise(
        &event,
        &tags::Computed {
            names: &names,
            kind,
            handled,
            facts: &facts,
        },
        &mut journal,
    );
    let (corrections, remarks) = journal.into_parts();
    NormalEvent {
        id: receipt.event_id,
        kind,
        level: names.level_of(kind),
        platform: names.platform,
        timestamp: times.timestamp,
        original_timestamp: times.original,
        received_at,
        logger: names.logger,
        release: names.release,
        dist: names.dist,
        environment: names.environment,
        server_name: names.server_name,
        site: names.site,
        transaction: names.transaction,
        message,
        exceptions: event.exceptions,
        stacktrace: event.stacktrace,
        threads: event.threads,
        template: event.template,
        csp: event.csp,
        breadcrumbs: event.breadcrumbs,
        user: event.user,
        request: event.request,
        contexts: event.contexts,
        facts,
        tags,
        extra: event.extra,
        modules: event.modules,
        debug_meta: event.debug_meta,
        sdk,
        fingerprint: event.fingerprint.0,
        checksum: event.checksum,
        handled,
        corrections,
        remarks,
        sent_meta: event.meta,
        size,
    }
}

fn kind_of(event: &Event<'_>, receipt: &Receipt<'_>, facts: &Facts) -> EventKind {
    let is_declared = receipt.kind == ItemKind::Feedback || event.ty.as_deref() == Some("feedback");
    if receipt.kind == ItemKind::Transaction {
        EventKind::Transaction
    } else if is_declared && facts.feedback_message.is_some() {
        EventKind::Feedback
    } else if !event.exceptions.is_empty() {
        EventKind::Error
    } else if event.csp.is_some() {
        EventKind::Csp
    } else {
        EventKind::Default
    }
}

/// Bounds the application's own idea of which events belong together.
fn fingerprint(event: &mut Event<'_>, journal: &mut Journal) {
    const PARTS_MAX: usize = 100;
    const PART: Limit = Limit::new(1024, 0);
    const CHECKSUM: Limit = Limit::new(128, 0);
    let parts = &mut event.fingerprint.0;
    if parts.len() > PARTS_MAX {
        journal.remark(Remark {
            path: "fingerprint".to_owned(),
            len: parts.len(),
            mark: None,
        });
        parts.truncate(PARTS_MAX);
    }
    for (at, part) in parts.iter_mut().enumerate() {
        journal.cut_text(part, PART, || format!("fingerprint.{at}"));
    }
    journal.cut(&mut event.checksum, CHECKSUM, || "checksum".to_owned());
}

const MESSAGE: Limit = Limit::new(8192, 200);

/// One message out of the two places it may be in, with its parameters put in.
fn message<'a>(
    logentry: Option<Box<LogEntry<'a>>>,
    message: Option<Box<LogEntry<'a>>>,
    journal: &mut Journal,
) -> Option<LogEntry<'a>> {
    let is_empty = |text: &Option<Cow<'_, str>>| text.as_ref().is_none_or(|t| t.trim().is_empty());
    let mut entry = *logentry
        .filter(|entry| !is_empty(&entry.formatted.0) || !is_empty(&entry.message.0))
        .or(message)?;
    if is_empty(&entry.formatted.0) {
        entry.formatted.0 = match (entry.message.0.as_deref(), &entry.params) {
            (Some(template), Some(params)) => names::put_in(template, params).map(Cow::Owned),
            _ => None,
        };
        if entry.formatted.0.is_none() {
            entry.formatted.0 = entry.message.0.take();
        }
    }
    if is_empty(&entry.formatted.0) {
        return None;
    }
    if entry.formatted.0 == entry.message.0 {
        entry.message.0 = None;
    }
    journal.cut(&mut entry.formatted.0, MESSAGE, || {
        "logentry.formatted".to_owned()
    });
    journal.cut(&mut entry.message.0, MESSAGE, || {
        "logentry.message".to_owned()
    });
    json::trim(&mut entry.params, json::PARAMS, journal, || {
        "logentry.params".to_owned()
    });
    Some(entry)
}

fn breadcrumbs(list: &mut [Breadcrumb<'_>], journal: &mut Journal) {
    const NAME: Limit = Limit::new(128, 0);
    for (index, crumb) in list.iter_mut().enumerate() {
        let path = |field| move || format!("breadcrumbs.values.{index}.{field}");
        journal.cut(&mut crumb.message.0, MESSAGE, path("message"));
        journal.cut(&mut crumb.ty, NAME, path("type"));
        journal.cut(&mut crumb.category, NAME, path("category"));
        json::trim(&mut crumb.data, json::CRUMB, journal, path("data"));
        crumb.ty = names::filled(crumb.ty.take()).or(Some(Cow::Borrowed("default")));
        let level = crumb.level.take().and_then(|text| {
            let level = Level::parse(&text);
            if level.is_none() {
                journal.invalid(path("level")(), &text);
            }
            level
        });
        crumb.level = Some(Cow::Borrowed(level.unwrap_or(Level::Info).name()));
    }
}

#[cfg(test)]
mod tests;
