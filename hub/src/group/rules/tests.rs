//! The languages by cases.

use super::*;

#[test]
fn prints_back_what_it_reads() {
    let check = |text: &str, printed: &str| {
        let rules = Enhancements::parse(text).unwrap();
        assert_eq!(rules.to_string().trim_end(), printed);
        assert_eq!(Enhancements::parse(printed).unwrap(), rules);
    };
    check("function:main +app", "function:main +app");
    check(
        "# ours\n\n  stack.function:\"a b\"   -group # not ours",
        "function:\"a b\" -group",
    );
    check(
        "!path:**/vendor/** ^-app v+group",
        "!path:**/vendor/** ^-app v+group",
    );
    check(
        "[ function:a ] | module:b | [ function:c ] max-frames=3",
        "[ function:a ] | module:b | [ function:c ] max-frames=3",
    );
    check(
        "family:native,javascript type:Error category=ui min-frames=2",
        "family:native,javascript type:Error category=ui min-frames=2",
    );
    let check = |text: &str, printed: &str| {
        let rules = FingerprintRules::parse(text).unwrap();
        assert_eq!(rules.to_string().trim_end(), printed);
        assert_eq!(FingerprintRules::parse(printed).unwrap(), rules);
    };
    check("type:DbError -> db", "type:DbError -> db");
    check(
        "error.value:\"no *\" !tags.a:b -> x,{{transaction}} {{ default }} title=\"T {{ type }}\"",
        "value:\"no *\" !tags.a:b -> x, \"{{ transaction }}\", \"{{ default }}\" title=\"T {{ type }}\"",
    );
    check(
        "level:error -> a-{{ logger }}-b",
        "level:error -> \"a-{{ logger }}-b\"",
    );
}

#[test]
fn says_where_a_rule_is_wrong() {
    let check = |text: &str, line: usize, column: usize, message: &str| {
        let error = Enhancements::parse(text).unwrap_err();
        assert_eq!(
            (error.line, error.column),
            (line, column),
            "{text}: {error}"
        );
        assert!(error.message.contains(message), "{error}");
        assert!(error.span[0] < error.span[1]);
    };
    check(
        "function:a +app\nnonsense:b +app",
        2,
        1,
        "no condition nonsense",
    );
    check("function:a", 1, 11, "expected an action");
    check("function:a +what", 1, 12, "no flag what");
    check("function:\"a +app", 1, 10, "never closed");
    check("max-frames=2", 1, 1, "expected a condition");
    check("function:a max-frames=many", 1, 23, "expected 0 to 1000");
    check("function:a size=1", 1, 12, "no action size");
    check("[ function:a | function:b +app", 1, 14, "expected ]");
    check("family:fish +app", 1, 8, "no family fish");
    check("ü:a +app", 1, 1, "no condition");
    check("message:a +app", 1, 1, "no condition message");
    let check = |text: &str, line: usize, column: usize, message: &str| {
        let error = FingerprintRules::parse(text).unwrap_err();
        assert_eq!(
            (error.line, error.column),
            (line, column),
            "{text}: {error}"
        );
        assert!(error.message.contains(message), "{error}");
    };
    check("type:a", 1, 7, "expected ->");
    check("type:a ->", 1, 10, "expected a fingerprint");
    check("-> a", 1, 1, "expected a condition");
    check("type:a -> {{ x", 1, 11, "never closed");
    check("app:maybe -> x", 1, 5, "yes or no");
}

#[test]
fn bounds_what_it_reads() {
    let many = "function:a +app\n".repeat(RULES_MAX + 1);
    assert!(Enhancements::parse(&many).is_err());
    let long = format!("function:{} +app", "a".repeat(PATTERN_CHARS_MAX + 1));
    assert!(Enhancements::parse(&long).is_err());
    assert!(FingerprintRules::parse(&"#".repeat(RULES_BYTES_MAX + 1)).is_err());
    let parts = format!("type:a -> {}", "x ".repeat(PARTS_MAX + 1));
    assert!(FingerprintRules::parse(&parts).is_err());
}

proptest::proptest! {
    #[test]
    fn reads_anything_without_panic_and_prints_what_it_read(
        text in "(\\[|\\]|\\||!|#|\"|\\\\|->|\\{\\{|\\}\\}|[+^v-]app|function:|type:|title=|x|é| |\n){0,30}",
    ) {
        if let Ok(rules) = Enhancements::parse(&text) {
            proptest::prop_assert_eq!(Enhancements::parse(&rules.to_string()), Ok(rules));
        }
        if let Ok(rules) = FingerprintRules::parse(&text) {
            proptest::prop_assert_eq!(FingerprintRules::parse(&rules.to_string()), Ok(rules));
        }
    }
}
