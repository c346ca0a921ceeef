//! Rules and the events they fit.

use proptest::prelude::*;

use super::*;

fn facts() -> Facts {
    Facts::new(
        [
            (Some("src/api/Pay.py"), Some("shop.api.pay")),
            (Some("/lib/util.py"), None),
        ]
        .into_iter(),
        Some("https://Shop.example.org/pay?cart=7"),
        [("region", "EU"), ("customer", "a b")].into_iter(),
    )
}

fn check(text: &str, expected: Option<&str>) {
    let rules = Rules::parse(text).unwrap();
    let owner = rules.decide(&facts());
    let owner = owner.and_then(|rule| rule.owners.first());
    assert_eq!(
        owner.map(ToString::to_string).as_deref(),
        expected,
        "{text}"
    );
}

#[test]
fn each_kind_of_rule_looks_at_its_own_part_of_an_event() {
    check("path:src/api/* #web", Some("#web"));
    check("path:src/* #web", Some("#web"));
    check("path:/SRC/api/pay.py #web", Some("#web"));
    check("*.py #web", Some("#web"));
    check("path:api/* #web", None);
    check("module:shop.api.* #web", Some("#web"));
    check("module:Shop.api.* #web", None);
    check("url:https://shop.example.org/* #web", Some("#web"));
    check("url:*/cart #web", None);
    check("tags.region:eu #web", Some("#web"));
    check("tags.region:us #web", None);
    check("tags.customer:\"a b\" #web", Some("#web"));
    check("\"tags.customer:a b\" #web", Some("#web"));
    check("codeowners:/src/ #web", Some("#web"));
    check("", None);
}

#[test]
fn the_last_rule_that_fits_decides_and_its_leftmost_owner() {
    let text = "# who\n\n*.py #all\nmodule:shop.* Anna@Example.org #web\ntags.region:us #us\n";
    check(text, Some("anna@example.org"));
    let rules = Rules::parse(text).unwrap();
    assert_eq!(rules.decide(&facts()).unwrap().line, 4);
    let file = Rules::parse_codeowners("* @acme/everyone").unwrap();
    let both = rules.behind(file);
    assert_eq!(both.iter().count(), 4);
    assert_eq!(both.decide(&facts()).unwrap().line, 4);
    assert_eq!(both.decide(&Facts::default()), None);
}

#[test]
fn an_error_names_the_line_the_bytes_and_the_remedy() {
    let check = |text: &str, line: usize, part: &str, word: &str| {
        let error = Rules::parse(text).unwrap_err();
        assert_eq!(error.line, line, "{text}: {error}");
        assert_eq!(text.get(error.span.clone()), Some(part), "{text}: {error}");
        assert!(error.message.contains(word), "{error}");
    };
    check("*.py #web\nfile:x #web", 2, "file:x", "use path");
    check("a.py #web\nb.py", 2, "b.py", "nobody owns it");
    check("ä.py anna", 1, "anna", "neither");
    check("a.py #", 1, "#", "neither");
    check("path: #web", 1, "path:", "empty");
    check("tags.:x #web", 1, "tags.:x", "tags.NAME");
    check("path:\"a b #web", 1, "\"a b #web", "not closed");
}

#[test]
fn codeowners_files_are_read_as_their_hosts_read_them() {
    let check = |pattern: &str, path: &str, expected: bool| {
        let rules = Rules::parse_codeowners(&format!("{pattern} @anna")).unwrap();
        let facts = Facts::new([(Some(path), None)].into_iter(), None, std::iter::empty());
        assert_eq!(rules.decide(&facts).is_some(), expected, "{pattern} {path}");
    };
    check("*", "src/a.py", true);
    check("*.js", "src/deep/a.js", true);
    check("*.js", "a.jsx", false);
    check("/build/logs/", "build/logs/x/y.txt", true);
    check("/build/logs/", "src/build/logs/y.txt", false);
    check("docs/*", "docs/a.md", true);
    check("docs/*", "docs/b/a.md", false);
    check("apps/", "src/apps/a.js", true);
    check("apps/", "apps", false);
    check("/docs", "docs/b/a.md", true);
    check("**/logs", "a/b/logs/x", true);
    check("**/logs", "logs/x", true);
    check("src/**/test.js", "src/a/b/test.js", true);
    check("my\\ file.txt", "my file.txt", true);
}

#[test]
fn owners_of_a_codeowners_file_are_names_teams_and_addresses() {
    let text = "[Section]\n# c\n*.rs @Anna @acme/Web jo@example.org what # late @no\n/free/\n";
    let rules = Rules::parse_codeowners(text).unwrap();
    let first = rules.iter().next().unwrap();
    let owners: Vec<String> = first.owners.iter().map(ToString::to_string).collect();
    assert_eq!(owners, ["@anna", "#web", "jo@example.org"]);
    let free = rules.iter().nth(1).unwrap();
    assert!(
        free.owners.is_empty(),
        "a line without owners frees its files"
    );
}

proptest! {
    #[test]
    fn reading_never_panics_and_errors_lie_in_the_text(text in "[a-z:#@\"\\\\ \n.*äö/\\[\\]]{0,80}") {
        if let Err(error) = Rules::parse(&text) {
            prop_assert!(text.get(error.span).is_some());
        }
        let rules = Rules::parse_codeowners(&text).unwrap();
        let _ = rules.decide(&facts());
    }
}
