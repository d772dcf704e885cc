//! Passphrases from a person.

use std::collections::HashMap;
use std::io;
use std::sync::{Mutex, PoisonError};

use libtrust::client::{PassphraseError, PassphraseRequest, Passphrases};
use zeroize::Zeroizing;

use super::{Console, Wording};

/// How often a passphrase is asked for before the key stays closed.
const UNLOCK_TRIES: u32 = 4;
/// How often a new passphrase is asked for before nothing is made.
const NEW_TRIES: u32 = 10;
/// The fewest characters of a new passphrase.
const LEAST_CHARACTERS: usize = 8;

/// Asks for passphrases on a console.
///
/// A passphrase that was typed for a role is tried once, unasked, for the next key of that role, as Docker and Notary do:
/// a signer's keys usually share one.
pub struct AskingPassphrases<C> {
    console: C,
    wording: Wording,
    known: Mutex<HashMap<String, Zeroizing<String>>>,
}

impl<C: Console> AskingPassphrases<C> {
    /// Asks on `console` in the given words.
    pub fn new(console: C, wording: Wording) -> Self {
        Self { console, wording, known: Mutex::default() }
    }

    fn unlock(&self, request: &PassphraseRequest<'_>) -> Result<Zeroizing<String>, PassphraseError> {
        if request.wrong_answers >= UNLOCK_TRIES {
            return Err(PassphraseError::Wrong);
        }
        if request.wrong_answers > 0 {
            self.show(self.wording.wrong())?;
        }
        self.ask(&self.wording.question(request))
    }

    fn choose(&self, request: &PassphraseRequest<'_>) -> Result<Zeroizing<String>, PassphraseError> {
        for _ in 0..NEW_TRIES {
            let first = self.ask(&self.wording.question(request))?;
            if first.chars().count() < LEAST_CHARACTERS {
                self.show(self.wording.too_short())?;
                continue;
            }
            if *self.ask(&self.wording.repetition(request))? == *first {
                return Ok(first);
            }
            self.show(self.wording.different())?;
        }
        Err(PassphraseError::Refused(format!("no passphrase was chosen in {NEW_TRIES} tries")))
    }

    fn ask(&self, question: &str) -> Result<Zeroizing<String>, PassphraseError> {
        self.show(question)?;
        let answer = self.console.hidden_line();
        // The Enter key was not shown either.
        self.show("\n")?;
        match answer.map_err(unavailable)? {
            // Docker and Notary do not take space at either end for a part of it; keys are shared with them.
            Some(answer) => Ok(Zeroizing::new(answer.trim().to_owned())),
            None => Err(PassphraseError::Unavailable("no passphrase was entered".to_owned())),
        }
    }

    fn show(&self, text: &str) -> Result<(), PassphraseError> {
        self.console.show(text).map_err(unavailable)
    }
}

impl<C: Console> Passphrases for AskingPassphrases<C> {
    fn passphrase(&self, request: &PassphraseRequest<'_>) -> Result<Zeroizing<String>, PassphraseError> {
        if !self.console.is_interactive() {
            return Err(PassphraseError::Unavailable(format!(
                "there is no terminal to ask for the passphrase of the {} key on; set {}",
                request.role,
                variable(self.wording, request.role)
            )));
        }
        if request.wrong_answers == 0 {
            self.show(self.wording.introduction(request))?;
            let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            // Our own commands ask for every new one: it should be a choice.
            let reuse = !request.is_new || self.wording != Wording::Trust;
            if let Some(known) = known.get(request.role).filter(|_| reuse) {
                return Ok(known.clone());
            }
        }
        let answer = if request.is_new { self.choose(request)? } else { self.unlock(request)? };
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(request.role.to_owned(), answer.clone());
        Ok(answer)
    }
}

/// The variable that holds the passphrase of a role's keys.
const fn variable(wording: Wording, role: &str) -> &'static str {
    match (wording, role.as_bytes()) {
        (Wording::Notary, b"root") => "NOTARY_ROOT_PASSPHRASE",
        (Wording::Notary, b"targets") => "NOTARY_TARGETS_PASSPHRASE",
        (Wording::Notary, b"snapshot") => "NOTARY_SNAPSHOT_PASSPHRASE",
        (Wording::Notary, _) => "NOTARY_DELEGATION_PASSPHRASE",
        (_, b"root") => "DOCKER_CONTENT_TRUST_ROOT_PASSPHRASE",
        (_, _) => "DOCKER_CONTENT_TRUST_REPOSITORY_PASSPHRASE",
    }
}

fn unavailable(error: io::Error) -> PassphraseError {
    PassphraseError::Unavailable(match error.kind() {
        io::ErrorKind::Interrupted => "no passphrase was entered".to_owned(),
        _ => format!("cannot ask for a passphrase: {error}"),
    })
}

#[cfg(test)]
mod tests {
    use libtrust::names::KeyId;

    use super::*;
    use crate::terminal::testing::Scripted;

    fn id(start: &str) -> KeyId {
        format!("{start:0<64}").parse().unwrap()
    }

    fn request<'a>(role: &'a str, id: &'a KeyId, is_new: bool, wrong_answers: u32) -> PassphraseRequest<'a> {
        PassphraseRequest { role, gun: None, id: Some(id), is_new, wrong_answers }
    }

    /// What a real program showed, from the first line with `from` to the last one before `to`.
    fn spoken<'a>(screen: &'a str, from: &str, to: &str) -> &'a str {
        let start = screen.find(from).unwrap();
        let length = screen[start..].find(to).unwrap();
        &screen[start..start + length]
    }

    #[test]
    fn a_new_root_key_is_asked_for_as_notary_does() {
        let real = include_str!("../../../fixtures/spoken/notary-0.7.0/ask-new-root.tty");
        let key = id(spoken(real, "with ID ", ":").trim_start_matches("with ID "));
        let answers = ["short", "long enough", "other enough", "long enough", " long enough "];
        let asking = AskingPassphrases::new(Scripted::answering(&answers), Wording::Notary);
        assert_eq!(*asking.passphrase(&request("root", &key, true, 0)).unwrap(), "long enough");
        assert_eq!(asking.console.screen(), spoken(real, "You are", "Generated"));
    }

    #[test]
    fn a_signers_key_is_asked_for_as_docker_does() {
        let real = include_str!("../../../fixtures/spoken/docker-28.2.2/ask-key-generate.tty");
        let key = id(spoken(real, "with ID ", ":").trim_start_matches("with ID "));
        let answers = ["short", "long enough", "other enough", "long enough", "long enough"];
        let asking = AskingPassphrases::new(Scripted::answering(&answers), Wording::Docker);
        asking.passphrase(&request("dave", &key, true, 0)).unwrap();
        assert_eq!(asking.console.screen(), spoken(real, "Enter", "Successfully"));
    }

    #[test]
    fn the_targets_key_is_docker_s_repository_key() {
        let real = include_str!("../../../fixtures/spoken/docker-28.2.2/ask-signer-add.tty");
        let shown = spoken(real, "Enter passphrase for new repository", "Successfully");
        let key = id(spoken(shown, "with ID ", ":").trim_start_matches("with ID "));
        let asking = AskingPassphrases::new(Scripted::answering(&["long enough"; 2]), Wording::Docker);
        asking.passphrase(&request("targets", &key, true, 0)).unwrap();
        assert_eq!(asking.console.screen(), shown);
    }

    #[test]
    fn four_wrong_answers_are_enough() {
        let real = include_str!("../../../fixtures/spoken/notary-0.7.0/ask-wrong.tty");
        let key = id(spoken(real, "with ID ", ":").trim_start_matches("with ID "));
        let asking = AskingPassphrases::new(Scripted::answering(&["wrong wrong"; 9]), Wording::Notary);
        for wrong in 0..4 {
            asking.passphrase(&request("root", &key, false, wrong)).unwrap();
        }
        assert_eq!(asking.passphrase(&request("root", &key, false, 4)).unwrap_err(), PassphraseError::Wrong);
        assert_eq!(asking.console.screen(), spoken(real, "Enter", "\n* fatal"));
    }

    #[test]
    fn nobody_is_asked_without_a_terminal() {
        let asking = AskingPassphrases::new(Scripted::away(), Wording::Trust);
        let error = asking.passphrase(&request("root", &id("ab"), false, 0)).unwrap_err();
        assert!(error.to_string().contains("DOCKER_CONTENT_TRUST_ROOT_PASSPHRASE"), "{error}");
        assert_eq!(asking.console.screen(), "");
    }

    #[test]
    fn a_passphrase_opens_the_next_key_of_its_role_unasked() {
        let asking = AskingPassphrases::new(Scripted::answering(&["first one", "second one"]), Wording::Trust);
        let (one, two) = (id("1"), id("2"));
        asking.passphrase(&request("alice", &one, false, 0)).unwrap();
        assert_eq!(*asking.passphrase(&request("alice", &two, false, 0)).unwrap(), "first one");
        assert_eq!(*asking.passphrase(&request("alice", &two, false, 1)).unwrap(), "second one");
    }
}
