//! tuf-js: the JavaScript client.

use std::process::Command;

use anyhow::Result;

use super::python_tuf::{installed, scripts};

/// The client, without arguments yet.
pub fn client() -> Result<Command> {
    installed("js/node_modules/tuf-js")?;
    let mut command = Command::new("node");
    command.env("TUF_JS_FOLDER", installed("js")?).arg(scripts().join("tuf_js.mjs"));
    Ok(command)
}
