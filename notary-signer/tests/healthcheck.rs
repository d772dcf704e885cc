//! `notary-signer healthcheck`: what a container asks, where there is no other program.
#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use std::path::Path;

use serde_json::json;
use support::{Place, command};

fn ask(config: &Path) -> (bool, String) {
    let output = command(config, &[]).arg("healthcheck").output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&said).into_owned())
}

#[test]
fn a_signer_that_runs_is_healthy_and_one_that_is_gone_is_not() {
    let place = Place::new();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let address = format!("127.0.0.1:{port}");
    let signer = place.start_with(|config| config["server"]["ops_addr"] = json!(address));
    let config = place.path("signer.json");
    assert_eq!(ask(&config), (true, "{}\n".to_owned()));
    drop(signer);
    let (healthy, said) = ask(&config);
    assert!(!healthy && said.contains(&address), "{said}");
}

#[test]
fn without_an_address_for_operators_the_key_to_set_is_named() {
    let (healthy, said) = ask(&Place::new().config(|_| {}));
    assert!(!healthy && said.contains("server.ops_addr"), "{said}");
}
