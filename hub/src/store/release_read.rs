//! What pages show of releases.
//!
//! Times are unix milliseconds.

use sqlx::{QueryBuilder, Sqlite};

use super::place::{Direction, Place};
use super::releases::MORE_NAMES;
use super::rows::{json_list, push_list};
use super::{Store, StoreError};

/// A release.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
#[expect(missing_docs, reason = "the columns of the table, described there")]
pub struct ReleaseRow {
    pub id: i64,
    pub version: String,
    pub created_at: i64,
    pub started_at: Option<i64>,
    pub released_at: Option<i64>,
    pub url: Option<String>,
    #[sqlx(rename = "ref")]
    pub reference: Option<String>,
    pub is_archived: bool,
}

const RELEASE: &str =
    "r.id, r.version, r.created_at, r.started_at, r.released_at, r.url, r.ref, r.is_archived";

/// A project of a release.
#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct ProjectOfRelease {
    /// The release.
    pub release_id: i64,
    /// The project.
    pub project_id: i64,
    /// The first event; of a release without any, when it was made.
    pub first_seen_at: i64,
    /// The last event; of a release without any, when it was made.
    pub last_seen_at: i64,
    /// Whether events name it.
    pub has_events: bool,
    /// Issues of the project that it was the first to have.
    pub new_issues: i64,
}

/// Which releases of an organization are meant.
#[derive(Clone, Debug, Default)]
pub struct ReleaseFilter {
    /// Of one of these projects; empty means nothing.
    pub projects: Vec<i64>,
    /// The version contains this, letters without case.
    pub text: String,
    /// Whether the archived ones are meant, or the others.
    pub is_archived: bool,
    /// Made at this time or later.
    pub from: Option<i64>,
    /// Made at this time or before.
    pub until: Option<i64>,
    /// Versions with a figure of each, none negative, for [`ReleaseSort::Figure`].
    pub figures: Vec<(String, i64)>,
}

/// What a list of releases is ordered by, the largest first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReleaseSort {
    /// When it came: released by people, else first seen in an event, else only made.
    #[default]
    Came,
    /// Its first event; those without any come last.
    FirstEvent,
    /// Issues that it was the first to have.
    NewIssues,
    /// The figure that the filter brings; those without one come last.
    Figure,
}

impl ReleaseSort {
    /// The value ordered by, over `r` and, of new issues and figures, over `b`.
    const fn value(self) -> &'static str {
        match self {
            Self::Came => {
                "COALESCE(r.released_at,
                          (SELECT MIN(f.first_seen_at) FROM release_projects f
                           WHERE f.release_id = r.id AND f.has_events), r.created_at)"
            }
            Self::FirstEvent => {
                "COALESCE((SELECT MIN(f.first_seen_at) FROM release_projects f
                           WHERE f.release_id = r.id AND f.has_events), 0)"
            }
            Self::NewIssues => "COALESCE(b.n, 0)",
            Self::Figure => "COALESCE(b.n, -1)",
        }
    }
}

/// A release and its value in the order of its list.
#[derive(sqlx::FromRow)]
struct Placed {
    #[sqlx(flatten)]
    release: ReleaseRow,
    place: i64,
}

impl Store {
    /// A release of an organization.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn release(
        &self,
        organization_id: i64,
        version: &str,
    ) -> Result<Option<ReleaseRow>, StoreError> {
        let sql = format!(
            "SELECT {RELEASE} FROM releases r WHERE r.organization_id = ?1 AND r.version = ?2"
        );
        Ok(sqlx::query_as(sqlx::AssertSqlSafe(sql))
            .bind(organization_id)
            .bind(version)
            .fetch_optional(self.reader())
            .await?)
    }

    /// Releases of an organization from a place on in their order, each with its place.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn release_page(
        &self,
        organization_id: i64,
        filter: &ReleaseFilter,
        sort: ReleaseSort,
        from: Option<(Place, Direction)>,
        limit: u32,
    ) -> Result<Vec<(Place, ReleaseRow)>, StoreError> {
        let value = sort.value();
        let mut sql: QueryBuilder<Sqlite> = QueryBuilder::new(format!(
            "SELECT {RELEASE}, {value} AS place FROM releases r"
        ));
        if sort == ReleaseSort::NewIssues {
            sql.push(
                " LEFT JOIN (SELECT i.first_release AS version, COUNT(*) AS n FROM issues i
                   WHERE i.status <= 2 AND i.first_release IS NOT NULL
                     AND i.project_id IN (SELECT value FROM json_each(",
            )
            .push_bind(json_list(&filter.projects))
            .push(")) GROUP BY i.first_release) b ON b.version = r.version");
        }
        if sort == ReleaseSort::Figure {
            sql.push(
                " LEFT JOIN (SELECT json_extract(value, '$[0]') AS version,
                                    json_extract(value, '$[1]') AS n FROM json_each(",
            )
            .push_bind(serde_json::json!(filter.figures).to_string())
            .push(")) b ON b.version = r.version");
        }
        sql.push(" WHERE r.organization_id = ")
            .push_bind(organization_id);
        sql.push(" AND r.version <> ").push_bind(MORE_NAMES);
        sql.push(" AND r.is_archived = ")
            .push_bind(filter.is_archived);
        sql.push(
            " AND EXISTS (SELECT 1 FROM release_projects p WHERE p.release_id = r.id
              AND p.project_id IN (SELECT value FROM json_each(",
        )
        .push_bind(json_list(&filter.projects))
        .push(")))");
        if !filter.text.is_empty() {
            sql.push(" AND instr(lower(r.version), ")
                .push_bind(filter.text.to_lowercase())
                .push(") > 0");
        }
        if let Some(from) = filter.from {
            sql.push(" AND r.created_at >= ").push_bind(from);
        }
        if let Some(until) = filter.until {
            sql.push(" AND r.created_at <= ").push_bind(until);
        }
        let direction = from.map_or(Direction::Onward, |(_, direction)| direction);
        let (sign, order) = match direction {
            Direction::Onward => ("<", "DESC"),
            Direction::Back => (">", "ASC"),
        };
        if let Some((place, _)) = from {
            sql.push(format_args!(" AND ({value}, r.id) {sign} ("))
                .push_bind(place.value)
                .push(", ")
                .push_bind(place.id)
                .push(")");
        }
        sql.push(format_args!(
            " ORDER BY {value} {order}, r.id {order} LIMIT "
        ))
        .push_bind(limit);
        let rows: Vec<Placed> = sql.build_query_as().fetch_all(self.reader()).await?;
        let placed = rows.into_iter().map(|Placed { release, place }| {
            let id = release.id;
            (Place { value: place, id }, release)
        });
        Ok(placed.collect())
    }

    /// The projects of these releases.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn projects_of_releases(
        &self,
        releases: &[i64],
    ) -> Result<Vec<ProjectOfRelease>, StoreError> {
        Ok(sqlx::query_as(
            "SELECT p.release_id, p.project_id, p.first_seen_at, p.last_seen_at, p.has_events,
                    (SELECT COUNT(*) FROM issues i WHERE i.project_id = p.project_id
                     AND i.first_release = r.version AND i.status <= 2) AS new_issues
             FROM release_projects p JOIN releases r ON r.id = p.release_id
             WHERE p.release_id IN (SELECT value FROM json_each(?1))
             ORDER BY p.release_id, p.project_id",
        )
        .bind(json_list(releases))
        .fetch_all(self.reader())
        .await?)
    }

    /// A project's releases up to one of them, which comes first, each older than the one before.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn releases_up_to(
        &self,
        project_id: i64,
        version: &str,
        limit: u32,
    ) -> Result<Vec<ReleaseRow>, StoreError> {
        let sql = format!(
            "SELECT {RELEASE} FROM release_projects p JOIN releases r ON r.id = p.release_id
             WHERE p.project_id = ?1 AND r.version <> ?4 AND (r.created_at, r.id) <= (
                 SELECT o.created_at, o.id FROM release_projects q
                 JOIN releases o ON o.id = q.release_id
                 WHERE q.project_id = ?1 AND o.version = ?2)
             ORDER BY r.created_at DESC, r.id DESC LIMIT ?3"
        );
        Ok(sqlx::query_as(sqlx::AssertSqlSafe(sql))
            .bind(project_id)
            .bind(version)
            .bind(limit)
            .bind(MORE_NAMES)
            .fetch_all(self.reader())
            .await?)
    }

    /// When each of these releases was made: (version, when).
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn release_dates(
        &self,
        organization_id: i64,
        versions: &[String],
    ) -> Result<Vec<(String, i64)>, StoreError> {
        if versions.is_empty() {
            return Ok(Vec::new());
        }
        let mut sql =
            QueryBuilder::new("SELECT version, created_at FROM releases WHERE organization_id = ");
        sql.push_bind(organization_id).push(" AND version IN ");
        push_list(&mut sql, versions.iter().cloned());
        Ok(sql.build_query_as().fetch_all(self.reader()).await?)
    }
}
