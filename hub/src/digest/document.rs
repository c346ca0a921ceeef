//! What is searchable of a normalised event.

use std::borrow::Cow;

use protocol::event::Stacktrace;
use protocol::ids::ProjectId;

use crate::group::Grouping;
use crate::index::{Document, Frame, User};
use crate::normalise::NormalEvent;

/// Frames that are searchable; the crash is at the end, so that the oldest calls are left out.
const FRAMES_MAX: usize = 500;
/// Bytes of one breadcrumb's text that are searchable.
const CRUMB_BYTES_MAX: usize = 1024;

/// The document, without row and issue.
pub(super) fn of(event: &NormalEvent<'_>, grouping: &Grouping, project: ProjectId) -> Document {
    let exceptions = event.exceptions.iter().map(|exception| {
        let ty = exception.ty.as_deref().unwrap_or_default();
        let value = exception.value.0.as_deref().unwrap_or_default();
        (ty.to_owned(), value.to_owned())
    });
    let tags = event.tags.iter();
    Document {
        row: 0,
        project: Some(project),
        issue: 0,
        event_id: Some(event.id),
        timestamp: event.timestamp,
        received_at: event.received_at,
        level: event.level.name().to_owned(),
        platform: event.platform.to_owned(),
        kind: event.kind.name().to_owned(),
        release: text(event.release.as_ref()),
        environment: text(event.environment.as_ref()),
        dist: text(event.dist.as_ref()),
        transaction: text(event.transaction.as_ref()),
        server_name: text(event.server_name.as_ref()),
        logger: text(event.logger.as_ref()),
        user: user(event),
        url: event.request.as_ref().and_then(|r| text(r.url.as_ref())),
        method: event.request.as_ref().and_then(|r| text(r.method.as_ref())),
        title: grouping.title.clone(),
        culprit: grouping.culprit.clone(),
        location: grouping.location.clone(),
        message: event.message_text().unwrap_or_default().to_owned(),
        exceptions: exceptions.collect(),
        frames: frames(event),
        breadcrumbs: breadcrumbs(event),
        tags: tags
            .map(|tag| (tag.key.clone().into_owned(), tag.value.clone().into_owned()))
            .collect(),
        handled: event.handled,
        sdk: event.sdk.as_ref().and_then(|sdk| text(sdk.name.as_ref())),
        sdk_version: event
            .sdk
            .as_ref()
            .and_then(|sdk| text(sdk.version.as_ref())),
        trace_id: event.facts.trace_id.clone(),
    }
}

fn text(value: Option<&Cow<'_, str>>) -> Option<String> {
    value.map(|text| text.clone().into_owned())
}

fn user(event: &NormalEvent<'_>) -> User {
    let Some(user) = &event.user else {
        return User::default();
    };
    User {
        id: text(user.id.as_ref()),
        email: text(user.email.as_ref()),
        username: text(user.username.as_ref()),
        ip: text(user.ip_address.as_ref()),
    }
}

/// The exceptions' frames and the event's own; the threads' only where there are no others.
fn frames(event: &NormalEvent<'_>) -> Vec<Frame> {
    let exceptions = event.exceptions.iter();
    let mut frames = Vec::new();
    let own = exceptions
        .filter_map(|exception| exception.stacktrace.as_deref())
        .chain(event.stacktrace.as_deref());
    take_frames(own, &mut frames);
    if frames.is_empty() {
        take_frames(event.stacktraces(), &mut frames);
    }
    frames
}

fn take_frames<'a>(stacks: impl Iterator<Item = &'a Stacktrace<'a>>, frames: &mut Vec<Frame>) {
    for frame in stacks.flat_map(|stack| stack.frames.iter().rev()) {
        if frames.len() >= FRAMES_MAX {
            return;
        }
        frames.push(Frame {
            module: text(frame.module.as_ref()),
            function: text(frame.function.as_ref()),
            filename: text(frame.filename.as_ref()),
            abs_path: text(
                frame
                    .abs_path
                    .as_ref()
                    .filter(|path| Some(*path) != frame.filename.as_ref()),
            ),
            in_app: frame.in_app.unwrap_or_default(),
        });
    }
}

fn breadcrumbs(event: &NormalEvent<'_>) -> Vec<String> {
    let mut texts = Vec::new();
    for crumb in &event.breadcrumbs {
        if let Some(message) = crumb.message.0.as_deref() {
            let end = message.floor_char_boundary(CRUMB_BYTES_MAX);
            texts.extend(message.get(..end).map(str::to_owned));
        }
    }
    texts
}
