//! What each route that changes something is called in the audit log.
//!
//! `every_route_that_changes_something_has_a_name_or_a_reason` holds this against the router: a new
//! route stands in one of the two lists.

/// Routes that change something: method, path, and the name of the deed, in Sentry's words where it
/// has one.
const DEEDS: &[(&str, &str, &str)] = &[
    ("POST", "/api/0/auth/login/", "auth.login"),
    ("DELETE", "/api/0/auth/", "auth.logout"),
    ("POST", "/api/0/auth/invitation/", "member.accept-invite"),
    ("PUT", "/api/0/users/me/", "account.edit"),
    (
        "DELETE",
        "/api/0/users/me/sessions/{session}/",
        "account.end-session",
    ),
    ("POST", "/api/0/api-tokens/", "api-token.create"),
    ("DELETE", "/api/0/api-tokens/", "api-token.remove"),
    ("PUT", "/api/0/organizations/{organization}/", "org.edit"),
    (
        "PUT",
        "/api/0/vedette/organizations/{organization}/quotas/",
        "org.edit-quotas",
    ),
    (
        "POST",
        "/api/0/organizations/{organization}/teams/",
        "team.create",
    ),
    ("PUT", "/api/0/teams/{organization}/{team}/", "team.edit"),
    (
        "DELETE",
        "/api/0/teams/{organization}/{team}/",
        "team.remove",
    ),
    (
        "POST",
        "/api/0/organizations/{organization}/members/",
        "member.invite",
    ),
    (
        "PUT",
        "/api/0/organizations/{organization}/members/{member}/",
        "member.edit",
    ),
    (
        "DELETE",
        "/api/0/organizations/{organization}/members/{member}/",
        "member.remove",
    ),
    (
        "POST",
        "/api/0/organizations/{organization}/members/{member}/teams/{team}/",
        "member.join-team",
    ),
    (
        "PUT",
        "/api/0/organizations/{organization}/members/{member}/teams/{team}/",
        "member.edit-team-role",
    ),
    (
        "DELETE",
        "/api/0/organizations/{organization}/members/{member}/teams/{team}/",
        "member.leave-team",
    ),
    (
        "POST",
        "/api/0/organizations/{organization}/projects/",
        "project.create",
    ),
    (
        "POST",
        "/api/0/teams/{organization}/{team}/projects/",
        "project.create",
    ),
    (
        "PUT",
        "/api/0/projects/{organization}/{project}/",
        "project.edit",
    ),
    (
        "DELETE",
        "/api/0/projects/{organization}/{project}/",
        "project.remove",
    ),
    (
        "POST",
        "/api/0/projects/{organization}/{project}/teams/{team}/",
        "project.add-team",
    ),
    (
        "DELETE",
        "/api/0/projects/{organization}/{project}/teams/{team}/",
        "project.remove-team",
    ),
    (
        "POST",
        "/api/0/projects/{organization}/{project}/keys/",
        "projectkey.create",
    ),
    (
        "PUT",
        "/api/0/projects/{organization}/{project}/keys/{key}/",
        "projectkey.edit",
    ),
    (
        "DELETE",
        "/api/0/projects/{organization}/{project}/keys/{key}/",
        "projectkey.remove",
    ),
    (
        "PUT",
        "/api/0/projects/{organization}/{project}/environments/",
        "environment.edit",
    ),
    (
        "PUT",
        "/api/0/projects/{organization}/{project}/environments/{environment}/",
        "environment.edit",
    ),
    (
        "PUT",
        "/api/0/projects/{organization}/{project}/ownership/",
        "ownership.edit",
    ),
    (
        "POST",
        "/api/0/projects/{organization}/{project}/codeowners/",
        "codeowners.edit",
    ),
    (
        "PUT",
        "/api/0/projects/{organization}/{project}/codeowners/{codeowners}/",
        "codeowners.edit",
    ),
    (
        "DELETE",
        "/api/0/projects/{organization}/{project}/codeowners/{codeowners}/",
        "codeowners.remove",
    ),
    (
        "PUT",
        "/api/0/projects/{organization}/{project}/filters/{filter}/",
        "filter.edit",
    ),
    (
        "PUT",
        "/api/0/vedette/projects/{organization}/{project}/intake/",
        "intake.edit",
    ),
    (
        "PUT",
        "/api/0/vedette/projects/{organization}/{project}/grouping/",
        "grouping.edit",
    ),
    (
        "POST",
        "/api/0/projects/{organization}/{project}/rules/",
        "rule.create",
    ),
    (
        "PUT",
        "/api/0/projects/{organization}/{project}/rules/{rule}/",
        "rule.edit",
    ),
    (
        "DELETE",
        "/api/0/projects/{organization}/{project}/rules/{rule}/",
        "rule.remove",
    ),
    (
        "POST",
        "/api/0/projects/{organization}/{project}/rules/{rule}/test/",
        "rule.test",
    ),
    (
        "PUT",
        "/api/0/organizations/{organization}/issues/",
        "issue.edit",
    ),
    (
        "DELETE",
        "/api/0/organizations/{organization}/issues/",
        "issue.delete",
    ),
    (
        "PUT",
        "/api/0/projects/{organization}/{project}/issues/",
        "issue.edit",
    ),
    (
        "DELETE",
        "/api/0/projects/{organization}/{project}/issues/",
        "issue.delete",
    ),
    (
        "PUT",
        "/api/0/organizations/{organization}/issues/{issue}/",
        "issue.edit",
    ),
    (
        "DELETE",
        "/api/0/organizations/{organization}/issues/{issue}/",
        "issue.delete",
    ),
    ("PUT", "/api/0/issues/{issue}/", "issue.edit"),
    ("DELETE", "/api/0/issues/{issue}/", "issue.delete"),
    (
        "DELETE",
        "/api/0/organizations/{organization}/issues/{issue}/hashes/",
        "issue.unmerge",
    ),
    ("DELETE", "/api/0/issues/{issue}/hashes/", "issue.unmerge"),
    (
        "POST",
        "/api/0/vedette/organizations/{organization}/issues/{issue}/split/",
        "issue.split",
    ),
    (
        "DELETE",
        "/api/0/vedette/organizations/{organization}/issues/{issue}/split/",
        "issue.take-back-split",
    ),
    (
        "POST",
        "/api/0/organizations/{organization}/issues/{issue}/notes/",
        "issue.comment",
    ),
    (
        "POST",
        "/api/0/organizations/{organization}/issues/{issue}/comments/",
        "issue.comment",
    ),
    (
        "PUT",
        "/api/0/organizations/{organization}/issues/{issue}/notes/{note}/",
        "issue.edit-comment",
    ),
    (
        "DELETE",
        "/api/0/organizations/{organization}/issues/{issue}/notes/{note}/",
        "issue.delete-comment",
    ),
    (
        "PUT",
        "/api/0/organizations/{organization}/issues/{issue}/comments/{note}/",
        "issue.edit-comment",
    ),
    (
        "DELETE",
        "/api/0/organizations/{organization}/issues/{issue}/comments/{note}/",
        "issue.delete-comment",
    ),
    (
        "PUT",
        "/api/0/issues/{issue}/notes/{note}/",
        "issue.edit-comment",
    ),
    (
        "DELETE",
        "/api/0/issues/{issue}/notes/{note}/",
        "issue.delete-comment",
    ),
    (
        "PUT",
        "/api/0/issues/{issue}/comments/{note}/",
        "issue.edit-comment",
    ),
    (
        "DELETE",
        "/api/0/issues/{issue}/comments/{note}/",
        "issue.delete-comment",
    ),
    ("POST", "/api/0/issues/{issue}/notes/", "issue.comment"),
    ("POST", "/api/0/issues/{issue}/comments/", "issue.comment"),
    (
        "DELETE",
        "/api/0/vedette/organizations/{organization}/deletions/{deletion}/",
        "issue.take-back-delete",
    ),
    (
        "DELETE",
        "/api/0/projects/{organization}/{project}/tombstones/{tombstone}/",
        "issue.take-back-discard",
    ),
    (
        "POST",
        "/api/0/projects/{organization}/{project}/user-feedback/",
        "feedback.create",
    ),
    (
        "POST",
        "/api/0/organizations/{organization}/searches/",
        "saved-search.create",
    ),
    (
        "PUT",
        "/api/0/organizations/{organization}/searches/{search}/",
        "saved-search.edit",
    ),
    (
        "DELETE",
        "/api/0/organizations/{organization}/searches/{search}/",
        "saved-search.remove",
    ),
    (
        "POST",
        "/api/0/organizations/{organization}/releases/",
        "release.create",
    ),
    (
        "PUT",
        "/api/0/organizations/{organization}/releases/{version}/",
        "release.edit",
    ),
    (
        "DELETE",
        "/api/0/organizations/{organization}/releases/{version}/",
        "release.remove",
    ),
    (
        "POST",
        "/api/0/organizations/{organization}/releases/{version}/deploys/",
        "release.deploy",
    ),
    ("PUT", "/api/0/vedette/relays/{relay}/", "relay.edit"),
    ("DELETE", "/api/0/vedette/relays/{relay}/", "relay.revoke"),
    (
        "PUT",
        "/api/0/vedette/relays/{relay}/link/",
        "relay.edit-link",
    ),
    (
        "DELETE",
        "/api/0/vedette/relays/{relay}/link/",
        "relay.edit-link",
    ),
    ("PUT", "/api/0/vedette/fleet-alerts/", "fleet.edit-alerts"),
    ("POST", "/api/0/vedette/join-tokens/", "join-token.create"),
    (
        "DELETE",
        "/api/0/vedette/join-tokens/{token}/",
        "join-token.remove",
    ),
    ("POST", "/api/0/vedette/config/retry/", "fleet.retry-config"),
    (
        "POST",
        "/api/0/vedette/config/replace-key/",
        "fleet.replace-config-key",
    ),
    (
        "POST",
        "/api/0/vedette/poison/{poison}/replay/",
        "fleet.replay-record",
    ),
    (
        "POST",
        "/api/0/projects/{organization}/{project}/erasures/",
        "erasure.create",
    ),
];

/// Deeds that no route is for: what a request turns out to be, and the hub's own.
const OTHERS: &[&str] = &[
    crate::access::LOGIN_FAILED,
    crate::audit::chain::TRIM,
    super::ISSUE_MERGE,
    super::ISSUE_TAKE_BACK_MERGE,
    super::ISSUE_DISCARD,
];

/// Routes that need no entry, each with the reason.
const UNHEARD: &[(&str, &str, &str)] = &[
    (
        "POST",
        "/api/0/organizations/{organization}/recent-searches/",
        "what somebody searched for is their own",
    ),
    (
        "PUT",
        "/api/0/organizations/{organization}/pinned-searches/",
        "what somebody's own list begins with",
    ),
    (
        "DELETE",
        "/api/0/organizations/{organization}/pinned-searches/",
        "what somebody's own list begins with",
    ),
    (
        "POST",
        "/api/0/vedette/projects/{organization}/{project}/grouping/try/",
        "tries without keeping",
    ),
    (
        "POST",
        "/api/0/vedette/projects/{organization}/{project}/ownership/try/",
        "tries without keeping",
    ),
    (
        "POST",
        "/api/0/vedette/projects/{organization}/{project}/privacy/dry-run/",
        "tries without keeping",
    ),
    (
        "POST",
        "/api/0/vedette/projects/{organization}/{project}/privacy/preview/",
        "tries without keeping",
    ),
];

/// What a request of this route is called; `None` when it leaves no trace. A route that stands in
/// no list is called by its path: better an odd name than no entry.
pub(in crate::api) fn name_of(method: &str, path: &str) -> Option<String> {
    let is = |of: &str, at: &str| of == method && at == path;
    if matches!(method, "GET" | "HEAD" | "OPTIONS") || UNHEARD.iter().any(|(of, at, _)| is(of, at))
    {
        return None;
    }
    let named = DEEDS.iter().find(|(of, at, _)| is(of, at));
    Some(match named {
        Some((.., name)) => (*name).to_owned(),
        None => format!("{method} {path}"),
    })
}

/// Every name there is, in order.
pub(super) fn names() -> Vec<&'static str> {
    let named = DEEDS.iter().map(|(.., name)| *name);
    let mut names: Vec<_> = named.chain(OTHERS.iter().copied()).collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// The routes of both lists.
#[cfg(test)]
pub(in crate::api) fn listed() -> Vec<(&'static str, &'static str)> {
    let all = DEEDS.iter().chain(UNHEARD);
    all.map(|(method, path, _)| (*method, *path)).collect()
}
