//! Keys in a PKCS#11 token: made there, used there, and never anywhere else.
//!
//! What differs from a database:
//! * Deleting destroys the key; there is no row to bring back.
//! * A purpose has one pending key also if several processes share the token, as long as none stands still for longer
//!   than [`LEFTOVER`] while it makes one; then its request fails.
//! * A token bounds the length of labels (`CKA_LABEL`), and with it that of GUNs. Those that do not fit are refused by
//!   the token when the key is made.
//! * Keys other programs keep in the token are left alone: only those with our label are seen.

mod fault;
mod object;
mod token;

use std::path::PathBuf;
use std::sync::{Arc, Mutex as BlockingMutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use cryptoki::object::{Attribute, ObjectClass, ObjectHandle};
use cryptoki::session::Session;
use libtrust::keys::{KeyAlgorithm, SigningFailed};
use libtrust::names::{Gun, KeyId, RoleName};
use ring::rand::{SecureRandom as _, SystemRandom};
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::Mutex;

use self::fault::Fault;
use self::object::{Purpose, Stage};
pub use self::token::ChosenToken;
use self::token::Token;
use super::{KeyRecord, KeyStore, KeyStoreError, MakeKey, Passphrases, RowFault};
use crate::policy::{HeldKey, Permitted, TokenBindError, TokenKey};

/// How long another process's new key is waited for before it counts as left over from one that died.
const LEFTOVER: Duration = Duration::from_secs(5);
/// How long a key's maker goes on trying to be the only one.
const PATIENCE: Duration = Duration::from_secs(30);
/// Least and most time between two looks at what the others do, in milliseconds.
const PAUSE: (u64, u64) = (10, 100);
const PASSING_ID_BYTES: usize = 16;
/// How often a token that fails without saying why is asked again for a key.
const MOST_FAILURES: usize = 3;

/// How a token is reached.
pub struct Pkcs11Options {
    /// The library of the token's vendor: a shared object.
    pub module: PathBuf,
    /// Which token.
    pub token: ChosenToken,
    /// The user's PIN, as the passphrase of its default alias. Read at each login.
    pub pin: Passphrases,
}

/// Keeps private keys in a PKCS#11 token.
pub struct Pkcs11KeyStore {
    token: Arc<Token>,
    /// One at a time makes a key; other processes are found out on the token.
    making: Mutex<()>,
}

impl Pkcs11KeyStore {
    /// Loads the library, finds the token and logs in.
    ///
    /// # Errors
    /// If one of these fails; the error names the token and the library.
    pub async fn open(options: Pkcs11Options) -> Result<Self, KeyStoreError> {
        let store = blocking(move || {
            let token = Arc::new(Token::open(&options.module, options.token, options.pin)?);
            Ok(Self { token, making: Mutex::new(()) })
        })
        .await?;
        store.check().await?;
        Ok(store)
    }

    async fn run<T: Send + 'static>(
        &self,
        action: &'static str,
        work: impl Fn(&Token, &Session) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, KeyStoreError> {
        let token = Arc::clone(&self.token);
        blocking(move || token.run(action, |session, _| work(&token, session))).await
    }
}

#[async_trait]
impl KeyStore for Pkcs11KeyStore {
    /// The token makes the key, so `make` is not asked.
    async fn pending(
        &self,
        gun: &Gun,
        role: &RoleName,
        algorithm: KeyAlgorithm,
        _make: MakeKey,
    ) -> Result<KeyRecord, KeyStoreError> {
        let purpose = Purpose { gun: gun.clone(), role: role.clone(), algorithm };
        let _turn = self.making.lock().await;
        self.run("make a key", move |token, session| pending(token, session, &purpose)).await
    }

    async fn by_id(&self, id: &KeyId) -> Result<Option<KeyRecord>, KeyStoreError> {
        let id = id.clone();
        self.run("read a key", move |_, session| {
            let Some((private, purpose, stage)) = object::find(session, &id)? else { return Ok(None) };
            object::record(session, private, purpose, stage).map(Some)
        })
        .await
    }

    async fn open(&self, id: &KeyId) -> Result<Option<Arc<HeldKey>>, KeyStoreError> {
        let found = self.by_id(id).await?;
        let Some(record) = found else { return Ok(None) };
        let id = id.clone();
        self.run("open a key", move |_, session| {
            let Some((private, ..)) = object::find(session, &id)? else { return Ok(()) };
            object::never_left(session, private, &id)
        })
        .await?;
        let key = InToken {
            token: Arc::clone(&self.token),
            id: record.id.clone(),
            algorithm: record.algorithm,
            handle: BlockingMutex::default(),
        };
        blocking(move || {
            let id = record.id.to_string();
            HeldKey::bind_token(record, Box::new(key)).map_err(|error| match error {
                TokenBindError::Token(error) => error,
                TokenBindError::Mismatch(mismatch) => {
                    let fault = RowFault::Mismatch(mismatch);
                    KeyStoreError::UnreadableRow { id, alias: String::new(), fault }
                }
            })
        })
        .await
        .map(|held| Some(Arc::new(held)))
    }

    async fn mark_used(&self, id: &KeyId) -> Result<bool, KeyStoreError> {
        let id = id.clone();
        self.run("mark a key as used", move |_, session| {
            let Some((private, purpose, stage)) = object::find(session, &id)? else { return Ok(false) };
            if stage != Stage::Used {
                session.update_attributes(private, &[Attribute::Label(purpose.label(Stage::Used))])?;
            }
            Ok(true)
        })
        .await
    }

    async fn delete(&self, id: &KeyId) -> Result<bool, KeyStoreError> {
        let id = id.clone();
        self.run("delete a key", move |_, session| {
            let Some((private, ..)) = object::find(session, &id)? else { return Ok(false) };
            match object::destroy(session, private) {
                Err(fault) if fault.is_lost_object() => Ok(false),
                other => other.map(|()| true),
            }
        })
        .await
    }

    async fn check(&self) -> Result<(), KeyStoreError> {
        self.run("show its keys", |_, session| {
            let template = [Attribute::Class(ObjectClass::PRIVATE_KEY), Attribute::Token(true)];
            session.iter_objects(&template)?.next().transpose()?;
            Ok(())
        })
        .await
    }

    async fn close(&self) {
        self.token.close();
    }
}

fn pending(token: &Token, session: &Session, purpose: &Purpose) -> Result<KeyRecord, Fault> {
    // A role with a space would be read back as another role and another GUN.
    if purpose.role.as_str().contains(' ') {
        let reason = format!("role {} has a space, which a label cannot hold", purpose.role);
        return Err(KeyStoreError::Token { token: token.name().to_owned(), action: "make a key", reason }.into());
    }
    let begun = Instant::now();
    let (mut rivals, mut failures) = (Rivals::default(), 0);
    loop {
        if let Some(record) = first_pending(session, purpose)? {
            return Ok(record);
        }
        if begun.elapsed() > PATIENCE {
            let reason = "other processes are making keys for the same role all the time".to_owned();
            return Err(KeyStoreError::Token { token: token.name().to_owned(), action: "make a key", reason }.into());
        }
        if rivals.look(session, purpose)? {
            pause();
            continue;
        }
        let passing_id = random::<PASSING_ID_BYTES>()?;
        let made = object::generate(session, purpose, &passing_id);
        if made.as_ref().is_err_and(Fault::is_unexplained) && failures < MOST_FAILURES {
            failures += 1;
            pause();
            continue;
        }
        let mine = offered(token, purpose.algorithm, made)?;
        // From here on everybody else sees it, so of two who do this at the same time at least one sees the other.
        let others = purpose.find(session, Stage::New)?.into_iter().any(|other| other != mine);
        if !others && purpose.find(session, Stage::Pending)?.is_empty() {
            return object::settle(session, mine, purpose, &passing_id)
                .inspect_err(|_| drop(object::destroy(session, mine)));
        }
        object::destroy(session, mine)?;
        pause();
    }
}

/// If there are several after all, everybody takes the same.
fn first_pending(session: &Session, purpose: &Purpose) -> Result<Option<KeyRecord>, Fault> {
    let mut records = Vec::new();
    for private in purpose.find(session, Stage::Pending)? {
        records.push(object::record(session, private, purpose.clone(), Stage::Pending)?);
    }
    Ok(records.into_iter().min_by(|a, b| a.id.as_str().cmp(b.id.as_str())))
}

/// New keys of other processes, by passing id, and since when they are seen.
#[derive(Default)]
struct Rivals(Vec<(Vec<u8>, Instant)>);

impl Rivals {
    /// Whether somebody else is making a key for the same purpose. What stays as it is for long was left by a process
    /// that died, and is removed.
    fn look(&mut self, session: &Session, purpose: &Purpose) -> Result<bool, Fault> {
        let mut present = Vec::new();
        for private in purpose.find(session, Stage::New)? {
            let id = match object::attribute_id(session, private) {
                Err(fault) if fault.is_lost_object() => continue,
                other => other?,
            };
            let since = self.0.iter().find(|(known, _)| *known == id).map_or_else(Instant::now, |(_, since)| *since);
            if since.elapsed() > LEFTOVER {
                object::destroy(session, private)?;
                continue;
            }
            present.push((id, since));
        }
        self.0 = present;
        Ok(!self.0.is_empty())
    }
}

/// A key of the token, found once and then used by its handle.
struct InToken {
    token: Arc<Token>,
    id: KeyId,
    algorithm: KeyAlgorithm,
    /// As of which generation of sessions.
    handle: BlockingMutex<Option<(u64, ObjectHandle)>>,
}

impl InToken {
    fn sign(&self, session: &Session, generation: u64, message: &[u8]) -> Result<Vec<u8>, Fault> {
        let known = *self.handle.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, private)) = known.filter(|(found_in, _)| *found_in == generation) {
            match object::sign(session, private, self.algorithm, message) {
                Err(fault) if fault.is_lost_object() => {}
                other => return other,
            }
        }
        let Some((private, ..)) = object::find(session, &self.id)? else {
            let reason = format!("key {} is no longer there", self.id);
            return Err(KeyStoreError::Token { token: self.token.name().to_owned(), action: "sign", reason }.into());
        };
        let signature = object::sign(session, private, self.algorithm, message)?;
        *self.handle.lock().unwrap_or_else(PoisonError::into_inner) = Some((generation, private));
        Ok(signature)
    }
}

impl TokenKey for InToken {
    fn sign(&self, message: &Permitted<'_>) -> Result<Vec<u8>, KeyStoreError> {
        let sign = || self.token.run("sign", |session, generation| self.sign(session, generation, message.bytes()));
        // Others of the same worker thread must not wait for a slow token.
        match Handle::try_current().map(|runtime| runtime.runtime_flavor()) {
            Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(sign),
            _ => sign(),
        }
    }
}

/// Puts into words that a token does not make such keys.
fn offered<T>(token: &Token, algorithm: KeyAlgorithm, made: Result<T, Fault>) -> Result<T, Fault> {
    match made {
        Err(fault) if fault.is_unsupported() => {
            Err(KeyStoreError::TokenLacks { token: token.name().to_owned(), algorithm }.into())
        }
        other => other,
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, KeyStoreError> + Send + 'static,
) -> Result<T, KeyStoreError> {
    tokio::task::spawn_blocking(work).await.map_err(|_| KeyStoreError::Stopped)?
}

/// Of random length, so that two who stopped for each other do not meet again.
fn pause() {
    let (least, most) = PAUSE;
    let more = random::<8>().map_or(0, |bytes| u64::from_le_bytes(bytes) % (most - least));
    thread::sleep(Duration::from_millis(least + more));
}

fn random<const N: usize>() -> Result<[u8; N], KeyStoreError> {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).map_err(|_| SigningFailed)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests;
