//! What surrounds an error: message, user, request, breadcrumbs, contexts.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde_json::value::RawValue;

use crate::timestamp::Timestamp;

use super::read::{Notes, Object, Raw, object};
use super::values::{AnyText, Fields, Pairs};

type Text<'a> = Option<Cow<'a, str>>;

object! {
    /// A log message.
    pub struct LogEntry<'a> {
        /// The text with its parameters put in.
        "formatted" => formatted: AnyText<'a>,
        /// The text with places for parameters.
        "message" => message: AnyText<'a>,
        /// The parameters, a list or an object.
        "params" => params: Option<Raw<'a>>,
    }
    others: dropped;
    text: formatted;
}

object! {
    /// Who was affected.
    pub struct User<'a> {
        /// The application's id.
        "id" => id: Text<'a>,
        /// Mail address.
        "email" => email: Text<'a>,
        /// Login name.
        "username" => username: Text<'a>,
        /// Full name.
        "name" => name: Text<'a>,
        /// Network address; may be `{{auto}}`.
        "ip_address" => ip_address: Text<'a>,
        /// Country, region, city.
        "geo" => geo: Fields<'a>,
        /// Whatever else the application tells.
        "data" => data: Fields<'a>,
        /// The key that users are counted by, made by the server.
        "sentry_user" => sentry_user: Text<'a>,
    }
    others: kept(others);
}

object! {
    /// The HTTP request that was being served or made.
    pub struct Request<'a> {
        /// `GET`.
        "method" => method: Text<'a>,
        /// Without query and fragment, once normalised.
        "url" => url: Text<'a>,
        /// The query's parameters.
        "query_string" => query: Pairs<'a>,
        /// What follows `#`.
        "fragment" => fragment: Text<'a>,
        /// Cookies.
        "cookies" => cookies: Pairs<'a>,
        /// Headers.
        "headers" => headers: Pairs<'a>,
        /// The body, of whatever shape.
        "data" => data: Option<Raw<'a>>,
        /// The server's environment.
        "env" => env: Fields<'a>,
        /// The body's type, judged by its content.
        "inferred_content_type" => inferred_content_type: Text<'a>,
        /// `graphql` and the like.
        "api_target" => api_target: Text<'a>,
    }
    others: dropped;
}

object! {
    /// Something that happened before.
    pub struct Breadcrumb<'a> {
        /// When.
        "timestamp" => timestamp: Option<Timestamp>,
        /// `http`, `navigation`, `default`.
        "type" => ty: Text<'a>,
        /// `auth`, `console`.
        "category" => category: Text<'a>,
        /// The level as written.
        "level" => level: Text<'a>,
        /// Words.
        "message" => message: AnyText<'a>,
        /// Details.
        "data" => data: Option<Raw<'a>>,
        /// The event it stands for.
        "event_id" => event_id: Text<'a>,
        /// Where it came from.
        "origin" => origin: Text<'a>,
    }
    others: noted;
}

object! {
    /// A problem with the event that an earlier program noted.
    pub struct SentError<'a> {
        /// `invalid_data`, `clock_drift`.
        "type" => ty: Text<'a>,
        /// The field.
        "name" => name: Text<'a>,
        /// The value that was left out.
        "value" => value: Option<Raw<'a>>,
    }
    others: dropped;
}

object! {
    /// A violation of a content security policy.
    pub struct Csp<'a> {
        /// The directive that was violated.
        "effective_directive" | "effective-directive" | "effectiveDirective" => effective_directive: Text<'a>,
        /// The directive with its sources.
        "violated_directive" | "violated-directive" | "violatedDirective" => violated_directive: Text<'a>,
        /// What was blocked.
        "blocked_uri" | "blocked-uri" | "blockedURL" | "blockedUri" => blocked_uri: Text<'a>,
        /// The page.
        "document_uri" | "document-uri" | "documentURL" | "documentUri" => document_uri: Text<'a>,
    }
    others: kept(others);
}

object! {
    /// Operating system details of a mechanism.
    pub struct MechanismMeta<'a> {
        /// Apple's kind of error: a domain and a code.
        "ns_error" => ns_error: Option<Box<NsError<'a>>>,
    }
    others: kept(others);
}

impl<'a> MechanismMeta<'a> {
    /// Looks into a mechanism's `meta`, if it is an object.
    #[must_use]
    pub fn of(raw: &'a RawValue) -> Option<Self> {
        object_of(raw)
    }
}

object! {
    /// Apple's kind of error.
    pub struct NsError<'a> {
        /// `NSCocoaErrorDomain`.
        "domain" => domain: Text<'a>,
        /// The number within the domain.
        "code" => code: Text<'a>,
    }
    others: dropped;
}

object! {
    /// The fields of well-known contexts that titles, tags and grouping look at.
    pub struct ContextHead<'a> {
        /// The context's type, where it differs from its name.
        "type" => ty: Text<'a>,
        /// `CPython`, `Chrome`, `Linux`.
        "name" => name: Text<'a>,
        /// `3.11.7`.
        "version" => version: Text<'a>,
        /// Both in one, where the platform does not tell them apart.
        "raw_description" => raw_description: Text<'a>,
        /// A device's family.
        "family" => family: Text<'a>,
        /// A device's model.
        "model" => model: Text<'a>,
        /// A device's maker.
        "brand" => brand: Text<'a>,
        /// Of the trace context.
        "trace_id" => trace_id: Text<'a>,
        /// Of the trace context.
        "span_id" => span_id: Text<'a>,
        /// Of the replay context.
        "replay_id" => replay_id: Text<'a>,
        /// Of the feedback context.
        "message" => message: Text<'a>,
        /// Of the feedback context.
        "contact_email" => contact_email: Text<'a>,
    }
    others: dropped;
}

impl<'a> ContextHead<'a> {
    /// Looks into a context; what is not an object has an empty head.
    #[must_use]
    pub fn of(raw: &'a RawValue) -> Self {
        object_of(raw).unwrap_or_default()
    }
}

impl<'a> Csp<'a> {
    /// Reads a report's body, if it is an object.
    #[must_use]
    pub fn of(raw: &'a RawValue) -> Option<Self> {
        object_of(raw)
    }
}

fn object_of<'a, T: Object<'a>>(raw: &'a RawValue) -> Option<T> {
    struct Visitor<T>(PhantomData<T>);
    impl<'a, T: Object<'a>> serde::de::Visitor<'a> for Visitor<T> {
        type Value = T;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }
        fn visit_map<A: serde::de::MapAccess<'a>>(self, map: A) -> Result<T, A::Error> {
            T::read_map(map, &mut Notes::default())
        }
    }
    let mut source = serde_json::Deserializer::from_str(raw.get());
    serde::Deserializer::deserialize_map(&mut source, Visitor(PhantomData)).ok()
}
