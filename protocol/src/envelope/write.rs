//! Writes envelopes.

use super::{Envelope, EnvelopeHeader, EnvelopeItem};

/// Whether an item header names its payload's length.
#[derive(Clone, Copy)]
pub(super) enum Length {
    Given,
    Left,
}

pub(super) fn envelope(envelope: &Envelope) -> Vec<u8> {
    let payloads: usize = envelope.items.iter().map(|i| i.payload.len() + 128).sum();
    let mut out = Vec::with_capacity(256 + payloads);
    header(&mut out, &envelope.header);
    out.push(b'\n');
    for one in &envelope.items {
        item(&mut out, one);
    }
    out
}

pub(super) fn item(out: &mut Vec<u8>, item: &EnvelopeItem) {
    item_header(out, item, Length::Given);
    out.push(b'\n');
    out.extend_from_slice(&item.payload);
    out.push(b'\n');
}

fn header(out: &mut Vec<u8>, header: &EnvelopeHeader) {
    let mut object = Object::begin(out);
    if let Some(id) = header.event_id {
        object.text("event_id", &id.to_string());
    }
    if let Some(dsn) = &header.dsn {
        object.text("dsn", &dsn.to_string());
    }
    if let Some(at) = header.sent_at {
        object.text("sent_at", &at.to_rfc3339());
    }
    if let Some(sdk) = &header.sdk {
        object.json("sdk", sdk);
    }
    if let Some(trace) = &header.trace {
        object.json("trace", trace);
    }
    for (name, value) in &header.other {
        object.json(name, value);
    }
    object.end();
}

pub(super) fn item_header(out: &mut Vec<u8>, item: &EnvelopeItem, length: Length) {
    let mut object = Object::begin(out);
    object.text("type", item.kind.name());
    if matches!(length, Length::Given) {
        object.json("length", item.payload.len().to_string().as_bytes());
    }
    for (name, value) in item.header.fields() {
        object.json(name, value);
    }
    object.end();
}

/// A JSON object being written on one line.
struct Object<'a> {
    out: &'a mut Vec<u8>,
    comma: bool,
}

impl<'a> Object<'a> {
    fn begin(out: &'a mut Vec<u8>) -> Self {
        out.push(b'{');
        Self { out, comma: false }
    }

    fn name(&mut self, name: &str) {
        if self.comma {
            self.out.push(b',');
        }
        self.comma = true;
        self.string(name);
        self.out.push(b':');
    }

    fn text(&mut self, name: &str, value: &str) {
        self.name(name);
        self.string(value);
    }

    /// Newlines in JSON text are white space; on this line they would end it.
    fn json(&mut self, name: &str, value: &[u8]) {
        self.name(name);
        let line = value.iter().map(|b| if *b == b'\n' { b' ' } else { *b });
        self.out.extend(line);
    }

    fn string(&mut self, text: &str) {
        let json = serde_json::Value::from(text).to_string();
        self.out.extend_from_slice(json.as_bytes());
    }

    fn end(self) {
        self.out.push(b'}');
    }
}
