//! Who was affected, and from where.

use super::*;

#[test]
fn finds_out_whom_it_met() {
    let check = |event: Json, key: Option<&str>| {
        look(&event, |normal| {
            assert_eq!(normal.user_key(), key, "{event}");
        });
    };
    check(
        json!({"user": {"id": "1", "username": "u", "email": "e"}}),
        Some("id:1"),
    );
    check(
        json!({"user": {"username": "u", "email": "e"}}),
        Some("username:u"),
    );
    check(json!({"user": {"email": "e"}}), Some("email:e"));
    check(
        json!({"user": {"ip_address": "203.0.113.42"}}),
        Some("ip:203.0.113.42"),
    );
    check(json!({"user": {"ip_address": "nowhere"}}), None);
    check(
        json!({"user": {"ip_address": "{{auto}}"}}),
        Some("ip:198.51.100.7"),
    );
    check(json!({"message": "m"}), None);
    check(json!({"platform": "javascript"}), Some("ip:198.51.100.7"));
    check(
        json!({"platform": "javascript", "sdk": {"name": "s", "settings": {"infer_ip": "never"}}}),
        None,
    );
    check(
        json!({"user": {"ip_address": "{{auto}}"}, "sdk": {"name": "s", "settings": {"infer_ip": "never"}}}),
        None,
    );
    check(
        json!({"sdk": {"name": "s", "settings": {"infer_ip": "auto"}}}),
        Some("ip:198.51.100.7"),
    );
    check(
        json!({"request": {"env": {"REMOTE_ADDR": "203.0.113.9"}}}),
        Some("ip:203.0.113.9"),
    );
    look(&json!({"user": {"id": "1", "plan": "gold"}}), |event| {
        assert_eq!(
            event.user.as_ref().unwrap().data.text("plan").as_deref(),
            Some("gold")
        );
    });
}

#[test]
fn an_address_that_is_none_is_as_good_as_none() {
    let event = json!({"platform": "javascript", "user": {"ip_address": "nowhere"}});
    look(&event, |event| {
        assert_eq!(event.user_key(), Some("ip:198.51.100.7"));
        assert_eq!(corrections(event), ["invalid_data user.ip_address"]);
    });
}

#[test]
fn says_where_a_user_was_unless_the_client_did() {
    let place = Place {
        country_code: Some("DE"),
        region: Some("Germany"),
        subdivision: None,
        city: Some("Potsdam"),
    };
    let receipt = Receipt {
        place: Some(place),
        ..receipt()
    };
    let check = |event: Json, geo: Option<&str>, country: Option<&str>| {
        let payload = event.to_string();
        let event = normalise(payload.as_bytes(), &receipt).unwrap();
        let user = event.user.as_ref();
        let city = user.and_then(|user| user.geo.text("city"));
        assert_eq!(city.as_deref(), geo);
        assert_eq!(event.tag("geo.country_code"), country);
        assert!(event.tags.is_sorted());
    };
    check(
        json!({"user": {"ip_address": "{{auto}}"}}),
        Some("Potsdam"),
        Some("DE"),
    );
    check(
        json!({"user": {"ip_address": "{{auto}}", "geo": {"country_code": "FR"}}}),
        None,
        Some("FR"),
    );
    check(json!({"message": "m"}), None, None);
}
