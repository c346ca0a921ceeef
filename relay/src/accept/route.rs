//! Which endpoint a path names.
//!
//! Duplicate slashes and a missing last one are forgiven, since DSNs with path prefixes make
//! them; a prefix before `/api/` is ignored, since proxies leave it.

use protocol::ids::{EventId, IdError, ProjectId};

use crate::report::{Signal, percent_decoded};

/// Most segments of a path that are looked at, from its end.
const SEGMENTS_MAX: usize = 12;

/// An ingest endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Route {
    /// The path's project, read; the oldest addresses have none.
    pub(super) project: Result<Option<ProjectId>, IdError>,
    pub(super) endpoint: Endpoint,
}

/// What is sent there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Endpoint {
    Envelope,
    Store,
    /// Broken policies.
    Security,
    NetworkErrors,
    Minidump,
    /// Files of an event.
    Attachments {
        event_id: Result<EventId, IdError>,
    },
    Unreal {
        key: String,
    },
    PlayStation,
    CheckIn {
        slug: String,
        key: Option<String>,
    },
    Otlp(Signal),
    Vercel,
    /// Large files: where they begin, or the name of one that goes on.
    Upload {
        id: Option<String>,
    },
    /// The dialog of an error page, and what is written there.
    Dialog,
}

impl Endpoint {
    /// The methods that are served, as `Allow` lists them.
    pub(super) const fn allow(&self) -> &'static str {
        match self {
            Self::Store | Self::CheckIn { .. } | Self::Dialog => "GET, POST, OPTIONS",
            Self::Upload { id: Some(_) } => "HEAD, PATCH, OPTIONS",
            _ => "POST, OPTIONS",
        }
    }
}

/// `None` when the path is not an ingest endpoint.
pub(super) fn of(path: &str) -> Option<Route> {
    let from_end = path.rsplit('/').filter(|segment| !segment.is_empty());
    let mut segments: Vec<&str> = from_end.take(SEGMENTS_MAX).collect();
    segments.reverse();
    // The last `api` that fits: a prefix or a monitor may have the same name.
    let mut places = (0..segments.len()).rev();
    places.find_map(|at| match segments.get(at..)? {
        ["api", rest @ ..] => below_api(rest),
        _ => None,
    })
}

fn below_api(rest: &[&str]) -> Option<Route> {
    let (project, endpoint) = match rest {
        ["store"] => (Ok(None), Endpoint::Store),
        ["embed", "error-page"] => (Ok(None), Endpoint::Dialog),
        [project, rest @ ..] => (project.parse().map(Some), of_project(rest)?),
        [] => return None,
    };
    Some(Route { project, endpoint })
}

fn of_project(rest: &[&str]) -> Option<Endpoint> {
    Some(match rest {
        ["envelope"] => Endpoint::Envelope,
        ["store"] => Endpoint::Store,
        ["security" | "csp-report"] => Endpoint::Security,
        ["nel"] => Endpoint::NetworkErrors,
        ["minidump"] => Endpoint::Minidump,
        ["events", id, "attachments"] => Endpoint::Attachments {
            event_id: id.parse(),
        },
        ["unreal", key] => Endpoint::Unreal {
            key: (*key).to_owned(),
        },
        ["playstation"] => Endpoint::PlayStation,
        ["cron", slug] => Endpoint::CheckIn {
            slug: percent_decoded(slug),
            key: None,
        },
        ["cron", slug, key] => Endpoint::CheckIn {
            slug: percent_decoded(slug),
            key: Some((*key).to_owned()),
        },
        ["integration", "otlp", "v1", "traces"] => Endpoint::Otlp(Signal::Traces),
        ["integration", "otlp", "v1", "logs"] => Endpoint::Otlp(Signal::Logs),
        ["integration", "otlp", "v1", "metrics"] => Endpoint::Otlp(Signal::Metrics),
        ["integration", "vercel", "logs"] => Endpoint::Vercel,
        ["upload"] => Endpoint::Upload { id: None },
        ["upload", id] => Endpoint::Upload {
            id: Some((*id).to_owned()),
        },
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(path: &str, expected: Option<Endpoint>) {
        let project = Ok(Some(ProjectId::new(42).unwrap()));
        let expected = expected.map(|endpoint| Route { project, endpoint });
        assert_eq!(of(path), expected, "{path}");
    }

    #[test]
    fn reads_every_endpoint() {
        check("/api/42/playstation/", Some(Endpoint::PlayStation));
        let cron = |slug: &str, key: Option<&str>| Endpoint::CheckIn {
            slug: slug.to_owned(),
            key: key.map(str::to_owned),
        };
        check("/api/42/envelope/", Some(Endpoint::Envelope));
        check("/api/42/store/", Some(Endpoint::Store));
        check("/api/42/security/", Some(Endpoint::Security));
        check("/api/42/csp-report/", Some(Endpoint::Security));
        check("/api/42/nel/", Some(Endpoint::NetworkErrors));
        check("/api/42/minidump", Some(Endpoint::Minidump));
        let unreal = Endpoint::Unreal {
            key: "abc".to_owned(),
        };
        check("/api/42/unreal/abc/", Some(unreal));
        check("/api/42/cron/nightly", Some(cron("nightly", None)));
        check(
            "/api/42/cron/a%20b+c/key/",
            Some(cron("a b+c", Some("key"))),
        );
        check("/api/42/cron/api/", Some(cron("api", None)));
        let otlp = |signal| Some(Endpoint::Otlp(signal));
        check("/api/42/integration/otlp/v1/traces", otlp(Signal::Traces));
        check("/api/42/integration/otlp/v1/logs/", otlp(Signal::Logs));
        check("/api/42/integration/otlp/v1/metrics", otlp(Signal::Metrics));
        check("/api/42/integration/vercel/logs/", Some(Endpoint::Vercel));
        let upload = |id: Option<&str>| Endpoint::Upload {
            id: id.map(str::to_owned),
        };
        check("/api/42/upload/", Some(upload(None)));
        check("/api/42/upload/abc/", Some(upload(Some("abc"))));
        let id = "9ec79c33ec9942ab8353589fcb2e04dc";
        let files = Endpoint::Attachments {
            event_id: id.parse(),
        };
        check(&format!("/api/42/events/{id}/attachments/"), Some(files));
    }

    #[test]
    fn forgives_slashes_and_prefixes_and_nothing_else() {
        check("//api//42/envelope//", Some(Endpoint::Envelope));
        check("/errors/api/42/envelope", Some(Endpoint::Envelope));
        check("/api/api/42/envelope/", Some(Endpoint::Envelope));
        let no_project = |endpoint| Route {
            project: Ok(None),
            endpoint,
        };
        assert_eq!(of("/api/store/"), Some(no_project(Endpoint::Store)));
        assert_eq!(
            of("/api/embed/error-page/"),
            Some(no_project(Endpoint::Dialog))
        );
        for project in ["x", "0"] {
            let route = of(&format!("/api/{project}/envelope/")).unwrap();
            assert_eq!(route.project, Err(IdError::Project));
        }
        for path in [
            "/api/42/nothing/",
            "/api/42/",
            "/api/",
            "/envelope/",
            "/",
            "",
            "/api/42/cron/",
            "/api/42/envelope/more/",
            "/api/42/integration/otlp/v1/",
            "/api/0/organizations/",
        ] {
            check(path, None);
        }
    }
}
