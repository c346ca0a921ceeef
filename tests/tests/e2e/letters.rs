//! Letters as a mail server takes them: over TLS, with a password, and whole.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use serde_json::{Value, json};
use tests::site::Site;

/// Mails that may wait to be looked at.
const WAITING: usize = 64;
const PASSWORD: &str = "a word that only two know";

/// A mail server; see `sdk/mail.py`.
struct MailServer {
    server: Child,
    port: u16,
    mails: Receiver<Value>,
}

impl MailServer {
    /// One whose certificate is from an authority of its own, which is left in the directory.
    fn start(dir: &Path) -> Self {
        let authority_key = KeyPair::generate().unwrap();
        let mut authority = CertificateParams::new(Vec::new()).unwrap();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = authority.self_signed(&authority_key).unwrap();
        std::fs::write(dir.join("ca.pem"), certificate.pem()).unwrap();
        let key = KeyPair::generate().unwrap();
        let own = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let own = own
            .signed_by(&key, &Issuer::new(authority, authority_key))
            .unwrap();
        std::fs::write(dir.join("server.pem"), own.pem()).unwrap();
        std::fs::write(dir.join("key.pem"), key.serialize_pem()).unwrap();
        std::fs::write(dir.join("password"), PASSWORD).unwrap();

        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut server = Command::new("python3")
            .arg(root.join("sdk/mail.py"))
            .args([dir.join("server.pem"), dir.join("key.pem")])
            .args(["vedette", PASSWORD])
            .env("PYTHONPATH", root.join("../target/sdk/python"))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(server.stdout.take().unwrap()).lines();
        let port = said.next().expect("a port").unwrap().parse().unwrap();
        let (taken, mails) = sync_channel(WAITING);
        std::thread::spawn(move || {
            for line in said.map_while(Result::ok) {
                drop(taken.send(serde_json::from_str(&line).unwrap()));
            }
        });
        Self {
            server,
            port,
            mails,
        }
    }

    /// The next mail: protected, from the hub, whole, and the same in both its parts.
    fn next(&self, to: &str) -> (String, String) {
        let mail = self
            .mails
            .recv_timeout(Duration::from_secs(60))
            .expect("a mail");
        assert_eq!(mail["tls"], true, "{mail}");
        assert_eq!(mail["authenticated"], true, "{mail}");
        assert_eq!(mail["from"], "vedette@example.org", "{mail}");
        assert_eq!(mail["to"], json!([to]), "{mail}");
        let headers = &mail["headers"];
        assert_eq!(headers["From"], "Vedette <vedette@example.org>", "{mail}");
        assert_eq!(headers["To"], to, "{mail}");
        assert_eq!(headers["Auto-Submitted"], "auto-generated", "{mail}");
        for name in ["Date", "Message-ID", "MIME-Version"] {
            assert!(headers[name].is_string(), "no {name}: {mail}");
        }
        let part = |kind: &str| mail["parts"][kind].as_str().expect(kind).to_owned();
        let (text, html) = (part("text/plain"), part("text/html"));
        for line in text
            .lines()
            .filter(|line| !line.contains(['&', '<', '>', '"']))
        {
            assert!(html.contains(line.trim_end()), "{line:?} is not in {html}");
        }
        (headers["Subject"].as_str().unwrap().to_owned(), text)
    }
}

impl Drop for MailServer {
    fn drop(&mut self) {
        drop(self.server.kill());
        drop(self.server.wait());
    }
}

#[tokio::test]
async fn alerts_invitations_and_mentions_reach_a_server_that_wants_tls_and_a_password() {
    let dir = tempfile::tempdir().unwrap();
    let mails = MailServer::start(dir.path());
    let site = Site::temporary(|plan| {
        let dir = dir.path().to_str().unwrap();
        plan.smtp = format!("smtp://vedette@localhost:{}?tls=required", mails.port);
        plan.notify_settings = format!(
            "smtp_ca_file = \"{dir}/ca.pem\"\nsmtp_password_file = \"{dir}/password\"\n\
             mail_from = \"Vedette <vedette@example.org>\"\n"
        );
    });
    let site = site.await.unwrap();
    let rule = json!({
        "name": "tell jane",
        "triggers": ["new_issue"],
        "actions": [{ "type": "email", "to": "jane@example.com" }],
        "frequencyMinutes": 5,
    });
    let rules = format!("projects/{}/{}/rules/", site.org(), site.project());
    site.api().post(&rules, &rule).await.unwrap();
    let event = json!({ "message": "Grüße: <b>the kettle</b> is on fire" });
    site.sdk().send(&event).await.unwrap();
    let (subject, text) = mails.next("jane@example.com");
    assert_eq!(subject, "[SHOP-1] Grüße: <b>the kettle</b> is on fire");
    assert!(text.contains("New issue"), "{text}");
    assert!(
        text.contains(&format!("{}/organizations/acme/issues/", site.hub_url())),
        "{text}"
    );

    let members = format!("organizations/{}/members/", site.org());
    let ben = json!({ "email": "ben@example.com", "orgRole": "member" });
    let made = site.api().post(&members, &ben).await.unwrap();
    let (_, text) = mails.next("ben@example.com");
    let token = text.split("/invitation?token=").nth(1).expect("a link");
    let token: String = token.chars().take_while(char::is_ascii_hexdigit).collect();
    let accepted = json!({ "token": token, "name": "Ben", "password": "long enough for Ben" });
    site.api()
        .post("auth/invitation/", &accepted)
        .await
        .unwrap();

    let user = made["user"]["id"].as_str().unwrap();
    let issue = site
        .api()
        .issues(site.org(), "kettle", 1)
        .await
        .unwrap()
        .remove(0);
    let notes = format!(
        "organizations/{}/issues/{}/notes/",
        site.org(),
        issue["id"].as_str().unwrap()
    );
    let note = json!({ "text": "Ben, is it yours?", "mentions": [format!("user:{user}")] });
    site.api().post(&notes, &note).await.unwrap();
    let (subject, text) = mails.next("ben@example.com");
    assert!(subject.contains("SHOP-1"), "{subject}");
    assert!(text.contains("Ben, is it yours?"), "{text}");
}

#[tokio::test]
async fn a_server_that_nobody_vouches_for_is_told_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let mails = MailServer::start(dir.path());
    let site = Site::temporary(|plan| {
        let dir = dir.path().to_str().unwrap();
        plan.smtp = format!("smtp://vedette@localhost:{}?tls=required", mails.port);
        plan.notify_settings = format!("smtp_password_file = \"{dir}/password\"\n");
    });
    let site = site.await.unwrap();
    let rule = json!({
        "name": "tell jane",
        "triggers": ["new_issue"],
        "actions": [{ "type": "email", "to": "jane@example.com" }],
        "frequencyMinutes": 5,
    });
    let rules = format!("projects/{}/{}/rules/", site.org(), site.project());
    let made = site.api().post(&rules, &rule).await.unwrap();
    let test = format!("{rules}{}/test/", made["id"].as_str().unwrap());
    let refused = site
        .api()
        .post(&test, &json!({}))
        .await
        .unwrap_err()
        .to_string();
    assert!(refused.contains("409"), "{refused}");
    assert!(mails.mails.try_recv().is_err());
}
