//! Properties of the core's JSON module, with serde_json as the oracle.

use proptest::prelude::*;
use sealpost_core::UnixTime;
use sealpost_core::json::{self, Kind, Number, RawJson, Reason, SliceSink, Text};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

proptest! {
    #[test]
    fn valid_json_passes_and_is_trimmed(value in json_value(), pretty: bool, around in "[ \t\r\n]{0,9}") {
        let text = written(&value, pretty);
        let padded = format!("{around}{text}{around}");
        prop_assert_eq!(json::check(padded.as_bytes()).map(RawJson::as_str), Ok(text.as_str()));
    }

    #[test]
    fn check_agrees_with_serde_json_on_damaged_json(
        value in json_value(),
        pretty: bool,
        damages in prop::collection::vec(damage(), 1..4),
    ) {
        let mut bytes = written(&value, pretty).into_bytes();
        for damage in damages {
            damage.apply(&mut bytes);
        }
        prop_assert!(agrees(&bytes), "{:?}", String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn check_agrees_with_serde_json_on_soup(
        pieces in prop::collection::vec(prop::sample::select(PIECES), 0..24),
    ) {
        let bytes = pieces.concat();
        prop_assert!(agrees(&bytes), "{:?}", String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn check_agrees_with_serde_json_on_any_bytes(mut bytes in prop::collection::vec(any::<u8>(), 0..64), quoted: bool) {
        if quoted {
            bytes.insert(0, b'"');
            bytes.push(b'"');
        }
        prop_assert!(agrees(&bytes));
    }

    #[test]
    fn walking_finds_what_serde_json_finds(value in json_value(), pretty: bool) {
        let text = written(&value, pretty);
        let raw = json::check(text.as_bytes()).expect("valid");
        prop_assert_eq!(Some(tree(raw)), serde_json::from_str(&text).ok());
    }

    #[test]
    fn values_one_after_the_other_are_split(values in prop::collection::vec(json_value(), 0..5)) {
        let lines: String = values.iter().map(|value| format!("{value}\n")).collect();
        let mut rest = lines.as_bytes();
        for value in &values {
            let (raw, tail) = json::split_first(rest).expect("valid");
            prop_assert_eq!(raw.to_string(), value.to_string());
            rest = tail;
        }
        prop_assert!(rest.trim_ascii().is_empty());
    }

    #[test]
    fn any_text_survives_encoding(text: String) {
        let encoded = encoded(&Text::from(text.as_str()));
        prop_assert_eq!(serde_json::from_str::<String>(&encoded).ok(), Some(text.clone()));
        let back = json::check(encoded.as_bytes()).ok().and_then(RawJson::as_text);
        prop_assert_eq!(back, Some(Text::from(text.as_str())));
    }

    #[test]
    fn escaped_text_is_written_back_verbatim(text: String) {
        let json = escaped(&text);
        let read = json::check(json.as_bytes()).ok().and_then(RawJson::as_text).expect("a string");
        prop_assert_eq!(&read.to_string(), &text);
        prop_assert_eq!(encoded(&read), json);
    }

    #[test]
    fn integers_are_read_and_written_exactly(value: u64, zeros in 0_usize..30) {
        let text = value.to_string();
        prop_assert_eq!(number(&text).as_u64(), Some(value));
        prop_assert_eq!(encoded(&Number::from(value)), text.clone());
        let shifted = format!("{text}{}e-{zeros}", "0".repeat(zeros));
        prop_assert_eq!(number(&shifted).as_u64(), Some(value));
    }

    #[test]
    fn times_are_read_and_written_exactly(secs: u64, micros in 0_u32..1_000_000, places in 0_usize..20) {
        let time = UnixTime::new(secs, micros);
        let text = time.to_string();
        prop_assert_eq!(number(&text).as_unix_time(), Some(time));
        prop_assert_eq!(encoded(&Number::from(time)), text);
        // The same number with its point moved left, and the exponent to make up for it.
        let digits = format!("{secs}{micros:06}");
        let moved = format!("0.{}{digits}e{}", "0".repeat(places), digits.len() - 6 + places);
        prop_assert_eq!(number(&moved).as_unix_time(), Some(time), "{}", moved);
    }
}

#[test]
fn the_differences_from_serde_json_are_these_two() {
    let deep = "[".repeat(json::MAX_DEPTH + 1) + &"]".repeat(json::MAX_DEPTH + 1);
    let lone = r#""\ud800""#;
    for (text, reason) in [(deep.as_str(), Reason::TooDeep), (lone, Reason::LoneSurrogate)] {
        assert!(accepted_by_serde_json(text.as_bytes()));
        assert_eq!(json::check(text.as_bytes()).map_err(|error| error.reason()), Err(reason));
    }
}

/// Whether both take the bytes, or both refuse them, but for depth and lone surrogates.
fn agrees(bytes: &[u8]) -> bool {
    match json::check(bytes) {
        Ok(_) => accepted_by_serde_json(bytes),
        Err(error) if matches!(error.reason(), Reason::TooDeep | Reason::LoneSurrogate) => true,
        Err(_) => !accepted_by_serde_json(bytes),
    }
}

fn accepted_by_serde_json(bytes: &[u8]) -> bool {
    serde_json::from_slice::<&RawValue>(bytes).is_ok()
}

/// The value that our own iterators find.
fn tree(raw: RawJson<'_>) -> Value {
    match raw.kind() {
        Kind::Null => Value::Null,
        Kind::Bool => raw.as_bool().into(),
        Kind::String => raw.as_text().map(|text| text.to_string()).into(),
        Kind::Number => raw.as_number().and_then(Number::as_str).expect("text").parse().expect("a number"),
        Kind::Array => raw.elements().map(tree).collect(),
        Kind::Object => Value::Object(
            raw.members().map(|(key, value)| (key.to_string(), tree(value))).collect::<Map<_, _>>(),
        ),
    }
}

fn number(text: &str) -> Number<'_> {
    json::check(text.as_bytes()).expect("valid").as_number().expect("a number")
}

fn encoded(value: &impl serde::Serialize) -> String {
    let mut buffer = vec![0; json::encoded_len(value).expect("supported")];
    let mut sink = SliceSink::new(&mut buffer);
    json::encode(value, &mut sink).expect("fits");
    let length = sink.into_filled().len();
    assert_eq!(length, buffer.len());
    String::from_utf8(buffer).expect("UTF-8")
}

/// A JSON string with an escape for every character.
fn escaped(text: &str) -> String {
    let escapes: String = text.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect();
    format!("\"{escapes}\"")
}

fn written(value: &Value, pretty: bool) -> String {
    if pretty { format!("{value:#}") } else { value.to_string() }
}

fn json_value() -> impl Strategy<Value = Value> {
    let scalar = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-1e9..1e9_f64).prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        "[a-z\\\\\"/\n\u{1}é😀]{0,20}".prop_map(Value::from),
    ];
    scalar.prop_recursive(6, 64, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec(("[a-z\"\\\\-]{0,12}", inner), 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// What JSON is made of, whole and broken.
const PIECES: &[&[u8]] = &[
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b" ",
    b"\n",
    b"\x0c",
    b"\"",
    b"\"a\"",
    b"\"\"",
    b"\\",
    b"\\n",
    b"\\u00e9",
    b"\\ud83d",
    b"\\ude00",
    b"\\u12",
    b"true",
    b"false",
    b"null",
    b"nul",
    b"0",
    b"-",
    b"12",
    b".5",
    b"e",
    b"E+1",
    b"\xc3",
    b"\xa9",
    b"\t",
    b"\"k\":",
    b"[]",
    b"{}",
    b"abcdefgh",
    b"\x7f",
];

/// One small fault.
#[derive(Clone, Debug)]
enum Damage {
    Replace(prop::sample::Index, u8),
    Insert(prop::sample::Index, &'static [u8]),
    Remove(prop::sample::Index),
    Cut(prop::sample::Index),
}

impl Damage {
    fn apply(&self, bytes: &mut Vec<u8>) {
        if bytes.is_empty() {
            return;
        }
        match self {
            Self::Replace(at, byte) => *at.get_mut(bytes) = *byte,
            Self::Insert(at, piece) => {
                let at = at.index(bytes.len());
                bytes.splice(at..at, piece.iter().copied());
            }
            Self::Remove(at) => {
                bytes.remove(at.index(bytes.len()));
            }
            Self::Cut(at) => bytes.truncate(at.index(bytes.len())),
        }
    }
}

fn damage() -> impl Strategy<Value = Damage> {
    prop_oneof![
        (any::<prop::sample::Index>(), any::<u8>()).prop_map(|(at, byte)| Damage::Replace(at, byte)),
        (any::<prop::sample::Index>(), prop::sample::select(PIECES))
            .prop_map(|(at, piece)| Damage::Insert(at, piece)),
        any::<prop::sample::Index>().prop_map(Damage::Remove),
        any::<prop::sample::Index>().prop_map(Damage::Cut),
    ]
}
