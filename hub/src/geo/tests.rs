//! Look-ups in a real file, written here byte by byte.

use super::*;

/// A value of the format.
enum Value<'a> {
    Text(&'a str),
    Short(u16),
    Number(u32),
    Long(u64),
    Map(Vec<(&'a str, Value<'a>)>),
    List(Vec<Value<'a>>),
}

impl Value<'_> {
    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Value::Text(text) => {
                assert!(text.len() < 29, "longer texts need a longer head");
                out.push(0b0100_0000 | u8::try_from(text.len()).unwrap());
                out.extend_from_slice(text.as_bytes());
            }
            Value::Short(number) => {
                out.push(0b1010_0010);
                out.extend_from_slice(&number.to_be_bytes());
            }
            Value::Long(number) => {
                out.extend_from_slice(&[8, 9 - 7]);
                out.extend_from_slice(&number.to_be_bytes());
            }
            Value::Number(number) => {
                out.push(0b1100_0100);
                out.extend_from_slice(&number.to_be_bytes());
            }
            Value::Map(pairs) => {
                out.push(0b1110_0000 | u8::try_from(pairs.len()).unwrap());
                for (key, value) in pairs {
                    Value::Text(key).write(out);
                    value.write(out);
                }
            }
            Value::List(values) => {
                // An extended type: the kind follows the length.
                out.push(u8::try_from(values.len()).unwrap());
                out.push(11 - 7);
                for value in values {
                    value.write(out);
                }
            }
        }
    }
}

/// A file that knows one network of IPv4, of 24 bits: a chain of nodes, one for each bit.
fn file(network: [u8; 3], data: &[u8]) -> Vec<u8> {
    const N_NODES: u32 = 24;
    let mut out = Vec::new();
    let bits = network
        .iter()
        .flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1));
    for (at, bit) in (0..N_NODES).zip(bits) {
        // Behind the last node stands the data, sixteen bytes further on.
        let next = if at + 1 == N_NODES {
            N_NODES + 16
        } else {
            at + 1
        };
        let (left, right) = if bit == 0 {
            (next, N_NODES)
        } else {
            (N_NODES, next)
        };
        for record in [left, right] {
            out.extend_from_slice(&record.to_be_bytes()[1..]);
        }
    }
    out.extend_from_slice(&[0; 16]);
    out.extend_from_slice(data);
    out.extend_from_slice(b"\xab\xcd\xefMaxMind.com");
    Value::Map(vec![
        ("node_count", Value::Number(N_NODES)),
        ("record_size", Value::Short(24)),
        ("ip_version", Value::Short(4)),
        ("database_type", Value::Text("Test-City")),
        ("languages", Value::List(vec![Value::Text("en")])),
        ("binary_format_major_version", Value::Short(2)),
        ("binary_format_minor_version", Value::Short(0)),
        ("build_epoch", Value::Long(1)),
        ("description", Value::Map(Vec::new())),
    ])
    .write(&mut out);
    out
}

/// Potsdam, at 198.51.100.0/24.
fn potsdam() -> Vec<u8> {
    let named = |name| Value::Map(vec![("en", Value::Text(name)), ("fr", Value::Text("x"))]);
    let entry = Value::Map(vec![
        ("city", Value::Map(vec![("names", named("Potsdam"))])),
        (
            "country",
            Value::Map(vec![
                ("iso_code", Value::Text("DE")),
                ("geoname_id", Value::Number(2_921_044)),
                ("names", named("Germany")),
            ]),
        ),
        (
            "subdivisions",
            Value::List(vec![Value::Map(vec![
                ("iso_code", Value::Text("BB")),
                ("names", named("Brandenburg")),
            ])]),
        ),
    ]);
    let mut data = Vec::new();
    entry.write(&mut data);
    file([198, 51, 100], &data)
}

fn open(bytes: &[u8]) -> Result<Places, GeoError> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("places.mmdb");
    std::fs::write(&path, bytes).unwrap();
    Places::open(&Config {
        database: Some(path),
    })
}

#[test]
fn finds_the_place_of_an_address() {
    let places = open(&potsdam()).unwrap();
    let place = places.find("198.51.100.7").unwrap();
    assert_eq!(place.country_code.as_deref(), Some("DE"));
    assert_eq!(place.region.as_deref(), Some("Germany"));
    assert_eq!(place.subdivision.as_deref(), Some("Brandenburg"));
    assert_eq!(place.city.as_deref(), Some("Potsdam"));
    for unknown in ["198.51.101.7", "203.0.113.1", "2001:db8::1", "[ip]", ""] {
        assert_eq!(places.find(unknown), None, "{unknown}");
    }
}

#[test]
fn knows_no_place_without_a_file() {
    let places = Places::open(&Config::default()).unwrap();
    assert_eq!(places.find("198.51.100.7"), None);
}

#[test]
fn names_a_file_that_is_none() {
    assert!(matches!(open(b"not this"), Err(GeoError::Format { .. })));
    let missing = Config {
        database: Some(PathBuf::from("/nowhere/places.mmdb")),
    };
    assert!(matches!(Places::open(&missing), Err(GeoError::Read { .. })));
}

proptest::proptest! {
    #[test]
    fn never_panics_on_what_a_file_says(data: Vec<u8>, cut in 0_usize..2000) {
        for bytes in [file([198, 51, 100], &data), potsdam().into_iter().take(cut).collect()] {
            if let Ok(reader) = Reader::from_source(bytes) {
                let places = Places { reader: Some(Arc::new(reader)) };
                drop(places.find("198.51.100.7"));
            }
        }
    }
}
