//! Collections as people name them: an image's repository, or a name as Notary's users have them.

use std::fmt;
use std::str::FromStr;

use libtrust::names::{Gun, ImageReference};

/// The name of a collection. What reads as an image is one (`alpine` is `docker.io/library/alpine`); anything else is taken
/// as it is, unless it would leave the trust folder.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct CollectionName(pub Gun);

impl FromStr for CollectionName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.parse::<ImageReference>() {
            Ok(image) if image.tag().is_none() && image.digest().is_none() => return Ok(Self(image.gun().clone())),
            Ok(image) => return Err(format!("a whole repository is meant, without tag or digest: {}", image.gun())),
            Err(_) => {}
        }
        if text.split('/').any(|segment| matches!(segment, "" | "." | "..")) || text.contains('\\') {
            return Err("it cannot name a collection: empty, `.` and `..` segments are refused".to_owned());
        }
        text.parse().map(Self).map_err(|why| format!("{why}"))
    }
}

impl fmt::Display for CollectionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_and_other_names_are_read_and_none_leaves_the_folder() {
        let read = |text: &str| text.parse::<CollectionName>().map(|name| name.to_string());
        assert_eq!(read("alpine").unwrap(), "docker.io/library/alpine");
        assert_eq!(read("reg.example:5000/team/app").unwrap(), "reg.example:5000/team/app");
        assert_eq!(read("example.com/Collection Of Mine").unwrap(), "example.com/Collection Of Mine");
        for wrong in ["", "../../x", "a/../../b", "/etc", "a//b", "a/./b", r"..\x", "reg.example/app:1", "x\n"] {
            assert!(read(wrong).is_err(), "{wrong:?}");
        }
    }
}
