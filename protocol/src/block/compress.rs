//! zstd with dictionaries prepared once and contexts used again.

use std::io;
use std::sync::{Mutex, OnceLock, PoisonError};

use zstd::bulk::{Compressor, Decompressor};
use zstd::dict::{DecoderDictionary, EncoderDictionary};
use zstd::zstd_safe;

use super::{BlockError, DictId};

/// Above this the time doubles and the bytes hardly shrink.
const LEVEL: i32 = 3;

/// Contexts kept for the next caller; each holds about a megabyte.
const SPARE_MAX: usize = 2;

/// Trained on events of Sentry SDKs from which everything personal was removed.
const BASE_DICT: &[u8] = include_bytes!("base.dict");

/// Bytes as one zstd frame that states its content size.
///
/// # Errors
/// [`BlockError::Dict`] for a dictionary this program does not have, [`BlockError::Zstd`].
pub fn compress(dict: DictId, raw: &[u8]) -> Result<Vec<u8>, BlockError> {
    static PLAIN: Spare<Compressor<'static>> = Spare::new();
    static BASE: Spare<Compressor<'static>> = Spare::new();
    match dict {
        DictId::NONE => PLAIN.with(|| Compressor::new(LEVEL), |context| context.compress(raw)),
        DictId::BUILT_IN => BASE.with(
            || Compressor::with_prepared_dictionary(encoder_base()),
            |context| context.compress(raw),
        ),
        other => return Err(BlockError::Dict(other)),
    }
    .map_err(BlockError::Zstd)
}

/// The bytes before compression; never more than `raw_len`.
///
/// # Errors
/// [`BlockError`] when the frame is damaged or does not hold `raw_len` bytes.
pub fn decompress(dict: DictId, payload: &[u8], raw_len: usize) -> Result<Vec<u8>, BlockError> {
    static PLAIN: Spare<Decompressor<'static>> = Spare::new();
    static BASE: Spare<Decompressor<'static>> = Spare::new();
    // Two statements of the size must agree before memory is set aside for it.
    let stated = zstd_safe::get_frame_content_size(payload).ok().flatten();
    if stated != Some(raw_len as u64) {
        return Err(BlockError::Declared {
            what: "bytes",
            declared: raw_len as u64,
            found: stated.unwrap_or_default(),
        });
    }
    match dict {
        DictId::NONE => PLAIN.with(Decompressor::new, |context| {
            context.decompress(payload, raw_len)
        }),
        DictId::BUILT_IN => BASE.with(
            || Decompressor::with_prepared_dictionary(decoder_base()),
            |context| context.decompress(payload, raw_len),
        ),
        other => return Err(BlockError::Dict(other)),
    }
    .map_err(BlockError::Zstd)
}

fn encoder_base() -> &'static EncoderDictionary<'static> {
    static DICT: OnceLock<EncoderDictionary<'static>> = OnceLock::new();
    DICT.get_or_init(|| EncoderDictionary::copy(BASE_DICT, LEVEL))
}

fn decoder_base() -> &'static DecoderDictionary<'static> {
    static DICT: OnceLock<DecoderDictionary<'static>> = OnceLock::new();
    DICT.get_or_init(|| DecoderDictionary::copy(BASE_DICT))
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
        make: impl FnOnce() -> io::Result<C>,
        work: impl FnOnce(&mut C) -> io::Result<T>,
    ) -> io::Result<T> {
        let spare = self.lock().pop();
        let mut context = match spare {
            Some(context) => context,
            None => make()?,
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
