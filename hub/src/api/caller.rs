//! Who is asking: from headers to an identity, and from an identity to what it may touch.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use axum::extract::{ConnectInfo, FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::error::ApiError;
use super::input::At;
use super::types::IssueAt;
use super::{ApiState, Config, audit};
use crate::access::{Browser, Identity, Scope};
use crate::audit as deed;
use crate::clock;
use crate::ids::ShortId;
use crate::store::issue_read::IssueRow;
use crate::store::people::Organization;
use crate::store::projects::Project;

/// The header that carries a session's CSRF token.
const CSRF_HEADER: &str = "x-csrf-token";

/// An identity that was shown; its existence is the proof.
#[derive(Clone, Debug)]
pub(super) struct Caller(pub Identity);

/// Nobody, or somebody: for the few routes that are open.
#[derive(Clone, Debug)]
pub(super) struct MaybeCaller(pub Option<Identity>);

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let identity = parts.extensions.get::<Identity>().cloned();
        let caller = identity.map(Self).ok_or_else(ApiError::unauthenticated);
        std::future::ready(caller).await
    }
}

impl<S: Sync> FromRequestParts<S> for MaybeCaller {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(
        parts: &mut Parts,
        _: &S,
    ) -> Result<Self, std::convert::Infallible> {
        let identity = parts.extensions.get::<Identity>().cloned();
        std::future::ready(Ok(Self(identity))).await
    }
}

/// Routes that answer without credentials: who am I, log in, come in by an invitation, what was
/// shared by a link, the API's description.
pub(super) fn is_open(method: &Method, path: &str) -> bool {
    if matches!(method.as_str(), "GET" | "HEAD") && path.starts_with(super::shared::PATH) {
        return true;
    }
    matches!(
        (method.as_str(), path),
        ("GET" | "HEAD", "/api/0/" | "/api/0/openapi.json")
            | ("POST", "/api/0/auth/login/" | "/api/0/auth/invitation/")
    )
}

/// Lets through who has shown who they are, and changes under a session that carry its token.
pub(super) async fn authenticate(
    State(state): State<ApiState>,
    request: Request,
    next: Next,
) -> Response {
    let (mut parts, body) = request.into_parts();
    match admit(&state, &parts).await {
        Ok(identity) => {
            if let Some(identity) = identity {
                parts.extensions.insert(identity);
            }
            audit::accompany(&state, Request::from_parts(parts, body), next).await
        }
        Err(error) => error.into_response(),
    }
}

async fn admit(state: &ApiState, parts: &Parts) -> Result<Option<Identity>, ApiError> {
    let headers = &parts.headers;
    let is_open = is_open(&parts.method, parts.uri.path());
    let is_change = !matches!(parts.method, Method::GET | Method::HEAD | Method::OPTIONS);
    let now = clock::now();
    if let Some(token) = bearer(headers) {
        let identity = state.access.by_token(now, token).await?;
        return match identity {
            None if !is_open => Err(ApiError::unauthenticated()),
            other => Ok(other),
        };
    }
    if is_change && !is_same_origin(headers, &state.config) {
        return Err(ApiError::forbidden("The request comes from another site."));
    }
    let Some(cookie) = session_cookie(headers, &state.config) else {
        return if is_open {
            Ok(None)
        } else {
            Err(ApiError::unauthenticated())
        };
    };
    match state.access.by_session(now, cookie).await? {
        None if is_open => Ok(None),
        None => Err(ApiError::unauthenticated()),
        Some(identity) => {
            let shown = headers
                .get(CSRF_HEADER)
                .and_then(|value| value.to_str().ok());
            if is_change && !is_open && !identity.accepts_csrf(shown) {
                return Err(ApiError::forbidden("The CSRF token is missing or wrong."));
            }
            Ok(Some(identity))
        }
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// The name of the session cookie. Over TLS the browser itself holds it to this host and path.
pub(super) fn cookie_name(config: &Config) -> &'static str {
    if config.is_https() {
        "__Host-vedette"
    } else {
        "vedette_session"
    }
}

/// The session cookie's value.
pub(super) fn session_cookie<'h>(headers: &'h HeaderMap, config: &Config) -> Option<&'h str> {
    let name = cookie_name(config);
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find_map(|(key, value)| (key == name && !value.is_empty()).then_some(value))
}

/// Whether a browser says that the request comes from our own pages. Scripts say nothing.
fn is_same_origin(headers: &HeaderMap, config: &Config) -> bool {
    let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    if let Some(site) = text(header::HeaderName::from_static("sec-fetch-site")) {
        return matches!(site, "same-origin" | "none");
    }
    let Some(origin) = text(header::ORIGIN) else {
        return true;
    };
    let Some((_, host)) = origin.split_once("://") else {
        return false;
    };
    let public = config.public_url.split_once("://").map(|(_, rest)| rest);
    let public_host = public.and_then(|rest| rest.split('/').next());
    text(header::HOST) == Some(host) || public_host == Some(host)
}

/// The address a request comes from: the peer's, or what the proxy says.
pub(super) struct Address(pub IpAddr);

impl FromRequestParts<ApiState> for Address {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(
        parts: &mut Parts,
        state: &ApiState,
    ) -> Result<Self, std::convert::Infallible> {
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
        let peer = peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |info| info.0.ip());
        // The last one is the one that our own proxy wrote.
        let forwarded = parts.headers.get_all("x-forwarded-for").iter().next_back();
        let forwarded = forwarded
            .and_then(|value| value.to_str().ok()?.rsplit(',').next()?.trim().parse().ok())
            .filter(|_| state.config.behind_proxy);
        std::future::ready(Ok(Self(forwarded.unwrap_or(peer)))).await
    }
}

impl FromRequestParts<ApiState> for Browser {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(
        parts: &mut Parts,
        state: &ApiState,
    ) -> Result<Self, std::convert::Infallible> {
        let Address(address) = Address::from_request_parts(parts, state).await?;
        let user_agent = parts.headers.get(header::USER_AGENT);
        let user_agent = user_agent.and_then(|value| value.to_str().ok());
        Ok(Self {
            user_agent: user_agent.unwrap_or_default().to_owned(),
            address,
        })
    }
}

/// An issue with what it belongs to.
#[derive(Clone, Debug)]
pub(super) struct FoundIssue {
    pub organization: Organization,
    pub project: Project,
    pub issue: IssueRow,
}

/// The issue that the path names, whose events the caller may read.
#[derive(Clone, Debug)]
pub(super) struct ReadIssue(pub FoundIssue);

impl FromRequestParts<ApiState> for ReadIssue {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, ApiError> {
        issue_of(parts, state, Scope::EventRead).await.map(Self)
    }
}

/// The issue that the path names, which the caller may change.
#[derive(Clone, Debug)]
pub(super) struct WriteIssue(pub FoundIssue);

impl FromRequestParts<ApiState> for WriteIssue {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, ApiError> {
        issue_of(parts, state, Scope::EventWrite).await.map(Self)
    }
}

/// The issue that the path names, which the caller may remove.
#[derive(Clone, Debug)]
pub(super) struct RemoveIssue(pub FoundIssue);

impl FromRequestParts<ApiState> for RemoveIssue {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, ApiError> {
        issue_of(parts, state, Scope::EventAdmin).await.map(Self)
    }
}

async fn issue_of(
    parts: &mut Parts,
    state: &ApiState,
    scope: Scope,
) -> Result<FoundIssue, ApiError> {
    let caller = Caller::from_request_parts(parts, state).await?;
    let At(at) = At::from_request_parts(parts, state).await?;
    state.issue(&caller, &at, scope).await
}

impl ApiState {
    /// The organization of a slug or id, when the caller may do this in it.
    pub(super) async fn organization(
        &self,
        caller: &Caller,
        name: &str,
        scope: Scope,
    ) -> Result<Organization, ApiError> {
        self.organization_by_any(caller, name, &[scope]).await
    }

    /// The organization of a slug or id, when the caller has one of these scopes in it; the first
    /// is the one that who has none is told of.
    pub(super) async fn organization_by_any(
        &self,
        caller: &Caller,
        name: &str,
        scopes: &[Scope],
    ) -> Result<Organization, ApiError> {
        let organization = self.store.organization(name).await?;
        let organization = organization.ok_or_else(ApiError::missing)?;
        let membership = caller.0.membership(organization.id);
        let membership = membership.ok_or_else(ApiError::missing)?;
        match scopes.first() {
            Some(first) if !scopes.iter().any(|scope| membership.scopes.has(*scope)) => {
                Err(lacks(*first))
            }
            _ => {
                deed::organization(organization.id);
                deed::target("organization", organization.id, &organization.slug);
                Ok(organization)
            }
        }
    }

    /// The project of a slug or id, when the caller may do this in its organization.
    pub(super) async fn project(
        &self,
        caller: &Caller,
        organization: &str,
        name: &str,
        scope: Scope,
    ) -> Result<(Organization, Project), ApiError> {
        let organization = self.organization(caller, organization, scope).await?;
        let project = self.store.project(organization.id, name).await?;
        let project = project.ok_or_else(ApiError::missing)?;
        deed::target("project", project.id, &project.slug);
        Ok((organization, project))
    }

    /// The issue that a path names, when the caller may do this in its organization. Without an
    /// organization it is looked for in all of the caller's.
    pub(super) async fn issue(
        &self,
        caller: &Caller,
        at: &IssueAt,
        scope: Scope,
    ) -> Result<FoundIssue, ApiError> {
        let organizations = match at.organization.as_deref() {
            Some(slug) => vec![self.organization(caller, slug, scope).await?],
            None => {
                let all = self.store.organizations().await?;
                let own = |o: &Organization| caller.0.membership(o.id).is_some();
                all.into_iter().filter(own).collect()
            }
        };
        for organization in organizations {
            let projects = self.store.projects(organization.id).await?;
            let Some((project, issue)) = self.issue_among(&projects, &at.issue).await? else {
                continue;
            };
            let allowed = caller.0.membership(organization.id);
            if !allowed.is_some_and(|membership| membership.scopes.has(scope)) {
                return Err(lacks(scope));
            }
            deed::organization(organization.id);
            deed::target("issue", issue.id, &named(&project, &issue));
            return Ok(FoundIssue {
                organization,
                project,
                issue,
            });
        }
        Err(ApiError::missing())
    }

    /// The issue of an id or short id among these projects; of one that was merged, what it was
    /// merged into.
    pub(super) async fn issue_among(
        &self,
        projects: &[Project],
        name: &str,
    ) -> Result<Option<(Project, IssueRow)>, ApiError> {
        let issue = if let Ok(id) = name.parse::<i64>() {
            match self.store.issue_rows(&[id]).await?.pop() {
                None => self.store.issue_merged_into(id).await?,
                found => found,
            }
        } else if let Ok(short) = ShortId::parse(name) {
            match projects
                .iter()
                .find(|project| project.slug == short.project)
            {
                Some(project) => {
                    let (project, number) = (project.id, short.number);
                    match self.store.issue_by_short_id(project, number).await? {
                        None => {
                            let store = &self.store;
                            store.issue_merged_into_by_short_id(project, number).await?
                        }
                        found => found,
                    }
                }
                None => None,
            }
        } else {
            None
        };
        Ok(issue.and_then(|issue| {
            let project = projects
                .iter()
                .find(|project| project.id == issue.project_id)?;
            Some((project.clone(), issue))
        }))
    }
}

/// An issue's short id and title, as the audit log names it.
pub(super) fn named(project: &Project, issue: &IssueRow) -> String {
    let id = ShortId {
        project: project.slug.clone(),
        number: issue.short_id,
    };
    format!("{id}: {}", issue.title)
}

fn lacks(scope: Scope) -> ApiError {
    ApiError::forbidden(format!(
        "You do not have permission to perform this action: it needs {scope}."
    ))
}

impl Caller {
    /// Lets pass who may do this in any organization: for what belongs to the whole hub.
    pub(super) fn anywhere(&self, scope: Scope) -> Result<(), ApiError> {
        if self.0.scopes().has(scope) {
            Ok(())
        } else {
            Err(lacks(scope))
        }
    }
}
