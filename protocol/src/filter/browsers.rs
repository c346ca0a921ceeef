//! Which browsers are old.
//!
//! User agents claim to be each other; the telling marks come first.

/// Declares the groups once: variant, name, family, and the versions that are old.
macro_rules! groups {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, $family:ident, $from:literal..$before:literal;)*) => {
        /// A group of old browsers that a project can refuse. Names are Sentry's.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum LegacyBrowser {
            $($(#[$doc])* $variant,)*
        }

        impl LegacyBrowser {
            /// Every group.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The name of the group.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// The group of a name.
            #[must_use]
            pub fn from_name(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$variant),)* _ => None }
            }

            fn holds(self, family: Family, major: u32) -> bool {
                match self {
                    $(Self::$variant => family == Family::$family && ($from..$before).contains(&major),)*
                }
            }
        }
    };
}

groups! {
    /// Internet Explorer before 9.
    IePre9 = "ie_pre_9", Ie, 0..9;
    /// Internet Explorer 9.
    Ie9 = "ie9", Ie, 9..10;
    /// Internet Explorer 10.
    Ie10 = "ie10", Ie, 10..11;
    /// Internet Explorer 11.
    Ie11 = "ie11", Ie, 11..12;
    /// Opera before 15.
    OperaPre15 = "opera_pre_15", Opera, 0..15;
    /// Opera Mini before 8.
    OperaMiniPre8 = "opera_mini_pre_8", OperaMini, 0..8;
    /// Android's own browser before 4.
    AndroidPre4 = "android_pre_4", Android, 0..4;
    /// Safari before 6.
    SafariPre6 = "safari_pre_6", Safari, 0..6;
    /// Edge before 79.
    EdgePre79 = "edge_pre_79", Edge, 0..79;
    /// Internet Explorer before 12.
    Ie = "ie", Ie, 0..12;
    /// Edge before 111.
    Edge = "edge", Edge, 0..111;
    /// Chrome before 111.
    Chrome = "chrome", Chrome, 0..111;
    /// Firefox before 111.
    Firefox = "firefox", Firefox, 0..111;
    /// Safari before 16.
    Safari = "safari", Safari, 0..16;
    /// Opera before 100.
    Opera = "opera", Opera, 0..100;
    /// Opera Mini before 35.
    OperaMini = "opera_mini", OperaMini, 0..35;
    /// Android's own browser before 4.
    Android = "android", Android, 0..4;
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Family {
    Ie,
    Edge,
    Opera,
    OperaMini,
    Android,
    Chrome,
    Firefox,
    Safari,
}

/// Whether a user agent is in one of the groups.
pub(super) fn is_legacy(agent: &str, groups: &[LegacyBrowser]) -> bool {
    if groups.is_empty() {
        return false;
    }
    let browser = browser(agent);
    browser.is_some_and(|(family, major)| groups.iter().any(|group| group.holds(family, major)))
}

/// Browsers of phones are families of their own, but for Opera Mini and Android's.
fn browser(agent: &str) -> Option<(Family, u32)> {
    let after = |mark: &str| {
        let (_, rest) = agent.split_once(mark)?;
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        rest.get(..digits)?.parse::<u32>().ok()
    };
    let is_mobile = agent.contains("Mobile");
    let desktop = |family: Family| (!is_mobile).then_some(family);
    if agent.contains("IEMobile") || agent.contains("EdgA/") || agent.contains("EdgiOS/") {
        return None;
    }
    for mark in ["Edg/", "Edge/"] {
        if let Some(major) = after(mark) {
            return Some((Family::Edge, major));
        }
    }
    if agent.contains("Opera Mini/") {
        return Some((Family::OperaMini, after("Opera Mini/")?));
    }
    if let Some(major) = after("OPR/") {
        return Some((desktop(Family::Opera)?, major));
    }
    if agent.contains("Opera") {
        // Since version 10 the true one stands at the end.
        return Some((
            Family::Opera,
            after("Version/").or(after("Opera/")).or(after("Opera "))?,
        ));
    }
    if let Some(major) = after("MSIE ") {
        return Some((Family::Ie, major));
    }
    if agent.contains("Trident/") {
        return Some((Family::Ie, after("rv:")?));
    }
    if let Some(major) = after("Firefox/") {
        let is_tablet = agent.contains("Tablet");
        return Some((desktop(Family::Firefox).filter(|_| !is_tablet)?, major));
    }
    if agent.contains("FxiOS/") || agent.contains("CriOS/") || agent.contains("SamsungBrowser/") {
        return None;
    }
    if let Some(major) = after("Chrome/") {
        return Some((desktop(Family::Chrome)?, major));
    }
    if let Some(major) = after("Android ") {
        return Some((Family::Android, major));
    }
    if agent.contains("Safari/") {
        return Some((desktop(Family::Safari)?, after("Version/")?));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn browsers_are_told_by_family_and_version() {
        let check = |agent: &str, expected: Option<(Family, u32)>| {
            assert_eq!(browser(agent), expected, "{agent}");
        };
        check(
            "Mozilla/4.0 (compatible; MSIE 8.0; Windows NT 6.0; Trident/4.0)",
            Some((Family::Ie, 8)),
        );
        check(
            "Mozilla/5.0 (Windows NT 6.1; WOW64; Trident/7.0; AS; rv:11.0) like Gecko",
            Some((Family::Ie, 11)),
        );
        check(
            "Mozilla/5.0 (compatible; MSIE 10.0; Windows Phone 8.0; Trident/6.0; IEMobile/10.0)",
            None,
        );
        check(
            "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/70.0 Safari/537.36 Edge/18.1",
            Some((Family::Edge, 18)),
        );
        check(
            "Opera/9.80 (Windows NT 6.1; U) Presto/2.9.168 Version/11.50",
            Some((Family::Opera, 11)),
        );
        check(
            "Opera/9.80 (J2ME/MIDP; Opera Mini/7.1.32052/29.3709; U; en) Presto/2.8.119 Version/11.10",
            Some((Family::OperaMini, 7)),
        );
        check(
            "Mozilla/5.0 (X11; Linux) AppleWebKit/537.36 Chrome/113.0 Safari/537.36 OPR/99.0",
            Some((Family::Opera, 99)),
        );
        check(
            "Mozilla/5.0 (Linux; U; Android 2.3.5; en-us) AppleWebKit/533.1 Version/4.0 Mobile Safari/533.1",
            Some((Family::Android, 2)),
        );
        check(
            "Mozilla/5.0 (Linux; Android 10) AppleWebKit/537.36 Chrome/90.0 Mobile Safari/537.36",
            None,
        );
        check(
            "Mozilla/5.0 (Macintosh) AppleWebKit/533.18 Version/5.0.2 Safari/533.18",
            Some((Family::Safari, 5)),
        );
        check(
            "Mozilla/5.0 (iPhone; CPU iPhone OS 15_0) AppleWebKit/605 Version/15.0 Mobile/15E Safari/604",
            None,
        );
        check(
            "Mozilla/5.0 (X11; rv:109.0) Gecko/20100101 Firefox/110.0",
            Some((Family::Firefox, 110)),
        );
        check("sentry.python/2.0", None);
        check("MSIE ", None);
        check("Version/99999999999999 Safari/", None);
    }

    #[test]
    fn every_group_has_a_name_and_a_bound() {
        assert_eq!(LegacyBrowser::ALL.len(), 17);
        for group in LegacyBrowser::ALL {
            assert_eq!(LegacyBrowser::from_name(group.name()), Some(*group));
        }
        let check = |group: LegacyBrowser, family, major, expected| {
            assert_eq!(group.holds(family, major), expected, "{group:?} {major}");
        };
        check(LegacyBrowser::Ie9, Family::Ie, 9, true);
        check(LegacyBrowser::Ie9, Family::Ie, 8, false);
        check(LegacyBrowser::IePre9, Family::Ie, 8, true);
        check(LegacyBrowser::Ie, Family::Ie, 11, true);
        check(LegacyBrowser::Chrome, Family::Chrome, 110, true);
        check(LegacyBrowser::Chrome, Family::Chrome, 111, false);
        check(LegacyBrowser::SafariPre6, Family::Opera, 5, false);
    }
}
