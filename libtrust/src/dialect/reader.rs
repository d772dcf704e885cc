//! Reading members out of a JSON value, with errors that say where.

use chrono::{DateTime, Datelike as _, Utc};

use super::Fault;
use crate::json::{Number, Value};

/// A value in a document, and where it is.
#[derive(Clone, Copy)]
pub(super) struct At<'p, 'v, 'a> {
    pub(super) value: &'v Value<'a>,
    place: Place<'p>,
}

/// How a value was reached. Only an error spells it out, so reading costs nothing for it.
#[derive(Clone, Copy)]
enum Place<'p> {
    Document,
    Member(&'p Place<'p>, &'p str),
    Element(&'p Place<'p>, usize),
}

impl<'v, 'a> At<'_, 'v, 'a> {
    pub(super) const fn root(value: &'v Value<'a>) -> Self {
        Self { value, place: Place::Document }
    }

    /// The member of this name, absent or not.
    pub(super) fn member<'s>(&'s self, name: &'s str) -> Option<At<'s, 'v, 'a>> {
        self.value.get(name).map(|value| self.child(value, name))
    }

    /// The member of this name; absent is a fault.
    pub(super) fn need<'s>(&'s self, name: &'s str, expected: &'static str) -> Result<At<'s, 'v, 'a>, Fault> {
        self.member(name).ok_or_else(|| Fault::Member { member: self.path_to(name), expected })
    }

    pub(super) fn fault(&self, expected: &'static str) -> Fault {
        Fault::Member { member: self.place.path(), expected }
    }

    pub(super) fn str(&self) -> Result<&'v str, Fault> {
        self.value.as_str().ok_or_else(|| self.fault("a string"))
    }

    /// A number in digits only: Notary's readers take `1e3` for 1000 in custom data, but not where they expect a
    /// version, a size or a threshold.
    pub(super) fn whole(&self) -> Result<i64, Fault> {
        let plain = !matches!(self.value, Value::Number(Number::Double(_)));
        self.value.as_whole().filter(|_| plain).ok_or_else(|| self.fault("a whole number within 2^53, in digits only"))
    }

    /// RFC 3339 as Go reads it: with `T`, seconds and a zone.
    pub(super) fn time(&self) -> Result<DateTime<Utc>, Fault> {
        parse_time(self.str()?).ok_or_else(|| self.fault("a date as RFC 3339 writes it"))
    }

    /// The elements of a list; `null` is an empty one, as Go writes empty lists.
    pub(super) fn list<'s>(&'s self) -> Result<impl ExactSizeIterator<Item = At<'s, 'v, 'a>> + use<'s, 'v, 'a>, Fault> {
        let values = match self.value {
            Value::Null => &[][..],
            Value::Array(values) => values.as_slice(),
            _ => return Err(self.fault("a list")),
        };
        let place = &self.place;
        Ok(values.iter().enumerate().map(move |(index, value)| At { value, place: Place::Element(place, index) }))
    }

    /// The members of an object by name; `null` is an empty one, as Go writes empty maps.
    pub(super) fn members<'s>(
        &'s self,
    ) -> Result<impl ExactSizeIterator<Item = (&'v str, At<'s, 'v, 'a>)> + use<'s, 'v, 'a>, Fault> {
        let members = match self.value {
            Value::Null => &[][..],
            Value::Object(members) => members.as_slice(),
            _ => return Err(self.fault("an object")),
        };
        Ok(members.iter().map(|(name, value)| (name.as_ref(), self.child(value, name))))
    }

    /// A whole number of 0 and up, in digits only.
    pub(super) fn size(&self) -> Result<u64, Fault> {
        match self.value {
            Value::Number(Number::Unsigned(number)) => Ok(*number),
            _ => Err(self.fault("a whole number of 0 or more, in digits only")),
        }
    }

    /// As [`At::list`]; `null` is none.
    pub(super) fn array<'s>(
        &'s self,
    ) -> Result<impl ExactSizeIterator<Item = At<'s, 'v, 'a>> + use<'s, 'v, 'a>, Fault> {
        if matches!(self.value, Value::Null) { Err(self.fault("a list")) } else { self.list() }
    }

    /// As [`At::members`]; `null` is none.
    pub(super) fn object<'s>(
        &'s self,
    ) -> Result<impl ExactSizeIterator<Item = (&'v str, At<'s, 'v, 'a>)> + use<'s, 'v, 'a>, Fault> {
        if matches!(self.value, Value::Null) { Err(self.fault("an object")) } else { self.members() }
    }

    /// Refuses members that differ from a known one only in case: Notary's readers match names without regard to it,
    /// so two readers would see two documents.
    pub(super) fn refuse_ambiguous(&self, known: &[&'static str]) -> Result<(), Fault> {
        let Value::Object(members) = self.value else { return Ok(()) };
        for (name, _) in members {
            if let Some(known) = known.iter().find(|known| name != *known && folds_to(name, known)) {
                return Err(Fault::AmbiguousMember { member: self.path_to(name), known });
            }
        }
        Ok(())
    }

    fn child<'s>(&'s self, value: &'v Value<'a>, name: &'s str) -> At<'s, 'v, 'a> {
        At { value, place: Place::Member(&self.place, name) }
    }

    fn path_to(&self, name: &str) -> String {
        Place::Member(&self.place, name).path()
    }
}

impl Place<'_> {
    /// Member names and list positions joined by dots, each name cut to 80 characters.
    fn path(&self) -> String {
        let (parent, step) = match self {
            Self::Document => return String::new(),
            Self::Member(parent, name) => (parent.path(), name.chars().take(80).collect()),
            Self::Element(parent, index) => (parent.path(), index.to_string()),
        };
        if parent.is_empty() { step } else { format!("{parent}.{step}") }
    }
}

fn parse_time(text: &str) -> Option<DateTime<Utc>> {
    // chrono also takes a space, small letters, a typographic minus and leap seconds; Go does not.
    let plain = |b: u8| matches!(b, b'0'..=b'9' | b'-' | b'+' | b':' | b'.' | b'T' | b'Z');
    if text.as_bytes().get(10) != Some(&b'T') || !text.bytes().all(plain) {
        return None;
    }
    let time = DateTime::parse_from_rfc3339(text).ok()?.with_timezone(&Utc);
    // An offset can move the year out of the four digits that the format has.
    (time.timestamp_subsec_nanos() < 1_000_000_000 && (0..=9999).contains(&time.year())).then_some(time)
}

/// Whether Go's JSON reader takes `name` for `known`, a lower-case ASCII name. It folds case by Unicode, where two
/// letters outside ASCII fold into it: the Kelvin sign and the long s.
fn folds_to(name: &str, known: &str) -> bool {
    if name.is_ascii() {
        return known.eq_ignore_ascii_case(name);
    }
    let fold = |c| match c {
        '\u{212a}' => 'k',
        '\u{17f}' => 's',
        other => other.to_ascii_lowercase(),
    };
    name.chars().map(fold).eq(known.chars())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ambiguous(name: &str, known: &'static str) -> bool {
        let value = Value::Object(vec![(name.to_owned().into(), Value::Null)]);
        At::root(&value).refuse_ambiguous(&[known]).is_err()
    }

    #[test]
    fn names_that_go_takes_for_a_known_one_are_refused() {
        for (name, known) in [
            ("Signed", "signed"),
            ("SIGNED", "signed"),
            ("\u{17f}igned", "signed"),
            ("ver\u{17f}ion", "version"),
            ("\u{212a}eyid", "keyid"),
            ("\u{212a}EY\u{17f}", "keys"),
            ("_Type", "_type"),
        ] {
            assert!(ambiguous(name, known), "{name}");
        }
        for (name, known) in [("signed", "signed"), ("signed ", "signed"), ("śigned", "signed"), ("sıgned", "signed")]
        {
            assert!(!ambiguous(name, known), "{name}");
        }
    }

    #[test]
    fn an_error_says_where() {
        let value = Value::parse(br#"{"a":[{"b":1}]}"#, 8).unwrap();
        let root = At::root(&value);
        let a = root.need("a", "a list").map_err(|_| ()).unwrap();
        let element = a.list().map_err(|_| ()).unwrap().next().unwrap();
        let b = element.need("b", "a string").map_err(|_| ()).unwrap();
        assert_eq!(b.str().unwrap_err().to_string(), "a.0.b must be a string");
        assert_eq!(element.need("c", "there").err().unwrap().to_string(), "a.0.c must be there");
    }

    #[test]
    fn typed_numbers_are_digits_only() {
        for (text, whole) in [("1", Some(1)), ("-1", Some(-1)), ("1.0", None), ("1e0", None), ("\"1\"", None)] {
            let value = Value::parse(text.as_bytes(), 1).unwrap();
            assert_eq!(At::root(&value).whole().ok(), whole, "{text}");
        }
    }
}
