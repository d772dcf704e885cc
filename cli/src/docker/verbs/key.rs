//! Names of keys and signers.

use crate::failure::Failure;

/// The longest name, in bytes, so that files and roles can have it.
const MAX_NAME: usize = 200;

/// Checks a name as Docker does; `what` says whose it is.
///
/// # Errors
/// What is wrong, in Docker's words.
pub(super) fn check_name(what: &str, name: &str) -> Result<(), Failure> {
    let begins = name.bytes().next().is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    let allowed = |b: u8| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_');
    if begins && name.len() <= MAX_NAME && name.bytes().all(allowed) {
        return Ok(());
    }
    Err(Failure::usage(format!(
        "{what} name \"{name}\" must start with lowercase alphanumeric characters and can include \"-\" or \"_\" after \
         the first character"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_name_is_told_in_docker_s_words() {
        for good in ["alice", "0", "a-b_c9"] {
            assert!(check_name("key", good).is_ok(), "{good}");
        }
        for bad in ["", "-a", "Bad", "a b", "a/b", "é"] {
            assert!(check_name("key", bad).is_err(), "{bad}");
        }
        let real = include_str!("../../../../fixtures/spoken/docker-28.2.2/key-generate-bad-name.err");
        assert_eq!(check_name("key", "Bad").unwrap_err().message(), real.trim_end());
    }
}
