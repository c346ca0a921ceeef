//! Requests, and reports of browsers.

use super::*;

#[test]
fn takes_requests_apart() {
    let event = json!({"request": {
        "url": "https://x.io/a%20b?q=1&q=2&empty#frag", "method": "post",
        "headers": [["content-type", "text/plain"], ["COOKIE", "a=1; b=x%20y"], ["accept", ["a", "b"]]],
        "data": "card=1&name=J%20D",
    }});
    look(&event, |event| {
        let request = event.request.as_ref().unwrap();
        let pairs = |pairs: &protocol::event::Pairs<'_>| {
            let list = pairs.list.iter();
            list.map(|(key, value)| format!("{key}={}", text(value)))
                .collect::<Vec<_>>()
        };
        assert_eq!(text(&request.url), "https://x.io/a%20b");
        assert_eq!(text(&request.fragment), "frag");
        assert_eq!(text(&request.method), "POST");
        assert_eq!(pairs(&request.query), ["q=1", "q=2", "empty="]);
        assert_eq!(
            pairs(&request.headers),
            ["Accept=a, b", "Content-Type=text/plain"]
        );
        assert_eq!(pairs(&request.cookies), ["a=1", "b=x y"]);
        assert_eq!(
            request.data.as_ref().unwrap().get(),
            r#"{"card":"1","name":"J D"}"#
        );
        assert_eq!(
            text(&request.inferred_content_type),
            "application/x-www-form-urlencoded"
        );
    });
    let text_alone = json!({"request": {"headers": "host: x.io\r\ncookie: a=1\n\nodd"}});
    look(&text_alone, |event| {
        let request = event.request.as_ref().unwrap();
        let list = &request.headers.list;
        let pairs: Vec<_> = list
            .iter()
            .map(|(key, value)| (&**key, text(value)))
            .collect();
        let expected = [("Host", "x.io"), ("Odd", "")].map(|(key, value)| (key, value.to_owned()));
        assert_eq!(pairs, expected);
        assert_eq!(request.cookies.list.len(), 1);
    });
    let body = |data: Json| {
        look(&json!({"request": {"data": data}}), |event| {
            let request = event.request.clone().unwrap();
            (
                request
                    .data
                    .map_or_else(String::new, |data| data.get().to_owned()),
                text(&request.inferred_content_type),
            )
        })
    };
    assert_eq!(
        body(json!("{\"a\":1}")),
        ("{\"a\":1}".to_owned(), "application/json".to_owned())
    );
    assert_eq!(
        body(json!({"a": 1})),
        ("{\"a\":1}".to_owned(), "application/json".to_owned())
    );
    assert_eq!(
        body(json!("just words = text")),
        ("\"just words = text\"".to_owned(), "-".to_owned())
    );
    look(&json!({"request": {"method": "<script>"}}), |event| {
        assert_eq!(corrections(event), ["invalid_data request.method"]);
    });
}

#[test]
fn makes_events_of_policy_reports() {
    let report = |payload: Json| {
        let payload = payload.to_string();
        let receipt = Receipt {
            kind: ItemKind::RawSecurity,
            ..receipt()
        };
        normalise(payload.as_bytes(), &receipt).map(|event| {
            let message = event.message_text().unwrap().to_owned();
            (
                event.kind.name(),
                text(&event.logger),
                text(&event.csp.as_ref().unwrap().effective_directive),
                message,
            )
        })
    };
    let (kind, logger, culprit, message) = report(json!({"csp-report": {"violated-directive": "img-src 'self'", "blocked-uri": "https://x.io/a.png"}})).unwrap();
    assert_eq!(
        (kind, logger.as_str(), culprit.as_str(), message.as_str()),
        ("csp", "csp", "img-src", "Blocked 'img' from 'x.io'")
    );
    let (.., message) = report(json!({"type": "csp-violation", "body": {"effectiveDirective": "script-src-elem", "blockedURL": "inline"}})).unwrap();
    assert_eq!(message, "Blocked inline 'script'");
    assert!(report(json!({"expect-ct-report": {}})).is_err());
    let (.., culprit, _) = report(json!({"csp-report": {"effective-directive": " Style-Src-Elem x", "violated-directive": "y"}})).unwrap();
    assert_eq!(culprit, "style-src-elem");
    for directive in ["", "x-src", "script"] {
        let body = json!({"csp-report": {"effective-directive": directive}});
        assert!(report(body).is_err(), "{directive}");
    }
    assert!(report(json!({"csp-report": 5})).is_err());
    assert!(report(json!([])).is_err());
}
