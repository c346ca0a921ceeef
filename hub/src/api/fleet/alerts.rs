//! Whom to tell of trouble with relays.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::super::ApiState;
use super::super::caller::Caller;
use super::super::error::ApiError;
use super::super::input::Input;
use super::super::rules::RuleAction;
use crate::access::Scope;
use crate::audit;
use crate::fleet::{ConditionKind, FleetAlerts};
use crate::rule;

/// Whom to tell, and of what.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub(in crate::api) struct Alerts {
    /// Where to; none tells nobody.
    actions: Vec<RuleAction>,
    /// `dark`, `behind`, `unbalanced`, `failing_disk`, `cloned`, `incompatible`; none is all of them.
    kinds: Vec<String>,
}

/// Whom relays' troubles are told to.
#[utoipa::path(get, path = "/api/0/vedette/fleet-alerts/", tag = "fleet",
    responses((status = 200, body = Alerts)))]
pub(in crate::api) async fn alerts(
    State(state): State<ApiState>,
    caller: Caller,
) -> Result<Json<Alerts>, ApiError> {
    caller.anywhere(Scope::OrgWrite)?;
    let alerts = state.fleet.alerts().await?;
    Ok(Json(Alerts::from(alerts)))
}

/// Changes whom relays' troubles are told to.
#[utoipa::path(put, path = "/api/0/vedette/fleet-alerts/", tag = "fleet",
    request_body = Alerts, responses((status = 200, body = Alerts)))]
pub(in crate::api) async fn set_alerts(
    State(state): State<ApiState>,
    caller: Caller,
    Input(wish): Input<Alerts>,
) -> Result<Json<Alerts>, ApiError> {
    caller.anywhere(Scope::OrgWrite)?;
    let mut kinds = Vec::with_capacity(wish.kinds.len());
    for name in &wish.kinds {
        let kind = ConditionKind::from_name(name);
        let names = ConditionKind::ALL.map(ConditionKind::name).join(", ");
        kinds.push(kind.ok_or_else(|| ApiError::field("kinds", format!("any of {names}")))?);
    }
    let actions = wish.actions.into_iter().map(rule::Action::from);
    let alerts = FleetAlerts {
        actions: actions.collect(),
        kinds,
    };
    let checked = alerts.check();
    checked.map_err(|error| ApiError::field("actions", error.to_string()))?;
    let before = Alerts::from(state.fleet.alerts().await?);
    audit::changed(&before, &Alerts::from(alerts.clone()));
    state.fleet.set_alerts(&alerts).await?;
    Ok(Json(Alerts::from(alerts)))
}

impl From<FleetAlerts> for Alerts {
    fn from(alerts: FleetAlerts) -> Self {
        let kinds = alerts.kinds.into_iter();
        Self {
            actions: alerts.actions.into_iter().map(RuleAction::from).collect(),
            kinds: kinds.map(|kind| kind.name().to_owned()).collect(),
        }
    }
}
