//! Where in a payload private data may be: the way from one key to the next.
//!
//! A role is what a container is (an event, a frame, a request); it knows its keys by name. A key it does not know leads to [`Role::Free`],
//! where everything is inspected: an unknown attribute is never exempt.

use super::Payload;
use super::text::Mode;

/// Attributes that are somebody's network address.
pub(super) const ADDRESS_ATTRIBUTES: [&str; 2] = ["client.address", "user.ip_address"];

/// What a container is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// An event or a transaction.
    Event,
    /// A log, span, metric, session, profile, or a list of them.
    Item,
    /// An envelope's or item's header.
    Header,
    /// Anything the user put there.
    Free,
    /// Nothing private below.
    Skip,
    /// Attributes of a log or a span: `name: {"value": …, "type": …}` or `name: value`.
    Attributes,
    /// One attribute.
    Attribute,
    /// One attribute whose name is sensitive.
    SecretAttribute,
    /// One attribute that is an address of somebody's.
    AddressAttribute,
    Exception,
    Stack,
    Frame,
    Thread,
    Breadcrumb,
    BreadcrumbData,
    Request,
    Headers,
    Cookies,
    /// What the server knows of a request.
    Environment,
    User,
    Contexts,
    /// A context that SDKs fill: device, runtime and the like.
    Platform,
    /// The trace context and spans.
    Span,
    SpanTags,
    Sdk,
    /// The payload's own `_meta`, which has the payload's keys.
    Meta,
    /// What `_meta` says about one value, under the key `""`.
    MetaNote,
    /// The same two below a sensitive key: the original value in `val` is a secret.
    SecretMeta,
    SecretMetaNote,
}

/// What a value is: its role when it is a container, its mode when it is a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Spot {
    pub(super) role: Role,
    pub(super) mode: Mode,
}

impl Spot {
    pub(super) const FREE: Self = Self::text(Role::Free);
    pub(super) const SKIP: Self = Self {
        role: Role::Skip,
        mode: Mode::Skip,
    };
    const COOKIES: Self = Self {
        role: Role::Cookies,
        mode: Mode::Cookie,
    };
    const URL: Self = Self {
        role: Role::Free,
        mode: Mode::Url,
    };

    const fn text(role: Role) -> Self {
        Self {
            role,
            mode: Mode::Text,
        }
    }

    /// The whole payload.
    pub(super) fn root(payload: Payload) -> Self {
        match payload {
            Payload::Event | Payload::Transaction => Self::text(Role::Event),
            Payload::Items | Payload::Json => Self::text(Role::Item),
            Payload::Header => Self::text(Role::Header),
        }
    }
}

impl Role {
    /// Where a known key leads. `None`: the key is not known and may be sensitive.
    pub(super) fn enter(self, key: &[u8]) -> Option<Spot> {
        match self {
            Self::Free | Self::Cookies | Self::Environment | Self::User | Self::SpanTags => None,
            Self::Skip => Some(Spot::SKIP),
            Self::Meta => key.is_empty().then_some(Spot::text(Self::MetaNote)),
            Self::SecretMeta => key.is_empty().then_some(Spot::text(Self::SecretMetaNote)),
            Self::MetaNote | Self::SecretMetaNote => {
                matches!(key, b"rem" | b"err" | b"len" | b"chunks").then_some(Spot::SKIP)
            }
            Self::Event => event(key),
            Self::Item => item(key),
            Self::Header => header(key),
            Self::Attributes => is_technical_attribute(key).then_some(Spot::SKIP),
            Self::Attribute | Self::SecretAttribute | Self::AddressAttribute => {
                matches!(key, b"type" | b"unit").then_some(Spot::SKIP)
            }
            Self::Exception => exception(key),
            Self::Stack => stack(key),
            Self::Frame => frame(key),
            Self::Thread => thread(key),
            Self::Breadcrumb => breadcrumb(key),
            Self::BreadcrumbData => {
                matches!(key, b"url" | b"to" | b"from" | b"http.route").then_some(Spot::URL)
            }
            Self::Request => request(key),
            Self::Headers => (key.eq_ignore_ascii_case(b"cookie")
                || key.eq_ignore_ascii_case(b"set-cookie"))
            .then_some(Spot::COOKIES),
            Self::Contexts => contexts(key),
            Self::Platform => matches!(
                key,
                b"version"
                    | b"build"
                    | b"kernel_version"
                    | b"type"
                    | b"name"
                    | b"raw_description"
                    | b"app_version"
                    | b"app_build"
            )
            .then_some(Spot::SKIP),
            Self::Span => span(key),
            Self::Sdk => (!self.is_address(key)).then_some(Spot::SKIP),
        }
    }

    /// Whether the value of a key is somebody's network address, whatever it is written as.
    pub(super) fn is_address(self, key: &[u8]) -> bool {
        match self {
            // Sessions have it beside the release.
            Self::User | Self::Item => key == b"ip_address",
            Self::Sdk => key == b"client_ip",
            Self::Environment => key.eq_ignore_ascii_case(b"REMOTE_ADDR"),
            Self::SpanTags => key == b"user.ip",
            Self::Attributes => ADDRESS_ATTRIBUTES.iter().any(|name| name.as_bytes() == key),
            // The payload's keys, wherever they stand.
            Self::Meta => {
                let places = [Self::User, Self::Sdk, Self::Environment];
                let others = [Self::SpanTags, Self::Attributes];
                let mut places = places.into_iter().chain(others);
                places.any(|place| place.is_address(key))
            }
            _ => false,
        }
    }

    /// Whether it is part of the payload's own `_meta`, about which no notes are taken.
    pub(super) fn is_meta(self) -> bool {
        matches!(
            self,
            Self::Meta | Self::MetaNote | Self::SecretMeta | Self::SecretMetaNote
        )
    }

    /// Whether pairs in it are looked at.
    pub(super) fn has_pairs(self) -> bool {
        self != Self::Skip && !self.is_meta()
    }

    /// Where a key leads that the role does not know.
    pub(super) fn unknown(self) -> Spot {
        match self {
            Self::Attributes => Spot::text(Self::Attribute),
            Self::Cookies => Spot::text(Self::Cookies),
            Self::Meta | Self::MetaNote => Spot::text(Self::Meta),
            Self::SecretMeta | Self::SecretMetaNote => Spot::text(Self::SecretMeta),
            _ => Spot::FREE,
        }
    }
}

fn header(key: &[u8]) -> Option<Spot> {
    Some(match key {
        b"dsn" | b"sdk" | b"event_id" | b"sent_at" | b"type" | b"length" | b"content_type" => {
            Spot::SKIP
        }
        b"trace" => Spot::text(Role::Header),
        _ => return None,
    })
}

fn event(key: &[u8]) -> Option<Spot> {
    Some(match key {
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
        | b"debug_meta"
        | b"measurements"
        | b"debug_meta.images"
        | b"trace_id"
        | b"replay_id"
        | b"segment_id"
        | b"sentry.interfaces.DebugMeta" => Spot::SKIP,
        b"exception" | b"sentry.interfaces.Exception" => Spot::text(Role::Exception),
        b"threads" | b"sentry.interfaces.Threads" => Spot::text(Role::Thread),
        b"stacktrace" | b"sentry.interfaces.Stacktrace" => Spot::text(Role::Stack),
        b"template" | b"sentry.interfaces.Template" => Spot::text(Role::Frame),
        b"breadcrumbs" | b"sentry.interfaces.Breadcrumbs" => Spot::text(Role::Breadcrumb),
        b"request" | b"sentry.interfaces.Http" => Spot::text(Role::Request),
        b"user" | b"sentry.interfaces.User" => Spot::text(Role::User),
        b"contexts" | b"sentry.interfaces.Contexts" => Spot::text(Role::Contexts),
        b"spans" => Spot::text(Role::Span),
        b"sdk" => Spot::text(Role::Sdk),
        b"transaction" | b"culprit" | b"urls" => Spot::URL,
        b"_meta" => Spot::text(Role::Meta),
        b"message" | b"logentry" | b"extra" | b"tags" | b"logger" | b"server_name"
        | b"fingerprint" => Spot::FREE,
        _ => return None,
    })
}

fn item(key: &[u8]) -> Option<Spot> {
    Some(match key {
        b"items" | b"profile" | b"attrs" | b"transactions" => Spot::text(Role::Item),
        b"attributes" => Spot::text(Role::Attributes),
        b"frames" => Spot::text(Role::Frame),
        b"user" => Spot::text(Role::User),
        b"contexts" => Spot::text(Role::Contexts),
        b"spans" => Spot::text(Role::Span),
        b"request" => Spot::text(Role::Request),
        b"name" => Spot::URL,
        b"timestamp" | b"start_timestamp" | b"end_timestamp" | b"received" | b"started"
        | b"duration" | b"event_id" | b"trace_id" | b"span_id" | b"parent_span_id"
        | b"segment_id" | b"replay_id" | b"profile_id" | b"profiler_id" | b"chunk_id"
        | b"check_in_id" | b"monitor_slug" | b"sid" | b"did" | b"seq" | b"init" | b"level"
        | b"severity_number" | b"status" | b"type" | b"unit" | b"is_segment" | b"platform"
        | b"release" | b"environment" | b"debug_meta" | b"client_sdk" | b"discarded_events"
        | b"measurements" | b"samples" | b"stacks" | b"version" => Spot::SKIP,
        b"sdk" => Spot::text(Role::Sdk),
        b"_meta" => Spot::text(Role::Meta),
        _ => return None,
    })
}

fn exception(key: &[u8]) -> Option<Spot> {
    Some(match key {
        b"values" => Spot::text(Role::Exception),
        b"type" | b"module" | b"thread_id" => Spot::SKIP,
        b"value" | b"mechanism" => Spot::FREE,
        b"stacktrace" | b"raw_stacktrace" => Spot::text(Role::Stack),
        _ => return None,
    })
}

fn stack(key: &[u8]) -> Option<Spot> {
    Some(match key {
        b"frames" => Spot::text(Role::Frame),
        b"registers" | b"lang" | b"snapshot" | b"frames_omitted" => Spot::SKIP,
        _ => return None,
    })
}

fn frame(key: &[u8]) -> Option<Spot> {
    Some(match key {
        b"filename" | b"abs_path" | b"module" | b"function" | b"raw_function" | b"package"
        | b"symbol" | b"platform" | b"lineno" | b"colno" | b"in_app" | b"instruction_addr"
        | b"symbol_addr" | b"image_addr" | b"addr_mode" | b"trust" | b"lock" => Spot::SKIP,
        b"context_line" | b"pre_context" | b"post_context" => Spot {
            role: Role::Free,
            mode: Mode::Source,
        },
        b"vars" => Spot::FREE,
        _ => return None,
    })
}

fn thread(key: &[u8]) -> Option<Spot> {
    Some(match key {
        b"values" => Spot::text(Role::Thread),
        b"id" | b"crashed" | b"current" | b"state" => Spot::SKIP,
        b"stacktrace" | b"raw_stacktrace" => Spot::text(Role::Stack),
        _ => return None,
    })
}

fn breadcrumb(key: &[u8]) -> Option<Spot> {
    Some(match key {
        b"values" => Spot::text(Role::Breadcrumb),
        b"timestamp" | b"type" | b"level" | b"category" | b"event_id" => Spot::SKIP,
        b"message" => Spot::FREE,
        b"data" => Spot::text(Role::BreadcrumbData),
        _ => return None,
    })
}

fn request(key: &[u8]) -> Option<Spot> {
    Some(match key {
        b"url" => Spot::URL,
        b"method" | b"inferred_content_type" | b"api_target" => Spot::SKIP,
        b"cookies" => Spot::COOKIES,
        b"headers" => Spot::text(Role::Headers),
        b"env" => Spot::text(Role::Environment),
        b"data" | b"query_string" => Spot::FREE,
        _ => return None,
    })
}

fn contexts(key: &[u8]) -> Option<Spot> {
    Some(match key {
        b"trace" => Spot::text(Role::Span),
        b"response" => Spot::text(Role::Request),
        b"device" | b"os" | b"client_os" | b"runtime" | b"browser" | b"app" | b"gpu"
        | b"culture" | b"rust" | b"dotnet" | b"monitor" => Spot::text(Role::Platform),
        _ => return None,
    })
}

fn span(key: &[u8]) -> Option<Spot> {
    Some(match key {
        b"trace_id"
        | b"span_id"
        | b"parent_span_id"
        | b"segment_id"
        | b"profile_id"
        | b"op"
        | b"origin"
        | b"status"
        | b"type"
        | b"timestamp"
        | b"start_timestamp"
        | b"exclusive_time"
        | b"sampled"
        | b"is_segment"
        | b"measurements"
        | b"same_process_as_parent"
        | b"hash"
        | b"links" => Spot::SKIP,
        b"description" => Spot::URL,
        b"data" | b"attributes" => Spot::text(Role::Attributes),
        b"tags" => Spot::text(Role::SpanTags),
        _ => return None,
    })
}

/// Attributes that SDKs fill: their own, and the places of code.
fn is_technical_attribute(key: &[u8]) -> bool {
    const EXACT: &[&[u8]] = &[
        b"sentry.release",
        b"sentry.environment",
        b"sentry.origin",
        b"sentry.op",
        b"sentry.segment.id",
        b"sentry.trace.parent_span_id",
        b"sentry.replay_id",
        b"sentry.profiler_id",
        b"code.filepath",
        b"code.file.path",
        b"code.function",
        b"code.function.name",
        b"code.namespace",
        b"code.lineno",
        b"code.line.number",
        b"os.version",
        b"browser.version",
        b"process.runtime.version",
    ];
    matches!(key.first(), Some(b's' | b'c' | b'o' | b'b' | b'p'))
        && (key.starts_with(b"sentry.sdk.") || EXACT.contains(&key))
}
