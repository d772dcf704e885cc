//! The client against a signer that works, misbehaves, goes away and comes back.

use std::time::Duration;

use libtrust::dialect::notary::key_id;
use tokio::time::{Instant, sleep};

use super::test_signer::{Authority, Mood, TestSigner, options, overwrite};
use super::*;
use crate::signer::contract::{gun, keeps_the_promises_of_the_trait, tells_unknown_from_refused};

const ALGORITHM: KeyAlgorithm = KeyAlgorithm::Ecdsa;

fn client(authority: &Authority, signers: &[&TestSigner]) -> Arc<RemoteSigner> {
    let at: Vec<_> = signers.iter().map(|signer| signer.at()).collect();
    RemoteSigner::new(&options(authority, &at)).unwrap()
}

fn working() -> (Authority, TestSigner, Arc<RemoteSigner>) {
    let authority = Authority::new();
    let signer = TestSigner::start(&authority);
    let client = client(&authority, &[&signer]);
    (authority, signer, client)
}

async fn new_key(client: &RemoteSigner) -> Result<KeyId, SignerError> {
    Ok(key_id(&client.create_key(&gun(), &RoleName::Timestamp, ALGORITHM).await?))
}

async fn sign(client: &RemoteSigner, id: &KeyId) -> Result<Signature, SignerError> {
    client.sign(id, &gun(), &RoleName::Timestamp, b"message").await
}

fn unavailable<T: std::fmt::Debug>(answer: Result<T, SignerError>) -> String {
    match answer {
        Err(SignerError::Unavailable(reason)) => reason,
        other => panic!("expected an outage, found {other:?}"),
    }
}

/// Until `works` says so; how long that took.
async fn soon<F: AsyncFn() -> bool>(works: F) -> Duration {
    let start = Instant::now();
    while !works().await {
        assert!(start.elapsed() < Duration::from_secs(10), "not within ten seconds");
        sleep(Duration::from_millis(5)).await;
    }
    start.elapsed()
}

#[tokio::test]
async fn keys_at_a_signer_sign_for_what_they_were_made_for() {
    let (_authority, _signer, client) = working();
    keeps_the_promises_of_the_trait(&*client).await;
    tells_unknown_from_refused(&*client).await;
}

#[tokio::test]
async fn a_signature_costs_one_call_that_names_gun_and_role() {
    let (_authority, signer, client) = working();
    let id = new_key(&client).await.unwrap();
    sign(&client, &id).await.unwrap();
    let seen = signer.seen();
    assert_eq!(seen.len(), 1);
    assert_eq!((seen[0].gun.as_str(), seen[0].role.as_str()), (gun().as_str(), "timestamp"));
    assert_eq!(seen[0].content, b"message");
}

#[tokio::test]
async fn calls_share_one_connection() {
    let (_authority, _signer, client) = working();
    let id = new_key(&client).await.unwrap();
    let calls: Vec<_> = (0..64)
        .map(|_| {
            let (client, id) = (client.clone(), id.clone());
            tokio::spawn(async move { sign(&client, &id).await.map(|_| ()) })
        })
        .collect();
    for call in calls {
        call.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn a_lost_connection_is_made_anew_without_an_error() {
    let (authority, mut signer, client) = working();
    let id = new_key(&client).await.unwrap();
    for _ in 0..3 {
        signer.stop();
        signer.resume(&authority);
        sign(&client, &id).await.unwrap();
    }
}

#[tokio::test]
async fn while_the_signer_is_away_calls_fail_at_once_and_name_it() {
    let (_authority, mut signer, client) = working();
    let id = new_key(&client).await.unwrap();
    signer.stop();
    soon(async || sign(&client, &id).await.is_err()).await;
    let start = Instant::now();
    for _ in 0..100 {
        let reason = unavailable(sign(&client, &id).await);
        assert!(reason.contains(&signer.address.to_string()), "{reason}");
        assert!(reason.to_lowercase().contains("refused"), "{reason}");
    }
    unavailable(client.create_key(&gun(), &RoleName::Snapshot, ALGORITHM).await);
    unavailable(client.public_key(&id).await);
    unavailable(client.check().await);
    assert!(start.elapsed() < Duration::from_millis(500), "{:?}", start.elapsed());
}

#[tokio::test]
async fn a_signer_that_returns_is_in_use_within_a_second() {
    let (authority, mut signer, client) = working();
    let id = new_key(&client).await.unwrap();
    signer.stop();
    soon(async || sign(&client, &id).await.is_err()).await;
    // Long enough for the pauses between looks to be at their longest.
    sleep(Duration::from_secs(1)).await;
    signer.resume(&authority);
    let took = soon(async || sign(&client, &id).await.is_ok()).await;
    assert!(took < Duration::from_secs(1), "{took:?}");
}

#[tokio::test]
async fn a_signer_that_was_never_there_is_used_once_it_is() {
    let authority = Authority::new();
    let mut signer = TestSigner::start(&authority);
    signer.stop();
    let client = client(&authority, &[&signer]);
    soon(async || client.check().await.is_err()).await;
    signer.resume(&authority);
    soon(async || client.check().await.is_ok()).await;
}

#[tokio::test]
async fn a_signer_that_hangs_costs_one_deadline_and_then_nothing() {
    let authority = Authority::new();
    let signer = TestSigner::start(&authority);
    let mut options = options(&authority, &[signer.at()]);
    options.timeout = Duration::from_millis(400);
    let client = RemoteSigner::new(&options).unwrap();
    let id = new_key(&client).await.unwrap();
    signer.mood(Mood::Hangs);
    let start = Instant::now();
    let reason = unavailable(sign(&client, &id).await);
    assert!(start.elapsed() < Duration::from_millis(900), "{:?}: {reason}", start.elapsed());
    let start = Instant::now();
    unavailable(sign(&client, &id).await);
    assert!(start.elapsed() < Duration::from_millis(100), "{:?}", start.elapsed());
    signer.mood(Mood::Works);
    soon(async || sign(&client, &id).await.is_ok()).await;
}

#[tokio::test]
async fn a_signer_that_does_not_even_shake_hands_is_away() {
    let authority = Authority::new();
    // Takes connections and says nothing.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let at = SignerAddress::parse(&silent.local_addr().unwrap().to_string(), None).unwrap();
    let client = RemoteSigner::new(&options(&authority, &[at])).unwrap();
    let start = Instant::now();
    unavailable(client.check().await);
    assert!(start.elapsed() < Duration::from_secs(4), "{:?}", start.elapsed());
}

#[tokio::test]
async fn a_signer_that_cannot_serve_is_away_until_its_health_says_otherwise() {
    let (_authority, signer, client) = working();
    let id = new_key(&client).await.unwrap();
    signer.mood(Mood::CannotServe);
    let reason = unavailable(sign(&client, &id).await);
    assert!(reason.contains("the database is away"), "{reason}");
    let calls = signer.seen().len();
    unavailable(sign(&client, &id).await);
    assert_eq!(signer.seen().len(), calls, "not asked while it says so");
    let reason = unavailable(client.check().await);
    assert!(reason.contains(&signer.address.to_string()), "{reason}");
    signer.mood(Mood::Works);
    soon(async || sign(&client, &id).await.is_ok()).await;
}

#[tokio::test]
async fn a_moment_of_weakness_is_not_seen() {
    let (_authority, signer, client) = working();
    let id = new_key(&client).await.unwrap();
    signer.mood(Mood::Recovers(2));
    sign(&client, &id).await.unwrap();
    signer.mood(Mood::Recovers(2));
    client.public_key(&id).await.unwrap().unwrap();
    signer.mood(Mood::Recovers(2));
    client.create_key(&gun(), &RoleName::Snapshot, ALGORITHM).await.unwrap();
}

#[tokio::test]
async fn health_needs_both_services_to_serve() {
    let (_authority, signer, client) = working();
    client.check().await.unwrap();
    signer.mood(Mood::CannotServe);
    let reason = unavailable(client.check().await);
    assert!(reason.contains("NOT_SERVING"), "{reason}");
}

#[tokio::test]
async fn the_next_signer_is_asked_when_one_is_away_and_the_first_again_when_it_is_back() {
    let authority = Authority::new();
    let (mut first, second) = (TestSigner::start(&authority), TestSigner::start(&authority));
    let client = client(&authority, &[&first, &second]);
    let id = new_key(&client).await.unwrap();
    first.stop();
    // Keys are not shared here, so the second says that it does not know this one.
    soon(async || matches!(sign(&client, &id).await, Err(SignerError::UnknownKey(_)))).await;
    assert!(!second.seen().is_empty());
    first.resume(&authority);
    soon(async || sign(&client, &id).await.is_ok()).await;
}

#[tokio::test]
async fn a_first_signer_that_hangs_leaves_time_for_the_second() {
    let authority = Authority::new();
    let (first, second) = (TestSigner::start(&authority), TestSigner::start(&authority));
    let mut options = options(&authority, &[first.at(), second.at()]);
    options.timeout = Duration::from_secs(1);
    let client = RemoteSigner::new(&options).unwrap();
    first.mood(Mood::Hangs);
    new_key(&client).await.unwrap();
}

#[tokio::test]
async fn all_signers_away_are_all_named() {
    let authority = Authority::new();
    let (mut first, mut second) = (TestSigner::start(&authority), TestSigner::start(&authority));
    first.stop();
    second.stop();
    let client = client(&authority, &[&first, &second]);
    soon(async || {
        let reason = unavailable(client.check().await);
        reason.contains(&first.address.to_string()) && reason.contains(&second.address.to_string())
    })
    .await;
}

#[tokio::test]
async fn an_empty_key_is_an_outage_and_never_handed_out() {
    let (_authority, signer, client) = working();
    let id = new_key(&client).await.unwrap();
    signer.mood(Mood::EmptyKeys);
    assert!(unavailable(new_key(&client).await).contains("empty key"));
    assert!(unavailable(client.public_key(&id).await).contains("empty key"));
}

#[tokio::test]
async fn a_key_under_a_wrong_id_is_not_taken() {
    let (_authority, signer, client) = working();
    let id = new_key(&client).await.unwrap();
    signer.mood(Mood::WrongIds);
    unavailable(new_key(&client).await);
    unavailable(client.public_key(&id).await);
}

#[tokio::test]
async fn refusals_keep_their_meaning() {
    let (_authority, signer, client) = working();
    let id = new_key(&client).await.unwrap();
    signer.mood(Mood::Says(Code::InvalidArgument, "not this"));
    assert!(matches!(sign(&client, &id).await, Err(SignerError::Refused(why)) if why == "not this"));
    signer.mood(Mood::Says(Code::PermissionDenied, "not you"));
    assert!(unavailable(sign(&client, &id).await).contains("not you"), "an operator must see that, and clients wait");
    signer.mood(Mood::Says(Code::FailedPrecondition, "sealed under alias x"));
    assert!(matches!(sign(&client, &id).await, Err(SignerError::UnusableKey(why)) if why.contains("alias x")));
    signer.mood(Mood::Says(Code::Internal, "Key creation failed"));
    assert!(unavailable(new_key(&client).await).contains("Key creation failed"));
    assert!(unavailable(sign(&client, &id).await).contains(&signer.address.to_string()));
    signer.mood(Mood::Works);
    sign(&client, &id).await.unwrap();
}

#[tokio::test]
async fn a_message_beyond_what_the_signer_takes_says_so() {
    let (_authority, signer, client) = working();
    let id = new_key(&client).await.unwrap();
    let message = vec![b'x'; signer_proto::MESSAGE_BYTES + 1];
    let failed = client.sign(&id, &gun(), &RoleName::Timestamp, &message).await;
    assert!(matches!(failed, Err(SignerError::TooLarge { bytes, .. }) if bytes == message.len()), "{failed:?}");
    sign(&client, &id).await.unwrap();
    signer.mood(Mood::Says(Code::ResourceExhausted, "grpc: received message larger than max (4194400 vs. 4194304)"));
    assert!(matches!(sign(&client, &id).await, Err(SignerError::TooLarge { .. })));
}

#[tokio::test]
async fn a_signer_of_another_authority_gets_nothing() {
    let (authority, signer, _) = working();
    let stranger = Authority::new();
    let mut options = options(&stranger, &[signer.at()]);
    options.tls.client = authority.client().client;
    let reason = unavailable(RemoteSigner::new(&options).unwrap().check().await);
    assert!(reason.contains("certificate"), "{reason}");
}

#[tokio::test]
async fn a_signer_under_another_name_gets_nothing() {
    let (authority, signer, _) = working();
    let at = SignerAddress::parse(&format!("localhost:{}", signer.address.port()), None).unwrap();
    let reason = unavailable(RemoteSigner::new(&options(&authority, &[at])).unwrap().check().await);
    assert!(reason.contains("certificate"), "{reason}");
}

#[tokio::test]
async fn without_a_client_certificate_the_signer_says_why_not() {
    let (authority, signer, _) = working();
    let mut options = options(&authority, &[signer.at()]);
    options.tls.client = None;
    let reason = unavailable(RemoteSigner::new(&options).unwrap().check().await);
    assert!(reason.to_lowercase().contains("certificate"), "{reason}");
}

#[tokio::test]
async fn new_certificates_are_taken_by_themselves() {
    let authority = Authority::new();
    let signer = TestSigner::start(&authority);
    let stranger = Authority::new();
    let (right, wrong) = (authority.path("ca.crt"), stranger.path("ca.crt"));
    let file = authority.path("trusted.crt");
    overwrite(&file, &wrong);
    let mut options = options(&authority, &[signer.at()]);
    options.tls.ca = Some(file.clone());
    let client = RemoteSigner::new(&options).unwrap();
    unavailable(client.check().await);
    overwrite(&file, &right);
    soon(async || client.check().await.is_ok()).await;
}

#[tokio::test]
async fn a_bad_new_pair_leaves_the_one_in_force() {
    let (authority, _signer, client) = working();
    let id = new_key(&client).await.unwrap();
    authority.issue("other", "other.example");
    overwrite(&authority.path("client.key"), &authority.path("other.key"));
    let error = client.reload().unwrap_err().to_string();
    assert!(error.contains("client.crt") && error.contains("client.key"), "{error}");
    sign(&client, &id).await.unwrap();
    overwrite(&authority.path("client.crt"), &authority.path("other.crt"));
    client.reload().unwrap();
    sign(&client, &id).await.unwrap();
}

#[tokio::test]
async fn files_that_cannot_be_used_are_named() {
    let authority = Authority::new();
    authority.issue("other", "other.example");
    std::fs::write(authority.path("empty"), "").unwrap();
    let (good, path) = (authority.client(), |name: &str| authority.path(name));
    let with_client = |certificate: &str, key: &str| SignerTls {
        client: Some(ClientFiles { certificate: path(certificate), key: path(key) }),
        ..good.clone()
    };
    good.check().unwrap();
    SignerTls { ca: None, client: None }.check().unwrap();
    for (tls, names) in [
        (SignerTls { ca: Some(path("absent")), client: None }, "absent: cannot be read"),
        (SignerTls { ca: Some(path("empty")), client: None }, "empty: expected certificates in PEM"),
        (SignerTls { ca: Some(path("client.key")), client: None }, "client.key: expected certificates in PEM"),
        (with_client("absent", "client.key"), "absent: cannot be read"),
        (with_client("client.crt", "client.crt"), "client.crt: expected a private key"),
        (with_client("client.crt", "other.key"), "cannot be used together"),
    ] {
        let error = tls.check().unwrap_err().to_string();
        assert!(error.contains(names), "{error}");
    }
}
