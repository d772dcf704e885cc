//! How times are stored: RFC 3339 in UTC with microseconds, `2026-11-21T03:57:30.315713Z`. Always 27 characters, so
//! that the order of the texts is the order of the times.

use chrono::{DateTime, NaiveDate, SubsecRound, Utc};

/// A time as text, cut to microseconds. Years are held within 0 to 9999, where the width is fixed.
pub(super) fn to_text(time: DateTime<Utc>) -> String {
    let first = NaiveDate::from_ymd_opt(0, 1, 1).and_then(|date| date.and_hms_opt(0, 0, 0));
    let last = NaiveDate::from_ymd_opt(9999, 12, 31).and_then(|date| date.and_hms_micro_opt(23, 59, 59, 999_999));
    let bounded = match (first, last) {
        (Some(first), Some(last)) => time.clamp(first.and_utc(), last.and_utc()),
        _ => time,
    };
    bounded.trunc_subsecs(6).format("%Y-%m-%dT%H:%M:%S%.6fZ").to_string()
}

/// The time a text stands for.
pub(super) fn from_text(text: &str) -> Result<DateTime<Utc>, chrono::ParseError> {
    DateTime::parse_from_rfc3339(text).map(|time| time.with_timezone(&Utc))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_come_back_to_the_microsecond() {
        let time: DateTime<Utc> = "2026-11-21T03:57:30.315713999Z".parse().unwrap();
        assert_eq!(to_text(time), "2026-11-21T03:57:30.315713Z");
        assert_eq!(from_text(&to_text(time)).unwrap(), time.trunc_subsecs(6));
    }

    #[test]
    fn the_order_of_texts_is_the_order_of_times() {
        let times = [
            DateTime::<Utc>::MIN_UTC,
            "0001-01-01T00:00:00Z".parse().unwrap(),
            "1969-12-31T23:59:59.999999Z".parse().unwrap(),
            "2026-11-21T03:57:30Z".parse().unwrap(),
            "2026-11-21T03:57:30.000001Z".parse().unwrap(),
            DateTime::<Utc>::MAX_UTC,
        ];
        let texts = times.map(to_text);
        assert!(texts.is_sorted(), "{texts:?}");
        assert!(texts.iter().all(|text| text.len() == 27 && from_text(text).is_ok()), "{texts:?}");
    }
}
