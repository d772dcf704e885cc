//! The names a server certificate is for.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use rcgen::SanType;
use rcgen::string::Ia5String;

use notary_service::listen::ListenAddress;

/// DNS names and addresses clients may use to reach this server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Names {
    pub(super) dns: BTreeSet<String>,
    pub(super) addresses: BTreeSet<IpAddr>,
}

impl Names {
    /// This machine seen from itself, its host name, and what the server listens on.
    pub(super) fn of(listen: &ListenAddress, host_name: Option<&str>) -> Self {
        let mut names = Self {
            dns: BTreeSet::from(["localhost".to_owned()]),
            addresses: BTreeSet::from([Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]),
        };
        for host in [listen.host(), host_name].into_iter().flatten() {
            match host.parse::<IpAddr>() {
                Ok(address) if address.is_unspecified() => {}
                Ok(address) => {
                    names.addresses.insert(address);
                }
                Err(_) if is_dns_name(host) => {
                    names.dns.insert(host.to_ascii_lowercase());
                }
                Err(_) => {}
            }
        }
        names
    }

    /// This machine seen from itself, and `names`: host names or addresses.
    ///
    /// # Errors
    /// The first that is neither.
    pub(super) fn local_and<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<Self, String> {
        let mut all = Self {
            dns: BTreeSet::from(["localhost".to_owned()]),
            addresses: BTreeSet::from([Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]),
        };
        for name in names {
            match name.parse::<IpAddr>() {
                Ok(address) => drop(all.addresses.insert(address)),
                Err(_) if is_dns_name(name) => drop(all.dns.insert(name.to_ascii_lowercase())),
                Err(_) => return Err(name.to_owned()),
            }
        }
        Ok(all)
    }

    /// As a certificate holds them.
    pub(super) fn alternatives(&self) -> Result<Vec<SanType>, rcgen::Error> {
        let dns = self.dns.iter().map(|name| Ok(SanType::DnsName(Ia5String::try_from(name.as_str())?)));
        let addresses = self.addresses.iter().map(|address| Ok(SanType::IpAddress(*address)));
        dns.chain(addresses).collect()
    }
}

/// The name this machine gives itself.
pub(super) fn host_name() -> Option<String> {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").ok()?;
    Some(name.trim().to_owned()).filter(|name| !name.is_empty())
}

fn is_dns_name(name: &str) -> bool {
    name.len() <= 253
        && name.split('.').all(|label| {
            (1..=63).contains(&label.len())
                && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
                && !label.starts_with('-')
                && !label.ends_with('-')
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dns(listen: &str, host: &str) -> Vec<String> {
        Names::of(&listen.parse().unwrap(), Some(host)).dns.into_iter().collect()
    }

    #[test]
    fn a_certificate_is_for_this_machine_and_the_listen_address() {
        let names = Names::of(&"192.0.2.7:4443".parse().unwrap(), Some("Build-7"));
        assert!(names.dns.contains("localhost") && names.dns.contains("build-7"));
        let addresses: Vec<String> = names.addresses.iter().map(ToString::to_string).collect();
        assert_eq!(addresses, ["127.0.0.1", "192.0.2.7", "::1"]);
    }

    #[test]
    fn names_no_certificate_can_hold_are_left_out() {
        assert_eq!(dns("0.0.0.0:1", "my_host"), ["localhost"]);
        assert_eq!(dns("[::]:1", "-x"), ["localhost"]);
        assert_eq!(dns(":1", "a..b"), ["localhost"]);
        assert_eq!(dns("trust.example:1", "a"), ["a", "localhost", "trust.example"]);
    }
}
