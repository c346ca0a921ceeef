//! Which frames are the application's own code.
//!
//! Paths and modules of runtimes, libraries and SDKs are known per platform; they win over what
//! the SDK says, since many SDKs mark whatever they do not recognise as the application's own.
//! A frame that no rule knows is what the SDK says, and its own where the SDK says nothing.
//! To add a rule, add a line to the platform's table.

use protocol::event::Frame;

pub(super) fn decide(frame: &Frame<'_>, platform: &str) -> bool {
    if frame.in_app == Some(false) || is_library(frame, platform) {
        return false;
    }
    frame.in_app.unwrap_or_else(|| is_known(frame, platform))
}

/// Whether an undecided frame shows enough to be called the application's.
fn is_known(frame: &Frame<'_>, platform: &str) -> bool {
    match platform {
        "native" | "c" | "cocoa" | "objc" => frame.function.as_deref().is_some_and(is_named),
        _ => frame.filename.is_some() || frame.module.is_some(),
    }
}

fn is_named(function: &str) -> bool {
    !matches!(function, "<unknown>" | "<redacted>" | "")
}

/// What Dart writes where one asynchronous call waited for another.
const DART_GAP: &str = "<asynchronous suspension>";

fn is_library(frame: &Frame<'_>, platform: &str) -> bool {
    let path = frame.abs_path.as_deref().or(frame.filename.as_deref());
    let path = path.unwrap_or_default();
    let module = frame.module.as_deref().unwrap_or_default();
    let function = frame.function.as_deref().unwrap_or_default();
    let package = frame.package.as_deref().unwrap_or_default();
    match platform {
        "python" => python(path, module),
        "node" | "javascript" => javascript(path, module),
        "java" | "groovy" => starts_with_any(module, JAVA),
        "php" => path.contains("/vendor/") || path == "[internal]",
        "ruby" => contains_any(path, RUBY),
        "csharp" => starts_with_any(module, DOTNET) || starts_with_any(function, DOTNET),
        "go" => go(path, module),
        "elixir" => path.starts_with("deps/") || path.contains("/deps/"),
        "native" | "c" | "cocoa" | "objc" => native(path, package, function),
        _ => contains_any(path, RUST_PATHS) || path == DART_GAP,
    }
}

fn starts_with_any(text: &str, starts: &[&str]) -> bool {
    !text.is_empty() && starts.iter().any(|start| text.starts_with(start))
}

fn contains_any(text: &str, parts: &[&str]) -> bool {
    !text.is_empty() && parts.iter().any(|part| text.contains(part))
}

fn python(path: &str, module: &str) -> bool {
    const MODULES: &[&str] = &["sentry_sdk.", "raven.", "importlib."];
    path.contains("site-packages")
        || path.contains("dist-packages")
        || path.starts_with("<frozen ")
        || is_python_stdlib(path)
        || starts_with_any(module, MODULES)
}

/// `…/lib/python3.11/asyncio/runners.py`, but nothing installed below it.
fn is_python_stdlib(path: &str) -> bool {
    path.split_once("/lib/python").is_some_and(|(_, rest)| {
        let rest = rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
        rest.starts_with('/')
    })
}

fn javascript(path: &str, module: &str) -> bool {
    const STARTS: &[&str] = &[
        "node:",
        "internal/",
        "chrome-extension://",
        "moz-extension://",
        "safari-extension://",
        "safari-web-extension://",
        "[native code]",
        "native ",
    ];
    const PARTS: &[&str] = &["/node_modules/", "~/", "webpack/bootstrap", "/@sentry/"];
    starts_with_any(path, STARTS)
        || path.starts_with("node_modules/")
        || contains_any(path, PARTS)
        || starts_with_any(module, &["@sentry/", "node:"])
}

const JAVA: &[&str] = &[
    "java.",
    "javax.",
    "jakarta.",
    "jdk.",
    "sun.",
    "com.sun.",
    "kotlin.",
    "kotlinx.",
    "scala.",
    "groovy.",
    "org.codehaus.groovy.",
    "clojure.",
    "android.",
    "androidx.",
    "com.android.",
    "dalvik.",
    "io.sentry.",
    "io.netty.",
    "io.undertow.",
    "org.apache.catalina.",
    "org.apache.coyote.",
    "org.apache.tomcat.",
    "org.eclipse.jetty.",
    "org.hibernate.",
    "org.jboss.",
    "org.junit.",
    "org.springframework.",
    "reactor.",
    "rx.",
    "io.reactivex.",
];

const RUBY: &[&str] = &[
    "/gems/",
    "/lib/ruby/",
    "/vendor/bundle/",
    "<internal:",
    "/rubygems/",
];

const DOTNET: &[&str] = &["System.", "Microsoft.", "Sentry.", "MS.", "Interop."];

const RUST_PATHS: &[&str] = &["/rustc/", ".cargo/registry/", ".cargo/git/", "/.rustup/"];

fn go(path: &str, module: &str) -> bool {
    const PATHS: &[&str] = &[
        "/pkg/mod/",
        "/vendor/",
        "/go/src/runtime/",
        "/usr/local/go/src/",
    ];
    const MODULES: &[&str] = &["runtime", "net/http", "reflect", "testing"];
    contains_any(path, PATHS)
        || MODULES.contains(&module)
        || module.starts_with("github.com/getsentry/sentry-go")
}

fn native(path: &str, package: &str, function: &str) -> bool {
    const PACKAGES: &[&str] = &[
        "/usr/lib",
        "/lib/",
        "/lib64/",
        "/System/Library/",
        "/usr/libexec/",
        "C:\\Windows\\",
        "C:\\WINDOWS\\",
        "linux-vdso",
        "linux-gate",
        "libc.so",
        "libpthread",
        "libstdc++",
        "libsystem_",
    ];
    const PATHS: &[&str] = &["./csu/", "./nptl/", "../sysdeps/", "/usr/include/", "glibc"];
    const FUNCTIONS: &[&str] = &[
        "std::",
        "core::",
        "alloc::",
        "<std::",
        "<core::",
        "<alloc::",
        "backtrace::",
        "sentry::",
        "sentry_",
        "<sentry_",
        "<sentry::",
        "rust_begin_unwind",
        "rust_panic",
        "__rust_",
        "__libc_",
        "_start",
        "__cxa_",
        "__gnu_cxx::",
        "_Unwind_",
        "start_thread",
        "clone3",
    ];
    contains_any(path, RUST_PATHS)
        || starts_with_any(path, &["/usr/include/", "./csu/", "./nptl/", "./misc/"])
        || contains_any(path, PATHS)
        || starts_with_any(package, PACKAGES)
        || starts_with_any(function, FUNCTIONS)
        || matches!(function, "<unknown>" | "clone" | "raise" | "abort")
}
