//! Servers over one PostgreSQL, with a signer as a process of its own: how trust servers are deployed.

use std::fs;
use std::path::Path;

use anyhow::Result;
use serde_json::{Value, json};
use stories::peers::signer::{Signer, SignerKind};

use super::{GO_SERVER, Postgres, Recipe, Sections, Slot};
use crate::tls::Certificate;

const SERVER_TABLES: &str = include_str!("../../../src/peers/schema/server.sql");
const SIGNER_TABLES: &str = include_str!("../../../src/peers/schema/signer.sql");

/// Some servers and their signer. The servers end first.
pub struct Deployment {
    pub servers: Vec<Slot>,
    pub signer: Signer,
}

impl Deployment {
    /// The database of [`Deployment::filled_by_go`].
    pub const FILLED: &str = "go_filled";

    /// `replicas` of our server and our signer, each program's tables in a database of its own.
    pub async fn ours(
        program: &Path,
        replicas: usize,
        postgres: &Postgres,
        scratch: &Path,
        certificate: &Certificate,
    ) -> Result<Self> {
        let (collections, keys) = (postgres.database("ours", "").await?, postgres.database("ours_keys", "").await?);
        let signer = signer(SignerKind::Ours, "deployed-ours", &keys, scratch)?;
        let recipe = |number| {
            let sections = sections(&signer, &collections);
            Recipe::configured("our replica", program, &format!("ours-{number}"), sections, scratch, certificate)
        };
        let servers = (0..replicas).map(|number| recipe(number).map(Slot::new)).collect::<Result<_>>()?;
        Ok(Self { servers, signer })
    }

    /// The Go server and the Go signer.
    pub async fn go(postgres: &Postgres, scratch: &Path, certificate: &Certificate) -> Result<Self> {
        Self::of_go("go_deployed", postgres, scratch, certificate).await
    }

    /// The same, with its collections in the database [`Deployment::FILLED`].
    pub async fn filled_by_go(postgres: &Postgres, scratch: &Path, certificate: &Certificate) -> Result<Self> {
        Self::of_go(Self::FILLED, postgres, scratch, certificate).await
    }

    async fn of_go(name: &str, postgres: &Postgres, scratch: &Path, certificate: &Certificate) -> Result<Self> {
        let collections = postgres.database(name, SERVER_TABLES).await?;
        let keys = postgres.database(&format!("{name}_keys"), SIGNER_TABLES).await?;
        let signer = signer(SignerKind::Go, name, &keys, scratch)?;
        let sections = sections(&signer, &collections);
        let called = "the Go server with its signer";
        let recipe = Recipe::configured(
            called,
            Path::new(GO_SERVER),
            &format!("{name}-server"),
            sections,
            scratch,
            certificate,
        )?;
        Ok(Self { servers: vec![Slot::new(recipe)], signer })
    }

    /// Ends the servers; the signer stays.
    pub fn rest(&mut self) {
        self.servers.iter_mut().for_each(Slot::stop);
    }
}

fn signer(kind: SignerKind, folder: &str, url: &str, scratch: &Path) -> Result<Signer> {
    let folder = scratch.join(folder);
    fs::create_dir(&folder)?;
    Signer::start(kind, &folder, &json!({ "backend": "postgres", "db_url": url, "default_alias": "one" }))
}

fn sections(signer: &Signer, url: &str) -> Sections {
    let storage: Value = json!({ "backend": "postgres", "db_url": url });
    Sections { trust_service: signer.trust_service(), storage }
}
