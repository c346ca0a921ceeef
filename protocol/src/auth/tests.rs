//! Every source, alone and together.

use proptest::prelude::*;

use super::*;

const KEY: &str = "a1b2c3d4e5f60718293a4b5c6d7e8f90";
const OTHER: &str = "ffffffffffffffffffffffffffffffff";

fn check(sources: Sources<'_>, expected: Result<(&str, u16, Option<&str>), AuthError>) {
    let found = from_request(&sources).and_then(|c| c.ok_or(AuthError::Missing));
    let found = found.map(|c| (c.key.to_string(), c.version, c.client));
    let expected = expected.map(|(k, v, c)| (k.to_owned(), v, c.map(ToOwned::to_owned)));
    assert_eq!(found, expected, "{sources:?}");
}

fn header(text: &str) -> Sources<'_> {
    Sources {
        x_sentry_auth: Some(text),
        ..Sources::default()
    }
}

fn query(text: &str) -> Sources<'_> {
    Sources {
        query: Some(text),
        ..Sources::default()
    }
}

fn authorization(text: &str) -> Sources<'_> {
    Sources {
        authorization: Some(text),
        ..Sources::default()
    }
}

#[test]
fn reads_every_source() {
    let python =
        format!("Sentry sentry_key={KEY}, sentry_version=7, sentry_client=sentry.python/2");
    check(header(&python), Ok((KEY, 7, Some("sentry.python/2"))));
    check(
        header(&format!("sentry sentry_key={KEY}")),
        Ok((KEY, 7, None)),
    );
    check(
        header(&format!(
            "SENTRY sentry_timestamp=1.5,sentry_version=2.0,sentry_key={KEY},sentry_secret=x,odd"
        )),
        Ok((KEY, 2, None)),
    );
    check(
        header(&format!("Sentry sentry_key={KEY},no-cache")),
        Ok((KEY, 7, None)),
    );
    check(
        authorization(&python),
        Ok((KEY, 7, Some("sentry.python/2"))),
    );
    let basic = format!("Basic {}", STANDARD.encode(format!("{KEY}:")));
    check(authorization(&basic), Ok((KEY, 7, None)));
    check(
        query(&format!(
            "sentry_version=7&sentry_client=handmade%2F1.0&sentry_key={KEY}"
        )),
        Ok((KEY, 7, Some("handmade/1.0"))),
    );
    let path = Sources {
        path_key: Some(KEY),
        ..Sources::default()
    };
    check(path, Ok((KEY, 7, None)));
}

#[test]
fn refuses_what_it_cannot_read() {
    check(Sources::default(), Err(AuthError::Missing));
    check(
        query("page=1&sentry_environment=x"),
        Err(AuthError::Missing),
    );
    check(authorization("Bearer abc"), Err(AuthError::Missing));
    check(authorization("Basic ???"), Err(AuthError::Malformed));
    check(header(""), Err(AuthError::Malformed));
    check(
        header(&format!("sentry_key={KEY}")),
        Err(AuthError::Malformed),
    );
    check(header("Sentry sentry_version=7"), Err(AuthError::Malformed));
    check(header("Sentry sentry_key=abc"), Err(AuthError::Key));
    check(
        header(&format!("Sentry sentry_key={KEY}, sentry_version=8")),
        Err(AuthError::Version(8)),
    );
    check(
        header(&format!("Sentry sentry_key={KEY}, sentry_version=x")),
        Err(AuthError::Malformed),
    );
}

#[test]
fn sources_that_agree_are_one_and_those_that_do_not_are_refused() {
    let both = |query: &str| {
        let auth = format!("Sentry sentry_key={KEY}, sentry_version=6");
        let sources = Sources {
            x_sentry_auth: Some(&auth),
            query: Some(query),
            ..Sources::default()
        };
        from_request(&sources).map(|c| c.map(|c| (c.key.to_string(), c.version)))
    };
    assert_eq!(
        both(&format!("sentry_key={KEY}&sentry_version=7")),
        Ok(Some((KEY.to_owned(), 6)))
    );
    assert_eq!(
        both(&format!("sentry_key={OTHER}")),
        Err(AuthError::Contradiction)
    );
}

#[test]
fn the_envelopes_dsn_counts_when_nothing_else_does() {
    let dsn: Dsn = format!("https://{KEY}@example.com/3").parse().unwrap();
    let found = with_dsn(None, Some(&dsn)).unwrap();
    assert_eq!(found.key.to_string(), KEY);
    assert_eq!(found.project.map(ProjectId::get), Some(3));
    let other = from_request(&query(&format!("sentry_key={OTHER}"))).unwrap();
    assert_eq!(with_dsn(other, Some(&dsn)), Err(AuthError::EnvelopeKey));
    assert_eq!(with_dsn(None, None), Err(AuthError::Missing));
    let same = from_request(&query(&format!("sentry_key={KEY}&sentry_client=x"))).unwrap();
    let same = with_dsn(same, Some(&dsn)).unwrap();
    assert_eq!(same.client.as_deref(), Some("x"));
    assert_eq!(same.project, Some(dsn.project));
}

#[test]
fn clients_names_are_cut() {
    let long = format!("sentry_key={KEY}&sentry_client={}", "ä".repeat(200));
    let found = from_request(&query(&long)).unwrap().unwrap();
    assert!(found.client.unwrap().len() <= CLIENT_BYTES_MAX);
}

proptest! {
    #[test]
    fn arbitrary_text_never_panics(text in ".{0,200}", tail in ".{0,60}") {
        for text in [text.clone(), format!("Sentry {text}"), format!("Basic {tail}"), format!("sentry_key={tail}")] {
            let sources = Sources {
                x_sentry_auth: Some(&text),
                authorization: Some(&text),
                query: Some(&text),
                path_key: Some(&tail),
            };
            drop(from_request(&sources));
            drop(from_request(&query(&text)));
            drop(from_request(&authorization(&text)));
        }
    }
}
