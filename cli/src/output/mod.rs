//! What commands say on standard output: one document, as a table for people or as JSON or YAML for programs.
//!
//! Everything that is not the document itself (progress, warnings, questions, failures) goes to standard error.

pub mod escape;
pub mod notice;
mod table;
mod yaml;

use std::io::{self, Write};

use clap::ValueEnum;
use serde::Serialize;

pub use table::Table;

use crate::exit::Exit;
use crate::failure::Failure;

/// How a document is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Text for people. It may change from version to version.
    #[default]
    Table,
    /// One JSON document, indented.
    Json,
    /// One YAML document, the same members as in JSON.
    Yaml,
}

/// What a command found out. Its serialized form is an interface: members are added, never renamed or removed.
pub trait Document: Serialize {
    /// Writes it for people. Styles may be used; the writer takes them out where they are not wanted.
    ///
    /// # Errors
    /// Those of the writer.
    fn text(&self, to: &mut dyn Write) -> io::Result<()>;
}

/// Writes a document to standard output.
///
/// A reader that has gone, such as `head`, is not an error: it has what it wanted.
///
/// # Errors
/// If standard output cannot be written, a full disk for one.
pub fn print<D: Document>(document: &D, format: Format) -> Result<(), Failure> {
    forgive_closed_pipe(write(document, format, &mut anstream::stdout().lock()))
}

/// Writes a document.
///
/// # Errors
/// Those of the writer.
pub fn write<D: Document>(document: &D, format: Format, to: &mut dyn Write) -> io::Result<()> {
    match format {
        Format::Table => document.text(to)?,
        Format::Json => {
            serde_json::to_writer_pretty(&mut *to, document)?;
            to.write_all(b"\n")?;
        }
        Format::Yaml => to.write_all(yaml::text(document)?.as_bytes())?,
    }
    to.flush()
}

/// Takes a closed pipe for success, whatever else failed for a failure.
///
/// # Errors
/// What `written` says, unless the reader is gone.
pub fn forgive_closed_pipe(written: io::Result<()>) -> Result<(), Failure> {
    match written {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::caused(Exit::Failure, &error).while_doing("cannot write the output"))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize)]
    struct Tags {
        tags: Vec<&'static str>,
    }

    impl Document for Tags {
        fn text(&self, to: &mut dyn Write) -> io::Result<()> {
            self.tags.iter().try_for_each(|tag| writeln!(to, "{tag}"))
        }
    }

    fn written(format: Format) -> String {
        let mut bytes = Vec::new();
        write(&Tags { tags: vec!["v1", "1.10"] }, format, &mut bytes).unwrap();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn one_document_in_three_forms() {
        assert_eq!(written(Format::Table), "v1\n1.10\n");
        assert_eq!(written(Format::Json), "{\n  \"tags\": [\n    \"v1\",\n    \"1.10\"\n  ]\n}\n");
        assert_eq!(written(Format::Yaml), "tags:\n- v1\n- \"1.10\"\n");
    }

    #[test]
    fn a_reader_that_went_away_is_no_failure_and_a_full_disk_is() {
        assert!(forgive_closed_pipe(Err(io::ErrorKind::BrokenPipe.into())).is_ok());
        assert_eq!(forgive_closed_pipe(Err(io::ErrorKind::StorageFull.into())).unwrap_err().exit(), Exit::Failure);
    }
}
