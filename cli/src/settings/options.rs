//! The options that every command takes.

use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, Args};

use crate::output::Format;

const HEADING: &str = "Global options";

/// Options before or after any verb.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = HEADING)]
pub struct GlobalOptions {
    /// Where keys and what was trusted before are kept [env: TRUST_DIR] [default: the folder `trust` in DOCKER_CONFIG or
    /// ~/.docker]
    #[arg(long, value_name = "DIR", global = true)]
    pub trust_dir: Option<PathBuf>,
    /// The trust server [env: DOCKER_CONTENT_TRUST_SERVER] [default: https:// and the image's registry]
    #[arg(long, short = 's', value_name = "URL", global = true)]
    pub server: Option<String>,
    /// Trust only certificates of this authority, instead of those the system trusts
    #[arg(long, value_name = "FILE", global = true, hide_short_help = true)]
    pub tlscacert: Option<PathBuf>,
    /// Show the server this certificate
    #[arg(long, value_name = "FILE", global = true, hide_short_help = true, requires = "tlskey")]
    pub tlscert: Option<PathBuf>,
    /// The private key of --tlscert
    #[arg(long, value_name = "FILE", global = true, hide_short_help = true, requires = "tlscert")]
    pub tlskey: Option<PathBuf>,
    /// How long a server may take for an answer: 500ms, 30s, 2m
    #[arg(long, value_name = "TIME", global = true, hide_short_help = true, value_parser = duration)]
    pub timeout: Option<Duration>,
    /// How the answer is printed
    #[arg(long, short = 'o', value_enum, value_name = "FORMAT", default_value_t, global = true)]
    pub output: Format,
    /// Say nothing but answers and errors
    #[arg(long, short = 'q', global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Tell what is done; twice for every request
    #[arg(long, short = 'v', global = true, hide_short_help = true, action = ArgAction::Count)]
    pub verbose: u8,
    /// Refuse a name whose root key is neither known nor pinned. So it is without a terminal
    #[arg(long, global = true, hide_short_help = true)]
    pub no_tofu: bool,
    /// The policy: which keys and signers are trusted for which names
    #[arg(long, value_name = "FILE", global = true, hide_short_help = true)]
    pub policy: Option<PathBuf>,
    /// Take passphrases from the first line of this file
    #[arg(long, value_name = "FILE", global = true, hide_short_help = true)]
    pub passphrase_file: Option<PathBuf>,
    /// Take passphrases from the first line that comes through this open descriptor
    #[arg(long, value_name = "NUMBER", global = true, hide_short_help = true, conflicts_with = "passphrase_file")]
    pub passphrase_fd: Option<u32>,
    /// Look for root keys in a PKCS#11 token, too: the library of its vendor [env: TRUST_TOKEN_MODULE]
    #[arg(long, value_name = "FILE", global = true, hide_short_help = true)]
    pub token_module: Option<PathBuf>,
    /// The token's label, if there are several [env: TRUST_TOKEN]
    #[arg(long, value_name = "LABEL", global = true, hide_short_help = true)]
    pub token: Option<String>,
    /// The first line of this file is the token's PIN [env: TRUST_TOKEN_PIN_FILE]
    #[arg(long, value_name = "FILE", global = true, hide_short_help = true)]
    pub token_pin_file: Option<PathBuf>,
    /// Answer every question with yes
    #[arg(long, short = 'y', global = true)]
    pub yes: bool,
    /// Never ask; fail instead
    #[arg(long, global = true, hide_short_help = true)]
    pub no_input: bool,
    /// Say what would change, and change nothing
    #[arg(long, global = true)]
    pub dry_run: bool,
}

/// Reads `500ms`, `30s`, `2m`; a number alone is in seconds.
fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = text.strip_prefix(digits).unwrap_or_default();
    let number: u32 = digits.parse().map_err(|_| "use a number and ms, s or m, such as 30s".to_owned())?;
    let duration = match unit {
        "ms" => Duration::from_millis(number.into()),
        "" | "s" => Duration::from_secs(number.into()),
        "m" => Duration::from_secs(u64::from(number) * 60),
        other => return Err(format!("{other} is not a unit of time here: use ms, s or m")),
    };
    if duration.is_zero() { Err("nothing is answered in no time at all".to_owned()) } else { Ok(duration) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_units() {
        let read = |text: &str| duration(text).ok().map(|time| time.as_millis());
        assert_eq!(read("500ms"), Some(500));
        assert_eq!(read("30s"), Some(30_000));
        assert_eq!(read("30"), Some(30_000));
        assert_eq!(read("2m"), Some(120_000));
        for wrong in ["", "s", "0", "-1s", "1h", "1.5s", "99999999999"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
