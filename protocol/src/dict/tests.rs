//! What a dictionary's number promises.

use super::*;

fn trained(word: &str) -> Vec<u8> {
    let samples: Vec<String> = (0..400)
        .map(|n| {
            format!(
                "{{\"kind\":\"{word}\",\"n\":{n},\"text\":\"{word} number {n} of many, {}\"}}",
                n * 7
            )
        })
        .collect();
    zstd::dict::from_samples(&samples, 2048).unwrap()
}

#[test]
fn a_number_is_its_content_and_the_content_alone() {
    let one = Dictionary::stamp(trained("ship")).unwrap();
    let mut other_number = trained("ship");
    other_number[4..8].copy_from_slice(&7_u32.to_le_bytes());
    assert_eq!(Dictionary::stamp(other_number).unwrap(), one);
    assert_ne!(Dictionary::stamp(trained("boat")).unwrap().id(), one.id());
    assert!((NUMBER_MIN..NUMBER_END).contains(&one.id().0));
    assert_eq!(Dictionary::parse(one.bytes().clone()).unwrap(), one);
}

#[test]
fn bytes_that_are_not_what_they_say_are_refused() {
    let one = Dictionary::stamp(trained("harbour")).unwrap();
    for at in 0..one.bytes().len() {
        let mut bytes = one.bytes().to_vec();
        bytes[at] ^= 1;
        assert!(Dictionary::parse(bytes.into()).is_err(), "byte {at}");
    }
    let huge = Dictionary::parse(vec![0; DICT_BYTES_MAX + 1].into());
    assert!(matches!(huge, Err(DictError::TooLarge { .. })));
    assert_eq!(
        Dictionary::parse(Bytes::new()).unwrap_err(),
        DictError::Malformed
    );
}

#[test]
fn what_zstd_cannot_use_is_not_learnt() {
    let mut bytes = MAGIC.to_vec();
    bytes.extend_from_slice(&[0xff; 64]);
    let broken = Dictionary::stamp(bytes).unwrap();
    assert_eq!(learn(&broken), Err(DictError::Malformed));
    assert!(!is_known(broken.id()));
}

#[test]
fn what_was_learnt_stays_as_it_is() {
    let one = Dictionary::stamp(trained("quay")).unwrap();
    learn(&one).unwrap();
    learn(&one).unwrap();
    assert_eq!(learnt(one.id()), Some(one));
    assert!(is_known(DictId::NONE) && is_known(DictId::BUILT_IN));
}

#[test]
fn every_lane_of_text_has_a_kind() {
    let kinds = Lane::ALL.map(|lane| DictKind::of(lane).map(DictKind::name));
    let (errors, logs, traces) = (Some("errors"), Some("logs"), Some("traces"));
    assert_eq!(kinds, [None, errors, None, errors, logs, traces, None]);
    for kind in DictKind::ALL {
        assert_eq!(DictKind::from_name(kind.name()), Some(kind));
        assert_eq!(DictKind::ALL[kind.index()], kind);
    }
}
