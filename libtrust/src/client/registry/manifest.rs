//! What registries serve for an image: a manifest, or an index of one for each platform.

use std::fmt;

use serde::Deserialize;

use crate::names::ImageDigest;

/// The kinds that are asked for: what Docker and OCI tools push today, indexes first.
pub(super) const ACCEPT: &str = "application/vnd.oci.image.index.v1+json, \
    application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.oci.image.manifest.v1+json, \
    application/vnd.docker.distribution.manifest.v2+json";

/// The kinds that list manifests.
const INDEXES: [&str; 2] =
    ["application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json"];

/// Most manifests of one index. Real ones have a few dozen.
const MAX_PLATFORMS: usize = 4096;

/// What identifies a manifest: this is what is signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Descriptor {
    /// Its digest.
    pub digest: ImageDigest,
    /// Its length in bytes.
    pub size: u64,
    /// Its kind, without parameters: `application/vnd.oci.image.index.v1+json`.
    pub media_type: String,
}

impl Descriptor {
    /// True if it lists the manifests of several platforms.
    #[must_use]
    pub fn is_index(&self) -> bool {
        INDEXES.contains(&self.media_type.as_str())
    }
}

/// A manifest, its bytes exactly as they were served; they have the digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// What identifies it.
    pub descriptor: Descriptor,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// One platform's manifest in an index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlatformManifest {
    /// The platform; `None` for what is for none, as attestations are.
    pub platform: Option<Platform>,
    /// What identifies it.
    pub descriptor: Descriptor,
}

/// What a manifest's image runs on. Prints as `linux/arm64/v8`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Deserialize)]
pub struct Platform {
    /// The operating system: `linux`.
    #[serde(default)]
    pub os: String,
    /// The processor: `amd64`.
    #[serde(default)]
    pub architecture: String,
    /// The processor's variant, if it matters: `v8`.
    #[serde(default)]
    pub variant: Option<String>,
    /// The operating system's version, if it matters, as for Windows.
    #[serde(default, rename = "os.version")]
    pub os_version: Option<String>,
}

impl Platform {
    fn is_known(&self) -> bool {
        // Build tools mark attestations so.
        let named = |text: &str| !text.is_empty() && text != "unknown";
        named(&self.os) && named(&self.architecture)
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        match &self.variant {
            Some(variant) if !variant.is_empty() => write!(f, "/{variant}"),
            _ => Ok(()),
        }
    }
}

#[derive(Deserialize)]
struct Index {
    manifests: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    digest: String,
    size: u64,
    #[serde(rename = "mediaType", default)]
    media_type: String,
    #[serde(default)]
    platform: Option<Platform>,
}

#[derive(Deserialize)]
struct Kind {
    #[serde(rename = "mediaType", default)]
    media_type: String,
}

impl Manifest {
    /// The manifests it lists, in its order; none if it is no index.
    ///
    /// # Errors
    /// What is wrong with the index, in words.
    pub fn platforms(&self) -> Result<Vec<PlatformManifest>, String> {
        if !self.descriptor.is_index() {
            return Ok(Vec::new());
        }
        let index: Index = serde_json::from_slice(&self.bytes).map_err(|error| format!("not an index: {error}"))?;
        if index.manifests.len() > MAX_PLATFORMS {
            return Err(format!("an index of more than {MAX_PLATFORMS} manifests"));
        }
        index.manifests.into_iter().map(PlatformManifest::read).collect()
    }
}

impl PlatformManifest {
    fn read(entry: Entry) -> Result<Self, String> {
        let digest = entry.digest.parse().map_err(|error| format!("in the index: {error}"))?;
        let descriptor = Descriptor { digest, size: entry.size, media_type: entry.media_type };
        Ok(Self { platform: entry.platform.filter(Platform::is_known), descriptor })
    }
}

/// The kind a manifest says it is, if it does.
pub(super) fn stated_kind(bytes: &[u8]) -> Option<String> {
    serde_json::from_slice::<Kind>(bytes).ok().map(|kind| kind.media_type).filter(|kind| !kind.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(media_type: &str, json: &str) -> Manifest {
        let bytes = json.as_bytes().to_vec();
        let descriptor =
            Descriptor { digest: ImageDigest::of(&bytes), size: bytes.len() as u64, media_type: media_type.to_owned() };
        Manifest { descriptor, bytes }
    }

    #[test]
    fn an_index_lists_its_platforms() {
        let digest = ImageDigest::of(b"x");
        let index = manifest(
            INDEXES[0],
            &format!(
                r#"{{"schemaVersion":2,"manifests":[
                    {{"mediaType":"m","digest":"{digest}","size":5,"platform":{{"os":"linux","architecture":"arm64","variant":"v8"}}}},
                    {{"mediaType":"m","digest":"{digest}","size":6,"platform":{{"os":"windows","architecture":"amd64","os.version":"10.0"}}}},
                    {{"mediaType":"m","digest":"{digest}","size":7,"platform":{{"os":"unknown","architecture":"unknown"}}}},
                    {{"mediaType":"m","digest":"{digest}","size":8}}]}}"#
            ),
        );
        let platforms = index.platforms().unwrap();
        let shown: Vec<_> = platforms.iter().map(|found| found.platform.as_ref().map(ToString::to_string)).collect();
        assert_eq!(shown, [Some("linux/arm64/v8".to_owned()), Some("windows/amd64".to_owned()), None, None]);
        assert_eq!(platforms[2].descriptor.size, 7);
    }

    #[test]
    fn a_manifest_of_one_platform_lists_none() {
        let one = manifest("application/vnd.oci.image.manifest.v1+json", r#"{"manifests":[1]}"#);
        assert_eq!(one.platforms(), Ok(Vec::new()));
    }

    #[test]
    fn an_index_that_names_no_digests_is_refused() {
        for json in ["{}", "[]", r#"{"manifests":[{"digest":"md5:0","size":1}]}"#, r#"{"manifests":[{"size":1}]}"#] {
            assert!(manifest(INDEXES[1], json).platforms().is_err(), "{json}");
        }
    }
}
