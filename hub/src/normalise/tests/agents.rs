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
    check(
        "Mozilla/5.0 (Linux; Android 13; SM-S918B; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/120.0.6099.43 Mobile Safari/537.36",
        ["Chrome Mobile WebView 120.0.6099", "Android 13", "SM-S918B"],
    );
    check(
        "Mozilla/5.0 (Linux; U; Android 2.3.5; en-us; HTC Vision Build/GRI40) AppleWebKit/533.1 (KHTML, like Gecko) Version/4.0 Mobile Safari/533.1",
        ["Android 2.3.5", "Android 2.3.5", "HTC Vision"],
    );
    check(
        "Mozilla/5.0 (iPhone; CPU iPhone OS 16_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148",
        ["Mobile Safari UI/WKWebView 16.6", "iOS 16.6", "iPhone"],
    );
    check(
        "Mozilla/5.0 (iPhone; CPU iPhone OS 17_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 [FBAN/FBIOS;FBAV/440.0.0.30.108;FBDV/iPhone14,3]",
        ["Facebook 440.0.0", "iOS 17.1", "iPhone"],
    );
    check(
        "Opera/9.80 (J2ME/MIDP; Opera Mini/7.1.32052/29.3709; U; en) Presto/2.8.119 Version/11.10",
        ["Opera Mini 7.1.32052", "-", "-"],
    );
    check(
        "Opera/9.80 (Windows NT 6.1; U; en) Presto/2.9.168 Version/11.50",
        ["Opera 11.50", "Windows 7", "-"],
    );
    check(
        "Mozilla/5.0 (Linux; Android 12; Redmi Note 9 Pro) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/116.0.0.0 Mobile Safari/537.36 OPR/76.2.4027.73374",
        ["Opera Mobile 76.2.4027", "Android 12", "Redmi Note 9 Pro"],
    );
    check(
        "Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/119.0.0.0 Safari/537.36",
        ["Chrome 119.0.0", "Chrome OS 14541.0.0", "-"],
    );
    check(
        "Mozilla/5.0 (PlayStation; PlayStation 5/4.03) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/13.0 Safari/605.1.15",
        ["Safari 13.0", "PlayStation -", "PlayStation 5"],
    );
    check(
        "Mozilla/5.0 (Web0S; Linux/SmartTV) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/94.0.4606.128 Safari/537.36",
        ["Chrome 94.0.4606", "webOS -", "webOS TV"],
    );
    check(
        "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
        ["Googlebot 2.1", "-", "-"],
    );
    check("curl/8.0", ["- ".trim(), "-", "-"]);
    check("", ["-", "-", "-"]);
}

#[test]
fn a_model_tells_its_maker() {
    let check = |model: &str, expected: Option<&str>| {
        let text = format!("Mozilla/5.0 (Linux; Android 14; {model} Build/X) AppleWebKit/537.36");
        let device = agent::read(&text).device.unwrap();
        assert_eq!(device.brand.as_deref(), expected, "{model}");
    };
    check("SM-A546B", Some("Samsung"));
    check("Pixel 8 Pro", Some("Google"));
    check("KFTRWI", Some("Amazon"));
    check("Unheard 1", None);
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
