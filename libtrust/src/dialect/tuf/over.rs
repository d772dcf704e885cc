//! Writing a file anew without losing what we do not know.
//!
//! A file may say more than the role model holds: members of later versions of the specification, of other programs, of
//! the application. An edit must not drop them. So what is written is laid over what was read: known members are as the
//! model has them, others stay where what they belong to stays.

use std::collections::BTreeMap;

use super::key;
use crate::dialect::reader::At;
use crate::json::Value;

/// What the members of an object are.
#[derive(Clone, Copy)]
enum Shape {
    /// These are known; others are somebody else's and stay.
    Known(&'static [(&'static str, Shape)]),
    /// All are ours: what is not written is gone. Those that stay are of this shape.
    All(&'static Shape),
    /// Objects that their member `name` tells apart, each of this shape.
    Named(&'static Shape),
    /// A key: as it was read, if that is the same key. Ids are opaque, so the same id alone says nothing.
    Key,
    /// Digests of a file by algorithm.
    Digests,
    /// As written.
    Leaf,
}

const FILE_META: Shape = Shape::Known(&[("version", Shape::Leaf), ("length", Shape::Leaf), ("hashes", Shape::Digests)]);
const KEYS: Shape = Shape::All(&Shape::Key);
const ROLE_KEYS: Shape = Shape::Known(&[("keyids", Shape::Leaf), ("threshold", Shape::Leaf)]);
const TARGET: Shape = Shape::Known(&[("length", Shape::Leaf), ("hashes", Shape::Digests), ("custom", Shape::Leaf)]);
const DELEGATION: Shape = Shape::Known(&[
    ("name", Shape::Leaf),
    ("keyids", Shape::Leaf),
    ("threshold", Shape::Leaf),
    ("paths", Shape::Leaf),
    ("path_hash_prefixes", Shape::Leaf),
    ("terminating", Shape::Leaf),
]);
const SUCCINCT: Shape = Shape::Known(&[
    ("keyids", Shape::Leaf),
    ("threshold", Shape::Leaf),
    ("bit_length", Shape::Leaf),
    ("name_prefix", Shape::Leaf),
]);
const DELEGATIONS: Shape =
    Shape::Known(&[("keys", KEYS), ("roles", Shape::Named(&DELEGATION)), ("succinct_roles", SUCCINCT)]);

/// Every role at once: no member has two meanings.
const SIGNED: Shape = Shape::Known(&[
    ("_type", Shape::Leaf),
    ("spec_version", Shape::Leaf),
    ("version", Shape::Leaf),
    ("expires", Shape::Leaf),
    ("consistent_snapshot", Shape::Leaf),
    ("keys", KEYS),
    // Roles besides the four are somebody else's.
    (
        "roles",
        Shape::Known(&[("root", ROLE_KEYS), ("targets", ROLE_KEYS), ("snapshot", ROLE_KEYS), ("timestamp", ROLE_KEYS)]),
    ),
    ("meta", Shape::All(&FILE_META)),
    ("targets", Shape::All(&TARGET)),
    ("delegations", DELEGATIONS),
]);

/// The value of `signed` to write, laid over the one that was read.
pub(in crate::dialect) fn over<'v>(written: Value<'v>, read: &Value<'v>) -> Value<'v> {
    lay(SIGNED, written, read)
}

fn lay<'v>(shape: Shape, written: Value<'v>, read: &Value<'v>) -> Value<'v> {
    match (shape, written, read) {
        (Shape::Key, written, read) if is_same_key(&written, read) => read.clone(),
        (Shape::Digests, written, read) if says_the_same(&written, read) => read.clone(),
        (Shape::Known(known), Value::Object(written), Value::Object(members)) => {
            let shape_of = |name: &str| known.iter().find(|(member, _)| *member == name).map(|(_, shape)| *shape);
            let kept = members.iter().filter(|(name, _)| shape_of(name).is_none());
            let kept = kept.map(|(name, value)| (name.clone(), value.clone()));
            let written = written.into_iter().map(|(name, value)| {
                let shape = shape_of(&name).unwrap_or(Shape::Leaf);
                let laid = lay_over(shape, value, read.get(&name));
                (name, laid)
            });
            kept.chain(written).collect()
        }
        (Shape::All(shape), Value::Object(written), read) => {
            let laid = written.into_iter().map(|(name, value)| {
                let laid = lay_over(*shape, value, read.get(&name));
                (name, laid)
            });
            laid.collect()
        }
        (Shape::Named(shape), Value::Array(written), Value::Array(read)) => {
            let read: BTreeMap<_, _> = read.iter().map(|before| (name_of(before), before)).collect();
            let laid = written.into_iter().map(|value| {
                let before = read.get(&name_of(&value)).copied();
                lay_over(*shape, value, before)
            });
            Value::Array(laid.collect())
        }
        (_, written, _) => written,
    }
}

fn lay_over<'v>(shape: Shape, written: Value<'v>, read: Option<&Value<'v>>) -> Value<'v> {
    match read {
        Some(read) => lay(shape, written, read),
        None => written,
    }
}

fn name_of<'v>(value: &'v Value<'_>) -> Option<&'v str> {
    value.get("name").and_then(Value::as_str)
}

fn is_same_key(written: &Value<'_>, read: &Value<'_>) -> bool {
    match (key::read(&At::root(written)), key::read(&At::root(read))) {
        (Ok(written), Ok(read)) => written == read,
        _ => false,
    }
}

/// Whether the digests that we know are those that were read: then it is the same file, and digests of other algorithms
/// still hold.
fn says_the_same(written: &Value<'_>, read: &Value<'_>) -> bool {
    ["sha256", "sha512"].into_iter().all(|algorithm| {
        match (written.get(algorithm).and_then(Value::as_str), read.get(algorithm).and_then(Value::as_str)) {
            (Some(written), Some(read)) => written.eq_ignore_ascii_case(read),
            (None, None) => true,
            _ => false,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn laid(written: &str, read: &str) -> Value<'static> {
        let parse = |text: &str| Value::parse(text.as_bytes(), 16).unwrap().into_owned();
        over(parse(written), &parse(read))
    }

    fn assert_laid(written: &str, read: &str, expected: &str) {
        assert_eq!(laid(written, read), Value::parse(expected.as_bytes(), 16).unwrap().into_owned());
    }

    #[test]
    fn what_we_do_not_know_stays_where_it_belongs() {
        assert_laid(
            r#"{"version":2,"targets":{"a":{"length":1,"hashes":{"sha256":"ab"}},"c":{"length":3}}}"#,
            r#"{"version":1,"x":[1],"targets":{"a":{"length":1,"hashes":{"sha256":"AB","new":"1"},"y":2},"b":{"length":2}}}"#,
            r#"{"version":2,"x":[1],"targets":{"a":{"length":1,"hashes":{"sha256":"AB","new":"1"},"y":2},"c":{"length":3}}}"#,
        );
    }

    #[test]
    fn digests_of_another_file_go() {
        assert_laid(
            r#"{"targets":{"a":{"hashes":{"sha256":"cd"}}}}"#,
            r#"{"targets":{"a":{"hashes":{"sha256":"ab","new":"1"}}}}"#,
            r#"{"targets":{"a":{"hashes":{"sha256":"cd"}}}}"#,
        );
    }

    #[test]
    fn keys_are_as_they_were_read_and_gone_when_they_are_gone() {
        let key = |public: &str, more: &str| {
            format!(r#""1":{{"keytype":"k","keyval":{{"public":"{public}"}},"scheme":"s"{more}}}"#)
        };
        let (same, other) = (key("p", r#","z":0"#), key("q", r#","z":0"#));
        let written = format!(r#"{{"keys":{{{}}},"roles":{{"root":{{"keyids":["1"]}}}}}}"#, key("p", ""));
        let roles = r#""roles":{"root":{"keyids":["2"],"z":0},"mirrors":{}}"#;
        let laid = r#""roles":{"root":{"keyids":["1"],"z":0},"mirrors":{}}"#;
        assert_laid(
            &written,
            &format!(r#"{{"keys":{{{same},"2":{{}}}},{roles}}}"#),
            &format!(r#"{{"keys":{{{same}}},{laid}}}"#),
        );
        // Another key under the id of one that is written does not take its place.
        let kept = key("p", "");
        assert_laid(
            &written,
            &format!(r#"{{"keys":{{{other}}},{roles}}}"#),
            &format!(r#"{{"keys":{{{kept}}},{laid}}}"#),
        );
    }

    #[test]
    fn delegations_are_told_apart_by_name() {
        assert_laid(
            r#"{"delegations":{"roles":[{"name":"b","paths":[]},{"name":"n"}]}}"#,
            r#"{"delegations":{"roles":[{"name":"a","z":1},{"name":"b","paths":["x"],"z":2}],"z":3}}"#,
            r#"{"delegations":{"roles":[{"name":"b","paths":[],"z":2},{"name":"n"}],"z":3}}"#,
        );
    }
}
