//! A rule that really notifies: a new issue reaches a webhook and a mail box, once.

use std::time::Duration;

use serde_json::{Value, json};
use tests::site::Site;

mod receivers;

use receivers::{MailServer, WebhookServer};

#[tokio::test(flavor = "multi_thread")]
async fn a_new_issue_reaches_webhook_and_mail_once() {
    let hooks = WebhookServer::start();
    let mails = MailServer::start();
    let site = Site::start_with_mail(&mails.url()).await.unwrap();
    let rule = json!({
        "name": "tell everyone",
        "triggers": ["new_issue", "regression"],
        "actions": [{"type": "webhook", "url": hooks.url()}, {"type": "email", "to": "jane@example.com"}],
        "frequencyMinutes": 5,
    });
    let path = format!("projects/{}/{}/rules/", site.org(), site.project());
    site.api().post(&path, &rule).await.unwrap();

    site.sdk()
        .send(&json!({"message": "the kettle is on fire"}))
        .await
        .unwrap();
    let hook = hooks.next(Duration::from_secs(60)).expect("a webhook");
    let hook: Value = serde_json::from_str(&hook).unwrap();
    assert_eq!(hook["change"], "new_issue");
    assert_eq!(hook["data"]["issue"]["title"], "the kettle is on fire");
    let mail = mails.next(Duration::from_secs(60)).expect("a mail");
    assert!(mail.contains("the kettle is on fire"), "{mail}");
    assert!(mail.contains("To: jane@example.com"), "{mail}");

    // A second event of the same issue tells nobody.
    site.sdk()
        .send(&json!({"message": "the kettle is on fire"}))
        .await
        .unwrap();
    site.settled(2).await.unwrap();
    let sent = format!("projects/{}/{}/notifications/", site.org(), site.project());
    let sent = site.api().get(&sent).await.unwrap();
    assert_eq!(sent.as_array().map(Vec::len), Some(2), "{sent}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issue_that_comes_back_reaches_webhook_and_mail() {
    let hooks = WebhookServer::start();
    let mails = MailServer::start();
    let site = Site::start_with_mail(&mails.url()).await.unwrap();
    let rule = json!({
        "name": "it is back",
        "triggers": ["regression"],
        "actions": [{"type": "webhook", "url": hooks.url()}, {"type": "email", "to": "jane@example.com"}],
        "frequencyMinutes": 5,
    });
    let path = format!("projects/{}/{}/rules/", site.org(), site.project());
    site.api().post(&path, &rule).await.unwrap();

    let leak = json!({"message": "the roof leaks"});
    site.sdk().send(&leak).await.unwrap();
    let issue = site
        .api()
        .issues(site.org(), "leaks", 1)
        .await
        .unwrap()
        .remove(0);
    let id = issue["id"].as_str().unwrap();
    let issue = format!("organizations/{}/issues/{id}/", site.org());
    let resolved = json!({"status": "resolved"});
    site.api().put(&issue, &resolved).await.unwrap();
    site.sdk().send(&leak).await.unwrap();

    let hook = hooks.next(Duration::from_secs(60)).expect("a webhook");
    let hook: Value = serde_json::from_str(&hook).unwrap();
    assert_eq!(hook["change"], "regression");
    assert_eq!(hook["data"]["issue"]["id"], id);
    let mail = mails.next(Duration::from_secs(60)).expect("a mail");
    assert!(mail.contains("the roof leaks"), "{mail}");
    // The first time was no regression and told nobody.
    let sent = format!("projects/{}/{}/notifications/", site.org(), site.project());
    let sent = site.api().get(&sent).await.unwrap();
    assert_eq!(sent.as_array().map(Vec::len), Some(2), "{sent}");
}
