//! Which endpoint a path names.
//!
//! Duplicate slashes and a missing last one are forgiven, since DSNs with path prefixes make
//! them; a prefix before `/api/` is ignored, since proxies leave it.

use protocol::ids::{IdError, ProjectId};

/// An ingest endpoint. `project` is the path's segment, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Route {
    Envelope {
        project: Result<ProjectId, IdError>,
    },
    Store {
        project: Result<ProjectId, IdError>,
    },
    /// The oldest address: the key alone names the project.
    OldStore,
}

/// `None` when the path is not an ingest endpoint.
pub(super) fn of(path: &str) -> Option<Route> {
    let mut segments = path.rsplit('/').filter(|segment| !segment.is_empty());
    let endpoint = segments.next()?;
    let before = segments.next()?;
    if before == "api" {
        return (endpoint == "store").then_some(Route::OldStore);
    }
    if segments.next()? != "api" {
        return None;
    }
    let project = before.parse();
    match endpoint {
        "envelope" => Some(Route::Envelope { project }),
        "store" => Some(Route::Store { project }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_paths() {
        let check = |path: &str, expected| assert_eq!(of(path), expected, "{path}");
        let project = ProjectId::new(42);
        check(
            "/api/42/envelope/",
            Some(Route::Envelope {
                project: project.clone(),
            }),
        );
        check(
            "/api/42/envelope",
            Some(Route::Envelope {
                project: project.clone(),
            }),
        );
        check(
            "//api//42/envelope//",
            Some(Route::Envelope {
                project: project.clone(),
            }),
        );
        check(
            "/errors/api/42/envelope/",
            Some(Route::Envelope {
                project: project.clone(),
            }),
        );
        check(
            "/api/42/store/",
            Some(Route::Store {
                project: project.clone(),
            }),
        );
        check("/api/store/", Some(Route::OldStore));
        check(
            "/api/x/envelope/",
            Some(Route::Envelope {
                project: Err(IdError::Project),
            }),
        );
        check(
            "/api/0/envelope/",
            Some(Route::Envelope {
                project: Err(IdError::Project),
            }),
        );
        check("/api/42/minidump/", None);
        check("/api/42/", None);
        check("/envelope/", None);
        check("/", None);
        check("", None);
    }
}
