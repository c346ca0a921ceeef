//! What was booked of each lane of each relay, since its spool was made.

use protocol::ids::{Epoch, Lane, ProjectId, RelayId, Seq};
use protocol::item::Category;
use protocol::outcome::{LaneDigest, Term};
use sqlx::{QueryBuilder, Row as _, Sqlite};

use super::rows::runs;
use super::{Store, StoreError, Write};

/// Items of a lane, one project, category and term.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BookRow {
    /// Which relay.
    pub relay: RelayId,
    /// The spool's life.
    pub epoch: Epoch,
    /// The lane.
    pub lane: Lane,
    /// The project.
    pub project: ProjectId,
    /// The data category.
    pub category: Category,
    /// How they ended at the hub.
    pub term: Term,
    /// Items; negative where a count is taken back.
    pub quantity: i64,
}

/// Items of one life of a relay's spool, one project, category and term.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BookSum {
    /// Which relay.
    pub relay: RelayId,
    /// The spool's life.
    pub epoch: Epoch,
    /// The project.
    pub project: ProjectId,
    /// The data category.
    pub category: Category,
    /// How they ended at the hub.
    pub term: Term,
    /// Items.
    pub quantity: i64,
}

/// How a lane stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LaneBooks {
    /// The lane.
    pub lane: Lane,
    /// Its last applied record.
    pub upto: Seq,
    /// All items in one number; `None` where they are not known from the first record on.
    pub digest: Option<LaneDigest>,
    /// Items by project and category, however they ended.
    pub sums: Vec<(ProjectId, Category, u64)>,
}

impl Store {
    /// The items of a lane in one number; `None` where they are not known from the first record
    /// on.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn lane_digest(
        &self,
        relay: RelayId,
        epoch: Epoch,
        lane: Lane,
    ) -> Result<Option<LaneDigest>, StoreError> {
        let found: Option<Option<i64>> = sqlx::query_scalar(
            "SELECT digest FROM relay_cursors WHERE relay_id = ?1 AND epoch = ?2 AND lane = ?3",
        )
        .bind(relay.as_bytes().as_slice())
        .bind(epoch.0.cast_signed())
        .bind(u8::from(lane))
        .fetch_optional(self.reader())
        .await?;
        Ok(match found {
            None => Some(LaneDigest::default()),
            Some(digest) => digest.map(|digest| LaneDigest(digest.cast_unsigned())),
        })
    }

    /// How every lane of a relay's spool stands, read at one point in time.
    ///
    /// # Errors
    /// [`StoreError::Engine`], [`StoreError::Unreadable`].
    pub async fn lane_books(
        &self,
        relay: RelayId,
        epoch: Epoch,
    ) -> Result<Vec<LaneBooks>, StoreError> {
        let mut tx = self.reader().begin().await?;
        let cursors = sqlx::query(
            "SELECT lane, applied_upto, digest FROM relay_cursors
             WHERE relay_id = ?1 AND epoch = ?2 ORDER BY lane",
        )
        .bind(relay.as_bytes().as_slice())
        .bind(epoch.0.cast_signed())
        .fetch_all(&mut *tx)
        .await?;
        let rows = sqlx::query(
            "SELECT lane, project_id, category, SUM(quantity) FROM relay_books
             WHERE relay_id = ?1 AND epoch = ?2 GROUP BY lane, project_id, category",
        )
        .bind(relay.as_bytes().as_slice())
        .bind(epoch.0.cast_signed())
        .fetch_all(&mut *tx)
        .await?;
        tx.commit().await?;
        let mut lanes = Vec::with_capacity(cursors.len());
        for row in cursors {
            let (upto, digest): (i64, Option<i64>) = (row.try_get(1)?, row.try_get(2)?);
            lanes.push(LaneBooks {
                lane: lane(row.try_get(0)?)?,
                upto: Seq(upto.cast_unsigned()),
                digest: digest.map(|digest| LaneDigest(digest.cast_unsigned())),
                sums: Vec::new(),
            });
        }
        for row in rows {
            let of = lane(row.try_get(0)?)?;
            let n: i64 = row.try_get(3)?;
            let sum = (
                super::events::project(row.try_get(1)?)?,
                category(row.try_get(2)?)?,
                u64::try_from(n).unwrap_or_default(),
            );
            if let Some(found) = lanes.iter_mut().find(|found| found.lane == of) {
                found.sums.push(sum);
            }
        }
        Ok(lanes)
    }

    /// What was booked of one life of a relay's spool, by project, category and term over all
    /// lanes.
    ///
    /// # Errors
    /// [`StoreError::Engine`], [`StoreError::Unreadable`].
    pub async fn relay_books(
        &self,
        relay: RelayId,
        epoch: Epoch,
    ) -> Result<Vec<(ProjectId, Category, Term, i64)>, StoreError> {
        let rows = sqlx::query(
            "SELECT project_id, category, term, SUM(quantity) FROM relay_books
             WHERE relay_id = ?1 AND epoch = ?2 GROUP BY project_id, category, term",
        )
        .bind(relay.as_bytes().as_slice())
        .bind(epoch.0.cast_signed())
        .fetch_all(self.reader())
        .await?;
        rows.iter()
            .map(|row| {
                Ok((
                    super::events::project(row.try_get(0)?)?,
                    category(row.try_get(1)?)?,
                    term(row.try_get(2)?)?,
                    row.try_get(3)?,
                ))
            })
            .collect()
    }

    /// What was booked of every life of every relay's spool, by project, category and term over
    /// all lanes.
    ///
    /// # Errors
    /// [`StoreError::Engine`], [`StoreError::Unreadable`].
    pub async fn all_books(&self) -> Result<Vec<BookSum>, StoreError> {
        let rows = sqlx::query(
            "SELECT relay_id, epoch, project_id, category, term, SUM(quantity) FROM relay_books
             GROUP BY relay_id, epoch, project_id, category, term",
        )
        .fetch_all(self.reader())
        .await?;
        rows.iter()
            .map(|row| {
                let id: Vec<u8> = row.try_get(0)?;
                let id = id.try_into();
                let id = id.map_err(|_| StoreError::Unreadable { what: "relay id" })?;
                let epoch: i64 = row.try_get(1)?;
                Ok(BookSum {
                    relay: RelayId::from_bytes(id),
                    epoch: Epoch(epoch.cast_unsigned()),
                    project: super::events::project(row.try_get(2)?)?,
                    category: category(row.try_get(3)?)?,
                    term: term(row.try_get(4)?)?,
                    quantity: row.try_get(5)?,
                })
            })
            .collect()
    }
}

impl Write {
    /// Adds what was booked to what was before.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn add_books(&mut self, rows: &[BookRow]) -> Result<(), StoreError> {
        for run in runs(rows) {
            let mut sql = QueryBuilder::<Sqlite>::new(
                "INSERT INTO relay_books
                 (relay_id, epoch, lane, project_id, category, term, quantity) ",
            );
            sql.push_values(run, |mut values, row| {
                values
                    .push_bind(row.relay.as_bytes().as_slice())
                    .push_bind(row.epoch.0.cast_signed())
                    .push_bind(u8::from(row.lane))
                    .push_bind(row.project.as_i64())
                    .push_bind(i16::from(row.category))
                    .push_bind(u8::from(row.term))
                    .push_bind(row.quantity);
            });
            sql.push(
                " ON CONFLICT (relay_id, epoch, lane, project_id, category, term)
                 DO UPDATE SET quantity = relay_books.quantity + excluded.quantity",
            );
            sql.build().execute(self.connection()).await?;
        }
        Ok(())
    }
}

fn lane(number: i64) -> Result<Lane, StoreError> {
    let lane = u8::try_from(number)
        .ok()
        .and_then(|n| Lane::try_from(n).ok());
    lane.ok_or(StoreError::Unreadable { what: "lane" })
}

fn term(code: i64) -> Result<Term, StoreError> {
    let term = u8::try_from(code)
        .ok()
        .and_then(|code| Term::try_from(code).ok());
    term.ok_or(StoreError::Unreadable {
        what: "ledger term",
    })
}

fn category(code: i64) -> Result<Category, StoreError> {
    let category = i16::try_from(code)
        .ok()
        .and_then(|code| Category::try_from(code).ok());
    category.ok_or(StoreError::Unreadable { what: "category" })
}
