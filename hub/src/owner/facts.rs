//! What of an event rules may ask.

use crate::normalise::NormalEvent;

/// Frames that are asked, from the crash on.
const FRAMES_MAX: usize = 50;

/// What of an event rules may ask, in lower case but for the modules.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// The files of the application's frames, without a leading `/`.
    pub(super) paths: Vec<String>,
    /// The modules of the application's frames.
    pub(super) modules: Vec<String>,
    pub(super) url: Option<String>,
    pub(super) tags: Vec<(String, String)>,
}

impl Facts {
    /// Facts of an event's frames (file, module), the one that crashed first, its address and its
    /// tags. Only frames of the application count.
    pub fn new<'f>(
        frames: impl Iterator<Item = (Option<&'f str>, Option<&'f str>)>,
        url: Option<&str>,
        tags: impl Iterator<Item = (&'f str, &'f str)>,
    ) -> Self {
        let mut facts = Self {
            url: url.map(str::to_lowercase),
            tags: tags
                .map(|(key, value)| (key.to_owned(), value.to_lowercase()))
                .collect(),
            ..Self::default()
        };
        for (path, module) in frames.take(FRAMES_MAX) {
            if let Some(path) = path.map(normal_path)
                && !facts.paths.contains(&path)
            {
                facts.paths.push(path);
            }
            if let Some(module) = module
                && !facts.modules.iter().any(|known| known == module)
            {
                facts.modules.push(module.to_owned());
            }
        }
        facts
    }

    /// The files of the application's frames in small letters, the one that crashed first.
    #[must_use]
    pub fn paths(&self) -> &[String] {
        &self.paths
    }

    /// The facts of a normalised event.
    #[must_use]
    pub fn of(event: &NormalEvent<'_>) -> Self {
        let own = event
            .exceptions
            .iter()
            .filter_map(|exception| exception.stacktrace.as_deref())
            .chain(event.stacktrace.as_deref());
        let frames = own.flat_map(|stack| stack.frames.iter().rev());
        let frames = frames.filter(|frame| frame.in_app == Some(true));
        let frames = frames.map(|frame| (frame.filename.as_deref(), frame.module.as_deref()));
        let tags = event.tags.iter();
        Self::new(
            frames,
            event.request.as_ref().and_then(|r| r.url.as_deref()),
            tags.map(|tag| (tag.key.as_ref(), tag.value.as_ref())),
        )
    }
}

/// A path as patterns have it: small letters, `/`, none at the beginning.
pub(super) fn normal_path(path: &str) -> String {
    let path = path.replace('\\', "/").to_lowercase();
    path.trim_start_matches("./")
        .trim_start_matches('/')
        .to_owned()
}
