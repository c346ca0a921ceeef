//! Deleting issues and projects: hidden at once, gone in the background.

use super::STEP;
use crate::api::error::ApiError;
use crate::api::{ApiState, audit};
use crate::audit as deed;
use crate::store::StoreError;
use crate::store::issue_read::IssueRow;
use crate::store::projects::Project;

/// Hides issues at once, tells who must know, and deletes their rows in the background.
pub(super) async fn delete(
    state: &ApiState,
    projects: &[Project],
    rows: &[IssueRow],
) -> Result<(), ApiError> {
    let ids: Vec<i64> = rows.iter().map(|row| row.id).collect();
    if ids.is_empty() {
        deed::nothing();
        return Ok(());
    }
    let mut write = state.store.begin().await?;
    write.hide_issues(&ids).await?;
    audit::issues(projects, rows);
    write.commit().await?;
    state.index.remove_issues(ids.clone()).await?;
    delete_in_background(state, ids);
    Ok(())
}

/// Deletes the rows of hidden issues, a portion at a time. What is left when the hub stops is
/// found again by [`ApiState::resume_deletions`].
pub(in crate::api) fn delete_in_background(state: &ApiState, ids: Vec<i64>) {
    let state = state.clone();
    state.tracker.clone().spawn(async move {
        if let Err(error) = delete_rows(&state, &ids).await {
            tracing::warn!(%error, "issues are not deleted yet");
        }
    });
}

/// The same, for who waits for it.
pub(in crate::api) async fn delete_rows(state: &ApiState, ids: &[i64]) -> Result<(), StoreError> {
    for ids in ids.chunks(STEP) {
        while !state.cancel.is_cancelled() && !state.store.delete_issues_portion(ids).await? {}
    }
    Ok(())
}

/// Deletes a project: its keys stop at once, its issues go, then the project itself.
pub(in crate::api) async fn delete_project(state: &ApiState, project: i64) -> Result<(), ApiError> {
    let mut write = state.store.begin().await?;
    let ids = write.hide_issues_of(project).await?;
    for key in state.store.project_keys(project).await? {
        write.remove_project_key(&key.public_key).await?;
    }
    write.commit().await?;
    state.index.remove_issues(ids.clone()).await?;
    state.fleet.refresh().await?;
    let store = state.store.clone();
    // A task of its own, so that it goes on when the caller does not wait.
    let deletion = state.tracker.spawn(async move {
        for ids in ids.chunks(STEP) {
            while !store.delete_issues_portion(ids).await? {}
        }
        let mut write = store.begin().await?;
        write.remove_project(project).await?;
        write.commit().await
    });
    Ok(deletion.await.map_err(ApiError::internal)??)
}
