//! The audit log: who changed what. It is appended to, and goes from its beginning when too old.

use protocol::timestamp::Timestamp;
use sqlx::{QueryBuilder, Sqlite};

use super::place::{Direction, Place};
use super::{Store, StoreError, Write};
use crate::audit::chain::{self, Anchor, Broken, Check, Hash, Link};
use crate::audit::{Entry, Target};

/// Entries read at once where all are gone through.
const PORTION: i64 = 1000;

/// Which entries of an organization are meant. What is `None` is any.
#[derive(Clone, Debug, Default)]
pub struct AuditFilter {
    /// The organization.
    pub organization: i64,
    /// What was done.
    pub action: Option<String>,
    /// Who did it.
    pub actor: Option<i64>,
    /// A part of the target's id or name, or all of its kind.
    pub target: Option<String>,
    /// Not before.
    pub start: Option<Timestamp>,
    /// Before.
    pub end: Option<Timestamp>,
}

/// The whole chain, as it is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// The entries that are there.
    pub entries: u64,
    /// The last one; written down elsewhere, it tells whether the end is cut off later.
    pub last: Anchor,
}

#[derive(sqlx::FromRow)]
struct Row {
    id: i64,
    at: i64,
    organization_id: Option<i64>,
    actor_id: Option<i64>,
    actor_name: String,
    token_id: Option<i64>,
    token_name: String,
    address: String,
    action: String,
    target_kind: String,
    target_id: String,
    target_name: String,
    data: String,
    hash: Vec<u8>,
}

impl From<Row> for Link {
    fn from(row: Row) -> Self {
        Self {
            id: row.id,
            entry: Entry {
                at: Timestamp::from_millis(row.at),
                organization: row.organization_id,
                actor: row.actor_id,
                actor_name: row.actor_name,
                token: row.token_id,
                token_name: row.token_name,
                address: row.address,
                action: row.action,
                target: Target {
                    kind: row.target_kind,
                    id: row.target_id,
                    name: row.target_name,
                },
                data: row.data,
            },
            // A hash of another length is no entry's.
            hash: row.hash.try_into().unwrap_or_default(),
        }
    }
}

impl Write {
    /// Appends an entry.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn append_audit(&mut self, entry: &Entry) -> Result<(), StoreError> {
        let (last, before): (i64, Vec<u8>) = sqlx::query_as(
            "SELECT id, hash FROM audit_log UNION ALL SELECT id, hash FROM audit_anchor
             ORDER BY id DESC LIMIT 1",
        )
        .fetch_one(self.connection())
        .await?;
        let before: Hash = before.try_into().map_err(|_| StoreError::Unreadable {
            what: "hash of the audit log",
        })?;
        let id = last.saturating_add(1);
        sqlx::query(
            "INSERT INTO audit_log (id, at, organization_id, actor_id, actor_name, token_id,
                 token_name, address, action, target_kind, target_id, target_name, data, hash)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
        )
        .bind(id)
        .bind(entry.at.as_millis())
        .bind(entry.organization)
        .bind(entry.actor)
        .bind(&entry.actor_name)
        .bind(entry.token)
        .bind(&entry.token_name)
        .bind(&entry.address)
        .bind(&entry.action)
        .bind(&entry.target.kind)
        .bind(&entry.target.id)
        .bind(&entry.target.name)
        .bind(&entry.data)
        .bind(chain::hash(&before, id, entry).as_slice())
        .execute(self.connection())
        .await?;
        Ok(())
    }

    /// Removes the entries before a time, at most so many; an entry says so. Gives how many went.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn trim_audit(
        &mut self,
        before: Timestamp,
        now: Timestamp,
        max: u32,
    ) -> Result<u64, StoreError> {
        let last: Option<(i64, Vec<u8>)> = sqlx::query_as(
            "SELECT id, hash FROM audit_log
             WHERE id < COALESCE(
                     (SELECT MIN(id) FROM audit_log WHERE at >= ?1),
                     (SELECT MAX(id) + 1 FROM audit_log))
               AND id <= (SELECT id FROM audit_anchor) + ?2
             ORDER BY id DESC LIMIT 1",
        )
        .bind(before.as_millis())
        .bind(i64::from(max))
        .fetch_optional(self.connection())
        .await?;
        let Some((id, hash)) = last else {
            return Ok(0);
        };
        let hash: Hash = hash.try_into().map_err(|_| StoreError::Unreadable {
            what: "hash of the audit log",
        })?;
        self.append_audit(&Entry {
            at: now,
            organization: None,
            actor: None,
            actor_name: "retention".to_owned(),
            token: None,
            token_name: String::new(),
            address: String::new(),
            action: chain::TRIM.to_owned(),
            target: Target::default(),
            data: chain::trim_data(&Anchor { id, hash }),
        })
        .await?;
        sqlx::query("UPDATE audit_anchor SET id = ?1, hash = ?2")
            .bind(id)
            .bind(hash.as_slice())
            .execute(self.connection())
            .await?;
        let removed = sqlx::query("DELETE FROM audit_log WHERE id <= ?1")
            .bind(id)
            .execute(self.connection())
            .await?;
        Ok(removed.rows_affected())
    }
}

impl Store {
    /// Entries of an organization from a place on, the latest first. What its members did to the
    /// hub as a whole is among them, and what befell their accounts.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn audit_page(
        &self,
        filter: &AuditFilter,
        from: Option<(Place, Direction)>,
        max: u32,
    ) -> Result<Vec<Link>, StoreError> {
        let mut sql = QueryBuilder::<Sqlite>::new("SELECT * FROM audit_log WHERE ");
        push_filter(&mut sql, filter);
        let direction = from.map_or(Direction::Onward, |(_, direction)| direction);
        let (than, order) = match direction {
            Direction::Onward => (" AND id < ", " ORDER BY id DESC LIMIT "),
            Direction::Back => (" AND id > ", " ORDER BY id LIMIT "),
        };
        if let Some((place, _)) = from {
            sql.push(than).push_bind(place.id);
        }
        sql.push(order).push_bind(i64::from(max));
        let rows: Vec<Row> = sql.build_query_as().fetch_all(self.reader()).await?;
        Ok(rows.into_iter().map(Link::from).collect())
    }

    /// Entries of all organizations behind a number, the oldest first; a portion at a time.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn audit_behind(&self, id: i64) -> Result<Vec<Link>, StoreError> {
        let rows: Vec<Row> =
            sqlx::query_as("SELECT * FROM audit_log WHERE id > ?1 ORDER BY id LIMIT ?2")
                .bind(id)
                .bind(PORTION)
                .fetch_all(self.reader())
                .await?;
        Ok(rows.into_iter().map(Link::from).collect())
    }

    /// Goes through the whole chain; says the first entry that is not as it was written.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn verify_audit(&self) -> Result<Result<Verified, Broken>, StoreError> {
        let (id, hash): (i64, Vec<u8>) = sqlx::query_as("SELECT id, hash FROM audit_anchor")
            .fetch_one(self.reader())
            .await?;
        let hash = hash.try_into().unwrap_or_default();
        let mut check = Check::new(Anchor { id, hash });
        let (mut last, mut entries) = (id, 0);
        loop {
            let links = self.audit_behind(last).await?;
            let Some(end) = links.last() else { break };
            last = end.id;
            for link in &links {
                if let Err(broken) = check.next(link) {
                    return Ok(Err(broken));
                }
                entries += 1;
            }
        }
        Ok(check.end().map(|last| Verified { entries, last }))
    }
}

fn push_filter(sql: &mut QueryBuilder<Sqlite>, filter: &AuditFilter) {
    let id = filter.organization;
    sql.push("(organization_id = ").push_bind(id);
    sql.push(" OR organization_id IS NULL AND actor_id IN (");
    sql.push("SELECT user_id FROM members WHERE organization_id = ");
    sql.push_bind(id);
    sql.push(") OR organization_id IS NULL AND target_kind = 'user' AND target_id IN (");
    sql.push("SELECT CAST(user_id AS TEXT) FROM members WHERE organization_id = ");
    sql.push_bind(id).push("))");
    if let Some(action) = &filter.action {
        sql.push(" AND action = ").push_bind(action.clone());
    }
    if let Some(actor) = filter.actor {
        sql.push(" AND actor_id = ").push_bind(actor);
    }
    if let Some(target) = &filter.target {
        let part = target.to_lowercase();
        sql.push(" AND (target_kind = ").push_bind(part.clone());
        sql.push(" OR instr(lower(target_id), ")
            .push_bind(part.clone());
        sql.push(") > 0 OR instr(lower(target_name), ");
        sql.push_bind(part).push(") > 0)");
    }
    if let Some(start) = filter.start {
        sql.push(" AND at >= ").push_bind(start.as_millis());
    }
    if let Some(end) = filter.end {
        sql.push(" AND at < ").push_bind(end.as_millis());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(at: i64) -> Entry {
        Entry {
            at: Timestamp::from_millis(at),
            organization: Some(1),
            actor: None,
            actor_name: "Ada".to_owned(),
            token: None,
            token_name: String::new(),
            address: "127.0.0.1".to_owned(),
            action: "team.edit".to_owned(),
            target: Target::default(),
            data: "{}".to_owned(),
        }
    }

    async fn filled(n: i64) -> (Store, tempfile::TempDir) {
        let (store, dir) = Store::temporary().await;
        let mut write = store.begin().await.unwrap();
        for at in 1..=n {
            write.append_audit(&entry(at)).await.unwrap();
        }
        write.commit().await.unwrap();
        (store, dir)
    }

    #[tokio::test]
    async fn entries_can_neither_be_changed_nor_removed_nor_put_between() {
        let (store, _dir) = filled(3).await;
        for sql in [
            "UPDATE audit_log SET actor_name = 'Eve' WHERE id = 2",
            "DELETE FROM audit_log WHERE id = 3",
            "DELETE FROM audit_log",
            "INSERT OR REPLACE INTO audit_log SELECT * FROM audit_log WHERE id = 2",
            "INSERT INTO audit_log SELECT 9, at, organization_id, actor_id, actor_name, token_id,
               token_name, address, action, target_kind, target_id, target_name, data, hash FROM audit_log",
            "UPDATE audit_anchor SET id = 3, hash = zeroblob(32)",
            "DELETE FROM audit_anchor",
        ] {
            let result = sqlx::query(sql).execute(&store.writer).await;
            assert!(result.is_err(), "{sql}");
        }
        let verified = store.verify_audit().await.unwrap().unwrap();
        assert_eq!(verified.entries, 3);
    }

    #[tokio::test]
    async fn who_takes_the_locks_off_is_found_out() {
        let (store, _dir) = filled(3).await;
        store.execute("DROP TRIGGER audit_log_is_not_changed").await;
        store
            .execute("UPDATE audit_log SET actor_name = 'Eve' WHERE id = 2")
            .await;
        let broken = store.verify_audit().await.unwrap().unwrap_err();
        assert!(matches!(broken, Broken::Changed { id: 2, .. }), "{broken}");
    }

    #[tokio::test]
    async fn what_is_too_old_goes_and_the_chain_still_holds() {
        let (store, _dir) = filled(5).await;
        let mut write = store.begin().await.unwrap();
        let now = Timestamp::from_millis(10);
        let trimmed = write.trim_audit(Timestamp::from_millis(4), now, 2).await;
        assert_eq!(trimmed.unwrap(), 2);
        let trimmed = write.trim_audit(Timestamp::from_millis(4), now, 2).await;
        assert_eq!(trimmed.unwrap(), 1);
        let trimmed = write.trim_audit(Timestamp::from_millis(4), now, 2).await;
        assert_eq!(trimmed.unwrap(), 0);
        write.commit().await.unwrap();
        let verified = store.verify_audit().await.unwrap().unwrap();
        assert_eq!((verified.entries, verified.last.id), (4, 7));

        // Removed without a word, although the anchor was moved along.
        store
            .execute(
                "UPDATE audit_anchor SET id = 4, hash = (SELECT hash FROM audit_log WHERE id = 4)",
            )
            .await;
        store.execute("DELETE FROM audit_log WHERE id <= 4").await;
        let broken = store.verify_audit().await.unwrap().unwrap_err();
        assert_eq!(broken, Broken::Cut { id: 4 });
    }
}
