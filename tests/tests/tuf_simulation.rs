//! Random histories of repositories, read by `trust tuf` and by python-tuf's client side by side: after every step the same
//! verdict, the same metadata kept byte for byte, the same targets, and after a good one the same requests.
//!
//! `tests/peers/simulation.py` plays them. `STORY_SEED=17 STORY_STEPS=1000` plays one longer history.

use anyhow::Result;
use stories::command::run;
use stories::peers::{python_tuf, trust};

#[test]
fn history_1_reads_as_the_reference_client_reads_it() -> Result<()> {
    play("1", "100")
}

#[test]
fn history_2_reads_as_the_reference_client_reads_it() -> Result<()> {
    play("2", "100")
}

#[test]
fn history_3_reads_as_the_reference_client_reads_it() -> Result<()> {
    play("3", "100")
}

#[test]
fn history_4_reads_as_the_reference_client_reads_it() -> Result<()> {
    play("4", "100")
}

#[test]
fn a_chosen_history_reads_as_the_reference_client_reads_it() -> Result<()> {
    let chosen = |name: &str, default: &str| std::env::var(name).unwrap_or_else(|_| default.to_owned());
    play(&chosen("STORY_SEED", "5"), &chosen("STORY_STEPS", "100"))
}

fn play(seed: &str, steps: &str) -> Result<()> {
    // Not with the time limit of other commands: a long history takes as long as it takes.
    let mut command = python_tuf::bare("simulation.py")?;
    command.args(["--verbose", "--seed", seed, "--steps", steps]).arg(trust::binary()?).arg("tuf");
    run(&mut command)?.success()?;
    Ok(())
}
