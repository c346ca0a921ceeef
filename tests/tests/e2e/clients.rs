//! Programs written for Sentry, as people use them, pointed at the hub: the command line client and
//! the server of the Model Context Protocol.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value, json};
use tests::site::Site;

fn installed(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("sdk").join(path)
}

/// Runs a program that has to succeed, and gives what it prints.
fn output(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(
        output.status.success(),
        "{command:?}: {}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

/// The command line client, talking to the hub about the site's project.
fn cli(site: &Site, arguments: &[&str]) -> Command {
    let mut command = Command::new(installed("node_modules/.bin/sentry-cli"));
    command
        .args(arguments)
        .env("SENTRY_URL", site.hub_url())
        .env("SENTRY_AUTH_TOKEN", &site.access().api_token)
        .env("SENTRY_ORG", site.org())
        .env("SENTRY_PROJECT", site.project())
        .env("SENTRY_DISABLE_UPDATE_CHECK", "1")
        .env_remove("SENTRY_DSN")
        .current_dir(site.dir());
    command
}

fn git(dir: &Path, arguments: &[&str]) -> String {
    let mut command = Command::new("git");
    command
        .args(["-c", "user.name=Ann", "-c", "user.email=ann@example.org"])
        .args(arguments)
        .current_dir(dir)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_SYSTEM", "/dev/null");
    output(&mut command)
}

/// An error in `shop/checkout.py`.
fn raised(kind: &str, release: &str) -> Value {
    json!({
        "platform": "python",
        "release": release,
        "environment": "production",
        "user": { "id": "u-1" },
        "exception": { "values": [{ "type": kind, "value": "amount too large", "stacktrace": {
            "frames": [{
                "filename": "shop/checkout.py", "function": kind, "lineno": 1, "in_app": true,
            }],
        } }] },
        "threads": { "values": [{ "id": 1, "name": "main", "crashed": true, "stacktrace": {
            "frames": [{ "filename": "shop/main.py", "function": "run", "in_app": true }],
        } }] },
        "breadcrumbs": { "values": [{ "category": "http", "message": "POST /pay" }] },
    })
}

async fn issue(site: &Site, kind: &str) -> Value {
    let found = site.api().issues(site.org(), kind, 1).await.unwrap();
    found[0].clone()
}

#[tokio::test]
async fn sentry_cli_lists_and_changes_issues() {
    let site = Site::start().await.unwrap();
    for kind in ["FirstError", "SecondError"] {
        site.sdk().send(&raised(kind, "shop@1.0.0")).await.unwrap();
    }
    site.settled(2).await.unwrap();
    let (first, second) = (
        issue(&site, "FirstError").await,
        issue(&site, "SecondError").await,
    );
    let id = |issue: &Value| issue["id"].as_str().unwrap().to_owned();

    let projects = output(&mut cli(&site, &["projects", "list"]));
    assert!(projects.contains("shop"), "{projects}");
    let info = output(&mut cli(&site, &["info"]));
    assert!(info.contains("admin@example.com"), "{info}");
    let organizations = output(&mut cli(&site, &["organizations", "list"]));
    assert!(organizations.contains("acme"), "{organizations}");
    let issues = output(&mut cli(&site, &["issues", "list"]));
    for wanted in ["FirstError", "SecondError", "SHOP-1", "unresolved"] {
        assert!(issues.contains(wanted), "{wanted}: {issues}");
    }
    let found = output(&mut cli(
        &site,
        &["issues", "list", "--query", "FirstError"],
    ));
    assert!(!found.contains("SecondError"), "{found}");
    let events = output(&mut cli(&site, &["events", "list", "--show-tags"]));
    assert!(events.contains("FirstError: amount too large"), "{events}");

    output(&mut cli(&site, &["issues", "resolve", "--id", &id(&first)]));
    output(&mut cli(&site, &["issues", "mute", "--id", &id(&second)]));
    let state = async |issue: &Value| {
        let path = format!("organizations/{}/issues/{}/", site.org(), id(issue));
        site.api().get(&path).await.unwrap()["status"].clone()
    };
    assert_eq!(state(&first).await, "resolved");
    assert_eq!(state(&second).await, "ignored");
    output(&mut cli(&site, &["issues", "unresolve", "--all"]));
    assert_eq!(state(&first).await, "unresolved");
}

#[tokio::test]
async fn sentry_cli_tells_of_releases_their_commits_and_deploys() {
    let site = Site::start().await.unwrap();
    let repository = site.dir().join("repository");
    std::fs::create_dir_all(repository.join("shop")).unwrap();
    git(&repository, &["init", "--quiet", "--initial-branch=main"]);
    let commit = |file: &str, message: &str| {
        std::fs::write(repository.join(file), message).unwrap();
        git(&repository, &["add", "."]);
        git(&repository, &["commit", "--quiet", "--message", message]);
        git(&repository, &["rev-parse", "HEAD"]).trim().to_owned()
    };
    commit("README.md", "Begin");
    git(
        &repository,
        &[
            "remote",
            "add",
            "origin",
            "https://git.example.org/acme/shop.git",
        ],
    );
    let releases = |arguments: &[&str]| {
        let mut command = cli(&site, &[]);
        output(
            command
                .arg("releases")
                .args(arguments)
                .current_dir(&repository),
        )
    };
    releases(&["new", "shop@1.0.0"]);
    releases(&["set-commits", "shop@1.0.0", "--local"]);
    let suspect = commit("shop/checkout.py", "Pay by card");
    releases(&["new", "shop@1.1.0"]);
    releases(&["set-commits", "shop@1.1.0", "--local"]);
    releases(&["finalize", "shop@1.1.0"]);
    let deploys = |arguments: &[&str]| output(cli(&site, &["deploys"]).args(arguments));
    deploys(&["new", "--release", "shop@1.1.0", "--env", "production"]);
    let listed = deploys(&["list", "--release", "shop@1.1.0"]);
    assert!(listed.contains("production"), "{listed}");
    let listed = releases(&["list"]);
    assert!(
        listed.contains("1.1.0") && listed.contains("1.0.0"),
        "{listed}"
    );
    assert!(releases(&["info", "shop@1.1.0"]).contains("shop@1.1.0"));

    let path = format!("organizations/{}/releases/shop%401.1.0/", site.org());
    let release = site.api().get(&path).await.unwrap();
    assert_eq!(
        release["commitCount"], 1,
        "what came since the release before: {release}"
    );
    assert_eq!(release["lastCommit"]["id"], suspect.as_str());
    assert_eq!(release["lastDeploy"]["environment"], "production");
    assert!(release["dateReleased"].is_string(), "{release}");

    site.sdk()
        .send(&raised("PaymentError", "shop@1.1.0"))
        .await
        .unwrap();
    site.settled(1).await.unwrap();
    let id = issue(&site, "PaymentError").await["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let path = format!("organizations/{}/issues/{id}/", site.org());
    let committers = site.api().get(&format!("{path}committers/")).await.unwrap();
    let found = &committers["committers"][0];
    assert_eq!(found["commits"][0]["id"], suspect.as_str(), "{committers}");
    assert_eq!(found["author"]["email"], "ann@example.org", "{committers}");

    let fix = commit("shop/checkout.py", "Take larger amounts");
    let wish = json!({ "status": "resolved", "statusDetails": { "inCommit": { "commit": fix } } });
    site.api().put(&path, &wish).await.unwrap();
    releases(&["new", "shop@1.2.0", "--finalize"]);
    releases(&["set-commits", "shop@1.2.0", "--local"]);
    let resolved = site.api().get(&path).await.unwrap();
    assert_eq!(
        resolved["statusDetails"]["inRelease"], "shop@1.2.0",
        "{resolved}"
    );
    releases(&["archive", "shop@1.0.0"]);
    releases(&["delete", "shop@1.0.0"]);
    assert!(!releases(&["list"]).contains("1.0.0"));
}

/// A server of the Model Context Protocol, spoken to as assistants do: a line of JSON each way.
struct Assistant {
    server: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
    n_asked: u64,
}

impl Assistant {
    fn start(site: &Site) -> Self {
        let host = site.hub_url().trim_start_matches("http://");
        let mut server = Command::new("node")
            .arg(installed("mcp/node_modules/@sentry/mcp-server/dist/index.js"))
            .arg(format!("--access-token={}", site.access().api_token))
            .arg(format!("--host={host}"))
            .args(["--insecure-http", "--all-skills"])
            // Without one it tells nobody of itself.
            .env_remove("SENTRY_DSN")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let to = server.stdin.take().unwrap();
        let from = BufReader::new(server.stdout.take().unwrap());
        let mut assistant = Self {
            server,
            to,
            from,
            n_asked: 0,
        };
        let who = json!({
            "protocolVersion": "2025-06-18",
            "capabilities": {},
            "clientInfo": { "name": "tests", "version": "1" },
        });
        assistant.ask("initialize", &who);
        assistant.send(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }));
        assistant
    }

    fn send(&mut self, message: &Value) {
        writeln!(self.to, "{message}").unwrap();
    }

    fn ask(&mut self, method: &str, params: &Value) -> Value {
        self.n_asked += 1;
        let id = self.n_asked;
        self.send(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }));
        loop {
            let mut line = String::new();
            assert_ne!(
                self.from.read_line(&mut line).unwrap(),
                0,
                "the server has ended"
            );
            let message: Value = serde_json::from_str(&line).unwrap();
            if message["id"] == id {
                return message["result"].clone();
            }
        }
    }

    /// Calls a tool that has to succeed, and gives what it says.
    fn call(&mut self, tool: &str, arguments: &Value) -> String {
        let asked = json!({ "name": "execute_sentry_tool", "arguments": {
            "name": tool, "arguments": arguments,
        } });
        let answer = self.ask("tools/call", &asked);
        let parts = answer["content"].as_array().unwrap();
        let said: Vec<&str> = parts
            .iter()
            .filter_map(|part| part["text"].as_str())
            .collect();
        let said = said.join("\n");
        assert_ne!(answer["isError"], true, "{tool} {arguments}: {said}");
        said
    }
}

impl Drop for Assistant {
    fn drop(&mut self) {
        drop(self.server.kill());
        drop(self.server.wait());
    }
}

#[tokio::test]
async fn the_mcp_server_finds_reads_and_changes() {
    let site = Site::start().await.unwrap();
    site.sdk()
        .send(&raised("PaymentError", "shop@1.0.0"))
        .await
        .unwrap();
    site.settled(1).await.unwrap();
    let issue = issue(&site, "PaymentError").await;
    let short_id = issue["shortId"].as_str().unwrap();
    let (org, project) = (site.org(), site.project());
    let latest = format!("organizations/{org}/issues/{short_id}/events/latest/");
    let latest = site.api().get(&latest).await.unwrap();
    let event_id = latest["eventID"].as_str().unwrap();
    let report = json!({ "event_id": event_id, "name": "Jane", "comments": "I could not pay" });
    let reports = format!("projects/{org}/{project}/user-feedback/");
    site.api().post(&reports, &report).await.unwrap();
    let me = site.api().get("auth/").await.unwrap();
    let mut assistant = Assistant::start(&site);
    let mut check = |tool: &str, arguments: Value, wanted: &[&str]| {
        let mut arguments = arguments;
        arguments["organizationSlug"] = json!(org);
        let said = assistant.call(tool, &arguments);
        for text in wanted {
            assert!(said.contains(text), "{tool}: no {text} in {said}");
        }
    };
    check("whoami", json!({}), &["admin@example.com"]);
    check("find_organizations", json!({}), &[org]);
    check("find_projects", json!({}), &[project]);
    check("find_teams", json!({}), &["everyone"]);
    check("find_releases", json!({}), &["1.0.0"]);
    check(
        "find_dsns",
        json!({ "projectSlug": project }),
        &[site.dsn()],
    );
    let query = json!({ "query": "is:unresolved PaymentError" });
    check("search_issues", query, &[short_id, "PaymentError"]);
    let of_issue = json!({ "issueId": short_id });
    let of_event = [
        "PaymentError: amount too large",
        "shop/checkout.py",
        "production",
    ];
    let details = json!({ "resourceType": "issue", "resourceId": short_id });
    check("get_sentry_resource", details, &of_event);
    check("get_issue_details", of_issue.clone(), &of_event);
    let event = json!({ "eventId": event_id });
    check("get_issue_details", event, &[short_id, event_id]);
    let event = json!({ "issueId": short_id, "eventId": "latest" });
    check(
        "get_event_stacktrace",
        event.clone(),
        &["main", "shop/main.py"],
    );
    check("get_issue_breadcrumbs", event, &["POST /pay"]);
    check(
        "get_issue_user_reports",
        of_issue.clone(),
        &["I could not pay"],
    );
    let release = json!({ "releaseVersion": "shop@1.0.0" });
    check("get_release_details", release, &["shop@1.0.0"]);
    check("get_issue_activity", of_issue.clone(), &["first_seen"]);
    let tag = json!({ "issueId": short_id, "tagKey": "environment" });
    check("get_issue_tag_values", tag, &["production"]);
    let within = json!({ "issueId": short_id, "query": "environment:production" });
    check("search_issue_events", within, &["PaymentError"]);
    let events = json!({ "dataset": "errors", "query": "error.type:PaymentError" });
    check("search_events", events, &["PaymentError", short_id]);
    let counts = json!({
        "dataset": "errors", "query": "level:error", "sort": "-count()",
        "fields": ["issue", "title", "project", "count()", "count_unique(user)", "last_seen()"],
    });
    check("search_events", counts, &["PaymentError", "count()"]);
    let note = json!({ "issueId": short_id, "text": "Looking at it" });
    check("add_issue_note", note, &[]);
    check("get_issue_activity", of_issue, &["Looking at it"]);
    let assign = json!({ "issueId": short_id, "assignedTo": format!("user:{}", me["id"].as_str().unwrap()) });
    check("update_issue", assign, &["Assigned To", "Admin"]);
    let assigned = json!({ "query": "assigned:me" });
    check("search_issues", assigned, &[short_id]);
    let archive = json!({
        "issueId": short_id, "status": "ignored", "ignoreMode": "untilOccurrenceCount",
        "ignoreCount": 10,
    });
    check("update_issue", archive, &["Ignore Behavior", "10"]);
    let resolve = json!({ "issueId": short_id, "status": "resolved" });
    check("update_issue", resolve, &["resolved"]);
    let path = format!("organizations/{org}/issues/{short_id}/");
    assert_eq!(site.api().get(&path).await.unwrap()["status"], "resolved");
}
