//! What is said on standard error beside the answer.

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};

use super::escape;

const WARNING: Style = AnsiColor::Yellow.on_default().bold();

/// Says something a person should know although it is no error. Who does not listen misses it.
pub fn warning(text: &str) {
    let _ = write_warning(text, &mut anstream::stderr().lock());
}

fn write_warning(text: &str, to: &mut dyn Write) -> io::Result<()> {
    writeln!(to, "{WARNING}warning{WARNING:#}: {}", escape::line(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_warning_is_one_line() {
        let mut bytes = anstream::StripStream::new(Vec::new());
        write_warning("app\n is new", &mut bytes).unwrap();
        assert_eq!(String::from_utf8(bytes.into_inner()).unwrap(), "warning: app\\u{a} is new\n");
    }
}
