//! What is planted, and where people and programs put such things.

use serde_json::{Value, json};

/// A card number that nobody has, and that only one event has.
fn card(n: u64) -> String {
    let digits = format!("400000{n:09}");
    let doubled = digits.bytes().rev().enumerate().map(|(at, digit)| {
        let digit = u64::from(digit - b'0');
        let digit = if at % 2 == 0 { digit * 2 } else { digit };
        digit / 10 + digit % 10
    });
    let check = (10 - doubled.sum::<u64>() % 10) % 10;
    format!("{digits}{check}")
}

/// What is planted in one event; each is found in no other.
pub(super) struct Canaries {
    /// Under a name that says what it is.
    named: String,
    /// Found by its form.
    card: String,
    iban: String,
    social: String,
    bearer: String,
}

impl Canaries {
    pub(super) fn of(n: u64) -> Self {
        Self {
            named: format!("canary-{n:06}-word"),
            card: card(n),
            iban: iban(n),
            social: format!("{:03}-{:02}-{:04}", 100 + n % 500, 10 + n % 80, 1000 + n),
            bearer: format!("eyJhbGciOiJIUzI1NiJ9.eyJjYW5hcnkiOjF9.canary{n:030}"),
        }
    }

    pub(super) fn all(&self) -> [&str; 5] {
        let Self {
            named,
            card,
            iban,
            social,
            bearer,
        } = self;
        [named, card, iban, social, bearer]
    }

    /// Puts them into the fields of a real event.
    pub(super) fn plant(&self, event: &mut Value) {
        let Self {
            named,
            card,
            iban,
            bearer,
            ..
        } = self;
        let text = self.text();
        event["message"] = json!(text);
        event["extra"] = json!({
            "password": named, "nested": {"api_key": named, "list": [{"secret": named}, card]},
            "note": text, "number": card,
        });
        event["tags"] = json!({"card": card, "password": named});
        event["contexts"]["checkout"] = json!({"credit_card": card, "auth_token": named});
        event["breadcrumbs"] = json!({"values": [
            {"message": text, "data": {"passwd": named, "url": format!("https://x/?token={named}&a=1")}},
        ]});
        event["request"] = json!({
            "url": format!("https://user:{named}@shop.example.com/pay?api_key={named}"),
            "query_string": format!("a=1&password={named}"),
            "headers": {"Authorization": format!("Bearer {bearer}"), "Cookie": format!("session={named}"),
                "X-Api-Key": named},
            "cookies": format!("csrftoken={named}; sessionid={named}"),
            "data": {"card": card, "password": named, "iban": iban},
        });
        let frame = event.pointer_mut("/exception/values/0/stacktrace/frames/0/vars");
        if let Some(vars) = frame {
            *vars = json!({"password": format!("'{named}'"), "card": card, "text": text});
        }
    }

    /// What people would read.
    fn text(&self) -> String {
        let (card, iban, social) = (&self.card, &self.iban, &self.social);
        format!("paid with {card}, {iban}, ssn {social}")
    }

    /// Lines of a file, or of a process's memory.
    fn lines(&self) -> String {
        let (named, bearer, text) = (&self.named, &self.bearer, self.text());
        format!("{text}\npassword={named}\nAuthorization: Bearer {bearer}\n")
    }

    /// What the program says that is asked for.
    pub(super) fn user_agent(&self) -> String {
        format!("shop/1.0 (card {}; password={})", self.card, self.named)
    }

    /// What a program prints when it crashes.
    pub(super) fn crash(&self) -> String {
        format!(
            "Traceback (most recent call last):\n  File \"/srv/pay.py\", line 3, in <module>\n    \
             pay()\nValueError: {}; password={}\n",
            self.text(),
            self.named
        )
    }

    /// An event's envelope, with a file of every kind.
    pub(super) fn with_files(&self, event: &Value) -> Vec<u8> {
        let lines = self.lines();
        let (named, card) = (&self.named, &self.card);
        let json = json!({"password": named, "nested": {"card": card}, "note": self.text()});
        let wide = [&[0xFF, 0xFE][..], &wide(&lines)].concat();
        let binary = [&[0xFF, 0x00, 0x80][..], lines.as_bytes(), &[0; 7], &wide].concat();
        let file = |name: &str| json!({"type": "attachment", "filename": format!("card {card} password={named}.{name}")});
        let dump = json!({"type": "attachment", "attachment_type": "event.minidump",
            "filename": "crash.dmp", "description": self.text()});
        let header = json!({"event_id": event["event_id"],
            "trace": {"trace_id": "4eece57452f14f489cbe251e2f5cd538", "user_segment": self.text()}});
        let items = [
            (
                json!({"type": "event", "note": self.text(), "password": named,
                    "trace": {"note": self.text()}}),
                event.to_string().into_bytes(),
            ),
            (file("txt"), lines.clone().into_bytes()),
            (file("json"), json.to_string().into_bytes()),
            (file("utf16"), wide),
            (file("bin"), binary),
            (dump, dump_with(&lines)),
            (
                json!({"type": "user_report"}),
                json!({"event_id": event["event_id"], "name": "A",
                "email": "a@example.com", "comments": self.text()})
                .to_string()
                .into_bytes(),
            ),
        ];
        envelope(&header, &items)
    }

    /// The envelope of a transaction with its spans, and of logs and metrics.
    pub(super) fn with_traces(&self, transaction: &Value) -> Vec<u8> {
        let (named, card, text) = (&self.named, &self.card, self.text());
        let mut transaction = transaction.clone();
        transaction["extra"] = json!({"password": named, "note": text});
        let spans = transaction["spans"].as_array_mut().into_iter().flatten();
        for span in spans {
            span["description"] = json!(format!("POST https://x/?token={named} {text}"));
            span["data"] = json!({"api_key": named, "card": card});
        }
        let header = json!({"event_id": transaction["event_id"]});
        let trace = "4eece57452f14f489cbe251e2f5cd538";
        let attributes = json!({
            "password": {"type": "string", "value": named}, "note": {"type": "string", "value": text}});
        let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs_f64();
        let entries = |kind: &str, form: &str, entry: Value| {
            let header = json!({"type": kind, "item_count": 1,
                "content_type": format!("application/vnd.sentry.items.{form}+json")});
            (header, json!({"items": [entry]}).to_string().into_bytes())
        };
        let items = [
            (
                json!({"type": "transaction"}),
                transaction.to_string().into_bytes(),
            ),
            entries(
                "log",
                "log",
                json!({"timestamp": now, "trace_id": trace, "level": "info",
                "body": format!("{text} password={named}"), "attributes": attributes}),
            ),
            entries(
                "trace_metric",
                "trace-metric",
                json!({"timestamp": now, "trace_id": trace, "name": "paid",
                "type": "counter", "value": 1.0, "attributes": attributes}),
            ),
            entries(
                "span",
                "span.v2",
                json!({"trace_id": trace, "span_id": "9c2a6db8c79068a2", "name": text,
                "status": "ok", "is_segment": true, "start_timestamp": now, "end_timestamp": now + 1.0,
                "attributes": attributes}),
            ),
        ];
        envelope(&header, &items)
    }
}

/// A text in UTF-16LE.
pub(super) fn wide(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

/// A real dump whose memory is this text, in UTF-8 and UTF-16LE.
fn dump_with(text: &str) -> Vec<u8> {
    const MEMORY: u32 = 5;
    let mut dump = include_bytes!("../../../../protocol/fixtures/dumps/crash.dmp").to_vec();
    let word = |dump: &[u8], at: usize| u32::from_le_bytes(dump[at..at + 4].try_into().unwrap());
    let place = |dump: &[u8], at: usize| usize::try_from(word(dump, at)).unwrap();
    let (n, directory) = (place(&dump, 8), place(&dump, 12));
    let mut entries = (0..n).map(|nth| directory + nth * 12);
    let entry = entries.find(|at| word(&dump, *at) == MEMORY).unwrap();
    let memory = [text.as_bytes(), &[0; 9], &wide(text)].concat();
    let at = dump.len();
    let words = [20, at, 1, 0x7000, 0, memory.len(), at + 20];
    let words = words.map(|n| u32::try_from(n).unwrap().to_le_bytes());
    dump[entry + 4..entry + 12].copy_from_slice(&words[..2].concat());
    dump.extend(words[2..].concat());
    dump.extend(memory);
    dump
}

fn envelope(header: &Value, items: &[(Value, Vec<u8>)]) -> Vec<u8> {
    let mut body = header.to_string().into_bytes();
    for (header, payload) in items {
        let mut header = header.clone();
        header["length"] = payload.len().into();
        body.extend_from_slice(format!("\n{header}\n").as_bytes());
        body.extend_from_slice(payload);
    }
    body
}

/// A number of a German account with its check digits.
fn iban(n: u64) -> String {
    let account = format!("37040044{n:010}");
    // DE is 13 and 14 there; the remainder of a number of 24 digits, digit by digit.
    let digits = format!("{account}131400");
    let rest = digits
        .bytes()
        .fold(0, |rest, digit| (rest * 10 + u64::from(digit - b'0')) % 97);
    format!("DE{:02}{account}", 98 - rest)
}
