//! The demo's events: a small shop with a Python API, a browser front end, a Node worker, a Rust
//! search service and a Java ledger, over a day.

use protocol::timestamp::Timestamp;
use serde_json::{Value, json};

/// One kind of error and how often it happened.
#[derive(Debug)]
pub struct Sample {
    /// The event as its SDK sends it, without id and time.
    pub event: Value,
    /// Minutes before now at which it happened.
    pub minutes_ago: Vec<i64>,
    /// Whether it is resolved after these, and seen once more in the release given.
    pub comes_back_in: Option<&'static str>,
}

/// Every sample.
#[must_use]
pub fn samples() -> Vec<Sample> {
    let sample = |event, minutes_ago| Sample {
        event,
        minutes_ago,
        comes_back_in: None,
    };
    vec![
        sample(python_payment(), spread(60, 24, 7)),
        sample(browser_profile(), spread(24, 33, 11)),
        sample(node_import(), spread(18, 71, 3)),
        Sample {
            event: rust_quantity(),
            minutes_ago: spread(5, 190, 400),
            comes_back_in: Some("search@0.9.1"),
        },
        sample(java_ledger(), vec![12, 13]),
        sample(python_warning(), spread(9, 101, 20)),
        sample(python_message(), vec![95]),
    ]
}

/// `n` times, `step` minutes apart with some unevenness, the last `begin` minutes ago.
fn spread(n: i64, step: i64, begin: i64) -> Vec<i64> {
    (0..n)
        .map(|i| begin + i * step + (i * i * 37) % step.max(1))
        .filter(|at| *at < 1430)
        .collect()
}

/// The event with an id, a time and a person; people repeat.
#[must_use]
pub fn at(event: &Value, now: Timestamp, minutes_ago: i64) -> Value {
    const PEOPLE: &[(&str, &str)] = &[
        ("1042", "ada"),
        ("1187", "grace"),
        ("1203", "linus"),
        ("1299", "margaret"),
        ("1310", "ken"),
    ];
    let mut event = event.clone();
    let place = usize::try_from(minutes_ago).unwrap_or(0) % PEOPLE.len();
    if let (Some(fields), Some((id, name))) = (event.as_object_mut(), PEOPLE.get(place)) {
        let when = now.plus_millis(-minutes_ago * 60_000 - minutes_ago * 137 % 60_000);
        fields.insert(
            "event_id".into(),
            json!(uuid::Uuid::new_v4().simple().to_string()),
        );
        fields.insert("timestamp".into(), json!(when.to_rfc3339()));
        fields
            .entry("user")
            .or_insert(json!({"id": id, "username": name}));
    }
    event
}

fn frame(module: &str, file: &str, function: &str, line: u32, code: [&str; 3], own: bool) -> Value {
    json!({
        "module": module, "filename": file, "abs_path": format!("/srv/shop/{file}"),
        "function": function, "lineno": line, "in_app": own,
        "pre_context": [code[0]], "context_line": code[1], "post_context": [code[2]],
    })
}

/// The frame with its local variables.
fn with_vars(mut frame: Value, vars: &Value) -> Value {
    if let Some(fields) = frame.as_object_mut() {
        fields.insert("vars".into(), vars.clone());
    }
    frame
}

fn library(module: &str, file: &str, function: &str, line: u32) -> Value {
    json!({"module": module, "filename": file, "function": function, "lineno": line, "in_app": false})
}

fn python_payment() -> Value {
    let charge = frame(
        "shop.billing",
        "shop/billing.py",
        "charge",
        88,
        [
            "    response = gateway.post(\"/charges\", json=charge.as_json(), timeout=3)",
            "    response.raise_for_status()",
            "    return Receipt.from_json(response.json())",
        ],
        true,
    );
    let charge = with_vars(
        charge,
        &json!({
            "charge": "Charge(order=40213, amount=Decimal('129.90'), currency='EUR')",
            "response": "<Response [502]>", "attempt": 3, "card_number": "4111 1111 1111 1111",
        }),
    );
    let checkout = frame(
        "shop.checkout",
        "shop/checkout.py",
        "place_order",
        141,
        [
            "        except GatewayError as error:",
            "            raise PaymentFailed(order.id) from error",
            "        order.mark_paid(receipt)",
        ],
        true,
    );
    let view = frame(
        "shop.views",
        "shop/views.py",
        "checkout",
        57,
        [
            "    cart = Cart.for_session(request.session)",
            "    order = checkout.place_order(cart, request.form)",
            "    return redirect(url_for(\"receipt\", order=order.id))",
        ],
        true,
    );
    json!({
        "platform": "python", "level": "error", "release": "shop-api@2.14.0",
        "environment": "production", "server_name": "api-03", "transaction": "/checkout/<cart>",
        "sdk": {"name": "sentry.python.flask", "version": "2.75.0"},
        "exception": {"values": [
            {"type": "GatewayError", "value": "502 Bad Gateway for POST /charges after 3 attempts",
             "module": "shop.gateway", "mechanism": {"type": "chained", "handled": true},
             "stacktrace": {"frames": [
                 frame("shop.checkout", "shop/checkout.py", "place_order", 138,
                     ["        try:", "            receipt = billing.charge(charge)", "        except GatewayError as error:"], true),
                 charge,
                 library("requests.models", "requests/models.py", "raise_for_status", 1026),
             ]}},
            {"type": "PaymentFailed", "value": "order 40213 could not be paid",
             "module": "shop.checkout", "mechanism": {"type": "flask", "handled": false},
             "stacktrace": {"frames": [
                 library("flask.app", "flask/app.py", "full_dispatch_request", 917),
                 library("flask.app", "flask/app.py", "dispatch_request", 902),
                 view, checkout,
             ]}},
        ]},
        "breadcrumbs": {"values": [
            {"type": "http", "category": "httplib", "level": "info", "data": {"method": "GET", "url": "http://stock.internal/items/7", "status_code": 200}},
            {"type": "query", "category": "query", "level": "info", "message": "SELECT * FROM carts WHERE session = %s"},
            {"type": "default", "category": "shop.billing", "level": "warning", "message": "gateway answered 502, trying again (2 of 3)"},
            {"type": "http", "category": "httplib", "level": "error", "data": {"method": "POST", "url": "https://gateway.example.com/charges", "status_code": 502}},
        ]},
        "request": {"method": "POST", "url": "https://shop.example.com/checkout/8841", "query_string": "coupon=SPRING",
            "headers": {"User-Agent": "Mozilla/5.0 (Macintosh; Intel Mac OS X 14_5) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36", "Content-Type": "application/x-www-form-urlencoded", "Authorization": "Bearer 0123456789abcdef"},
            "data": {"name": "Ada Lovelace", "card_number": "4111111111111111", "password": "correct horse"}},
        "tags": {"customer.tier": "gold", "payment.gateway": "example", "region": "eu-west"},
        "contexts": {"runtime": {"name": "CPython", "version": "3.11.7", "type": "runtime"},
            "trace": {"trace_id": "4eece57452f14f489cbe251e2f5cd538", "span_id": "9c2a6db8c79068a2", "op": "http.server"}},
        "modules": {"flask": "3.1.0", "requests": "2.32.3", "sqlalchemy": "2.1.0"},
        "extra": {"order": 40213, "cart_items": 3},
    })
}

fn browser_profile() -> Value {
    let app = |file: &str, function: &str, line: u32, column: u32| {
        json!({"filename": format!("https://shop.example.com/assets/{file}"), "function": function,
            "lineno": line, "colno": column, "in_app": true})
    };
    json!({
        "platform": "javascript", "level": "error", "release": "web@2026.11.2", "environment": "production",
        "sdk": {"name": "sentry.javascript.browser", "version": "11.12.0"}, "transaction": "/account",
        "exception": {"values": [{"type": "TypeError", "value": "Cannot read properties of undefined (reading 'profile')",
            "mechanism": {"type": "auto.browser.global_handlers.onunhandledrejection", "handled": false},
            "stacktrace": {"frames": [app("router.js", "navigate", 212, 14), app("account.js", "loadAccount", 48, 9), app("account.js", "renderAvatar", 77, 31)]}}]},
        "breadcrumbs": [
            {"category": "navigation", "data": {"from": "/", "to": "/account"}},
            {"category": "fetch", "type": "http", "level": "error", "data": {"method": "GET", "url": "/api/me", "status_code": 401}},
            {"category": "ui.click", "message": "button#account > span"},
        ],
        "request": {"url": "https://shop.example.com/account", "headers": {"User-Agent": "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1"}},
        "tags": {"locale": "de"},
    })
}

fn node_import() -> Value {
    json!({
        "platform": "node", "level": "error", "release": "worker@1.8.3", "environment": "production",
        "server_name": "worker-1", "transaction": "import products", "logger": "import",
        "sdk": {"name": "sentry.javascript.node", "version": "11.12.0"},
        "exception": {"values": [{"type": "RangeError", "value": "price -4.5 of product 7731 is below zero",
            "mechanism": {"type": "generic", "handled": true},
            "stacktrace": {"frames": [
                {"module": "node:internal/process/task_queues", "filename": "node:internal/process/task_queues", "function": "process.processTicksAndRejections", "lineno": 95, "colno": 5, "in_app": false},
                frame("import.run", "worker/import.mjs", "run", 31, ["  for await (const row of rows(file)) {", "    await save(validate(row));", "  }"], true),
                frame("import.validate", "worker/validate.mjs", "validate", 12, ["  const price = Number(row.price);", "  if (price < 0) throw new RangeError(`price ${price} of product ${row.id} is below zero`);", "  return { ...row, price };"], true),
            ]}}]},
        "contexts": {"runtime": {"name": "node", "version": "v20.20.2"}, "job": {"file": "products-2026-11-20.csv", "row": 7731}},
        "tags": {"queue": "imports"},
    })
}

fn rust_quantity() -> Value {
    json!({
        "platform": "rust", "level": "error", "release": "search@0.9.0", "environment": "production",
        "server_name": "search-1", "sdk": {"name": "sentry.rust", "version": "0.49.5"},
        "exception": {"values": [
            {"type": "ParseIntError", "value": "invalid digit found in string"},
            {"type": "QueryError", "value": "could not read `limit`", "mechanism": {"type": "anyhow", "handled": true},
             "stacktrace": {"frames": [
                 {"function": "tokio::runtime::task::raw::poll", "in_app": false, "package": "search"},
                 {"function": "search::http::handle", "filename": "src/http.rs", "lineno": 64, "in_app": true},
                 {"function": "search::query::parse", "filename": "src/query.rs", "lineno": 29, "in_app": true},
             ]}},
        ]},
        "contexts": {"rust": {"type": "runtime", "name": "rustc", "version": "1.95.0"}},
    })
}

fn java_ledger() -> Value {
    let own = |function: &str, line: u32| json!({"module": "com.example.ledger.Booking", "function": function, "filename": "Booking.java", "lineno": line, "in_app": true});
    json!({
        "platform": "java", "level": "fatal", "release": "ledger@5.2.0", "environment": "staging",
        "server_name": "ledger-stage", "logger": "com.example.ledger", "sdk": {"name": "sentry.java", "version": "8.20.0"},
        "exception": {"values": [{"type": "IllegalStateException", "module": "java.lang", "value": "account 2210 does not balance: 0.01 EUR are missing",
            "mechanism": {"type": "UncaughtExceptionHandler", "handled": false},
            "stacktrace": {"frames": [
                {"module": "java.util.concurrent.ThreadPoolExecutor", "function": "runWorker", "filename": "ThreadPoolExecutor.java", "lineno": 1136, "in_app": false},
                own("close", 210), own("requireBalance", 187)]}}]},
        "tags": {"tenant": "north"},
    })
}

fn python_warning() -> Value {
    json!({
        "platform": "python", "level": "warning", "release": "shop-api@2.14.0", "environment": "production",
        "server_name": "api-01", "logger": "shop.stock", "transaction": "/items/<id>",
        "sdk": {"name": "sentry.python.flask", "version": "2.75.0"},
        "logentry": {"message": "stock of item %s is %s minutes old", "params": ["7", "45"], "formatted": "stock of item 7 is 45 minutes old"},
        "tags": {"region": "eu-west"},
    })
}

fn python_message() -> Value {
    json!({
        "platform": "python", "level": "info", "release": "shop-api@2.14.0", "environment": "staging",
        "server_name": "api-stage", "message": "nightly catalogue export finished with 3 products left out",
        "sdk": {"name": "sentry.python", "version": "2.75.0"},
    })
}
