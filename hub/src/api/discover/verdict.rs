//! What of a table of events could be answered, without answering it.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    TableParams, UNGROUPED, check_dataset, event_order, groups, is_grouped, kept_apart, kind_of,
};
use crate::access::Scope;
use crate::api::ApiState;
use crate::api::caller::Caller;
use crate::api::error::ApiError;
use crate::api::input::At;
use crate::api::page::Params;
use crate::api::search::{check_no_figure, chosen_projects};
use crate::api::totals;
use crate::api::types::OrganizationPath;
use crate::clock;
use crate::query;

/// What of a table could be answered, and why the rest could not.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct Verdict {
    /// Whether all of it could.
    valid: bool,
    projects: Vec<PartVerdict>,
    dataset: Vec<NamedVerdict>,
    environment: Vec<PartVerdict>,
    field: Vec<NamedVerdict>,
    query: QueryVerdict,
    orderby: Vec<NamedVerdict>,
}

/// Whether a part could be answered.
#[derive(Debug, Serialize, ToSchema)]
struct PartVerdict {
    valid: bool,
    error: Option<String>,
}

/// Whether what has a name could be answered.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct NamedVerdict {
    name: String,
    valid: bool,
    /// `string` or `number`; of a dataset there is none.
    attr_type: Option<&'static str>,
    error: Option<String>,
}

/// Whether a query could be answered.
#[derive(Debug, Serialize, ToSchema)]
struct QueryVerdict {
    valid: bool,
    error: Option<String>,
    fields: Vec<NamedVerdict>,
}

/// Says what of a table could be answered, without answering it.
#[utoipa::path(get, path = "/api/0/organizations/{organization}/events/validate/", tag = "events",
    params(OrganizationPath, TableParams), responses((status = 200, body = Verdict)))]
pub(in crate::api) async fn validate(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<OrganizationPath>,
    params: Params,
) -> Result<Json<Verdict>, ApiError> {
    let organization = state
        .organization(&caller, &path.organization, Scope::EventRead)
        .await?;
    let projects = state.store.projects(organization.id).await?;
    let said = |error: ApiError| Some(error.to_string());
    let project = chosen_projects(&projects, &params).err().and_then(said);
    let fields: Vec<&str> = params.all("field").collect();
    let are_grouped = is_grouped(&fields);
    let dataset = params.some("dataset").unwrap_or("errors");
    let weighed = totals::Dataset::read(dataset);
    let kind = |name: &str| match weighed {
        Some(dataset) => totals::kind_of(dataset, name).unwrap_or("string"),
        None => kind_of(name),
    };
    let named = |name: &str, error: Option<String>| NamedVerdict {
        name: name.to_owned(),
        valid: error.is_none(),
        attr_type: Some(match kind(name.trim_start_matches('-')) {
            "string" | "date" => "string",
            _ => "number",
        }),
        error,
    };
    let field = fields.iter().map(|field| {
        let error = match weighed {
            Some(dataset) => totals::kind_of(dataset, field).err(),
            None => groups::Columns::read(&[*field])
                .err()
                .filter(|_| are_grouped),
        };
        named(field, error.and_then(said))
    });
    let orderby = params.all("orderby").map(|name| {
        let error = match weighed {
            Some(dataset) => totals::largest(dataset, name).err(),
            None if are_grouped => groups::check_sort(name, &fields).err(),
            None => event_order(name).err(),
        };
        named(name, error.and_then(said))
    });
    let text = params.first("query").unwrap_or_default();
    let query = match weighed {
        Some(dataset) => {
            let minute = totals::Minutes::between(0, 60_000);
            totals::Asked::read(dataset, text, minute).err()
        }
        None => {
            let parsed = query::parse(text, clock::now()).map_err(ApiError::from);
            let checked = parsed.and_then(|query| {
                let (of_events, of_groups) = query::parted(query)?;
                if !are_grouped {
                    check_no_figure(&of_groups, UNGROUPED)?;
                }
                kept_apart(&of_events)
            });
            checked.err()
        }
    };
    let query = query.and_then(said);
    let unknown = check_dataset(dataset).err().filter(|_| weighed.is_none());
    let mut verdict = Verdict {
        valid: false,
        projects: vec![PartVerdict {
            valid: project.is_none(),
            error: project,
        }],
        dataset: vec![NamedVerdict {
            attr_type: None,
            ..named(dataset, unknown.and_then(said))
        }],
        environment: Vec::new(),
        field: field.collect(),
        query: QueryVerdict {
            valid: query.is_none(),
            error: query,
            fields: Vec::new(),
        },
        orderby: orderby.collect(),
    };
    let named = verdict.dataset.iter().chain(&verdict.field);
    verdict.valid = verdict.projects.iter().all(|part| part.valid)
        && verdict.query.valid
        && named.chain(&verdict.orderby).all(|part| part.valid);
    Ok(Json(verdict))
}
