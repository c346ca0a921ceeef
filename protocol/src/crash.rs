//! What a crash dump says: why the program ended, where its threads were, which images were loaded.
//!
//! Pure, and bounded: a dump is input like any other. Without symbols a frame is an address and
//! the image that it lies in. The first frame is where the processor was; of the crashed thread
//! those above it are read off its stack: a word that points into an image may be where a call
//! returns to, so it says `scan` of how far it is to be believed.
//!
//! Of a dump that is cut off behind its lists everything but the frames that were scanned is said.

use minidump::{
    Endian, Minidump, MinidumpContext, MinidumpException, MinidumpModuleList, MinidumpStream as _,
    MinidumpSystemInfo, MinidumpThread, MinidumpThreadList, Module, UnifiedMemoryList,
};
use tracing::subscriber::{NoSubscriber, with_default};

/// Most frames of the crashed thread.
const FRAMES_MAX: usize = 50;
/// Most words of a stack that are looked at.
const WORDS_MAX: u64 = 8192;
/// Most threads that are told of.
const THREADS_MAX: usize = 100;
/// Most images that are told of.
const IMAGES_MAX: usize = 100;
/// Longest text, in characters.
const CHARS_MAX: usize = 256;
/// Most bytes of all names of images. Each is read where its image says, so that a small dump may
/// name the same megabyte ten thousand times.
const NAMES_BYTES_MAX: usize = 4 * 1024 * 1024;

/// What a dump says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Crash {
    /// `SIGSEGV / SEGV_MAPERR`; none where the dump was made of a program that ran.
    pub reason: Option<String>,
    /// The address that was touched, or where the processor was.
    pub address: Option<u64>,
    /// What is said of the reason in words.
    pub details: Option<String>,
    /// Where an exception was raised that nobody caught, oldest call first; none where the crashed
    /// thread's own calls say it.
    pub raised: Vec<Frame>,
    /// `linux`, `windows`.
    pub os: String,
    /// Its version, as far as it says.
    pub os_version: String,
    /// `amd64`, `arm64`.
    pub cpu: String,
    /// The crashed thread first; at most a hundred.
    pub threads: Vec<Thread>,
    /// How many threads there were.
    pub n_threads: usize,
    /// The loaded images, the program's first; at most a hundred.
    pub images: Vec<Image>,
    /// How many images there were.
    pub n_images: usize,
}

/// A thread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Thread {
    /// Its number at the system.
    pub id: u32,
    /// What the program calls it.
    pub name: Option<String>,
    /// Whether it is the one that crashed.
    pub crashed: bool,
    /// Its calls, oldest first; of others than the crashed one only the last.
    pub frames: Vec<Frame>,
}

/// A call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Address of the instruction.
    pub address: u64,
    /// The image it lies in.
    pub image: Option<String>,
    /// Where that begins.
    pub image_address: Option<u64>,
    /// The function, where its name is known.
    pub function: Option<String>,
    /// Where that begins.
    pub function_address: Option<u64>,
    /// Its source file.
    pub file: Option<String>,
    /// The line in it, from 1.
    pub line: Option<u64>,
    /// `context` where the processor was, `scan` of a word on the stack, `prewalked` where the
    /// system followed the calls.
    pub trust: &'static str,
}

/// An image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// Its file.
    pub file: String,
    /// What its symbols are found by.
    pub debug_id: Option<String>,
    /// What the file itself is found by.
    pub code_id: Option<String>,
    /// Where it begins.
    pub address: u64,
    /// How long it is, in bytes.
    pub size: u64,
}

/// Why bytes are no dump.
#[derive(Debug, thiserror::Error)]
#[error("dump cannot be read: {0}")]
pub struct CrashError(#[from] minidump::Error);

/// Reads a dump.
///
/// # Errors
/// [`CrashError`] where it has no head, or does not say of which system it is.
pub fn read(bytes: &[u8]) -> Result<Crash, CrashError> {
    // What is odd about a dump is nobody's log line: whoever sends dumps would write our logs.
    with_default(NoSubscriber::default(), || told(bytes))
}

fn told(bytes: &[u8]) -> Result<Crash, CrashError> {
    let dump = Minidump::read(bytes)?;
    let system: MinidumpSystemInfo = dump.get_stream()?;
    let modules = modules(&dump, bytes);
    let exception = dump.get_stream::<MinidumpException<'_>>().ok();
    let listed = dump.get_stream::<MinidumpThreadList<'_>>().ok();
    let listed = listed.map(|list| list.threads).unwrap_or_default();
    let crashed = exception
        .as_ref()
        .map(MinidumpException::get_crashing_thread_id);
    let mut threads = Vec::new();
    let mut is_found = false;
    for thread in &listed {
        // One thread crashed, however many a dump gives its number: each costs reading a stack.
        let is_crashed = !is_found && Some(thread.raw.thread_id) == crashed;
        is_found |= is_crashed;
        if threads.len() >= THREADS_MAX && !is_crashed {
            continue;
        }
        // What the crashed thread was at is with the exception; its own state is the handler's.
        let context = exception.as_ref().filter(|_| is_crashed);
        let context = context.and_then(|e| e.context(&system, None));
        let context = context.or_else(|| thread.context(&system, None));
        threads.push(Thread {
            id: thread.raw.thread_id,
            name: None,
            crashed: is_crashed,
            frames: context.map_or_else(Vec::new, |context| {
                let depth = if is_crashed { FRAMES_MAX } else { 1 };
                frames(thread, &context, &system, &modules, depth)
            }),
        });
    }
    threads.sort_by_key(|thread| !thread.crashed);
    threads.truncate(THREADS_MAX);
    Ok(Crash {
        reason: exception.as_ref().map(|exception| {
            bounded(
                &exception
                    .get_crash_reason(system.os, system.cpu)
                    .to_string(),
            )
        }),
        address: exception
            .as_ref()
            .map(|exception| exception.get_crash_address(system.os, system.cpu)),
        details: None,
        raised: Vec::new(),
        os: bounded(&system.os.to_string()),
        os_version: bounded(&system.os_parts().0),
        cpu: bounded(&system.cpu.to_string()),
        threads,
        n_threads: listed.len(),
        images: modules.iter().take(IMAGES_MAX).map(image).collect(),
        n_images: modules.iter().count(),
    })
}

/// The images, where their names are not more than a dump has.
fn modules(dump: &Minidump<'_, &[u8]>, bytes: &[u8]) -> MinidumpModuleList {
    const ENTRY_LEN: usize = 108;
    const NAME_AT: usize = 20;
    const DEBUG_LEN_AT: usize = 76;
    let list = dump.get_raw_stream(MinidumpModuleList::STREAM_TYPE);
    let number = |bytes: &[u8], at: usize| {
        let found = bytes.get(at..).and_then(<[u8]>::first_chunk);
        found.map_or(0, |found| match dump.endian {
            Endian::Little => u32::from_le_bytes(*found),
            Endian::Big => u32::from_be_bytes(*found),
        })
    };
    let names_len = |entry: &[u8]| {
        let name_at = usize::try_from(number(entry, NAME_AT)).unwrap_or(usize::MAX);
        u64::from(number(bytes, name_at)) + u64::from(number(entry, DEBUG_LEN_AT))
    };
    // From behind: in front of the entries is their number, and sometimes four bytes more.
    let entries = list.unwrap_or_default().rchunks_exact(ENTRY_LEN);
    let n_bytes = entries.map(names_len).fold(0, u64::saturating_add);
    if n_bytes > NAMES_BYTES_MAX as u64 {
        return MinidumpModuleList::default();
    }
    dump.get_stream().unwrap_or_default()
}

fn frames(
    thread: &MinidumpThread<'_>,
    context: &MinidumpContext,
    system: &MinidumpSystemInfo,
    modules: &MinidumpModuleList,
    depth: usize,
) -> Vec<Frame> {
    let frame = |address: u64, trust| {
        let module = modules.module_at_address(address);
        Frame {
            address,
            image: module.map(|module| bounded(&module.code_file())),
            image_address: module.map(Module::base_address),
            function: None,
            function_address: None,
            file: None,
            line: None,
            trust,
        }
    };
    let mut frames = vec![frame(context.get_instruction_pointer(), "context")];
    let memory = UnifiedMemoryList::default();
    let stack = thread.stack_memory(&memory);
    let width = system.cpu.pointer_width().size_in_bytes();
    if let (Some(stack), Some(width)) = (stack, width) {
        let from = context.get_stack_pointer();
        for at in 0..WORDS_MAX {
            if frames.len() >= depth {
                break;
            }
            let Some(place) = from.checked_add(at * u64::from(width)) else {
                break;
            };
            let word = match width {
                4 => stack.get_memory_at_address::<u32>(place).map(u64::from),
                _ => stack.get_memory_at_address::<u64>(place),
            };
            let Some(word) = word else { break };
            if modules.module_at_address(word).is_some() {
                frames.push(frame(word, "scan"));
            }
        }
    }
    frames.reverse();
    frames
}

fn image(module: &minidump::MinidumpModule) -> Image {
    Image {
        file: bounded(&module.code_file()),
        debug_id: module.debug_identifier().map(|id| id.to_string()),
        code_id: module.code_identifier().map(|id| bounded(id.as_str())),
        address: module.base_address(),
        size: module.size(),
    }
}

fn bounded(text: &str) -> String {
    text.chars().take(CHARS_MAX).collect()
}

#[cfg(test)]
mod tests;
