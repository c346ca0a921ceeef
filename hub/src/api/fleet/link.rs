//! How much of the link a relay may take, and when.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use protocol::ids::RelayId;
use protocol::limits::QUIET_HOURS_MAX;
use protocol::roster::{LinkSettings, QuietHours};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::super::ApiState;
use super::super::caller::Caller;
use super::super::error::ApiError;
use super::super::input::{At, Input};
use super::{RelayPath, find};
use crate::access::Scope;
use crate::audit;

/// How much of the link a relay may take. The policy of its host may say less.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub(in crate::api) struct RelayLinkForm {
    /// Most bytes a second; nothing is without limit.
    bandwidth_max: Option<u64>,
    /// Spans of every day, UTC, such as `22:00-06:00`, in which only control and errors travel.
    quiet_hours: Vec<String>,
}

/// Sets how much of the link a relay may take.
#[utoipa::path(put, path = "/api/0/vedette/relays/{relay}/link/", tag = "fleet",
    params(RelayPath), request_body = RelayLinkForm,
    responses((status = 200, body = RelayLinkForm)))]
pub(in crate::api) async fn set_link(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<RelayPath>,
    Input(form): Input<RelayLinkForm>,
) -> Result<Json<RelayLinkForm>, ApiError> {
    caller.anywhere(Scope::OrgWrite)?;
    let relay = find(&state, &path).await?;
    let settings = form.settings()?;
    let before = stored(&state, relay.id).await?;
    audit::changed(&before, &Some(RelayLinkForm::new(&settings)));
    state.fleet.set_link(relay.id, Some(&settings)).await?;
    Ok(Json(RelayLinkForm::new(&settings)))
}

/// Takes a relay's own settings of the link away.
#[utoipa::path(delete, path = "/api/0/vedette/relays/{relay}/link/", tag = "fleet",
    params(RelayPath), responses((status = 204)))]
pub(in crate::api) async fn remove_link(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<RelayPath>,
) -> Result<StatusCode, ApiError> {
    caller.anywhere(Scope::OrgWrite)?;
    let relay = find(&state, &path).await?;
    let before = stored(&state, relay.id).await?;
    audit::changed(&before, &None::<RelayLinkForm>);
    state.fleet.set_link(relay.id, None).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A relay's own settings of the link, as they are.
async fn stored(state: &ApiState, relay: RelayId) -> Result<Option<RelayLinkForm>, ApiError> {
    let links = state.fleet.links().await?;
    let own = links.iter().find(|own| own.relay == relay);
    Ok(own.map(|own| RelayLinkForm::new(&own.link)))
}

impl RelayLinkForm {
    pub(in crate::api) fn new(settings: &LinkSettings) -> Self {
        let hours = settings.quiet_hours.iter();
        Self {
            bandwidth_max: settings.bandwidth_max,
            quiet_hours: hours.map(ToString::to_string).collect(),
        }
    }

    fn settings(&self) -> Result<LinkSettings, ApiError> {
        if self.quiet_hours.len() > QUIET_HOURS_MAX {
            return Err(ApiError::field(
                "quietHours",
                format!("at most {QUIET_HOURS_MAX} spans"),
            ));
        }
        if self.bandwidth_max == Some(0) {
            return Err(ApiError::field(
                "bandwidthMax",
                "more than 0 bytes a second",
            ));
        }
        let hours = self.quiet_hours.iter().map(|text| {
            let wrong = |_| ApiError::field("quietHours", "spans of the day such as 22:00-06:00");
            text.parse::<QuietHours>().map_err(wrong)
        });
        Ok(LinkSettings {
            bandwidth_max: self.bandwidth_max,
            quiet_hours: hours.collect::<Result<_, ApiError>>()?,
        })
    }
}
