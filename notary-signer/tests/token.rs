//! The program with its keys in a PKCS#11 token: SoftHSM's.
#![cfg(feature = "pkcs11")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

mod support;

use std::process::Command;

use libtrust::keys::{KeyType, PublicKey, SignatureScheme};
use serde_json::json;
use support::{GUN, Place, Running, TIMESTAMP, command, id_of};
use tonic::Code;

const PIN: &str = "hunter2-of-the-token";

/// Makes a token and gives SoftHSM's configuration file.
fn token(place: &Place) -> String {
    let configuration = place.path("softhsm2.conf");
    std::fs::create_dir(place.path("tokens")).unwrap();
    let text = format!("directories.tokendir = {}\nlog.level = ERROR\n", place.path("tokens").display());
    std::fs::write(&configuration, text).unwrap();
    let mut make = Command::new("softhsm2-util");
    make.args(["--init-token", "--free", "--so-pin", "12345678", "--pin", PIN, "--label", "online keys"]);
    let output = make.env("SOFTHSM2_CONF", &configuration).output().expect("Debian's package softhsm2 is installed");
    assert!(output.status.success(), "{output:?}");
    configuration.to_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_in_a_token_sign_and_outlive_the_process() {
    let place = Place::new();
    let softhsm = token(&place);
    let config = place.config(|config| {
        config["storage"] =
            json!({ "backend": "pkcs11", "module": "/usr/lib/softhsm/libsofthsm2.so", "token_label": "online keys" });
    });
    let environment = [("SOFTHSM2_CONF", softhsm.as_str()), ("NOTARY_SIGNER_PKCS11_PIN", PIN)];
    let (id, public) = {
        let signer = Running::spawn(&config, &environment);
        let client = place.client(&signer, "server").await;
        let key = client.create(GUN, "timestamp", "ecdsa").await.unwrap();
        client.sign(&id_of(&key), TIMESTAMP).await.unwrap();
        assert!(signer.log().iter().all(|line| !line.contains(PIN)));
        (id_of(&key), PublicKey::new(KeyType::Ecdsa, key.public_key))
    };
    let signer = Running::spawn(&config, &environment);
    let client = place.client(&signer, "server").await;
    let signature = client.sign(&id, TIMESTAMP).await.unwrap();
    let verifying = public.verifying_key().unwrap();
    verifying.verify(&SignatureScheme::EcdsaFixed, TIMESTAMP, &signature.content).unwrap();
    assert_eq!(client.sign(&id, br#"{"_type":"Root"}"#).await.unwrap_err().code(), Code::InvalidArgument);
    assert_ne!(client.new_key().await, id, "it signed, so it is not pending");
}

#[test]
fn a_token_without_its_pin_is_named_at_the_start() {
    let place = Place::new();
    let softhsm = token(&place);
    let config = place.config(|config| {
        config["storage"] =
            json!({ "backend": "pkcs11", "module": "/usr/lib/softhsm/libsofthsm2.so", "token_label": "online keys" });
    });
    for (pin, words) in [("", "NOTARY_SIGNER_PKCS11_PIN"), ("wrong", "online keys")] {
        let output =
            command(&config, &[("SOFTHSM2_CONF", &softhsm), ("NOTARY_SIGNER_PKCS11_PIN", pin)]).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains(words), "{said}");
    }
}
