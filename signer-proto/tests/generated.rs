//! The committed code is what the `.proto` files say.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::fs;
use std::path::Path;

#[test]
fn generated_code_is_up_to_date() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let protos = here.join("proto");
    let files = protox::compile([protos.join("signer.proto"), protos.join("health.proto")], [&protos]).unwrap();
    let made = tempfile::tempdir().unwrap();
    tonic_prost_build::configure().out_dir(made.path()).compile_fds(files).unwrap();
    for name in ["proto.rs", "grpc.health.v1.rs"] {
        let fresh = fs::read_to_string(made.path().join(name)).unwrap();
        let committed = here.join("src/generated").join(name);
        if std::env::var_os("UPDATE_GENERATED").is_some() {
            fs::create_dir_all(committed.parent().unwrap()).unwrap();
            fs::write(&committed, &fresh).unwrap();
        }
        let stored = fs::read_to_string(&committed).unwrap_or_default();
        assert!(stored == fresh, "{name} is not what proto/ says: run this test once with UPDATE_GENERATED=1");
    }
}
