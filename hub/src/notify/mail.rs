//! Mail over SMTP.

use lettre::address::AddressError;
use lettre::message::MultiPart;
use lettre::message::header::{HeaderName, HeaderValue};
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
        let from = config.mail_from.parse();
        let from = from.map_err(|error: AddressError| NotifyError::Config {
            key: "mail_from",
            reason: error.to_string(),
        })?;
        Ok(Self {
            transport: super::smtp::transport(config)?,
            from,
        })
    }

    /// Sends the notification, as plain text and as HTML that says the same.
    pub(super) async fn send(&self, to: &str, payload: &str) -> Result<(), NotifyError> {
        let to = to
            .parse()
            .map_err(|error| NotifyError::Address(format!("{to}: {error}")))?;
        let (subject, body) = letter(payload);
        let message = Message::builder()
            .from(self.from.clone())
            .to(to)
            .subject(subject)
            .message_id(None)
            // No one is to answer it by machine: RFC 3834.
            .raw_header(HeaderValue::new(
                HeaderName::new_from_ascii_str("Auto-Submitted"),
                "auto-generated".to_owned(),
            ))
            .multipart(MultiPart::alternative_plain_html(body.clone(), html(&body)))
            .map_err(|error| NotifyError::Mail(error.to_string()))?;
        let sent = self.transport.send(message).await;
        sent.map(drop)
            .map_err(|error| NotifyError::Mail(error.to_string()))
    }
}

/// A text as HTML: the same lines, where addresses can be followed. Whatever the text holds stays
/// text.
fn html(text: &str) -> String {
    let mut lines = String::new();
    for line in text.lines() {
        let escaped = escape(line);
        let is_address = line.starts_with("https://") || line.starts_with("http://");
        if is_address && !line.contains(char::is_whitespace) {
            lines.push_str("<a href=\"");
            lines.push_str(&escaped);
            lines.push_str("\">");
            lines.push_str(&escaped);
            lines.push_str("</a>");
        } else {
            lines.push_str(&escaped);
        }
        lines.push_str("<br>\n");
    }
    format!(
        "<!doctype html>\n<html><body style=\"font-family: sans-serif\">\n{lines}</body></html>\n"
    )
}

/// A text in which HTML sees nothing but text.
fn escape(text: &str) -> String {
    text.chars().fold(String::new(), |mut escaped, c| {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            _ => escaped.push(c),
        }
        escaped
    })
}

/// A text as a subject: one line, and not too long.
fn subject_of(text: &str) -> String {
    text.chars()
        .filter(|c| !c.is_control())
        .take(SUBJECT_CHARS_MAX)
        .collect()
}

/// Subject and text of a notification.
fn letter(payload: &str) -> (String, String) {
    let json: serde_json::Value = serde_json::from_str(payload).unwrap_or_default();
    let text = |pointer: &str| {
        json.pointer(pointer)
            .and_then(|v| v.as_str())
            .unwrap_or_default()
    };
    if text("/action") == "letter" {
        return (
            subject_of(text("/data/subject")),
            text("/data/text").to_owned(),
        );
    }
    if let Some(relays) = json.pointer("/data/relays").and_then(|v| v.as_array()) {
        return fleet_letter(&json, relays);
    }
    if text("/change") == "spike_protection" {
        return spike_letter(&json);
    }
    let what = match text("/change") {
        "regression" => "Seen again after it was resolved",
        "escalating" => "Archived, and seen more often than foretold",
        "test" => "A test: this rule can reach you",
        _ => "New issue",
    };
    let title = text("/data/issue/title");
    let subject = subject_of(&format!("[{}] {title}", text("/data/issue/shortId")));
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

/// Subject and text of a notification about a limit against spikes.
fn spike_letter(notification: &serde_json::Value) -> (String, String) {
    let text = |pointer: &str| {
        let found = notification.pointer(pointer).and_then(|v| v.as_str());
        found.unwrap_or_default()
    };
    let refused = notification.pointer("/data/refused");
    let refused = refused.and_then(serde_json::Value::as_i64).unwrap_or(0);
    let project = text("/data/project/slug");
    let what = if text("/action") == "resolved" {
        format!("Spike protection is over: it refused {refused} errors")
    } else {
        "Spike protection refuses errors: much more comes than usual".to_owned()
    };
    let mut lines = vec![what.clone(), String::new()];
    lines.push(format!("Project: {project}"));
    lines.push(format!("Refused: {refused}"));
    for (label, pointer) in [("Since", "/data/since"), ("Until", "/data/until")] {
        if !text(pointer).is_empty() {
            lines.push(format!("{label}: {}", text(pointer)));
        }
    }
    lines.extend([
        String::new(),
        text("/data/web_url").to_owned(),
        String::new(),
    ]);
    (subject_of(&format!("[{project}] {what}")), lines.join("\n"))
}

/// Subject and text of a notification about relays.
fn fleet_letter(
    notification: &serde_json::Value,
    relays: &[serde_json::Value],
) -> (String, String) {
    let text = |of: &serde_json::Value, pointer: &str| {
        let found = of.pointer(pointer).and_then(|v| v.as_str());
        found.unwrap_or_default().to_owned()
    };
    let what = match text(notification, "/data/condition").as_str() {
        "dark" => "not heard of",
        "behind" => "behind with delivery",
        "unbalanced" => "accounts do not add up",
        "failing_disk" => "disk is failing",
        "cloned" => "its identity is held twice",
        "incompatible" => "program is of another time than the hub's",
        _ => "in trouble",
    };
    let is_over = text(notification, "/action") == "resolved";
    let what = if is_over {
        format!("over: {what}")
    } else {
        what.to_owned()
    };
    let n = notification
        .pointer("/data/count")
        .and_then(serde_json::Value::as_u64);
    let n = n.unwrap_or(relays.len() as u64);
    let who = match relays {
        [one] => format!("relay {}", text(one, "/name")),
        _ => format!("{n} relays"),
    };
    let subject = subject_of(&format!("[fleet] {who}: {what}"));
    let mut lines = vec![format!("{who}: {what}"), String::new()];
    for relay in relays {
        let detail = text(relay, "/detail");
        let colon = if detail.is_empty() { "" } else { ": " };
        lines.push(format!("{}{colon}{detail}", text(relay, "/name")));
        lines.push(format!("  since {}", text(relay, "/since")));
        lines.push(format!("  {}", text(relay, "/web_url")));
    }
    if n > relays.len() as u64 {
        lines.push(format!("and {} more", n - relays.len() as u64));
    }
    lines.extend([
        String::new(),
        text(notification, "/data/web_url"),
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
    fn html_says_what_the_text_says_and_runs_nothing() {
        let text = "<script>alert(1)</script> & \"so\"\n\nhttp://hub/issues/1/\nhttp://x y";
        let shown = html(text);
        assert!(!shown.contains("<script>"), "{shown}");
        assert!(shown.contains("&lt;script&gt;alert(1)&lt;/script&gt; &amp; &quot;so&quot;<br>"));
        assert!(shown.contains("<a href=\"http://hub/issues/1/\">http://hub/issues/1/</a><br>"));
        assert!(shown.contains("\nhttp://x y<br>"), "{shown}");
    }

    #[test]
    fn a_letter_to_a_person_is_sent_as_it_is_written() {
        let payload = r#"{"action":"letter","data":{"subject":"Hi\nBcc: x","text":"Come in"}}"#;
        let (subject, body) = letter(payload);
        assert_eq!((subject.as_str(), body.as_str()), ("HiBcc: x", "Come in"));
    }

    #[test]
    fn a_letter_about_relays_says_which_and_what() {
        let payload = r#"{"action":"triggered","change":"relay_dark","data":{"condition":"dark",
            "count":1,"relays":[{"name":"shop-1","detail":"not heard of for 2 min 0 s",
            "since":"2026-01-01T00:00:00Z","web_url":"http://hub/fleet/r/"}],
            "web_url":"http://hub/fleet/"}}"#;
        let (subject, body) = letter(payload);
        assert_eq!(subject, "[fleet] relay shop-1: not heard of");
        assert!(body.contains("shop-1: not heard of for 2 min 0 s\n  since 2026"));
        let over = payload
            .replace("triggered", "resolved")
            .replace("\"count\":1", "\"count\":3");
        let (subject, body) = letter(&over);
        assert_eq!(subject, "[fleet] relay shop-1: over: not heard of");
        assert!(body.contains("and 2 more\n"));
    }
}
