//! Members of a section, each taken once; what is left over is refused.

use libtrust::json::Value;

/// A section of the file: its path for messages, and what was not taken yet.
pub(super) struct Members<'a> {
    path: String,
    left: Vec<(String, Value<'a>)>,
}

impl<'a> Members<'a> {
    /// The members of an object; `path` is where it is.
    pub(super) fn of(value: Value<'a>, path: &str) -> Result<Self, String> {
        match value {
            Value::Object(members) => {
                let left = members.into_iter().map(|(name, value)| (name.into_owned(), value)).collect();
                Ok(Self { path: path.to_owned(), left })
            }
            _ if path.is_empty() => Err("the file must be one JSON object".to_owned()),
            _ => Err(format!("{path} must be an object")),
        }
    }

    pub(super) fn text(&mut self, name: &str) -> Result<Option<String>, String> {
        match self.take(name)? {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.into_owned()).filter(|text| !text.is_empty())),
            Some(_) => Err(format!("{} must be text", self.full(name))),
        }
    }

    /// `true`, `false`, or either as text, as Notary takes them; absent is false.
    pub(super) fn truth(&mut self, name: &str) -> Result<bool, String> {
        match self.take(name)? {
            None => Ok(false),
            Some(Value::Bool(truth)) => Ok(truth),
            Some(Value::String(text)) if text.eq_ignore_ascii_case("true") => Ok(true),
            Some(Value::String(text)) if text.eq_ignore_ascii_case("false") => Ok(false),
            Some(_) => Err(format!("{} must be true or false", self.full(name))),
        }
    }

    pub(super) fn section(&mut self, name: &str) -> Result<Self, String> {
        let path = self.full(name);
        match self.take(name)? {
            Some(value) => Self::of(value, &path),
            None => Ok(Self { path, left: Vec::new() }),
        }
    }

    /// A section whose names are not settings: they stay exactly as they are written.
    pub(super) fn named(&mut self, name: &str) -> Result<Vec<(String, Value<'a>)>, String> {
        Ok(self.section(name)?.left)
    }

    /// Refuses what was not taken.
    pub(super) fn end(self) -> Result<(), String> {
        match self.left.first() {
            Some((name, _)) => Err(format!("{} is not a setting", self.full(name))),
            None => Ok(()),
        }
    }

    fn take(&mut self, name: &str) -> Result<Option<Value<'a>>, String> {
        let mut found = None;
        while let Some(place) = self.left.iter().position(|(other, _)| other.eq_ignore_ascii_case(name)) {
            if found.is_some() {
                return Err(format!("{} is there twice", self.full(name)));
            }
            found = Some(self.left.remove(place).1);
        }
        Ok(found)
    }

    fn full(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }
}
