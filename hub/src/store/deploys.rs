//! Where releases were deployed.
//!
//! Times are unix milliseconds.

use super::rows::json_list;
use super::{Store, StoreError, Write};

/// Deploys of a release that are shown.
const DEPLOYS_MAX: i64 = 100;

/// A deploy.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
#[expect(missing_docs, reason = "the columns of the table, described there")]
pub struct Deploy {
    pub id: i64,
    pub release_id: i64,
    pub environment: String,
    pub name: String,
    pub url: Option<String>,
    pub started_at: Option<i64>,
    pub finished_at: i64,
}

/// A deploy to be noted.
#[derive(Clone, Copy, Debug)]
#[expect(missing_docs, reason = "the columns of the table, described there")]
pub struct NewDeploy<'a> {
    pub release_id: i64,
    pub environment: &'a str,
    pub name: &'a str,
    pub url: Option<&'a str>,
    pub started_at: Option<i64>,
    pub finished_at: i64,
}

const DEPLOY: &str = "id, release_id, environment, name, url, started_at, finished_at";

impl Store {
    /// The deploys of a release, the latest first.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn deploys(&self, release_id: i64) -> Result<Vec<Deploy>, StoreError> {
        let sql = format!(
            "SELECT {DEPLOY} FROM deploys WHERE release_id = ?1
             ORDER BY finished_at DESC, id DESC LIMIT ?2"
        );
        Ok(sqlx::query_as(sqlx::AssertSqlSafe(sql))
            .bind(release_id)
            .bind(DEPLOYS_MAX)
            .fetch_all(self.reader())
            .await?)
    }

    /// How many deploys each of these releases has, and the latest of them.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn last_deploys(&self, releases: &[i64]) -> Result<Vec<(i64, Deploy)>, StoreError> {
        #[derive(sqlx::FromRow)]
        struct Counted {
            n: i64,
            #[sqlx(flatten)]
            deploy: Deploy,
        }
        let sql = format!(
            "SELECT {DEPLOY}, n FROM (
                 SELECT *, COUNT(*) OVER (PARTITION BY release_id) AS n, ROW_NUMBER() OVER (
                     PARTITION BY release_id ORDER BY finished_at DESC, id DESC) AS place
                 FROM deploys WHERE release_id IN (SELECT value FROM json_each(?1)))
             WHERE place = 1"
        );
        let rows: Vec<Counted> = sqlx::query_as(sqlx::AssertSqlSafe(sql))
            .bind(json_list(releases))
            .fetch_all(self.reader())
            .await?;
        Ok(rows.into_iter().map(|row| (row.n, row.deploy)).collect())
    }
}

impl Write {
    /// Notes a deploy.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn add_deploy(&mut self, deploy: NewDeploy<'_>) -> Result<Deploy, StoreError> {
        let sql = format!(
            "INSERT INTO deploys (release_id, environment, name, url, started_at, finished_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6) RETURNING {DEPLOY}"
        );
        Ok(sqlx::query_as(sqlx::AssertSqlSafe(sql))
            .bind(deploy.release_id)
            .bind(deploy.environment)
            .bind(deploy.name)
            .bind(deploy.url)
            .bind(deploy.started_at)
            .bind(deploy.finished_at)
            .fetch_one(self.connection())
            .await?)
    }
}
