//! Replays of mobile clients: metadata, recording and video in one item, as MessagePack.

use bytes::Bytes;
use protocol::envelope::{Envelope, EnvelopeItem};
use protocol::item::ItemKind;
use protocol::wire;
use serde::Deserialize;
use serde_bytes::ByteBuf;

use super::multipart::Part;
use super::{files, item};

/// The item's parts, each in the form it has alone.
#[derive(Deserialize)]
struct Video {
    replay_event: ByteBuf,
    replay_recording: ByteBuf,
    replay_video: ByteBuf,
}

/// Puts the three parts in the item's place; the video becomes a file of the replay.
pub(super) fn take_apart(envelope: &mut Envelope) {
    let is_video = |item: &EnvelopeItem| item.kind == ItemKind::ReplayVideo;
    let Some(at) = envelope.items.iter().position(is_video) else {
        return;
    };
    let payload = envelope.items.get(at).map(|item| item.payload.clone());
    let Some(video) = payload.and_then(|payload| wire::decode_msgpack::<Video>(&payload).ok())
    else {
        return;
    };
    let file = Part {
        filename: Some("replay.mp4".to_owned()),
        content_type: Some("video/mp4".to_owned()),
        data: Bytes::from(video.replay_video.into_vec()),
        ..Part::default()
    };
    let parts = [
        item(
            ItemKind::ReplayEvent,
            Bytes::from(video.replay_event.into_vec()),
        ),
        item(
            ItemKind::ReplayRecording,
            Bytes::from(video.replay_recording.into_vec()),
        ),
        files::attachment(file, Some("replay.video")),
    ];
    envelope.items.splice(at..=at, parts);
}
