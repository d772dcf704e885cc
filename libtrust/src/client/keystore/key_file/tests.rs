use proptest::prelude::*;
use ring::rand::SystemRandom;

use super::*;

fn key(algorithm: KeyAlgorithm) -> SigningKey {
    SigningKey::generate(algorithm, &SystemRandom::new()).unwrap()
}

fn block(text: &str) -> KeyBlock {
    KeyBlock::new(Pem::parse_all(text.as_bytes()).unwrap().remove(0)).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_sealed_key_opens_with_its_passphrase_and_no_other(one in ".{1,40}", other in ".{0,40}") {
        let made = key(KeyAlgorithm::Ecdsa);
        let text = KeyBlock::seal_with(&made, &one, vec![], 3).unwrap().to_text();
        let read = block(&text);
        prop_assert!(read.is_sealed());
        let opened = read.open(&one);
        prop_assert_eq!(opened.map(|opened| opened.public_key().clone()), Ok(made.public_key().clone()));
        if one != other {
            prop_assert_eq!(read.open(&other).err(), Some(OpenFailed::WrongPassphrase));
        }
    }
}

#[test]
fn both_kinds_of_new_keys_are_stored() {
    for algorithm in [KeyAlgorithm::Ecdsa, KeyAlgorithm::Ed25519] {
        let made = key(algorithm);
        let read = block(&KeyBlock::seal(&made, "a passphrase", vec![]).unwrap().to_text());
        assert_eq!(read.open("a passphrase").unwrap().to_plain(), made.to_plain());
    }
}

#[test]
fn what_is_no_private_key_is_none() {
    for label in ["PUBLIC KEY", "CERTIFICATE", "OPENSSH PRIVATE KEY", ""] {
        let pem = Pem { label: label.to_owned(), headers: vec![], content: Zeroizing::new(vec![0]) };
        assert!(KeyBlock::new(pem).is_none(), "{label}");
    }
}

fn golden(name: &str) -> Vec<u8> {
    std::fs::read(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/keys").join(name)).unwrap()
}

fn private_keys(text: &[u8]) -> Vec<KeyBlock> {
    Pem::parse_all(text).unwrap().into_iter().filter_map(KeyBlock::new).collect()
}

#[test]
fn keys_that_real_programs_wrote_open_to_the_ids_they_gave_them() {
    let listed = String::from_utf8(golden("keys.tsv")).unwrap();
    let mut read = 0;
    for line in listed.lines() {
        let [name, passphrase, expected] = line.split('\t').collect::<Vec<_>>()[..] else { panic!("{line}") };
        let blocks = private_keys(&golden(&format!("files/{name}")));
        if expected == "several" {
            let paths: Vec<_> = blocks.iter().map(|block| block.header("path").unwrap()).collect();
            assert_eq!(paths.len(), 3, "{name}");
            continue;
        }
        let block = &blocks[0];
        assert_eq!(block.is_sealed(), !passphrase.is_empty(), "{name}");
        if block.is_sealed() {
            for wrong in ["", "passphrase", "passphrase-opensslx"] {
                let unread = expected.contains("topk8");
                let failed = block.open(wrong).err().unwrap();
                assert!(failed == OpenFailed::WrongPassphrase || unread, "{name}: {failed:?}");
            }
        }
        match (block.open(passphrase), expected.strip_prefix('!')) {
            (Ok(key), None) => {
                let id = crate::dialect::notary::key_id(key.public_key());
                assert_eq!(id.as_str(), expected, "{name}");
                let random = SystemRandom::new();
                let signature = key.sign(&id, b"message", &random).unwrap();
                let public = key.public_key().verifying_key().unwrap();
                assert_eq!(public.verify(&signature.scheme, b"message", &signature.bytes), Ok(()), "{name}");
            }
            (Err(OpenFailed::Unusable(why)), Some(words)) => assert!(why.contains(words.trim()), "{name}: {why}"),
            (outcome, _) => panic!("{name}: {:?}", outcome.err()),
        }
        read += 1;
    }
    assert!(read > 45, "{read}");
}

#[test]
fn what_notary_sealed_is_written_again_byte_for_byte() {
    for name in ["files/notary-of-collection-targets.key", "files/notary-export.pem"] {
        let text = golden(name);
        let written: String = private_keys(&text).iter().map(|block| block.to_text().as_str().to_owned()).collect();
        assert_eq!(written.into_bytes(), text, "{name}");
    }
    let block = &private_keys(&golden("files/notary-of-collection-targets.key"))[0];
    let headers = [("gun", "registry.example:5000/team/app"), ("role", "targets")];
    assert_eq!(block.headers(), headers.map(|(name, value)| (name.to_owned(), value.to_owned())));
}

#[test]
fn the_plain_form_is_the_one_notary_seals() {
    for kind in ["ecdsa", "rsa", "ed25519"] {
        let listed = String::from_utf8(golden("keys.tsv")).unwrap();
        let name = listed.lines().find(|line| line.starts_with(&format!("notary-imported-{kind}"))).unwrap();
        let text = golden(&format!("files/{}", name.split('\t').next().unwrap()));
        let block = &private_keys(&text)[0];
        let plain = pbes2::open(&block.pem.content, "passphrase-delegation").unwrap();
        assert_eq!(*SigningKey::from_pkcs8(&plain).unwrap().to_pkcs8(), *plain, "{kind}");
    }
}
