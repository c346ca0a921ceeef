//! The entries of an event: exceptions, stacks, breadcrumbs, the request.

use std::borrow::Cow;

use protocol::event::{
    Breadcrumb, Csp, Exception, Frame, LogEntry, Mechanism, Pairs, Raw, Request, Stacktrace,
    Template, Thread,
};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::{json, object};
use crate::api::types::iso;
use crate::normalise::NormalEvent;

type Text = Option<String>;

fn text(text: &Option<Cow<'_, str>>) -> Text {
    text.as_deref().map(str::to_owned)
}

fn free(raw: Option<&Raw<'_>>) -> Option<Value> {
    raw.map(json)
}

/// A part of an event.
#[derive(Debug, Serialize, ToSchema)]
#[serde(tag = "type", content = "data", rename_all = "lowercase")]
pub(in crate::api) enum Entry {
    Message(MessageBody),
    Exception(Exceptions),
    Stacktrace(StacktraceBody),
    Threads(Threads),
    Template(TemplateBody),
    Csp(CspBody),
    Breadcrumbs(Breadcrumbs),
    Request(RequestBody),
    Debugmeta(Images),
}

impl Entry {
    /// What of an entry may be shown to anyone: exceptions and stacks, and of those nothing that
    /// may tell whom it happened to.
    pub(in crate::api) fn open(self) -> Option<Self> {
        let open_stack = |stack: StacktraceBody| StacktraceBody {
            frames: stack.frames.into_iter().map(FrameBody::open).collect(),
            registers: None,
            ..stack
        };
        match self {
            Self::Exception(exceptions) => {
                let values = exceptions.values.into_iter().map(|value| ExceptionBody {
                    stacktrace: value.stacktrace.map(open_stack),
                    raw_stacktrace: None,
                    mechanism: value.mechanism.map(|mechanism| MechanismBody {
                        meta: None,
                        data: None,
                        ..mechanism
                    }),
                    ..value
                });
                Some(Self::Exception(Exceptions {
                    values: values.collect(),
                    ..exceptions
                }))
            }
            Self::Stacktrace(stack) => Some(Self::Stacktrace(open_stack(stack))),
            Self::Message(_)
            | Self::Threads(_)
            | Self::Template(_)
            | Self::Csp(_)
            | Self::Breadcrumbs(_)
            | Self::Request(_)
            | Self::Debugmeta(_) => None,
        }
    }
}

impl FrameBody {
    /// The frame without its variables, and without its absolute path, which names who built it.
    fn open(self) -> Self {
        Self {
            abs_path: None,
            vars: None,
            lock: None,
            data: None,
            ..self
        }
    }
}

/// A log message.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct MessageBody {
    formatted: Text,
    message: Text,
    #[schema(value_type = Option<Object>)]
    params: Option<Value>,
}

/// The chain of exceptions, oldest cause first.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::api) struct Exceptions {
    values: Vec<ExceptionBody>,
    exc_omitted: Option<(usize, usize)>,
    has_system_frames: bool,
}

/// One exception.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::api) struct ExceptionBody {
    #[serde(rename = "type")]
    kind: Text,
    value: Text,
    module: Text,
    thread_id: Text,
    mechanism: Option<MechanismBody>,
    stacktrace: Option<StacktraceBody>,
    #[schema(value_type = Option<Object>)]
    raw_stacktrace: Option<Value>,
}

/// How an exception reached the SDK.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct MechanismBody {
    #[serde(rename = "type")]
    kind: Text,
    handled: Option<bool>,
    synthetic: Option<bool>,
    description: Text,
    help_link: Text,
    source: Text,
    exception_id: Option<u64>,
    parent_id: Option<u64>,
    is_exception_group: Option<bool>,
    #[schema(value_type = Option<Object>)]
    meta: Option<Value>,
    #[schema(value_type = Option<Object>)]
    data: Option<Value>,
}

/// A stack, oldest call first.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::api) struct StacktraceBody {
    frames: Vec<FrameBody>,
    #[schema(value_type = Option<Object>)]
    frames_omitted: Option<Value>,
    #[schema(value_type = Option<Object>)]
    registers: Option<Value>,
    has_system_frames: bool,
}

/// One call.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::api) struct FrameBody {
    filename: Text,
    abs_path: Text,
    module: Text,
    package: Text,
    platform: Text,
    instruction_addr: Text,
    symbol_addr: Text,
    function: Text,
    raw_function: Text,
    symbol: Text,
    /// Line numbers and lines around the call.
    context: Vec<(u64, String)>,
    line_no: Option<u64>,
    col_no: Option<u64>,
    in_app: bool,
    trust: Text,
    #[schema(value_type = Option<Object>)]
    vars: Option<Value>,
    #[schema(value_type = Option<Object>)]
    lock: Option<Value>,
    #[schema(value_type = Option<Object>)]
    data: Option<Value>,
}

/// Threads.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct Threads {
    values: Vec<ThreadBody>,
}

/// One thread.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::api) struct ThreadBody {
    id: Text,
    name: Text,
    crashed: bool,
    current: bool,
    main: Option<bool>,
    state: Text,
    #[schema(value_type = Option<Object>)]
    held_locks: Option<Value>,
    stacktrace: Option<StacktraceBody>,
}

/// A place in a template.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::api) struct TemplateBody {
    filename: Text,
    abs_path: Text,
    line_no: Option<u64>,
    context: Vec<(u64, String)>,
}

/// A violated content security policy.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct CspBody {
    effective_directive: Text,
    violated_directive: Text,
    blocked_uri: Text,
    document_uri: Text,
    #[serde(flatten)]
    #[schema(value_type = Object)]
    others: Map<String, Value>,
}

/// What happened before, oldest first.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct Breadcrumbs {
    values: Vec<BreadcrumbBody>,
}

/// Something that happened before.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct BreadcrumbBody {
    #[serde(rename = "type")]
    kind: Text,
    category: Text,
    level: Text,
    message: Text,
    #[schema(value_type = Option<Object>)]
    data: Option<Value>,
    event_id: Text,
    timestamp: Text,
}

/// The HTTP request.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::api) struct RequestBody {
    method: Text,
    url: Text,
    query: Vec<(String, Option<String>)>,
    fragment: Text,
    #[schema(value_type = Option<Object>)]
    data: Option<Value>,
    headers: Vec<(String, Option<String>)>,
    cookies: Vec<(String, Option<String>)>,
    #[schema(value_type = Object)]
    env: Map<String, Value>,
    inferred_content_type: Text,
    api_target: Text,
}

/// Program images.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct Images {
    #[schema(value_type = Vec<Object>)]
    images: Value,
}

/// The entries of an event, those that say most first.
pub(super) fn of(event: &NormalEvent<'_>) -> Vec<Entry> {
    let mut entries = Vec::new();
    if !event.exceptions.is_empty() {
        entries.push(Entry::Exception(exceptions(&event.exceptions)));
    }
    entries.extend(
        event
            .stacktrace
            .as_deref()
            .map(|s| Entry::Stacktrace(stack(s))),
    );
    if !event.threads.is_empty() {
        let values = event.threads.iter().map(thread).collect();
        entries.push(Entry::Threads(Threads { values }));
    }
    entries.extend(
        event
            .template
            .as_deref()
            .map(|t| Entry::Template(template(t))),
    );
    entries.extend(event.csp.as_deref().map(|csp| Entry::Csp(violation(csp))));
    entries.extend(event.message.as_ref().map(|m| Entry::Message(message(m))));
    if !event.breadcrumbs.is_empty() {
        let values = event.breadcrumbs.iter().map(breadcrumb).collect();
        entries.push(Entry::Breadcrumbs(Breadcrumbs { values }));
    }
    entries.extend(event.request.as_deref().map(|r| Entry::Request(request(r))));
    let images = event
        .debug_meta
        .as_deref()
        .and_then(|meta| free(meta.images.as_ref()));
    entries.extend(images.map(|images| Entry::Debugmeta(Images { images })));
    entries
}

fn message(entry: &LogEntry<'_>) -> MessageBody {
    MessageBody {
        formatted: text(&entry.formatted.0),
        message: text(&entry.message.0).or_else(|| text(&entry.formatted.0)),
        params: free(entry.params.as_ref()),
    }
}

fn exceptions(chain: &[Exception<'_>]) -> Exceptions {
    let values: Vec<ExceptionBody> = chain.iter().map(exception).collect();
    let stacks = values.iter().filter_map(|value| value.stacktrace.as_ref());
    let has_system_frames = stacks.into_iter().any(|stack| stack.has_system_frames);
    Exceptions {
        values,
        exc_omitted: None,
        has_system_frames,
    }
}

fn exception(exception: &Exception<'_>) -> ExceptionBody {
    ExceptionBody {
        kind: text(&exception.ty),
        value: text(&exception.value.0),
        module: text(&exception.module),
        thread_id: text(&exception.thread_id),
        mechanism: exception.mechanism.as_deref().map(mechanism),
        stacktrace: exception.stacktrace.as_deref().map(stack),
        raw_stacktrace: free(exception.raw_stacktrace.as_ref()),
    }
}

fn mechanism(mechanism: &Mechanism<'_>) -> MechanismBody {
    MechanismBody {
        kind: text(&mechanism.ty),
        handled: mechanism.handled,
        synthetic: mechanism.synthetic,
        description: text(&mechanism.description),
        help_link: text(&mechanism.help_link),
        source: text(&mechanism.source),
        exception_id: mechanism.exception_id,
        parent_id: mechanism.parent_id,
        is_exception_group: mechanism.is_exception_group,
        meta: free(mechanism.meta.as_ref()),
        data: free(mechanism.data.as_ref()),
    }
}

fn stack(stack: &Stacktrace<'_>) -> StacktraceBody {
    let frames: Vec<FrameBody> = stack.frames.iter().map(frame).collect();
    StacktraceBody {
        has_system_frames: frames.iter().any(|f| f.in_app) && frames.iter().any(|f| !f.in_app),
        frames,
        frames_omitted: free(stack.frames_omitted.as_ref()),
        registers: free(stack.registers.as_ref()),
    }
}

fn frame(frame: &Frame<'_>) -> FrameBody {
    let before = frame.lines_before();
    let after = frame.lines_after();
    FrameBody {
        filename: text(&frame.filename),
        abs_path: text(&frame.abs_path),
        module: text(&frame.module),
        package: text(&frame.package),
        platform: text(&frame.platform),
        instruction_addr: text(&frame.instruction_addr),
        symbol_addr: text(&frame.symbol_addr),
        function: text(&frame.function),
        raw_function: text(&frame.raw_function),
        symbol: text(&frame.symbol),
        context: lines(frame.lineno, before, frame.context_line.as_deref(), after),
        line_no: frame.lineno,
        col_no: frame.colno,
        in_app: frame.in_app.unwrap_or(false),
        trust: text(&frame.trust),
        vars: free(frame.vars.as_ref()),
        lock: free(frame.lock.as_ref()),
        data: free(frame.data.as_ref()),
    }
}

/// The lines around a call with their numbers; none without the line itself.
fn lines(
    lineno: Option<u64>,
    before: Vec<String>,
    line: Option<&str>,
    after: Vec<String>,
) -> Vec<(u64, String)> {
    let (Some(lineno), Some(line)) = (lineno, line) else {
        return Vec::new();
    };
    let n_before = u64::try_from(before.len()).unwrap_or(0);
    // More lines before the call than its number allows: some SDK miscounted.
    let first = lineno.saturating_sub(n_before);
    let lines = before.into_iter().chain([line.to_owned()]).chain(after);
    (first..).zip(lines).collect()
}

fn thread(thread: &Thread<'_>) -> ThreadBody {
    ThreadBody {
        id: text(&thread.id),
        name: text(&thread.name),
        crashed: thread.crashed.unwrap_or(false),
        current: thread.current.unwrap_or(false),
        main: thread.main,
        state: text(&thread.state),
        held_locks: free(thread.held_locks.as_ref()),
        stacktrace: thread.stacktrace.as_deref().map(stack),
    }
}

fn template(template: &Template<'_>) -> TemplateBody {
    let list = |raw: Option<&Raw<'_>>| -> Vec<String> {
        raw.and_then(|raw| serde_json::from_str(raw.get()).ok())
            .unwrap_or_default()
    };
    TemplateBody {
        filename: text(&template.filename),
        abs_path: text(&template.abs_path),
        line_no: template.lineno,
        context: lines(
            template.lineno,
            list(template.pre_context.as_ref()),
            template.context_line.as_deref(),
            list(template.post_context.as_ref()),
        ),
    }
}

fn violation(csp: &Csp<'_>) -> CspBody {
    CspBody {
        effective_directive: text(&csp.effective_directive),
        violated_directive: text(&csp.violated_directive),
        blocked_uri: text(&csp.blocked_uri),
        document_uri: text(&csp.document_uri),
        others: object(&csp.others),
    }
}

fn breadcrumb(crumb: &Breadcrumb<'_>) -> BreadcrumbBody {
    BreadcrumbBody {
        kind: text(&crumb.ty),
        category: text(&crumb.category),
        level: text(&crumb.level),
        message: text(&crumb.message.0),
        data: free(crumb.data.as_ref()),
        event_id: text(&crumb.event_id),
        timestamp: crumb.timestamp.map(|time| iso(time.as_millis())),
    }
}

fn request(request: &Request<'_>) -> RequestBody {
    RequestBody {
        method: text(&request.method),
        url: text(&request.url),
        query: pairs(&request.query),
        fragment: text(&request.fragment),
        data: free(request.data.as_ref()),
        headers: pairs(&request.headers),
        cookies: pairs(&request.cookies),
        env: object(&request.env),
        inferred_content_type: text(&request.inferred_content_type),
        api_target: text(&request.api_target),
    }
}

/// Names and values in their order; a text nobody could take apart is a name without a value.
fn pairs(pairs: &Pairs<'_>) -> Vec<(String, Option<String>)> {
    let whole = pairs.text.iter().map(|text| (text.to_string(), None));
    let list = pairs
        .list
        .iter()
        .map(|(name, value)| (name.to_string(), text(value)));
    list.chain(whole).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_numbered_around_the_call() {
        let owned = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect();
        let numbered = lines(Some(3), owned(&["a", "b"]), Some("c"), owned(&["d"]));
        let numbers: Vec<u64> = numbered.iter().map(|(number, _)| *number).collect();
        assert_eq!(numbers, [1, 2, 3, 4]);
        assert!(lines(Some(3), owned(&["a"]), None, Vec::new()).is_empty());
        let early = lines(Some(1), owned(&["a", "b"]), Some("c"), Vec::new());
        assert_eq!(early.first().map(|(number, _)| *number), Some(0));
    }
}
