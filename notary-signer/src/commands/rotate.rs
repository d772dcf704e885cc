//! `passphrase rotate`: seals every stored key anew.

use std::io::Write as _;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use notary_signer::config::{Config, Sealing, Storage};
use notary_signer::open;
use notary_signer::rotate::{Event, Rotation, Writing, rotate};
use notary_signer::seal::Iterations;

use crate::args::RotateOptions;

/// Runs the command; a line for each key that was or was not sealed anew, then the counts, on standard output.
pub async fn run(mut config: Config, options: &RotateOptions) -> anyhow::Result<()> {
    let kept = wanted(&mut config.storage, options)?;
    let Some(sealing) = config.storage.sealing() else { return Err(open::OpenError::NotSealed.into()) };
    let (passphrases, iterations) = open::passphrases(sealing)?;
    let rows = open::sealed_rows(&config.storage).await?;
    let writing = if options.dry_run { Writing::DryRun } else { Writing::Replace };
    let mut out = std::io::stdout().lock();
    let mut written = Ok(());
    let report = |event| {
        if written.is_ok() {
            written = writeln!(out, "{}", line(event, writing));
        }
    };
    let rotation = rotate(&*rows, Arc::new(passphrases), iterations, writing, report).await;
    let rotation = rotation.context("stopped before the last key; what was sealed anew stays so, run it again")?;
    written?;
    writeln!(out, "{}", summary(rotation, &sealing.default_alias, iterations, writing))?;
    if !rotation.is_complete() {
        bail!("some keys are not sealed as wanted: mend the ones named above and run it again");
    }
    if let Some(kept) = kept {
        let alias = &sealing.default_alias;
        writeln!(
            out,
            "new keys are still sealed under {kept:?}: set storage.default_alias to {alias:?}, restart every signer, then \
             run it once more before the old passphrase is taken away"
        )?;
    }
    Ok(())
}

/// Puts the options over the configuration; gives the configured alias if another one is wanted.
fn wanted(storage: &mut Storage, options: &RotateOptions) -> anyhow::Result<Option<String>> {
    let (Storage::Sqlite { sealing, .. } | Storage::Postgres { sealing, .. } | Storage::MySql { sealing, .. }) =
        storage
    else {
        return Err(open::OpenError::NotSealed.into());
    };
    if let Some(count) = options.iterations {
        sealing.iterations = Some(Iterations::try_from(count).context("--iterations")?);
    }
    let Some(alias) = options.alias.clone().filter(|alias| *alias != sealing.default_alias) else { return Ok(None) };
    let Sealing { default_alias, .. } = sealing;
    Ok(Some(std::mem::replace(default_alias, alias)))
}

fn line(event: Event, writing: Writing) -> String {
    let done = if writing == Writing::DryRun { "would be sealed anew" } else { "sealed anew" };
    match event {
        Event::Resealed { id, from } => format!("key {id}: {done}, was under alias {from:?}"),
        Event::Failed(error) => format!("not done: {error}"),
    }
}

fn summary(rotation: Rotation, alias: &str, iterations: Iterations, writing: Writing) -> String {
    let Rotation { resealed, go115, as_wanted, changed_meanwhile, failed } = rotation;
    let (seen, count) = (rotation.seen(), iterations.count());
    let done = if writing == Writing::DryRun { "would be sealed anew" } else { "sealed anew" };
    format!(
        "{seen} keys, alias {alias:?}, {count} iterations: {resealed} {done} ({go115} of them sealed by Go 1.15), \
         {as_wanted} as wanted already, {changed_meanwhile} changed by others meanwhile, {failed} not opened"
    )
}
