//! Modules and files, freed of what differs between builds and runs.

use std::borrow::Cow;

use protocol::event::Frame;

use super::explain::Component;
use super::version::Version;

pub(super) fn is_url(path: &str) -> bool {
    [
        "http://",
        "https://",
        "file://",
        "app://",
        "applewebdata://",
    ]
    .iter()
    .any(|scheme| path.starts_with(scheme))
}

/// Whether the name is one that a bundler or minifier gives.
pub(super) fn is_build(file: &str) -> bool {
    let name = file.rsplit('/').next().unwrap_or(file);
    name.ends_with(".min.js") || without_build_hash(name).1
}

pub(super) fn module(frame: &Frame<'_>, platform: &str, version: Version) -> Option<Component> {
    let module = frame.module.as_deref()?;
    match platform {
        "java" | "groovy" if !version.is_first() && module.contains("$Proxy") => {
            Some(proxy(module))
        }
        "csharp" if !version.is_first() => Some(Component::leaf("module", dotnet(module, version))),
        "java" | "groovy" => Some(java(module)),
        "javascript" | "node" if is_page_path(frame, module) => {
            Some(Component::leaf("module", module).ignored("only the page's address"))
        }
        _ => Some(Component::leaf("module", module)),
    }
}

/// `Shop+<Save>d__4` becomes `Shop+<Save>d__`, ``Box`1[[System.Int32, …]]`` becomes ``Box`1``: one
/// is numbered anew by each build, the other names versions of libraries.
fn dotnet(module: &str, version: Version) -> String {
    let counted = |text: String, word: &str| super::function::without_numbers(&text, word);
    let before = ["__", "__DisplayClass"];
    let text = before.into_iter().fold(module.to_owned(), counted);
    if version < Version::Fourth {
        return text;
    }
    let open = text.split("[[").next().unwrap_or(&text).to_owned();
    let words = ["__async", "__Iterator", "__AnonStorey"];
    words.into_iter().fold(open, counted)
}

/// Whether the module was made of the URL's path.
fn is_page_path(frame: &Frame<'_>, module: &str) -> bool {
    let Some(path) = frame.abs_path.as_deref().filter(|path| is_url(path)) else {
        return false;
    };
    path.trim_end_matches(".js").ends_with(module)
}

/// `jdk.proxy2.$Proxy33` becomes `$Proxy<auto>`: neither number is the same in the next run.
fn proxy(module: &str) -> Component {
    let text = match module.split_once("$Proxy") {
        Some((before, rest)) if before.starts_with("jdk.proxy") || before == "com.sun.proxy." => {
            let rest = rest.trim_start_matches(|c: char| c.is_ascii_digit());
            format!("$Proxy<auto>{rest}")
        }
        Some((before, rest)) => {
            let rest = rest.trim_start_matches(|c: char| c.is_ascii_digit());
            format!("{before}$Proxy<auto>{rest}")
        }
        None => module.to_owned(),
    };
    Component::leaf("module", text).with_hint("number removed")
}

/// Generated classes carry counters and hashes.
fn java(module: &str) -> Component {
    const ACCESSORS: &[&str] = &["sun.reflect.Generated", "jdk.internal.reflect.Generated"];
    const MARKS: &[&str] = &[
        "$$EnhancerBy",
        "$$FastClassBy",
        "$$SpringCGLIB$$",
        "$HibernateProxy$",
        "_$$_javassist",
        "$ByteBuddy$",
    ];
    if module.contains("$$Lambda$") || module.contains("$$Lambda/") {
        return Component::leaf("module", module).ignored("a generated class");
    }
    if ACCESSORS.iter().any(|start| module.starts_with(start)) {
        let stem = module.trim_end_matches(|c: char| c.is_ascii_digit());
        return Component::leaf("module", format!("{stem}<auto>")).with_hint("number removed");
    }
    for mark in MARKS {
        if let Some((before, _)) = module.split_once(mark) {
            let text = format!("{before}{mark}<auto>");
            return Component::leaf("module", text).with_hint("generated part removed");
        }
    }
    let (text, is_changed) = clojure(module);
    let part = Component::leaf("module", text);
    if is_changed {
        part.with_hint("number removed")
    } else {
        part
    }
}

/// `fn__1234` becomes `fn__<auto>`.
fn clojure(module: &str) -> (Cow<'_, str>, bool) {
    let Some((before, rest)) = module.split_once("fn__") else {
        return (Cow::Borrowed(module), false);
    };
    let rest = rest.trim_start_matches(|c: char| c.is_ascii_digit());
    (Cow::Owned(format!("{before}fn__<auto>{rest}")), true)
}

pub(super) fn file(frame: &Frame<'_>, platform: &str) -> Option<Component> {
    let file = frame.filename.as_deref()?;
    let path = frame.abs_path.as_deref().unwrap_or(file);
    let part = |text: &str| Component::leaf("filename", text.to_lowercase());
    if is_url(path) || is_url(file) {
        return Some(part(file).ignored("an address, not a file"));
    }
    if path.starts_with("blob:") {
        return Some(part(file).ignored("made at run time"));
    }
    if matches!(
        file,
        "<anonymous>" | "[native code]" | "native" | "<unknown>"
    ) {
        return Some(part(file).ignored("not a file"));
    }
    let name = file.rsplit(['/', '\\']).next().unwrap_or(file);
    match platform {
        "javascript" | "node" => {
            let (text, is_changed) = without_build_hash(name);
            let part = part(&text);
            Some(if is_changed {
                part.with_hint("build hash removed")
            } else {
                part
            })
        }
        "java" | "groovy" if name.contains("$$Lambda") => {
            Some(part(name).ignored("a generated class"))
        }
        _ => Some(part(name)),
    }
}

/// `main.4f3a9c1b.js` and `chunk-4f3a9c1b.js` become `main.<hash>.js` and `chunk-<hash>.js`.
fn without_build_hash(name: &str) -> (Cow<'_, str>, bool) {
    const DIGITS_MIN: usize = 8;
    let is_hash = |part: &str| {
        part.len() >= DIGITS_MIN
            && part.bytes().all(|b| b.is_ascii_hexdigit())
            && part.bytes().any(|b| b.is_ascii_digit())
    };
    let mut out = String::with_capacity(name.len());
    let mut is_changed = false;
    for piece in name.split_inclusive(['.', '-', '_']) {
        let word = piece.trim_end_matches(['.', '-', '_']);
        if is_hash(word) {
            is_changed = true;
            out.push_str("<hash>");
            out.push_str(piece.get(word.len()..).unwrap_or_default());
        } else {
            out.push_str(piece);
        }
    }
    if is_changed {
        (Cow::Owned(out), true)
    } else {
        (Cow::Borrowed(name), false)
    }
}
