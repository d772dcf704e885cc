//! How `notary` tells a failure.

use std::io::{self, Write};

use crate::failure::Failure;
use crate::output::escape;

/// Writes it as `notary` does, on standard output for whoever reads it there: an empty line, then `* fatal:`.
///
/// # Errors
/// Those of the writer.
pub fn fatal(failure: &Failure, to: &mut dyn Write) -> io::Result<()> {
    let mut line = failure.message().to_owned();
    failure.causes().iter().for_each(|cause| line += &format!(": {cause}"));
    write!(to, "\n* fatal: {}\n", escape::lines(&line))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::Exit;

    #[test]
    fn a_failure_is_told_as_notary_tells_it() {
        let real = include_str!("../../../fixtures/spoken/notary-0.7.0/lookup-unknown.out");
        let mut told = Vec::new();
        fatal(&Failure::new(Exit::NoTrustData, "No valid trust data for v9"), &mut told).unwrap();
        assert_eq!(String::from_utf8(told).unwrap(), real);
    }
}
