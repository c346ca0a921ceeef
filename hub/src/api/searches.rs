//! Searches for issues that people keep, for themselves or for everyone; what their list begins
//! with; and what they searched for lately.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};

use super::ApiState;
use super::caller::Caller;
use super::error::ApiError;
use super::input::{At, Input, text};
use super::page::{Page, Params};
use super::types::{OrganizationPath, iso};
use crate::access::Scope;
use crate::audit;
use crate::clock;
use crate::query;
use crate::store::people::Organization;
use crate::store::searches::{PinnedSearch, SavedSearch};

/// Longest name, in bytes.
const NAME_LEN_MAX: usize = 128;
/// Most searches that one person has.
const SEARCHES_MAX: usize = 200;
/// Sentry's number of searches for issues; the only kind there is.
const ISSUES: i64 = 0;
/// Everyone has it; its owner has it.
const SHARED: &str = "organization";
const OWN: &str = "owner";
const PINNED: &str = "owner_pinned";

/// A search that someone keeps.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Search {
    /// Empty for what is only pinned.
    id: String,
    /// 0: for issues.
    #[serde(rename = "type")]
    kind: i64,
    name: String,
    query: String,
    sort: String,
    /// `organization`, `owner` or `owner_pinned`.
    visibility: &'static str,
    is_global: bool,
    is_pinned: bool,
    /// Whether it is the caller's own.
    is_own: bool,
    date_created: String,
}

/// A search to be kept.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct NewSearch {
    name: String,
    query: String,
    /// `date`, `new`, `freq` or `user`.
    sort: Option<String>,
    /// `organization` or `owner`; left out it is `owner`.
    visibility: Option<String>,
    #[serde(rename = "type")]
    kind: Option<i64>,
}

/// What the caller's list begins with.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct PinForm {
    query: String,
    sort: Option<String>,
    #[serde(rename = "type")]
    kind: Option<i64>,
}

/// A search that was made.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct RecentForm {
    query: String,
    #[serde(rename = "type")]
    kind: Option<i64>,
}

/// A search that the caller made lately.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Recent {
    id: String,
    organization_id: String,
    #[serde(rename = "type")]
    kind: i64,
    query: String,
    last_seen: String,
    date_created: String,
}

/// The path of a search.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct SearchPath {
    /// Slug or id.
    organization: String,
    search: i64,
}

impl Search {
    fn new(row: SavedSearch, caller: &Caller, pinned: Option<&PinnedSearch>) -> Self {
        let is_pinned = pinned.is_some_and(|pin| pin.query == row.query && pin.sort == row.sort);
        Self {
            id: row.id.to_string(),
            kind: ISSUES,
            visibility: if row.is_shared { SHARED } else { OWN },
            is_global: false,
            is_pinned,
            is_own: row.user_id == caller.0.user.id,
            date_created: iso(row.created_at),
            name: row.name,
            query: row.query,
            sort: row.sort,
        }
    }

    fn pinned(pin: PinnedSearch) -> Self {
        Self {
            id: String::new(),
            kind: ISSUES,
            name: "My default".to_owned(),
            query: pin.query,
            sort: pin.sort,
            visibility: PINNED,
            is_global: false,
            is_pinned: true,
            is_own: true,
            date_created: iso(pin.created_at),
        }
    }
}

/// The searches of the caller and of everyone. What is pinned and not kept comes first.
#[utoipa::path(get, path = "/api/0/organizations/{organization}/searches/", tag = "searches",
    params(OrganizationPath), responses((status = 200, body = [Search])))]
pub(super) async fn list(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<OrganizationPath>,
    params: Params,
) -> Result<Response, ApiError> {
    let organization = state
        .organization(&caller, &path.organization, Scope::EventRead)
        .await?;
    let user = caller.0.user.id;
    let pinned = state.store.pinned_search(organization.id, user).await?;
    let rows = state.store.saved_searches(organization.id, user).await?;
    let mut shown: Vec<Search> = rows
        .into_iter()
        .map(|row| Search::new(row, &caller, pinned.as_ref()))
        .collect();
    if let Some(pin) = pinned.filter(|_| !shown.iter().any(|search| search.is_pinned)) {
        shown.insert(0, Search::pinned(pin));
    }
    Ok(Page::whole(shown).respond(&params))
}

/// Keeps a search.
#[utoipa::path(post, path = "/api/0/organizations/{organization}/searches/", tag = "searches",
    params(OrganizationPath), request_body = NewSearch,
    responses((status = 201, body = Search)))]
pub(super) async fn create(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<OrganizationPath>,
    Input(wish): Input<NewSearch>,
) -> Result<Response, ApiError> {
    let organization = state
        .organization(&caller, &path.organization, Scope::EventWrite)
        .await?;
    let mut row = SavedSearch {
        id: 0,
        user_id: caller.0.user.id,
        name: String::new(),
        query: String::new(),
        sort: String::new(),
        is_shared: false,
        created_at: clock::now().as_millis(),
    };
    fill(&state, &caller, &organization, &mut row, wish).await?;
    let there = state.store.saved_searches(organization.id, row.user_id);
    let own = there.await?;
    if own
        .iter()
        .filter(|other| other.user_id == row.user_id)
        .count()
        >= SEARCHES_MAX
    {
        let what = format!("One person keeps at most {SEARCHES_MAX} searches.");
        return Err(ApiError::conflict(what));
    }
    let mut write = state.store.begin().await?;
    row.id = write.add_saved_search(organization.id, &row).await?;
    audit::target("saved-search", row.id, &row.name);
    audit::changed(&(), &settings(&row));
    write.commit().await?;
    let pinned = state.store.pinned_search(organization.id, row.user_id);
    let search = Search::new(row, &caller, pinned.await?.as_ref());
    Ok((StatusCode::CREATED, Json(search)).into_response())
}

/// Changes a search.
#[utoipa::path(put, path = "/api/0/organizations/{organization}/searches/{search}/",
    tag = "searches", params(SearchPath), request_body = NewSearch,
    responses((status = 200, body = Search)))]
pub(super) async fn update(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<SearchPath>,
    Input(wish): Input<NewSearch>,
) -> Result<Json<Search>, ApiError> {
    let (organization, mut row) = find(&state, &caller, &path).await?;
    let before = settings(&row);
    fill(&state, &caller, &organization, &mut row, wish).await?;
    audit::changed(&before, &settings(&row));
    let mut write = state.store.begin().await?;
    write.update_saved_search(&row).await?;
    write.commit().await?;
    let pinned = state
        .store
        .pinned_search(organization.id, caller.0.user.id)
        .await?;
    Ok(Json(Search::new(row, &caller, pinned.as_ref())))
}

/// Removes a search.
#[utoipa::path(delete, path = "/api/0/organizations/{organization}/searches/{search}/",
    tag = "searches", params(SearchPath), responses((status = 204)))]
pub(super) async fn remove(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<SearchPath>,
) -> Result<StatusCode, ApiError> {
    let (_, row) = find(&state, &caller, &path).await?;
    let mut write = state.store.begin().await?;
    write.remove_saved_search(row.id).await?;
    write.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Sets what the caller's list begins with.
#[utoipa::path(put, path = "/api/0/organizations/{organization}/pinned-searches/",
    tag = "searches", params(OrganizationPath), request_body = PinForm,
    responses((status = 201, body = Search)))]
pub(super) async fn pin(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<OrganizationPath>,
    Input(form): Input<PinForm>,
) -> Result<Response, ApiError> {
    let organization = state
        .organization(&caller, &path.organization, Scope::EventWrite)
        .await?;
    check_kind(form.kind)?;
    let pin = PinnedSearch {
        query: checked_query(&form.query)?,
        sort: checked_sort(form.sort)?,
        created_at: clock::now().as_millis(),
    };
    let user = caller.0.user.id;
    let mut write = state.store.begin().await?;
    write.pin_search(organization.id, user, Some(&pin)).await?;
    write.commit().await?;
    Ok((StatusCode::CREATED, Json(Search::pinned(pin))).into_response())
}

/// The caller's list begins as everyone's again.
#[utoipa::path(delete, path = "/api/0/organizations/{organization}/pinned-searches/",
    tag = "searches", params(OrganizationPath), responses((status = 204)))]
pub(super) async fn unpin(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<OrganizationPath>,
) -> Result<StatusCode, ApiError> {
    let organization = state
        .organization(&caller, &path.organization, Scope::EventWrite)
        .await?;
    let user = caller.0.user.id;
    let mut write = state.store.begin().await?;
    write.pin_search(organization.id, user, None).await?;
    write.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What the caller searched for lately, the latest first.
#[utoipa::path(get, path = "/api/0/organizations/{organization}/recent-searches/",
    tag = "searches",
    params(OrganizationPath,
        ("query" = Option<String>, Query, description = "Only those that have this in them.")),
    responses((status = 200, body = [Recent])))]
pub(super) async fn recent(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<OrganizationPath>,
    params: Params,
) -> Result<Response, ApiError> {
    let organization = state
        .organization(&caller, &path.organization, Scope::EventRead)
        .await?;
    let part = params.some("query").unwrap_or_default().to_lowercase();
    let rows = state
        .store
        .recent_searches(organization.id, caller.0.user.id)
        .await?;
    let found = rows
        .into_iter()
        .filter(|row| row.query.to_lowercase().contains(&part));
    let shown = found.map(|row| Recent {
        id: row.id.to_string(),
        organization_id: organization.id.to_string(),
        kind: ISSUES,
        query: row.query,
        last_seen: iso(row.last_seen_at),
        date_created: iso(row.created_at),
    });
    Ok(Page::whole(shown.collect()).respond(&params))
}

/// Notes what the caller searched for.
#[utoipa::path(post, path = "/api/0/organizations/{organization}/recent-searches/",
    tag = "searches", params(OrganizationPath), request_body = RecentForm,
    responses((status = 201, description = "Noted.")))]
pub(super) async fn note(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<OrganizationPath>,
    Input(form): Input<RecentForm>,
) -> Result<StatusCode, ApiError> {
    let organization = state
        .organization(&caller, &path.organization, Scope::EventWrite)
        .await?;
    check_kind(form.kind)?;
    let query = checked_query(&form.query)?;
    if query.is_empty() {
        return Err(ApiError::field("query", "is empty"));
    }
    let now = clock::now().as_millis();
    let mut write = state.store.begin().await?;
    write
        .note_search(organization.id, caller.0.user.id, &query, now)
        .await?;
    write.commit().await?;
    Ok(StatusCode::CREATED)
}

/// The search of a path, when the caller may change it: their own, or with the right to change the
/// organization one that everyone has.
async fn find(
    state: &ApiState,
    caller: &Caller,
    path: &SearchPath,
) -> Result<(Organization, SavedSearch), ApiError> {
    let organization = state
        .organization(caller, &path.organization, Scope::EventWrite)
        .await?;
    let user = caller.0.user.id;
    let rows = state.store.saved_searches(organization.id, user).await?;
    let row = rows.into_iter().find(|row| row.id == path.search);
    let row = row.ok_or_else(ApiError::missing)?;
    if row.user_id != user {
        let slug = &organization.slug;
        state.organization(caller, slug, Scope::OrgWrite).await?;
    }
    audit::target("saved-search", row.id, &row.name);
    Ok((organization, row))
}

/// What the audit log tells of a search.
fn settings(row: &SavedSearch) -> serde_json::Value {
    let SavedSearch {
        name,
        query,
        sort,
        is_shared,
        ..
    } = row;
    json!({ "name": name, "query": query, "sort": sort, "isShared": is_shared })
}

/// Puts a wish into a search; what everyone has, only those keep who may change the organization.
async fn fill(
    state: &ApiState,
    caller: &Caller,
    organization: &Organization,
    row: &mut SavedSearch,
    wish: NewSearch,
) -> Result<(), ApiError> {
    check_kind(wish.kind)?;
    row.name = text("name", &wish.name, NAME_LEN_MAX)?;
    row.query = checked_query(&wish.query)?;
    row.sort = checked_sort(wish.sort)?;
    row.is_shared = match wish.visibility.as_deref() {
        None => row.is_shared,
        Some(OWN) => false,
        Some(SHARED) => true,
        Some(_) => return Err(ApiError::field("visibility", "organization or owner")),
    };
    if row.is_shared {
        let slug = &organization.slug;
        state.organization(caller, slug, Scope::OrgWrite).await?;
    }
    Ok(())
}

fn check_kind(kind: Option<i64>) -> Result<(), ApiError> {
    match kind {
        None | Some(ISSUES) => Ok(()),
        Some(_) => Err(ApiError::field("type", "0, which is issues")),
    }
}

fn checked_query(text: &str) -> Result<String, ApiError> {
    let text = text.trim();
    query::parse(text, clock::now())?;
    Ok(text.to_owned())
}

fn checked_sort(sort: Option<String>) -> Result<String, ApiError> {
    let sort = sort.unwrap_or_else(|| "date".to_owned());
    super::issues::sort(&sort)?;
    Ok(sort)
}
