//! A token: found, logged in to, and used through a few sessions.

use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error, RvError};
use cryptoki::session::{Session, SessionState, UserType};
use cryptoki::slot::Slot;
use cryptoki::types::AuthPin;
use zeroize::Zeroizing;

use super::fault::{Fault, reason};
use crate::keystore::{KeyStoreError, Passphrases};

/// Most sessions open at once. Tokens have few, and most sign one message at a time anyway.
const SESSIONS: usize = 4;
/// How long a caller waits for a session before it fails.
const PATIENCE: Duration = Duration::from_secs(10);

/// Which token of those that a library shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChosenToken {
    /// By its label.
    Label(String),
    /// By its serial number.
    Serial(String),
    /// By the number of its slot. Many libraries number anew at each start.
    Slot(u64),
}

pub(super) struct Token {
    library: Pkcs11,
    chosen: ChosenToken,
    /// The PIN is the passphrase of its default alias.
    pin: Passphrases,
    name: String,
    state: Mutex<State>,
    returned: Condvar,
    /// The last PIN that was refused. It is not tried again: a few wrong ones lock a token for good.
    refused_pin: Mutex<Option<Zeroizing<String>>>,
}

#[derive(Default)]
struct State {
    idle: Vec<Session>,
    /// Idle and lent.
    open: usize,
    /// Counts how often the token was lost; sessions and object handles from before are void.
    generation: u64,
}

/// A session while it is used.
pub(super) struct Lease<'a> {
    token: &'a Token,
    session: Option<Session>,
    pub(super) generation: u64,
}

impl Token {
    pub(super) fn open(module: &Path, chosen: ChosenToken, pin: Passphrases) -> Result<Self, KeyStoreError> {
        let name = format!("{} ({})", describe(&chosen), module.display());
        let failed = |error: &Error| KeyStoreError::Token {
            token: name.clone(),
            action: "load its library",
            reason: reason(error),
        };
        let library = Pkcs11::new(PathBuf::from(module)).map_err(|error| failed(&error))?;
        initialize(&library).map_err(|error| failed(&error))?;
        Ok(Self {
            library,
            chosen,
            pin,
            name,
            state: Mutex::default(),
            returned: Condvar::new(),
            refused_pin: Mutex::default(),
        })
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Works in a session. Blocks. Work that fails because the session or the token went away is done once more in a
    /// new session.
    pub(super) fn run<T>(
        &self,
        action: &'static str,
        work: impl Fn(&Session, u64) -> Result<T, Fault>,
    ) -> Result<T, KeyStoreError> {
        match self.attempt(&work) {
            Err(fault) if fault.is_lost_session() => {
                tracing::warn!(token = self.name, error = %fault.at(&self.name, action), "session lost, opening another");
                self.attempt(&work)
            }
            other => other,
        }
        .map_err(|fault| fault.at(&self.name, action))
    }

    /// Lets go of the sessions nobody uses.
    pub(super) fn close(&self) {
        let mut state = self.state();
        let idle = std::mem::take(&mut state.idle);
        state.open = state.open.saturating_sub(idle.len());
    }

    fn attempt<T>(&self, work: impl Fn(&Session, u64) -> Result<T, Fault>) -> Result<T, Fault> {
        let lease = self.session()?;
        let Some(session) = &lease.session else { return Err(KeyStoreError::Stopped.into()) };
        let outcome = work(session, lease.generation);
        if outcome.as_ref().is_err_and(Fault::is_lost_session) {
            self.lose(lease.generation);
        }
        outcome
    }

    fn session(&self) -> Result<Lease<'_>, Fault> {
        let mut state = self.state();
        while state.idle.is_empty() && state.open >= SESSIONS {
            let waited = self.returned.wait_timeout(state, PATIENCE).unwrap_or_else(PoisonError::into_inner);
            state = waited.0;
            if waited.1.timed_out() && state.idle.is_empty() {
                return Err(self.failed("be free", "all its sessions are in use").into());
            }
        }
        let generation = state.generation;
        let mut lease = Lease { token: self, session: state.idle.pop(), generation };
        if lease.session.is_none() {
            state.open += 1; // The lease counts from here on, also if opening fails.
            drop(state);
            lease.session = Some(self.log_in()?);
        }
        Ok(lease)
    }

    fn log_in(&self) -> Result<Session, Fault> {
        let session = match self.slot().and_then(|slot| Ok(self.library.open_rw_session(slot)?)) {
            Err(Fault::Library(Error::Pkcs11(RvError::CryptokiNotInitialized, _))) => {
                initialize(&self.library)?;
                self.library.open_rw_session(self.slot()?)?
            }
            other => other?,
        };
        // Held while logging in, so that a wrong PIN is tried once and not by each session.
        let mut refused = self.refused_pin.lock().unwrap_or_else(PoisonError::into_inner);
        let pin =
            self.pin.of(self.pin.default_alias()).map_err(|error| self.failed("be unlocked", &error.to_string()))?;
        if refused.as_ref().is_some_and(|refused| refused.as_str() == pin.text()) {
            let reason = format!("it refused the PIN in {} before; put the right one there", pin.origin());
            return Err(self.failed("be unlocked", &reason).into());
        }
        // Supervisors start a program again that ended, and with it would go try after try.
        if session.get_session_info()?.session_state() == SessionState::RwPublic
            && self.library.get_token_info(self.slot()?)?.user_pin_final_try()
        {
            let reason = "one try is left before it locks: check the PIN and log in once with the vendor's own tool";
            return Err(self.failed("be unlocked", reason).into());
        }
        match session.login(UserType::User, Some(&AuthPin::from(pin.text()))) {
            Ok(()) | Err(Error::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => {
                *refused = None;
                Ok(session)
            }
            Err(Error::Pkcs11(code @ (RvError::PinIncorrect | RvError::PinInvalid | RvError::PinLenRange), _)) => {
                *refused = Some(Zeroizing::new(pin.text().to_owned()));
                let reason = format!(
                    "it refuses the PIN in {} ({code:?}); put the right one there, it is not tried again",
                    pin.origin()
                );
                Err(self.failed("be unlocked", &reason).into())
            }
            Err(other) => Err(self.failed("be unlocked", &reason(&other)).into()),
        }
    }

    fn slot(&self) -> Result<Slot, Fault> {
        let mut found = Vec::new();
        let mut seen = Vec::new();
        for slot in self.library.get_slots_with_token()? {
            // A slot that cannot be read is not the one, or will be missed below.
            let Ok(info) = self.library.get_token_info(slot) else { continue };
            let (label, serial) = (info.label().trim_end(), info.serial_number().trim_end());
            let is_it = match &self.chosen {
                ChosenToken::Label(wanted) => label == wanted,
                ChosenToken::Serial(wanted) => serial == wanted,
                ChosenToken::Slot(wanted) => slot.id() == *wanted,
            };
            if is_it {
                found.push(slot);
            }
            seen.push(format!("{label:?} (serial {serial}, slot {})", slot.id()));
        }
        match found.as_slice() {
            [slot] => Ok(*slot),
            [] => {
                let reason = format!("the library shows no such token, but {}", in_words(&seen));
                Err(self.failed("be found", &reason).into())
            }
            _ => Err(self.failed("be found", "several tokens match; choose one by its serial number").into()),
        }
    }

    fn lose(&self, generation: u64) {
        let mut state = self.state();
        if state.generation != generation {
            return;
        }
        state.generation += 1;
        let void = std::mem::take(&mut state.idle);
        state.open = state.open.saturating_sub(void.len());
    }

    fn failed(&self, action: &'static str, reason: &str) -> KeyStoreError {
        KeyStoreError::Token { token: self.name.clone(), action, reason: reason.to_owned() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it is held.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        let session = self.session.take();
        let mut state = self.token.state();
        match session {
            Some(session) if state.generation == self.generation => state.idle.push(session),
            _ => state.open = state.open.saturating_sub(1),
        }
        drop(state);
        self.token.returned.notify_one();
    }
}

/// Another store in this process may have done it.
fn initialize(library: &Pkcs11) -> Result<(), Error> {
    match library.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)) {
        Err(Error::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => Ok(()),
        other => other,
    }
}

fn describe(chosen: &ChosenToken) -> String {
    match chosen {
        ChosenToken::Label(label) => format!("with label {label:?}"),
        ChosenToken::Serial(serial) => format!("with serial number {serial:?}"),
        ChosenToken::Slot(slot) => format!("in slot {slot}"),
    }
}

fn in_words(seen: &[String]) -> String {
    if seen.is_empty() { "none at all".to_owned() } else { seen.join(", ") }
}
