//! `docker trust inspect`.

use std::io::{self, Write};

use clap::Args;
use libtrust::client::{Collection, Offline};
use libtrust::names::ImageReference;

use super::Call;
use crate::commands::shown;
use crate::docker::inspect::{Inspected, Key, KeyHolder, REPO_ADMIN, SignedTag, json, pretty, sort};
use crate::docker::seen::{Holder, Tag, administrators, signers, tags};
use crate::failure::Failure;
use crate::output::{escape, forgive_closed_pipe};
use crate::session::Session;

/// Options of `docker trust inspect`.
#[derive(Debug, Args)]
pub struct Options {
    /// Print the information in a human friendly format
    #[arg(long)]
    pub pretty: bool,
    /// Images
    #[arg(value_name = "IMAGE[:TAG]", required = true)]
    pub images: Vec<String>,
}

/// Prints what is known of the images. Those that fail are told on standard error and left out; with
/// `--pretty` the first that fails is the last.
///
/// # Errors
/// If any failed.
pub fn run(options: &Options, call: &Call) -> Result<(), Failure> {
    let session = call.session()?;
    let (found, failed) = session.wait(async {
        let (mut found, mut failed) = (Vec::new(), Vec::new());
        for name in &options.images {
            match look(name, &session).await {
                Ok(inspected) => found.push(inspected),
                Err(failure) => failed.push(failure.while_doing(format!("no signatures or cannot access {name}"))),
            }
            // Pages end with the first failure, JSON goes on.
            if options.pretty && !failed.is_empty() {
                break;
            }
        }
        Ok::<_, Failure>((found, failed))
    })?;
    let text = match options.pretty {
        false => json(&found)?,
        // The next page was begun already.
        true if !failed.is_empty() && !found.is_empty() => format!("{}\n\n", pretty(&found)),
        true => pretty(&found),
    };
    forgive_closed_pipe(io::stdout().write_all(text.as_bytes()))?;
    let mut failed = failed.into_iter();
    let Some(last) = failed.next_back() else { return Ok(()) };
    for failure in failed {
        let causes = failure.causes().iter().map(|cause| format!(": {cause}")).collect::<String>();
        // Nowhere is left to say it if standard error is gone.
        let _ = writeln!(io::stderr(), "{}", escape::lines(&format!("{}{causes}", failure.message())));
    }
    Err(last)
}

async fn look(name: &str, session: &Session) -> Result<Inspected, Failure> {
    let image: ImageReference = name.parse()?;
    let collection = session.client(image.gun())?.update(image.gun(), Offline::WhenUnreachable).await?;
    shown::doubts(session, &collection);
    Ok(inspected(name, image.tag(), &collection))
}

fn inspected(name: &str, tag: Option<&str>, collection: &Collection) -> Inspected {
    let mut inspected = Inspected {
        name: name.to_owned(),
        signed_tags: tags(collection, tag).into_iter().map(signed_tag).collect(),
        signers: signers(collection).into_iter().map(|signer| holder(signer.name.clone(), signer)).collect(),
        administrative_keys: administrators(collection)
            .into_iter()
            .map(|admin| holder(if admin.name == "root" { "Root" } else { "Repository" }.to_owned(), admin))
            .collect(),
    };
    sort(&mut inspected);
    inspected
}

fn signed_tag(tag: Tag) -> SignedTag {
    let signers = if tag.signers.is_empty() { vec![REPO_ADMIN.to_owned()] } else { tag.signers };
    let digest = tag.digest.trim_start_matches("sha256:").to_owned();
    SignedTag { signed_tag: tag.tag, digest, signers }
}

fn holder(name: String, holder: Holder) -> KeyHolder {
    KeyHolder { name, keys: holder.keys.into_iter().map(|id| Key { id }).collect() }
}
