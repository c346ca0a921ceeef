//! Private data in payloads: places, keys, escapes, and the notes about it.

use super::*;

fn check_json(kind: Payload, before: &str, after: &str) {
    let expected: Value = serde_json::from_str(after).unwrap();
    assert_eq!(
        scrub_with(&PrivacySettings::default(), kind, before),
        expected,
        "{before}"
    );
}

fn stays(payload: &str) {
    assert!(
        !scrubbed(&PrivacySettings::default(), Payload::Event, payload).changed,
        "{payload}"
    );
}

#[test]
fn texts_are_scrubbed_wherever_users_put_them() {
    check(
        r#"{"message":"cc 4111111111111111","logentry":{"formatted":"078-05-1120","params":["4111111111111111"]},
            "exception":{"values":[{"type":"E","value":"card 4111111111111111"}]},
            "breadcrumbs":{"values":[{"message":"078-05-1120","data":{"a":"4111111111111111"}}]},
            "extra":{"a":["4111111111111111"]},"tags":{"a":"4111111111111111"},"something":{"new":"4111111111111111"}}"#,
        r#"{"message":"cc [creditcard]","logentry":{"formatted":"[usssn]","params":["[creditcard]"]},
            "exception":{"values":[{"type":"E","value":"card [creditcard]"}]},
            "breadcrumbs":{"values":[{"message":"[usssn]","data":{"a":"[creditcard]"}}]},
            "extra":{"a":["[creditcard]"]},"tags":{"a":"[creditcard]"},"something":{"new":"[creditcard]"}}"#,
    );
    check(
        r#"{"exception":[{"value":"4111111111111111"}],"breadcrumbs":[{"message":"4111111111111111"}]}"#,
        r#"{"exception":[{"value":"[creditcard]"}],"breadcrumbs":[{"message":"[creditcard]"}]}"#,
    );
    check(
        r#"{"sentry.interfaces.Exception":{"type":"E","value":"4111111111111111"}}"#,
        r#"{"sentry.interfaces.Exception":{"type":"E","value":"[creditcard]"}}"#,
    );
}

#[test]
fn values_of_sensitive_keys_are_replaced_whole() {
    check(
        r#"{"extra":{"password":"x","Api_Key":17,"auth":{"a":1},"secret":["a"],"tokens":{},"token":null,"otp":false,"credentials":"","author":"j"}}"#,
        r#"{"extra":{"password":"[Filtered]","Api_Key":"[Filtered]","auth":"[Filtered]","secret":"[Filtered]","tokens":{},"token":null,"otp":false,"credentials":"","author":"j"}}"#,
    );
    check(r#"{"password":"x"}"#, r#"{"password":"[Filtered]"}"#);
    check(
        r#"{"extra":{"total_tokens":512,"token":512}}"#,
        r#"{"extra":{"total_tokens":512,"token":"[Filtered]"}}"#,
    );
    check(
        r#"{"exception":{"values":[{"stacktrace":{"frames":[{"vars":{"password":"'hunter2'","x":"'4111111111111111'","y":"None"}}]}}]}}"#,
        r#"{"exception":{"values":[{"stacktrace":{"frames":[{"vars":{"password":"[Filtered]","x":"'[creditcard]'","y":"None"}}]}}]}}"#,
    );
}

#[test]
fn escapes_hide_nothing() {
    check(
        r#"{"message":"\u0034111111111111111"}"#,
        r#"{"message":"[creditcard]"}"#,
    );
    check(
        r#"{"extra":{"p\u0061ssword":"x"}}"#,
        r#"{"extra":{"password":"[Filtered]"}}"#,
    );
    check(
        r#"{"ext\u0072a":{"a":"078\u002d05\u002d1120"}}"#,
        r#"{"extra":{"a":"[usssn]"}}"#,
    );
    check(
        r#"{"message":"https:\/\/u:p\u0040h\/"}"#,
        r#"{"message":"https://[auth]@h/"}"#,
    );
    check(
        r#"{"message":"in \/home\/jane\/x"}"#,
        r#"{"message":"in /home/[user]/x"}"#,
    );
    check(
        r#"{"message":"\ud83d 4111111111111111"}"#,
        "{\"message\":\"\u{FFFD} [creditcard]\"}",
    );
    check(
        r#"{"message":"a \"password\": \"x\""}"#,
        r#"{"message":"a \"password\": \"[Filtered]\""}"#,
    );
}

#[test]
fn numbers_that_are_cards_are_removed_where_users_put_them() {
    check(
        r#"{"extra":{"n":4111111111111111,"f":4111111111111111.0,"m":4111111111111112},"timestamp":4111111111111111}"#,
        r#"{"extra":{"n":"[creditcard]","f":"[creditcard]","m":4111111111111112},"timestamp":4111111111111111}"#,
    );
    stays(r#"{"extra":{"n":4111111111111111.5,"e":4111111111111111e1,"o":-4111111111111111}}"#);
}

#[test]
fn technical_fields_stay() {
    stays(
        r#"{"event_id":"4111111111111111","timestamp":"078-05-1120","release":"078-05-1120","environment":"4111111111111111",
            "platform":"x","level":"error","dist":"4111111111111111","modules":{"token":"1.0","django-auth":"2"},
            "debug_meta":{"images":[{"code_file":"/home/jane/app","debug_id":"4111111111111111"}]},
            "sdk":{"name":"auth","packages":[{"name":"token:1","version":"4111111111111111"}]},
            "contexts":{"trace":{"trace_id":"4111111111111111","span_id":"4111111111111111"},"os":{"version":"4111111111111111"}},
            "exception":{"values":[{"type":"password=x","module":"/home/jane",
              "stacktrace":{"frames":[{"filename":"/home/jane/a.py","abs_path":"/home/jane/a.py","module":"token","function":"4111111111111111"}]}}]}}"#,
    );
    // The same names elsewhere are nothing special.
    check(
        r#"{"extra":{"release":"078-05-1120"}}"#,
        r#"{"extra":{"release":"[usssn]"}}"#,
    );
}

#[test]
fn source_lines_lose_literals_and_keep_code() {
    check(
        r#"{"stacktrace":{"frames":[{"pre_context":["password = \"hunter2\"","def f(password=PII['x'], token=None):"],
            "context_line":"  charge('4111111111111111', auth=auth)","post_context":["password: str = 'x'","if secret == 'abc':","x = d['token']","u = \"?api_key=\" + d[\"apikey\"]"]}]}}"#,
        r#"{"stacktrace":{"frames":[{"pre_context":["password = \"[Filtered]\"","def f(password=PII['x'], token=None):"],
            "context_line":"  charge('[creditcard]', auth=auth)","post_context":["password: str = '[Filtered]'","if secret == '[Filtered]':","x = d['token']","u = \"?api_key=\" + d[\"apikey\"]"]}]}}"#,
    );
}

#[test]
fn options_and_printed_pairs_are_seen_in_raw_json() {
    for (text, left) in [
        (r"run\n--password hunter2", r"run\n--password [Filtered]"),
        (r"run\t--password hunter2", r"run\t--password [Filtered]"),
        (
            "[(u'password', u'hunter2')]",
            "[(u'password', u'[Filtered]')]",
        ),
        ("[('token',  'hunter2')]", "[('token',  '[Filtered]')]"),
        (
            r#"[[\"password\", \"hunter2\"]]"#,
            r#"[[\"password\", \"[Filtered]\"]]"#,
        ),
    ] {
        let event = |text: &str| format!("{{\"extra\":{{\"a\":\"{text}\"}}}}");
        check(&event(text), &event(left));
    }
}

#[test]
fn source_lines_lose_pairs_that_are_written_out_in_their_strings() {
    for (line, left) in [
        (
            r#"connect(\"host=db user=app password=hunter2-x port=5432\")"#,
            r#"connect(\"host=db user=app password=[Filtered] port=5432\")"#,
        ),
        (
            "get('/cart?token=abc123&q=1')",
            "get('/cart?token=[Filtered]&q=1')",
        ),
        (
            "raise E(f'{n} refused: api_key=canary-2 for bob')",
            "raise E(f'{n} refused: api_key=[Filtered] for bob')",
        ),
        // Code, and what is put in when it runs.
        (
            "login(user, password=password)",
            "login(user, password=password)",
        ),
        ("f'/cart?token={token}&q=1'", "f'/cart?token={token}&q=1'"),
        ("'/cart?token=%s' % token", "'/cart?token=%s' % token"),
        ("`/cart?token=${token}`", "`/cart?token=${token}`"),
        (
            "re.match('password=([^&]+)', line)",
            "re.match('password=([^&]+)', line)",
        ),
        (
            "a = 'x'; token=next_token(b, 'y')",
            "a = 'x'; token=next_token(b, 'y')",
        ),
    ] {
        let event = |line: &str| {
            format!("{{\"stacktrace\":{{\"frames\":[{{\"context_line\":\"{line}\"}}]}}}}")
        };
        check(&event(line), &event(left));
    }
}

#[test]
fn a_pem_key_over_several_source_lines_goes() {
    check(
        r#"{"stacktrace":{"frames":[{"pre_context":["K = `-----BEGIN PRIVATE KEY-----","MIIabc"],"context_line":"MIIdef","post_context":["-----END PRIVATE KEY-----`","x = 1"]},
            {"context_line":"MIIxyz"}]}}"#,
        r#"{"stacktrace":{"frames":[{"pre_context":["K = `-----BEGIN PRIVATE KEY-----","[pemkey]"],"context_line":"[pemkey]","post_context":["-----END PRIVATE KEY-----`","x = 1"]},
            {"context_line":"MIIxyz"}]}}"#,
    );
}

#[test]
fn a_container_of_redactions_is_left_alone() {
    stays(
        r#"{"request":{"headers":{"Authorization":["[Filtered]"],"X-Api-Key":{"a":"[Filtered]","b":null,"c":["***"]}}}}"#,
    );
    check(
        r#"{"extra":{"auth":["[Filtered]","x"],"token":[1]}}"#,
        r#"{"extra":{"auth":"[Filtered]","token":"[Filtered]"}}"#,
    );
}

#[test]
fn requests_are_scrubbed() {
    check(
        r#"{"request":{"url":"https://u:p@h/home/x?token=a","method":"POST","query_string":"password=a&b=c","data":"x=1&secret=b",
            "cookies":{"sessionid":"a","theme":"b","csrftoken":"c","su":"d"},"fragment":"token=x",
            "headers":{"Authorization":"Basic abc","COOKIE":"su=a; theme=b","Set-Cookie":["sessionid=a"],"X":"y"},"env":{"DB_PASSWORD":"x"}}}"#,
        r#"{"request":{"url":"https://[auth]@h/home/x?token=[Filtered]","method":"POST","query_string":"password=[Filtered]&b=c","data":"x=1&secret=[Filtered]",
            "cookies":{"sessionid":"[Filtered]","theme":"b","csrftoken":"[Filtered]","su":"[Filtered]"},"fragment":"token=[Filtered]",
            "headers":{"Authorization":"[Filtered]","COOKIE":"su=[Filtered]; theme=b","Set-Cookie":["sessionid=[Filtered]"],"X":"y"},"env":{"DB_PASSWORD":"[Filtered]"}}}"#,
    );
}

#[test]
fn pair_lists_are_maps() {
    check(
        r#"{"request":{"headers":[["Authorization","x"],["A","b"]],"cookies":[["su","x"],["a","b"]],"query_string":[["token",["a"]],["b",null]]},
            "tags":[["token",1],["t","4111111111111111"]]}"#,
        r#"{"request":{"headers":[["Authorization","[Filtered]"],["A","b"]],"cookies":[["su","[Filtered]"],["a","b"]],"query_string":[["token","[Filtered]"],["b",null]]},
            "tags":[["token","[Filtered]"],["t","[creditcard]"]]}"#,
    );
    check(
        r#"{"extra":{"a":[{"key":"token","value":"x"},{"value":{"x":"4111111111111111"},"key":"token"},{"key":"k","value":"v"}],"argv":["--password","x","--verbose"]}}"#,
        r#"{"extra":{"a":[{"key":"token","value":"[Filtered]"},{"value":"[Filtered]","key":"token"},{"key":"k","value":"v"}],"argv":["--password","[Filtered]","--verbose"]}}"#,
    );
    // As Python prints them in variables.
    check(
        r#"{"extra":{"argv":["'--password'","'x'","\"--token\"","\"y\"","'--token-file'"]}}"#,
        r#"{"extra":{"argv":["'--password'","[Filtered]","\"--token\"","[Filtered]","'--token-file'"]}}"#,
    );
    stays(r#"{"extra":{"a":["token","x"],"b":[["token","x","y"]]}}"#);
    // What stands in place of a secret names none.
    check(
        r#"{"extra":{"a":[["Bearer abc.def-ghi","x y"]],"b":{"key":"Bearer abc.def-ghi","value":"x y"}}}"#,
        r#"{"extra":{"a":[["Bearer [token]","x y"]],"b":{"key":"Bearer [token]","value":"x y"}}}"#,
    );
}

#[test]
fn logs_and_spans_keep_the_form_of_their_attributes() {
    check_json(
        Payload::Items,
        r#"{"version":2,"items":[{"timestamp":1.5,"trace_id":"4111111111111111","body":"cc 4111111111111111","attributes":{
            "password":{"value":"x","type":"string"},"a":{"type":"string","value":"4111111111111111"},
            "gen_ai.usage.input_tokens":{"value":12,"type":"integer"},"sentry.release":{"value":"078-05-1120","type":"string"},
            "http.request.header.cookie.su":{"value":"x","type":"string"}}}]}"#,
        r#"{"version":2,"items":[{"timestamp":1.5,"trace_id":"4111111111111111","body":"cc [creditcard]","attributes":{
            "password":{"value":"[Filtered]","type":"string"},"a":{"type":"string","value":"[creditcard]"},
            "gen_ai.usage.input_tokens":{"value":12,"type":"integer"},"sentry.release":{"value":"078-05-1120","type":"string"},
            "http.request.header.cookie.su":{"value":"[Filtered]","type":"string"}}}]}"#,
    );
}

#[test]
fn a_dsn_in_a_header_stays() {
    check_json(
        Payload::Header,
        r#"{"dsn":"https://abc@h/1","event_id":"4111111111111111","filename":"/home/jane/x"}"#,
        r#"{"dsn":"https://abc@h/1","event_id":"4111111111111111","filename":"/home/[user]/x"}"#,
    );
}

#[test]
fn settings_add_and_take_away() {
    let settings = PrivacySettings {
        sensitive_fields: vec!["kunde".into()],
        safe_fields: vec!["Token".into(), "card".into()],
        ..all_switches()
    };
    let after = scrub_with(
        &settings,
        Payload::Event,
        r#"{"extra":{"KundeNr":"x","token":"y","card":{"n":"4111111111111111"},"q":"token=a&kunde=b"},
            "user":{"ip_address":"203.0.113.42","email":"jane@example.com"},"sdk":{"client_ip":"203.0.113.42"},
            "request":{"env":{"REMOTE_ADDR":"203.0.113.42"},"headers":{"X-Forwarded-For":"203.0.113.42, 10.0.0.1"}}}"#,
    );
    let expected: Value = serde_json::from_str(
        r#"{"extra":{"KundeNr":"[Filtered]","token":"y","card":{"n":"4111111111111111"},"q":"[Filtered]"},
            "user":{"ip_address":null,"email":"[email]"},"sdk":{"client_ip":null},
            "request":{"env":{"REMOTE_ADDR":null},"headers":{"X-Forwarded-For":"[ip], [ip]"}}}"#,
    )
    .unwrap();
    assert_eq!(after, expected);
    assert!(
        !scrubbed(
            &all_switches(),
            Payload::Event,
            r#"{"user":{"ip_address":"{{auto}}"}}"#
        )
        .changed
    );
}

#[test]
fn an_address_goes_however_it_is_written() {
    let check = |kind: Payload, before: &str, after: &str| {
        let expected: Value = serde_json::from_str(after).unwrap();
        assert_eq!(
            scrub_with(&all_switches(), kind, before),
            expected,
            "{before}"
        );
    };
    for address in [
        "3221226219",
        r#""host.example""#,
        r#"["203.0.113.42",3221226219]"#,
    ] {
        let event = |address: &str| {
            format!(
                r#"{{"user":{{"ip_address":{address},"id":7}},"sdk":{{"name":"a","client_ip":{address}}},"request":{{"env":{{"REMOTE_ADDR":{address},"REMOTE_PORT":80}}}},
                "spans":[{{"tags":{{"user.ip":{address}}},"data":{{"client.address":{address},"server.port":80}}}}]}}"#
            )
        };
        check(Payload::Event, &event(address), &event("null"));
        let entry = |address: &str| {
            format!(
                r#"{{"items":[{{"attributes":{{"client.address":{{"value":{address},"type":"integer"}},"n":{{"value":3,"type":"integer"}}}}}}]}}"#
            )
        };
        check(Payload::Items, &entry(address), &entry("null"));
    }
    check(
        Payload::Event,
        r#"{"user":{"ip_address":{"v4":3221226219}}}"#,
        r#"{"user":{"ip_address":null}}"#,
    );
    check(
        Payload::Json,
        r#"{"sid":"a","attrs":{"release":"b","ip_address":3221226219}}"#,
        r#"{"sid":"a","attrs":{"release":"b","ip_address":null}}"#,
    );
    let switched_off =
        r#"{"user":{"ip_address":3221226219},"request":{"env":{"REMOTE_ADDR":"203.0.113.42"}}}"#;
    stays(switched_off);
    // What an SDK could not read as an address is told beside the event.
    let told =
        r#"{"user":{"ip_address":null},"_meta":{"user":{"ip_address":{"":{"val":3221226219}}}}}"#;
    let clean = scrubbed(&all_switches(), Payload::Event, told).payload;
    assert!(!String::from_utf8_lossy(&clean).contains("3221226219"));
    let note = meta(&all_switches(), r#"{"user":{"ip_address":3221226219}}"#);
    assert_eq!(
        note["user"]["ip_address"][""]["rem"],
        serde_json::json!([["@ip", "x"]])
    );
}

#[test]
fn what_cannot_be_read_is_refused() {
    let scrubber = Scrubber::new(&PrivacySettings::default());
    let error = |text: &[u8]| {
        scrubber
            .scrub_json(&Bytes::copy_from_slice(text), Payload::Event)
            .err()
    };
    for text in [
        "",
        " ",
        "{",
        "}",
        "[",
        "nul",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "[1,]",
        "[1 2]",
        "{a:1}",
        "{\"a\":1}}",
        "\"a",
        "\"\\x\"",
        "01x",
        "-",
        "{\"a\":1]",
        "tru",
        "1 1",
        ",",
        "[,1]",
        "{,}",
        "{\"a\":1 \"b\":2}",
    ] {
        assert!(
            matches!(error(text.as_bytes()), Some(ScrubError::NotJson { .. })),
            "{text}"
        );
    }
    assert_eq!(
        error(b"{\"a\":\"\xff\"}"),
        Some(ScrubError::NotUtf8 { at: 6 })
    );
    let deep = "[".repeat(129) + &"]".repeat(129);
    assert_eq!(
        error(deep.as_bytes()),
        Some(ScrubError::TooDeep { max: 128 })
    );
    let deepest = "[".repeat(128) + &"]".repeat(128);
    assert_eq!(error(deepest.as_bytes()), None);
    assert_eq!(error(b"[NaN, Infinity, -Infinity, \"\\ud800\"]"), None);
}

#[test]
fn duplicate_keys_are_all_scrubbed() {
    let once = scrubbed(
        &PrivacySettings::default(),
        Payload::Event,
        r#"{"extra":{"password":"a1","password":"b2"},"extra":{"x":"4111111111111111"}}"#,
    );
    let text = String::from_utf8_lossy(&once.payload);
    assert!(
        !text.contains("a1") && !text.contains("b2") && !text.contains("4111"),
        "{text}"
    );
}

#[test]
fn notes_say_what_was_removed_and_where() {
    let payload = r#"{"message":"Ärger 4111111111111111 und 078-05-1120","extra":{"password":"hünter2","n":4111111111111111,"auth":{"a":1},
        "list":["x",{"token":"abc"}]},"request":{"headers":[["Authorization","abc"]]},"user":{"ip_address":"203.0.113.42"}}"#;
    insta::assert_snapshot!(meta(&all_switches(), payload), @r#"{"extra":{"auth":{"":{"rem":[["@password:filter","s",0,10]]}},"list":{"1":{"token":{"":{"len":3,"rem":[["@password:filter","s",0,10]]}}}},"n":{"":{"rem":[["@creditcard","s",0,12]]}},"password":{"":{"len":7,"rem":[["@password:filter","s",0,10]]}}},"message":{"":{"len":38,"rem":[["@creditcard","s",6,18],["@usssn","s",23,30]]}},"request":{"headers":{"0":{"1":{"":{"len":3,"rem":[["@password:filter","s",0,10]]}}}}},"user":{"ip_address":{"":{"len":12,"rem":[["@ip","x"]]}}}}"#);
}

#[test]
fn notes_join_those_that_were_there() {
    let payload = r#"{"_meta":{"message":{"":{"rem":[["!limit","s",3,6]],"len":99}},"other":{"":{"len":5}},
        "extra":{"auth":{"a":{"":{"val":"secret original"}}},"password":{"":{"val":"original","rem":[["@password:remove","x"]]}},"p":{"":{"val":"4111111111111111"}}}},
        "message":"4111111111111111...","extra":{"auth":{"a":"b"},"password":null,"p":"x"}}"#;
    insta::assert_snapshot!(meta(&PrivacySettings::default(), payload), @r#"{"extra":{"auth":{"":{"rem":[["@password:filter","s",0,10]]}},"p":{"":{"val":"[creditcard]"}},"password":{"":{"rem":[["@password:remove","x"]],"val":"[Filtered]"}}},"message":{"":{"len":99,"rem":[["!limit","s",3,6],["@creditcard","s",0,12]]}},"other":{"":{"len":5}}}"#);
}

#[test]
fn notes_replace_a_meta_that_is_none() {
    insta::assert_snapshot!(meta(&PrivacySettings::default(), r#"{"_meta":null,"message":"4111111111111111"}"#), @r#"{"message":{"":{"len":16,"rem":[["@creditcard","s",0,12]]}}}"#);
}

#[test]
fn hits_are_counted_by_rule() {
    let once = scrubbed(
        &PrivacySettings::default(),
        Payload::Event,
        r#"{"message":"4111111111111111 4111111111111111","extra":{"token":"x"}}"#,
    );
    assert_eq!(
        once.hits.iter().collect::<Vec<_>>(),
        [(Rule::Password, 1), (Rule::CreditCard, 2)]
    );
}

#[test]
fn variables_of_a_graphql_request_go_and_what_its_answer_says_of_them() {
    let event = |target: &str, data: &str, answer: &str| {
        format!(
            r#"{{"request":{{"data":{data},"api_target":"{target}"}},"contexts":{{"response":{{"data":{{"data":{answer}}}}}}}}}"#
        )
    };
    let query = r#"{"query":"query($who){user}","variables":{"who":"Jane","n":7,"all":true,"in":{"city":"Ulm"}}}"#;
    let answer = r#"{"user":[{"who":"Jane","role":"admin","at":{"n":7}}]}"#;
    check(
        &event("GraphQL", query, answer),
        &event(
            "GraphQL",
            r#"{"query":"query($who){user}","variables":{"who":"[Filtered]","n":"[Filtered]","all":true,"in":"[Filtered]"}}"#,
            r#"{"user":[{"who":"[Filtered]","role":"admin","at":{"n":"[Filtered]"}}]}"#,
        ),
    );
    let answers = r#"{"user":{"who":"Jane"},"n":7}"#;
    let gone = r#"{"user":"[Filtered]","n":"[Filtered]"}"#;
    for data in [
        r#"{"query":"{user}"}"#,
        r#"{"variables":null}"#,
        r#""{user}""#,
    ] {
        check(
            &event("graphql", data, answers),
            &event("graphql", data, gone),
        );
    }
    stays(&event("rest", query, answer));
    let noted = meta(&PrivacySettings::default(), &event("graphql", query, "{}"));
    assert_eq!(
        noted["request"]["data"]["variables"]["who"][""]["rem"],
        serde_json::json!([["@graphql:filter", "s", 0, 10]])
    );
    let safe = PrivacySettings {
        safe_fields: vec!["who".into()],
        ..PrivacySettings::default()
    };
    let left = scrub_with(&safe, Payload::Event, &event("graphql", query, answer));
    assert_eq!(left["request"]["data"]["variables"]["who"], "Jane");
}

#[test]
fn a_sensitive_field_takes_the_values_that_name_it_too() {
    let settings = PrivacySettings {
        sensitive_fields: vec!["kunde".into()],
        ..PrivacySettings::default()
    };
    let after = |before: &str| scrub_with(&settings, Payload::Event, before).to_string();
    let gone = [
        r#"{"extra":{"a":"Kundennummer 7"}}"#,
        r#"{"extra":{"a":"\u006bunde 7"}}"#,
        r#"{"breadcrumbs":[{"message":"kunde 7"}]}"#,
        r#"{"request":{"headers":[["X-A","kunde 7"]]}}"#,
    ];
    for before in gone {
        let after = after(before);
        assert!(
            after.contains("[Filtered]") && !after.contains('7'),
            "{after}"
        );
    }
    // What is said of a field, and addresses, lose its value alone.
    for (before, left) in [
        (r#"{"message":"kunde 7"}"#, "kunde 7"),
        (
            r#"{"logentry":{"formatted":"no kunde, kunde=7"}}"#,
            "no kunde, kunde=[Filtered]",
        ),
        (
            r#"{"exception":{"values":[{"value":"kunde 7"}]}}"#,
            "kunde 7",
        ),
        (
            r#"{"request":{"url":"https://h/kunden?kunde=7&a=1"}}"#,
            "https://h/kunden?kunde=[Filtered]&a=1",
        ),
        (
            r#"{"request":{"headers":{"User-Agent":"kunde/7"}}}"#,
            "kunde/7",
        ),
        (r#"{"fingerprint":["kunde","x"]}"#, "kunde\",\"x"),
    ] {
        assert!(after(before).contains(left), "{before}: {}", after(before));
    }
}

#[test]
fn selectors_name_places_that_are_left_alone() {
    let event = r#"{"extra":{"order":{"card":"4111111111111111","password":"x"},"card":"4111111111111111"},
        "request":{"headers":[["X-Note","4111111111111111"],["X-Api-Key","y"]]},
        "user":{"id":"4111111111111111"},"contexts":{"order":{"card":4111111111111111}}}"#;
    let pointers = [
        "/extra/order/card",
        "/extra/order/password",
        "/extra/card",
        "/request/headers/0/1",
        "/request/headers/1/1",
        "/user/id",
        "/contexts/order/card",
    ];
    let check = |safe: &str, left: &[&str]| {
        let settings = PrivacySettings {
            safe_fields: vec![safe.into()],
            ..PrivacySettings::default()
        };
        let before: Value = serde_json::from_str(event).unwrap();
        let after = scrub_with(&settings, Payload::Event, event);
        let stay = |pointer: &&str| before.pointer(pointer) == after.pointer(pointer);
        let stayed: Vec<&str> = pointers.into_iter().filter(|p| stay(p)).collect();
        assert_eq!(stayed, left, "{safe}");
    };
    check("extra.order.card", &["/extra/order/card"]);
    check(
        "EXTRA.order.**",
        &["/extra/order/card", "/extra/order/password"],
    );
    check("order.card", &["/extra/order/card", "/contexts/order/card"]);
    check("$number && card", &["/contexts/order/card"]);
    check(
        "$http.headers.'x-note' || $user.id",
        &["/request/headers/0/1", "/user/id"],
    );
    check("headers.x-api-key", &["/request/headers/1/1"]);
    check("extra.card", &["/extra/card"]);
    // What names no key would switch rules off.
    for safe in ["**", "$string", "!extra", "*.*"] {
        check(safe, &[]);
    }
}
