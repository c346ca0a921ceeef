//! Making people, organizations, projects and tokens for the API.

use anyhow::Context as _;
use protocol::ids::PublicKey;
use tokio_util::task::TaskTracker;

use super::{NewAdmin, Project};
use crate::access::{self, Access, Role, Scope, ScopeSet};
use crate::clock;
use crate::config::Config;
use crate::store::Store;
use crate::store::people::Organization;
use crate::store::projects::{NewProject, ProjectKey};

fn access(store: &Store) -> anyhow::Result<Access> {
    Ok(Access::new(store.clone(), TaskTracker::new())?)
}

pub(super) async fn admin(store: &Store, new: &NewAdmin, password: &str) -> anyhow::Result<String> {
    let access = access(store)?;
    let organizations = match &new.organization {
        Some(slug) => vec![organization_of(store, Some(slug)).await?],
        None => store.organizations().await?,
    };
    let now = clock::now();
    let name = new.name.as_ref().unwrap_or(&new.email);
    let user = access
        .create_user(now, &new.email, name, password)
        .await
        .with_context(|| format!("{} cannot be added", new.email))?;
    for organization in &organizations {
        access
            .put_member(now, organization.id, user, Role::Owner)
            .await?;
    }
    let slugs: Vec<&str> = organizations.iter().map(|o| o.slug.as_str()).collect();
    Ok(match slugs.as_slice() {
        [] => format!(
            "added {}; organizations made later will be theirs",
            new.email
        ),
        slugs => format!("added {}, owner of {}", new.email, slugs.join(", ")),
    })
}

pub(super) async fn organization(
    store: &Store,
    name: &str,
    slug: Option<String>,
) -> anyhow::Result<String> {
    let access = access(store)?;
    let slug = slug.unwrap_or_else(|| access::slug_of(name));
    let now = clock::now();
    let others = store.organizations().await?;
    let owners = store.owners_of_all().await?;
    let id = access
        .create_organization(now, &slug, name)
        .await
        .with_context(|| format!("organization {slug} cannot be made"))?;
    for user in owners {
        access.put_member(now, id, user, Role::Owner).await?;
    }
    let first = if others.is_empty() { " the first" } else { "" };
    Ok(format!("made{first} organization {slug}"))
}

pub(super) async fn project(
    store: &Store,
    config: &Config,
    command: Project,
) -> anyhow::Result<String> {
    let access = access(store)?;
    match command {
        Project::Create {
            name,
            organization,
            slug,
            platform,
        } => {
            let organization = organization_of(store, organization.as_deref()).await?;
            let slug = slug.unwrap_or_else(|| access::slug_of(&name));
            let new = NewProject {
                organization_id: organization.id,
                slug: &slug,
                name: &name,
                platform: &platform,
            };
            let (id, key) = access
                .create_project(clock::now(), new)
                .await
                .with_context(|| format!("project {slug} cannot be made"))?;
            Ok(format!(
                "made project {slug}, number {id}\n{}",
                dsn(config, &key)?
            ))
        }
        Project::AddKey {
            organization,
            project,
            label,
            public_key,
        } => {
            let organization = organization_of(store, organization.as_deref()).await?;
            let project = store
                .project(organization.id, &project)
                .await?
                .with_context(|| format!("no project {project} in {}", organization.slug))?;
            let mut key = access
                .create_project_key(clock::now(), project.id, &label)
                .await?;
            if let Some(wanted) = public_key {
                let made = key.public_key.clone();
                key.public_key = wanted.parse::<PublicKey>()?.to_string();
                let mut write = store.begin().await?;
                let added = write.add_project_key(&key).await;
                if added.is_ok() {
                    write.remove_project_key(&made).await?;
                    write.commit().await?;
                } else {
                    drop(write);
                    let mut write = store.begin().await?;
                    write.remove_project_key(&made).await?;
                    write.commit().await?;
                }
                added.map_err(|error| error.or_exists("key"))?;
            }
            dsn(config, &key)
        }
    }
}

fn dsn(config: &Config, key: &ProjectKey) -> anyhow::Result<String> {
    let url = config.site.relay_url.trim_end_matches('/');
    let (scheme, rest) = url
        .split_once("://")
        .context("site.relay_url has a scheme")?;
    Ok(format!(
        "{scheme}://{}@{rest}/{}",
        key.public_key, key.project_id
    ))
}

/// The named organization, or the only one.
async fn organization_of(store: &Store, slug: Option<&str>) -> anyhow::Result<Organization> {
    if let Some(slug) = slug {
        let found = store.organization(slug).await?;
        return found.with_context(|| format!("no organization {slug}"));
    }
    let mut all = store.organizations().await?;
    let only = all.pop();
    anyhow::ensure!(
        all.is_empty(),
        "there are several organizations: say which with --organization"
    );
    only.context("there is no organization yet: make one with `organization create`")
}

pub(super) async fn api_token(
    store: &Store,
    email: &str,
    name: &str,
    scopes: &[String],
) -> anyhow::Result<String> {
    let access = access(store)?;
    let account = email.trim().to_lowercase();
    let (user, _) = store
        .user_by_email(&account)
        .await?
        .with_context(|| format!("nobody has the address {email}"))?;
    let scopes: ScopeSet = if scopes.is_empty() {
        ScopeSet::all()
    } else {
        scopes
            .iter()
            .map(|name| Scope::from_name(name).with_context(|| format!("no scope {name}")))
            .collect::<anyhow::Result<_>>()?
    };
    let token = access
        .create_token(clock::now(), user.id, name, scopes)
        .await?;
    Ok(token.secret)
}
