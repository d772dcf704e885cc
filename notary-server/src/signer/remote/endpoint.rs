//! One signer: its connection, and whether it is known to be away.

use std::error::Error as _;
use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use arc_swap::ArcSwap;
use http::Uri;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use signer_proto::health::HealthCheckRequest;
use signer_proto::health::health_check_response::ServingStatus;
use signer_proto::health::health_client::HealthClient;
use signer_proto::health_names;
use tokio::time::{sleep, timeout};
use tonic::transport::{Channel, Endpoint as Settings};
use tonic::{Code, Request, Response, Status};

use super::address::SignerAddress;
use super::connector::{Connector, innermost, is_not_connected};
use super::tls::SignerTlsError;

/// Before the first look whether a signer is back; doubled until [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(25);
/// Between looks: a signer that returns is in use again within this and a handshake.
const LONGEST_PAUSE: Duration = Duration::from_millis(400);
/// For one look. Longer than a connection may take.
const LOOK_TIME: Duration = Duration::from_secs(3);
/// From the end of a call here to the end of it at the signer.
const GRACE: Duration = Duration::from_secs(1);

/// One signer behind one multiplexed connection that is made when needed and made anew when lost.
///
/// Once a signer is found to be away nobody waits for it: calls fail at once, and a single task looks until it is back.
pub(super) struct Endpoint {
    address: SignerAddress,
    settings: Settings,
    channel: ArcSwap<Channel>,
    /// Whether the signer has answered since the last connection was lost.
    has_answered: AtomicBool,
    away: Mutex<Option<String>>,
}

/// Why a call brought no answer of the signer's.
pub(super) enum Fault {
    /// The signer said no; asking again would not help.
    Answered(Status),
    /// The connection was lost, or the signer says that it cannot serve now. Worth another attempt.
    Lost(String),
    /// There is no connection, or no answer in time.
    Away(String),
}

impl Endpoint {
    /// Does not connect yet. `call_time` is how long a call may take.
    pub(super) fn new(
        address: SignerAddress,
        tls: Arc<ClientConfig>,
        call_time: Duration,
    ) -> Result<Arc<Self>, SignerTlsError> {
        let settings = settings(&address, call_time)
            .map_err(|error| rustls::Error::General(format!("{address}: {}", innermost(&error))))?;
        let channel = ArcSwap::from_pointee(channel(&settings, &address, tls)?);
        Ok(Arc::new(Self { address, settings, channel, has_answered: AtomicBool::new(false), away: Mutex::new(None) }))
    }

    pub(super) const fn address(&self) -> &SignerAddress {
        &self.address
    }

    /// Makes the next connections with other settings; calls under way end on the old one.
    pub(super) fn use_tls(&self, tls: Arc<ClientConfig>) -> Result<(), SignerTlsError> {
        self.channel.store(Arc::new(channel(&self.settings, &self.address, tls)?));
        Ok(())
    }

    /// Why it is away, if it is known to be.
    pub(super) fn away(&self) -> Option<String> {
        self.away.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// One attempt of a call, for at most `limit`.
    pub(super) async fn attempt<T, F, Fut>(&self, limit: Duration, rpc: &F) -> Result<T, Fault>
    where
        F: Fn(Channel, Duration) -> Fut,
        Fut: Future<Output = Result<Response<T>, Status>>,
    {
        let channel = Channel::clone(&self.channel.load());
        match timeout(limit, rpc(channel, limit)).await {
            Ok(Ok(answer)) => {
                self.has_answered.store(true, Relaxed);
                Ok(answer.into_inner())
            }
            Ok(Err(status)) => Err(self.fault(status)),
            Err(_) => Err(Fault::Away(format!("no answer within {limit:?}"))),
        }
    }

    /// Lets calls fail at once until the signer is seen to serve again.
    pub(super) fn is_away(self: &Arc<Self>, reason: String) {
        let before = self.away.lock().unwrap_or_else(PoisonError::into_inner).replace(reason.clone());
        if before.is_none() {
            tracing::warn!(signer = %self.address, reason, "the signer is away: what needs a signature waits for it");
            tokio::spawn(look_until_back(Arc::downgrade(self)));
        }
    }

    fn fault(&self, status: Status) -> Fault {
        match status.source() {
            // Made here and not by the signer.
            Some(error) if is_not_connected(error) => Fault::Away(innermost(error)),
            Some(error) => {
                let cause = innermost(error);
                Fault::Lost(if self.has_answered.swap(false, Relaxed) {
                    format!("the connection was lost: {cause}")
                } else {
                    // How a refused client certificate looks: the connection is made before the signer has seen it.
                    format!(
                        "the connection was lost before anything was answered: {cause}; if that goes on, the signer \
                         refuses this server's client certificate (trust_service.tls_client_cert and tls_client_key)"
                    )
                })
            }
            None => {
                self.has_answered.store(true, Relaxed);
                if status.code() == Code::Unavailable {
                    Fault::Lost(status.message().to_owned())
                } else {
                    Fault::Answered(status)
                }
            }
        }
    }

    /// Asks both named health services.
    pub(super) async fn health(&self, limit: Duration) -> Result<(), Fault> {
        self.attempt(limit, &health).await
    }
}

/// As a call, so that a signer that is up and cannot serve is treated as one that is away.
pub(super) async fn health(channel: Channel, limit: Duration) -> Result<Response<()>, Status> {
    tokio::try_join!(
        serves(channel.clone(), health_names::KEY_MANAGEMENT, limit),
        serves(channel, health_names::SIGNER, limit)
    )?;
    Ok(Response::new(()))
}

async fn serves(channel: Channel, service: &'static str, limit: Duration) -> Result<(), Status> {
    let request = within(limit, HealthCheckRequest { service: service.to_owned() });
    match HealthClient::new(channel).check(request).await?.into_inner().status() {
        ServingStatus::Serving => Ok(()),
        status => Err(Status::unavailable(format!("{service} is {}", status.as_str_name()))),
    }
}

/// A request that the signer, too, gives up some time after `limit`. Not at the same moment: that a signer hangs is for
/// this side to find.
pub(super) fn within<T>(limit: Duration, message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(limit.saturating_add(GRACE));
    request
}

async fn look_until_back(endpoint: Weak<Endpoint>) {
    let mut pause = FIRST_PAUSE;
    loop {
        sleep(pause).await;
        let Some(endpoint) = endpoint.upgrade() else { return };
        let reason = match endpoint.health(LOOK_TIME).await {
            Ok(()) | Err(Fault::Answered(_)) => None,
            Err(Fault::Lost(reason) | Fault::Away(reason)) => Some(reason),
        };
        let is_back = reason.is_none();
        *endpoint.away.lock().unwrap_or_else(PoisonError::into_inner) = reason;
        if is_back {
            tracing::info!(signer = %endpoint.address, "the signer is back");
            return;
        }
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

fn settings(address: &SignerAddress, call_time: Duration) -> Result<Settings, tonic::transport::Error> {
    // Notary's signer ends a connection that is pinged more than twice without an answer to a call in between, or
    // pinged while idle. So: three pings in the time of a call, none without one.
    let ping = call_time / 4;
    Ok(Settings::from_shared(format!("http://{address}"))?
        .user_agent(concat!("notary-server/", env!("CARGO_PKG_VERSION")))?
        .http2_keep_alive_interval(ping)
        .keep_alive_timeout(ping)
        .keep_alive_while_idle(false))
}

fn channel(settings: &Settings, address: &SignerAddress, tls: Arc<ClientConfig>) -> Result<Channel, SignerTlsError> {
    let invalid = |cause: String| rustls::Error::General(format!("{address}: {cause}"));
    let name = ServerName::try_from(address.host()).map_err(|error| invalid(error.to_string()))?.to_owned();
    // The connector brings TLS; the library must not look for its own.
    let origin: Uri = format!("https://{address}").parse().map_err(|_| invalid("not a host and port".to_owned()))?;
    Ok(settings.clone().origin(origin).connect_with_connector_lazy(Connector::new(tls, name)))
}
