//! The fuzz targets' bodies over their corpora and over every file the real programs wrote.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::fs;
use std::path::{Path, PathBuf};

use libtrust::fuzzing::TARGETS;

fn here(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found
}

#[test]
fn every_target_has_a_corpus_and_survives_it() {
    for (name, run) in TARGETS {
        let corpus = files(&here("fuzz/corpus").join(name));
        assert!(corpus.len() >= 5, "{name}");
        corpus.iter().for_each(|path| run(&fs::read(path).unwrap()));
    }
}

#[test]
fn every_target_has_a_program() {
    let cargo = fs::read_to_string(here("fuzz/Cargo.toml")).unwrap();
    for (name, _) in TARGETS {
        let program = fs::read_to_string(here("fuzz/fuzz_targets").join(format!("{name}.rs"))).unwrap();
        assert!(program.contains(&format!("fuzzing::{name}(")), "{name}");
        assert!(cargo.contains(&format!("name = \"{name}\"")), "{name}");
    }
}

#[test]
fn every_target_survives_every_file_of_the_real_programs() {
    let written: Vec<_> = ["golden", "judged", "keys/files", "tuf"]
        .iter()
        .flat_map(|folder| files(&here("../fixtures").join(folder)))
        .collect();
    assert!(written.len() > 500);
    for path in written {
        let bytes = fs::read(&path).unwrap();
        TARGETS.iter().for_each(|(_, run)| run(&bytes));
    }
}
