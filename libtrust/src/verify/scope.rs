//! Which target names a delegation speaks for. The only place that says so for patterns and hash prefixes.

use ring::digest::{SHA256, digest};

use crate::dialect::{Dialect, PathRule};
use crate::metadata::{Delegation, Delegations};
use crate::names::DelegationName;

/// A target name somebody looks for, with what delegations are asked about it.
#[derive(Debug, Clone)]
pub struct TargetName {
    path: String,
    sha256: String,
}

impl TargetName {
    /// A target name, exactly as metadata spells it.
    #[must_use]
    pub fn new(path: &str) -> Self {
        Self { path: path.to_owned(), sha256: hex::encode(digest(&SHA256, path.as_bytes())) }
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.path
    }

    /// The lower-case hex SHA-256 of the name.
    #[must_use]
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// The roles of a file that speak for this name, in order, each with whether roles behind it are not asked. A hash
    /// bin is terminating, as for the reference client.
    pub fn delegates<'d>(
        &'d self,
        dialect: Dialect,
        delegations: &'d Delegations,
    ) -> impl Iterator<Item = (DelegationName, bool)> + 'd {
        let bin = delegations.succinct.iter().filter_map(|bins| Some((bins.role_for(&self.path).ok()?, true)));
        let roles = delegations.roles.iter().filter(move |role| self.is_in(dialect, role));
        bin.chain(roles.map(|role| (role.name.clone(), role.terminating)))
    }

    /// Whether a delegation speaks for this name.
    #[must_use]
    pub fn is_in(&self, dialect: Dialect, delegation: &Delegation) -> bool {
        match (&delegation.hash_prefixes, dialect.rules().paths) {
            // As text: digests are lower-case hex, so a prefix in upper case matches nothing.
            (Some(prefixes), _) => prefixes.iter().any(|prefix| self.sha256.starts_with(prefix.as_str())),
            (None, PathRule::Prefixes) => delegation.paths.iter().any(|prefix| self.path.starts_with(prefix)),
            (None, PathRule::Patterns) => delegation.paths.iter().any(|pattern| matches(pattern, &self.path)),
        }
    }
}

/// The longest pattern that is looked at, in bytes, as long as the longest path: one that is longer matches nothing.
const MAX_PATTERN_BYTES: usize = 4096;

/// Whether a shell pattern matches a whole path, part by part between slashes, so that nothing matches a slash.
fn matches(pattern: &str, path: &str) -> bool {
    if pattern.len() > MAX_PATTERN_BYTES {
        return false;
    }
    let parts = |text: &str| text.bytes().filter(|byte| *byte == b'/').count();
    parts(pattern) == parts(path)
        && pattern.split('/').zip(path.split('/')).all(|(pattern, part)| part_matches(pattern, part))
}

/// One part, in time proportional to the product of the lengths: of several stars only the last is ever tried again.
fn part_matches(pattern: &str, part: &str) -> bool {
    let pattern = glob(pattern);
    let text: Vec<char> = part.chars().collect();
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while let Some(character) = text.get(t) {
        match pattern.get(p) {
            Some(Glob::Star) => {
                star = Some((p, t));
                p += 1;
            }
            Some(glob) if glob.matches(*character) => {
                p += 1;
                t += 1;
            }
            _ => match &mut star {
                Some((at, tried)) => {
                    *tried += 1;
                    (p, t) = (*at + 1, *tried);
                }
                None => return false,
            },
        }
    }
    pattern.get(p..).unwrap_or_default().iter().all(|rest| matches!(rest, Glob::Star))
}

enum Glob {
    /// Any run of characters, also none.
    Star,
    /// One character.
    Any,
    /// This character.
    One(char),
    /// A character of these ranges; of none of them if negated.
    Set { negated: bool, ranges: Vec<(char, char)> },
}

impl Glob {
    fn matches(&self, character: char) -> bool {
        match self {
            Self::Star => false,
            Self::Any => true,
            Self::One(one) => *one == character,
            Self::Set { negated, ranges } => {
                ranges.iter().any(|(first, last)| (*first..=*last).contains(&character)) != *negated
            }
        }
    }
}

/// Reads a pattern as the reference client's language does (`fnmatch`): a backslash or brace is itself, `[` without its
/// `]` is itself, a `]` that comes first in a set belongs to it.
fn glob(pattern: &str) -> Vec<Glob> {
    let mut globs = Vec::new();
    let mut rest = pattern;
    // Looked for once: behind the last one every `[` is itself.
    let mut sets_end = pattern.rfind(']').map(|last| pattern.len() - last);
    while let Some(first) = rest.chars().next() {
        rest = rest.get(first.len_utf8()..).unwrap_or_default();
        globs.push(match first {
            '*' => Glob::Star,
            '?' => Glob::Any,
            '[' => match sets_end.filter(|end| rest.len() >= *end).and_then(|_| set(rest)) {
                Some((set, behind)) => {
                    rest = behind;
                    set
                }
                None => {
                    sets_end = sets_end.filter(|end| rest.len() >= *end);
                    Glob::One('[')
                }
            },
            other => Glob::One(other),
        });
    }
    globs
}

/// The set that begins here, and what is behind its `]`.
fn set(text: &str) -> Option<(Glob, &str)> {
    let (negated, body) = text.strip_prefix('!').map_or((false, text), |body| (true, body));
    let from = usize::from(body.starts_with(']'));
    let end = from + body.get(from..)?.find(']')?;
    let (members, behind) = (body.get(..end)?, body.get(end + 1..)?);
    let members: Vec<char> = members.chars().collect();
    let mut ranges = Vec::new();
    let mut at = 0;
    while let Some(first) = members.get(at) {
        match (members.get(at + 1), members.get(at + 2)) {
            (Some('-'), Some(last)) => {
                ranges.push((*first, *last));
                at += 3;
            }
            _ => {
                ranges.push((*first, *first));
                at += 1;
            }
        }
    }
    Some((Glob::Set { negated, ranges }, behind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_part_by_part() {
        for (pattern, path) in [
            ("*", "a"),
            ("*", ".hidden"),
            ("*.tgz", "foo.tgz"),
            ("foo/*.tgz", "foo/bar.tgz"),
            ("a?c", "abc"),
            ("a?c", "aéc"),
            ("[ab]x", "bx"),
            ("[a-c]x", "bx"),
            ("[!a-c]x", "dx"),
            ("[]a]", "]"),
            ("[!]a]", "b"),
            ("[a-]", "-"),
            ("a[", "a["),
            ("*a*b*", "xxaybz"),
            ("", ""),
            ("{a,b}", "{a,b}"),
            (r"\*", r"\anything"),
            ("**", "ab"),
            ("/a", "/a"),
        ] {
            assert!(matches(pattern, path), "{pattern} {path}");
        }
        for (pattern, path) in [
            ("*", "a/b"),
            ("**", "a/b"),
            ("a?c", "a/c"),
            ("a[/]c", "a/c"),
            ("foo/*", "foo/bar/baz"),
            ("foo/*", "FOO/bar"),
            ("[!a]", "a"),
            ("[c-a]", "b"),
            ("*.tgz", "foo.tgz.exe"),
            ("{a,b}", "a"),
            (r"\*", "*"),
            ("", "a"),
            ("a", ""),
            ("./a", "a"),
            ("a//b", "a/b"),
            ("a", "a/"),
        ] {
            assert!(!matches(pattern, path), "{pattern} {path}");
        }
    }

    #[test]
    fn many_stars_cost_little() {
        let pattern = "*a".repeat(2_000);
        let path = "a".repeat(1_999);
        assert!(!matches(&pattern, &path));
        assert!(!matches(&"[".repeat(1 << 22), &path));
        assert!(matches(&"[".repeat(4_000), &"[".repeat(4_000)));
        assert!(!matches(&"*".repeat(4_097), "a"));
    }
}
