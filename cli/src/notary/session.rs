//! What the verbs of `notary` work with.

use std::sync::Arc;

use libtrust::client::{Anonymous, Changelists, Collection, Credentials, Init, NotaryAuth, Offline, PublishError};
use libtrust::client::{SnapshotHolder, SystemClock, UpdateError};
use libtrust::edit::Change;
use libtrust::names::Gun;
use libtrust::policy::TrustPolicy;

use super::config::{NotaryConfig, Pinning};
use super::verbs::print;
use crate::commands::Context;
use crate::commands::shown;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::session::Session;
use crate::terminal::Wording;

/// One run of a verb: a session, and what is staged.
pub struct Notary {
    session: Session,
}

impl Notary {
    /// With `NOTARY_AUTH` for a login, and the pins of the configuration file as the rules.
    ///
    /// # Errors
    /// If one of them cannot be read or followed.
    pub fn new(context: &Context, config: &NotaryConfig) -> Result<Self, Failure> {
        let login = NotaryAuth::from_env().map_err(|error| Failure::caused(Exit::Auth, &error))?;
        let credentials: Arc<dyn Credentials> = match login {
            Some(login) => Arc::new(login),
            None => Arc::new(Anonymous),
        };
        let session = Session::with_credentials(context.settings()?, Wording::Notary, credentials)?;
        Ok(Self { session: session.with_policy(policy(&config.pinning, context.options.no_tofu)?) })
    }

    /// The session.
    #[must_use]
    pub const fn session(&self) -> &Session {
        &self.session
    }

    /// What is staged.
    #[must_use]
    pub fn changelists(&self) -> Changelists {
        Changelists::new(&self.session.settings().trust_dir)
    }

    /// Stages changes.
    ///
    /// # Errors
    /// If they cannot be written.
    pub fn stage(&self, gun: &Gun, changes: &[Change]) -> Result<(), Failure> {
        let lists = self.changelists();
        Ok(changes.iter().try_for_each(|change| lists.stage(gun, change, &SystemClock))?)
    }

    /// Publishes at once if `-p` was given.
    ///
    /// # Errors
    /// As [`Notary::publish`].
    pub fn auto_publish(&self, gun: &Gun, asked: bool) -> Result<(), Failure> {
        if !asked {
            return Ok(());
        }
        print(&format!("Auto-publishing changes to {gun}\n"))?;
        self.publish(gun)
    }

    /// Publishes what is staged, and a collection that was begun and never sent. One that nobody began is begun, as Notary
    /// does.
    ///
    /// # Errors
    /// Why not; what is staged stays staged then.
    pub fn publish(&self, gun: &Gun) -> Result<(), Failure> {
        let lists = self.changelists();
        let staged = lists.staged(gun)?;
        let changes: Vec<Change> = staged.iter().map(|staged| staged.change.clone()).collect();
        let publisher = self.session.publisher(gun)?;
        match self.session.wait(publisher.publish(gun, &changes)) {
            Err(PublishError::Update(UpdateError::NoTrustData { .. })) => {
                let init = Init { snapshot: SnapshotHolder::Publisher, any_root_key: true, ..Init::default() };
                self.session.wait(publisher.init(gun, &init, &changes))?;
            }
            published => {
                published?;
            }
        }
        lists.remove(gun, &staged)?;
        print(&format!("Successfully published changes for repository {gun}\n"))
    }

    /// What is trusted now.
    ///
    /// # Errors
    /// Why nothing is.
    pub fn updated(&self, gun: &Gun) -> Result<Collection, Failure> {
        let client = self.session.client(gun)?;
        let collection = self.session.wait(client.update(gun, Offline::WhenUnreachable))?;
        shown::doubts(&self.session, &collection);
        Ok(collection)
    }
}

/// The rules that `trust_pinning` comes to.
fn policy(pinning: &Pinning, no_tofu: bool) -> Result<TrustPolicy, Failure> {
    let ids = |ids: &[libtrust::names::KeyId]| ids.iter().map(ToString::to_string).collect::<Vec<_>>();
    let certs: serde_json::Map<String, serde_json::Value> =
        pinning.certs.iter().map(|(name, listed)| (name.clone(), ids(listed).into())).collect();
    let ca: serde_json::Map<String, serde_json::Value> =
        pinning.ca.iter().map(|(prefix, file)| (prefix.clone(), file.display().to_string().into())).collect();
    let section = serde_json::json!({
        "disable_tofu": pinning.disable_tofu || no_tofu, "certs": certs, "ca": ca,
    });
    let policy = TrustPolicy::from_trust_pinning(section.to_string().as_bytes(), |file| std::fs::read(file));
    policy.map_err(|error| Failure::caused(Exit::Policy, &error).while_doing("trust_pinning"))
}
