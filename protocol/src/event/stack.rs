//! Exceptions, threads and the frames of their stacks.

use std::borrow::Cow;

use super::read::{Raw, object};
use super::values::{AnyText, Fields, Texts, text_of};

type Text<'a> = Option<Cow<'a, str>>;

object! {
    /// One exception of a chain; chains are sent with the oldest cause first.
    pub struct Exception<'a> {
        /// The class: `ValueError`.
        "type" => ty: Text<'a>,
        /// The message.
        "value" => value: AnyText<'a>,
        /// The module or package of the class.
        "module" => module: Text<'a>,
        /// The thread it happened in.
        "thread_id" => thread_id: Text<'a>,
        /// How it was caught.
        "mechanism" => mechanism: Option<Box<Mechanism<'a>>>,
        /// Where it happened.
        "stacktrace" | "sentry.interfaces.Stacktrace" => stacktrace: Option<Box<Stacktrace<'a>>>,
        /// The stack before it was translated to sources.
        "raw_stacktrace" => raw_stacktrace: Option<Raw<'a>>,
    }
    others: dropped;
}

object! {
    /// How an exception reached the SDK.
    pub struct Mechanism<'a> {
        /// What caught it: `excepthook`, `onerror`, `generic`.
        "type" => ty: Text<'a>,
        /// Whether the program dealt with it.
        "handled" => handled: Option<bool>,
        /// Whether the type and value were made up by the SDK.
        "synthetic" => synthetic: Option<bool>,
        /// Words for a reader.
        "description" => description: Text<'a>,
        /// Where to read more.
        "help_link" => help_link: Text<'a>,
        /// Which property of its parent holds it.
        "source" => source: Text<'a>,
        /// Its number within the event.
        "exception_id" => exception_id: Option<u64>,
        /// The number of the exception that holds it.
        "parent_id" => parent_id: Option<u64>,
        /// Whether it only holds others.
        "is_exception_group" => is_exception_group: Option<bool>,
        /// Operating system details: `errno`, `signal`, `mach_exception`, `ns_error`.
        "meta" => meta: Option<Raw<'a>>,
        /// Whatever else the integration tells.
        "data" => data: Option<Raw<'a>>,
    }
    others: dropped;
    text: ty;
}

object! {
    /// A stack, oldest call first.
    pub struct Stacktrace<'a> {
        /// The frames.
        "frames" => frames: Vec<Frame<'a>>,
        /// Values of the processor's registers.
        "registers" => registers: Option<Raw<'a>>,
        /// The language of its frames.
        "lang" => lang: Text<'a>,
        /// Whether the SDK was a snapshot of a running thread.
        "snapshot" => snapshot: Option<bool>,
        /// Where frames were left out, as the SDK says: `[from, to]`.
        "frames_omitted" => frames_omitted: Option<Raw<'a>>,
    }
    others: dropped;
}

object! {
    /// One call.
    pub struct Frame<'a> {
        /// The function's name, as for reading.
        "function" => function: Text<'a>,
        /// The name as the platform gave it.
        "raw_function" => raw_function: Text<'a>,
        /// The symbol of a native function.
        "symbol" => symbol: Text<'a>,
        /// The module: `shop.views`, `com.example.Shop`.
        "module" => module: Text<'a>,
        /// The library or image.
        "package" => package: Text<'a>,
        /// The file, relative to the project where possible.
        "filename" => filename: Text<'a>,
        /// The file with its whole path or URL.
        "abs_path" => abs_path: Text<'a>,
        /// Line, from 1.
        "lineno" => lineno: Option<u64>,
        /// Column, from 1.
        "colno" => colno: Option<u64>,
        /// The language, where it differs from the event's.
        "platform" => platform: Text<'a>,
        /// Whether it is the application's own code.
        "in_app" => in_app: Option<bool>,
        /// The line of source.
        "context_line" => context_line: Text<'a>,
        /// Lines before it, a list of strings.
        "pre_context" => pre_context: Option<Raw<'a>>,
        /// Lines after it, a list of strings.
        "post_context" => post_context: Option<Raw<'a>>,
        /// Local variables.
        "vars" => vars: Option<Raw<'a>>,
        /// Address of the instruction.
        "instruction_addr" => instruction_addr: Text<'a>,
        /// Address of the function.
        "symbol_addr" => symbol_addr: Text<'a>,
        /// Address of the image.
        "image_addr" => image_addr: Text<'a>,
        /// What the addresses are relative to.
        "addr_mode" => addr_mode: Text<'a>,
        /// How far the unwinder is to be believed.
        "trust" => trust: Text<'a>,
        /// The lock it holds or waits for.
        "lock" => lock: Option<Raw<'a>>,
        /// Whether it only starts a chain of asynchronous calls.
        "stack_start" => stack_start: Option<bool>,
        /// Further details.
        "data" => data: Option<Raw<'a>>,
    }
    others: dropped;
}

impl Frame<'_> {
    /// Lines before [`Frame::context_line`].
    #[must_use]
    pub fn lines_before(&self) -> Vec<String> {
        self.pre_context.as_ref().map(lines).unwrap_or_default()
    }

    /// Lines after [`Frame::context_line`].
    #[must_use]
    pub fn lines_after(&self) -> Vec<String> {
        self.post_context.as_ref().map(lines).unwrap_or_default()
    }
}

fn lines(raw: &Raw<'_>) -> Vec<String> {
    let list: Vec<Option<String>> = serde_json::from_str(raw.get()).unwrap_or_default();
    list.into_iter().map(Option::unwrap_or_default).collect()
}

object! {
    /// One thread of the process.
    pub struct Thread<'a> {
        /// Its number or name at the platform.
        "id" => id: Text<'a>,
        /// Its name.
        "name" => name: Text<'a>,
        /// Whether it is the one that crashed.
        "crashed" => crashed: Option<bool>,
        /// Whether it is the one that made the event.
        "current" => current: Option<bool>,
        /// Whether it is the program's first.
        "main" => main: Option<bool>,
        /// What it was doing.
        "state" => state: Text<'a>,
        /// The locks it holds.
        "held_locks" => held_locks: Option<Raw<'a>>,
        /// Its stack.
        "stacktrace" => stacktrace: Option<Box<Stacktrace<'a>>>,
        /// The stack before it was translated to sources.
        "raw_stacktrace" => raw_stacktrace: Option<Raw<'a>>,
    }
    others: dropped;
}

object! {
    /// A place in a template.
    pub struct Template<'a> {
        /// The file.
        "filename" => filename: Text<'a>,
        /// The file with its whole path.
        "abs_path" => abs_path: Text<'a>,
        /// Line, from 1.
        "lineno" => lineno: Option<u64>,
        /// Column, from 1.
        "colno" => colno: Option<u64>,
        /// The line of source.
        "context_line" => context_line: Text<'a>,
        /// Lines before it.
        "pre_context" => pre_context: Option<Raw<'a>>,
        /// Lines after it.
        "post_context" => post_context: Option<Raw<'a>>,
    }
    others: dropped;
}

object! {
    /// Program images, for translating addresses.
    pub struct DebugMeta<'a> {
        /// The images, a list of objects.
        "images" => images: Option<Raw<'a>>,
        /// The SDK's version of the operating system.
        "sdk_info" => sdk_info: Option<Raw<'a>>,
    }
    others: dropped;
}

object! {
    /// The client library.
    pub struct Sdk<'a> {
        /// `sentry.python`.
        "name" => name: Text<'a>,
        /// `2.75.0`.
        "version" => version: Text<'a>,
        /// Its integrations.
        "integrations" => integrations: Texts<'a>,
        /// Its packages, a list of objects.
        "packages" => packages: Option<Raw<'a>>,
        /// Its features.
        "features" => features: Option<Raw<'a>>,
        /// What it asks of the server.
        "settings" => settings: Fields<'a>,
    }
    others: dropped;
    text: name;
}

impl Sdk<'_> {
    /// The SDK's wish about guessing the user's address: `auto`, `never` or `legacy`.
    #[must_use]
    pub fn infer_ip(&self) -> Option<Cow<'_, str>> {
        text_of(self.settings.get("infer_ip")?)
    }
}
