//! Programs that walk the web.

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;

/// Marks of crawlers and monitors, in any case. Words that end in `bot` are found beside.
const CRAWLERS: &[&str] = &[
    "mediapartners-google",
    "adsbot",
    "googlebot",
    "feedfetcher-google",
    "google-inspectiontool",
    "google-read-aloud",
    "bingpreview",
    "baiduspider",
    "slurp",
    "sogou",
    "facebookexternalhit",
    "meta-externalagent",
    "ia_archiver",
    "spider",
    "slack-imgproxy",
    "calypso appcrawler",
    "pingdom",
    "aws security scanner",
    "hubspot crawler",
    "bytespider",
    "better uptime",
    "cloudflare-healthchecks",
    "gtmetrix",
    "elb-healthchecker",
    "kube-probe",
    "googlehc",
    "uptime-kuma",
    "site24x7",
    "statuscake",
    "newrelicpinger",
    "lighthouse",
    "headlesschrome-prerender",
    "prerender",
    "whatsapp/",
    "crawler",
    "archive.org_bot",
];

/// What is wanted although it says that it is a bot: a person asked it to come.
const WANTED: &[&str] = &["slackbot 1.", "sentryuptimebot", "chatgpt-user"];

static MARKS: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| {
    let mut builder = AhoCorasick::builder();
    builder.ascii_case_insensitive(true).build(CRAWLERS).ok()
});

/// Whether a user agent is a crawler's.
pub(super) fn is_crawler(agent: &str) -> bool {
    let is_marked = MARKS.as_ref().is_some_and(|marks| marks.is_match(agent));
    if !is_marked && !has_bot(agent) {
        return false;
    }
    let agent = agent.to_ascii_lowercase();
    !WANTED.iter().any(|wanted| agent.contains(wanted))
}

/// Whether a word ends in `bot` or `bots`, as `PetalBot/1.0` and `bot@example.com` do not begin.
fn has_bot(agent: &str) -> bool {
    let is_letter = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '@';
    let mut words = agent.split(|c| !is_letter(c));
    words.any(|word| {
        let word = word.to_ascii_lowercase();
        let stem = word.strip_suffix('s').unwrap_or(&word);
        stem.ends_with("bot") && !stem.ends_with("cubot")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crawlers_are_told_from_people() {
        for crawler in [
            "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
            "Mediapartners-Google",
            "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)",
            "Mozilla/5.0 (compatible; Baiduspider/2.0)",
            "facebookexternalhit/1.1",
            "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)",
            "Pingdom.com_bot_version_1.4_(http://www.pingdom.com/)",
            "Mozilla/5.0 (compatible; PetalBot;+https://webmaster.petalsearch.com/)",
            "kube-probe/1.29",
            "some bots (x)",
        ] {
            assert!(is_crawler(crawler), "{crawler}");
        }
        for person in [
            "Slackbot 1.0 (+https://api.slack.com/robots)",
            "Mozilla/5.0 (compatible; ChatGPT-User/1.0)",
            "SentryUptimeBot/1.0 (+http://docs.sentry.io/product/alerts/uptime-monitoring/)",
            "Mozilla/5.0 (Linux; Android 9; CUBOT X19) AppleWebKit/537.36 Chrome/90.0 Mobile",
            "Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Firefox/115.0",
            "sentry.javascript.browser/8.0",
            "",
        ] {
            assert!(!is_crawler(person), "{person}");
        }
    }
}
