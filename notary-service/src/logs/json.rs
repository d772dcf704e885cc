//! One JSON object per line: `level`, `msg` and `time` as Notary writes them, then the event's fields and its spans'.

use std::fmt;

use serde_json::Value;
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use super::line::Line;

/// Formats events as JSON lines. Spans must format their fields as JSON too.
#[derive(Debug)]
pub(super) struct JsonLines;

impl<S, N> FormatEvent<S, N> for JsonLines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        writeln!(writer, "{}", json(Line::of(context, event)))
    }
}

/// The line as an object.
pub(super) fn json(line: Line) -> Value {
    let Line { level, message, time, mut fields } = line;
    fields.insert("level".to_owned(), level.into());
    fields.insert("msg".to_owned(), message);
    fields.insert("time".to_owned(), time.into());
    Value::Object(fields)
}
