//! `trust key list`.

use std::io::{self, Write};

use libtrust::client::KeyStore;
use serde::Serialize;

use super::Key;
use crate::commands::Context;
use crate::commands::session::keys;
use crate::failure::Failure;
use crate::output::{self, Document, Table, notice};

/// The keys that are here.
#[derive(Debug, Serialize)]
struct Keys {
    keys: Vec<Key>,
}

/// Lists keys, root keys first; says what looks like one and cannot be read.
pub(super) fn run(context: &Context) -> Result<(), Failure> {
    let store = keys(context)?;
    let mut listed: Vec<Key> = store.list()?.into_iter().map(Key::from).collect();
    listed.sort_by(|a, b| (a.role != "root", &a.gun, &a.role, &a.id).cmp(&(b.role != "root", &b.gun, &b.role, &b.id)));
    for unreadable in store.unreadable()? {
        notice::warning(&format!("{} is not a key that can be used: {}", unreadable.location, unreadable.why));
    }
    output::print(&Keys { keys: listed }, context.options.output)
}

impl Document for Keys {
    fn text(&self, to: &mut dyn Write) -> io::Result<()> {
        if self.keys.is_empty() {
            return writeln!(to, "No private key is here.");
        }
        let mut table = Table::new(["ROLE", "IMAGE", "KEY"]);
        for key in &self.keys {
            table.row([key.role.as_str(), key.gun.as_deref().unwrap_or_default(), &key.id]);
        }
        table.write(to)
    }
}
