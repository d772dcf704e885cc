//! Trust policy: what a reader has decided about names before any server is asked.
//!
//! Which root keys, certificates or authorities may speak for a name; whether the first root seen may be trusted; who must
//! have signed an image; how long a server may be silent; which mirrors to ask. Rules go by name: an exact name wins
//! over a prefix, a longer prefix over a shorter one, `default` is for all other names.

mod file;
mod pattern;
mod signers;

use std::time::Duration;

pub use file::InvalidPolicy;
pub use pattern::{InvalidPattern, NamePattern};
pub use signers::{MissingSigners, SignerRule};

use crate::names::Gun;
use crate::verify::RootPins;

/// The rules of one reader.
#[derive(Debug, Clone, Default)]
pub struct TrustPolicy {
    rules: Vec<(NamePattern, NameRules)>,
    default: NameRules,
}

/// What holds for the names of one rule.
#[derive(Debug, Clone)]
pub struct NameRules {
    /// Which root keys may speak.
    pub root: RootPins,
    /// Whether the first root seen may be trusted where nothing is pinned. Pinned names need no such trust.
    pub first_use: bool,
    /// Who must have signed an image.
    pub signers: SignerRule,
    /// How long ago the server must at most have confirmed the collection; nothing: as long as the timestamp is valid.
    pub fresh: Option<Duration>,
    /// Addresses of servers that have copies, asked in order when the first is away.
    pub mirrors: Vec<String>,
}

impl Default for NameRules {
    fn default() -> Self {
        Self {
            root: RootPins::Unpinned,
            first_use: true,
            signers: SignerRule::Anyone,
            fresh: None,
            mirrors: Vec::new(),
        }
    }
}

impl TrustPolicy {
    /// No rules: whoever is seen first is trusted, as Docker does. See [`TrustPolicy::without_first_use`].
    #[must_use]
    pub fn trust_on_first_use() -> Self {
        Self::default()
    }

    /// Sets what holds for names no other rule is for.
    #[must_use]
    pub fn with_default(self, default: NameRules) -> Self {
        Self { default, ..self }
    }

    /// Adds a rule; one for the same pattern is replaced.
    #[must_use]
    pub fn with(mut self, pattern: NamePattern, rules: NameRules) -> Self {
        self.rules.retain(|(known, _)| *known != pattern);
        self.rules.push((pattern, rules));
        self
    }

    /// The same rules, and no root is trusted only because it is the first one seen.
    #[must_use]
    pub fn without_first_use(mut self) -> Self {
        self.default.first_use = false;
        self.rules.iter_mut().for_each(|(_, rules)| rules.first_use = false);
        self
    }

    /// The rules for a name.
    #[must_use]
    pub fn rules(&self, gun: &Gun) -> &NameRules {
        self.matching(gun).map_or(&self.default, |(_, rules)| rules)
    }

    /// The pattern whose rules hold for a name; nothing if the default does.
    #[must_use]
    pub fn pattern(&self, gun: &Gun) -> Option<&NamePattern> {
        self.matching(gun).map(|(pattern, _)| pattern)
    }

    /// The rules for names that no pattern matches.
    #[must_use]
    pub const fn default_rules(&self) -> &NameRules {
        &self.default
    }

    /// Every rule but the default.
    pub fn patterns(&self) -> impl Iterator<Item = (&NamePattern, &NameRules)> {
        self.rules.iter().map(|(pattern, rules)| (pattern, rules))
    }

    /// The rules for every name that a pattern is for, before it has rules of its own.
    fn broader(&self, pattern: &NamePattern) -> &NameRules {
        let broader = self.rules.iter().filter(|(known, _)| known.covers(pattern));
        broader.max_by_key(|(known, _)| known.weight()).map_or(&self.default, |(_, rules)| rules)
    }

    fn matching(&self, gun: &Gun) -> Option<&(NamePattern, NameRules)> {
        self.rules.iter().filter(|(pattern, _)| pattern.matches(gun)).max_by_key(|(pattern, _)| pattern.weight())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_exact_rule_is_the_one_that_holds() {
        let rule = |mirror: &str| NameRules { mirrors: vec![mirror.to_owned()], ..NameRules::default() };
        let policy = ["example.com/*", "example.com/team/*", "example.com/team/app", "example.com/team/app*"]
            .into_iter()
            .fold(TrustPolicy::default(), |policy, pattern| policy.with(pattern.parse().unwrap(), rule(pattern)));
        for (name, expected) in [
            ("example.com/other", Some("example.com/*")),
            ("example.com/team/other", Some("example.com/team/*")),
            ("example.com/team/app", Some("example.com/team/app")),
            ("example.com/team/apple", Some("example.com/team/app*")),
            ("Example.com/team/app", None),
            ("else.where/app", None),
        ] {
            let found = policy.rules(&name.parse().unwrap()).mirrors.first().map(String::as_str);
            assert_eq!(found, expected, "{name}");
        }
    }

    #[test]
    fn first_use_can_be_switched_off_for_every_rule() {
        let policy = TrustPolicy::default().with("a*".parse().unwrap(), NameRules::default()).without_first_use();
        assert!(!policy.rules(&"a".parse().unwrap()).first_use);
        assert!(!policy.rules(&"b".parse().unwrap()).first_use);
        assert!(!policy.default_rules().first_use);
    }
}
