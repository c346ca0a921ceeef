//! Mail over SMTP.

use lettre::message::header::ContentType;
use lettre::transport::smtp::authentication::Credentials;
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};

use super::{Config, NotifyError};

/// Longest subject, in characters.
const SUBJECT_CHARS_MAX: usize = 200;

/// The mail client; cheap to clone.
#[derive(Clone)]
pub(super) struct Mailer {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: lettre::message::Mailbox,
}

impl std::fmt::Debug for Mailer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mailer")
            .field("from", &self.from)
            .finish_non_exhaustive()
    }
}

impl Mailer {
    pub(super) fn new(config: &Config) -> Result<Self, NotifyError> {
        let wrong = |key: &'static str, reason: &dyn std::fmt::Display| NotifyError::Config {
            key,
            reason: reason.to_string(),
        };
        let from = config
            .mail_from
            .parse()
            .map_err(|error| wrong("mail_from", &error))?;
        let mut transport = AsyncSmtpTransport::<Tokio1Executor>::from_url(&config.smtp)
            .map_err(|error| wrong("smtp", &error))?
            .timeout(Some(config.timeout.0));
        if let Some(path) = &config.smtp_password_file {
            let password = std::fs::read_to_string(path)
                .map_err(|error| wrong("smtp_password_file", &error))?;
            let user = user_of(&config.smtp)
                .ok_or_else(|| wrong("smtp", &"a password needs a user: smtp://user@host"))?;
            transport =
                transport.credentials(Credentials::new(user, password.trim_end().to_owned()));
        }
        Ok(Self {
            transport: transport.build(),
            from,
        })
    }

    /// Sends the notification as plain text.
    pub(super) async fn send(&self, to: &str, payload: &str) -> Result<(), NotifyError> {
        let to = to
            .parse()
            .map_err(|error| NotifyError::Address(format!("{to}: {error}")))?;
        let (subject, body) = letter(payload);
        let message = Message::builder()
            .from(self.from.clone())
            .to(to)
            .subject(subject)
            .header(ContentType::TEXT_PLAIN)
            .body(body)
            .map_err(|error| NotifyError::Mail(error.to_string()))?;
        let sent = self.transport.send(message).await;
        sent.map(drop)
            .map_err(|error| NotifyError::Mail(error.to_string()))
    }
}

/// The user in `smtp://user@host`.
fn user_of(url: &str) -> Option<String> {
    let (user, _) = url.split_once("://")?.1.rsplit_once('@')?;
    Some(user.split(':').next()?.to_owned())
}

/// Subject and text of a notification.
fn letter(payload: &str) -> (String, String) {
    let json: serde_json::Value = serde_json::from_str(payload).unwrap_or_default();
    let text = |pointer: &str| {
        json.pointer(pointer)
            .and_then(|v| v.as_str())
            .unwrap_or_default()
    };
    let what = match text("/change") {
        "regression" => "Seen again after it was resolved",
        "test" => "A test: this rule can reach you",
        _ => "New issue",
    };
    let title = text("/data/issue/title");
    let subject = format!("[{}] {title}", text("/data/issue/shortId"));
    let subject = subject
        .chars()
        .filter(|c| !c.is_control())
        .take(SUBJECT_CHARS_MAX)
        .collect();
    let mut lines = vec![what.to_owned(), String::new(), title.to_owned()];
    for (label, pointer) in [
        ("Where", "/data/issue/culprit"),
        ("Level", "/data/issue/level"),
        ("Project", "/data/issue/project"),
        ("Environment", "/data/event/environment"),
        ("Events", "/data/issue/count"),
        ("Rule", "/data/triggered_rule"),
    ] {
        if !text(pointer).is_empty() {
            lines.push(format!("{label}: {}", text(pointer)));
        }
    }
    lines.extend([
        String::new(),
        text("/data/issue/web_url").to_owned(),
        String::new(),
    ]);
    (subject, lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_letter_says_what_where_and_how_often() {
        let payload = r#"{"change":"regression","data":{"triggered_rule":"everyone","issue":{
            "shortId":"SHOP-1","title":"ValueError: x\ny","culprit":"shop.pay","level":"error",
            "project":"shop","count":"7","web_url":"http://hub/issues/1/"},"event":{}}}"#;
        let (subject, body) = letter(payload);
        assert_eq!(subject, "[SHOP-1] ValueError: xy");
        assert!(body.starts_with("Seen again after it was resolved\n"));
        assert!(body.contains("Where: shop.pay\nLevel: error\nProject: shop\nEvents: 7\n"));
        assert!(body.contains("http://hub/issues/1/"));
        assert!(!body.contains("Environment"));
    }

    #[test]
    fn finds_the_user() {
        assert_eq!(user_of("smtp://jane:x@host:25"), Some("jane".to_owned()));
        assert_eq!(user_of("smtp://host:25"), None);
    }
}
