use std::sync::atomic::{AtomicU32, Ordering};

use super::*;

fn request(role: &str, wrong_answers: u32) -> PassphraseRequest<'_> {
    PassphraseRequest { role, gun: None, id: None, is_new: false, wrong_answers }
}

fn environment(names: EnvironmentNames, set: &'static [(&'static str, &'static str)]) -> PassphraseEnvironment {
    PassphraseEnvironment::with(names, |name| {
        set.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).into())
    })
}

fn answer(source: &dyn Passphrases, role: &str, wrong: u32) -> Result<String, PassphraseError> {
    source.passphrase(&request(role, wrong)).map(|answer| answer.as_str().to_owned())
}

/// A person who gives other words each time.
struct Person(AtomicU32);

impl Passphrases for Person {
    fn passphrase(&self, request: &PassphraseRequest<'_>) -> Result<Zeroizing<String>, PassphraseError> {
        assert_eq!(self.0.fetch_add(1, Ordering::Relaxed), request.wrong_answers);
        Ok(Zeroizing::new(format!("try {}", request.wrong_answers)))
    }
}

#[test]
fn variables_are_those_of_docker_and_notary() {
    let docker = environment(
        EnvironmentNames::Docker,
        &[("DOCKER_CONTENT_TRUST_ROOT_PASSPHRASE", "r"), ("DOCKER_CONTENT_TRUST_REPOSITORY_PASSPHRASE", "o")],
    );
    for (role, expected) in [("root", "r"), ("targets", "o"), ("alice", "o"), ("targets/releases", "o")] {
        assert_eq!(answer(&docker, role, 0).unwrap(), expected);
    }
    let notary = environment(
        EnvironmentNames::Notary,
        &[
            ("NOTARY_ROOT_PASSPHRASE", "r"),
            ("NOTARY_TARGETS_PASSPHRASE", "t"),
            ("NOTARY_SNAPSHOT_PASSPHRASE", "s"),
            ("NOTARY_DELEGATION_PASSPHRASE", "d"),
        ],
    );
    for (role, expected) in [("root", "r"), ("targets", "t"), ("snapshot", "s"), ("alice", "d")] {
        assert_eq!(answer(&notary, role, 0).unwrap(), expected);
    }
}

#[test]
fn a_wrong_variable_is_named_and_not_repeated() {
    let set = environment(EnvironmentNames::Docker, &[("DOCKER_CONTENT_TRUST_ROOT_PASSPHRASE", "wrong")]);
    let error = answer(&set, "root", 1).unwrap_err();
    assert!(error.to_string().contains("DOCKER_CONTENT_TRUST_ROOT_PASSPHRASE"), "{error}");
    let blank = environment(EnvironmentNames::Docker, &[("DOCKER_CONTENT_TRUST_ROOT_PASSPHRASE", "")]);
    assert!(matches!(answer(&blank, "root", 0), Err(PassphraseError::Unavailable(_))));
}

#[test]
fn a_chain_goes_on_to_the_next_source_and_then_to_the_person() {
    let chain = PassphraseChain::new()
        .then(environment(EnvironmentNames::Notary, &[("NOTARY_ROOT_PASSPHRASE", "n")]))
        .then(environment(EnvironmentNames::Docker, &[("DOCKER_CONTENT_TRUST_ROOT_PASSPHRASE", "d")]))
        .then_ask(Person(AtomicU32::new(0)));
    let answers: Vec<_> = (0..4).map(|wrong| answer(&chain, "root", wrong).unwrap()).collect();
    assert_eq!(answers, ["n", "d", "try 0", "try 1"]);
}

#[test]
fn a_chain_says_what_was_wrong_or_what_to_set() {
    let chain = PassphraseChain::new()
        .then(environment(EnvironmentNames::Notary, &[("NOTARY_ROOT_PASSPHRASE", "n")]))
        .then(environment(EnvironmentNames::Docker, &[]));
    assert!(matches!(answer(&chain, "root", 1), Err(PassphraseError::WrongIn { origin }) if origin.contains("NOTARY")));
    let missing = answer(&chain, "targets", 0).unwrap_err().to_string();
    assert!(missing.contains("NOTARY_TARGETS_PASSPHRASE"), "{missing}");
    assert!(missing.contains("DOCKER_CONTENT_TRUST_REPOSITORY_PASSPHRASE"), "{missing}");
    let fixed = PassphraseChain::new().then(FixedPassphrase::new("x"));
    assert_eq!(answer(&fixed, "root", 3), Err(PassphraseError::Wrong));
}

#[test]
fn files_and_descriptors_give_their_first_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret");
    std::fs::write(&path, "from a file\nmore").unwrap();
    let file = PassphraseFile::new(&path);
    assert_eq!(answer(&file, "root", 0).unwrap(), "from a file");
    assert!(matches!(answer(&file, "root", 1), Err(PassphraseError::WrongIn { .. })));
    assert!(matches!(answer(&PassphraseFile::new("/nowhere"), "root", 0), Err(PassphraseError::Unavailable(_))));

    use std::os::fd::AsRawFd;
    let open = std::fs::File::open(&path).unwrap();
    let descriptor = PassphraseDescriptor::new(u32::try_from(open.as_raw_fd()).unwrap());
    assert_eq!(answer(&descriptor, "root", 0).unwrap(), "from a file");
    drop(open);
    assert_eq!(answer(&descriptor, "alice", 0).unwrap(), "from a file", "it is read once");
    assert!(matches!(answer(&PassphraseDescriptor::new(4000), "root", 0), Err(PassphraseError::Unavailable(_))));
}

#[test]
fn root_keys_can_have_a_source_of_their_own() {
    let by_role = PassphrasesByRole { root: FixedPassphrase::new("r"), others: FixedPassphrase::new("o") };
    assert_eq!((answer(&by_role, "root", 0), answer(&by_role, "x", 0)), (Ok("r".into()), Ok("o".into())));
}

#[test]
fn chosen_passphrases_have_a_least_length() {
    assert!(long_enough("1234567").is_err());
    assert!(long_enough("ünïcödé!").is_ok());
}
