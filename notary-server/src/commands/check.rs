//! `notary-server check`

use anyhow::bail;
use notary_server::maintenance::check::{CheckFailed, Finding, Totals, check};
use notary_server::signer::OnlineSigner;
use serde_json::json;

use super::{Output, open};
use crate::args::Arguments;
use crate::service;
use crate::stores::Stores;

/// What to look at, and how to tell.
#[derive(Debug, clap::Args)]
pub struct CheckOptions {
    /// Also ask the signer whether it holds the keys to renew each timestamp
    #[arg(long)]
    with_signer: bool,
    /// How to print
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    output: Output,
}

/// Walks all collections and tells what is wrong with them; an error if anything is.
pub async fn run(arguments: &Arguments, options: &CheckOptions) -> anyhow::Result<()> {
    let opened = open(arguments)?;
    let signer = match options.with_signer {
        true => Some(service::signer(&opened.config.trust_service).await?.0),
        false => None,
    };
    let stores = opened.storage().await?;
    let totals = both(&stores, signer.as_deref(), options.output).await;
    stores.close().await;
    if let Some(signer) = signer {
        signer.close().await;
    }
    let totals = totals?;
    match options.output {
        Output::Text => println!(
            "{} collections checked: {} faults, {} warnings",
            totals.collections, totals.faults, totals.warnings
        ),
        Output::Json => println!(
            "{}",
            json!({"collections": totals.collections, "faults": totals.faults, "warnings": totals.warnings})
        ),
    }
    if totals.faults > 0 {
        bail!("{} faults were found", totals.faults);
    }
    Ok(())
}

async fn both(stores: &Stores, signer: Option<&dyn OnlineSigner>, output: Output) -> Result<Totals, CheckFailed> {
    let mut totals = Totals::default();
    for (dialect, storage) in stores.each() {
        let tell = |finding: &Finding| match output {
            Output::Text => println!("{finding}"),
            Output::Json => println!("{}", finding.to_json()),
        };
        totals += check(dialect, storage, signer, service::now(), tell).await?;
    }
    Ok(totals)
}
