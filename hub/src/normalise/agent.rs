//! What a user agent says: browser, operating system, device, for the families that matter.
//!
//! Browsers freeze the versions in their user agents and say the true ones in hints beside it; so
//! hints win.
//!
//! Unknown families are left out rather than guessed at. To add one, add a line to its table in
//! `marks`.
//!
//! The tables are our own, for want of a library to rely on: `ua-parser`, which is kept up, reads a
//! table that a program has to bring along; `uaparser` and `user-agent-parser` likewise; `fast_uaparser`
//! fetches one from the network when it is built; and `woothee`, which holds one, had its last
//! version in 2021. Relays ask another question, whether a browser is old (`protocol::filter`), of
//! few families, for each item, and of each version of a relay alike.

mod marks;

use marks::{BROWSERS, DEVICES, MAKERS, MOBILE, SYSTEMS};

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
    let found = BROWSERS.iter().find(|(mark, _)| text.contains(mark));
    if let Some((mark, name)) = found {
        let is_mobile = text.contains("Mobile") || text.contains("Tablet;");
        let mobile = MOBILE.iter().find(|(of, _)| is_mobile && of == name);
        // Android shows pages of applications with Chrome.
        let is_within = *name == "Chrome" && (text.contains("; wv)") || text.contains("Version/"));
        let name: &str = match mobile {
            Some(_) if is_within => "Chrome Mobile WebView",
            Some((_, mobile)) => mobile,
            None => name,
        };
        return Some(thing(name, version_after(text, mark)));
    }
    if text.contains("Trident/") {
        return Some(thing("IE", version_after(text, "rv:")));
    }
    if text.contains("Opera") {
        // Since version 10 the true one stands at the end.
        let name = if text.contains("Opera Mobi") {
            "Opera Mobile"
        } else {
            "Opera"
        };
        let version = version_after(text, "Version/").or_else(|| version_after(text, "Opera/"));
        return Some(thing(name, version));
    }
    if text.contains("Android") && text.contains("AppleWebKit/") {
        return Some(thing("Android", version_after(text, "Android ")));
    }
    if text.contains("Safari/") {
        let is_mobile = text.contains("Mobile/");
        let name = if is_mobile { "Mobile Safari" } else { "Safari" };
        return Some(thing(name, version_after(text, "Version/")));
    }
    // Applications of iOS show pages without a name of their own.
    (is_ios(text) && text.contains("AppleWebKit/")).then(|| {
        let version = version_after(text, " OS ").as_deref().map(dotted);
        thing("Mobile Safari UI/WKWebView", version)
    })
}

fn thing(name: &str, version: Option<String>) -> Thing {
    Thing {
        name: name.to_owned(),
        version,
    }
}

fn dotted(version: &str) -> String {
    version.replace('_', ".")
}

fn is_ios(text: &str) -> bool {
    let marks = ["iPhone", "iPad", "iPod"];
    marks.iter().any(|mark| text.contains(mark)) && !text.contains("Windows Phone")
}

fn os(text: &str) -> Option<Thing> {
    if let Some(version) = version_after(text, "Windows NT ").filter(|_| !text.contains("Xbox")) {
        let version = match version.as_str() {
            "10.0" => "10".to_owned(),
            "6.3" => "8.1".to_owned(),
            "6.2" => "8".to_owned(),
            "6.1" => "7".to_owned(),
            "6.0" => "Vista".to_owned(),
            "5.1" | "5.2" => "XP".to_owned(),
            _ => version,
        };
        return Some(thing("Windows", Some(version)));
    }
    if is_ios(text) {
        return Some(thing(
            "iOS",
            version_after(text, " OS ").as_deref().map(dotted),
        ));
    }
    let is_mac = text.contains("Mac OS X") || text.contains("Macintosh");
    if is_mac && !text.contains("AppleTV") {
        let version = version_after(text, "Mac OS X ").as_deref().map(dotted);
        return Some(thing("Mac OS X", version));
    }
    let (mark, name, has_version) = SYSTEMS.iter().find(|(mark, ..)| text.contains(mark))?;
    let version = version_after(text, mark).filter(|_| *has_version);
    Some(thing(name, version))
}

fn device(text: &str) -> Option<Device> {
    let is_named = |(mark, ..): &&(&str, &str, &str)| text.contains(mark);
    if let Some((_, family, brand)) = DEVICES.iter().find(is_named) {
        return Some(Device {
            family: (*family).to_owned(),
            model: (*family).to_owned(),
            brand: Some((*brand).to_owned()),
        });
    }
    let (_, rest) = text.split_once("Android ")?;
    let (inside, _) = rest.split_once(')')?;
    // Old ones name the language first.
    let is_language =
        |part: &&str| part.len() == 5 && matches!(part.as_bytes(), [_, _, b'-' | b'_', ..]);
    let mut parts = inside.split(';').skip(1).map(str::trim);
    let model = parts.find(|part| !is_language(part))?;
    let model = model.split(" Build/").next()?.trim();
    // Browsers that hide the model say `K`.
    let is_model = model.len() > 1 && !matches!(model, "wv" | "Mobile" | "Tablet");
    let maker = MAKERS.iter().find(|(begin, _)| model.starts_with(begin));
    is_model.then(|| Device {
        family: model.to_owned(),
        model: model.to_owned(),
        brand: maker.map(|(_, maker)| (*maker).to_owned()),
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
