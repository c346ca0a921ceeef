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

/// What its metadata says of which part of the replay it is.
#[derive(Deserialize)]
struct Segment {
    segment_id: Option<u64>,
}

/// Puts the three parts in the item's place; the video becomes a file of the replay, named by its
/// segment.
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
    let segment = serde_json::from_slice::<Segment>(&video.replay_event).ok();
    let segment = segment.and_then(|segment| segment.segment_id);
    let file = Part {
        filename: Some(segment.map_or("replay.mp4".to_owned(), |n| format!("replay-{n}.mp4"))),
        content_type: Some("video/mp4".to_owned()),
        data: Bytes::from(video.replay_video.into_vec()),
        ..Part::default()
    };
    let mut file = files::attachment(file, Some("replay.video"));
    if let Some(segment) = segment {
        file.header.set_number("segment_id", segment);
    }
    let parts = [
        item(
            ItemKind::ReplayEvent,
            Bytes::from(video.replay_event.into_vec()),
        ),
        item(
            ItemKind::ReplayRecording,
            Bytes::from(video.replay_recording.into_vec()),
        ),
        file,
    ];
    envelope.items.splice(at..=at, parts);
}
