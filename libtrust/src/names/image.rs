//! Image references as people type them, and what they stand for.

use std::fmt;
use std::str::FromStr;

use super::image_digest::is_lower_hex;
use super::{Gun, ImageDigest, InvalidImageReference};

/// The registry that a name without one means.
const DEFAULT_REGISTRY: &str = "docker.io";
/// Its old name; the same registry.
const OLD_DEFAULT_REGISTRY: &str = "index.docker.io";
/// Where the default registry keeps images without an owner.
const OFFICIAL: &str = "library/";

/// A reference to an image: registry, repository, and a tag, a digest, both or neither.
///
/// Read as Docker reads it: `alpine` is `docker.io/library/alpine`, the first part is a registry if it has a dot, a colon or
/// a capital, or is `localhost`. A missing tag stays missing: whether that means `latest` is for the caller to say.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ImageReference {
    gun: Gun,
    /// Where the path begins in the name.
    path: usize,
    tag: Option<String>,
    digest: Option<ImageDigest>,
}

impl ImageReference {
    /// The longest text that is read, in bytes: a name, a tag and the longest digest.
    pub const MAX_BYTES: usize = Gun::MAX_BYTES + MAX_TAG + 160;

    /// The registry's host, with its port if it has one: `docker.io`, `reg.example:5000`.
    #[must_use]
    pub fn registry(&self) -> &str {
        self.gun.as_str().get(..self.path.saturating_sub(1)).unwrap_or_default()
    }

    /// The repository below the registry: `library/alpine`.
    #[must_use]
    pub fn path(&self) -> &str {
        self.gun.as_str().get(self.path..).unwrap_or_default()
    }

    /// The collection that image's tags are signed in: registry and path.
    #[must_use]
    pub const fn gun(&self) -> &Gun {
        &self.gun
    }

    /// The tag, if there is one.
    #[must_use]
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// The digest, if there is one.
    #[must_use]
    pub const fn digest(&self) -> Option<&ImageDigest> {
        self.digest.as_ref()
    }

    /// The same repository with this tag and without digest.
    ///
    /// # Errors
    /// If it is not a tag.
    pub fn with_tag(&self, tag: &str) -> Result<Self, InvalidImageReference> {
        Ok(Self { tag: Some(parse_tag(tag)?), digest: None, ..self.clone() })
    }

    /// The same reference pinned to this digest; a tag stays, for people.
    #[must_use]
    pub fn with_digest(&self, digest: ImageDigest) -> Self {
        Self { digest: Some(digest), ..self.clone() }
    }

    /// As people write it: without what is understood, `alpine:3.20`.
    #[must_use]
    pub const fn familiar(&self) -> Familiar<'_> {
        Familiar(self)
    }

    fn write_end(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        self.digest.as_ref().map_or(Ok(()), |digest| write!(f, "@{digest}"))
    }
}

/// The whole of it: `docker.io/library/alpine:3.20`.
impl fmt::Display for ImageReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.gun.as_str())?;
        self.write_end(f)
    }
}

/// A reference as people write it. Made by [`ImageReference::familiar`].
#[derive(Debug, Clone, Copy)]
pub struct Familiar<'a>(&'a ImageReference);

impl fmt::Display for Familiar<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, path) = (self.0.gun.as_str(), self.0.path());
        let is_default = self.0.registry() == DEFAULT_REGISTRY;
        // A shorter form that would be read as something else is none.
        let short =
            [path.strip_prefix(OFFICIAL).filter(|rest| !rest.contains('/')), path.contains('/').then_some(path)];
        let short = short.into_iter().flatten().find(|name| split_registry(name).1 == *name && !is_id(name));
        f.write_str(short.filter(|_| is_default).unwrap_or(whole))?;
        self.0.write_end(f)
    }
}

impl FromStr for ImageReference {
    type Err = InvalidImageReference;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.is_empty() {
            return Err(InvalidImageReference::Empty);
        }
        if text.len() > Self::MAX_BYTES {
            return Err(InvalidImageReference::TooLong { bytes: text.len(), most: Self::MAX_BYTES });
        }
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest.parse()?)),
            None => (text, None),
        };
        // A colon before the last slash belongs to the registry's port.
        let (name, tag) = match rest.rsplit_once(':') {
            Some((name, tag)) if !tag.contains('/') => (name, Some(parse_tag(tag)?)),
            _ => (rest, None),
        };
        if is_id(name) {
            return Err(InvalidImageReference::Id { id: name.to_owned() });
        }
        let (registry, path) = split_registry(name);
        if !is_registry(registry) {
            return Err(InvalidImageReference::Registry { found: registry.to_owned() });
        }
        let official = if registry == DEFAULT_REGISTRY && !path.contains('/') { OFFICIAL } else { "" };
        if !path.split('/').all(is_path_part) {
            return Err(InvalidImageReference::Path { found: path.to_owned() });
        }
        let whole = format!("{registry}/{official}{path}");
        let too_long = InvalidImageReference::TooLong { bytes: whole.len(), most: Gun::MAX_BYTES };
        Ok(Self { gun: whole.parse().map_err(|_| too_long)?, path: registry.len() + 1, tag, digest })
    }
}

/// The registry and the rest of a name, the default registry spelled out.
fn split_registry(name: &str) -> (&str, &str) {
    match name.split_once('/') {
        Some((OLD_DEFAULT_REGISTRY, rest)) => (DEFAULT_REGISTRY, rest),
        Some((first, rest)) if looks_like_a_registry(first) => (first, rest),
        _ => (DEFAULT_REGISTRY, name),
    }
}

fn looks_like_a_registry(first: &str) -> bool {
    first == "localhost" || first.contains(['.', ':']) || first.bytes().any(|byte| byte.is_ascii_uppercase())
}

impl Gun {
    /// The registry whose image this collection is about, with its port: `docker.io`. `None` if the name does not begin with
    /// one.
    #[must_use]
    pub fn registry(&self) -> Option<&str> {
        let (first, _) = self.as_str().split_once('/')?;
        (looks_like_a_registry(first) && is_registry(first)).then_some(first)
    }
}

/// A host name, an IPv4 address, or an IPv6 address in brackets; perhaps with a port.
fn is_registry(text: &str) -> bool {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let Some((address, port)) = rest.split_once(']') else { return false };
            let port = match port.strip_prefix(':') {
                Some(port) => Some(port),
                None if port.is_empty() => None,
                None => return false,
            };
            if address.parse::<std::net::Ipv6Addr>().is_err() {
                return false;
            }
            ("v6", port)
        }
        None => text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port))),
    };
    let label = |label: &str| {
        let inside = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        !label.is_empty() && !label.starts_with('-') && !label.ends_with('-') && label.bytes().all(inside)
    };
    host.split('.').all(label)
        && port.is_none_or(|port| port.len() <= 5 && port.parse::<u16>().is_ok_and(|port| port > 0))
}

/// Letters and digits, held together by one dot, one or two underscores, or any number of dashes.
fn is_path_part(part: &str) -> bool {
    let alphanumeric = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let mut rest = part.as_bytes();
    loop {
        let word = rest.iter().take_while(|byte| alphanumeric(**byte)).count();
        let after = rest.get(word..).unwrap_or_default();
        let joint = after.iter().take_while(|byte| !alphanumeric(**byte)).count();
        let (joint, next) = after.split_at(joint);
        match joint {
            _ if word == 0 => return false,
            [] => return true,
            b"." | b"_" | b"__" => {}
            dashes if dashes.iter().all(|byte| *byte == b'-') => {}
            _ => return false,
        }
        rest = next;
    }
}

/// The longest tag, in bytes.
pub(super) const MAX_TAG: usize = 128;

fn parse_tag(tag: &str) -> Result<String, InvalidImageReference> {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let first = tag.bytes().next().is_some_and(word);
    if first && tag.len() <= MAX_TAG && tag.bytes().all(|byte| word(byte) || byte == b'.' || byte == b'-') {
        return Ok(tag.to_owned());
    }
    Err(InvalidImageReference::Tag { found: tag.chars().take(MAX_TAG + 1).collect() })
}

/// How engines print the ids of images.
fn is_id(name: &str) -> bool {
    name.len() == 64 && name.bytes().all(is_lower_hex)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> ImageReference {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn names_are_completed_as_docker_completes_them() {
        for (text, registry, path, tag) in [
            ("alpine", "docker.io", "library/alpine", None),
            ("alpine:3.20", "docker.io", "library/alpine", Some("3.20")),
            ("me/app", "docker.io", "me/app", None),
            ("docker.io/alpine", "docker.io", "library/alpine", None),
            ("index.docker.io/alpine", "docker.io", "library/alpine", None),
            ("index.docker.io/me/app", "docker.io", "me/app", None),
            ("docker.io/library/alpine:latest", "docker.io", "library/alpine", Some("latest")),
            ("reg.example:5000/team/app:v1", "reg.example:5000", "team/app", Some("v1")),
            ("reg.example:5000/app", "reg.example:5000", "app", None),
            ("localhost/app", "localhost", "app", None),
            ("localhost:5000/app", "localhost:5000", "app", None),
            ("127.0.0.1:5000/a/b/c", "127.0.0.1:5000", "a/b/c", None),
            ("[::1]:5000/app:x", "[::1]:5000", "app", Some("x")),
            ("[2001:db8::1]/app", "[2001:db8::1]", "app", None),
            ("HOST/app", "HOST", "app", None),
            ("host/app", "docker.io", "host/app", None),
            ("a.b/c", "a.b", "c", None),
            ("app:5000", "docker.io", "library/app", Some("5000")),
        ] {
            let image = parsed(text);
            assert_eq!((image.registry(), image.path(), image.tag()), (registry, path, tag), "{text}");
            assert_eq!(image.gun().as_str(), format!("{registry}/{path}"));
            assert_eq!(image.gun().registry(), Some(registry));
        }
    }

    #[test]
    fn a_digest_stands_alone_or_beside_a_tag() {
        let digest = format!("sha256:{}", "ab".repeat(32));
        let image = parsed(&format!("reg.example/app:v1@{digest}"));
        assert_eq!((image.tag(), image.digest().unwrap().as_str()), (Some("v1"), digest.as_str()));
        assert_eq!(image.to_string(), format!("reg.example/app:v1@{digest}"));
        let image = parsed(&format!("alpine@{digest}"));
        assert_eq!((image.tag(), image.digest().unwrap().hex()), (None, "ab".repeat(32).as_str()));
        assert_eq!(image.familiar().to_string(), format!("alpine@{digest}"));
        assert!(parsed(&format!("alpine@sha512:{}", "ab".repeat(64))).digest().is_some());
    }

    #[test]
    fn familiar_names_leave_out_what_is_understood() {
        for (text, familiar) in [
            ("docker.io/library/alpine:3", "alpine:3"),
            ("docker.io/me/app", "me/app"),
            ("docker.io/library/a/b", "library/a/b"),
            ("docker.io/localhost/a", "docker.io/localhost/a"),
            ("docker.io/a.b/c", "docker.io/a.b/c"),
            ("reg.example/library/alpine", "reg.example/library/alpine"),
        ] {
            assert_eq!(parsed(text).familiar().to_string(), familiar);
            assert_eq!(parsed(familiar), parsed(text));
        }
    }

    #[test]
    fn tag_and_digest_can_be_exchanged() {
        let image = parsed("alpine:3");
        assert_eq!(image.with_tag("edge").unwrap().to_string(), "docker.io/library/alpine:edge");
        assert!(image.with_tag("no tag").is_err());
        let digest = ImageDigest::of(b"");
        assert_eq!(digest.hex(), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        assert!(digest.is_of(b"") && !digest.is_of(b"x"));
        assert_eq!(image.with_digest(digest.clone()).to_string(), format!("docker.io/library/alpine:3@{digest}"));
    }

    #[test]
    fn what_no_registry_takes_is_refused() {
        use InvalidImageReference as No;
        let hex = "a".repeat(64);
        for (text, expected) in [
            ("Alpine", No::Path { found: "Alpine".into() }),
            ("reg.example/Team/app", No::Path { found: "Team/app".into() }),
            ("a//b", No::Path { found: "a//b".into() }),
            ("reg.example/", No::Path { found: String::new() }),
            ("reg.example/..", No::Path { found: "..".into() }),
            ("reg.example/a/../b", No::Path { found: "a/../b".into() }),
            ("a___b", No::Path { found: "a___b".into() }),
            ("a..b", No::Path { found: "a..b".into() }),
            ("a-", No::Path { found: "a-".into() }),
            ("_a", No::Path { found: "_a".into() }),
            ("a b", No::Path { found: "a b".into() }),
            ("a%2fb", No::Path { found: "a%2fb".into() }),
            ("é", No::Path { found: "é".into() }),
            ("https://reg.example/app", No::Registry { found: "https:".into() }),
            ("reg.example:/app", No::Registry { found: "reg.example:".into() }),
            ("reg.example:70000/app", No::Registry { found: "reg.example:70000".into() }),
            ("reg..example/app", No::Registry { found: "reg..example".into() }),
            ("-reg.example/app", No::Registry { found: "-reg.example".into() }),
            ("user:pass@reg.example/app", No::Digest { found: "reg.example/app".into() }),
            ("[::1/app", No::Registry { found: "[::1".into() }),
            ("[::g]:1/app", No::Registry { found: "[::g]:1".into() }),
            ("app:", No::Tag { found: String::new() }),
            ("app:-x", No::Tag { found: "-x".into() }),
            ("app@sha256:ab", No::Digest { found: "sha256:ab".into() }),
            ("app@md5:00", No::Digest { found: "md5:00".into() }),
            (&hex, No::Id { id: hex.clone() }),
            ("", No::Empty),
        ] {
            assert_eq!(text.parse::<ImageReference>(), Err(expected), "{text:?}");
        }
        let upper = format!("app@sha256:{}", "AB".repeat(32));
        assert!(matches!(upper.parse::<ImageReference>(), Err(No::Digest { .. })));
    }

    #[test]
    fn lengths_are_bounded() {
        let name = |length: usize| format!("reg.example/{}", "a".repeat(length - 12));
        assert!(name(255).parse::<ImageReference>().is_ok());
        assert!(matches!(name(256).parse::<ImageReference>(), Err(InvalidImageReference::TooLong { bytes: 256, .. })));
        assert!(format!("a:{}", "t".repeat(128)).parse::<ImageReference>().is_ok());
        assert!(format!("a:{}", "t".repeat(129)).parse::<ImageReference>().is_err());
        // Completing a name can make it too long.
        assert!("a".repeat(240).parse::<ImageReference>().is_err());
    }

    #[test]
    fn a_collection_that_is_no_image_has_no_registry() {
        for (gun, registry) in
            [("docker.io/library/alpine", Some("docker.io")), ("a/b", None), ("plain", None), ("a..b/c", None)]
        {
            assert_eq!(gun.parse::<Gun>().unwrap().registry(), registry);
        }
    }
}
