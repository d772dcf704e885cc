//! A signer elsewhere: Notary's, or ours, over gRPC and mutual TLS.
//!
//! ```text
//! mod.rs        a call: attempts, deadline, the next signer
//!   ├ endpoint.rs   one signer: its connection, whether it is away
//!   │   └ connector.rs  TCP and TLS
//!   ├ answers.rs    what an answer means
//!   └ tls.rs        files, read again when they change
//! ```

mod address;
mod answers;
mod connector;
mod endpoint;
mod tls;

#[cfg(test)]
mod test_signer;
#[cfg(test)]
mod tests;

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use async_trait::async_trait;
use libtrust::keys::{KeyAlgorithm, PublicKey, Signature};
use libtrust::names::{Gun, KeyId, RoleName};
use signer_proto::proto;
use signer_proto::proto::key_management_client::KeyManagementClient;
use signer_proto::proto::signer_client::SignerClient;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tonic::transport::Channel;
use tonic::{Code, Response, Status};

use super::{OnlineSigner, SignerError};
use endpoint::{Endpoint, Fault, within};
use tls::Digest;

pub use address::{InvalidSignerAddress, SignerAddress};
pub use tls::{ClientFiles, SignerTls, SignerTlsError};

/// How often a call is tried at each signer when connections are lost under it. Whatever is asked may be asked twice:
/// a second signature harms nobody, and a new key is the pending one until it signs.
const ATTEMPTS: u32 = 3;
/// How often the TLS files are looked at. What is new serves after two looks, so that a pair written one file after the
/// other is not read half done.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// Which signers there are and how they are reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteOptions {
    /// The signers, over one key database; the first that is not away is asked.
    pub signers: Vec<SignerAddress>,
    /// The files of the connections.
    pub tls: SignerTls,
    /// How long a call may take, all attempts together.
    pub timeout: Duration,
}

/// Signs at one of several signers that share their keys.
pub struct RemoteSigner {
    endpoints: Vec<Arc<Endpoint>>,
    tls: SignerTls,
    /// What the TLS files held when they were last read, whether that could be used or not.
    read: Mutex<Option<Digest>>,
    timeout: Duration,
}

impl RemoteSigner {
    /// Reads the TLS files and follows their changes; connects when something is asked. Needs a Tokio runtime.
    ///
    /// # Errors
    /// If a TLS file cannot be read or used.
    pub fn new(options: &RemoteOptions) -> Result<Arc<Self>, SignerTlsError> {
        let material = options.tls.read()?;
        let endpoints = options.signers.iter();
        let endpoints = endpoints.map(|at| Endpoint::new(at.clone(), material.config.clone(), options.timeout));
        let signer = Arc::new(Self {
            endpoints: endpoints.collect::<Result<_, _>>()?,
            tls: options.tls.clone(),
            read: Mutex::new(Some(material.digest)),
            timeout: options.timeout,
        });
        tokio::spawn(follow_files(Arc::downgrade(&signer)));
        Ok(signer)
    }

    /// Reads the TLS files again and uses what they hold now for the next connections; all of it or nothing.
    ///
    /// # Errors
    /// As [`RemoteSigner::new`]; what is in force stays.
    pub fn reload(&self) -> Result<(), SignerTlsError> {
        // Before reading, so that a change meanwhile is seen at the next look.
        *self.read.lock().unwrap_or_else(PoisonError::into_inner) = self.tls.digest().ok();
        let material = self.tls.read()?;
        self.endpoints.iter().try_for_each(|endpoint| endpoint.use_tls(material.config.clone()))
    }

    /// As [`RemoteSigner::reload`], saying in the log how it went: what SIGHUP asks for.
    pub fn reload_and_log(&self) {
        match self.reload() {
            Ok(()) => tracing::info!("the TLS files for the signer were read again"),
            Err(error) => {
                tracing::error!(%error, "the TLS files for the signer were not taken; what is in force stays")
            }
        }
    }

    /// Asks the signers in turn until one answers. Connections that are lost are made anew, within the deadline; a
    /// signer found to be away is not asked until it is back.
    async fn call<T, F, Fut>(&self, rpc: F) -> Result<T, Unanswered<'_>>
    where
        F: Fn(Channel, Duration) -> Fut,
        Fut: Future<Output = Result<Response<T>, Status>>,
    {
        let deadline = Instant::now() + self.timeout;
        let mut reasons = vec![None; self.endpoints.len()];
        for attempt in 1..=ATTEMPTS {
            for (index, (endpoint, reason)) in self.endpoints.iter().zip(&mut reasons).enumerate() {
                if let Some(away) = endpoint.away() {
                    *reason = Some(away);
                    continue;
                }
                let others = self.endpoints.iter().skip(index + 1).filter(|other| other.away().is_none()).count();
                // A signer that hangs leaves time for the others.
                let limit = deadline.duration_since(Instant::now()) / u32::try_from(others + 1).unwrap_or(u32::MAX);
                if limit.is_zero() {
                    continue;
                }
                let fault = match endpoint.attempt(limit, &rpc).await {
                    Ok(answer) => return Ok(answer),
                    Err(Fault::Answered(status)) => return Err(Unanswered::Refused(endpoint, status)),
                    Err(Fault::Lost(fault)) if attempt < ATTEMPTS => fault,
                    Err(Fault::Lost(fault) | Fault::Away(fault)) => {
                        endpoint.is_away(fault.clone());
                        fault
                    }
                };
                *reason = Some(fault);
            }
        }
        let reasons = self.endpoints.iter().zip(reasons);
        let reasons = reasons.map(|(endpoint, reason)| {
            format!("{}: {}", endpoint.address(), reason.as_deref().unwrap_or("no time left to ask it"))
        });
        Err(Unanswered::Away(reasons.collect::<Vec<_>>().join("; ")))
    }
}

/// Why a call has no answer.
enum Unanswered<'a> {
    /// This signer said no.
    Refused(&'a Endpoint, Status),
    /// No signer can be asked now.
    Away(String),
}

impl From<Unanswered<'_>> for SignerError {
    fn from(unanswered: Unanswered<'_>) -> Self {
        match unanswered {
            Unanswered::Refused(endpoint, status) => answers::refusal(endpoint.address(), &status),
            Unanswered::Away(reasons) => Self::Unavailable(reasons),
        }
    }
}

#[async_trait]
impl OnlineSigner for RemoteSigner {
    async fn create_key(&self, gun: &Gun, role: &RoleName, algorithm: KeyAlgorithm) -> Result<PublicKey, SignerError> {
        let answer = self
            .call(|channel, limit| {
                let (algorithm, gun, role) = (algorithm.as_str(), gun.as_str(), role.as_str());
                let request =
                    proto::CreateKeyRequest { algorithm: algorithm.into(), gun: gun.into(), role: role.into() };
                async move { KeyManagementClient::new(channel).create_key(within(limit, request)).await }
            })
            .await?;
        let (_, key) = answers::public_key(answer.key_info, answer.public_key).map_err(unusable)?;
        if key.key_type != algorithm.key_type() {
            return Err(unusable(format!(
                "it was asked for a key of kind {algorithm} and made one of {}",
                key.key_type
            )));
        }
        Ok(key)
    }

    async fn public_key(&self, id: &KeyId) -> Result<Option<PublicKey>, SignerError> {
        let asked = self.call(|channel, limit| {
            let request = proto::KeyId { id: id.to_string() };
            async move { KeyManagementClient::new(channel).get_key_info(within(limit, request)).await }
        });
        let answer = match asked.await {
            Ok(answer) => answer,
            Err(Unanswered::Refused(_, status)) if status.code() == Code::NotFound => return Ok(None),
            Err(other) => return Err(other.into()),
        };
        let (found, key) = answers::public_key(answer.key_info, answer.public_key).map_err(unusable)?;
        if found == *id { Ok(Some(key)) } else { Err(unusable(format!("it was asked for key {id} and gave {found}"))) }
    }

    async fn sign(&self, id: &KeyId, gun: &Gun, role: &RoleName, message: &[u8]) -> Result<Signature, SignerError> {
        let asked = self.call(|channel, limit| {
            let request = proto::SignatureRequest {
                key_id: Some(proto::KeyId { id: id.to_string() }),
                content: message.to_vec(),
                gun: gun.to_string(),
                role: role.to_string(),
            };
            async move { SignerClient::new(channel).sign(within(limit, request)).await }
        });
        match asked.await {
            Ok(answer) => answers::signature(id, answer).map_err(unusable),
            Err(Unanswered::Refused(_, status)) if status.code() == Code::NotFound => {
                Err(SignerError::UnknownKey(id.clone()))
            }
            Err(Unanswered::Refused(endpoint, status)) if answers::is_too_large(&status) => {
                Err(SignerError::TooLarge {
                    role: role.clone(),
                    bytes: message.len(),
                    reason: format!("{}: {}", endpoint.address(), status.message()),
                })
            }
            Err(other) => Err(other.into()),
        }
    }

    async fn check(&self) -> Result<(), SignerError> {
        match self.call(endpoint::health).await {
            Ok(()) => Ok(()),
            Err(Unanswered::Refused(endpoint, status)) => Err(SignerError::Unavailable(format!(
                "{} does not tell its health: {:?}: {}",
                endpoint.address(),
                status.code(),
                status.message()
            ))),
            Err(away) => Err(away.into()),
        }
    }
}

fn unusable(answer: String) -> SignerError {
    SignerError::Unavailable(format!("the signer's answer cannot be used: {answer}"))
}

/// Takes files that changed into use, within about two seconds. Files that cannot be used are named in the log once and
/// tried again when they change.
async fn follow_files(signer: Weak<RemoteSigner>) {
    let mut looks = interval(LOOK_INTERVAL);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut last = None;
    loop {
        looks.tick().await;
        let Some(signer) = signer.upgrade() else { return };
        let looked = tokio::task::spawn_blocking(move || {
            let now = signer.tls.digest().ok();
            let is_new = now.is_some() && now != *signer.read.lock().unwrap_or_else(PoisonError::into_inner);
            if is_new && now == last {
                signer.reload_and_log();
            }
            now
        });
        let Ok(now) = looked.await else { return };
        last = now;
    }
}
