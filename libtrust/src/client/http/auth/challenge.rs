//! `WWW-Authenticate`: what a server wants to see.

use reqwest::header::{HeaderMap, WWW_AUTHENTICATE};

/// How to be let in (RFC 7235, and the token protocol of image registries).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Challenge {
    /// A token of a token service.
    Bearer {
        /// The token service's address.
        realm: String,
        /// What the server calls itself there.
        service: String,
        /// Why the token that was shown does not do: `insufficient_scope`.
        error: String,
    },
    /// A name and a password.
    Basic,
    /// A way that is not known here.
    Other(String),
}

impl Challenge {
    /// The best one of an answer: tokens before passwords, these before what is not known.
    pub(super) fn best(headers: &HeaderMap) -> Option<Self> {
        let texts = headers.get_all(WWW_AUTHENTICATE).iter().filter_map(|value| value.to_str().ok());
        let rank = |challenge: &Self| match challenge {
            Self::Bearer { .. } => 0,
            Self::Basic => 1,
            Self::Other(_) => 2,
        };
        texts.flat_map(parse).min_by_key(rank)
    }
}

/// Every challenge of one header.
fn parse(text: &str) -> Vec<Challenge> {
    let mut found: Vec<(&str, Vec<(String, String)>)> = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        let Some((word, after)) = token(rest) else { break };
        match after.trim_start_matches([' ', '\t']).strip_prefix('=') {
            Some(value) => {
                let (value, after) = parameter_value(value.trim_start_matches([' ', '\t']));
                if let Some((_, parameters)) = found.last_mut() {
                    parameters.push((word.to_ascii_lowercase(), value));
                }
                rest = after;
            }
            None => {
                found.push((word, Vec::new()));
                rest = after;
            }
        }
    }
    found.into_iter().map(|(scheme, parameters)| challenge(scheme, &parameters)).collect()
}

fn challenge(scheme: &str, parameters: &[(String, String)]) -> Challenge {
    let value =
        |name: &str| parameters.iter().find(|(found, _)| found == name).map_or("", |(_, value)| value).to_owned();
    match scheme.to_ascii_lowercase().as_str() {
        "bearer" => Challenge::Bearer { realm: value("realm"), service: value("service"), error: value("error") },
        "basic" => Challenge::Basic,
        _ => Challenge::Other(scheme.chars().take(32).collect()),
    }
}

fn token(text: &str) -> Option<(&str, &str)> {
    let is_end = |c: char| c.is_ascii_whitespace() || c.is_control() || "=,\"()<>@;\\{}".contains(c);
    let end = text.find(is_end).unwrap_or(text.len());
    text.split_at_checked(end).filter(|(word, _)| !word.is_empty())
}

/// A quoted string, its backslashes taken away, or a bare word; and what follows.
fn parameter_value(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([',', ' ', '\t']).unwrap_or(text.len());
        return text.split_at_checked(end).map_or((String::new(), ""), |(value, rest)| (value.to_owned(), rest));
    };
    let (mut value, mut characters) = (String::new(), quoted.chars());
    while let Some(c) = characters.next() {
        match c {
            '"' => break,
            '\\' => value.extend(characters.next()),
            c => value.push(c),
        }
    }
    (value, characters.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bearer(realm: &str, service: &str, error: &str) -> Challenge {
        Challenge::Bearer { realm: realm.to_owned(), service: service.to_owned(), error: error.to_owned() }
    }

    #[test]
    fn challenges_of_real_servers_are_read() {
        for (text, expected) in [
            (
                r#"Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:a/b:pull,push""#,
                vec![bearer("https://auth.docker.io/token", "registry.docker.io", "")],
            ),
            (
                r#"bearer  service = "s" , realm="http://127.0.0.1:1/t?x=\"1\"", error="insufficient_scope""#,
                vec![bearer(r#"http://127.0.0.1:1/t?x="1""#, "s", "insufficient_scope")],
            ),
            (r#"Basic realm="Registry Realm""#, vec![Challenge::Basic]),
            (
                r#"Negotiate, Basic realm="a, b", Bearer realm=https://r"#,
                vec![Challenge::Other("Negotiate".to_owned()), Challenge::Basic, bearer("https://r", "", "")],
            ),
        ] {
            assert_eq!(parse(text), expected, "{text}");
        }
    }

    #[test]
    fn nonsense_is_no_challenge_and_ends() {
        for text in ["", ",,,", "=", "\"", "realm=\"x\"", "\u{0}", "Bearer realm=\"unclosed", "Bearer realm=\"a\\"] {
            let found = parse(text);
            assert!(found.len() <= 1, "{text:?}: {found:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_header_upsets_the_reader(text in "[ -~]{0,64}|([A-Za-z]{1,3}[ =,\"\\\\]{0,3}){0,20}") {
            proptest::prop_assert!(parse(&text).len() <= text.len());
        }
    }

    #[test]
    fn a_token_is_preferred_to_a_password() {
        let mut headers = HeaderMap::new();
        for value in ["Negotiate", "Basic realm=\"x\"", "Bearer realm=\"https://r\""] {
            headers.append(WWW_AUTHENTICATE, value.parse().unwrap());
        }
        assert_eq!(Challenge::best(&headers), Some(bearer("https://r", "", "")));
        assert_eq!(Challenge::best(&HeaderMap::new()), None);
    }
}
