//! Other people's TUF clients in Rust, driven as public conformance tools drive clients:
//!
//! ```text
//! rust-tuf-clients tough|sigstore-tuf --metadata-dir DIR init TRUSTED_ROOT
//! rust-tuf-clients tough|sigstore-tuf --metadata-dir DIR --metadata-url URL refresh
//! rust-tuf-clients tough|sigstore-tuf --metadata-dir DIR --metadata-url URL --target-name PATH ...
//!                                     --target-dir DIR --target-base-url URL download
//! rust-tuf-clients tough-repositories FOLDER
//! ```
//!
//! The exit code is 0 or 1. `tough-repositories` writes repositories with tough's editor.
#![forbid(unsafe_code)]

mod arguments;
mod make;
mod sigstore_tuf;
mod tough;

use anyhow::{Result, bail};

use crate::arguments::Arguments;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    if let Err(error) = run().await {
        eprintln!("{error:#}");
        std::process::exit(1);
    }
}

async fn run() -> Result<()> {
    let mut words = std::env::args().skip(1);
    match words.next().as_deref() {
        Some("tough") => crate::tough::run(&Arguments::parse(words)?).await,
        Some("sigstore-tuf") => crate::sigstore_tuf::run(&Arguments::parse(words)?).await,
        Some("tough-repositories") => match words.next() {
            Some(folder) => make::all(folder.as_ref()).await,
            None => bail!("tough-repositories needs a folder"),
        },
        _ => bail!("say tough, sigstore-tuf or tough-repositories"),
    }
}
