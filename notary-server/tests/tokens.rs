//! Tokens without a server: every form that is taken, every attack that is not.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

#[path = "support/tokens.rs"]
mod maker;

use std::path::Path;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use libtrust::testing::now;
use maker::{ISSUER, NOW, SERVICE, Signer, claims, encode};
use notary_server::auth::Refusal;
use notary_server::auth::keys::{Bundle, InvalidBundle, JwkSet, TrustedKeys};
use notary_server::auth::token::{Claims, Expected, MAX_TOKEN, verify};
use proptest::prelude::*;
use ring::hmac;
use serde_json::{Value, json};

struct World {
    issuer: Signer,
    leaf: Signer,
    stranger: Signer,
    keys: TrustedKeys,
}

impl World {
    fn new() -> Self {
        let issuer = Signer::alone("issuer", true, NOW);
        let leaf = Signer::under(&issuer, "leaf", false, NOW);
        let stranger = Signer::alone("stranger", true, NOW);
        let bundle = Bundle::parse(issuer.certificate.pem().as_bytes()).unwrap();
        let keys = TrustedKeys { bundle: Arc::new(bundle), ..TrustedKeys::default() };
        Self { issuer, leaf, stranger, keys }
    }

    fn check(&self, token: &str) -> Result<Claims, Refusal> {
        check(token, &self.keys, now())
    }

    fn reason(&self, token: &str) -> &'static str {
        self.check(token).map_or_else(|refusal| refusal.reason(), |_| "none: it was taken")
    }

    fn header(&self) -> Value {
        json!({"typ": "JWT", "alg": "ES256", "kid": self.issuer.id()})
    }

    /// A token of the issuer whose claims differ in one member.
    fn with_claim(&self, name: &str, value: Value) -> String {
        let mut claims = good();
        claims[name] = value;
        self.issuer.token(&self.header().to_string(), &claims.to_string())
    }

    fn without_claim(&self, name: &str) -> String {
        let mut claims = good();
        claims.as_object_mut().unwrap().remove(name);
        self.issuer.token(&self.header().to_string(), &claims.to_string())
    }
}

fn check(token: &str, keys: &TrustedKeys, now: DateTime<Utc>) -> Result<Claims, Refusal> {
    verify(token, keys, &Expected { issuer: ISSUER.to_owned(), service: SERVICE.to_owned() }, now)
}

fn good() -> Value {
    claims(&[("repository", "a/b", &["pull"])], now().timestamp() + 300)
}

#[test]
fn each_way_to_name_a_trusted_key_is_taken() {
    let world = World::new();
    let middle = Signer::under(&world.issuer, "middle", true, NOW);
    let below = Signer::under(&middle, "below", false, NOW);
    let mut certified = world.leaf.jwk();
    certified["x5c"] = json!([world.leaf.x5c()]);
    let thumbprint = thumbprint(&world.issuer);
    for (signer, member, value) in [
        (&world.issuer, "kid", json!(world.issuer.id())),
        (&world.issuer, "kid", json!(thumbprint)),
        (&world.issuer, "jwk", world.issuer.jwk()),
        (&world.issuer, "x5c", json!([world.issuer.x5c()])),
        (&world.leaf, "x5c", json!([world.leaf.x5c()])),
        (&world.leaf, "x5c", json!([world.leaf.x5c(), world.issuer.x5c()])),
        (&world.leaf, "jwk", certified),
        (&below, "x5c", json!([below.x5c(), middle.x5c()])),
    ] {
        let token = signer.token(&json!({"alg": "ES256", member: value}).to_string(), &good().to_string());
        let claims = world.check(&token).unwrap_or_else(|refusal| panic!("{member}: {refusal}"));
        assert_eq!(&*claims.subject, "alice");
        assert_eq!(&*claims.granted[0].name, "a/b");
    }
}

/// RFC 7638, by hand.
fn thumbprint(signer: &Signer) -> String {
    let jwk = signer.jwk();
    let text = format!(r#"{{"crv":"P-256","kty":"EC","x":{},"y":{}}}"#, jwk["x"], jwk["y"]);
    encode(ring::digest::digest(&ring::digest::SHA256, text.as_bytes()))
}

#[test]
fn attacks_on_the_form_are_refused_with_their_reason() {
    let world = World::new();
    let (header, claims) = (world.header().to_string(), good().to_string());
    let token = world.issuer.token(&header, &claims);
    let parts: Vec<&str> = token.split('.').collect();
    let (head, body, signature) = (parts[0], parts[1], parts[2]);
    assert_eq!(world.reason(&token), "none: it was taken");
    for (token, reason) in [
        (String::new(), "malformed"),
        ("..".to_owned(), "malformed"),
        (head.to_owned(), "malformed"),
        (format!("{head}.{body}"), "malformed"),
        (format!("{head}.{body}.{signature}.{signature}"), "malformed"),
        (format!("{head}.{body}.{signature}="), "malformed"),
        (format!("{head}.{body}.{signature} "), "malformed"),
        (format!("{head}.{body}.{signature}.."), "malformed"),
        (format!("{head}.{body}.{}", "A".repeat(MAX_TOKEN)), "too_large"),
        (format!("{head}.{body}."), "signature"),
        (format!("{head}.{}.{signature}", encode(claims.replace("pull", "push"))), "signature"),
        (format!("{}.{body}.{signature}", encode(header.replace("JWT", "jwt"))), "signature"),
        (format!("{head}.{body}.{}", encode(der_of(&world.issuer, &format!("{head}.{body}")))), "signature"),
        (world.stranger.token(&header, &claims), "signature"),
        (world.issuer.token("[]", &claims), "algorithm"),
        (world.issuer.token("{", &claims), "malformed"),
        (world.issuer.token(&format!("{}{}", "[".repeat(50), "]".repeat(50)), &claims), "malformed"),
        (world.issuer.token(&header, "{"), "malformed"),
        (world.issuer.token(&header, "[]"), "issuer"),
        (world.issuer.token(&header, &claims.replacen('{', r#"{"aud":"other","#, 1)), "malformed"),
        (world.issuer.token(&header, &claims.replacen('{', r#"{"exp":1,"#, 1)), "malformed"),
        (
            world.issuer.token(&header, &claims.replacen(r#"{"actions""#, r#"{"actions":["*"],"actions""#, 1)),
            "malformed",
        ),
        (world.issuer.token(&header.replacen('{', r#"{"alg":"none","#, 1), &claims), "malformed"),
    ] {
        assert_eq!(world.reason(&token), reason, "{token:.300}");
    }
}

/// The same signature as two DER integers: what some libraries make by mistake.
fn der_of(signer: &Signer, message: &str) -> Vec<u8> {
    let fixed = signer.sign(message);
    let integer = |bytes: &[u8]| [&[2, 33, 0][..], bytes].concat();
    let body = [integer(&fixed[..32]), integer(&fixed[32..])].concat();
    [&[0x30, u8::try_from(body.len()).unwrap()][..], &body].concat()
}

#[test]
fn attacks_on_algorithm_and_key_are_refused_with_their_reason() {
    let world = World::new();
    let claims = good().to_string();
    let kid = world.issuer.id();
    for alg in ["none", "None", "NONE", "nOnE", "", "HS256", "HS512", "ES512", "ES256K", "es256", "RSA1_5", "dir"] {
        let token = world.issuer.token(&json!({"alg": alg, "kid": kid}).to_string(), &claims);
        assert_eq!(world.reason(&token), "algorithm", "{alg}");
        let bare = format!("{}.", token.rsplit_once('.').unwrap().0);
        assert_eq!(world.reason(&bare), "algorithm", "{alg} without signature");
    }
    // The public key as the secret of an HMAC.
    let message = format!("{}.{}", encode(json!({"alg": "HS256", "kid": kid}).to_string()), encode(&claims));
    for secret in [world.issuer.certificate.pem().into_bytes(), world.issuer.key.public_key_pem().into_bytes()] {
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &secret), message.as_bytes());
        assert_eq!(world.reason(&format!("{message}.{}", encode(tag))), "algorithm");
    }
    for alg in ["ES384", "RS256", "RS512", "PS256", "EdDSA"] {
        let token = world.issuer.token(&json!({"alg": alg, "kid": kid}).to_string(), &claims);
        assert_eq!(world.reason(&token), "key_mismatch", "{alg}");
    }

    let mut borrowed = world.stranger.jwk();
    borrowed["x5c"] = json!([world.leaf.x5c()]);
    let stranger = &world.stranger;
    let under_leaf = Signer::under(&world.leaf, "below a leaf", false, NOW);
    let old = Signer::under(&world.issuer, "old", false, (2000, 2010));
    let new = Signer::under(&world.issuer, "new", false, (2038, 2040));
    let foreign_leaf = Signer::under(stranger, "leaf", false, NOW);
    let old_middle = Signer::under(&world.issuer, "old middle", true, (2000, 2010));
    let below_old = Signer::under(&old_middle, "below", false, NOW);
    for (signer, header, reason) in [
        (&world.issuer, json!({"alg": "ES256"}), "no_key"),
        (&world.issuer, json!({"alg": "ES256", "kid": 7}), "malformed"),
        (&world.issuer, json!({"alg": ["ES256"], "kid": kid}), "algorithm"),
        (&world.issuer, json!({"alg": "ES256", "kid": kid, "crit": []}), "critical"),
        (&world.issuer, json!({"alg": "ES256", "kid": kid, "crit": ["exp"]}), "critical"),
        (&world.issuer, json!({"alg": "ES256", "kid": kid, "crit": ["b64", "zip"], "b64": false}), "critical"),
        (stranger, json!({"alg": "ES256", "kid": stranger.id()}), "unknown_key"),
        (stranger, json!({"alg": "ES256", "kid": ""}), "unknown_key"),
        (stranger, json!({"alg": "ES256", "jwk": stranger.jwk()}), "unknown_key"),
        (stranger, json!({"alg": "ES256", "jwk": stranger.jwk(), "kid": kid}), "unknown_key"),
        (stranger, json!({"alg": "ES256", "jwk": borrowed}), "chain"),
        (stranger, json!({"alg": "ES256", "jwk": {"kty": "oct", "k": "AA"}}), "malformed"),
        (stranger, json!({"alg": "ES256", "x5c": [stranger.x5c()]}), "chain"),
        (stranger, json!({"alg": "ES256", "x5c": [stranger.x5c()], "kid": kid}), "chain"),
        (stranger, json!({"alg": "ES256", "x5c": [stranger.x5c(), world.issuer.x5c()]}), "chain"),
        (stranger, json!({"alg": "ES256", "x5c": [world.leaf.x5c()]}), "signature"),
        (stranger, json!({"alg": "ES256", "jku": "https://evil/jwks", "x5u": "https://evil/x"}), "no_key"),
        (&foreign_leaf, json!({"alg": "ES256", "x5c": [foreign_leaf.x5c(), stranger.x5c()]}), "chain"),
        (&under_leaf, json!({"alg": "ES256", "x5c": [under_leaf.x5c(), world.leaf.x5c()]}), "chain"),
        (&old, json!({"alg": "ES256", "x5c": [old.x5c()]}), "chain"),
        (&new, json!({"alg": "ES256", "x5c": [new.x5c()]}), "chain"),
        (&below_old, json!({"alg": "ES256", "x5c": [below_old.x5c(), old_middle.x5c()]}), "chain"),
        (&world.issuer, json!({"alg": "ES256", "x5c": []}), "chain"),
        (&world.issuer, json!({"alg": "ES256", "x5c": null, "kid": kid}), "malformed"),
        (&world.issuer, json!({"alg": "ES256", "x5c": ["!"]}), "malformed"),
        (&world.issuer, json!({"alg": "ES256", "x5c": ["AAAA"]}), "chain"),
        (&world.leaf, json!({"alg": "ES256", "x5c": vec![world.leaf.x5c(); 40]}), "chain"),
    ] {
        let token = signer.token(&header.to_string(), &claims);
        assert_eq!(world.reason(&token), reason, "{header:.300}");
    }
}

#[test]
fn claims_that_are_not_for_us_are_refused_with_their_reason() {
    let world = World::new();
    let time = now().timestamp();
    for (token, reason) in [
        (world.with_claim("iss", json!("other")), "issuer"),
        (world.with_claim("iss", json!([ISSUER])), "issuer"),
        (world.without_claim("iss"), "issuer"),
        (world.with_claim("aud", json!("other")), "audience"),
        (world.with_claim("aud", json!(["other"])), "audience"),
        (world.with_claim("aud", json!([])), "audience"),
        (world.with_claim("aud", json!({SERVICE: SERVICE})), "audience"),
        (world.without_claim("aud"), "audience"),
        (world.without_claim("exp"), "malformed"),
        (world.with_claim("exp", json!(null)), "malformed"),
        (world.with_claim("exp", json!("9999999999")), "malformed"),
        (world.with_claim("exp", json!(1e300)), "malformed"),
        (world.with_claim("exp", json!(time - 61)), "expired"),
        (world.with_claim("exp", json!(-1)), "expired"),
        (world.with_claim("nbf", json!(time + 61)), "not_yet_valid"),
        (world.with_claim("sub", json!(1)), "malformed"),
        (world.with_claim("access", json!({})), "malformed"),
        (world.with_claim("access", json!(["x"])), "malformed"),
        (world.with_claim("access", json!([{"type": "repository", "name": "a", "actions": "*"}])), "malformed"),
        (world.with_claim("access", json!([{"type": "repository", "actions": ["*"]}])), "malformed"),
        (world.with_claim("exp", json!(time - 60)), "none: it was taken"),
        (world.with_claim("nbf", json!(time + 60)), "none: it was taken"),
        (world.with_claim("aud", json!(["other", SERVICE])), "none: it was taken"),
        (world.with_claim("access", json!(null)), "none: it was taken"),
        (world.without_claim("access"), "none: it was taken"),
        (world.without_claim("nbf"), "none: it was taken"),
        (world.without_claim("sub"), "none: it was taken"),
    ] {
        assert_eq!(world.reason(&token), reason, "{token}");
    }
}

#[test]
fn a_bundle_certificate_that_expired_signs_by_id_and_vouches_for_nobody() {
    let mut world = World::new();
    let old = Signer::alone("old", true, (2000, 2010));
    let leaf = Signer::under(&old, "leaf", false, NOW);
    world.keys.bundle = Arc::new(Bundle::parse(old.certificate.pem().as_bytes()).unwrap());
    let token = |signer: &Signer, header: Value| signer.token(&header.to_string(), &good().to_string());
    assert!(world.check(&token(&old, json!({"alg": "ES256", "kid": old.id()}))).is_ok());
    assert_eq!(world.reason(&token(&old, json!({"alg": "ES256", "x5c": [old.x5c()]}))), "chain");
    assert_eq!(world.reason(&token(&leaf, json!({"alg": "ES256", "x5c": [leaf.x5c()]}))), "chain");
}

#[test]
fn a_bundle_certificate_that_is_no_authority_vouches_only_for_itself() {
    let mut world = World::new();
    let own = Signer::alone("own", false, NOW);
    let below = Signer::under(&own, "below", false, NOW);
    world.keys.bundle = Arc::new(Bundle::parse(own.certificate.pem().as_bytes()).unwrap());
    let token = |signer: &Signer| {
        signer.token(&json!({"alg": "ES256", "x5c": [signer.x5c()]}).to_string(), &good().to_string())
    };
    assert!(world.check(&token(&own)).is_ok());
    assert_eq!(world.reason(&token(&below)), "chain");
}

#[test]
fn a_bundle_without_usable_certificates_is_refused() {
    let key = Signer::alone("x", true, NOW).key.serialize_pem();
    assert_eq!(Bundle::parse(b"").unwrap_err(), InvalidBundle::Empty);
    assert_eq!(Bundle::parse(key.as_bytes()).unwrap_err(), InvalidBundle::Empty);
    let junk = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    assert!(matches!(Bundle::parse(junk.as_bytes()), Err(InvalidBundle::Certificate { number: 1, .. })));
}

fn fixture(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/tokens");
    std::fs::read_to_string(folder.join(name)).unwrap()
}

#[test]
fn tokens_that_another_library_made_are_taken_in_every_algorithm() {
    let jwks = Arc::new(JwkSet::parse(fixture("jwks.json").as_bytes()).unwrap());
    assert_eq!(jwks.len(), 4, "neither P-521 nor a symmetric key");
    let keys = TrustedKeys { jwks, ..TrustedKeys::default() };
    let expected = Expected { issuer: "issuer".to_owned(), service: "notary".to_owned() };
    let reason = |token: &str| verify(token, &keys, &expected, now()).err().map(|refusal| refusal.reason());
    for alg in ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"] {
        let token = fixture(&format!("{alg}.jwt"));
        assert_eq!(reason(&token), None, "{alg}");
        let (message, signature) = token.rsplit_once('.').unwrap();
        let flipped = if signature.starts_with('A') { "B" } else { "A" };
        assert_eq!(reason(&format!("{message}.{flipped}{}", &signature[1..])), Some("signature"), "{alg}");
    }
    assert_eq!(reason(&fixture("HS256.jwt")), Some("algorithm"));
    assert_eq!(reason(&fixture("ES512.jwt")), Some("algorithm"));
}

#[test]
fn a_key_of_a_set_is_used_only_with_the_algorithm_it_names() {
    let pinned = fixture("jwks.json").replace(r#""kid": "rsa""#, r#""kid": "rsa", "alg": "PS256""#);
    let keys = TrustedKeys { jwks: Arc::new(JwkSet::parse(pinned.as_bytes()).unwrap()), ..TrustedKeys::default() };
    let expected = Expected { issuer: "issuer".to_owned(), service: "notary".to_owned() };
    assert!(verify(&fixture("PS256.jwt"), &keys, &expected, now()).is_ok());
    for alg in ["RS256", "PS384"] {
        let refused = verify(&fixture(&format!("{alg}.jwt")), &keys, &expected, now());
        assert_eq!(refused.unwrap_err(), Refusal::KeyMismatch, "{alg}");
    }
}

#[test]
fn time_ends_a_token() {
    let world = World::new();
    let token = world.issuer.token(&world.header().to_string(), &good().to_string());
    let at = |seconds: i64| check(&token, &world.keys, now() + TimeDelta::seconds(seconds)).err();
    assert_eq!(at(360), None);
    assert_eq!(at(361), Some(Refusal::Expired));
    assert_eq!(at(-361), Some(Refusal::NotYetValid));
}

#[test]
fn every_refusal_has_a_reason_of_its_own() {
    let mut reasons = Refusal::REASONS.to_vec();
    reasons.sort_unstable();
    reasons.dedup();
    assert_eq!(reasons.len(), Refusal::REASONS.len());
}

/// What a fuzzer would do: nothing that arrives may panic, and nothing that was not signed may be taken.
fn survives(keys: &TrustedKeys, token: &str) {
    assert!(check(token, keys, now()).is_err(), "{token}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn no_text_is_a_token(text in "(\\PC|[.{}\":,A-Za-z0-9_=-]){0,200}") {
        survives(&TrustedKeys::default(), &text);
    }

    #[test]
    fn no_parts_are_a_token(parts in proptest::collection::vec("(\\PC|[{}\\[\\]\":,a-z0-9]|\"alg\":\"ES256\"|\"kid\":|\"x5c\":|\"jwk\":|\"kty\"){0,60}", 0..5)) {
        let token = parts.iter().map(encode).collect::<Vec<_>>().join(".");
        survives(&TrustedKeys::default(), &token);
    }

    #[test]
    fn no_other_header_is_taken(key in "x5c|jwk|kid", value in "(\\PC|[{}\\[\\]\":,A-Za-z0-9+/=]){0,60}") {
        let header = format!(r#"{{"alg":"ES256","{key}":{value}}}"#);
        survives(&TrustedKeys::default(), &format!("{}.{}.{}", encode(header), encode("{}"), encode([0; 64])));
    }
}

#[test]
fn no_changed_byte_goes_unnoticed() {
    let world = World::new();
    let token = world.issuer.token(&world.header().to_string(), &good().to_string()).into_bytes();
    for at in 0..token.len() {
        let mut changed = token.clone();
        changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
        survives(&world.keys, &String::from_utf8(changed).unwrap());
    }
}
