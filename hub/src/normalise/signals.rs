//! The names that operating systems give their numbers: errors, signals and their codes, and the
//! kernel exceptions of Apple's systems.
//!
//! What has a name keeps it. A number that is not in the tables stays a number.

use std::borrow::Cow;

use protocol::event::Raw;
use serde_json::value::RawValue;
use serde_json::{Value, json};

/// Whose numbers they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum System {
    /// Linux and Android.
    Linux,
    /// Apple's systems.
    Darwin,
    /// Has numbers of its own, which these tables do not know.
    Windows,
}

impl System {
    /// By the name of the operating system where it is known, else by the language.
    pub(super) fn of(os: Option<&str>, platform: &str) -> Self {
        let Some(os) = os.map(str::to_ascii_lowercase) else {
            return match platform {
                "cocoa" | "objc" => Self::Darwin,
                _ => Self::Linux,
            };
        };
        match os.as_str() {
            _ if os.starts_with("windows") => Self::Windows,
            _ if os.starts_with("mac") => Self::Darwin,
            "ios" | "ipados" | "tvos" | "watchos" | "visionos" | "darwin" => Self::Darwin,
            _ => Self::Linux,
        }
    }
}

/// Names the numbers in a mechanism's `meta`.
pub(super) fn name(meta: &mut Raw<'_>, system: System) {
    let Ok(mut value) = serde_json::from_str::<Value>(meta.get()) else {
        return;
    };
    let number = |value: &Value, path: &str| value.pointer(path).and_then(Value::as_i64);
    let signal = number(&value, "/signal/number").and_then(|n| signal(n, system));
    let code = number(&value, "/signal/code");
    let found = [
        (
            "/errno",
            "name",
            number(&value, "/errno/number").and_then(|n| errno(n, system)),
        ),
        ("/signal", "name", signal),
        (
            "/signal",
            "code_name",
            signal
                .zip(code)
                .and_then(|(signal, n)| signal_code(signal, n, system)),
        ),
        (
            "/mach_exception",
            "name",
            number(&value, "/mach_exception/exception").and_then(mach_exception),
        ),
    ];
    let mut is_changed = false;
    for (part, field, name) in found {
        let Some((name, Value::Object(part))) = name.zip(value.pointer_mut(part)) else {
            continue;
        };
        if part.get(field).is_none_or(Value::is_null) {
            part.insert(field.to_owned(), json!(name));
            is_changed = true;
        }
    }
    if is_changed && let Ok(raw) = RawValue::from_string(value.to_string()) {
        *meta = Cow::Owned(raw);
    }
}

/// The entry of a table whose first name has the number `first`.
fn entry(table: &[&'static str], first: i64, number: i64) -> Option<&'static str> {
    let at = number.checked_sub(first)?;
    table.get(usize::try_from(at).ok()?).copied()
}

fn mach_exception(number: i64) -> Option<&'static str> {
    const NAMES: &[&str] = &[
        "EXC_BAD_ACCESS",
        "EXC_BAD_INSTRUCTION",
        "EXC_ARITHMETIC",
        "EXC_EMULATION",
        "EXC_SOFTWARE",
        "EXC_BREAKPOINT",
        "EXC_SYSCALL",
        "EXC_MACH_SYSCALL",
        "EXC_RPC_ALERT",
        "EXC_CRASH",
        "EXC_RESOURCE",
        "EXC_GUARD",
        "EXC_CORPSE_NOTIFY",
    ];
    entry(NAMES, 1, number)
}

fn signal(number: i64, system: System) -> Option<&'static str> {
    const LINUX: &[&str] = &[
        "SIGHUP",
        "SIGINT",
        "SIGQUIT",
        "SIGILL",
        "SIGTRAP",
        "SIGABRT",
        "SIGBUS",
        "SIGFPE",
        "SIGKILL",
        "SIGUSR1",
        "SIGSEGV",
        "SIGUSR2",
        "SIGPIPE",
        "SIGALRM",
        "SIGTERM",
        "SIGSTKFLT",
        "SIGCHLD",
        "SIGCONT",
        "SIGSTOP",
        "SIGTSTP",
        "SIGTTIN",
        "SIGTTOU",
        "SIGURG",
        "SIGXCPU",
        "SIGXFSZ",
        "SIGVTALRM",
        "SIGPROF",
        "SIGWINCH",
        "SIGIO",
        "SIGPWR",
        "SIGSYS",
    ];
    const DARWIN: &[&str] = &[
        "SIGHUP",
        "SIGINT",
        "SIGQUIT",
        "SIGILL",
        "SIGTRAP",
        "SIGABRT",
        "SIGEMT",
        "SIGFPE",
        "SIGKILL",
        "SIGBUS",
        "SIGSEGV",
        "SIGSYS",
        "SIGPIPE",
        "SIGALRM",
        "SIGTERM",
        "SIGURG",
        "SIGSTOP",
        "SIGTSTP",
        "SIGCONT",
        "SIGCHLD",
        "SIGTTIN",
        "SIGTTOU",
        "SIGIO",
        "SIGXCPU",
        "SIGXFSZ",
        "SIGVTALRM",
        "SIGPROF",
        "SIGWINCH",
        "SIGINFO",
        "SIGUSR1",
        "SIGUSR2",
    ];
    match system {
        System::Linux => entry(LINUX, 1, number),
        System::Darwin => entry(DARWIN, 1, number),
        System::Windows => None,
    }
}

fn signal_code(signal: &str, code: i64, system: System) -> Option<&'static str> {
    const SEGV: &[&str] = &["SEGV_MAPERR", "SEGV_ACCERR", "SEGV_BNDERR", "SEGV_PKUERR"];
    const BUS: &[&str] = &["BUS_ADRALN", "BUS_ADRERR", "BUS_OBJERR"];
    const TRAP: &[&str] = &["TRAP_BRKPT", "TRAP_TRACE"];
    const ILL_LINUX: &[&str] = &[
        "ILL_ILLOPC",
        "ILL_ILLOPN",
        "ILL_ILLADR",
        "ILL_ILLTRP",
        "ILL_PRVOPC",
        "ILL_PRVREG",
        "ILL_COPROC",
        "ILL_BADSTK",
    ];
    const ILL_DARWIN: &[&str] = &[
        "ILL_ILLOPC",
        "ILL_ILLTRP",
        "ILL_PRVOPC",
        "ILL_ILLOPN",
        "ILL_ILLADR",
        "ILL_PRVREG",
        "ILL_COPROC",
        "ILL_BADSTK",
    ];
    const FPE_LINUX: &[&str] = &[
        "FPE_INTDIV",
        "FPE_INTOVF",
        "FPE_FLTDIV",
        "FPE_FLTOVF",
        "FPE_FLTUND",
        "FPE_FLTRES",
        "FPE_FLTINV",
        "FPE_FLTSUB",
    ];
    const FPE_DARWIN: &[&str] = &[
        "FPE_FLTDIV",
        "FPE_FLTOVF",
        "FPE_FLTUND",
        "FPE_FLTRES",
        "FPE_FLTINV",
        "FPE_FLTSUB",
        "FPE_INTDIV",
        "FPE_INTOVF",
    ];
    let table = match (signal, system) {
        ("SIGSEGV", System::Linux) => SEGV,
        ("SIGSEGV", _) => SEGV.get(..2)?,
        ("SIGBUS", _) => BUS,
        ("SIGTRAP", _) => TRAP,
        ("SIGILL", System::Darwin) => ILL_DARWIN,
        ("SIGILL", _) => ILL_LINUX,
        ("SIGFPE", System::Darwin) => FPE_DARWIN,
        ("SIGFPE", _) => FPE_LINUX,
        _ => return None,
    };
    entry(table, 1, code)
}

fn errno(number: i64, system: System) -> Option<&'static str> {
    /// Those both systems number alike, but for 11.
    const BOTH: &[&str] = &[
        "EPERM", "ENOENT", "ESRCH", "EINTR", "EIO", "ENXIO", "E2BIG", "ENOEXEC", "EBADF", "ECHILD",
        "EAGAIN", "ENOMEM", "EACCES", "EFAULT", "ENOTBLK", "EBUSY", "EEXIST", "EXDEV", "ENODEV",
        "ENOTDIR", "EISDIR", "EINVAL", "ENFILE", "EMFILE", "ENOTTY", "ETXTBSY", "EFBIG", "ENOSPC",
        "ESPIPE", "EROFS", "EMLINK", "EPIPE", "EDOM", "ERANGE",
    ];
    match (system, number) {
        (System::Windows, _) => None,
        (System::Darwin, 11) | (System::Linux, 35) => Some("EDEADLK"),
        (System::Darwin, 35) => Some("EAGAIN"),
        (_, 1..=34) => entry(BOTH, 1, number),
        (System::Linux, 36) | (System::Darwin, 63) => Some("ENAMETOOLONG"),
        (System::Linux, 38) | (System::Darwin, 78) => Some("ENOSYS"),
        (System::Linux, 39) | (System::Darwin, 66) => Some("ENOTEMPTY"),
        (System::Linux, 40) | (System::Darwin, 62) => Some("ELOOP"),
        (System::Linux, 98) | (System::Darwin, 48) => Some("EADDRINUSE"),
        (System::Linux, 99) | (System::Darwin, 49) => Some("EADDRNOTAVAIL"),
        (System::Linux, 101) | (System::Darwin, 51) => Some("ENETUNREACH"),
        (System::Linux, 103) | (System::Darwin, 53) => Some("ECONNABORTED"),
        (System::Linux, 104) | (System::Darwin, 54) => Some("ECONNRESET"),
        (System::Linux, 107) | (System::Darwin, 57) => Some("ENOTCONN"),
        (System::Linux, 110) | (System::Darwin, 60) => Some("ETIMEDOUT"),
        (System::Linux, 111) | (System::Darwin, 61) => Some("ECONNREFUSED"),
        (System::Linux, 113) | (System::Darwin, 65) => Some("EHOSTUNREACH"),
        (System::Linux, 115) | (System::Darwin, 36) => Some("EINPROGRESS"),
        _ => None,
    }
}
