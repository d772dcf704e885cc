//! `authorization`: which client certificates may sign, which may make keys, and which may delete them.

use notary_service::config::{ConfigError, Section};
use serde_json::{Value, json};

use crate::peers::{Authorization, Grant};

pub(super) const KEYS: &[&str] = &["signing", "key_management", "key_deletion"];

/// Without the section, whoever the TLS handshake lets in may sign and create keys, as with Notary; nobody may delete.
pub(super) fn read(mut section: Section<'_>, knows_peers: bool) -> Result<Authorization, ConfigError> {
    let signing = grant(&mut section, "signing", knows_peers)?;
    let key_management = grant(&mut section, "key_management", knows_peers)?;
    let key_deletion = grant(&mut section, "key_deletion", knows_peers)?;
    match (signing, key_management, key_deletion) {
        (None, None, None) => Ok(Authorization::default()),
        (Some(signing), Some(key_management), key_deletion) => {
            Ok(Authorization::listed(signing, key_management, key_deletion.unwrap_or(Grant::Nobody)))
        }
        // A list that is not there could mean all or none.
        (None, ..) => Err(section.missing("signing", LIST)),
        (_, None, _) => Err(section.missing("key_management", LIST)),
    }
}

const LIST: &str = "a list of client certificate names, because another list is there; [\"*\"] stands for every \
     client with a certificate of server.client_ca_file";

fn grant(section: &mut Section<'_>, key: &str, knows_peers: bool) -> Result<Option<Grant>, ConfigError> {
    let Some((found, names)) = section.list(key)? else { return Ok(None) };
    if !knows_peers {
        return Err(found.unsupported("clients have names only where server.client_ca_file asks for certificates"));
    }
    if names.iter().any(|name| name.trim().is_empty()) {
        return Err(found.invalid("names that are not empty"));
    }
    Ok(Some(Grant::to(names)))
}

pub(super) fn describe(authorization: &Authorization) -> Option<Value> {
    let [signing, key_management, key_deletion] = authorization.lists()?;
    Some(json!({
        "signing": signing.names(),
        "key_management": key_management.names(),
        "key_deletion": key_deletion.names(),
    }))
}
