use std::process::Command;

use super::*;

/// Set in the child process that this test becomes: a process's environment is read, never changed.
const MARK: &str = "LIBTRUST_TEST_PROXIED_SERVER";

#[test]
fn proxies_come_from_the_environment_and_never_lead_to_this_machine() {
    if let Ok(local) = std::env::var(MARK) {
        return in_the_child(&local);
    }
    let proxy = TestServer::start(|_, out| out.write_all(&answer(502, &[], "")));
    let local = TestServer::start(|_, out| out.write_all(&answer(200, &[], "the file")));
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args([
        "--exact",
        "client::http::tests::proxy::proxies_come_from_the_environment_and_never_lead_to_this_machine",
    ]);
    for name in ["HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY"] {
        child.env(name, proxy.url());
    }
    let output = child.env("NO_PROXY", "not.proxied.invalid").env(MARK, local.url()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    let asked: Vec<_> = proxy.seen().into_iter().map(|seen| format!("{} {}", seen.method, seen.target)).collect();
    assert_eq!(asked, ["CONNECT proxied.invalid:4443"]);
    assert_eq!(local.connections(), 1);
}

fn in_the_child(local: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        for (server, works) in
            [(local, true), ("https://proxied.invalid:4443", false), ("https://not.proxied.invalid", false)]
        {
            let transport = HttpTransport::new(server.parse().unwrap(), &options(), Arc::new(Anonymous)).unwrap();
            assert_eq!(fetch(&transport, 100).await.is_ok(), works, "{server}");
        }
    });
}
