//! Reading members out of a JSON value, with errors that say where.

use super::Fault;
use crate::json::Value;

/// A place in a document: a value and the path of member names that led to it.
#[derive(Clone)]
pub(super) struct At<'v, 'a> {
    pub(super) value: &'v Value<'a>,
    path: String,
}

impl<'v, 'a> At<'v, 'a> {
    pub(super) const fn root(value: &'v Value<'a>) -> Self {
        Self { value, path: String::new() }
    }

    /// The member of this name, absent or not.
    pub(super) fn member(&self, name: &str) -> Option<Self> {
        self.value.get(name).map(|value| self.child(value, name))
    }

    /// The member of this name; absent is a fault.
    pub(super) fn need(&self, name: &str, expected: &'static str) -> Result<Self, Fault> {
        self.member(name).ok_or_else(|| Fault::Member { member: self.path_to(name), expected })
    }

    pub(super) fn fault(&self, expected: &'static str) -> Fault {
        Fault::Member { member: self.path.clone(), expected }
    }

    pub(super) fn str(&self) -> Result<&'v str, Fault> {
        self.value.as_str().ok_or_else(|| self.fault("a string"))
    }

    pub(super) fn whole(&self) -> Result<i64, Fault> {
        self.value.as_whole().ok_or_else(|| self.fault("a whole number within 2^53"))
    }

    /// The elements of a list; `null` is an empty one, as Go writes empty lists.
    pub(super) fn list(&self) -> Result<Vec<Self>, Fault> {
        match self.value {
            Value::Null => Ok(Vec::new()),
            Value::Array(values) => {
                Ok(values.iter().enumerate().map(|(index, value)| self.child(value, &index.to_string())).collect())
            }
            _ => Err(self.fault("a list")),
        }
    }

    /// The members of an object by name; `null` is an empty one, as Go writes empty maps.
    pub(super) fn members(&self) -> Result<impl Iterator<Item = (&'v str, Self)> + use<'v, 'a, '_>, Fault> {
        let members = match self.value {
            Value::Null => &[][..],
            Value::Object(members) => members.as_slice(),
            _ => return Err(self.fault("an object")),
        };
        Ok(members.iter().map(|(name, value)| (name.as_ref(), self.child(value, name))))
    }

    /// Refuses members that differ from a known one only in case: Notary's readers match names without regard to it,
    /// so two readers would see two documents.
    pub(super) fn refuse_ambiguous(&self, known: &[&'static str]) -> Result<(), Fault> {
        let Value::Object(members) = self.value else { return Ok(()) };
        for (name, _) in members {
            if let Some(known) = known.iter().find(|known| name != *known && known.eq_ignore_ascii_case(name)) {
                return Err(Fault::AmbiguousMember { member: self.path_to(name), known });
            }
        }
        Ok(())
    }

    fn child(&self, value: &'v Value<'a>, name: &str) -> Self {
        Self { value, path: self.path_to(name) }
    }

    fn path_to(&self, name: &str) -> String {
        let name: String = name.chars().take(80).collect();
        if self.path.is_empty() { name } else { format!("{}.{name}", self.path) }
    }
}
