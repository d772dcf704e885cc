//! Canonical JSON: the bytes that are signed.
//!
//! The OLPC dialect as Go's canonical encoder writes it: members sorted by the bytes
//! of their names, no white space, only `"` and `\` escaped, everything else raw UTF-8, numbers whole.

use std::borrow::Cow;
use std::convert::Infallible;
use std::fmt;

use super::{Number, Value};

/// Writes the canonical form of `value`.
///
/// # Errors
/// If a number is not one of `numbers`.
pub fn to_canonical(value: &Value<'_>, numbers: Numbers) -> Result<Vec<u8>, NotCanonical> {
    written(value, Style { escapes: Escapes::Canonical, numbers }, 1024)
}

/// As [`to_canonical`], of a value that was read out of `text`, perhaps from its start: what stands there in canonical form is
/// not written again.
///
/// # Errors
/// As [`to_canonical`].
pub fn canonical_in<'t>(value: &Value<'_>, numbers: Numbers, text: &'t [u8]) -> Result<Cow<'t, [u8]>, NotCanonical> {
    let style = Style { escapes: Escapes::Canonical, numbers };
    let mut same = Same { rest: text };
    match write(value, style, &mut same) {
        Ok(()) => match text.len().checked_sub(same.rest.len()).and_then(|length| text.get(..length)) {
            Some(stands) => Ok(Cow::Borrowed(stands)),
            None => to_canonical(value, numbers).map(Cow::Owned),
        },
        Err(Stopped::Number(error)) => Err(error),
        Err(Stopped::Out(Differs)) => written(value, style, text.len()).map(Cow::Owned),
    }
}

/// Writes the form that is stored and served: the canonical one, but valid JSON also with control characters, and with
/// `<`, `>`, `&`, U+2028 and U+2029 as `\uXXXX`, as Go's JSON encoder writes them.
///
/// # Errors
/// As [`to_canonical`].
pub fn to_wire(value: &Value<'_>, numbers: Numbers) -> Result<Vec<u8>, NotCanonical> {
    written(value, Style { escapes: Escapes::Wire, numbers }, 1024)
}

fn written(value: &Value<'_>, style: Style, bytes: usize) -> Result<Vec<u8>, NotCanonical> {
    let mut out = Vec::with_capacity(bytes);
    match write(value, style, &mut out) {
        Ok(()) => Ok(out),
        Err(Stopped::Number(error)) => Err(error),
    }
}

/// The canonical form, and the stored one where it may differ.
///
/// # Errors
/// As [`to_canonical`].
pub fn to_both(value: &Value<'_>, numbers: Numbers) -> Result<(Vec<u8>, Option<Vec<u8>>), NotCanonical> {
    let canonical = to_canonical(value, numbers)?;
    // Whatever is escaped in the stored form alone stands as it is in the canonical one; quotes are in both.
    let may_differ = canonical.iter().any(|byte| !matches!(byte, b'"' | b'\\') && needs_look(*byte));
    let wire = may_differ.then(|| to_wire(value, numbers)).transpose()?;
    Ok((canonical, wire))
}

/// Which numbers can be signed. They are written in plain decimal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Numbers {
    /// Whole ones within ±2^53, however they are spelled: Notary's readers pass numbers through doubles, and beyond that
    /// they disagree on the digits.
    WithinDoubles,
    /// Whole ones spelled in digits alone, from -2^63 to 2^64 - 1: TUF 1.0 has no others.
    Integers,
}

#[derive(Clone, Copy)]
struct Style {
    escapes: Escapes,
    numbers: Numbers,
}

#[derive(Clone, Copy)]
enum Escapes {
    Canonical,
    Wire,
}

/// Where a form goes.
trait Out {
    /// Why it cannot go on.
    type Error;

    fn put(&mut self, bytes: &[u8]) -> Result<(), Self::Error>;
}

impl Out for Vec<u8> {
    type Error = Infallible;

    fn put(&mut self, bytes: &[u8]) -> Result<(), Infallible> {
        self.extend_from_slice(bytes);
        Ok(())
    }
}

/// A text that is held against the form.
struct Same<'t> {
    rest: &'t [u8],
}

/// The text is another.
struct Differs;

impl Out for Same<'_> {
    type Error = Differs;

    fn put(&mut self, bytes: &[u8]) -> Result<(), Differs> {
        self.rest = self.rest.strip_prefix(bytes).ok_or(Differs)?;
        Ok(())
    }
}

enum Stopped<E> {
    Number(NotCanonical),
    Out(E),
}

impl<E> From<E> for Stopped<E> {
    fn from(error: E) -> Self {
        Self::Out(error)
    }
}

fn write<O: Out>(value: &Value<'_>, style: Style, out: &mut O) -> Result<(), Stopped<O::Error>> {
    match value {
        Value::Null => out.put(b"null")?,
        Value::Bool(true) => out.put(b"true")?,
        Value::Bool(false) => out.put(b"false")?,
        Value::Number(number) => write_number(*number, style.numbers, out)?,
        Value::String(text) => write_string(text, style.escapes, out)?,
        Value::Array(values) => {
            out.put(b"[")?;
            for (index, value) in values.iter().enumerate() {
                if index > 0 {
                    out.put(b",")?;
                }
                write(value, style, out)?;
            }
            out.put(b"]")?;
        }
        Value::Object(members) => {
            out.put(b"{")?;
            for (index, (name, value)) in members.iter().enumerate() {
                if index > 0 {
                    out.put(b",")?;
                }
                write_string(name, style.escapes, out)?;
                out.put(b":")?;
                write(value, style, out)?;
            }
            out.put(b"}")?;
        }
    }
    Ok(())
}

fn write_number<O: Out>(number: Number, numbers: Numbers, out: &mut O) -> Result<(), Stopped<O::Error>> {
    let not_canonical = Stopped::Number(NotCanonical { number });
    match (numbers, number) {
        (Numbers::Integers, Number::Unsigned(number)) => put_shown(format_args!("{number}"), out),
        (Numbers::Integers, Number::Negative(number)) => put_shown(format_args!("{number}"), out),
        (Numbers::Integers, Number::Double(_)) => Err(not_canonical),
        (Numbers::WithinDoubles, number) => put_shown(format_args!("{}", number.whole().ok_or(not_canonical)?), out),
    }
}

fn write_string<O: Out>(text: &str, escapes: Escapes, out: &mut O) -> Result<(), Stopped<O::Error>> {
    out.put(b"\"")?;
    let mut rest = text;
    while let Some(at) = first_special(rest.as_bytes(), escapes) {
        let (plain, special) = rest.split_at(at);
        out.put(plain.as_bytes())?;
        let mut characters = special.chars();
        match characters.next() {
            Some('"') => out.put(br#"\""#)?,
            Some('\\') => out.put(br"\\")?,
            Some(found @ ('<' | '>' | '&' | '\u{2028}' | '\u{2029}' | '\0'..='\u{1f}')) => {
                put_shown(format_args!("\\u{:04x}", u32::from(found)), out)?;
            }
            Some(other) => out.put(other.encode_utf8(&mut [0; 4]).as_bytes())?,
            None => {}
        }
        rest = characters.as_str();
    }
    out.put(rest.as_bytes())?;
    out.put(b"\"")?;
    Ok(())
}

/// A short text.
fn put_shown<O: Out>(text: fmt::Arguments<'_>, out: &mut O) -> Result<(), Stopped<O::Error>> {
    struct Shown<'o, O: Out>(&'o mut O, Option<O::Error>);
    impl<O: Out> fmt::Write for Shown<'_, O> {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            self.0.put(text.as_bytes()).map_err(|error| {
                self.1 = Some(error);
                fmt::Error
            })
        }
    }
    let mut shown = Shown(out, None);
    let _ = fmt::write(&mut shown, text);
    shown.1.map_or(Ok(()), |error| Err(Stopped::Out(error)))
}

/// Where the first character stands that may need an escape. Such a byte is ASCII, or `0xe2`, with which U+2028 and
/// U+2029 begin: always the start of a character.
fn first_special(text: &[u8], escapes: Escapes) -> Option<usize> {
    match escapes {
        Escapes::Canonical => memchr::memchr2(b'"', b'\\', text),
        Escapes::Wire => text.iter().position(|byte| needs_look(*byte)),
    }
}

/// Whether a character that begins with this byte may need an escape in the stored form.
const fn needs_look(byte: u8) -> bool {
    matches!(byte, b'"' | b'\\' | b'<' | b'>' | b'&' | 0xe2 | 0..=0x1f)
}

/// A number that has no canonical form.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error("the number {number} is not whole or too large, so it cannot be signed")]
pub struct NotCanonical {
    /// The number.
    pub number: Number,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn canonical(text: &str) -> String {
        String::from_utf8(to_canonical(&Value::parse(text.as_bytes(), 32).unwrap(), Numbers::WithinDoubles).unwrap())
            .unwrap()
    }

    #[test]
    fn members_are_sorted_by_code_point_and_white_space_is_gone() {
        assert_eq!(
            canonical(" { \"b\" : [1 , true], \"a\":null,\"\u{ffff}\":0,\"\u{10000}\":0 } "),
            "{\"a\":null,\"b\":[1,true],\"\u{ffff}\":0,\"\u{10000}\":0}"
        );
    }

    #[test]
    fn only_quote_and_backslash_are_escaped() {
        assert_eq!(canonical(r#""\u0001\n\"\\\/<&>\u2028\u00e9""#), "\"\u{1}\n\\\"\\\\/<&>\u{2028}é\"");
    }

    #[test]
    fn the_wire_form_reads_back_as_the_same_value() {
        let text = "a&b<c>\u{2028}\u{1}\"\u{20ac}\u{2030}\u{2029}";
        let wire = to_wire(&Value::from(text), Numbers::WithinDoubles).unwrap();
        assert_eq!(wire, "\"a\\u0026b\\u003cc\\u003e\\u2028\\u0001\\\"\u{20ac}\u{2030}\\u2029\"".as_bytes());
        assert_eq!(Value::parse(&wire, 1).unwrap().as_str(), Some(text));
    }

    #[test]
    fn numbers_are_plain_decimal() {
        assert_eq!(canonical("[1e3,1000.0,-0,-7]"), "[1000,1000,0,-7]");
        for text in ["1.5", "9007199254740993", "1e400"] {
            let parsed = Value::parse(text.as_bytes(), 1);
            assert!(parsed.is_err() || to_canonical(&parsed.unwrap(), Numbers::WithinDoubles).is_err(), "{text}");
        }
    }

    #[test]
    fn integers_are_spelled_in_digits() {
        let integers = |text: &str| to_canonical(&Value::parse(text.as_bytes(), 1).unwrap(), Numbers::Integers);
        for text in ["0", "18446744073709551615", "-9223372036854775808"] {
            assert_eq!(integers(text).unwrap(), text.as_bytes());
        }
        for text in ["1.0", "1e3", "-0", "18446744073709551616", "0.5"] {
            assert!(integers(text).is_err(), "{text}");
        }
    }

    fn any_json() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            (-(1i64 << 53)..=(1i64 << 53)).prop_map(Into::into),
            "\\PC*|[\u{0}-\u{7f}]*".prop_map(serde_json::Value::String),
        ];
        leaf.prop_recursive(5, 64, 8, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..8).prop_map(serde_json::Value::Array),
                prop::collection::btree_map("\\PC*", inner, 0..8).prop_map(|m| m.into_iter().collect()),
            ]
        })
    }

    proptest! {
        #[test]
        fn agrees_with_an_independent_encoder(value in any_json()) {
            use olpc_cjson::CanonicalFormatter;
            use serde::Serialize as _;
            let text = serde_json::to_string(&value).unwrap();
            let mut expected = Vec::new();
            // The independent encoder normalizes strings to NFC, which neither Go nor TUF clients do.
            value.serialize(&mut serde_json::Serializer::with_formatter(&mut expected, CanonicalFormatter::new())).unwrap();
            prop_assume!(text.is_ascii());
            prop_assert_eq!(canonical(&text).into_bytes(), expected);
        }

        #[test]
        fn both_forms_are_those_written_alone(value in any_json()) {
            let text = serde_json::to_string(&value).unwrap();
            let value = Value::parse(text.as_bytes(), 32).unwrap();
            let (canonical, wire) = to_both(&value, Numbers::WithinDoubles).unwrap();
            prop_assert_eq!(wire.as_ref().unwrap_or(&canonical), &to_wire(&value, Numbers::WithinDoubles).unwrap());
            prop_assert_eq!(canonical, to_canonical(&value, Numbers::WithinDoubles).unwrap());
        }

        #[test]
        fn what_is_canonical_in_a_text_is_what_would_be_written(value in any_json(), rest in "[,}\\]]?.*") {
            let compact = serde_json::to_string(&value).unwrap();
            let expected = canonical(&compact).into_bytes();
            let parsed = Value::parse(compact.as_bytes(), 32).unwrap();
            let stands = [expected.as_slice(), rest.as_bytes()].concat();
            let found = canonical_in(&parsed, Numbers::WithinDoubles, &stands).unwrap();
            prop_assert!(matches!(&found, Cow::Borrowed(found) if *found == expected));
            let text = format!("{compact}{rest}");
            prop_assert_eq!(&*canonical_in(&parsed, Numbers::WithinDoubles, text.as_bytes()).unwrap(), &*expected);
            prop_assert_eq!(&*canonical_in(&parsed, Numbers::WithinDoubles, rest.as_bytes()).unwrap(), &*expected);
        }

        #[test]
        fn does_not_depend_on_layout(value in any_json()) {
            let compact = serde_json::to_string(&value).unwrap();
            let pretty = serde_json::to_string_pretty(&value).unwrap();
            prop_assert_eq!(canonical(&compact), canonical(&pretty));
        }

        #[test]
        fn bytes_never_crash_the_reader(bytes in prop::collection::vec(any::<u8>(), 0..256)) {
            if let Ok(value) = Value::parse(&bytes, 16) {
                let _ = to_canonical(&value, Numbers::WithinDoubles);
                let _ = to_canonical(&value, Numbers::Integers);
            }
        }
    }
}
