//! Which exceptions of an event count, when some of them only hold others.

use protocol::event::Exception;

use crate::normalise::NormalEvent;

/// The exceptions that count.
#[derive(Debug)]
pub(super) struct Chosen<'e, 'a> {
    pub(super) list: Vec<&'e Exception<'a>>,
    pub(super) hint: Option<&'static str>,
}

pub(super) fn chosen<'e, 'a>(event: &'e NormalEvent<'a>) -> Chosen<'e, 'a> {
    Chosen {
        list: event.exceptions.iter().collect(),
        hint: None,
    }
}

/// The exception that names the issue.
pub(super) fn main_exception<'e, 'a>(event: &'e NormalEvent<'a>) -> Option<&'e Exception<'a>> {
    event.main_exception()
}
