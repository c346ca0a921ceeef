//! What a user agent says: browser, operating system, device, for the families that matter.
//!
//! Browsers freeze the versions in their user agents and say the true ones in hints beside it; so
//! hints win.
//!
//! Unknown families are left out rather than guessed at. To add one, add a line to its table.

/// A name with a version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Thing {
    pub(super) name: String,
    pub(super) version: Option<String>,
}

/// A device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Device {
    pub(super) family: String,
    pub(super) model: String,
    pub(super) brand: Option<String>,
}

/// What a user agent says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Agent {
    pub(super) browser: Option<Thing>,
    pub(super) os: Option<Thing>,
    pub(super) device: Option<Device>,
}

/// Marks of browsers with their names, the more telling ones first.
const BROWSERS: &[(&str, &str)] = &[
    ("Edg/", "Edge"),
    ("EdgA/", "Edge Mobile"),
    ("EdgiOS/", "Edge Mobile"),
    ("Edge/", "Edge"),
    ("OPR/", "Opera"),
    ("Opera/", "Opera"),
    ("Vivaldi/", "Vivaldi"),
    ("YaBrowser/", "Yandex Browser"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("UCBrowser/", "UC Browser"),
    ("Electron/", "Electron"),
    ("Googlebot/", "Googlebot"),
    ("bingbot/", "bingbot"),
    ("FxiOS/", "Firefox iOS"),
    ("CriOS/", "Chrome Mobile iOS"),
    ("HeadlessChrome/", "HeadlessChrome"),
    ("Firefox/", "Firefox"),
    ("Chrome/", "Chrome"),
    ("MSIE ", "IE"),
];

/// What a browser says beside its user agent, in headers of their own.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Hints<'a> {
    /// `Sec-CH-UA-Full-Version-List`, or else `Sec-CH-UA`.
    pub(super) brands: Option<&'a str>,
    /// `Sec-CH-UA-Platform`.
    pub(super) platform: Option<&'a str>,
    /// `Sec-CH-UA-Platform-Version`.
    pub(super) platform_version: Option<&'a str>,
    /// `Sec-CH-UA-Model`.
    pub(super) model: Option<&'a str>,
}

/// Reads hints, and the user agent for what they leave open.
pub(super) fn read_hinted(text: Option<&str>, hints: Hints<'_>) -> Agent {
    let agent = text.map(read).unwrap_or_default();
    let model = hints.model.map(unquoted).filter(|model| !model.is_empty());
    let hinted = model.map(|model| Device {
        family: model.to_owned(),
        model: model.to_owned(),
        brand: None,
    });
    Agent {
        browser: hints.brands.and_then(hinted_browser).or(agent.browser),
        os: hinted_os(hints).or(agent.os),
        device: hinted.or(agent.device),
    }
}

/// The browser of a list such as `"Chromium";v="126", "Google Chrome";v="126", "Not/A)Brand";v="8"`.
fn hinted_browser(brands: &str) -> Option<Thing> {
    const BRANDS_MAX: usize = 10;
    let mut engine = None;
    for brand in brands.split(',').take(BRANDS_MAX) {
        let (name, version) = brand.split_once(";v=")?;
        let (name, version) = (unquoted(name), unquoted(version));
        // A brand that means nothing is there so that nobody relies on the list.
        if name.contains("Not") && name.contains("Brand") {
            continue;
        }
        let thing = Thing {
            name: match name {
                "Google Chrome" => "Chrome",
                "Microsoft Edge" => "Edge",
                other => other,
            }
            .to_owned(),
            version: version_after(version, ""),
        };
        if name != "Chromium" {
            return Some(thing);
        }
        engine = Some(thing);
    }
    engine
}

fn hinted_os(hints: Hints<'_>) -> Option<Thing> {
    let name = hints
        .platform
        .map(unquoted)
        .filter(|name| !name.is_empty())?;
    let version = hints.platform_version.map(unquoted).unwrap_or_default();
    let major: Option<u32> = version
        .split('.')
        .next()
        .and_then(|major| major.parse().ok());
    // Windows counts its interface here: from 13 on it is Windows 11.
    let version = match (name, major) {
        ("Windows", Some(13..)) => Some("11".to_owned()),
        ("Windows", Some(1..)) => Some("10".to_owned()),
        ("Windows", _) => None,
        _ => version_after(version, ""),
    };
    // Without a version the user agent says more.
    version.is_some().then(|| Thing {
        name: name.to_owned(),
        version,
    })
}

fn unquoted(text: &str) -> &str {
    text.trim().trim_matches('"')
}

/// Reads a user agent.
pub(super) fn read(text: &str) -> Agent {
    const BYTES_MAX: usize = 1024;
    let mut end = text.len().min(BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let text = text.get(..end).unwrap_or_default();
    Agent {
        browser: browser(text),
        os: os(text),
        device: device(text),
    }
}

fn browser(text: &str) -> Option<Thing> {
    for (mark, name) in BROWSERS {
        if let Some(version) = version_after(text, mark) {
            let is_mobile = matches!(*name, "Chrome" | "Firefox") && text.contains("Mobile");
            let name = if is_mobile {
                format!("{name} Mobile")
            } else {
                (*name).to_owned()
            };
            return Some(Thing {
                name,
                version: Some(version),
            });
        }
    }
    if text.contains("Trident/") {
        return Some(Thing {
            name: "IE".to_owned(),
            version: version_after(text, "rv:"),
        });
    }
    if text.contains("Safari/") {
        let is_mobile = text.contains("Mobile/");
        return Some(Thing {
            name: if is_mobile { "Mobile Safari" } else { "Safari" }.to_owned(),
            version: version_after(text, "Version/"),
        });
    }
    None
}

fn os(text: &str) -> Option<Thing> {
    let thing = |name: &str, version: Option<String>| {
        Some(Thing {
            name: name.to_owned(),
            version,
        })
    };
    if let Some(version) = version_after(text, "Windows NT ") {
        let version = match version.as_str() {
            "10.0" => "10".to_owned(),
            "6.3" => "8.1".to_owned(),
            "6.2" => "8".to_owned(),
            "6.1" => "7".to_owned(),
            "6.0" => "Vista".to_owned(),
            "5.1" | "5.2" => "XP".to_owned(),
            _ => version,
        };
        return thing("Windows", Some(version));
    }
    let is_ios = ["iPhone", "iPad", "iPod"]
        .iter()
        .any(|mark| text.contains(mark));
    if is_ios {
        let version = version_after(text, " OS ").map(|version| version.replace('_', "."));
        return thing("iOS", version);
    }
    if text.contains("Android") {
        return thing("Android", version_after(text, "Android "));
    }
    if text.contains("Mac OS X") || text.contains("Macintosh") {
        let version = version_after(text, "Mac OS X ").map(|version| version.replace('_', "."));
        return thing("Mac OS X", version);
    }
    if text.contains("CrOS ") {
        return thing("Chrome OS", None);
    }
    for name in ["Ubuntu", "Fedora", "FreeBSD", "OpenBSD"] {
        if text.contains(name) {
            return thing(name, None);
        }
    }
    if text.contains("Linux") {
        return thing("Linux", None);
    }
    None
}

fn device(text: &str) -> Option<Device> {
    for apple in ["iPhone", "iPad", "iPod"] {
        if text.contains(apple) {
            return Some(Device {
                family: apple.to_owned(),
                model: apple.to_owned(),
                brand: Some("Apple".to_owned()),
            });
        }
    }
    if text.contains("Macintosh") {
        return Some(Device {
            family: "Mac".to_owned(),
            model: "Mac".to_owned(),
            brand: Some("Apple".to_owned()),
        });
    }
    let (_, rest) = text.split_once("Android ")?;
    let (inside, _) = rest.split_once(')')?;
    let model = inside.split(';').nth(1)?.trim();
    let model = model.split(" Build/").next()?.trim();
    // Browsers that hide the model say `K`.
    let is_model = model.len() > 1 && !matches!(model, "wv" | "Mobile" | "Tablet");
    is_model.then(|| Device {
        family: model.to_owned(),
        model: model.to_owned(),
        brand: None,
    })
}

/// Digits, dots and underscores after a mark, three parts at most.
fn version_after(text: &str, mark: &str) -> Option<String> {
    let (_, rest) = text.split_once(mark)?;
    let end = rest
        .find(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | '_')))
        .unwrap_or(rest.len());
    let version = rest.get(..end)?.trim_end_matches(['.', '_']);
    let mut parts = 0;
    let cut = version.find(|c| {
        if matches!(c, '.' | '_') {
            parts += 1;
        }
        parts == 3
    });
    let version = version.get(..cut.unwrap_or(version.len()))?;
    (!version.is_empty()).then(|| version.to_owned())
}
