//! What later ways of grouping do better than the first.

use super::*;

#[test]
fn takes_no_heed_of_the_depth_of_a_recursion() {
    let of = |depth: usize, last: &str| {
        let mut frames = vec![("shop", "main", 1, true)];
        for _ in 0..depth {
            frames.push(("shop", "even", 2, true));
            frames.push(("shop", "odd", 3, true));
        }
        frames.push(("shop", last, 4, true));
        error("E", "v", &frames)
    };
    same(&of(2, "leaf"), &of(7, "leaf"));
    same(&of(1, "leaf"), &of(2, "leaf"));
    apart(&of(2, "leaf"), &of(2, "branch"));
}

#[test]
fn takes_no_heed_of_names_that_compilers_make() {
    let of = |platform: &str, module: &str, function: &str| {
        let frame = json!({"module": module, "function": function, "in_app": true});
        json!({"platform": platform, "exception": {"type": "E", "stacktrace": {"frames": [frame]}}})
    };
    let check = |platform: &str, a: (&str, &str), b: (&str, &str)| {
        same(&of(platform, a.0, a.1), &of(platform, b.0, b.1));
    };
    check("go", ("shop", "Run.func1"), ("shop", "Run.func2.1"));
    check("go", ("shop", "Get[go.shape.int]"), ("shop", "Get[...]"));
    check(
        "csharp",
        ("Shop+<Go>d__4", "MoveNext"),
        ("Shop+<Go>d__7", "MoveNext"),
    );
    check("csharp", ("Shop", "<Go>b__4_1"), ("Shop", "<Go>b__5_0"));
    check(
        "java",
        ("jdk.proxy2.$Proxy33", "f"),
        ("jdk.proxy3.$Proxy9", "f"),
    );
    check(
        "java",
        ("shop.Main", "main$lambda$0"),
        ("shop.Main", "main$lambda$2"),
    );
    check(
        "node",
        ("shop", "async save"),
        ("shop", "Shop.save [as run]"),
    );
    check("native", ("shop", "f.llvm.123"), ("shop", "f.cold"));
    check("ruby", ("shop", "Cart#add"), ("shop", "add"));
    apart(
        &of("go", "shop", "Run.func1"),
        &of("go", "shop", "Stop.func1"),
    );
    apart(
        &of("csharp", "Shop+<Go>d__4", "MoveNext"),
        &of("csharp", "Shop+<Stop>d__4", "MoveNext"),
    );
}

#[test]
fn tells_minified_errors_by_their_words() {
    let of = |build: &str, function: &str, value: &str| {
        let url = format!("https://shop.example/main.{build}.js");
        json!({"platform": "javascript", "exception": {"type": "TypeError", "value": value,
        "stacktrace": {"frames": [
            {"abs_path": url, "filename": url, "function": function, "lineno": 1, "in_app": true},
            {"abs_path": url, "filename": url, "function": "b", "lineno": 1, "in_app": true},
        ]}}})
    };
    same(
        &of("4f3a9c1b", "a", "no total"),
        &of("b81d02e7", "Zt", "no total"),
    );
    apart(
        &of("4f3a9c1b", "a", "no total"),
        &of("4f3a9c1b", "a", "no owner"),
    );
    apart(
        &of("4f3a9c1b", "onClick", "no total"),
        &of("4f3a9c1b", "onClick", "no owner"),
    );
}

#[test]
fn knows_frameworks_that_sdks_take_for_the_application() {
    let of = |framework: &str, function: &str| {
        json!({"platform": "java", "exception": {"type": "E", "stacktrace": {"frames": [
            {"module": framework, "function": function, "in_app": true},
            {"module": "shop.Cart", "function": "add", "in_app": true},
        ]}}})
    };
    same(
        &of("io.ktor.server.Call", "run"),
        &of("io.ktor.server.Pipeline", "go"),
    );
    apart(&of("shop.Call", "run"), &of("shop.Pipeline", "go"));
}

#[test]
fn gives_features_that_alike_events_share() {
    let near = error("E", "v", &[("a", "f", 1, true), ("b", "g", 2, true)]);
    let other = error("E", "v", &[("a", "f", 1, true), ("b", "h", 2, true)]);
    let (a, b) = (grouped(&near).features, grouped(&other).features);
    assert_eq!(a.len(), 3, "a type and two calls");
    assert_eq!(a.iter().filter(|feature| b.contains(feature)).count(), 2);
}

proptest::proptest! {
    #[test]
    fn takes_no_heed_of_values_that_are_replaced(n in 0_u32..9_999_999, id in "[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}", host in 0_u8..=255) {
        let of = |n: u32, id: &str, host: u8| json!({
            "message": format!("user {n} with {id} from 10.0.0.{host} took {n}ms"),
        });
        let one = grouped(&of(n, &id, host)).hashes;
        proptest::prop_assert_eq!(one, grouped(&of(1, "9ec79c33-ec99-42ab-8353-589fcb2e04dc", 1)).hashes);
    }

    #[test]
    fn takes_no_heed_of_the_order_of_keys(a in "[a-z]{1,8}", b in "[a-z]{1,8}") {
        let one = format!(r#"{{"platform":"python","tags":{{"x":"{a}","y":"{b}"}},"exception":{{"type":"{a}","value":"{b}"}}}}"#);
        let two = format!(r#"{{"exception":{{"value":"{b}","type":"{a}"}},"tags":{{"y":"{b}","x":"{a}"}},"platform":"python"}}"#);
        let of = |json: &str| group(&normalise(json.as_bytes(), &receipt(ItemKind::Event)).unwrap());
        proptest::prop_assert_eq!(of(&one).hashes, of(&two).hashes);
        proptest::prop_assert_eq!(of(&one).features, of(&one).features);
    }
}

#[test]
fn the_fourth_way_takes_no_heed_of_what_real_runtimes_write_into_names() {
    let dotnet = |module: &str| {
        let frame = json!({"module": module, "function": "MoveNext", "in_app": true});
        json!({"platform": "csharp", "exception": {"type": "E", "stacktrace": {"frames": [frame]}}})
    };
    let script = |function: &str| {
        let frame = json!({"function": function, "abs_path": "https://shop.example/a.js"});
        json!({"platform": "javascript",
            "exception": {"type": "E", "value": "v", "stacktrace": {"frames": [frame]}}})
    };
    let check = |a: &Json, b: &Json| {
        same(a, b);
        let third = Rules {
            version: Version::Third,
            ..Rules::default()
        };
        assert_ne!(grouped_by(a, &third).hashes, grouped_by(b, &third).hashes);
    };
    check(
        &dotnet("Shop+<Save>c__async0"),
        &dotnet("Shop+<Save>c__async3"),
    );
    check(
        &dotnet("Shop+<Rows>c__Iterator1"),
        &dotnet("Shop+<Rows>c__Iterator2"),
    );
    check(
        &dotnet("Shop.Box`1[[System.Int32, mscorlib, Version=4.0.0.0]]"),
        &dotnet("Shop.Box`1[[System.String, mscorlib, Version=8.0.0.0]]"),
    );
    apart(&dotnet("Shop.Box`1[[A]]"), &dotnet("Shop.Cart`1[[A]]"));
    check(&script("async Rc"), &script("async Nc"));
    check(&script("new t"), &script("new e"));
}
