//! Whether Notary's programs would write a file exactly as it is.
//!
//! They read a file into fields and, to compute the digest that a snapshot or timestamp names it by, write it again. A
//! file that is not in the form they write then gets the digest of bytes nobody stored.

use chrono::{DateTime, SecondsFormat};

use super::encode::file;
use crate::dialect::{Dialect, Envelope, Spelled};
use crate::json::Value;

/// Whether reading and writing this file again gives the same bytes. `says` is what was read out of it.
///
/// May be false for a few files whose odd `custom` Notary would keep; never true for one that it would change.
pub(in crate::dialect) fn is_written_so<T: Spelled>(envelope: &Envelope<'_>, says: &T) -> bool {
    // Only dates have more than one form: they stay in the writer's zone, with its fractions of a second.
    let Some(expires) = envelope.signed().get("expires").and_then(Value::as_str) else { return false };
    if time(expires).as_deref() != Some(expires) {
        return false;
    }
    let Value::Object(mut members) = says.to_value(Dialect::Notary) else { return false };
    for (name, value) in &mut members {
        if name == "expires" {
            *value = expires.into();
        }
    }
    let written = Dialect::Notary.encode_value(&Value::Object(members));
    written.is_ok_and(|written| file(written.wire(), envelope.signatures()) == envelope.bytes())
}

/// A time as Go writes it back: fractions without zeros at their end, a zero offset as `Z`.
fn time(text: &str) -> Option<String> {
    let time = DateTime::parse_from_rfc3339(text).ok()?;
    let whole = time.to_rfc3339_opts(SecondsFormat::Secs, true);
    let nanoseconds = time.timestamp_subsec_nanos();
    if nanoseconds == 0 {
        return Some(whole);
    }
    // The zone begins behind `2006-01-02T15:04:05`.
    let (seconds, zone) = whole.split_at_checked(19)?;
    let fraction = format!("{nanoseconds:09}");
    Some(format!("{seconds}.{}{zone}", fraction.trim_end_matches('0')))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::Dialect;
    use crate::keys::KeyAlgorithm;
    use crate::limits::Limits;
    use crate::metadata::{Root, Snapshot, Targets};
    use crate::names::RoleName;
    use crate::testing::{Key, Publisher, file as signed};

    fn is_kept<T: Spelled>(role: RoleName, bytes: &[u8]) -> bool {
        let envelope = Envelope::parse(Dialect::Notary, role, bytes, &Limits::default()).unwrap();
        let says = T::decode(&envelope).unwrap();
        is_written_so(&envelope, &says)
    }

    fn targets(from: &str, to: &str) -> bool {
        let (mut publisher, _) = Publisher::whole("example.com/a");
        publisher.tag(2, 1);
        publisher.delegate("targets/a", &[&Key::new(KeyAlgorithm::Ed25519)]);
        publisher.delegate("targets/b", &[]);
        let file = String::from_utf8(publisher.targets_file()).unwrap();
        let changed = file.replacen(from, to, 1);
        assert!(from == to || changed != file, "{from} is not in {file}");
        is_kept::<Targets>(RoleName::Targets, changed.as_bytes())
    }

    #[test]
    fn what_we_write_is_what_notary_writes() {
        let (publisher, _) = Publisher::whole("example.com/a");
        let root = publisher.root_file();
        assert!(is_kept::<Root>(RoleName::Root, &root));
        let targets_file = publisher.targets_file();
        let snapshot = publisher.snapshot(1, &[(&RoleName::Root, &root), (&RoleName::Targets, &targets_file)]);
        assert!(is_kept::<Snapshot>(RoleName::Snapshot, &signed(&snapshot, &[&publisher.snapshot_key])));
        assert!(targets("", ""));
    }

    #[test]
    fn other_layouts_and_members_are_not() {
        for (from, to) in [
            ("{\"signed\"", "{ \"signed\""),
            ("\"tag-000000\"", "\"\\u0074ag-000000\""),
            ("\"version\":1", "\"version\":1,\"x\":1"),
            ("\"_type\":\"Targets\",", "\"_type\":\"Targets\",\"a\":null,"),
            ("\"ecdsa\",\"sig\"", "\"ECDSA\",\"sig\""),
            (",\"method\":\"ecdsa\"", ",\"method\":\"ecdsa\",\"more\":1"),
            ("\"keyids\":null", "\"keyids\":[]"),
        ] {
            assert!(!targets(from, to), "{to}");
        }
    }

    #[test]
    fn dates_stay_in_the_zone_of_their_writer() {
        for (text, kept) in [
            ("2036-11-18T03:49:48Z", true),
            ("2036-11-18T03:49:48.574536866Z", true),
            ("2026-12-05T03:49:48.64444721Z", true),
            ("2036-11-18T13:00:16.614293351+09:00", true),
            ("2036-11-18T13:00:16-03:30", true),
            ("2036-11-18T03:49:48.5000Z", false),
            ("2036-11-18T03:49:48.0Z", false),
            ("2036-11-18T03:49:48+00:00", false),
            ("2036-11-18T03:49:48.5745368661Z", false),
        ] {
            assert_eq!(time(text).as_deref() == Some(text), kept, "{text}");
        }
    }
}
