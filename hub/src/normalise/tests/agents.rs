//! User agents.

use super::*;

#[test]
fn reads_user_agents() {
    let check = |text: &str, expected: [&str; 3]| {
        let agent = agent::read(text);
        let thing = |thing: &Option<agent::Thing>| {
            thing.as_ref().map_or_else(
                || "-".to_owned(),
                |thing| format!("{} {}", thing.name, thing.version.as_deref().unwrap_or("-")),
            )
        };
        let device = agent.device.as_ref().map_or("-", |device| &device.family);
        assert_eq!(
            [
                thing(&agent.browser).as_str(),
                thing(&agent.os).as_str(),
                device
            ],
            expected,
            "{text}"
        );
    };
    check(
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/156.0.0.0 Safari/537.36",
        ["HeadlessChrome 156.0.0", "Linux -", "-"],
    );
    check(
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36 Edg/126.0.2592.68",
        ["Edge 126.0.2592", "Windows 10", "-"],
    );
    check(
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4 Safari/605.1.15",
        ["Safari 17.4", "Mac OS X 10.15.7", "Mac"],
    );
    check(
        "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4 Mobile/15E148 Safari/604.1",
        ["Mobile Safari 17.4", "iOS 17.4", "iPhone"],
    );
    check(
        "Mozilla/5.0 (Linux; Android 14; Pixel 8 Build/UD1A) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Mobile Safari/537.36",
        ["Chrome Mobile 126.0.0", "Android 14", "Pixel 8"],
    );
    check(
        "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Mobile Safari/537.36",
        ["Chrome Mobile 126.0.0", "Android 10", "-"],
    );
    check(
        "Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0",
        ["Firefox 127.0", "Ubuntu -", "-"],
    );
    check(
        "Mozilla/5.0 (Windows NT 6.1; Trident/7.0; rv:11.0) like Gecko",
        ["IE 11.0", "Windows 7", "-"],
    );
    check("curl/8.0", ["- ".trim(), "-", "-"]);
    check("", ["-", "-", "-"]);
}

#[test]
fn believes_hints_more_than_user_agents() {
    const FROZEN: &str = "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Mobile Safari/537.36";
    let check = |headers: Json, expected: [(&str, &str); 3]| {
        let event = json!({"platform": "javascript", "request": {"headers": headers}});
        look(&event, |event| {
            let facts = &event.facts;
            let full = |thing: &Option<contexts::Versioned>| {
                thing
                    .as_ref()
                    .map_or("-".to_owned(), contexts::Versioned::full)
            };
            for (name, value) in expected {
                let got = match name {
                    "browser" => full(&facts.browser),
                    "os" => full(&facts.os),
                    _ => facts.device.clone().unwrap_or_else(|| "-".to_owned()),
                };
                assert_eq!(got, value, "{name} of {headers}");
            }
        });
    };
    check(
        json!({"User-Agent": FROZEN}),
        [
            ("browser", "Chrome Mobile 126.0.0"),
            ("os", "Android 10"),
            ("device", "-"),
        ],
    );
    check(
        json!({"User-Agent": FROZEN,
            "Sec-CH-UA": "\"Not/A)Brand\";v=\"8\", \"Chromium\";v=\"126\", \"Google Chrome\";v=\"126\"",
            "Sec-CH-UA-Platform": "\"Android\"", "Sec-CH-UA-Platform-Version": "\"14.0.0\"",
            "Sec-CH-UA-Model": "\"Pixel 8\""}),
        [
            ("browser", "Chrome 126"),
            ("os", "Android 14.0.0"),
            ("device", "Pixel 8"),
        ],
    );
    check(
        json!({"Sec-CH-UA": "\"Chromium\";v=\"126\"", "Sec-CH-UA-Platform": "\"Windows\"",
            "Sec-CH-UA-Platform-Version": "\"15.0.0\""}),
        [
            ("browser", "Chromium 126"),
            ("os", "Windows 11"),
            ("device", "-"),
        ],
    );
    check(
        json!({"User-Agent": FROZEN, "Sec-CH-UA": "nothing", "Sec-CH-UA-Platform": "", "Sec-CH-UA-Model": ""}),
        [
            ("browser", "Chrome Mobile 126.0.0"),
            ("os", "Android 10"),
            ("device", "-"),
        ],
    );
}
