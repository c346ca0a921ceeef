//! Errors that browsers' extensions and toolbars raise within pages that they are put into.

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;

use crate::event::{Event, Exception};

/// What stands in the messages of such errors, in any case.
const MESSAGES: &[&str] = &[
    "top.globals",
    "originalcreatenotification",
    "canvas.contentdocument",
    "myapp_removeallhighlights",
    "http://tt.epicplay.com",
    "can't find variable: zitereader",
    "jigsaw is not defined",
    "combosearch is not defined",
    "http://loading.retry.widdit.com/",
    "atomicfindclose",
    "fb_xd_fragment",
    "bmi_safeaddonload",
    "ebcallbackmessagereceived",
    "conduitpage",
    "dealply",
    "vid_mate_check is not defined",
    "object not found matching id:",
    "__firefox__",
    "_avast_submit",
    "gcrweb",
    "window.bannernight",
    "zaloJSV2",
    "instantsearchsdkjsbridgeclearhighlight",
    "extension context invalidated",
    "cannot redefine property: ethereum",
    "webkit-masked-url",
];

/// What stands in the places of such errors, in any case.
const PLACES: &[&str] = &[
    "graph.facebook.com",
    "connect.facebook.net",
    "eatdifferent.com.woopra-ns.com",
    "static.woopra.com/js/woopra.js",
    "chrome-extension://",
    "chrome://",
    "moz-extension://",
    "safari-extension://",
    "safari-web-extension://",
    "ms-browser-extension://",
    "127.0.0.1:4001/isrunning",
    "webappstoolbarba.texthelp.com/",
    "metrics.itunes.apple.com.edgesuite.net/",
    "kaspersky-labs.com",
    "webkit-masked-url:",
];

fn automaton(words: &[&str]) -> Option<AhoCorasick> {
    let mut builder = AhoCorasick::builder();
    builder.ascii_case_insensitive(true).build(words).ok()
}

static MESSAGE_MARKS: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| automaton(MESSAGES));
static PLACE_MARKS: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| automaton(PLACES));

/// Whether the first exception says that an extension raised it.
pub(super) fn is_of_extension(event: &Event<'_>) -> bool {
    let Some(exception) = event.exceptions.first() else {
        return false;
    };
    let value = exception.value.0.as_deref().unwrap_or_default();
    has(&MESSAGE_MARKS, value) || place(exception).is_some_and(|place| has(&PLACE_MARKS, place))
}

/// Where it was raised: the last frame that is in some file.
fn place<'a>(exception: &'a Exception<'_>) -> Option<&'a str> {
    let frames = &exception.stacktrace.as_ref()?.frames;
    let mut places = frames
        .iter()
        .rev()
        .filter_map(|frame| frame.abs_path.as_deref());
    places.find(|place| !matches!(*place, "<anonymous>" | "[native code]"))
}

fn has(marks: &LazyLock<Option<AhoCorasick>>, text: &str) -> bool {
    marks.as_ref().is_some_and(|marks| marks.is_match(text))
}
