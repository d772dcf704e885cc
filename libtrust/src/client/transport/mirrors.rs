//! A server and copies of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;

use super::{RemoteFile, Transport, TransportError};
use crate::client::tuf::MetadataName;
use crate::keys::PublicKey;
use crate::names::{Gun, RoleName};

/// A server, and mirrors that are read from while it is away. Only the server is ever written to.
///
/// Within an update it stays with the one that answered last, so that the files come from one place; the next update asks the
/// server first again. A mirror that lags is
/// found out like any server that does: by versions and dates.
pub struct Mirrors {
    servers: Vec<Arc<dyn Transport>>,
    current: AtomicUsize,
}

impl Mirrors {
    /// `server`, then the mirrors in the order in which they are to be asked.
    #[must_use]
    pub fn new(server: Arc<dyn Transport>, mirrors: impl IntoIterator<Item = Arc<dyn Transport>>) -> Self {
        Self { servers: std::iter::once(server).chain(mirrors).collect(), current: AtomicUsize::new(0) }
    }

    fn at(&self, position: usize) -> &dyn Transport {
        let server = self.servers.get(position).or_else(|| self.servers.first());
        #[expect(clippy::expect_used, reason = "`new` puts one there and nothing takes it away")]
        &**server.expect("there is always one server")
    }
}

#[async_trait]
impl Transport for Mirrors {
    fn name(&self) -> &str {
        self.at(self.current.load(Ordering::Relaxed)).name()
    }

    fn for_update(&self) -> Option<Arc<dyn Transport>> {
        Some(Arc::new(Self { servers: self.servers.clone(), current: AtomicUsize::new(0) }))
    }

    fn is_authority(&self) -> bool {
        self.current.load(Ordering::Relaxed) == 0
    }

    async fn fetch(&self, gun: &Gun, file: &RemoteFile, limit: u64) -> Result<Vec<u8>, TransportError> {
        let start = self.current.load(Ordering::Relaxed);
        let mut first = None;
        for step in 0..self.servers.len() {
            let position = (start + step) % self.servers.len();
            match self.at(position).fetch(gun, file, limit).await {
                Err(error) if is_away(&error) => drop(first.get_or_insert(error)),
                answer => {
                    self.current.store(position, Ordering::Relaxed);
                    return answer;
                }
            }
        }
        let (server, file) = (self.at(start).name().to_owned(), file.file_name());
        Err(first.unwrap_or(TransportError::NotFound { server, gun: gun.clone(), file }))
    }

    async fn publish(&self, gun: &Gun, files: &[(RoleName, Vec<u8>)]) -> Result<(), TransportError> {
        self.at(0).publish(gun, files).await
    }

    async fn server_key(&self, gun: &Gun, role: &RoleName) -> Result<PublicKey, TransportError> {
        self.at(0).server_key(gun, role).await
    }

    async fn new_server_key(&self, gun: &Gun, role: &RoleName) -> Result<PublicKey, TransportError> {
        self.at(0).new_server_key(gun, role).await
    }

    async fn fetch_in_tuf(&self, gun: &Gun, file: &MetadataName, limit: u64) -> Result<Vec<u8>, TransportError> {
        self.at(0).fetch_in_tuf(gun, file, limit).await
    }

    async fn publish_in_tuf(&self, gun: &Gun, files: &[(RoleName, Vec<u8>)]) -> Result<(), TransportError> {
        self.at(0).publish_in_tuf(gun, files).await
    }

    async fn delete(&self, gun: &Gun) -> Result<(), TransportError> {
        self.at(0).delete(gun).await
    }
}

/// Whether another server may do better. One that answers "no" has answered.
const fn is_away(error: &TransportError) -> bool {
    matches!(
        error,
        TransportError::Unreachable { .. } | TransportError::Unavailable { .. } | TransportError::Tls { .. }
    )
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::super::MemoryTransport;
    use super::*;

    struct Away;

    #[async_trait]
    impl Transport for Away {
        fn name(&self) -> &str {
            "away"
        }

        async fn fetch(&self, _: &Gun, _: &RemoteFile, _: u64) -> Result<Vec<u8>, TransportError> {
            Err(TransportError::Unavailable { server: "away".into(), status: 503, message: String::new() })
        }

        async fn publish(&self, _: &Gun, _: &[(RoleName, Vec<u8>)]) -> Result<(), TransportError> {
            Ok(())
        }

        async fn server_key(&self, _: &Gun, _: &RoleName) -> Result<PublicKey, TransportError> {
            Err(TransportError::ReadOnly { server: String::new() })
        }

        async fn new_server_key(&self, _: &Gun, _: &RoleName) -> Result<PublicKey, TransportError> {
            Err(TransportError::ReadOnly { server: String::new() })
        }

        async fn delete(&self, _: &Gun) -> Result<(), TransportError> {
            Err(TransportError::ReadOnly { server: String::new() })
        }
    }

    #[test]
    fn a_mirror_is_read_while_the_server_is_away_and_never_written() {
        let gun: Gun = "example.com/a".parse().unwrap();
        let mirror = MemoryTransport::new("mirror");
        mirror.put(&gun, &RoleName::Root, b"root");
        let mirrors = Mirrors::new(Arc::new(Away), [Arc::new(mirror) as Arc<dyn Transport>]);
        let fetch = |role| mirrors.fetch(&gun, &RemoteFile::Current(role), 10).now_or_never().unwrap();
        assert_eq!(fetch(RoleName::Root).unwrap(), b"root");
        assert_eq!(mirrors.name(), "mirror");
        assert!(matches!(fetch(RoleName::Targets), Err(TransportError::NotFound { .. })));
        assert!(mirrors.publish(&gun, &[]).now_or_never().unwrap().is_ok());
        assert!(matches!(
            Mirrors::new(Arc::new(Away), [])
                .fetch(&gun, &RemoteFile::Current(RoleName::Root), 1)
                .now_or_never()
                .unwrap(),
            Err(TransportError::Unavailable { .. })
        ));
    }
}
