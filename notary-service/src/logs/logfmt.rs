//! `key=value` per line, for people with `grep`: time, level and message first, then the fields by name.

use std::fmt::{self, Write};

use serde_json::Value;
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use super::line::Line;

/// Formats events as logfmt lines. Spans must format their fields as JSON.
#[derive(Debug)]
pub(super) struct LogfmtLines;

impl<S, N> FormatEvent<S, N> for LogfmtLines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        writeln!(writer, "{}", logfmt(&Line::of(context, event)))
    }
}

/// The line as pairs. Values with anything but plain characters are quoted, so no value can pretend to be a pair or a
/// line of its own.
pub(super) fn logfmt(line: &Line) -> String {
    let mut text = format!("time={} level={} msg={}", line.time, line.level, value(&line.message));
    for (key, field) in &line.fields {
        // Writing to memory does not fail.
        let _ = write!(text, " {}={}", key.replace(|c: char| !is_plain(c), "_"), value(field));
    }
    text
}

fn value(value: &Value) -> String {
    match value {
        Value::String(text) if !text.is_empty() && text.chars().all(is_plain) => text.clone(),
        Value::String(text) => format!("{text:?}"),
        Value::Null => String::new(),
        Value::Array(_) | Value::Object(_) => format!("{:?}", value.to_string()),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
    }
}

fn is_plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || "-._/@:+,".contains(c)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_cannot_pretend_to_be_pairs() {
        let Value::Object(fields) = json!({ "gun.name": "a b\nlevel=panic", "n": 3, "is": true, "x y": "\"", "e": "" })
        else {
            panic!("an object");
        };
        let line = Line { level: "info", message: "it works".into(), time: "2026-01-01T00:00:00.000Z".into(), fields };
        assert_eq!(
            logfmt(&line),
            "time=2026-01-01T00:00:00.000Z level=info msg=\"it works\" e=\"\" gun.name=\"a b\\nlevel=panic\" is=true n=3 \
             x_y=\"\\\"\""
        );
    }
}
