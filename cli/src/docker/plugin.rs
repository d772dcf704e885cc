//! How Docker calls a plugin.

use std::ffi::OsString;
use std::io::{self, Write};

use serde::Serialize;

use crate::failure::Failure;
use crate::output::forgive_closed_pipe;

/// What a plugin is called for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Call {
    /// Docker asks who we are, each time it lists or runs plugins.
    Metadata,
    /// A shell asks what could come next; the words after the plugin's name, the last of them begun.
    Complete(Vec<OsString>),
    /// The words of a command line, with the program's name before them.
    Verb(Vec<OsString>),
}

impl Call {
    /// Reads what stands after the program's name. Called by Docker, the plugin's own name stands among the words, after
    /// Docker's global options; called by a person, it may be left out.
    pub(super) fn of(name: &str, words: &[OsString], by_docker: bool) -> Self {
        match words {
            [first, ..] if first == "docker-cli-plugin-metadata" => Self::Metadata,
            [first, rest @ ..] if first == "__complete" || first == "__completeNoDesc" => {
                Self::Complete(rest.iter().skip_while(|word| *word != name).skip(1).cloned().collect())
            }
            // `docker help trust sign`
            [first, plugin, rest @ ..] if first == "help" && plugin == name => {
                Self::verb(name, [std::slice::from_ref(plugin), rest, &["--help".into()]].concat())
            }
            [option] if !by_docker && (option == "--help" || option == "-h") => {
                Self::verb(name, vec![name.into(), "--help".into()])
            }
            // Global options can only stand before the name, so there it is.
            [first, ..] if by_docker || first == name || first.as_encoded_bytes().starts_with(b"-") => {
                Self::verb(name, words.to_vec())
            }
            _ => Self::verb(name, [&[name.into()], words].concat()),
        }
    }

    /// However the plugin's file is called, its commands are those of `trust`.
    fn verb(name: &str, mut words: Vec<OsString>) -> Self {
        if let Some(found) = words.iter_mut().find(|word| *word == name) {
            *found = "trust".into();
        }
        Self::Verb(std::iter::once("docker".into()).chain(words).collect())
    }
}

/// Prints who we are.
pub(super) fn print_metadata() -> Result<(), Failure> {
    let mut text = serde_json::to_vec_pretty(&METADATA).map_err(io::Error::from)?;
    text.push(b'\n');
    forgive_closed_pipe(io::stdout().write_all(&text))
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Metadata {
    schema_version: &'static str,
    vendor: &'static str,
    version: &'static str,
    short_description: &'static str,
}

const METADATA: Metadata = Metadata {
    // Docker before 28.4.1 takes this one alone.
    schema_version: "0.1.0",
    vendor: "trust",
    version: env!("CARGO_PKG_VERSION"),
    short_description: "Manage trust on Docker images",
};

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<OsString> {
        text.split_whitespace().map(OsString::from).collect()
    }

    #[test]
    fn docker_s_calls_are_told_apart() {
        let call = |text: &str, by_docker| Call::of("trust", &words(text), by_docker);
        assert_eq!(call("docker-cli-plugin-metadata", false), Call::Metadata);
        assert_eq!(
            call("--config X -D trust inspect a", true),
            Call::Verb(words("docker --config X -D trust inspect a"))
        );
        assert_eq!(call("help trust sign", true), Call::Verb(words("docker trust sign --help")));
        assert_eq!(call("trust --help", true), Call::Verb(words("docker trust --help")));
        assert_eq!(call("__complete --config X trust key ge", true), Call::Complete(words("key ge")));
    }

    #[test]
    fn a_plugin_with_another_name_is_the_same() {
        let call = Call::of("trustx", &words("-D trustx inspect trustx"), true);
        assert_eq!(call, Call::Verb(words("docker -D trust inspect trustx")));
    }

    #[test]
    fn a_person_may_leave_the_name_out() {
        let call = |text: &str| Call::of("trust", &words(text), false);
        assert_eq!(call("inspect a"), Call::Verb(words("docker trust inspect a")));
        assert_eq!(call("-D trust inspect a"), Call::Verb(words("docker -D trust inspect a")));
        assert_eq!(call("trust inspect a"), Call::Verb(words("docker trust inspect a")));
        assert_eq!(call("inspect trust"), Call::Verb(words("docker trust inspect trust")));
        assert_eq!(call("--help"), Call::Verb(words("docker trust --help")));
        assert_eq!(call(""), Call::Verb(words("docker trust")));
    }
}
