//! A token: found, and logged in to without locking it.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error, RvError};
use cryptoki::session::{Session, SessionState, UserType};
use cryptoki::slot::Slot;
use cryptoki::types::AuthPin;
use zeroize::Zeroizing;

use crate::client::keystore::{KeyStoreError, PassphraseRequest, Passphrases};

/// Which token of those that a library shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChosenToken {
    /// The only one. If there are several, none is taken.
    Only,
    /// By its label.
    Label(String),
    /// By its serial number.
    Serial(String),
}

/// Whether work needs the PIN.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Public objects alone.
    Public,
    /// Private keys.
    User,
}

/// A token of a library. One session at a time: tokens do one thing at a time anyway.
pub struct Token {
    library: Pkcs11,
    chosen: ChosenToken,
    pin: Arc<dyn Passphrases>,
    name: String,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    session: Option<Session>,
    /// PINs that were refused. None is tried again: a few wrong ones lock a token for good.
    refused: Vec<Zeroizing<String>>,
}

impl Token {
    pub fn open(module: &Path, chosen: ChosenToken, pin: Arc<dyn Passphrases>) -> Result<Self, KeyStoreError> {
        let which = match &chosen {
            ChosenToken::Only => "the only one".to_owned(),
            ChosenToken::Label(label) => format!("{label:?}"),
            ChosenToken::Serial(serial) => format!("with serial number {serial:?}"),
        };
        let name = format!("{which} of {}", module.display());
        let failed = |error| token_error(&name, "be reached", &reason(&error));
        let library = Pkcs11::new(PathBuf::from(module)).map_err(failed)?;
        initialize(&library).map_err(failed)?;
        Ok(Self { library, chosen, pin, name, state: Mutex::default() })
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// Works in a session. If that, or the token, went away before, the work is done once more in a new one.
    pub fn run<T>(
        &self,
        access: Access,
        action: &'static str,
        work: impl Fn(&Session) -> Result<T, Fault>,
    ) -> Result<T, KeyStoreError> {
        // Held while asking for the PIN, so that it is asked for once.
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let mut tries = 0;
        loop {
            tries += 1;
            let outcome = self.session(&mut state, access).and_then(work_in(&work));
            match outcome {
                Err(Fault::Library(error)) if is_lost(&error) && tries == 1 => state.session = None,
                Err(Fault::Library(error)) => return Err(token_error(&self.name, action, &reason(&error))),
                Err(Fault::Said(said)) => return Err(said),
                Ok(done) => return Ok(done),
            }
        }
    }

    fn session<'a>(&self, state: &'a mut State, access: Access) -> Result<&'a Session, Fault> {
        let session = match state.session.take() {
            Some(open) => open,
            None => self.library.open_rw_session(self.slot()?)?,
        };
        let session = state.session.insert(session);
        // Asked each time: another part of this process may have logged in or out, which holds for all its sessions.
        if access == Access::User && session.get_session_info()?.session_state() == SessionState::RwPublic {
            self.log_in(session, &mut state.refused)?;
        }
        Ok(session)
    }

    fn log_in(&self, session: &Session, refused: &mut Vec<Zeroizing<String>>) -> Result<(), Fault> {
        let locked = |why: &str| Fault::Said(token_error(&self.name, "be unlocked", why));
        for wrong_answers in 0.. {
            let token = self.library.get_token_info(self.slot()?)?;
            if token.user_pin_locked() {
                return Err(locked("its PIN is locked; unlock it with the vendor's tool"));
            }
            if token.user_pin_final_try() {
                return Err(locked(
                    "one try is left before it locks: check the PIN, and log in once with the vendor's own tool",
                ));
            }
            let request = PassphraseRequest { role: "token PIN", gun: None, id: None, is_new: false, wrong_answers };
            let pin = self.pin.passphrase(&request).map_err(|why| locked(&why.to_string()))?;
            if refused.contains(&pin) {
                return Err(locked("it refused this PIN before, and it is not tried again"));
            }
            match session.login(UserType::User, Some(&AuthPin::from(pin.as_str()))) {
                Ok(()) | Err(Error::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => return Ok(()),
                Err(Error::Pkcs11(RvError::PinIncorrect | RvError::PinInvalid | RvError::PinLenRange, _)) => {
                    refused.push(pin);
                }
                Err(other) => return Err(locked(&reason(&other))),
            }
        }
        Ok(())
    }

    fn slot(&self) -> Result<Slot, Fault> {
        let (mut found, mut seen) = (Vec::new(), Vec::new());
        for slot in self.library.get_slots_with_initialized_token()? {
            // A slot that cannot be read is not the one, or will be missed below.
            let Ok(info) = self.library.get_token_info(slot) else { continue };
            let (label, serial) = (info.label().trim_end(), info.serial_number().trim_end());
            let is_it = match &self.chosen {
                ChosenToken::Only => true,
                ChosenToken::Label(wanted) => label == wanted,
                ChosenToken::Serial(wanted) => serial == wanted,
            };
            if is_it {
                found.push(slot);
            }
            seen.push(format!("{label:?} (serial {serial})"));
        }
        let unfound = |why: &str| Err(Fault::Said(token_error(&self.name, "be found", why)));
        match found.as_slice() {
            [slot] => Ok(*slot),
            [] if seen.is_empty() => unfound("there is none; is it plugged in?"),
            [] => unfound(&format!("there are only {}", seen.join(", "))),
            _ => unfound(&format!("choose one by label or serial number: {}", seen.join(", "))),
        }
    }
}

fn work_in<T>(work: &impl Fn(&Session) -> Result<T, Fault>) -> impl FnOnce(&Session) -> Result<T, Fault> {
    move |session| work(session)
}

/// What stops work in a session.
pub enum Fault {
    /// The library.
    Library(Error),
    /// Something that is put into words already.
    Said(KeyStoreError),
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::Library(error)
    }
}

impl From<KeyStoreError> for Fault {
    fn from(error: KeyStoreError) -> Self {
        Self::Said(error)
    }
}

pub fn token_error(token: &str, action: &'static str, why: &str) -> KeyStoreError {
    KeyStoreError::Token { token: token.to_owned(), action, why: why.to_owned() }
}

/// Another store in this process may have done it.
fn initialize(library: &Pkcs11) -> Result<(), Error> {
    match library.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)) {
        Err(Error::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => Ok(()),
        other => other,
    }
}

/// The session, or the token under it, is gone. Nothing was done, and a new session may work.
const fn is_lost(error: &Error) -> bool {
    matches!(
        error,
        Error::Pkcs11(
            RvError::SessionHandleInvalid
                | RvError::SessionClosed
                | RvError::DeviceRemoved
                | RvError::DeviceError
                | RvError::TokenNotPresent
                | RvError::UserNotLoggedIn,
            _,
        )
    )
}

fn reason(error: &Error) -> String {
    match error {
        Error::Pkcs11(code, function) => format!("{function}: {code:?}"),
        other => other.to_string(),
    }
}
