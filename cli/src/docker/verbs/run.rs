//! `docker trust run`: as `docker run`, of exactly what was signed.
//!
//! Which word is the image depends on which options take a value, so only options known here are passed on: a new one,
//! taken wrongly, would run a word that was never verified.

use std::ffi::{OsStr, OsString};

use clap::Args;
use libtrust::names::ImageReference;

use super::Call;
use crate::commands::pins::Pins;
use crate::commands::reading::Reading;
use crate::exit::Exit;
use crate::failure::Failure;

/// Options of `docker trust run`.
#[derive(Debug, Args)]
#[command(disable_help_flag = true)]
pub struct Options {
    /// Options of `docker run`, the image, and what runs in it
    #[arg(
        value_name = "OPTIONS IMAGE [COMMAND]",
        required = true,
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    pub words: Vec<OsString>,
}

/// Options of `docker run` without a value; the letters are their short forms.
const SWITCHES: &[&str] = &[
    "d",
    "detach",
    "help",
    "i",
    "init",
    "interactive",
    "no-healthcheck",
    "oom-kill-disable",
    "P",
    "privileged",
    "publish-all",
    "q",
    "quiet",
    "read-only",
    "rm",
    "sig-proxy",
    "t",
    "tty",
    "use-api-socket",
];

/// Options of `docker run` with a value.
const VALUES: &[&str] = &[
    "a",
    "add-host",
    "annotation",
    "attach",
    "blkio-weight",
    "blkio-weight-device",
    "c",
    "cap-add",
    "cap-drop",
    "cgroup-parent",
    "cgroupns",
    "cidfile",
    "cpu-count",
    "cpu-percent",
    "cpu-period",
    "cpu-quota",
    "cpu-rt-period",
    "cpu-rt-runtime",
    "cpu-shares",
    "cpus",
    "cpuset-cpus",
    "cpuset-mems",
    "detach-keys",
    "device",
    "device-cgroup-rule",
    "device-read-bps",
    "device-read-iops",
    "device-write-bps",
    "device-write-iops",
    "dns",
    "dns-opt",
    "dns-option",
    "dns-search",
    "domainname",
    "e",
    "entrypoint",
    "env",
    "env-file",
    "expose",
    "gpus",
    "group-add",
    "h",
    "health-cmd",
    "health-interval",
    "health-retries",
    "health-start-interval",
    "health-start-period",
    "health-timeout",
    "hostname",
    "ip",
    "ip6",
    "ipc",
    "isolation",
    "kernel-memory",
    "l",
    "label",
    "label-file",
    "link",
    "link-local-ip",
    "log-driver",
    "log-opt",
    "m",
    "mac-address",
    "memory",
    "memory-reservation",
    "memory-swap",
    "memory-swappiness",
    "mount",
    "name",
    "net",
    "net-alias",
    "network",
    "network-alias",
    "oom-score-adj",
    "p",
    "pid",
    "pids-limit",
    "platform",
    "publish",
    "pull",
    "restart",
    "runtime",
    "security-opt",
    "shm-size",
    "stop-signal",
    "stop-timeout",
    "storage-opt",
    "sysctl",
    "tmpfs",
    "u",
    "ulimit",
    "user",
    "userns",
    "uts",
    "v",
    "volume",
    "volume-driver",
    "volumes-from",
    "w",
    "workdir",
];

/// Verifies the image and runs it by its digest. Gives the code that Docker ends with.
///
/// # Errors
/// If the image is not trusted now, an option is not known, or there is no Docker.
pub fn run(options: &Options, call: &Call) -> Result<u8, Failure> {
    let mut words = options.words.clone();
    let Some(place) = image_in(&words)? else {
        // Docker's own help, or its complaint.
        return ended(call, "run", &words);
    };
    if let Some(word) = words.get_mut(place) {
        let image: ImageReference = text(word)?.parse()?;
        let session = call.session()?;
        let found = Pins::new(&session, Reading::default()).trusted(&image)?;
        *word = format!("{}@{}", image.gun(), found.digest_text()).into();
    }
    ended(call, "run", &words)
}

fn ended(call: &Call, verb: &str, words: &[OsString]) -> Result<u8, Failure> {
    let arguments = [&[OsString::from(verb)], words].concat();
    let ended = call.engine.run(&arguments, None)?;
    Ok(ended.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(u8::MAX))
}

/// Where the image stands; nothing if there is none, or Docker is asked for help.
fn image_in(words: &[OsString]) -> Result<Option<usize>, Failure> {
    let mut place = 0;
    while let Some(word) = words.get(place) {
        let word = text(word)?;
        if word == "--" {
            return Ok(words.get(place + 1).map(|_| place + 1));
        }
        if word == "--help" {
            return Ok(None);
        }
        if !word.starts_with('-') || word == "-" {
            return Ok(Some(place));
        }
        let takes_next = takes_next(word)?;
        let value = words.get(place + 1).filter(|_| takes_next).map(|value| text(value)).transpose()?;
        no_image_in(word, value.unwrap_or_default())?;
        place += 1 + usize::from(takes_next);
    }
    Ok(None)
}

/// Refuses a second image, one whose content is mounted: nobody would verify it.
fn no_image_in(option: &str, value: &str) -> Result<(), Failure> {
    let fields = [option.strip_prefix("--mount=").unwrap_or_default(), if option == "--mount" { value } else { "" }];
    let mut fields = fields.iter().flat_map(|fields| fields.split(','));
    let is_image = |field: &str| {
        let field = field.trim_matches('"').to_ascii_lowercase();
        field.split_once('=').is_some_and(|(name, kind)| name.trim() == "type" && kind.trim() == "image")
    };
    if fields.any(is_image) {
        return Err(Failure::usage("--mount type=image: what is mounted would not be verified")
            .hint("pin it yourself with `trust resolve IMAGE` and call docker run"));
    }
    Ok(())
}

/// Whether the value of this option is the next word.
fn takes_next(word: &str) -> Result<bool, Failure> {
    let unknown = |option: &str| {
        Failure::new(Exit::Usage, format!("{option} is not known here, so the image cannot be told from its value"))
            .hint("pin the image yourself: docker run ... $(trust resolve IMAGE)")
    };
    if let Some(long) = word.strip_prefix("--") {
        let (name, has_value) = long.split_once('=').map_or((long, false), |(name, _)| (name, true));
        return match (SWITCHES.contains(&name), VALUES.contains(&name)) {
            (true, _) => Ok(false),
            (_, true) => Ok(!has_value),
            _ => Err(unknown(&format!("--{name}"))),
        };
    }
    // Letters in one word: the first that takes a value takes the rest of it, or the next.
    let letters = word.trim_start_matches('-');
    for (at, letter) in letters.char_indices() {
        let name = letter.to_string();
        let rest = letters.get(at + letter.len_utf8()..).unwrap_or_default();
        if VALUES.contains(&name.as_str()) {
            return Ok(rest.is_empty());
        }
        if !SWITCHES.contains(&name.as_str()) {
            return Err(unknown(&format!("-{letter}")));
        }
        if rest.starts_with('=') {
            return Ok(false);
        }
    }
    Ok(false)
}

fn text(word: &OsStr) -> Result<&str, Failure> {
    word.to_str().ok_or_else(|| Failure::usage("a word of the command line is not UTF-8"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(line: &str) -> Result<Option<usize>, Failure> {
        image_in(&line.split(' ').map(OsString::from).collect::<Vec<_>>())
    }

    #[test]
    fn the_image_is_the_first_word_that_is_no_option() {
        for (line, place) in [
            ("app", 0),
            ("--rm -it app sh -c app", 2),
            ("--name x --env=A=b -e C app", 5),
            ("-itv /a:/b app", 2),
            ("-v/a:/b app", 1),
            ("-d=false app", 1),
            ("--rm=true -- app", 2),
            ("--read-only=true app --entrypoint x", 1),
        ] {
            assert_eq!(image(line).unwrap(), Some(place), "{line}");
        }
        assert_eq!(image("--rm --help app").unwrap(), None);
        assert_eq!(image("--name app").unwrap(), None);
    }

    #[test]
    fn an_option_that_is_not_known_is_refused() {
        for line in [
            "--mount type=image,src=x,dst=/x app",
            "--mount=dst=/x,type=image,src=x app",
            "--brand-new app other",
            "-Z app",
            "-iZ app",
            "--disable-content-trust app",
        ] {
            assert!(image(line).is_err(), "{line}");
        }
    }
}
