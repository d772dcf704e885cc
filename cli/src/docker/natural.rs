//! The order in which people read tags: `v2` before `v10`.

use std::cmp::Ordering;

/// Compares texts so that numbers in them count as numbers, as Docker sorts tags.
pub(super) fn compare(a: &str, b: &str) -> Ordering {
    let (mut a_rest, mut b_rest) = (a, b);
    loop {
        let (a_digits, b_digits) = (digits(a_rest), digits(b_rest));
        if !a_digits.is_empty() && !b_digits.is_empty() {
            let (a_number, b_number) = (a_digits.trim_start_matches('0'), b_digits.trim_start_matches('0'));
            // Numbers of any length: the longer is the larger, once its zeros are gone.
            let order = a_number.len().cmp(&b_number.len()).then_with(|| a_number.cmp(b_number));
            // The same number with more zeros comes later.
            let order = order.then_with(|| a_digits.len().cmp(&b_digits.len()));
            if order != Ordering::Equal {
                return order;
            }
            (a_rest, b_rest) = (after(a_rest, a_digits), after(b_rest, b_digits));
            continue;
        }
        match (a_rest.chars().next(), b_rest.chars().next()) {
            (Some(x), Some(y)) if x == y => {
                (a_rest, b_rest) = (a_rest.split_at(x.len_utf8()).1, b_rest.split_at(y.len_utf8()).1);
            }
            (x, y) => return x.cmp(&y),
        }
    }
}

fn digits(text: &str) -> &str {
    text.split(|c: char| !c.is_ascii_digit()).next().unwrap_or_default()
}

fn after<'a>(text: &'a str, start: &str) -> &'a str {
    text.strip_prefix(start).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_count_as_numbers() {
        let sorted = [
            "",
            "1",
            "01",
            "2",
            "10",
            "1000000000000000000000000",
            "a",
            "a1b2",
            "a1b10",
            "a2",
            "v1",
            "v1.2",
            "v1.10",
            "v10",
        ];
        for pair in sorted.windows(2) {
            assert_eq!(compare(pair[0], pair[1]), Ordering::Less, "{pair:?}");
            assert_eq!(compare(pair[1], pair[0]), Ordering::Greater, "{pair:?}");
        }
        assert_eq!(compare("v1", "v1"), Ordering::Equal);
    }
}
