//! Which tables there are, and which programs can work with them.
//!
//! Programs are upgraded and set back in any order. A later program's tables are worked with as long
//! as what it changed only adds; how old a program may be is written in the tables themselves, in
//! `tables_need`.

use sqlx::SqlitePool;
use sqlx::migrate::Migrator;

use super::StoreError;

/// All changes of the tables that this program knows.
fn migrator() -> Migrator {
    sqlx::migrate!("./migrations/sqlite")
}

/// Makes what is missing.
///
/// # Errors
/// [`StoreError::LaterTables`] when they are of a later program that this one cannot stand in for;
/// nothing is changed then.
pub(super) async fn bring_up_to_date(writer: &SqlitePool) -> Result<(), StoreError> {
    let mut migrator = migrator();
    let known = migrator.iter().map(|one| one.version).max().unwrap_or(0);
    let needed = needed(writer).await?.unwrap_or(0);
    if needed > known {
        return Err(StoreError::LaterTables { needed, known });
    }
    // What this program does not know of only adds to what it knows.
    migrator.set_ignore_missing(true);
    Ok(migrator.run(writer).await?)
}

/// What the tables say; nothing when they are new, or older than the saying.
async fn needed(writer: &SqlitePool) -> Result<Option<i64>, StoreError> {
    let sql = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'tables_need'";
    let says = sqlx::query_scalar::<_, i64>(sql)
        .fetch_optional(writer)
        .await?;
    if says.is_none() {
        return Ok(None);
    }
    let sql = "SELECT MAX(version) FROM tables_need";
    Ok(sqlx::query_scalar(sql).fetch_one(writer).await?)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::store::Store;

    /// Does to a database what a later program would.
    async fn change(path: &Path, sql: &'static str) {
        let store = Store::open(path).await.unwrap();
        sqlx::raw_sql(sql).execute(&store.writer).await.unwrap();
        store.close().await;
    }

    #[tokio::test]
    async fn a_program_works_with_what_a_later_one_added_and_refuses_what_it_cannot_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("hub.db");
        change(
            &path,
            "CREATE TABLE later (id INTEGER);
             INSERT INTO _sqlx_migrations
                 (version, description, success, checksum, execution_time)
                 VALUES (9001, 'later', TRUE, x'00', 0);",
        )
        .await;
        change(&path, "UPDATE tables_need SET version = 9001").await;
        let refused = Store::open(&path).await.err().unwrap();
        let text = refused.to_string();
        assert!(
            matches!(refused, StoreError::LaterTables { needed: 9001, .. })
                && text.contains("9001"),
            "{text}"
        );
    }

    /// Words with which a change takes away or renames what an older program reads, or wants what
    /// it does not write.
    const BREAKING: [&str; 4] = ["DROP TABLE", "DROP COLUMN", "RENAME", "CREATE UNIQUE INDEX"];

    #[test]
    fn what_an_older_program_cannot_work_with_says_so() {
        for one in migrator().iter().filter(|one| one.version > 86) {
            let sql = one.sql.as_str().to_uppercase();
            let added = sql.split("ADD COLUMN").skip(1);
            let wants = |column: &str| {
                let column = column.split([';', ',']).next().unwrap_or_default();
                column.contains("NOT NULL") && !column.contains("DEFAULT")
            };
            let is_breaking =
                BREAKING.iter().any(|word| sql.contains(word)) || added.into_iter().any(wants);
            let says = format!("TABLES_NEED SET VERSION = {}", one.version);
            assert!(
                !is_breaking || sql.contains(&says),
                "migration {} breaks older programs: {says}, or only add",
                one.version
            );
        }
    }
}
