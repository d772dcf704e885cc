//! The policy file, and Notary's own pinning section.
//!
//! ```json
//! {
//!   "version": 1,
//!   "default": { "first_use": false },
//!   "names": {
//!     "registry.example/team/*": {
//!       "root": { "keys": ["efa7351c6767e781a8fa3f2c2004e5d152938c5017e410329baabfc33404ef39"] },
//!       "signers": { "at_least": 2, "of": ["alice", "bob", "carol"] },
//!       "fresh": "24h",
//!       "mirrors": ["https://mirror.example:4443"]
//!     },
//!     "registry.example/infra/base": { "root": { "ca": "corp.pem" }, "signers": { "all_of": ["release"] } }
//!   }
//! }
//! ```
//!
//! What a rule does not say holds as in the next broader rule, and at last as in `default`: a rule for one name never takes
//! pins or signers away by not naming them. `first_use` is off unless it is switched on: who writes a policy has decided.
//!
//! Names are exact, or a beginning and `*`. A member that is not known is refused: a misspelled pin must not be no pin.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::Deserialize;

use super::{InvalidPattern, NamePattern, NameRules, SignerRule, TrustPolicy};
use crate::json::{InvalidJson, Value};
use crate::keys::{CertificateAuthorities, InvalidAuthorities};
use crate::names::KeyId;
use crate::verify::RootPins;

/// Largest policy, in bytes.
const MAX_BYTES: usize = 1 << 20;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: u32,
    #[serde(default)]
    default: Rules,
    #[serde(default)]
    names: BTreeMap<String, Rules>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct Rules {
    root: Option<Root>,
    first_use: Option<bool>,
    signers: Option<Signers>,
    fresh: Option<String>,
    mirrors: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Root {
    Keys(BTreeSet<String>),
    Ca(String),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Signers {
    All(All),
    Any(Any),
    AtLeast(AtLeast),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct All {
    all_of: BTreeSet<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Any {
    any_of: BTreeSet<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AtLeast {
    at_least: usize,
    of: BTreeSet<String>,
}

impl TrustPolicy {
    /// Reads a policy file. `read_file` gives the content of a file that the policy names, such as a CA's certificates;
    /// relative names are meant relative to the policy's own folder.
    ///
    /// A name with pins needs no trust on first use.
    ///
    /// # Errors
    /// What is wrong, and in which rule.
    pub fn parse(
        text: &[u8],
        read_file: impl Fn(&str) -> Result<Vec<u8>, std::io::Error>,
    ) -> Result<Self, InvalidPolicy> {
        if text.len() > MAX_BYTES {
            return Err(InvalidPolicy::TooLarge { bytes: text.len() });
        }
        // Refuses repeated names, which serde would let the last one win of.
        Value::parse(text, 16)?;
        let file: File = serde_json::from_slice(text).map_err(|e| InvalidPolicy::Member(e.to_string()))?;
        if file.version != 1 {
            return Err(InvalidPolicy::Version(file.version));
        }
        let nothing = NameRules { first_use: false, ..NameRules::default() };
        let mut policy = Self::default().with_default(rules("default", file.default, &nothing, &read_file)?);
        let mut listed = Vec::new();
        for (name, rules) in file.names {
            listed.push((name.parse::<NamePattern>()?, name, rules));
        }
        listed.sort_by_key(|(pattern, ..)| pattern.weight());
        for (pattern, name, listed) in listed {
            let rules = rules(&name, listed, policy.broader(&pattern), &read_file)?;
            policy = policy.with(pattern, rules);
        }
        Ok(policy)
    }

    /// Reads Notary's `trust_pinning` section, a JSON object: `disable_tofu`, `certs` (name to a list of key ids) and `ca`
    /// (prefix to a PEM file). Unlike Notary, upper and lower case differ in names, and the pins hold for every root.
    ///
    /// # Errors
    /// What is wrong, and in which rule.
    pub fn from_trust_pinning(
        text: &[u8],
        read_file: impl Fn(&str) -> Result<Vec<u8>, std::io::Error>,
    ) -> Result<Self, InvalidPolicy> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Pinning {
            #[serde(default)]
            disable_tofu: bool,
            #[serde(default)]
            certs: BTreeMap<String, BTreeSet<String>>,
            #[serde(default)]
            ca: BTreeMap<String, String>,
        }
        Value::parse(text, 16)?;
        let pinning: Pinning = serde_json::from_slice(text).map_err(|e| InvalidPolicy::Member(e.to_string()))?;
        let base = NameRules { first_use: !pinning.disable_tofu, ..NameRules::default() };
        let mut policy = Self::default().with_default(base.clone());
        // Certificates win over authorities in Notary whatever the length of the prefix, so they come last.
        for (prefix, file) in pinning.ca {
            let pattern = format!("{}*", prefix.trim_end_matches('*')).parse()?;
            let root = Some(Root::Ca(file));
            policy = policy.with(pattern, rules(&prefix, Rules { root, ..Rules::default() }, &base, &read_file)?);
        }
        for (name, ids) in pinning.certs {
            let root = Some(Root::Keys(ids));
            let listed = rules(&name, Rules { root, ..Rules::default() }, &base, &read_file)?;
            policy = policy.with(name.parse()?, listed);
        }
        Ok(policy)
    }
}

fn rules(
    name: &str,
    listed: Rules,
    base: &NameRules,
    read_file: impl Fn(&str) -> Result<Vec<u8>, std::io::Error>,
) -> Result<NameRules, InvalidPolicy> {
    let rule = || name.to_owned();
    let root = match listed.root {
        None => base.root.clone(),
        Some(Root::Keys(ids)) if ids.is_empty() => return Err(InvalidPolicy::NoKeys { rule: rule() }),
        Some(Root::Keys(ids)) => {
            let parse = |id: String| {
                let id = id.to_ascii_lowercase();
                let is_digest = id.len() == 64 && id.bytes().all(|b| b.is_ascii_hexdigit());
                let parsed: Option<KeyId> = if is_digest { id.parse().ok() } else { None };
                parsed.ok_or(InvalidPolicy::KeyId { rule: rule(), id })
            };
            RootPins::Keys(ids.into_iter().map(parse).collect::<Result<_, _>>()?)
        }
        Some(Root::Ca(path)) => {
            let unreadable = |cause: std::io::Error| InvalidPolicy::File {
                rule: rule(),
                path: path.clone(),
                cause: cause.to_string(),
            };
            let text = read_file(&path).map_err(unreadable)?;
            let parsed = CertificateAuthorities::parse(&text);
            RootPins::Authorities(parsed.map_err(|cause| InvalidPolicy::Authorities {
                rule: rule(),
                path: path.clone(),
                cause,
            })?)
        }
    };
    let signers = match listed.signers {
        None => base.signers.clone(),
        Some(Signers::All(All { all_of })) => SignerRule::all_of(all_of),
        Some(Signers::Any(Any { any_of })) => SignerRule::any_of(any_of),
        Some(Signers::AtLeast(AtLeast { at_least, of })) => SignerRule::AtLeast { count: at_least, of },
    };
    if let SignerRule::AtLeast { count, of } = &signers
        && (*count == 0 || *count > of.len())
    {
        return Err(InvalidPolicy::Signers { rule: rule(), count: *count, of: of.len() });
    }
    let fresh = listed.fresh.map(|text| duration(&text).ok_or(InvalidPolicy::Duration { rule: rule(), text }));
    Ok(NameRules {
        root,
        first_use: listed.first_use.unwrap_or(base.first_use),
        signers,
        fresh: fresh.transpose()?.or(base.fresh),
        mirrors: listed.mirrors.unwrap_or_else(|| base.mirrors.clone()),
    })
}

/// `90s`, `15m`, `24h`, `7d`; a bare `0`.
fn duration(text: &str) -> Option<Duration> {
    let unit = text.trim_start_matches(|c: char| c.is_ascii_digit());
    let number: u64 = text.strip_suffix(unit)?.parse().ok()?;
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        "" if number == 0 => 1,
        _ => return None,
    };
    Some(Duration::from_secs(number.checked_mul(seconds)?))
}

/// Why a text is no policy.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidPolicy {
    /// Over 1 MiB.
    #[error("a policy has at most {MAX_BYTES} bytes, this one has {bytes}")]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// Not JSON, or a name is repeated.
    #[error("not readable JSON: {0}")]
    Json(#[from] InvalidJson),
    /// A member is unknown, missing or of the wrong type.
    #[error("{0}")]
    Member(String),
    /// Not a version this code reads.
    #[error("version {0} of the policy format is not known; this program reads version 1")]
    Version(u32),
    /// A rule's name is no name.
    #[error(transparent)]
    Pattern(#[from] InvalidPattern),
    /// An empty list of root keys, which nothing could pass.
    #[error("rule {rule:?}: the list of root keys is empty")]
    NoKeys {
        /// The rule.
        rule: String,
    },
    /// Not a key id.
    #[error("rule {rule:?}: {id:?} is no key id (64 hex digits; `trust inspect` shows them)")]
    KeyId {
        /// The rule.
        rule: String,
        /// The text.
        id: String,
    },
    /// A file that the policy names cannot be read.
    #[error("rule {rule:?}: cannot read {path}: {cause}")]
    File {
        /// The rule.
        rule: String,
        /// The file.
        path: String,
        /// Why.
        cause: String,
    },
    /// A file that the policy names holds no authorities.
    #[error("rule {rule:?}: {path}: {cause}")]
    Authorities {
        /// The rule.
        rule: String,
        /// The file.
        path: String,
        /// Why.
        cause: InvalidAuthorities,
    },
    /// More signers are required than are named, or none.
    #[error("rule {rule:?}: {count} of {of} signers can never be, or means nothing")]
    Signers {
        /// The rule.
        rule: String,
        /// How many.
        count: usize,
        /// Of how many.
        of: usize,
    },
    /// Not a duration.
    #[error("rule {rule:?}: {text:?} is no duration; write 90s, 15m, 24h or 7d")]
    Duration {
        /// The rule.
        rule: String,
        /// The text.
        text: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<TrustPolicy, InvalidPolicy> {
        TrustPolicy::parse(text.as_bytes(), |_| Err(std::io::ErrorKind::NotFound.into()))
    }

    const ID: &str = "efa7351c6767e781a8fa3f2c2004e5d152938c5017e410329baabfc33404ef39";

    #[test]
    fn a_policy_says_what_holds_for_a_name() {
        let text = format!(
            r#"{{"version":1,"default":{{"first_use":false}},"names":{{
              "Reg.example/a*":{{"root":{{"keys":["{ID}"]}},"signers":{{"at_least":2,"of":["x","y","z"]}},"fresh":"24h"}},
              "reg.example/b":{{"first_use":true,"mirrors":["https://m"]}}}}}}"#
        );
        let policy = parse(&text).unwrap();
        let pinned = policy.rules(&"Reg.example/app".parse().unwrap());
        assert!(matches!(&pinned.root, RootPins::Keys(keys) if keys.len() == 1));
        assert!(!pinned.first_use);
        assert_eq!(pinned.fresh, Some(Duration::from_secs(86_400)));
        assert!(policy.rules(&"reg.example/b".parse().unwrap()).first_use);
        assert!(!policy.rules(&"reg.example/app".parse().unwrap()).first_use);
    }

    #[test]
    fn a_narrower_rule_keeps_what_it_does_not_name() {
        let text = format!(
            r#"{{"version":1,"default":{{"fresh":"1h"}},"names":{{
              "reg.example/*":{{"root":{{"keys":["{ID}"]}}}},
              "reg.example/team/*":{{"signers":{{"any_of":["x"]}}}},
              "reg.example/team/app":{{"mirrors":["https://m"]}}}}}}"#
        );
        let policy = parse(&text).unwrap();
        let rules = policy.rules(&"reg.example/team/app".parse().unwrap());
        assert!(!rules.root.is_unpinned());
        assert_eq!(rules.signers, SignerRule::any_of(["x".to_owned()]));
        assert_eq!((rules.fresh, rules.mirrors.len()), (Some(Duration::from_secs(3600)), 1));
        assert!(!policy.rules(&"else.where/app".parse().unwrap()).first_use, "a policy that does not say so");
    }

    #[test]
    fn what_could_quietly_mean_no_pin_is_refused() {
        for text in [
            r#"{"version":2}"#,
            r#"{"version":1,"pins":{}}"#,
            r#"{"version":1,"names":{"a":{"roots":{}}}}"#,
            r#"{"version":1,"names":{"a":{"root":{"keys":[]}}}}"#,
            r#"{"version":1,"names":{"a":{"root":{"keys":["abc"]}}}}"#,
            r#"{"version":1,"names":{"a":{"root":{"ca":"missing.pem"}}}}"#,
            r#"{"version":1,"names":{"a":{"signers":{"all_of":[]}}}}"#,
            r#"{"version":1,"names":{"a":{"signers":{"at_least":3,"of":["x"]}}}}"#,
            r#"{"version":1,"names":{"a":{"fresh":"soon"}}}"#,
            r#"{"version":1,"names":{"a*b":{}}}"#,
            r#"{"version":1,"names":{"a":{"first_use":true},"a":{"first_use":false}}}"#,
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn notarys_pinning_is_read_with_names_as_they_are_written() {
        let text = format!(r#"{{"disable_tofu":true,"certs":{{"Example.com/App":["{ID}"]}}}}"#);
        let read =
            |text: &str| TrustPolicy::from_trust_pinning(text.as_bytes(), |_| Err(std::io::ErrorKind::NotFound.into()));
        let policy = read(&text).unwrap();
        assert!(!policy.rules(&"Example.com/App".parse().unwrap()).root.is_unpinned());
        assert!(policy.rules(&"example.com/app".parse().unwrap()).root.is_unpinned());
        assert!(!policy.rules(&"example.com/app".parse().unwrap()).first_use);
        assert!(read(r#"{"certs":{"a":"not a list"}}"#).is_err());
    }
}
