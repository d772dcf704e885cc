//! Variables in a Dockerfile, as far as an image's name may hold them.

use std::collections::BTreeMap;

/// Build arguments by name. One without a value is declared and empty until somebody gives one.
#[derive(Debug, Clone, Default)]
pub struct Variables {
    values: BTreeMap<String, Option<String>>,
    given: BTreeMap<String, String>,
}

impl Variables {
    /// Those given on the command line count as soon as the file declares them.
    pub fn new(given: &[(String, String)]) -> Self {
        Self { values: BTreeMap::new(), given: given.iter().cloned().collect() }
    }

    /// Takes `NAME` or `NAME=VALUE` of an `ARG`.
    ///
    /// # Errors
    /// Why its value cannot be known.
    pub fn declare(&mut self, declaration: &str) -> Result<(), String> {
        let (name, value) = match declaration.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (declaration, None),
        };
        let value = match (self.given.get(name), value) {
            (Some(given), _) => Some(given.clone()),
            (None, Some(value)) => Some(self.expand(unquoted(value)?)?),
            (None, None) => None,
        };
        self.values.insert(name.to_owned(), value);
        Ok(())
    }

    /// Fills in `$NAME`, `${NAME}`, `${NAME:-otherwise}` and `${NAME:+instead}`.
    ///
    /// # Errors
    /// What is not known, or not understood.
    pub fn expand(&self, text: &str) -> Result<String, String> {
        let mut result = String::new();
        let mut rest = text;
        while let Some(at) = rest.find(['$', '\\', '`']) {
            let (before, from) = rest.split_at(at);
            result.push_str(before);
            let Some(after) = from.strip_prefix('$') else {
                return Err(format!("{text:?} has an escaped character"));
            };
            let (value, left) = match after.strip_prefix('{') {
                Some(inside) => {
                    let (inside, left) = inside.split_once('}').ok_or_else(|| format!("{text:?} has no }}"))?;
                    (self.braced(inside)?, left)
                }
                None => {
                    let end = after.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(after.len());
                    let (name, left) = after.split_at(end);
                    (self.value(name)?.to_owned(), left)
                }
            };
            result.push_str(&value);
            rest = left;
        }
        result.push_str(rest);
        Ok(result)
    }

    fn braced(&self, inside: &str) -> Result<String, String> {
        let end = inside.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(inside.len());
        let (name, modifier) = inside.split_at(end);
        if modifier.is_empty() {
            return self.value(name).map(str::to_owned);
        }
        // Builders set some names themselves, and whoever builds may set others: only a known value decides.
        let set = Some(self.value(name)?).filter(|value| !value.is_empty());
        let word = |word: &str| {
            if word.contains('$') { Err(format!("${{{inside}}} nests variables")) } else { Ok(word.to_owned()) }
        };
        match (modifier.strip_prefix(":-"), modifier.strip_prefix(":+")) {
            (Some(otherwise), _) => set.map_or_else(|| word(otherwise), |value| Ok(value.to_owned())),
            (_, Some(instead)) => set.map_or_else(|| Ok(String::new()), |_| word(instead)),
            _ => Err(format!("${{{inside}}} is not understood")),
        }
    }

    fn value(&self, name: &str) -> Result<&str, String> {
        match self.values.get(name) {
            Some(Some(value)) => Ok(value),
            Some(None) => Err(format!("{name} has no value; give one: --build-arg {name}=VALUE")),
            None => Err(format!("{name} is not declared before the first FROM")),
        }
    }
}

fn unquoted(value: &str) -> Result<&str, String> {
    for quote in ['"', '\''] {
        if let Some(rest) = value.strip_prefix(quote) {
            let inside = rest.strip_suffix(quote).filter(|inside| !inside.contains(['"', '\'', '\\']));
            return inside.ok_or_else(|| format!("{value} is not understood"));
        }
    }
    if value.contains(['"', '\'']) { Err(format!("{value} is not understood")) } else { Ok(value) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_filled_in_and_what_is_given_goes_before_them() {
        let mut variables = Variables::new(&[("TAG".to_owned(), "2".to_owned())]);
        for declaration in ["BASE=alpine", "TAG=1", "WHOLE=\"${BASE}:$TAG\"", "NONE"] {
            variables.declare(declaration).unwrap();
        }
        for (text, value) in
            [("$WHOLE", "alpine:2"), ("${BASE}:${TAG:-3}", "alpine:2"), ("a${BASE:+b}d", "abd"), ("plain", "plain")]
        {
            assert_eq!(variables.expand(text).unwrap(), value, "{text}");
        }
        // What builders set themselves decides nothing here: it is not known.
        for text in ["${NONE:-3}", "a${NONE:+c}", "scratch${TARGETARCH:+.evil.com/x}"] {
            assert!(variables.expand(text).is_err(), "{text}");
        }
        for text in ["$NONE", "$OTHER", "${BASE", "${BASE#a}", "${NONE:-$BASE}", r"a\b"] {
            assert!(variables.expand(text).is_err(), "{text}");
        }
    }
}
