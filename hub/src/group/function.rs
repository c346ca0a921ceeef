//! Function names, freed of arguments, template parameters, hashes and other noise.

use std::borrow::Cow;

use protocol::event::Frame;

use super::explain::Component;
use super::version::Version;

pub(super) fn component(frame: &Frame<'_>, platform: &str, version: Version) -> Option<Component> {
    let component = first(frame, platform)?;
    if version.is_first() || !component.contributes {
        return Some(component);
    }
    let Some(text) = component.text() else {
        return Some(component);
    };
    let named = without_generated(text, platform);
    if named == text {
        return Some(component);
    }
    Some(Component::leaf("function", named).with_hint("generated part removed"))
}

/// Without what compilers count through: closures, clones, state machines.
fn without_generated(name: &str, platform: &str) -> String {
    match platform {
        "javascript" | "node" => script(name),
        "go" => {
            let name = name.split_once('[').map_or(name, |(before, _)| before);
            ["func", "gowrap", "deferwrap", "init"]
                .into_iter()
                .fold(name.to_owned(), |name, word| without_numbers(&name, word))
        }
        "csharp" => without_numbers(&without_numbers(name, "__"), "|"),
        "java" | "groovy" => ["lambda$", "$anonfun$", "access$"].into_iter().fold(
            name.trim_end_matches(|c: char| c.is_ascii_digit())
                .strip_suffix('$')
                .unwrap_or(name)
                .to_owned(),
            |name, word| without_numbers(&name, word),
        ),
        "ruby" if name.starts_with(char::is_uppercase) => {
            let own = name.rsplit(['#', '.']).next();
            own.filter(|own| !own.is_empty()).unwrap_or(name).to_owned()
        }
        "elixir" => without_numbers(name, "-fun-"),
        "native" | "c" | "cocoa" | "objc" | "swift" | "rust" => compiled(name),
        _ => name.to_owned(),
    }
}

/// Without what engines write in front of a script's function, as `async` and `new`.
pub(super) fn without_words(name: &str) -> &str {
    ["async ", "async*", "new ", "bound ", "get ", "set "]
        .into_iter()
        .fold(name, |name, word| name.strip_prefix(word).unwrap_or(name))
}

/// `async f`, `new F`, `f [as g]` and Firefox's `f/<` become `f`.
fn script(name: &str) -> String {
    let name = without_words(name);
    let end = name.find([' ', '/']).unwrap_or(name.len());
    let own = name.get(..end).unwrap_or(name);
    if own.is_empty() { name } else { own }.to_owned()
}

/// `f.cold`, `f.llvm.123` and `f [clone .part.0]` become `f`; closures lose their numbers.
fn compiled(name: &str) -> String {
    let name = name
        .split_once(" [clone")
        .map_or(name, |(before, _)| before);
    let mut name = name;
    for mark in [".llvm.", ".cold", ".part.", ".constprop.", ".isra.", "@plt"] {
        name = name.split_once(mark).map_or(name, |(before, _)| before);
    }
    ["#", "$_", "{{closure}}"]
        .into_iter()
        .fold(name.to_owned(), |name, word| without_numbers(&name, word))
}

/// Without the digits, and `.` or `_` between digits, that follow a word.
pub(super) fn without_numbers(name: &str, word: &str) -> String {
    let mut out = String::with_capacity(name.len());
    let mut rest = name;
    while let Some((before, after)) = rest.split_once(word) {
        out.push_str(before);
        out.push_str(word);
        rest = after;
        loop {
            let digits = rest.trim_start_matches(|c: char| c.is_ascii_digit());
            let is_number = digits.len() < rest.len();
            if is_number {
                rest = digits;
            }
            let next = rest.strip_prefix(['.', '_']);
            match next {
                Some(next) if is_number && next.starts_with(|c: char| c.is_ascii_digit()) => {
                    rest = next;
                }
                _ => break,
            }
        }
    }
    out.push_str(rest);
    out
}

fn first(frame: &Frame<'_>, platform: &str) -> Option<Component> {
    let raw = match platform {
        "csharp" => frame.raw_function.as_deref().or(frame.function.as_deref()),
        _ => frame.function.as_deref().or(frame.symbol.as_deref()),
    }?;
    let part = |text: &str| Component::leaf("function", text);
    let (text, hint) = match platform {
        "javascript" | "node" => {
            if is_script_noise(raw) {
                return Some(part(raw).ignored("not a name"));
            }
            let name = raw.rsplit('.').next().unwrap_or(raw).trim();
            if name.is_empty() || is_script_noise(name) {
                return Some(part(raw).ignored("not a name"));
            }
            (Cow::Borrowed(name), "only the last part")
        }
        "native" | "c" | "cocoa" | "objc" => {
            if matches!(raw, "<redacted>" | "<unknown>" | "?" | "") {
                return Some(part(raw).ignored("not known"));
            }
            (Cow::Owned(native(raw)), "arguments and hashes removed")
        }
        "java" | "groovy" => {
            if raw.starts_with("lambda$") {
                return Some(part(raw).ignored("a generated function"));
            }
            (Cow::Borrowed(raw), "")
        }
        "ruby" => (ruby(raw), "block and template suffix removed"),
        "php" => (php(raw), "generated part removed"),
        "python" if raw.starts_with("<lambda") => (Cow::Borrowed("<lambda>"), ""),
        _ => (Cow::Borrowed(raw), ""),
    };
    let component = part(&text);
    Some(if text == raw {
        component
    } else {
        component.with_hint(hint)
    })
}

fn is_script_noise(function: &str) -> bool {
    function == "?"
        || function.starts_with("<anonymous")
        || function.ends_with("*/<")
        || function == "Object.<anonymous>"
        || function == "eval"
        || function.contains("eval at ")
        || function == "[native code]"
}

/// `foo(int, char const*)::{{closure}}::h0123456789abcdef` becomes `foo::{{closure}}`.
fn native(raw: &str) -> String {
    let raw = without_rust_hash(raw);
    let mut out = String::with_capacity(raw.len());
    let mut depth = 0_usize;
    let mut rest = raw;
    // Objective-C methods and Rust's `<T as Trait>::f` begin with brackets that are the name.
    let is_objc = raw.starts_with(['-', '+']);
    if is_objc || raw.contains(" as ") {
        return raw.to_owned();
    }
    for operator in ["operator()", "(anonymous namespace)"] {
        if let Some((before, after)) = rest.split_once(operator) {
            out.push_str(&native(before));
            out.push_str(operator);
            rest = after;
        }
    }
    for c in rest.chars() {
        match c {
            '(' | '<' => depth += 1,
            ')' | '>' if depth > 0 => depth -= 1,
            _ if depth == 0 => out.push(c),
            _ => {}
        }
    }
    let out = out.trim();
    let out = out
        .strip_suffix(" const")
        .unwrap_or(out)
        .trim_end_matches("::");
    // A return type stands before the name.
    let name = out.rsplit(' ').next().unwrap_or(out);
    if name.is_empty() {
        raw.to_owned()
    } else {
        name.to_owned()
    }
}

/// Without `::h` and sixteen hexadecimal digits.
fn without_rust_hash(raw: &str) -> &str {
    raw.rsplit_once("::h")
        .filter(|(_, hash)| hash.len() == 16 && hash.bytes().all(|b| b.is_ascii_hexdigit()))
        .map_or(raw, |(name, _)| name)
}

/// `block (2 levels) in index` becomes `block`; methods of templates lose their numbers.
fn ruby(raw: &str) -> Cow<'_, str> {
    if raw.starts_with("block") && raw.contains(" in ") {
        return Cow::Borrowed("block");
    }
    for mark in ["_erb__", "_haml__", "_slim__"] {
        if let Some((before, _)) = raw.split_once(mark) {
            return Cow::Owned(format!("{before}{}", mark.trim_end_matches('_')));
        }
    }
    Cow::Borrowed(raw)
}

/// `class@anonymous\0/path…` and `{closure:…}` lose what differs between machines.
fn php(raw: &str) -> Cow<'_, str> {
    if let Some((before, rest)) = raw.split_once("class@anonymous") {
        let method = rest.rsplit_once("::").map_or("", |(_, method)| method);
        let text = format!("{before}class@anonymous");
        return Cow::Owned(if method.is_empty() {
            text
        } else {
            format!("{text}::{method}")
        });
    }
    if let Some((_, _)) = raw.split_once("{closure") {
        return Cow::Borrowed("{closure}");
    }
    Cow::Borrowed(raw)
}
