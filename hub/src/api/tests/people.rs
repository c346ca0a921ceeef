//! Teams, members, invitations, and what belongs to them.

use super::*;

impl Hub {
    /// A token, with every scope, of someone new with this role in acme.
    async fn someone(&self, email: &str, role: Role) -> String {
        let now = clock::now();
        let acme = self
            .state
            .store
            .organization("acme")
            .await
            .unwrap()
            .unwrap();
        let access = &self.state.access;
        let user = access.create_user(now, email, "Some One", PASSWORD).await;
        let user = user.unwrap();
        access.put_member(now, acme.id, user, role).await.unwrap();
        let token = access.create_token(now, user, "test", ScopeSet::all());
        token.await.unwrap().secret
    }
}

#[tokio::test]
async fn teams_are_made_renamed_filled_and_removed() {
    let hub = Hub::new().await;
    let made = hub
        .post("organizations/acme/teams/", json!({ "name": "Web Shop" }))
        .await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    assert_shape!("team", made);
    let again = hub
        .post("organizations/acme/teams/", json!({ "slug": "web-shop" }))
        .await;
    assert_eq!(again.status, StatusCode::CONFLICT);
    let nameless = hub.post("organizations/acme/teams/", json!({})).await;
    assert_eq!(nameless.json()["field"], "name");

    let renamed = hub
        .put(
            "teams/acme/web-shop/",
            json!({ "slug": "web", "name": "Web" }),
        )
        .await;
    assert_eq!(renamed.json()["slug"], "web", "{}", renamed.text);
    let joined = hub
        .post("organizations/acme/members/2/teams/web/", json!({}))
        .await;
    assert_eq!(joined.status, StatusCode::CREATED, "{}", joined.text);
    assert_eq!(joined.json()["memberCount"], 2);
    let change = json!({ "teamRole": "admin" });
    let role = hub
        .put("organizations/acme/members/2/teams/web/", change)
        .await;
    assert_eq!(role.status, StatusCode::OK, "{}", role.text);
    let members = hub.get("teams/acme/web/members/").await.json();
    assert_eq!(members[0]["teamRoles"][1]["role"], "admin");
    let left = hub.delete("organizations/acme/members/me/teams/web/").await;
    assert_eq!(left.json()["memberCount"], 1);
    assert_eq!(left.json()["isMember"], false);
    let own = hub.get("organizations/acme/user-teams/").await.json();
    assert_eq!(own.as_array().unwrap().len(), 1, "{own}");

    assert_eq!(
        hub.delete("teams/acme/web/").await.status,
        StatusCode::NO_CONTENT
    );
    assert_eq!(
        hub.get("teams/acme/web/").await.status,
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn teams_look_after_projects() {
    let hub = Hub::new().await;
    hub.post("organizations/acme/teams/", json!({ "slug": "web" }))
        .await;
    let made = hub
        .post("teams/acme/web/projects/", json!({ "name": "Front" }))
        .await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    assert_eq!(made.json()["teams"][0]["slug"], "web");
    assert_eq!(made.json()["teams"].as_array().unwrap().len(), 1);
    let linked = hub.post("projects/acme/shop/teams/web/", json!({})).await;
    assert_eq!(linked.status, StatusCode::CREATED, "{}", linked.text);
    assert_eq!(linked.json()["teams"].as_array().unwrap().len(), 2);
    let slugs = async || {
        let projects = hub.get("teams/acme/web/projects/").await.json();
        let slugs = projects.as_array().unwrap().iter();
        slugs
            .map(|project| project["slug"].clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(slugs().await, ["front", "shop"]);
    let members = async || {
        let members = hub.get("projects/acme/front/members/").await.json();
        members.as_array().unwrap().len()
    };
    assert_eq!(members().await, 1);
    hub.post("organizations/acme/members/2/teams/web/", json!({}))
        .await;
    assert_eq!(members().await, 2);

    let unlinked = hub.delete("projects/acme/shop/teams/web/").await;
    assert_eq!(unlinked.status, StatusCode::OK, "{}", unlinked.text);
    assert_eq!(slugs().await, ["front"]);
    let keys = hub.get("organizations/acme/project-keys/?team=web").await;
    assert_eq!(keys.json().as_array().unwrap().len(), 1, "{}", keys.text);
    let keys = hub.get("organizations/acme/project-keys/").await;
    assert_eq!(keys.json().as_array().unwrap().len(), 2);
    let keys = hub
        .get("organizations/acme/project-keys/?status=inactive")
        .await;
    assert_eq!(keys.text, "[]");
}

#[tokio::test]
async fn who_is_invited_sets_a_password_once_and_is_in() {
    let hub = Hub::new().await;
    let wish = json!({
        "email": "Jane@acme.example", "orgRole": "admin",
        "teamRoles": [{ "teamSlug": "everyone", "role": "admin" }],
    });
    let made = hub.post("organizations/acme/members/", wish.clone()).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    let member = made.json();
    assert_eq!(member["pending"], true);
    assert_eq!(member["inviteSent"], false);
    assert_eq!(member["teamRoles"][0]["role"], "admin");
    let again = hub.post("organizations/acme/members/", wish).await;
    assert_eq!(again.status, StatusCode::CONFLICT);
    let id = member["id"].as_str().unwrap();
    let path = format!("organizations/acme/members/{id}/");
    let fresh = hub.put(&path, json!({ "reinvite": true })).await.json();
    let token_of = |member: &Value| {
        let link = member["inviteLink"].as_str().unwrap();
        link.split_once("token=").unwrap().1.to_owned()
    };
    let accept = async |token: &str, password: &str| {
        let body = json!({ "token": token, "name": "Jane Roe", "password": password });
        let request = Request::post("/api/0/auth/invitation/")
            .header(header::CONTENT_TYPE, "application/json")
            .body(Body::from(body.to_string()));
        hub.send(request.unwrap()).await
    };
    let old = accept(&token_of(&member), PASSWORD).await;
    assert_eq!(old.json()["field"], "token", "{}", old.text);
    let token = token_of(&fresh);
    assert_eq!(accept(&token, "short").await.json()["field"], "password");
    let session = accept(&token, PASSWORD).await;
    assert_eq!(session.status, StatusCode::OK, "{}", session.text);
    assert_eq!(session.json()["name"], "Jane Roe");
    assert!(session.headers.contains_key(header::SET_COOKIE));
    assert_eq!(
        accept(&token, PASSWORD).await.status,
        StatusCode::BAD_REQUEST
    );
    let member = hub.get(&path).await.json();
    assert_eq!(member["pending"], false);
    assert_eq!(member["orgRole"], "admin");
    let late = hub.put(&path, json!({ "reinvite": true })).await;
    assert_eq!(late.json()["field"], "reinvite");
}

#[tokio::test]
async fn an_invitation_of_another_organization_is_no_way_in() {
    let hub = Hub::new().await;
    let wish = json!({ "email": "jane@example.org" });
    hub.post("organizations/acme/members/", wish.clone()).await;
    let path = "organizations/other/members/";
    let elsewhere = hub.ask(&hub.stranger, Method::POST, path, Some(wish)).await;
    assert_eq!(elsewhere.status, StatusCode::CONFLICT, "{}", elsewhere.text);
}

#[tokio::test]
async fn nobody_gives_or_takes_what_is_above_them_and_an_owner_stays() {
    let hub = Hub::new().await;
    let manager = hub.someone("manager@acme.example", Role::Manager).await;
    let ask = async |token: &str, method: Method, path: &str, body: Value| {
        let path = format!("organizations/acme/members/{path}");
        hub.ask(token, method, &path, Some(body)).await.status
    };
    let role = |role: &str| json!({ "orgRole": role });
    let forbidden = StatusCode::FORBIDDEN;
    assert_eq!(
        ask(&manager, Method::PUT, "2/", role("owner")).await,
        forbidden
    );
    assert_eq!(
        ask(&manager, Method::PUT, "1/", role("member")).await,
        forbidden
    );
    assert_eq!(
        ask(&manager, Method::DELETE, "1/", json!({})).await,
        forbidden
    );
    let invite = json!({ "email": "x@example.org", "orgRole": "owner" });
    assert_eq!(ask(&manager, Method::POST, "", invite).await, forbidden);
    assert_eq!(
        ask(&hub.member, Method::PUT, "2/", role("admin")).await,
        forbidden
    );
    let ok = StatusCode::OK;
    assert_eq!(ask(&manager, Method::PUT, "2/", role("admin")).await, ok);
    let last = StatusCode::CONFLICT;
    assert_eq!(
        ask(&hub.owner, Method::PUT, "1/", role("member")).await,
        last
    );
    assert_eq!(
        ask(&hub.owner, Method::DELETE, "me/", json!({})).await,
        last
    );
    let me = hub.get("organizations/acme/members/me/").await.json();
    assert_eq!(me["orgRole"], "owner");
}

#[tokio::test]
async fn who_leaves_is_taken_off_issues_and_teams() {
    let hub = Hub::new().await;
    hub.seed().await;
    hub.put("issues/1/", json!({ "assignedTo": "member@acme.example" }))
        .await;
    let gone = hub.delete("organizations/acme/members/2/").await;
    assert_eq!(gone.status, StatusCode::NO_CONTENT, "{}", gone.text);
    assert_eq!(hub.get("issues/1/").await.json()["assignedTo"], Value::Null);
    let team = hub.get("teams/acme/everyone/").await.json();
    assert_eq!(team["memberCount"], 1);
    let answer = hub
        .ask(&hub.member, Method::GET, "organizations/acme/", None)
        .await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn environments_are_hidden_and_shown() {
    let hub = Hub::new().await;
    hub.seed().await;
    let path = "projects/acme/shop/environments/";
    let one = hub
        .put(&format!("{path}production/"), json!({ "isHidden": true }))
        .await;
    assert_eq!(one.json()["isHidden"], true, "{}", one.text);
    assert_eq!(hub.get(path).await.text, "[]");
    assert_eq!(hub.get("organizations/acme/environments/").await.text, "[]");
    let hidden = hub.get(&format!("{path}?visibility=hidden")).await.json();
    assert_eq!(hidden[0]["name"], "production");
    let change = json!({ "environmentNames": ["production"], "isHidden": false });
    assert_eq!(hub.put(path, change).await.json()[0]["isHidden"], false);
    let wrong = json!({ "environmentNames": ["nowhere"], "isHidden": false });
    assert_eq!(
        hub.put(path, wrong).await.json()["field"],
        "environmentNames"
    );
    let missing = hub.get(&format!("{path}nowhere/")).await;
    assert_eq!(missing.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn an_organization_is_renamed() {
    let hub = Hub::new().await;
    let taken = hub
        .put("organizations/acme/", json!({ "slug": "other" }))
        .await;
    assert_eq!(taken.status, StatusCode::CONFLICT);
    let change = json!({ "slug": "acme-2", "name": " Acme Two " });
    let renamed = hub.put("organizations/acme/", change).await.json();
    assert_eq!(renamed["name"], "Acme Two");
    assert_eq!(
        hub.get("organizations/acme-2/").await.status,
        StatusCode::OK
    );
}

#[tokio::test]
async fn who_has_to_do_with_an_issue_is_told_of_it() {
    let hub = Hub::new().await;
    hub.seed().await;
    let note = json!({ "text": "@member, have a look. #everyone" });
    let written = hub.post("issues/1/notes/", note).await;
    assert_eq!(written.status, StatusCode::CREATED, "{}", written.text);
    let own = hub.get("issues/1/").await.json();
    assert_eq!(own["isSubscribed"], true);
    assert_eq!(own["subscriptionDetails"]["reason"], "commented");
    assert_eq!(own["participants"].as_array().unwrap().len(), 2, "{own}");
    let theirs = async |change: Option<Value>| {
        let method = if change.is_some() {
            Method::PUT
        } else {
            Method::GET
        };
        hub.ask(&hub.member, method, "issues/1/", change)
            .await
            .json()
    };
    let seen = theirs(None).await;
    assert_eq!(seen["subscriptionDetails"]["reason"], "mentioned");
    theirs(Some(json!({ "isSubscribed": false }))).await;
    let again = json!({ "text": "once more", "mentions": ["user:2"] });
    hub.post("issues/1/notes/", again).await;
    let seen = theirs(None).await;
    assert_eq!(seen["isSubscribed"], false, "their own wish stays");
    assert_eq!(seen["subscriptionDetails"], Value::Null);
    hub.put("issues/2/", json!({ "assignedTo": "#everyone" }))
        .await;
    let given = hub.get("issues/2/").await.json();
    assert_eq!(given["subscriptionDetails"]["reason"], "assigned");
    assert_eq!(given["participants"].as_array().unwrap().len(), 2);
    let nobody = json!({ "text": "x", "mentions": ["user:99"] });
    let refused = hub.post("issues/1/notes/", nobody).await;
    assert_eq!(refused.json()["field"], "mentions");
    // Without a mail server nothing is written that could not be sent.
    let letters = "SELECT COUNT(*) FROM notifications";
    assert_eq!(hub.state.store.number(letters).await, 0);
}

/// Every route with the roles it lets through: what is added to the router shows here, and who may
/// use it is decided by reading the change.
#[tokio::test]
async fn every_route_lets_through_the_roles_it_is_for() {
    let hub = Hub::new().await;
    hub.seed().await;
    let admin = hub.someone("admin@acme.example", Role::Admin).await;
    let manager = hub.someone("manager@acme.example", Role::Manager).await;
    let roles = [
        ("member", &hub.member),
        ("admin", &admin),
        ("manager", &manager),
        ("owner", &hub.owner),
    ];
    let mut lines = Vec::new();
    for (method, path, template) in access::documented() {
        // Logging out and the like are for everyone who is in.
        if !access::needs_scope(&path) {
            continue;
        }
        let path = access::relative(&path);
        let body = (method != Method::GET).then(|| access::complete_body(path));
        let mut through = Vec::new();
        for (role, token) in roles {
            // Some answers are streams that do not end: the status is enough.
            let body = body
                .as_ref()
                .map_or_else(Body::empty, |body| Body::from(body.to_string()));
            let request = Request::builder()
                .method(method.clone())
                .uri(format!("/api/0/{path}"))
                .header(header::AUTHORIZATION, format!("Bearer {token}"))
                .header(header::CONTENT_TYPE, "application/json")
                .body(body);
            let answer = hub.router.clone().oneshot(request.unwrap()).await.unwrap();
            assert_ne!(answer.status(), StatusCode::UNAUTHORIZED, "{method} {path}");
            if answer.status() != StatusCode::FORBIDDEN {
                through.push(role);
            }
        }
        lines.push(format!("{method} {template}: {}", through.join(" ")));
    }
    insta::assert_snapshot!("roles", lines.join("\n"));
}
