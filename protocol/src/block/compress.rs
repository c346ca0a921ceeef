//! zstd with dictionaries prepared once and contexts used again.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use zstd::zstd_safe::{self, CCtx, DCtx, ErrorCode};

use super::{BlockError, DictId};
use crate::dict::{self, LEVEL, Prepared};

/// Contexts kept for the next caller; each holds about a megabyte.
const SPARE_MAX: usize = 2;

/// Bytes as one zstd frame that states its content size.
///
/// # Errors
/// [`BlockError::Dict`] for a dictionary this program does not have, [`BlockError::Zstd`].
pub fn compress(dict: DictId, raw: &[u8]) -> Result<Vec<u8>, BlockError> {
    static CONTEXTS: Spare<CCtx<'static>> = Spare::new();
    let base = Base::of(dict)?;
    let mut out = Vec::with_capacity(zstd_safe::compress_bound(raw.len()));
    let done = CONTEXTS.with(CCtx::try_create, |context| match base.prepared() {
        None => context.compress(&mut out, raw, LEVEL).map_err(named),
        Some(prepared) => {
            let encoder = prepared.encoder().ok_or(io::ErrorKind::OutOfMemory)?;
            let done = context.compress_using_cdict(&mut out, raw, encoder);
            done.map_err(named)
        }
    });
    done.map_err(BlockError::Zstd)?;
    // It was as long as the worst case.
    out.shrink_to_fit();
    Ok(out)
}

/// The bytes before compression; never more than `raw_len`.
///
/// # Errors
/// [`BlockError`] when the frame is damaged or does not hold `raw_len` bytes.
pub fn decompress(dict: DictId, payload: &[u8], raw_len: usize) -> Result<Vec<u8>, BlockError> {
    static CONTEXTS: Spare<DCtx<'static>> = Spare::new();
    // Two statements of the size must agree before memory is set aside for it.
    let stated = zstd_safe::get_frame_content_size(payload).ok().flatten();
    if stated != Some(raw_len as u64) {
        return Err(BlockError::Declared {
            what: "bytes",
            declared: raw_len as u64,
            found: stated.unwrap_or_default(),
        });
    }
    let base = Base::of(dict)?;
    let mut out = vec![0; raw_len];
    let done = CONTEXTS.with(DCtx::try_create, |context| match base.prepared() {
        None => context
            .decompress(out.as_mut_slice(), payload)
            .map_err(named),
        Some(prepared) => {
            let decoder = prepared.decoder().ok_or(io::ErrorKind::OutOfMemory)?;
            let done = context.decompress_using_ddict(out.as_mut_slice(), payload, decoder);
            done.map_err(named)
        }
    });
    out.truncate(done.map_err(BlockError::Zstd)?);
    Ok(out)
}

/// What is compressed with.
enum Base {
    Nothing,
    BuiltIn,
    Learnt(Arc<Prepared>),
}

impl Base {
    fn of(dict: DictId) -> Result<Self, BlockError> {
        match dict {
            DictId::NONE => Ok(Self::Nothing),
            DictId::BUILT_IN => Ok(Self::BuiltIn),
            learnt => dict::find(learnt)
                .map(Self::Learnt)
                .ok_or(BlockError::Dict(learnt)),
        }
    }

    fn prepared(&self) -> Option<&Prepared> {
        match self {
            Self::Nothing => None,
            Self::BuiltIn => Some(dict::built_in()),
            Self::Learnt(prepared) => Some(prepared),
        }
    }
}

fn named(code: ErrorCode) -> io::Error {
    io::Error::other(zstd_safe::get_error_name(code))
}

/// Contexts that are not in use. A context that met an error is not used again.
struct Spare<C> {
    contexts: Mutex<Vec<C>>,
}

impl<C> Spare<C> {
    const fn new() -> Self {
        Self {
            contexts: Mutex::new(Vec::new()),
        }
    }

    fn with<T>(
        &self,
        make: impl FnOnce() -> Option<C>,
        work: impl FnOnce(&mut C) -> io::Result<T>,
    ) -> io::Result<T> {
        let spare = self.lock().pop();
        let mut context = match spare {
            Some(context) => context,
            None => make().ok_or(io::ErrorKind::OutOfMemory)?,
        };
        let done = work(&mut context)?;
        let mut spares = self.lock();
        if spares.len() < SPARE_MAX {
            spares.push(context);
        }
        Ok(done)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<C>> {
        self.contexts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
