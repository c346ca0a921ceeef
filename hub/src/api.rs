//! The web API: Sentry's paths and shapes, and our own under `vedette/`.
//!
//! One file per resource, its response types beside its handlers. The OpenAPI document is generated
//! from this code; `hub/openapi.json` is a copy that a test keeps true.
//!
//! What always holds: every route but those in [`caller::is_open`] answers 401 to who has not shown
//! who they are; a change under a session carries its CSRF token; what belongs to an organization
//! the caller is no member of does not exist for them; errors have one shape ([`error`]); lists are
//! pages ([`page`]).
//!
//! What it never does: decide what an issue becomes (`issue`), write events (`digest`), or make
//! HTML. Text from events leaves as JSON and nothing else.
//!
//! To add a resource: a file here, its handlers in [`routes`], then `UPDATE_OPENAPI=1 cargo test`.
#![expect(
    unused_qualifications,
    reason = "the derives of utoipa and its path attribute write qualified names"
)]

mod account;
mod activity;
mod assignees;
mod attachments;
mod audit;
mod body;
mod caller;
mod config;
mod corrections;
mod deletions;
mod discover;
mod environments;
mod error;
mod event;
mod event_filter;
mod events;
mod feedback;
mod filters;
mod fleet;
mod grouping;
mod hashes;
mod input;
mod intake;
mod issue;
mod issue_edit;
mod issue_moves;
mod issue_shape;
mod issues;
mod items;
mod keys;
mod letters;
mod limits;
mod live;
mod members;
mod organizations;
mod outcomes;
mod ownership;
mod page;
mod privacy;
mod projects;
mod releases;
mod rules;
mod search;
mod searches;
mod session;
mod sessions;
mod shared;
mod spikes;
mod suggestions;
mod tags;
mod teams;
mod timeseries;
mod tokens;
mod tombstones;
mod totals;
mod types;

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use axum::extract::DefaultBodyLimit;
use axum::http::{StatusCode, Uri, header};
use axum::middleware;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use tokio::sync::{Semaphore, broadcast};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower_http::catch_panic::CatchPanicLayer;
use utoipa::OpenApi;
use utoipa::openapi::{ContentBuilder, RefOr, ResponseBuilder};
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouterExt as _};
use utoipa_axum::routes;

use crate::access::Access;
use crate::archive::Archive;
use crate::digest;
use crate::fleet::Fleet;
use crate::index::Index;
use crate::notify;
use crate::store::{Store, StoreError};
use live::IssueTouched;

pub use error::ApiError;

/// Largest request body, in bytes.
const BODY_BYTES_MAX: usize = 1024 * 1024;
/// Changes by people a slow reader may lag behind before it is told to read anew.
const TOUCHED_QUEUE_LEN: usize = 1024;

/// Where the hub and its relays are reached, as clients see them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where browsers and scripts reach the hub. With `https`, cookies are `Secure`.
    pub public_url: String,
    /// Where SDKs reach a relay: the host of every DSN.
    pub relay_url: String,
    /// Where relays reach the link, as a join token's command names it.
    pub link_address: String,
    /// Whether a proxy before the hub sets `X-Forwarded-For`, to be believed for the addresses
    /// that logins are counted by.
    pub behind_proxy: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            public_url: "http://127.0.0.1:4800".to_owned(),
            relay_url: "http://127.0.0.1:4900".to_owned(),
            link_address: "127.0.0.1:4801".to_owned(),
            behind_proxy: false,
        }
    }
}

impl Config {
    /// Whether browsers reach the hub over TLS.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.public_url.starts_with("https://")
    }
}

/// What the app gives the API.
#[derive(Clone, Debug)]
pub struct Parts {
    /// Addresses.
    pub config: Config,
    /// Issues, people, projects.
    pub store: Store,
    /// Event bodies.
    pub archive: Archive,
    /// What is searchable of events.
    pub index: Index,
    /// Who is asking.
    pub access: Access,
    /// Whose changes of issues are shown live, and who tries records again.
    pub digest: digest::Handle,
    /// Relays, and what they are told.
    pub fleet: Fleet,
    /// Sends what rules would send, for trying them.
    pub sender: notify::Sender,
    /// Where tasks of the API run.
    pub tracker: TaskTracker,
    /// Ends streams and unfinished deletions.
    pub cancel: CancellationToken,
}

/// What every handler is given. Clones share it.
#[derive(Clone)]
pub struct ApiState(Arc<Shared>);

/// The inside of [`ApiState`].
pub struct Shared {
    parts: Parts,
    limiter: limits::Limiter,
    streams: Arc<Semaphore>,
    trials: Semaphore,
    visitors: shared::Visitors,
    /// Issues changed by people.
    touched: broadcast::Sender<IssueTouched>,
}

impl ApiState {
    /// Puts the parts together.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        Self(Arc::new(Shared {
            parts,
            limiter: limits::Limiter::default(),
            streams: Arc::new(Semaphore::new(live::STREAMS_MAX)),
            trials: Semaphore::new(privacy::TRIALS_MAX),
            visitors: shared::Visitors::default(),
            touched: broadcast::Sender::new(TOUCHED_QUEUE_LEN),
        }))
    }

    /// Finishes the deletions and moves of events that an earlier process began.
    ///
    /// # Errors
    /// The store's.
    pub async fn resume_deletions(&self) -> Result<(), StoreError> {
        let ids = self.store.issues_being_deleted().await?;
        // What is searched may not know yet.
        if let Err(error) = self.index.remove_issues(ids.clone()).await {
            tracing::warn!(%error, "deleted events may still be found");
        }
        issue_edit::delete_in_background(self, ids);
        deletions::resume(self).await?;
        issue_moves::index_in_background(self);
        Ok(())
    }
}

impl Deref for ApiState {
    type Target = Parts;
    fn deref(&self) -> &Parts {
        &self.0.parts
    }
}

impl fmt::Debug for ApiState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiState").finish_non_exhaustive()
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Vedette",
        description = "Sentry's web API as far as it is served here, and the fleet's own.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    components(schemas(error::ErrorBody)),
    servers((url = "/"))
)]
struct Document;

fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(session::info))
        .routes(routes!(session::login))
        .routes(routes!(session::accept))
        .routes(routes!(session::session, session::logout))
        .routes(routes!(session::me, account::update))
        .routes(routes!(account::sessions))
        .routes(routes!(account::end_session))
        .routes(routes!(tokens::list, tokens::create, tokens::remove))
        .routes(routes!(organizations::list))
        .routes(routes!(organizations::get, organizations::update))
        .routes(routes!(audit::list))
        .routes(routes!(teams::list, teams::create))
        .routes(routes!(teams::of_caller))
        .routes(routes!(teams::get, teams::update, teams::remove))
        .routes(routes!(members::of_team))
        .routes(routes!(
            projects::in_teams::list,
            projects::in_teams::create
        ))
        .routes(routes!(members::list, members::change::create))
        .routes(routes!(
            members::get,
            members::change::update,
            members::change::remove
        ))
        .routes(routes!(
            members::teams::join,
            members::teams::set_role,
            members::teams::leave
        ))
        .routes(routes!(members::of_project))
        .routes(routes!(keys::of_organization))
        .routes(routes!(environments::of_organization))
        .routes(routes!(environments::of_project, environments::update_many))
        .routes(routes!(environments::get, environments::update))
        .routes(routes!(projects::list, projects::create))
        .routes(routes!(projects::get, projects::update, projects::remove))
        .routes(routes!(projects::teams))
        .routes(routes!(projects::in_teams::add, projects::in_teams::remove))
        .routes(routes!(ownership::get, ownership::set))
        .routes(
            routes!(ownership::codeowners::list, ownership::codeowners::create)
                .layer(DefaultBodyLimit::max(ownership::codeowners::BODY_BYTES_MAX)),
        )
        .routes(
            routes!(ownership::codeowners::update, ownership::codeowners::remove)
                .layer(DefaultBodyLimit::max(ownership::codeowners::BODY_BYTES_MAX)),
        )
        .routes(routes!(ownership::suggested::of_issue))
        .routes(routes!(ownership::suggested::attempt))
        .routes(routes!(filters::list))
        .routes(routes!(filters::set))
        .routes(routes!(intake::get, intake::set))
        .routes(routes!(intake::quotas, intake::set_quotas))
        .routes(routes!(privacy::organization_as_rules))
        .routes(routes!(privacy::project_as_rules))
        .routes(routes!(privacy::preview))
        .routes(routes!(privacy::dry_run))
        .routes(routes!(privacy::report))
        .routes(routes!(outcomes::of_organization))
        .routes(routes!(outcomes::of_project))
        .routes(routes!(spikes::list))
        .routes(routes!(keys::list, keys::create))
        .routes(routes!(keys::get, keys::update, keys::remove))
        .routes(routes!(
            issues::list,
            issue_edit::update_many,
            issue_edit::remove_many
        ))
        .routes(routes!(
            issues::list_of_project,
            issue_edit::update_many_of_project,
            issue_edit::remove_many_of_project
        ))
        .routes(routes!(searches::list, searches::create))
        .routes(routes!(searches::update, searches::remove))
        .routes(routes!(searches::pin, searches::unpin))
        .routes(routes!(searches::recent, searches::note))
        .routes(
            routes!(releases::list, releases::edit::create)
                .layer(DefaultBodyLimit::max(releases::edit::BODY_BYTES_MAX)),
        )
        .routes(
            routes!(
                releases::get,
                releases::edit::update,
                releases::edit::remove
            )
            .layer(DefaultBodyLimit::max(releases::edit::BODY_BYTES_MAX)),
        )
        .routes(routes!(releases::of_project))
        .routes(routes!(releases::get_of_project))
        .routes(routes!(releases::commits::of_release))
        .routes(routes!(releases::commits::of_project))
        .routes(routes!(releases::commits::files))
        .routes(routes!(releases::commits::previous))
        .routes(routes!(releases::commits::repositories))
        .routes(routes!(releases::commits::of_repository))
        .routes(routes!(releases::deploys::list, releases::deploys::create))
        .routes(routes!(releases::suspects::of_issue))
        .routes(routes!(live::stream))
        .routes(routes!(issue::get, issue_edit::update, issue_edit::remove))
        .routes(routes!(shared::get))
        .routes(routes!(hashes::of_issue, issue_moves::unmerge))
        .routes(routes!(deletions::list))
        .routes(routes!(deletions::take_back))
        .routes(routes!(tombstones::list))
        .routes(routes!(tombstones::remove))
        .routes(routes!(issue_moves::similar))
        .routes(routes!(issue_moves::split, issue_moves::put_back))
        .routes(routes!(grouping::get, grouping::set))
        .routes(routes!(grouping::attempt))
        .routes(routes!(grouping::why))
        .routes(routes!(issues::by_short_id))
        .routes(routes!(activity::list))
        .routes(routes!(activity::notes, activity::add_note))
        .routes(routes!(activity::edit_note, activity::remove_note))
        .routes(routes!(tags::of_issue))
        .routes(routes!(tags::of_issue_key))
        .routes(routes!(tags::of_issue_values))
        .routes(routes!(tags::of_organization))
        .routes(routes!(suggestions::suggest))
        .routes(routes!(corrections::correct))
        .routes(routes!(tags::of_project_values))
        .routes(routes!(discover::table))
        .routes(routes!(discover::verdict::validate))
        .routes(routes!(timeseries::over_time))
        .routes(routes!(timeseries::stats::over_time))
        .routes(routes!(timeseries::stats::how_many))
        .routes(routes!(events::of_issue))
        .routes(routes!(event::of_issue))
        .routes(routes!(events::of_project))
        .routes(routes!(event::of_project))
        .routes(routes!(event::json))
        .routes(routes!(event::by_id))
        .routes(routes!(attachments::list))
        .routes(routes!(attachments::get))
        .routes(routes!(feedback::list, feedback::create))
        .routes(routes!(feedback::inbox::list))
        .routes(routes!(feedback::of_issue))
        .routes(routes!(items::across::list))
        .routes(routes!(items::across::kinds))
        .routes(routes!(items::list))
        .routes(routes!(items::get))
        .routes(routes!(sessions::sums))
        .routes(routes!(rules::list, rules::create))
        .routes(routes!(rules::get, rules::update, rules::remove))
        .routes(routes!(rules::test))
        .routes(routes!(rules::notifications))
        .routes(routes!(fleet::relays))
        .routes(routes!(fleet::relay, fleet::update, fleet::remove))
        .routes(routes!(fleet::equation::equation))
        .routes(routes!(fleet::accounting::accounting))
        .routes(routes!(fleet::authority::authorities))
        .routes(routes!(fleet::history::history))
        .routes(routes!(fleet::alerts::alerts, fleet::alerts::set_alerts))
        .routes(routes!(
            fleet::tokens::join_tokens,
            fleet::tokens::create_join_token
        ))
        .routes(routes!(fleet::tokens::end_join_token))
        .routes(routes!(config::state))
        .routes(routes!(config::retry))
        .routes(routes!(config::replace_key))
        .routes(routes!(fleet::link::set_link, fleet::link::remove_link))
        .routes(routes!(fleet::diagnosis::diagnosis))
        .routes(routes!(fleet::erasures::list, fleet::erasures::create))
        .routes(routes!(fleet::ledger::ledger))
        .routes(routes!(fleet::poison::poison))
        .routes(routes!(fleet::poison::replay))
        .routes(routes!(fleet::status::status))
}

/// The forms of the paths that older clients use; same handlers, no documentation of their own.
fn old_routes(router: axum::Router<ApiState>) -> axum::Router<ApiState> {
    use axum::routing::get;
    router
        .route(
            "/api/0/issues/{issue}/",
            get(issue::get)
                .put(issue_edit::update)
                .delete(issue_edit::remove),
        )
        .route(
            "/api/0/issues/{issue}/hashes/",
            get(hashes::of_issue).delete(issue_moves::unmerge),
        )
        .route("/api/0/issues/{issue}/similar/", get(issue_moves::similar))
        .route(
            "/api/0/issues/{issue}/owners/",
            get(ownership::suggested::of_issue),
        )
        .route(
            "/api/0/issues/{issue}/committers/",
            get(releases::suspects::of_issue),
        )
        .route("/api/0/issues/{issue}/events/", get(events::of_issue))
        .route(
            "/api/0/issues/{issue}/events/{event}/",
            get(event::of_issue),
        )
        .route("/api/0/issues/{issue}/tags/", get(tags::of_issue))
        .route("/api/0/issues/{issue}/tags/{key}/", get(tags::of_issue_key))
        .route(
            "/api/0/issues/{issue}/tags/{key}/values/",
            get(tags::of_issue_values),
        )
        .route("/api/0/issues/{issue}/activities/", get(activity::list))
        .route(
            "/api/0/issues/{issue}/notes/",
            get(activity::notes).post(activity::add_note),
        )
        .route(
            "/api/0/issues/{issue}/comments/",
            get(activity::notes).post(activity::add_note),
        )
        .route(
            "/api/0/organizations/{organization}/issues/{issue}/comments/",
            get(activity::notes).post(activity::add_note),
        )
        .route("/api/0/issues/{issue}/notes/{note}/", of_note())
        .route("/api/0/issues/{issue}/comments/{note}/", of_note())
        .route(
            "/api/0/organizations/{organization}/issues/{issue}/comments/{note}/",
            of_note(),
        )
}

fn of_note() -> axum::routing::MethodRouter<ApiState> {
    axum::routing::put(activity::edit_note).delete(activity::remove_note)
}

/// The API under `/api/0/`.
pub fn router(state: ApiState) -> axum::Router {
    let (router, _) = routes().split_for_parts();
    let document: &'static str = Box::leak(openapi().into_boxed_str());
    old_routes(router)
        .route(
            "/api/0/openapi.json",
            axum::routing::get(move || async move {
                ([(header::CONTENT_TYPE, "application/json")], document)
            }),
        )
        .route_layer(middleware::from_fn_with_state(
            state.clone(),
            caller::authenticate,
        ))
        .method_not_allowed_fallback(method_not_allowed)
        .fallback(unknown)
        .layer(middleware::from_fn_with_state(state.clone(), limits::limit))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(CatchPanicLayer::custom(|_| {
            ApiError::internal(Panicked).into_response()
        }))
        .with_state(state)
}

/// The OpenAPI document, as JSON.
#[must_use]
pub fn openapi() -> String {
    let (_, mut document) = routes().split_for_parts();
    for (path, item) in &mut document.paths.paths {
        let operations = [
            ("get", &mut item.get),
            ("post", &mut item.post),
            ("put", &mut item.put),
            ("delete", &mut item.delete),
        ];
        for (method, operation) in operations {
            if let Some(operation) = operation {
                operation.operation_id = Some(operation_id(method, path));
                let error = RefOr::T(error_response());
                operation
                    .responses
                    .responses
                    .insert("default".to_owned(), error);
            }
        }
    }
    document
        .to_pretty_json()
        .unwrap_or_else(|_| "{}".to_owned())
}

/// `get_organizations_issues` for `GET /api/0/organizations/{organization}/issues/`; a path that
/// ends in a name gets `_one`.
fn operation_id(method: &str, path: &str) -> String {
    let mut id = method.to_owned();
    for part in path.trim_start_matches("/api/0").split('/') {
        if !part.is_empty() && !part.starts_with('{') {
            id.push('_');
            id.push_str(&part.replace('-', "_"));
        }
    }
    if path.ends_with("}/") {
        id.push_str("_one");
    }
    id
}

fn error_response() -> utoipa::openapi::Response {
    let schema = utoipa::openapi::Ref::from_schema_name("ErrorBody");
    let content = ContentBuilder::new().schema(Some(schema)).build();
    ResponseBuilder::new()
        .description("Why not.")
        .content("application/json", content)
        .build()
}

/// A handler panicked; the panic hook has said where.
#[derive(Debug, thiserror::Error)]
#[error("a handler panicked")]
struct Panicked;

/// A path without its last slash is sent to the one with it; everything else is not there.
async fn unknown(uri: Uri) -> Response {
    let path = uri.path();
    if path.ends_with('/') {
        return std::future::ready(ApiError::missing().into_response()).await;
    }
    let query = uri
        .query()
        .map(|query| format!("?{query}"))
        .unwrap_or_default();
    let location = format!("{path}/{query}");
    (
        StatusCode::PERMANENT_REDIRECT,
        [(header::LOCATION, location)],
    )
        .into_response()
}

async fn method_not_allowed() -> Response {
    let body = ApiError::invalid("This method is not allowed here.").into_response();
    let (_, body) = body.into_parts();
    let headers = [(header::CONTENT_TYPE, "application/json")];
    std::future::ready((StatusCode::METHOD_NOT_ALLOWED, headers, body).into_response()).await
}

#[cfg(test)]
mod tests;
