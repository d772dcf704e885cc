use std::time::Instant;

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
fn opening_takes_well_below_a_tenth_of_a_second() {
    let sealed = KeyBlock::seal(&key(KeyAlgorithm::Ecdsa), "a passphrase", vec![]).unwrap();
    // The best of some: others use this machine, too.
    let best = (0..5).map(|_| {
        let begun = Instant::now();
        sealed.open("a passphrase").unwrap();
        begun.elapsed()
    });
    let best = best.min().unwrap();
    println!("opening took {best:?}");
    assert!(best.as_millis() < 100, "{best:?}");
}

#[test]
fn what_is_no_private_key_is_none() {
    for label in ["PUBLIC KEY", "CERTIFICATE", "OPENSSH PRIVATE KEY", ""] {
        let pem = Pem { label: label.to_owned(), headers: vec![], content: Zeroizing::new(vec![0]) };
        assert!(KeyBlock::new(pem).is_none(), "{label}");
    }
}
