//! YAML. The one place that knows the crate behind it.

use std::io;

use serde::Serialize;

/// A value as one YAML document.
///
/// It goes through JSON's data model first, so that both formats always have the same members.
pub(super) fn text<T: Serialize>(value: &T) -> io::Result<String> {
    let value = serde_json::to_value(value)?;
    let mut text = serde_saphyr::to_string(&value).map_err(io::Error::other)?;
    if !text.ends_with('\n') {
        text.push('\n');
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    #[test]
    fn a_text_that_looks_like_something_else_stays_a_text() {
        let texts = [
            "no",
            "yes",
            "on",
            "off",
            "true",
            "null",
            "~",
            "",
            " ",
            "1",
            "0x1f",
            "0o17",
            "017",
            "1e3",
            "12e45",
            ".inf",
            "1_000",
            "2026-11-21",
            "12:30",
            "- a",
            "a: b",
            "a #b",
            "#a",
            "&a",
            "*a",
            "!a",
            "%a",
            "@a",
            "`a",
            "[a",
            "{a",
            "'a'",
            "\"a\"",
            "a\nb",
            "a\n",
            "\ta",
            "a ",
            "|",
            ">",
            "?",
            "-",
            "---",
            "...",
            "=",
            "<<",
            "\u{1b}",
            "\u{85}",
            "é",
        ];
        for text in texts {
            let document = json!({ "text": text, "list": [text], text: 1 });
            let written = super::text(&document).unwrap();
            let read: Value = serde_saphyr::from_str(&written).unwrap_or_else(|e| panic!("{text:?}: {e}\n{written}"));
            assert_eq!(read, document, "{written}");
        }
    }

    #[test]
    fn nested_values_come_back() {
        let document = json!({
            "name": "app", "empty": [], "none": {}, "nothing": null, "yes": true, "count": 12, "less": -1, "half": 0.5,
            "signers": [{ "name": "alice", "keys": ["ab", "cd"] }, { "name": "bob", "keys": [] }],
            "lists": [[1, 2], [[]], []],
        });
        let read: Value = serde_saphyr::from_str(&super::text(&document).unwrap()).unwrap();
        assert_eq!(read, document);
    }
}
