//! Messages and their parameters.

use super::*;

#[test]
fn puts_parameters_into_messages() {
    let check = |entry: Json, formatted: &str, template: &str| {
        look(&json!({"logentry": entry}), |event| {
            let message = event.message.clone().unwrap_or_default();
            assert_eq!(
                (text(&message.formatted.0), text(&message.message.0)),
                (formatted.to_owned(), template.to_owned()),
                "{entry}"
            );
        });
    };
    check(json!("plain"), "plain", "-");
    check(json!({"message": "only"}), "only", "-");
    check(
        json!({"message": "a %s", "formatted": "a b"}),
        "a b",
        "a %s",
    );
    check(
        json!({"message": "a %s of %d", "params": ["x", 3]}),
        "a x of 3",
        "a %s of %d",
    );
    check(
        json!({"message": "100%% of %s", "params": ["x"]}),
        "100% of x",
        "100%% of %s",
    );
    check(
        json!({"message": "%(who)s left", "params": {"who": "jane"}}),
        "jane left",
        "%(who)s left",
    );
    check(
        json!({"message": "a {} b {1}", "params": ["x", "y"]}),
        "a x b y",
        "a {} b {1}",
    );
    check(
        json!({"message": "{who} left", "params": {"who": "jane"}}),
        "jane left",
        "{who} left",
    );
    check(
        json!({"message": "too few %s %s", "params": ["x"]}),
        "too few x %s",
        "too few %s %s",
    );
    check(json!({"message": "%", "params": []}), "%", "-");
    check(json!({"formatted": "same", "message": "same"}), "same", "-");
    check(json!({"message": "  "}), "-", "-");
}
