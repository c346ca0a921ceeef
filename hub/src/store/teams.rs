//! Teams: who is in them, and which projects they look after.

use super::people::{Team, User};
use super::{Store, StoreError, Write};

/// Someone's place in a team.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct TeamMember {
    /// The team.
    pub team_id: i64,
    /// Who.
    pub user_id: i64,
    /// `contributor` or `admin`.
    pub role: String,
}

impl Store {
    /// The team of a slug or a number.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn team(&self, organization_id: i64, name: &str) -> Result<Option<Team>, StoreError> {
        Ok(sqlx::query_as(
            "SELECT id, organization_id, slug, name, created_at FROM teams
             WHERE organization_id = ?1 AND (slug = ?2 OR id = ?3)
             ORDER BY slug = ?2 DESC LIMIT 1",
        )
        .bind(organization_id)
        .bind(name)
        .bind(name.parse::<i64>().unwrap_or(-1))
        .fetch_optional(self.reader())
        .await?)
    }

    /// Who is in which team of an organization.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn team_members(&self, organization_id: i64) -> Result<Vec<TeamMember>, StoreError> {
        Ok(sqlx::query_as(
            "SELECT tm.team_id, tm.user_id, tm.role FROM team_members tm
             JOIN teams t ON t.id = tm.team_id
             WHERE t.organization_id = ?1 ORDER BY tm.team_id, tm.user_id",
        )
        .bind(organization_id)
        .fetch_all(self.reader())
        .await?)
    }

    /// The members of a team who may log in, by number.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn users_of_team(&self, team_id: i64) -> Result<Vec<User>, StoreError> {
        Ok(sqlx::query_as(
            "SELECT u.id, u.email, u.name, u.is_active, u.created_at, u.last_login_at
             FROM team_members tm JOIN users u ON u.id = tm.user_id
             WHERE tm.team_id = ?1 AND u.is_active ORDER BY u.id",
        )
        .bind(team_id)
        .fetch_all(self.reader())
        .await?)
    }
}

impl Write {
    /// Renames a team.
    ///
    /// # Errors
    /// [`StoreError::Exists`] when the slug is taken.
    pub async fn update_team(&mut self, team: &Team) -> Result<(), StoreError> {
        sqlx::query("UPDATE teams SET slug = ?2, name = ?3 WHERE id = ?1")
            .bind(team.id)
            .bind(&team.slug)
            .bind(&team.name)
            .execute(self.connection())
            .await
            .map_err(|error| StoreError::from(error).or_exists("team"))?;
        Ok(())
    }

    /// Removes a team; its issues are nobody's then.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn remove_team(&mut self, id: i64) -> Result<(), StoreError> {
        sqlx::query("UPDATE issues SET assignee = NULL WHERE assignee = ?1")
            .bind(format!("team:{id}"))
            .execute(self.connection())
            .await?;
        sqlx::query("DELETE FROM teams WHERE id = ?1")
            .bind(id)
            .execute(self.connection())
            .await?;
        Ok(())
    }

    /// Puts someone into a team, or changes the role there.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn put_team_member(&mut self, member: &TeamMember) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO team_members (team_id, user_id, role) VALUES (?1, ?2, ?3)
             ON CONFLICT (team_id, user_id) DO UPDATE SET role = excluded.role",
        )
        .bind(member.team_id)
        .bind(member.user_id)
        .bind(&member.role)
        .execute(self.connection())
        .await?;
        Ok(())
    }

    /// Takes someone out of a team.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn remove_team_member(&mut self, team: i64, user: i64) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM team_members WHERE team_id = ?1 AND user_id = ?2")
            .bind(team)
            .bind(user)
            .execute(self.connection())
            .await?;
        Ok(())
    }

    /// Lets a team look after a project.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn add_project_team(&mut self, project: i64, team: i64) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO project_teams (project_id, team_id) VALUES (?1, ?2)
             ON CONFLICT (project_id, team_id) DO NOTHING",
        )
        .bind(project)
        .bind(team)
        .execute(self.connection())
        .await?;
        Ok(())
    }

    /// Takes a project from a team.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub async fn remove_project_team(&mut self, project: i64, team: i64) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM project_teams WHERE project_id = ?1 AND team_id = ?2")
            .bind(project)
            .bind(team)
            .execute(self.connection())
            .await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_removed_team_leaves_its_issues_to_nobody() {
        let (store, _dir) = Store::temporary().await;
        let mut write = store.begin().await.unwrap();
        let organization = write.add_organization("acme", "Acme", 1).await.unwrap();
        let team = write.add_team(organization, "web", "Web", 1).await.unwrap();
        write.commit().await.unwrap();
        store
            .execute("INSERT INTO projects (id, organization_id, slug, name, created_at) VALUES (7, 1, 'shop', 'Shop', 1)")
            .await;
        store
            .execute(
                "INSERT INTO issues (project_id, short_id, kind, title, culprit, metadata, level,
                     platform, is_unhandled, status, priority, assignee, first_seen, last_seen,
                     times_seen, users_seen, latest_event, grouping)
                 VALUES (7, 1, 'error', '', '', '{}', 'error', 'other', 0, 0, 50, 'team:2', 1, 1,
                     1, 0, X'00', '[]')",
            )
            .await;
        assert_eq!(team, 2);
        assert!(store.team(organization, "2").await.unwrap().is_some());
        let mut write = store.begin().await.unwrap();
        write.remove_team(team).await.unwrap();
        write.commit().await.unwrap();
        let assigned = "SELECT COUNT(*) FROM issues WHERE assignee IS NOT NULL";
        assert_eq!(store.number(assigned).await, 0);
        assert_eq!(store.team(organization, "web").await.unwrap(), None);
    }
}
