//! Deleting issues and projects: hidden at once, gone in the background.

use crate::api::error::ApiError;
use crate::api::{ApiState, audit};
use crate::audit as deed;
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
    let store = state.store.clone();
    let cancel = state.cancel.clone();
    state.tracker.spawn(async move {
        for id in ids {
            loop {
                if cancel.is_cancelled() {
                    return;
                }
                match store.delete_issue_portion(id).await {
                    Ok(true) => break,
                    Ok(false) => {}
                    Err(error) => {
                        tracing::warn!(%error, issue.id = id, "issue is not deleted yet");
                        return;
                    }
                }
            }
        }
    });
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
        for id in ids {
            while !store.delete_issue_portion(id).await? {}
        }
        let mut write = store.begin().await?;
        write.remove_project(project).await?;
        write.commit().await
    });
    Ok(deletion.await.map_err(ApiError::internal)??)
}
