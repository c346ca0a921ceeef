//! Levels, kinds, platforms and the short names.

use super::*;

#[test]
fn reads_levels() {
    let check = |level: Json, expected: &str, n_corrections: usize| {
        look(&json!({"level": level, "message": "m"}), |event| {
            assert_eq!(event.level.name(), expected, "{level}");
            assert_eq!(event.corrections.len(), n_corrections, "{level}");
        });
    };
    check(json!("info"), "info", 0);
    check(json!("log"), "info", 0);
    check(json!("critical"), "fatal", 0);
    check(json!(30), "warning", 0);
    check(json!("50"), "fatal", 0);
    check(json!("loud"), "error", 1);
    check(json!(7), "error", 1);
    check(json!(null), "error", 0);
}

#[test]
fn tells_kinds_and_platforms() {
    let check = |event: Json, kind: EventKind, platform: &str| {
        look(&event, |normal| {
            assert_eq!((normal.kind, normal.platform), (kind, platform), "{event}");
        });
    };
    check(
        json!({"exception": {"type": "E"}, "platform": "python"}),
        EventKind::Error,
        "python",
    );
    check(
        json!({"message": "m", "platform": "cobol"}),
        EventKind::Default,
        "other",
    );
    check(json!({"message": "m"}), EventKind::Default, "python");
    check(
        json!({"message": "m", "sdk": {"name": "sentry.javascript.react"}}),
        EventKind::Default,
        "javascript",
    );
    check(
        json!({"type": "feedback", "contexts": {"feedback": {"message": "it broke"}}}),
        EventKind::Feedback,
        "python",
    );
    check(json!({"type": "feedback"}), EventKind::Default, "python");
}

#[test]
fn checks_names() {
    let check = |field: &str, value: &str, expected: &str, notes: &[&str]| {
        look(&json!({"message": "m", field: value}), |event| {
            let got = match field {
                "release" => &event.release,
                "environment" => &event.environment,
                "dist" => &event.dist,
                "logger" => &event.logger,
                "transaction" | "culprit" => &event.transaction,
                _ => &event.server_name,
            };
            assert_eq!(text(got), expected, "{field} {value}");
            assert_eq!(corrections(event), notes, "{field} {value}");
        });
    };
    check("release", " shop@1.0 ", "shop@1.0", &[]);
    check("release", "latest", "-", &["invalid_data release"]);
    check("release", "..", "-", &["invalid_data release"]);
    check("release", "a\nb", "-", &["invalid_data release"]);
    check("release", "//", "-", &["invalid_data release"]);
    check("release", "", "-", &[]);
    check("environment", "prod", "prod", &[]);
    check(
        "environment",
        "none",
        "-",
        &["invalid_environment environment"],
    );
    check(
        "environment",
        "a/b",
        "-",
        &["invalid_environment environment"],
    );
    check(
        "environment",
        &"x".repeat(65),
        "-",
        &["invalid_environment environment"],
    );
    check("dist", "42", "42", &[]);
    check("dist", "a b", "-", &["invalid_data dist"]);
    check("dist", &"x".repeat(65), "-", &["value_too_long dist"]);
    check("logger", "shop.cart", "shop.cart", &[]);
    check(
        "logger",
        &format!("{}.service.Cart", "abc.".repeat(20).trim_end_matches('.')),
        "*.abc.abc.abc.abc.abc.abc.abc.abc.abc.abc.abc.abc.service.Cart",
        &[],
    );
    check("transaction", "/checkout", "/checkout", &[]);
    check("culprit", "shop in f", "shop in f", &[]);
    check("server_name", " web-1 ", "web-1", &[]);
}

#[test]
fn takes_the_sdk_from_the_credentials_where_the_event_has_none() {
    look(&json!({"message": "m"}), |event| {
        let sdk = event.sdk.as_ref().unwrap();
        assert_eq!(
            (text(&sdk.name), text(&sdk.version)),
            ("sentry.python".to_owned(), "2.0.0".to_owned())
        );
    });
}

#[test]
fn keeps_errors_that_earlier_programs_noted() {
    look(
        &json!({"message": "m", "errors": [{"type": "js_no_source", "name": "stacktrace", "value": "x"}, 5]}),
        |event| {
            assert_eq!(
                corrections(event),
                ["invalid_data errors.1", "js_no_source stacktrace"]
            );
        },
    );
}
