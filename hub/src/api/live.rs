//! Live updates: which issues were touched, as server-sent events.
//!
//! Changes are gathered for [`GATHER`] and sent as one event, so that a storm of errors is a few
//! small messages. A reader that falls behind is told to read anew (`reset`) instead of being sent
//! what it missed.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use tokio::io::AsyncWriteExt as _;
use tokio::sync::broadcast::{self, error::RecvError};
use tokio_util::io::ReaderStream;
use utoipa::ToSchema;

use super::ApiState;
use super::caller::Caller;
use super::error::ApiError;
use super::input::At;
use super::types::OrganizationPath;
use crate::access::Scope;
use crate::digest::Changed;

/// How long changes are gathered.
const GATHER: Duration = Duration::from_millis(500);
/// A line is sent at least this often, so that proxies keep the connection.
const KEEP_ALIVE: Duration = Duration::from_secs(20);
/// Issues named in one event; more are a `reset`.
const ISSUES_MAX: usize = 500;

/// Streams open at the same time.
pub(super) const STREAMS_MAX: usize = 200;
/// What a slow reader may leave unread, in bytes.
const PIPE_BYTES: usize = 16 * 1024;

/// An issue that a person changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct IssueTouched {
    /// Its project.
    pub(super) project: i64,
    /// The issue.
    pub(super) issue: i64,
}

/// The data of an `issues` event.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Touched {
    /// Ids of the issues.
    issues: Vec<String>,
}

/// Issues as they are touched: `event: issues`, or `event: reset` when too much was missed.
#[utoipa::path(get, path = "/api/0/organizations/{organization}/issues/live/", tag = "issues",
    params(OrganizationPath),
    responses((status = 200, body = Touched, content_type = "text/event-stream")))]
pub(super) async fn stream(
    State(state): State<ApiState>,
    caller: Caller,
    At(path): At<OrganizationPath>,
) -> Result<Response, ApiError> {
    let organization = state
        .organization(&caller, &path.organization, Scope::EventRead)
        .await?;
    let projects = state.store.projects(organization.id).await?;
    let turn = Arc::clone(&state.0.streams).try_acquire_owned();
    let turn = turn.map_err(|_| ApiError::unavailable("Too many pages are open."))?;
    let mut reader = Reader {
        digested: state.digest.subscribe(),
        touched: state.0.touched.subscribe(),
        projects: projects.into_iter().map(|project| project.id).collect(),
    };
    let cancel = state.cancel.clone();
    let (mut pipe, body) = tokio::io::duplex(PIPE_BYTES);
    state.tracker.spawn(async move {
        let _turn = turn;
        let mut text = "retry: 2000\n\n".to_owned();
        // Ends when the hub stops, or when nobody reads any more.
        while pipe.write_all(text.as_bytes()).await.is_ok() {
            text = tokio::select! {
                () = cancel.cancelled() => break,
                next = reader.gather() => match next {
                    Some(next) => next,
                    None => break,
                },
            };
        }
    });
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    Ok((headers, Body::from_stream(ReaderStream::new(body))).into_response())
}

struct Reader {
    digested: broadcast::Receiver<Changed>,
    touched: broadcast::Receiver<IssueTouched>,
    projects: BTreeSet<i64>,
}

impl Reader {
    /// The next event as text, or nothing when there will be none.
    async fn gather(&mut self) -> Option<String> {
        let mut issues = BTreeSet::new();
        let mut missed = false;
        let keep_alive = tokio::time::sleep(KEEP_ALIVE);
        tokio::pin!(keep_alive);
        while issues.is_empty() && !missed {
            tokio::select! {
                () = &mut keep_alive => return Some(":\n\n".to_owned()),
                touched = self.touched() => self.take(&touched, &mut issues, &mut missed)?,
            }
        }
        let gathered = tokio::time::sleep(GATHER);
        tokio::pin!(gathered);
        loop {
            tokio::select! {
                () = &mut gathered => break,
                touched = self.touched() => {
                    if self.take(&touched, &mut issues, &mut missed).is_none() {
                        break;
                    }
                }
            }
        }
        if missed || issues.len() > ISSUES_MAX {
            return Some("event: reset\ndata: {}\n\n".to_owned());
        }
        let issues = issues.iter().map(ToString::to_string).collect();
        let data = serde_json::to_string(&Touched { issues }).ok()?;
        Some(format!("event: issues\ndata: {data}\n\n"))
    }

    /// The next change, by the digest or by a person.
    async fn touched(&mut self) -> Result<IssueTouched, RecvError> {
        tokio::select! {
            changed = self.digested.recv() => changed.map(|changed| IssueTouched {
                project: changed.project.as_i64(),
                issue: changed.issue,
            }),
            touched = self.touched.recv() => touched,
        }
    }

    /// Notes a change; `None` when there will be no more.
    fn take(
        &self,
        touched: &Result<IssueTouched, RecvError>,
        issues: &mut BTreeSet<i64>,
        missed: &mut bool,
    ) -> Option<()> {
        match touched {
            Ok(touched) if self.projects.contains(&touched.project) => {
                issues.insert(touched.issue);
            }
            Ok(_) => {}
            Err(RecvError::Lagged(_)) => *missed = true,
            Err(RecvError::Closed) => return None,
        }
        Some(())
    }
}
