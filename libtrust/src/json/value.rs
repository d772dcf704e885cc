//! A JSON value that borrows from its text.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

/// Members of an object, sorted by the bytes of their names, each name once.
pub type Members<'a> = Vec<(Cow<'a, str>, Value<'a>)>;

/// A JSON value. Strings without escapes borrow from the text they were read from.
#[derive(Debug, Clone, PartialEq)]
pub enum Value<'a> {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// Any number.
    Number(Number),
    /// A string, unescaped.
    String(Cow<'a, str>),
    /// A list.
    Array(Vec<Value<'a>>),
    /// An object.
    Object(Members<'a>),
}

/// A JSON number as it was spelled.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Number {
    /// Digits only, 0 and up.
    Unsigned(u64),
    /// A minus and digits.
    Negative(i64),
    /// With a fraction or an exponent, or too large for the others.
    Double(f64),
}

impl<'a> Value<'a> {
    /// Reads one value that fills `text` but for white space.
    ///
    /// # Errors
    /// If the text is not JSON or not UTF-8, an object repeats a name, or arrays and objects nest deeper than
    /// `max_depth`.
    pub fn parse(text: &'a [u8], max_depth: usize) -> Result<Self, InvalidJson> {
        Self::parse_within(text, max_depth, usize::MAX)
    }

    /// As [`Value::parse`], and refuses more than `max_values` values in all: a value takes up to fifty times the memory
    /// of its text, so a bound on the text alone bounds little.
    ///
    /// # Errors
    /// As [`Value::parse`], or if there are more values.
    pub fn parse_within(text: &'a [u8], max_depth: usize, max_values: usize) -> Result<Self, InvalidJson> {
        let text = std::str::from_utf8(text).map_err(|e| InvalidJson(format!("not UTF-8: {e}")))?;
        let mut reader = serde_json::Deserializer::from_str(text);
        // Depth is bounded by the seed below, so the reader's own fixed bound stays as a second net.
        let progress = Progress::default();
        let value = Seed { progress: &progress, max_depth, max_values }.deserialize(&mut reader)?;
        reader.end()?;
        Ok(value)
    }

    /// The member of this object with this name; nothing if it is no object.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Self> {
        let Self::Object(members) = self else { return None };
        let at = members.binary_search_by(|(key, _)| key.as_ref().cmp(name)).ok()?;
        members.get(at).map(|(_, value)| value)
    }

    /// The text of a string.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        if let Self::String(text) = self { Some(text) } else { None }
    }

    /// A number that is whole, whatever its spelling, and that every reader holds exactly: within ±2^53.
    #[must_use]
    pub fn as_whole(&self) -> Option<i64> {
        if let Self::Number(number) = self { number.whole() } else { None }
    }

    /// The same value, borrowing from nothing.
    #[must_use]
    pub fn into_owned(self) -> Value<'static> {
        match self {
            Self::Null => Value::Null,
            Self::Bool(value) => Value::Bool(value),
            Self::Number(number) => Value::Number(number),
            Self::String(text) => Value::String(Cow::Owned(text.into_owned())),
            Self::Array(values) => Value::Array(values.into_iter().map(Value::into_owned).collect()),
            Self::Object(members) => Value::Object(
                members.into_iter().map(|(name, value)| (Cow::Owned(name.into_owned()), value.into_owned())).collect(),
            ),
        }
    }

    /// What kind of value it is, for errors.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Number(_) => "a number",
            Self::String(_) => "a string",
            Self::Array(_) => "a list",
            Self::Object(_) => "an object",
        }
    }
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Self::String(Cow::Borrowed(text))
    }
}

impl From<String> for Value<'static> {
    fn from(text: String) -> Self {
        Self::String(Cow::Owned(text))
    }
}

impl From<u64> for Value<'static> {
    fn from(number: u64) -> Self {
        Self::Number(Number::Unsigned(number))
    }
}

impl<'a> FromIterator<(Cow<'a, str>, Value<'a>)> for Value<'a> {
    /// An object. Of members with the same name the last stays.
    fn from_iter<I: IntoIterator<Item = (Cow<'a, str>, Value<'a>)>>(members: I) -> Self {
        let mut members: Members<'a> = members.into_iter().collect();
        if !members.is_sorted_by(|a, b| a.0 < b.0) {
            // Sorting keeps the order of equal names, so of those the last one comes first now.
            members.reverse();
            members.sort_by(|a, b| a.0.cmp(&b.0));
            members.dedup_by(|later, kept| later.0 == kept.0);
        }
        Self::Object(members)
    }
}

impl Number {
    /// Largest magnitude that a double holds exactly with all its neighbours.
    const EXACT: i64 = 1 << 53;

    /// As a whole number within ±2^53, if it is one. Notary's readers pass numbers through doubles: `1e3` is 1000 to
    /// them, and beyond 2^53 they see other digits than the signer wrote.
    #[must_use]
    pub fn whole(self) -> Option<i64> {
        let whole = match self {
            Self::Unsigned(n) => i64::try_from(n).ok()?,
            Self::Negative(n) => n,
            #[expect(clippy::cast_possible_truncation, reason = "whole and within 2^53, checked here")]
            Self::Double(n) if n.fract() == 0.0 && n.abs() <= Self::EXACT as f64 => n as i64,
            Self::Double(_) => return None,
        };
        (-Self::EXACT..=Self::EXACT).contains(&whole).then_some(whole)
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unsigned(number) => number.fmt(f),
            Self::Negative(number) => number.fmt(f),
            Self::Double(number) => write!(f, "{number:e}"),
        }
    }
}

/// How far a reader is. Elements and members wait here until all of their list or object are there, so that what is read
/// takes no more memory than it needs.
#[derive(Default)]
struct Progress<'de> {
    depth: Cell<usize>,
    values: Cell<usize>,
    elements: RefCell<Vec<Value<'de>>>,
    members: RefCell<Members<'de>>,
}

#[derive(Clone, Copy)]
struct Seed<'p, 'de> {
    progress: &'p Progress<'de>,
    max_depth: usize,
    max_values: usize,
}

impl Seed<'_, '_> {
    fn enter<E: serde::de::Error>(&self) -> Result<(), E> {
        let depth = &self.progress.depth;
        depth.set(depth.get() + 1);
        if depth.get() > self.max_depth {
            return Err(E::custom(format_args!("nested deeper than {} levels", self.max_depth)));
        }
        Ok(())
    }

    fn leave(&self) {
        self.progress.depth.set(self.progress.depth.get() - 1);
    }
}

impl<'de> DeserializeSeed<'de> for Seed<'_, 'de> {
    type Value = Value<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value<'de>, D::Error> {
        let values = &self.progress.values;
        values.set(values.get() + 1);
        if values.get() > self.max_values {
            return Err(D::Error::custom(format_args!("more than {} values", self.max_values)));
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_, 'de> {
    type Value = Value<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value<'de>, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value<'de>, E> {
        Ok(Value::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value<'de>, E> {
        Ok(Value::Number(Number::Unsigned(value)))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value<'de>, E> {
        Ok(Value::Number(match u64::try_from(value) {
            Ok(value) => Number::Unsigned(value),
            Err(_) => Number::Negative(value),
        }))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value<'de>, E> {
        Ok(Value::Number(Number::Double(value)))
    }

    fn visit_borrowed_str<E>(self, value: &'de str) -> Result<Value<'de>, E> {
        Ok(Value::String(Cow::Borrowed(value)))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value<'de>, E> {
        Ok(Value::String(Cow::Owned(value.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value<'de>, A::Error> {
        self.enter()?;
        let waiting = &self.progress.elements;
        let first = waiting.borrow().len();
        while let Some(value) = list.next_element_seed(self)? {
            waiting.borrow_mut().push(value);
        }
        self.leave();
        Ok(Value::Array(waiting.borrow_mut().drain(first..).collect()))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Value<'de>, A::Error> {
        self.enter()?;
        let waiting = &self.progress.members;
        let first = waiting.borrow().len();
        while let Some(name) = object.next_key_seed(NameSeed)? {
            let value = object.next_value_seed(self)?;
            waiting.borrow_mut().push((name, value));
        }
        self.leave();
        let mut members: Members<'de> = waiting.borrow_mut().drain(first..).collect();
        if !members.is_sorted_by(|a, b| a.0 < b.0) {
            members.sort_by(|a, b| a.0.cmp(&b.0));
            if let Some(((name, _), _)) = members.iter().zip(members.iter().skip(1)).find(|(a, b)| a.0 == b.0) {
                let name: String = name.chars().take(64).collect();
                return Err(A::Error::custom(format_args!("the member {name:?} is repeated")));
            }
        }
        Ok(Value::Object(members))
    }
}

/// Reads a member name, borrowed where it has no escapes.
struct NameSeed;

impl<'de> DeserializeSeed<'de> for NameSeed {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Cow<'de, str>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for NameSeed {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a member name")
    }

    fn visit_borrowed_str<E>(self, value: &'de str) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Borrowed(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Owned(value.to_owned()))
    }
}

/// A text that is not JSON as this crate reads it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidJson(String);

impl From<serde_json::Error> for InvalidJson {
    fn from(error: serde_json::Error) -> Self {
        Self(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Value<'_>, InvalidJson> {
        Value::parse(text.as_bytes(), 8)
    }

    #[test]
    fn members_are_found_whatever_their_order() {
        let value = parse(r#"{"b":1,"a":{"\u0061b":"x"},"c":[true,null]}"#).unwrap();
        assert_eq!(value.get("a").and_then(|a| a.get("ab")).and_then(Value::as_str), Some("x"));
        assert_eq!(value.get("b").and_then(Value::as_whole), Some(1));
        assert_eq!(value.get("d"), None);
    }

    #[test]
    fn an_object_is_made_of_members_in_any_order() {
        let made = |names: &[&str]| -> Value<'static> {
            names.iter().enumerate().map(|(n, name)| (name.to_string().into(), Value::from(n as u64))).collect()
        };
        assert_eq!(made(&["b", "a", "c", "a"]), parse(r#"{"a":3,"b":0,"c":2}"#).unwrap().into_owned());
        assert_eq!(made(&["a", "b"]), parse(r#"{"a":0,"b":1}"#).unwrap().into_owned());
        assert_eq!(made(&["a", "a"]), parse(r#"{"a":1}"#).unwrap().into_owned());
    }

    #[test]
    fn repeated_names_are_refused_also_when_escaped_differently() {
        assert!(parse(r#"{"a":1,"a":2}"#).is_err());
        assert!(parse(r#"{"a":1,"b":0,"\u0061":2}"#).is_err());
    }

    #[test]
    fn nesting_is_bounded() {
        assert!(parse("[[[[[[[[1]]]]]]]]").is_ok());
        assert!(parse("[[[[[[[[[1]]]]]]]]]").unwrap_err().to_string().contains("deeper than 8"));
        let bomb = "[".repeat(1 << 20);
        assert!(Value::parse(bomb.as_bytes(), 1 << 30).is_err());
    }

    #[test]
    fn the_number_of_values_is_bounded() {
        assert!(Value::parse_within(b"[1,{\"a\":2}]", 8, 4).is_ok());
        let refused = Value::parse_within(b"[1,{\"a\":2},3]", 8, 4).unwrap_err();
        assert!(refused.to_string().contains("more than 4 values"), "{refused}");
    }

    #[test]
    fn siblings_do_not_add_up_to_depth() {
        assert!(parse("[[],[],[],[],[],[],[],[],[],[]]").is_ok());
    }

    #[test]
    fn text_around_the_value_is_refused_but_for_white_space() {
        assert!(parse(" {} \n").is_ok());
        assert!(parse("{} {}").is_err());
        assert!(parse("").is_err());
        assert!(Value::parse(b"\"\xff\"", 8).is_err());
    }

    #[test]
    fn whole_numbers_are_whole_in_every_spelling() {
        for (text, whole) in [
            ("1000", Some(1000)),
            ("1e3", Some(1000)),
            ("1000.0", Some(1000)),
            ("-0", Some(0)),
            ("-5", Some(-5)),
            ("1.5", None),
            ("9007199254740992", Some(1 << 53)),
            ("9007199254740993", None),
            ("18446744073709551615", None),
            ("1e300", None),
        ] {
            assert_eq!(parse(text).unwrap().as_whole(), whole, "{text}");
        }
    }
}
