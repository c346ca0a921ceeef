//! Every key that searches have, asked of an event that has a value for each.

use super::*;

/// What is asked, and whether the event's issue is found by it: keys of issues first, then those of
/// events, in the order of their documentation.
const KEYS: &[(&str, bool)] = &[
    ("assigned:none", true),
    ("assigned_to:me", false),
    ("assigned_or_suggested:me", false),
    ("bookmarks:me", false),
    ("bookmarked_by:me", false),
    ("subscribed:me", false),
    ("subscribed_by:me", false),
    ("firstSeen:-1h", true),
    ("age:+1h", false),
    ("first_seen:-1h", true),
    ("lastSeen:-1h", true),
    ("last_seen:+1h", false),
    ("firstRelease:shop@1.2.3+7", true),
    ("first-release:latest", true),
    ("first_release:nope", false),
    ("regressed_in_release:shop@1.2.3+7", false),
    ("timesSeen:1", true),
    ("times_seen:>1", false),
    ("timesSeen:[1, 5]", true),
    ("!timesSeen:[1, 5]", false),
    ("userCount:1", true),
    ("issue:SHOP-1", true),
    ("issue.id:1", true),
    ("issue.id:[1, 2]", true),
    ("issue.category:error", true),
    ("issue.type:error", true),
    ("issue.priority:[medium, high]", true),
    ("issue.seer_actionability:high", false),
    ("issue.seer_last_run:-1h", false),
    ("substatus:new", true),
    ("status:unresolved", true),
    ("detector:1", false),
    ("team:my_teams", false),
    ("has:release", true),
    ("!has:assigned", true),
    ("is:unresolved", true),
    ("project:shop", true),
    ("project.id:1", true),
    ("project.name:shop", true),
    ("date:-1h", true),
    ("event.timestamp:-1h", true),
    ("timestamp:-1h", true),
    ("app.in_foreground:true", true),
    ("app.in_foreground:1", true),
    ("device.arch:arm64", true),
    ("device.brand:acme", true),
    ("device.family:phone", true),
    ("device.locale:de_AT", true),
    ("device.model_id:D53", true),
    ("device.orientation:portrait", true),
    ("device.screen_density:>2", true),
    ("device.screen_dpi:320", true),
    ("device.screen_height_pixels:<=1920", true),
    ("device.screen_width_pixels:1080", true),
    ("device.uuid:u-1", true),
    ("device.class:high", true),
    ("dist:d7", true),
    ("error.handled:false", true),
    ("error.handled:0", true),
    ("error.unhandled:1", true),
    ("error.main_thread:true", true),
    ("error.mechanism:excepthook", true),
    ("error.type:ValueError", true),
    ("error.value:\"amount is wrong\"", true),
    ("event.type:error", true),
    ("flags[checkout]:true", true),
    ("flags[\"checkout\"]:1", true),
    ("geo.city:Vienna", true),
    ("geo.country_code:AT", true),
    ("geo.region:Austria", true),
    ("http.method:POST", true),
    ("http.referer:https://shop.example.org/cart", true),
    ("http.status_code:502", true),
    ("http.status_code:>=500", true),
    ("http.status_code:5*", true),
    ("http.status_code:[500, 502]", true),
    ("http.status_code:<500", false),
    ("http.url:*example.org/pay", true),
    ("id:00000000000000000000000000000001", true),
    ("level:fatal", true),
    ("location:shop/pay.py", true),
    ("message:wrong", true),
    ("message:\"amount is\"", true),
    ("message:kettle", false),
    ("message:*amount*", true),
    ("message:[kettle, Value*wrong]", true),
    ("!message:*amount*", false),
    ("os.build:22F76", true),
    ("os.kernel_version:5.10.1", true),
    ("os.distribution_name:ubuntu", true),
    ("os.distribution_version:22.04", true),
    ("platform.name:python", true),
    ("platform:python", true),
    ("release:shop@1.2.3+7", true),
    ("release:latest", true),
    ("release.build:7", true),
    ("release.package:shop", true),
    ("release.stage:adopted", true),
    ("release.stage:[low, replaced]", false),
    ("release.version:>=1.2", true),
    ("sdk.name:sentry.python", true),
    ("sdk.version:2.75.0", true),
    ("stack.abs_path:/srv/shop/pay.py", true),
    ("stack.filename:shop/pay.py", true),
    ("stack.function:pay", true),
    ("stack.module:shop.pay", true),
    ("stack.package:libshop.so", true),
    ("stack.lineno:12", true),
    ("stack.lineno:>12", false),
    ("stack.colno:7", true),
    ("stack.in_app:true", true),
    ("title:*wrong", true),
    ("trace:0123456789abcdef0123456789abcdef", true),
    ("trace.span:0123456789abcdef", true),
    ("trace.parent_span:fedcba9876543210", true),
    ("transaction:checkout", true),
    ("transaction.op:http.server", true),
    ("transaction.status:internal_error", true),
    ("transaction.duration:>1s", false),
    ("measurements.lcp:>2s", false),
    ("spans.db:>1s", false),
    ("unreal.crash_type:Assert", true),
    ("user.email:ann@example.org", true),
    ("user.id:7", true),
    ("user.ip:203.0.113.9", true),
    ("user.username:ann", true),
    ("user.display:ann@example.org", true),
    ("user:ann", true),
    ("user:\"id:7\"", true),
    ("user:\"id:8\"", false),
    ("color:red", true),
    ("tags[color]:red", true),
    ("culprit:checkout", true),
    ("device.battery_level:<50", true),
    ("device.charging:false", true),
    ("device.name:\"Ann's phone\"", true),
    ("device.online:true", true),
    ("device.simulator:false", true),
    ("environment:production", true),
    ("timestamp.to_hour:TODAY", true),
    ("timestamp.to_day:TODAY", true),
    ("timestamp.to_day:2020-01-01", false),
    ("order-77", true),
    ("gateway", true),
    ("\"status_code 504\"", true),
];

fn event() -> Value {
    let mut event = error("ValueError", "ann", 0);
    let with = json!({
        "level": "fatal",
        "release": "shop@1.2.3+7",
        "dist": "d7",
        "user": {
            "id": "7", "email": "ann@example.org", "username": "ann", "ip_address": "203.0.113.9",
            "geo": { "city": "Vienna", "country_code": "AT", "region": "Austria" },
        },
        "tags": { "color": "red", "device.class": "high" },
        "contexts": {
            "app": { "in_foreground": true },
            "device": {
                "arch": "arm64", "brand": "acme", "family": "phone", "model_id": "D53",
                "orientation": "portrait", "screen_density": 2.5, "screen_dpi": 320,
                "screen_height_pixels": 1920, "screen_width_pixels": 1080, "id": "u-1",
                "battery_level": 42.5, "charging": false, "name": "Ann's phone", "online": true,
                "simulator": false,
            },
            "culture": { "locale": "de_AT" },
            "flags": { "values": [{ "flag": "checkout", "result": true }] },
            "os": {
                "name": "Linux", "build": "22F76", "kernel_version": "5.10.1",
                "distribution_name": "ubuntu", "distribution_version": "22.04",
            },
            "response": { "status_code": 502 },
            "trace": {
                "trace_id": "0123456789abcdef0123456789abcdef", "span_id": "0123456789abcdef",
                "parent_span_id": "fedcba9876543210", "op": "http.server",
                "status": "internal_error",
            },
            "unreal": { "crash_type": "Assert" },
        },
        "exception": { "values": [{
            "type": "ValueError", "value": "amount is wrong", "thread_id": 1,
            "mechanism": { "type": "excepthook", "handled": false },
            "stacktrace": { "frames": [{
                "filename": "shop/pay.py", "abs_path": "/srv/shop/pay.py", "module": "shop.pay",
                "package": "libshop.so", "function": "pay", "lineno": 12, "colno": 7,
                "in_app": true,
            }] },
        }] },
        "threads": { "values": [{ "id": 1, "main": true, "current": true }] },
        "breadcrumbs": { "values": [{
            "message": "asked the gateway",
            "data": { "order": "order-77", "answer": { "status_code": 504 } },
        }] },
        "request": {
            "method": "POST", "url": "https://shop.example.org/pay",
            "headers": { "Referer": "https://shop.example.org/cart" },
        },
    });
    for (name, value) in with.as_object().unwrap() {
        event[name] = value.clone();
    }
    event
}

#[tokio::test]
async fn every_key_finds_what_has_it_and_nothing_else() {
    let hub = Hub::new().await;
    hub.digest(1, &event()).await;
    let session = json!({"sid": "a", "init": true, "status": "ok",
        "attrs": {"release": "shop@1.2.3+7", "environment": "production"}});
    hub.digest_item(2, "session", &json!({}), &session.to_string())
        .await;
    let today = clock::now().to_rfc3339();
    let mut wrong = Vec::new();
    for (query, expected) in KEYS {
        let query = query.replace("TODAY", &today);
        let encoded: String = query.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let path = format!("organizations/acme/issues/?query={encoded}");
        let answer = hub.get(&path).await;
        let found = answer.json().as_array().map(|issues| !issues.is_empty());
        if found != Some(*expected) {
            wrong.push(format!("{query}: {}", answer.text));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
