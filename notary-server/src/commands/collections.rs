//! `notary-server collections`

use std::io::Write as _;

use anyhow::Context as _;
use notary_server::maintenance::each_name;

use super::open;
use crate::args::Arguments;
use crate::service;

/// Prints the name of every stored collection, in whichever dialect, once and a line each, and last a line that says how many there were and when: a
/// list that was cut short, or lay about, is not taken for one of fewer collections by `notary-signer gc`.
pub async fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let opened = open(arguments)?;
    let stores = opened.storage().await?;
    let mut out = std::io::stdout().lock();
    let begun = service::now().to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
    let mut count = 0_u64;
    let told = each_name(&[&*stores.notary, &*stores.tuf], |name| {
        count += 1;
        writeln!(out, "{name}")
    })
    .await;
    stores.close().await;
    told?.context("cannot write the list")?;
    writeln!(out, "# {count} collections at {begun}")?;
    Ok(())
}
