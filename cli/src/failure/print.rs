//! A failure on standard error.

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};

use super::Failure;
use crate::output::{Format, escape};

const ERROR: Style = AnsiColor::Red.on_default().bold();
const HINT: Style = AnsiColor::Cyan.on_default().bold();

impl Failure {
    /// Prints it: the error, its causes, a blank line and the hints; or one JSON document a program reads. Styles are
    /// for the writer to take out where they are not wanted.
    ///
    /// # Errors
    /// If the writer fails.
    pub fn print(&self, format: Format, to: &mut dyn Write) -> io::Result<()> {
        match format {
            Format::Table => self.tell(to),
            Format::Json | Format::Yaml => {
                serde_json::to_writer(&mut *to, &self.document())?;
                to.write_all(b"\n")
            }
        }
    }

    fn tell(&self, to: &mut dyn Write) -> io::Result<()> {
        writeln!(to, "{ERROR}error{ERROR:#}: {}", escape::lines(&self.message))?;
        for cause in &self.causes {
            writeln!(to, "  caused by: {}", escape::lines(cause))?;
        }
        if !self.hints.is_empty() {
            writeln!(to)?;
        }
        for hint in &self.hints {
            writeln!(to, "{HINT}hint{HINT:#}: {}", escape::lines(hint))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::Exit;

    fn printed(format: Format) -> String {
        let failure = Failure::new(Exit::Key, "no key\u{1b}[2J").hint("import it").while_doing("cannot sign app:v1");
        let mut bytes = anstream::StripStream::new(Vec::new());
        failure.print(format, &mut bytes).unwrap();
        String::from_utf8(bytes.into_inner()).unwrap()
    }

    #[test]
    fn people_read_error_causes_and_hint() {
        let text = "error: cannot sign app:v1\n  caused by: no key\\u{1b}[2J\n\nhint: import it\n";
        assert_eq!(printed(Format::Table), text);
    }

    #[test]
    fn programs_read_one_json_document() {
        for format in [Format::Json, Format::Yaml] {
            let document: serde_json::Value = serde_json::from_str(&printed(format)).unwrap();
            assert_eq!(document["error"]["code"], "key");
            assert_eq!(document["error"]["exit"], 23);
            assert_eq!(document["error"]["causes"][0], "no key\u{1b}[2J");
            assert_eq!(document["error"]["hints"][0], "import it");
        }
    }
}
