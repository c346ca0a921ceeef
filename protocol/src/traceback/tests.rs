//! What each language prints, by real programs; and what always holds of any lines.

use proptest::prelude::*;

use super::*;

fn collect(text: &str) -> Vec<Piece> {
    let mut collector = Collector::default();
    let mut pieces: Vec<Piece> = text
        .lines()
        .flat_map(|line| collector.push(line.to_owned()))
        .collect();
    pieces.extend(collector.end());
    assert_eq!(collector.n_held(), 0);
    pieces
}

fn lines(pieces: &[Piece]) -> Vec<&str> {
    fn of(piece: &Piece) -> &[String] {
        match piece {
            Piece::Line(line) => std::slice::from_ref(line),
            Piece::Trace(trace) => &trace.lines,
        }
    }
    pieces.iter().flat_map(of).map(String::as_str).collect()
}

/// Text around a trace stays text; the trace becomes these lines: an exception, then its frames
/// from the oldest.
#[track_caller]
fn check(language: Language, text: &str, expected: &[&str]) {
    let around = format!("before\n{text}\nbehind it");
    let pieces = collect(&around);
    assert_eq!(lines(&pieces), around.lines().collect::<Vec<_>>());
    let traces: Vec<_> = pieces
        .iter()
        .filter_map(|piece| match piece {
            Piece::Trace(trace) => Some(trace),
            Piece::Line(_) => None,
        })
        .collect();
    assert_eq!(traces.len(), 1, "{pieces:#?}");
    assert_eq!(traces[0].language, language);
    let mut shown = Vec::new();
    for exception in &traces[0].exceptions {
        shown.push(format!("{}: {}", exception.ty, exception.value));
        for frame in &exception.frames {
            let number = |n: Option<u32>| n.map_or(String::new(), |n| format!(":{n}"));
            let (line, column) = (number(frame.line), number(frame.column));
            let module = if frame.module.is_empty() {
                String::new()
            } else {
                format!("{} ", frame.module)
            };
            shown.push(format!(
                "  {module}{} {}{line}{column}",
                frame.function, frame.file
            ));
        }
    }
    assert_eq!(shown, expected);
}

#[test]
fn python_with_a_cause() {
    check(
        Language::Python,
        "Traceback (most recent call last):
  File \"/srv/shop.py\", line 5, in pay
    charge(card)
    ~~~~~~^^^^^^
  File \"/srv/shop.py\", line 2, in charge
    raise ValueError(\"no money: 12\")
ValueError: no money: 12

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File \"/srv/shop.py\", line 9, in <module>
    pay()
shop.errors.PaymentError",
        &[
            "ValueError: no money: 12",
            "  pay /srv/shop.py:5",
            "  charge /srv/shop.py:2",
            "shop.errors.PaymentError: ",
            "  <module> /srv/shop.py:9",
        ],
    );
    let pieces = collect(
        "Traceback (most recent call last):\n  File \"a.py\", line 1, in f\n    boom()\n    ^^^^^^\nKeyError: 'x'",
    );
    let Some(Piece::Trace(trace)) = pieces.first() else {
        panic!("{pieces:?}");
    };
    assert_eq!(trace.exceptions[0].frames[0].context, "boom()");
}

#[test]
fn java_with_a_cause() {
    check(
        Language::Java,
        "Exception in thread \"main\" java.lang.IllegalStateException: no payment
\tat com.example.Shop.pay(Shop.java:12)
\tat app//com.example.Shop.lambda$main$0(Shop.java:7)
\tat java.base/jdk.internal.misc.Unsafe.park(Native Method)
\tSuppressed: java.io.IOException: close
\t\tat com.example.Card.close(Card.java:3)
\t... 2 more
Caused by: java.lang.NullPointerException
\tat com.example.Card.charge(Card.java:40)
\t... 3 more",
        &[
            "java.lang.NullPointerException: ",
            "  com.example.Card charge Card.java:40",
            "java.lang.IllegalStateException: no payment",
            "  jdk.internal.misc.Unsafe park ",
            "  com.example.Shop lambda$main$0 Shop.java:7",
            "  com.example.Shop pay Shop.java:12",
        ],
    );
}

#[test]
fn node_with_a_cause() {
    check(
        Language::Node,
        "/srv/shop.js:3
    throw new Error('no payment', { cause });
    ^

Error [ERR_PAY]: no payment
    at pay (/srv/shop.js:3:11)
    at async Object.<anonymous> (file:///srv/main.mjs:9:3)
    at node:internal/main/run_main_module:28:49 {
  code: 'E_PAY',
  [cause]: RangeError: 12 is too much
      at charge (/srv/card.js:2:9)
}

Node.js v20.11.0",
        &[
            "RangeError: 12 is too much",
            "  charge /srv/card.js:2:9",
            "Error: no payment",
            "   node:internal/main/run_main_module:28:49",
            "  Object.<anonymous> /srv/main.mjs:9:3",
            "  pay /srv/shop.js:3:11",
        ],
    );
}

#[test]
fn go_with_its_first_goroutine() {
    check(
        Language::Go,
        "panic: runtime error: index out of range [5] with length 3

goroutine 1 [running]:
example.com/shop/card.(*Card).Charge(0xc000012345, {0x1, 0x2})
\t/srv/card/card.go:10 +0x1d
main.main()
\t/srv/main.go:15 +0x20
created by main.serve in goroutine 7
\t/srv/main.go:3 +0x40

goroutine 2 [select]:
main.wait()
\t/srv/main.go:30 +0x20
exit status 2",
        &[
            "panic: runtime error: index out of range [5] with length 3",
            "  main serve /srv/main.go:3",
            "  main main /srv/main.go:15",
            "  example.com/shop/card (*Card).Charge /srv/card/card.go:10",
        ],
    );
}

#[test]
fn rust_with_and_without_its_calls() {
    check(
        Language::Rust,
        "thread 'main' (77) panicked at src/main.rs:4:5:
assertion `left == right` failed
  left: 1
 right: 2
note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace",
        &[
            "panic: assertion `left == right` failed\n  left: 1\n right: 2",
            "   src/main.rs:4:5",
        ],
    );
    check(
        Language::Rust,
        "thread 'worker' panicked at src/main.rs:4:5:
no money
stack backtrace:
   0: rust_begin_unwind
             at /rustc/abc/library/std/src/panicking.rs:665:5
   1: core::panicking::panic_fmt
             at /rustc/abc/library/core/src/panicking.rs:74:14
   2: shop::pay
             at ./src/main.rs:4:5
   3: shop::main
             at ./src/main.rs:9:5
note: Some details are omitted, run with `RUST_BACKTRACE=full` for a verbose backtrace.",
        &[
            "panic: no money",
            "  shop::main ./src/main.rs:9:5",
            "  shop::pay ./src/main.rs:4:5",
        ],
    );
    check(
        Language::Rust,
        "thread 'main' panicked at 'no money', src/main.rs:4:5",
        &["panic: no money", "   src/main.rs:4:5"],
    );
}

#[test]
fn ruby_of_either_kind_of_quote() {
    check(
        Language::Ruby,
        "/srv/shop.rb:7:in `rescue in pay': no payment (PaymentError)
\tfrom /srv/shop.rb:4:in `pay'
\tfrom /srv/shop.rb:12:in `<main>'
/srv/shop.rb:5:in 'Card#charge': too much (ArgumentError)
\tfrom /srv/shop.rb:4:in 'pay'",
        &[
            "ArgumentError: too much",
            "  pay /srv/shop.rb:4",
            "  Card#charge /srv/shop.rb:5",
            "PaymentError: no payment",
            "  <main> /srv/shop.rb:12",
            "  pay /srv/shop.rb:4",
            "  rescue in pay /srv/shop.rb:7",
        ],
    );
}

#[test]
fn php_with_what_came_before() {
    check(
        Language::Php,
        "[12-Mar-2026 10:00:00 UTC] PHP Fatal error:  Uncaught RangeException: too much in /srv/card.php:3
Stack trace:
#0 /srv/shop.php(9): Card->charge()
#1 {main}

Next RuntimeException: no payment in /srv/shop.php:11
Stack trace:
#0 [internal function]: pay(Object(Card))
#1 {main}
  thrown in /srv/shop.php on line 11",
        &[
            "RangeException: too much",
            "  {main} /srv/shop.php:9",
            "  Card->charge /srv/card.php:3",
            "RuntimeException: no payment",
            "  {main} /srv/shop.php:11",
        ],
    );
}

#[test]
fn what_only_looks_like_a_trace_is_text() {
    for text in [
        "Traceback (most recent call last):\nand nothing",
        "Traceback (most recent call last):\n  File \"a.py\", line 1, in f",
        "panic: at the disco\nno goroutine",
        "meet me\n    at 10:30",
        "we are\n    at home (sweet home)",
        "the price at store(7): x",
        "\n    at pay (/srv/shop.js:3:11)",
        "a:1:in b': c (d)",
        "PHP Fatal error:  Uncaught",
        "Caused by: rain",
    ] {
        let pieces = collect(text);
        assert_eq!(lines(&pieces), text.lines().collect::<Vec<_>>());
        assert!(
            pieces.iter().all(|piece| matches!(piece, Piece::Line(_))),
            "{pieces:?}"
        );
    }
}

#[test]
fn a_trace_without_end_is_cut_and_begins_no_second_one() {
    let frame = "\tat com.example.Shop.pay(Shop.java:12)\n";
    let text = format!("java.lang.StackOverflowError\n{}behind", frame.repeat(5000));
    let pieces = collect(&text);
    assert_eq!(lines(&pieces), text.lines().collect::<Vec<_>>());
    let traces: Vec<_> = pieces
        .iter()
        .filter_map(|piece| match piece {
            Piece::Trace(trace) => Some(trace),
            Piece::Line(_) => None,
        })
        .collect();
    assert_eq!(traces.len(), 1);
    assert_eq!(traces[0].lines.len(), LINES_MAX);
    assert_eq!(traces[0].exceptions[0].frames.len(), FRAMES_MAX);
}

#[test]
fn its_event_has_the_chain_with_frames() {
    let pieces = collect(
        "Traceback (most recent call last):\n  File \"/srv/a.py\", line 1, in f\n    boom()\nKeyError: 'x'",
    );
    let Some(Piece::Trace(trace)) = pieces.first() else {
        panic!("{pieces:?}");
    };
    let expected = json!({"platform": "python", "level": "error", "exception": {"values": [{
        "type": "KeyError", "value": "'x'", "mechanism": {"type": "logs", "handled": false},
        "stacktrace": {"frames": [{"function": "f", "filename": "/srv/a.py",
            "abs_path": "/srv/a.py", "lineno": 1, "context_line": "boom()"}]}}]}});
    assert_eq!(trace.event(), expected);
}

/// Lines of traces, in any order, and any text.
fn line() -> impl Strategy<Value = String> {
    let marks = [
        "Traceback (most recent call last):",
        "  File \"a.py\", line 1, in f",
        "    code()",
        "ValueError: x",
        "",
        "The above exception was the direct cause of the following exception:",
        "java.lang.E: x",
        "\tat a.B.c(D.java:1)",
        "Caused by: a.B: x",
        "\t... 3 more",
        "    at f (/a.js:1:2)",
        "    at f (/a.js:1:2) {",
        "  [cause]: E: x",
        "}",
        "Node.js v20",
        "panic: x",
        "goroutine 1 [running]:",
        "main.f(...)",
        "\t/a.go:1 +0x1",
        "created by main.f",
        "thread 'main' panicked at src/a.rs:1:2:",
        "thread 'main' panicked at 'x', src/a.rs:1:2",
        "stack backtrace:",
        "   0: a::b",
        "             at a.rs:1:2",
        "note: x",
        "a.rb:1:in `f': x (E)",
        "\tfrom a.rb:1:in `g'",
        "PHP Fatal error:  Uncaught E: x in /a.php:1",
        "Stack trace:",
        "#0 /a.php(1): f()",
        "#1 {main}",
        "Next E: x in /a.php:1",
        "  thrown in /a.php on line 1",
    ];
    prop_oneof![
        4 => proptest::sample::select(marks.to_vec()).prop_map(str::to_owned),
        1 => "[ \\tat#'\"`:().{}é0-9]{0,30}",
        1 => any::<String>().prop_map(|text| text.replace(['\n', '\r'], " ")),
    ]
}

proptest! {
    #[test]
    fn every_line_comes_out_once_in_order_and_nothing_panics(
        sent in prop::collection::vec(line(), 0..60),
        end_at in 0_usize..60,
    ) {
        let mut collector = Collector::default();
        let mut pieces = Vec::new();
        for (nth, line) in sent.iter().enumerate() {
            pieces.extend(collector.push(line.clone()));
            if nth == end_at {
                pieces.extend(collector.end());
                prop_assert_eq!(collector.n_held(), 0);
            }
            let n_out = lines(&pieces).len();
            prop_assert_eq!(n_out + collector.n_held(), nth + 1);
        }
        pieces.extend(collector.end());
        prop_assert_eq!(lines(&pieces), sent);
        for piece in &pieces {
            if let Piece::Trace(trace) = piece {
                prop_assert!(!trace.exceptions.is_empty());
                drop(trace.event());
            }
        }
    }
}
