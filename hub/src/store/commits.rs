//! Commits, as those who make releases tell of them, and which issues they put right.
//!
//! Times are unix milliseconds.

use protocol::timestamp::Timestamp;

use super::releases::MORE_NAMES;
use super::rows::json_list;
use super::{Store, StoreError, Write};
use crate::owner::SUSPECT_RELEASES_MAX;

/// Repositories of an organization that are shown.
const REPOSITORIES_MAX: i64 = 1000;
/// Commits of a release, or of a repository, that are shown.
const COMMITS_MAX: i64 = 1000;
/// Files of the commits that are suspected at once.
const FILES_MAX: i64 = 10_000;
/// Sentry's activity type of a resolution in a release.
const RESOLVED_IN_RELEASE: i64 = 13;
/// Sentry's activity type of a resolution in a commit.
const RESOLVED_IN_COMMIT: i64 = 16;

/// A repository.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
#[expect(missing_docs, reason = "the columns of the table, described there")]
pub struct Repository {
    pub id: i64,
    pub name: String,
    pub created_at: i64,
}

/// A commit.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
#[expect(missing_docs, reason = "the columns of the table, described there")]
pub struct Commit {
    pub id: i64,
    pub repository: String,
    pub sha: String,
    pub message: String,
    pub author_name: String,
    pub author_email: String,
    pub committed_at: i64,
}

/// A file that a commit touched.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
#[expect(missing_docs, reason = "the columns of the table, described there")]
pub struct CommitFile {
    pub commit_id: i64,
    pub path: String,
    /// `A`, `M` or `D`.
    pub kind: String,
}

/// A commit as it is told of.
#[derive(Clone, Copy, Debug)]
#[expect(missing_docs, reason = "the columns of the table, described there")]
pub struct NewCommit<'a> {
    pub repository_id: i64,
    pub sha: &'a str,
    pub message: &'a str,
    pub author_name: &'a str,
    pub author_email: &'a str,
    pub committed_at: i64,
}

/// A file that a commit touched which may have brought an issue.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
#[expect(missing_docs, reason = "the columns of the table, described there")]
pub struct TouchedFile {
    pub commit_id: i64,
    pub sha: String,
    pub author_email: String,
    pub path: String,
}

const COMMIT: &str =
    "c.id, o.name AS repository, c.sha, c.message, c.author_name, c.author_email, c.committed_at";

impl Store {
    /// The repositories of an organization, by name.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn repositories(&self, organization_id: i64) -> Result<Vec<Repository>, StoreError> {
        Ok(sqlx::query_as(
            "SELECT id, name, created_at FROM repositories WHERE organization_id = ?1
             ORDER BY name LIMIT ?2",
        )
        .bind(organization_id)
        .bind(REPOSITORIES_MAX)
        .fetch_all(self.reader())
        .await?)
    }

    /// The commits of a repository, the latest first.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn commits_of_repository(&self, id: i64) -> Result<Vec<Commit>, StoreError> {
        let sql = format!(
            "SELECT {COMMIT} FROM commits c JOIN repositories o ON o.id = c.repository_id
             WHERE c.repository_id = ?1 ORDER BY c.committed_at DESC, c.id DESC LIMIT ?2"
        );
        Ok(sqlx::query_as(sqlx::AssertSqlSafe(sql))
            .bind(id)
            .bind(COMMITS_MAX)
            .fetch_all(self.reader())
            .await?)
    }

    /// The commits of these releases, the latest of each first.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn commits_of_releases(&self, releases: &[i64]) -> Result<Vec<Commit>, StoreError> {
        let sql = format!(
            "SELECT {COMMIT} FROM release_commits x JOIN commits c ON c.id = x.commit_id
             JOIN repositories o ON o.id = c.repository_id
             WHERE x.release_id IN (SELECT value FROM json_each(?1))
             ORDER BY x.release_id DESC, x.place LIMIT ?2"
        );
        Ok(sqlx::query_as(sqlx::AssertSqlSafe(sql))
            .bind(json_list(releases))
            .bind(COMMITS_MAX)
            .fetch_all(self.reader())
            .await?)
    }

    /// The latest commit of each of these releases that has one, and how many it has.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn last_commits(
        &self,
        releases: &[i64],
    ) -> Result<Vec<(i64, i64, Commit)>, StoreError> {
        #[derive(sqlx::FromRow)]
        struct Last {
            release_id: i64,
            n: i64,
            #[sqlx(flatten)]
            commit: Commit,
        }
        let sql = format!(
            "SELECT x.release_id, {COMMIT}, (SELECT COUNT(*) FROM release_commits a
                 WHERE a.release_id = x.release_id) AS n
             FROM release_commits x JOIN commits c ON c.id = x.commit_id
             JOIN repositories o ON o.id = c.repository_id
             WHERE x.place = 0 AND x.release_id IN (SELECT value FROM json_each(?1))"
        );
        let rows: Vec<Last> = sqlx::query_as(sqlx::AssertSqlSafe(sql))
            .bind(json_list(releases))
            .fetch_all(self.reader())
            .await?;
        let rows = rows.into_iter();
        Ok(rows
            .map(|row| (row.release_id, row.n, row.commit))
            .collect())
    }

    /// The release that was made last before one and has commits.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn release_with_commits_before(
        &self,
        organization_id: i64,
        version: &str,
    ) -> Result<Option<String>, StoreError> {
        Ok(sqlx::query_scalar(
            "SELECT r.version FROM releases r
             WHERE r.organization_id = ?1 AND (r.created_at, r.id) < (
                 SELECT o.created_at, o.id FROM releases o
                 WHERE o.organization_id = ?1 AND o.version = ?2)
               AND EXISTS (SELECT 1 FROM release_commits x WHERE x.release_id = r.id)
               AND EXISTS (SELECT 1 FROM release_projects p WHERE p.release_id = r.id
                   AND p.project_id IN (SELECT q.project_id FROM release_projects q
                       JOIN releases o ON o.id = q.release_id
                       WHERE o.organization_id = ?1 AND o.version = ?2))
             ORDER BY r.created_at DESC, r.id DESC LIMIT 1",
        )
        .bind(organization_id)
        .bind(version)
        .fetch_optional(self.reader())
        .await?)
    }

    /// The files of these commits.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn files_of_commits(&self, commits: &[i64]) -> Result<Vec<CommitFile>, StoreError> {
        Ok(sqlx::query_as(
            "SELECT commit_id, path, kind FROM commit_files
             WHERE commit_id IN (SELECT value FROM json_each(?1))
             ORDER BY commit_id DESC, path LIMIT ?2",
        )
        .bind(json_list(commits))
        .bind(FILES_MAX)
        .fetch_all(self.reader())
        .await?)
    }

    /// The first release of a project that has a commit, by its hash and, where given, its
    /// repository's name.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn release_of_commit(
        &self,
        project_id: i64,
        sha: &str,
        repository: Option<&str>,
    ) -> Result<Option<String>, StoreError> {
        Ok(sqlx::query_scalar(
            "SELECT r.version FROM commits c
             JOIN repositories o ON o.id = c.repository_id
             JOIN release_commits x ON x.commit_id = c.id
             JOIN release_projects p ON p.release_id = x.release_id AND p.project_id = ?1
             JOIN releases r ON r.id = x.release_id
             WHERE c.sha = ?2 AND (?3 IS NULL OR o.name = ?3)
             ORDER BY r.created_at, r.id LIMIT 1",
        )
        .bind(project_id)
        .bind(sha)
        .bind(repository)
        .fetch_optional(self.reader())
        .await?)
    }
}

impl Write {
    /// The repository of a name, made where there is none.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn put_repository(
        &mut self,
        organization_id: i64,
        name: &str,
        now: i64,
    ) -> Result<i64, StoreError> {
        Ok(sqlx::query_scalar(
            "INSERT INTO repositories (organization_id, name, created_at) VALUES (?1, ?2, ?3)
             ON CONFLICT (organization_id, name) DO UPDATE SET name = excluded.name RETURNING id",
        )
        .bind(organization_id)
        .bind(name)
        .bind(now)
        .fetch_one(self.connection())
        .await?)
    }

    /// Notes a commit, or what more is known of it than before; answers its id.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn put_commit(&mut self, commit: NewCommit<'_>) -> Result<i64, StoreError> {
        // Who names a commit by its hash alone takes nothing from who has described it.
        Ok(sqlx::query_scalar(
            "INSERT INTO commits
                 (repository_id, sha, message, author_name, author_email, committed_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT (repository_id, sha) DO UPDATE SET
                 message = CASE WHEN excluded.message = '' THEN message
                     ELSE excluded.message END,
                 author_name = CASE WHEN excluded.author_name = '' THEN author_name
                     ELSE excluded.author_name END,
                 author_email = CASE WHEN excluded.author_email = '' THEN author_email
                     ELSE excluded.author_email END,
                 committed_at = CASE WHEN excluded.message = '' THEN committed_at
                     ELSE excluded.committed_at END
             RETURNING id",
        )
        .bind(commit.repository_id)
        .bind(commit.sha)
        .bind(commit.message)
        .bind(commit.author_name)
        .bind(commit.author_email)
        .bind(commit.committed_at)
        .fetch_one(self.connection())
        .await?)
    }

    /// Notes which files a commit touched, each with how: `A` added it, `M` changed it, `D` removed
    /// it.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn put_commit_files(
        &mut self,
        commit_id: i64,
        files: &[(&str, &str)],
    ) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO commit_files (commit_id, path, kind)
             SELECT ?1, value ->> 0, value ->> 1 FROM json_each(?2) WHERE TRUE
             ON CONFLICT (commit_id, path) DO UPDATE SET kind = excluded.kind",
        )
        .bind(commit_id)
        .bind(serde_json::to_string(files).unwrap_or_default())
        .execute(self.connection())
        .await?;
        Ok(())
    }

    /// Sets which commits a release is made of, the latest first.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn set_release_commits(
        &mut self,
        release_id: i64,
        commits: &[i64],
    ) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM release_commits WHERE release_id = ?1")
            .bind(release_id)
            .execute(self.connection())
            .await?;
        sqlx::query(
            "INSERT INTO release_commits (release_id, place, commit_id)
             SELECT ?1, key, value FROM json_each(?2)",
        )
        .bind(release_id)
        .bind(json_list(commits))
        .execute(self.connection())
        .await?;
        Ok(())
    }

    /// What the commits touched that are no older than `since`, of the release that had an issue
    /// first and of a few before: the latest first.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn touched_before(
        &mut self,
        project_id: i64,
        issue: i64,
        since: i64,
    ) -> Result<Vec<TouchedFile>, StoreError> {
        Ok(sqlx::query_as(
            "SELECT c.id AS commit_id, c.sha, c.author_email, f.path
             FROM (SELECT r.id FROM release_projects p JOIN releases r ON r.id = p.release_id
                 WHERE p.project_id = ?1 AND r.version <> ?3 AND (r.created_at, r.id) <= (
                     SELECT o.created_at, o.id FROM release_projects q
                     JOIN releases o ON o.id = q.release_id
                     JOIN issues i ON i.first_release = o.version
                     WHERE q.project_id = ?1 AND i.id = ?2)
                 ORDER BY r.created_at DESC, r.id DESC LIMIT ?4) AS near
             JOIN release_commits x ON x.release_id = near.id
             JOIN commits c ON c.id = x.commit_id
             JOIN commit_files f ON f.commit_id = c.id
             WHERE c.committed_at > ?5
             ORDER BY x.release_id DESC, x.place, f.path LIMIT ?6",
        )
        .bind(project_id)
        .bind(issue)
        .bind(MORE_NAMES)
        .bind(SUSPECT_RELEASES_MAX)
        .bind(since)
        .bind(FILES_MAX)
        .fetch_all(self.connection())
        .await?)
    }

    /// Has the issues that were resolved in a commit of this release be resolved in the release;
    /// answers which, each with its project.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn release_resolutions(
        &mut self,
        release_id: i64,
        version: &str,
        now: Timestamp,
    ) -> Result<Vec<(i64, i64)>, StoreError> {
        // The index on the commit's hash holds only the issues that name one.
        let rows: Vec<(i64, i64, String)> = sqlx::query_as(
            "SELECT DISTINCT i.id, i.project_id, c.sha FROM release_commits x
             JOIN commits c ON c.id = x.commit_id
             JOIN repositories o ON o.id = c.repository_id
             JOIN issues i ON json_extract(i.status_details, '$.inCommit.commit') = c.sha
             JOIN release_projects p ON p.release_id = x.release_id
                 AND p.project_id = i.project_id
             WHERE x.release_id = ?1 AND i.status = 1
               AND json_extract(i.status_details, '$.inCommit.commit') IS NOT NULL
               AND json_extract(i.status_details, '$.inRelease') IS NULL
               AND COALESCE(json_extract(i.status_details, '$.inCommit.repository'), o.name)
                   = o.name",
        )
        .bind(release_id)
        .fetch_all(self.connection())
        .await?;
        let mut issues = Vec::with_capacity(rows.len());
        for (issue, project, sha) in rows {
            sqlx::query(
                "UPDATE issues SET status_details =
                     json_set(status_details, '$.inRelease', ?2) WHERE id = ?1",
            )
            .bind(issue)
            .bind(version)
            .execute(self.connection())
            .await?;
            let data = serde_json::json!({ "version": version, "commit": sha }).to_string();
            self.add_activity(issue, RESOLVED_IN_RELEASE, &data, now)
                .await?;
            issues.push((issue, project));
        }
        Ok(issues)
    }

    /// Resolves an issue of a project that a commit's message says is put right, unless it is
    /// resolved; answers its id when it was not.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn resolve_by_message(
        &mut self,
        project_id: i64,
        short_id: i64,
        details: &str,
        now: Timestamp,
    ) -> Result<Option<i64>, StoreError> {
        let issue: Option<i64> = sqlx::query_scalar(
            "UPDATE issues SET status = 1, substatus = NULL, status_details = ?3, resolved_at = ?4
             WHERE project_id = ?1 AND short_id = ?2 AND status IN (0, 2) RETURNING id",
        )
        .bind(project_id)
        .bind(short_id)
        .bind(details)
        .bind(now.as_millis())
        .fetch_optional(self.connection())
        .await?;
        if let Some(issue) = issue {
            self.add_activity(issue, RESOLVED_IN_COMMIT, details, now)
                .await?;
        }
        Ok(issue)
    }
}
