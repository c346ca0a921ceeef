//! What is normal stays as it is: an event written out as it was normalised and sent again.

use protocol::event::{Fields, Frame, Pairs, Raw, Stacktrace};

use super::whole::any_json;
use super::*;

fn raw(raw: &Option<Raw<'_>>) -> Json {
    let raw = raw.as_ref();
    raw.map_or(Json::Null, |raw| serde_json::from_str(raw.get()).unwrap())
}

fn fields(fields: &Fields<'_>) -> Json {
    let pairs = fields.0.iter();
    let pairs = pairs.map(|(name, value)| {
        let value = serde_json::from_str(value.get()).unwrap();
        (name.to_string(), value)
    });
    Json::Object(pairs.collect())
}

fn pairs(pairs: &Pairs<'_>) -> Json {
    assert!(pairs.text.is_none(), "every text is taken apart");
    json!(pairs.list)
}

fn frame(frame: &Frame<'_>) -> Json {
    json!({
        "function": frame.function, "raw_function": frame.raw_function, "symbol": frame.symbol,
        "module": frame.module, "package": frame.package, "filename": frame.filename,
        "abs_path": frame.abs_path, "lineno": frame.lineno, "colno": frame.colno,
        "platform": frame.platform, "in_app": frame.in_app, "context_line": frame.context_line,
        "pre_context": raw(&frame.pre_context), "post_context": raw(&frame.post_context),
        "vars": raw(&frame.vars), "data": raw(&frame.data), "lock": raw(&frame.lock),
    })
}

fn stack(stack: Option<&Stacktrace<'_>>) -> Json {
    let Some(stack) = stack else {
        return Json::Null;
    };
    json!({
        "frames": stack.frames.iter().map(frame).collect::<Vec<_>>(),
        "registers": raw(&stack.registers),
        "frames_omitted": raw(&stack.frames_omitted),
    })
}

fn exceptions(event: &NormalEvent<'_>) -> Json {
    let one = |exception: &Exception<'_>| {
        let mechanism = exception.mechanism.as_ref().map(|mechanism| {
            json!({
                "type": mechanism.ty, "handled": mechanism.handled,
                "synthetic": mechanism.synthetic, "description": mechanism.description,
                "help_link": mechanism.help_link, "source": mechanism.source,
                "exception_id": mechanism.exception_id, "parent_id": mechanism.parent_id,
                "is_exception_group": mechanism.is_exception_group,
                "meta": raw(&mechanism.meta), "data": raw(&mechanism.data),
            })
        });
        json!({
            "type": exception.ty, "value": exception.value.0, "module": exception.module,
            "thread_id": exception.thread_id, "mechanism": mechanism,
            "stacktrace": stack(exception.stacktrace.as_deref()),
            "raw_stacktrace": raw(&exception.raw_stacktrace),
        })
    };
    event.exceptions.iter().map(one).collect()
}

fn threads(event: &NormalEvent<'_>) -> Json {
    let one = |thread: &Thread<'_>| {
        json!({
            "id": thread.id, "name": thread.name, "crashed": thread.crashed,
            "current": thread.current, "main": thread.main, "state": thread.state,
            "stacktrace": stack(thread.stacktrace.as_deref()),
        })
    };
    event.threads.iter().map(one).collect()
}

fn breadcrumbs(event: &NormalEvent<'_>) -> Json {
    let one = |crumb: &Breadcrumb<'_>| {
        json!({
            "timestamp": crumb.timestamp.map(Timestamp::to_rfc3339), "type": crumb.ty,
            "category": crumb.category, "level": crumb.level, "message": crumb.message.0,
            "data": raw(&crumb.data), "event_id": crumb.event_id, "origin": crumb.origin,
        })
    };
    event.breadcrumbs.iter().map(one).collect()
}

/// The event as an SDK would send it that sends nothing that has to be put right.
fn sent(event: &NormalEvent<'_>) -> Json {
    let user = event.user.as_ref().map(|user| {
        json!({
            "id": user.id, "email": user.email, "username": user.username, "name": user.name,
            "ip_address": user.ip_address, "geo": fields(&user.geo), "data": fields(&user.data),
        })
    });
    let request = event.request.as_ref().map(|request| {
        json!({
            "method": request.method, "url": request.url, "query_string": pairs(&request.query),
            "fragment": request.fragment, "cookies": pairs(&request.cookies),
            "headers": pairs(&request.headers), "data": raw(&request.data),
            "env": fields(&request.env), "api_target": request.api_target,
            "inferred_content_type": request.inferred_content_type,
        })
    });
    let message = event.message.as_ref().map(|message| {
        json!({
            "formatted": message.formatted.0, "message": message.message.0,
            "params": raw(&message.params),
        })
    });
    let sdk = event.sdk.as_ref().map(|sdk| {
        json!({
            "name": sdk.name, "version": sdk.version, "packages": raw(&sdk.packages),
            "features": raw(&sdk.features), "settings": fields(&sdk.settings),
        })
    });
    let csp = event.csp.as_ref().map(|csp| {
        let mut all = fields(&csp.others);
        all["effective_directive"] = json!(csp.effective_directive);
        all["violated_directive"] = json!(csp.violated_directive);
        all["blocked_uri"] = json!(csp.blocked_uri);
        all["document_uri"] = json!(csp.document_uri);
        all
    });
    let tags = event.tags.iter().map(|tag| json!([tag.key, tag.value]));
    let images = event.debug_meta.as_ref().map(|meta| raw(&meta.images));
    json!({
        "type": event.kind.name(), "level": event.level.name(), "platform": event.platform,
        "timestamp": event.timestamp.to_rfc3339(), "logger": event.logger,
        "release": event.release, "dist": event.dist, "environment": event.environment,
        "server_name": event.server_name, "site": event.site, "transaction": event.transaction,
        "logentry": message, "exception": exceptions(event), "threads": threads(event),
        "stacktrace": stack(event.stacktrace.as_deref()), "csp": csp,
        "breadcrumbs": breadcrumbs(event), "user": user, "request": request,
        "contexts": fields(&event.contexts), "tags": tags.collect::<Vec<_>>(),
        "extra": fields(&event.extra), "modules": fields(&event.modules),
        "debug_meta": {"images": images}, "sdk": sdk, "fingerprint": event.fingerprint,
        "checksum": event.checksum,
    })
}

/// Normalises, sends what came of it again, and compares.
fn check(payload: &[u8], receipt: &Receipt<'_>) {
    let Ok(first) = normalise(payload, receipt) else {
        return;
    };
    let once = sent(&first);
    let again = once.to_string();
    let receipt = Receipt {
        kind: ItemKind::Event,
        ..receipt.clone()
    };
    let second = normalise(again.as_bytes(), &receipt).unwrap();
    assert_eq!(sent(&second), once);
    assert_eq!(second.remarks, [], "nothing is cut twice");
    // What is missing is missing the second time too.
    let others = second.corrections.iter();
    let others = others.filter(|c| c.kind != CorrectionKind::MissingAttribute);
    assert_eq!(others.count(), 0, "{:?}", second.corrections);
}

#[test]
fn recordings_of_real_clients_are_normal_afterwards() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/events");
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let kind = match name.as_str() {
            "csp-report" => ItemKind::RawSecurity,
            _ => ItemKind::Event,
        };
        let receipt = Receipt { kind, ..receipt() };
        check(&std::fs::read(&path).unwrap(), &receipt);
    }
}

#[test]
fn a_bad_event_is_normal_afterwards() {
    let frames: Vec<_> = (0..300)
        .map(|n| json!({"function": "f", "vars": {"n": n}, "pre_context": ["a"], "context_line": "x".repeat(3000)}))
        .collect();
    let event = json!({
        "platform": "javascript", "level": "loud", "logger": "abc.".repeat(40),
        "message": "m".repeat(10_000), "transaction": "t".repeat(300),
        "exception": [{"value": "E: v"}, {"type": "", "stacktrace": {"frames": frames}}, {}],
        "breadcrumbs": [{"level": "loud", "data": {"x": "y".repeat(5000)}}],
        "user": {"id": "i".repeat(200), "ip_address": "nowhere", "more": {"a": [[[[[[[[1]]]]]]]]}},
        "request": {"method": "get", "url": "https://x.io/a?b=c%2525#d", "data": "a=1&b=%2B",
            "headers": [["cookie", "a=1"], ["x", "y".repeat(9000)], ["z", "1"]]},
        "tags": [["a b", " x "], ["release", "1"], ["t", " ".repeat(10)], ["url", "u"]],
        "extra": {"a": "\n\"ä".repeat(20_000), "b": vec![json!({"n": 1.5}); 5000]},
        "contexts": {"big": {"a": {"b": vec![json!([1, 2, "three"]); 3000]}}, "no": 1},
        "debug_meta": {"images": [{"type": "apple"}, {"type": "what"}]},
        "timestamp": "2031-01-01T00:00:00Z",
    });
    check(event.to_string().as_bytes(), &receipt());
}

proptest::proptest! {
    #[test]
    fn whatever_came_is_normal_afterwards(event in any_json()) {
        check(event.to_string().as_bytes(), &receipt());
    }

    #[test]
    fn what_is_cut_is_within_its_bounds_and_is_not_cut_again(value in any_json(), bytes in 16_usize..600, depth in 1_usize..5) {
        let text = value.to_string();
        let mut first = Some(Cow::Owned(serde_json::value::RawValue::from_string(text.clone()).unwrap()));
        let bounds = json::Bounds::new(depth, bytes);
        let mut journal = Journal::default();
        json::trim(&mut first, bounds, &mut journal, String::new);
        let cut = first.as_ref().unwrap().get().to_owned();
        proptest::prop_assert!(cut.len() <= bytes, "{} bytes of {}", cut.len(), bytes);
        let (_, remarks) = journal.into_parts();
        proptest::prop_assert_eq!(remarks.is_empty(), cut == text);
        let mut journal = Journal::default();
        json::trim(&mut first, bounds, &mut journal, String::new);
        let again = first.unwrap();
        proptest::prop_assert_eq!(again.get(), cut);
        proptest::prop_assert!(journal.into_parts().1.is_empty());
    }
}
