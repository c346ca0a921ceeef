//! What a place in a payload is to selectors: its types, and how far rules reach it.
//!
//! Rules reach what users put into an event; what the product works with (ids, times, names of functions) they do not, and what
//! mostly helps (tags, file names, the request's URL) only when a selector names it.

use super::super::Payload;
use super::super::language::selector::{Types, types};

/// How far rules reach a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Reach {
    /// Every selector.
    Open,
    /// Selectors without wildcards.
    Named,
    /// None.
    Closed,
}

/// What a container is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Event,
    Items,
    /// The user's own data, whatever is below.
    Own,
    /// Likewise, but only for selectors that name it.
    OwnNamed,
    /// Nothing below.
    Nothing,
    LogEntry,
    Exceptions,
    Exception,
    Mechanism,
    Stack,
    Frames,
    Frame,
    Threads,
    Thread,
    Breadcrumbs,
    Breadcrumb,
    Request,
    User,
    Contexts,
    Platform,
    Trace,
    Spans,
    Span,
    Sdk,
    Images,
    Image,
    /// The payload's own `_meta`, with the payload's keys.
    Meta,
}

/// A place: its container, its types besides those of its JSON, and its reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Spot {
    pub(super) place: Place,
    pub(crate) types: Types,
    pub(super) reach: Reach,
}

const fn spot(place: Place, types: Types, reach: Reach) -> Spot {
    Spot {
        place,
        types,
        reach,
    }
}

const OPEN: Spot = spot(Place::Own, 0, Reach::Open);
const NAMED: Spot = spot(Place::OwnNamed, 0, Reach::Named);
const CLOSED: Spot = spot(Place::Nothing, 0, Reach::Closed);

const fn closed(place: Place, types: Types) -> Spot {
    spot(place, types, Reach::Closed)
}

impl Spot {
    /// The whole payload.
    pub(crate) fn root(payload: Payload) -> Self {
        match payload {
            Payload::Event | Payload::Transaction => closed(Place::Event, types::EVENT),
            Payload::Items => closed(Place::Items, ITEM),
            Payload::Json | Payload::Header => closed(Place::Items, types::REPLAY),
        }
    }

    /// An element of an array that lies here.
    pub(crate) fn element(self) -> Self {
        match self.place {
            Place::Exceptions => closed(Place::Exception, types::EXCEPTION),
            Place::Frames => closed(Place::Frame, types::FRAME),
            Place::Threads => closed(Place::Thread, types::THREAD),
            Place::Breadcrumbs => closed(Place::Breadcrumb, types::BREADCRUMB),
            Place::Spans => closed(Place::Span, types::SPAN),
            Place::Images => closed(Place::Image, 0),
            place => Self {
                place,
                types: if place == Place::Items { ITEM } else { 0 },
                reach: self.reach,
            },
        }
    }

    /// The value of a key.
    pub(crate) fn member(self, key: &[u8]) -> Self {
        match self.place {
            Place::Own | Place::OwnNamed | Place::Nothing => Self { types: 0, ..self },
            Place::Event | Place::Meta => event(key),
            Place::Items => item(key),
            Place::LogEntry => match key {
                b"formatted" | b"params" => OPEN,
                _ => NAMED,
            },
            Place::Exceptions if key == b"values" => closed(Place::Exceptions, 0),
            Place::Exceptions | Place::Exception => exception(key),
            Place::Mechanism => match key {
                b"data" => OPEN,
                _ => CLOSED,
            },
            Place::Stack => match key {
                b"frames" => closed(Place::Frames, 0),
                _ => CLOSED,
            },
            Place::Frames | Place::Frame => frame(key),
            Place::Threads if key == b"values" => closed(Place::Threads, 0),
            Place::Threads | Place::Thread => match key {
                b"stacktrace" | b"raw_stacktrace" => closed(Place::Stack, types::STACKTRACE),
                b"name" => NAMED,
                _ => CLOSED,
            },
            Place::Breadcrumbs if key == b"values" => closed(Place::Breadcrumbs, 0),
            Place::Breadcrumbs | Place::Breadcrumb => match key {
                b"message" | b"data" => OPEN,
                _ => CLOSED,
            },
            Place::Request => match key {
                b"data" | b"query_string" | b"fragment" | b"cookies" | b"headers" | b"env" => OPEN,
                b"url" => NAMED,
                b"method" | b"inferred_content_type" | b"api_target" => CLOSED,
                _ => OPEN,
            },
            Place::User => match key {
                b"geo" => closed(Place::User, 0),
                b"sentry_user" => CLOSED,
                _ => OPEN,
            },
            Place::Contexts => context(key),
            Place::Platform => NAMED,
            Place::Trace => match key {
                b"data" => OPEN,
                _ => CLOSED,
            },
            Place::Spans | Place::Span => span(key),
            Place::Sdk => match key {
                b"client_ip" => OPEN,
                _ => CLOSED,
            },
            Place::Images if key == b"images" => closed(Place::Images, 0),
            Place::Images | Place::Image => match key {
                b"code_file" | b"debug_file" | b"name" => NAMED,
                _ => CLOSED,
            },
        }
    }
}

/// A log, a span and a metric are told apart by nobody here, so that selectors for each reach them.
const ITEM: Types = types::LOG | types::SPAN | types::TRACE_METRIC;

fn event(key: &[u8]) -> Spot {
    match key {
        b"exception" => closed(Place::Exceptions, 0),
        b"threads" => closed(Place::Threads, 0),
        b"stacktrace" => closed(Place::Stack, types::STACKTRACE),
        b"breadcrumbs" => closed(Place::Breadcrumbs, 0),
        b"request" => closed(Place::Request, types::REQUEST),
        b"user" => closed(Place::User, types::USER),
        b"contexts" => closed(Place::Contexts, 0),
        b"spans" => closed(Place::Spans, 0),
        b"sdk" => closed(Place::Sdk, types::SDK),
        b"debug_meta" => closed(Place::Images, 0),
        b"logentry" => closed(Place::LogEntry, types::LOGENTRY | types::MESSAGE),
        b"message" => spot(Place::LogEntry, types::MESSAGE, Reach::Open),
        b"_meta" => closed(Place::Meta, 0),
        b"tags" | b"culprit" | b"errors" => NAMED,
        b"event_id"
        | b"timestamp"
        | b"start_timestamp"
        | b"received"
        | b"platform"
        | b"level"
        | b"release"
        | b"dist"
        | b"environment"
        | b"type"
        | b"modules"
        | b"measurements"
        | b"logger"
        | b"fingerprint"
        | b"transaction"
        | b"transaction_info"
        | b"version"
        | b"time_spent"
        | b"breakdowns"
        | b"key_id"
        | b"project"
        | b"client_sample_rate" => CLOSED,
        _ => OPEN,
    }
}

fn item(key: &[u8]) -> Spot {
    match key {
        b"items" | b"profile" | b"transactions" => closed(Place::Items, ITEM),
        b"_meta" => closed(Place::Meta, 0),
        b"timestamp" | b"start_timestamp" | b"end_timestamp" | b"received" | b"started"
        | b"duration" | b"event_id" | b"trace_id" | b"span_id" | b"parent_span_id"
        | b"segment_id" | b"replay_id" | b"profile_id" | b"profiler_id" | b"chunk_id"
        | b"check_in_id" | b"monitor_slug" | b"sid" | b"seq" | b"init" | b"level"
        | b"severity_number" | b"status" | b"type" | b"unit" | b"is_segment" | b"platform"
        | b"release" | b"environment" | b"version" | b"samples" | b"stacks" | b"measurements"
        | b"discarded_events" => CLOSED,
        _ => OPEN,
    }
}

fn exception(key: &[u8]) -> Spot {
    match key {
        b"value" => OPEN,
        b"mechanism" => closed(Place::Mechanism, 0),
        b"stacktrace" | b"raw_stacktrace" => closed(Place::Stack, types::STACKTRACE),
        b"module" => NAMED,
        _ => CLOSED,
    }
}

fn frame(key: &[u8]) -> Spot {
    match key {
        b"vars" => OPEN,
        b"filename" | b"abs_path" | b"module" | b"package" | b"file_revision" | b"context_line"
        | b"pre_context" | b"post_context" => NAMED,
        _ => CLOSED,
    }
}

fn context(key: &[u8]) -> Spot {
    match key {
        b"trace" => closed(Place::Trace, 0),
        b"device" | b"os" | b"runtime" | b"browser" | b"app" | b"gpu" | b"culture" => {
            spot(Place::Platform, 0, Reach::Named)
        }
        _ => OPEN,
    }
}

fn span(key: &[u8]) -> Spot {
    match key {
        b"description" | b"data" | b"attributes" => OPEN,
        b"tags" | b"sentry_tags" => NAMED,
        _ => CLOSED,
    }
}
