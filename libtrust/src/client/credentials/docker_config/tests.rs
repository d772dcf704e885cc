use base64::prelude::{BASE64_STANDARD, Engine as _};

use super::*;

fn config(json: &str) -> DockerConfig {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("config.json"), json).unwrap();
    DockerConfig::load_file(folder.path()).unwrap()
}

fn pair(text: &str) -> String {
    BASE64_STANDARD.encode(text)
}

fn password(user: &str, password: &str) -> Option<Credential> {
    Some(Credential::Password { user: user.to_owned(), password: Secret::from(password.to_owned()) })
}

async fn ask(config: &DockerConfig, host: &str) -> Option<Credential> {
    config.for_registry(host).await.unwrap()
}

#[tokio::test]
async fn entries_are_found_by_host_however_they_are_written() {
    let (hub, old, zeros) = (pair("me:hub"), pair("me:old:x"), pair("me:zeros\0\0"));
    let config = config(&format!(
        r#"{{"auths": {{
            "https://index.docker.io/v1/": {{"auth": "{hub}"}},
            "https://old.example:5000/v1/": {{"auth": "{old}"}},
            "new.example": {{"auth": "{zeros}"}},
            "plain.example": {{"username": "me", "password": "plain"}},
            "oauth.example": {{"auth": "{hub}", "identitytoken": "refresh"}},
            "empty.example": {{}}
        }}, "HttpHeaders": {{"X": "y"}}}}"#
    ));
    assert_eq!(ask(&config, "docker.io").await, password("me", "hub"));
    assert_eq!(ask(&config, "old.example:5000").await, password("me", "old:x"));
    assert_eq!(ask(&config, "old.example").await, None);
    assert_eq!(ask(&config, "new.example").await, password("me", "zeros"));
    assert_eq!(ask(&config, "plain.example").await, password("me", "plain"));
    let token = Credential::IdentityToken(Secret::from("refresh".to_owned()));
    assert_eq!(ask(&config, "oauth.example").await, Some(token));
    assert_eq!(ask(&config, "empty.example").await, None);
    assert_eq!(ask(&config, "other.example").await, None);
    let debug = format!("{config:?}");
    assert!(!debug.contains(&hub) && !debug.contains("refresh") && !debug.contains("plain\""), "{debug}");
}

#[tokio::test]
async fn the_variable_comes_before_the_file_and_takes_nothing_unknown() {
    let config = config(&format!(r#"{{"auths": {{"a.example": {{"auth": "{}"}}}}}}"#, pair("file:1")));
    let variable = format!(r#"{{"auths": {{"a.example": {{"auth": "{}"}}}}}}"#, pair("variable:2"));
    let with = config.clone().with_auth_config(&variable).unwrap();
    assert_eq!(ask(&with, "a.example").await, password("variable", "2"));
    for text in [r#"{"auths": {}, "credsStore": "x"}"#, r#"{"auths": {"a": {"auth": "x", "y": 1}}}"#, "[]", "{}"] {
        let error = config.clone().with_auth_config(text).unwrap_err().to_string();
        assert!(error.starts_with("DOCKER_AUTH_CONFIG: "), "{error}");
    }
}

#[tokio::test]
async fn a_trust_server_takes_the_login_of_the_images_registry() {
    let config = config(&format!(
        r#"{{"auths": {{"reg.example": {{"auth": "{}"}}, "trust.example": {{"auth": "{}"}}}}}}"#,
        pair("reg:1"),
        pair("trust:2")
    ));
    let ask =
        async |registry| config.credential(CredentialsRequest { server: "trust.example", registry }).await.unwrap();
    assert_eq!(ask("reg.example").await, password("reg", "1"));
    assert_eq!(ask("unknown.example").await, password("trust", "2"));
}

#[tokio::test]
async fn what_cannot_be_read_is_an_error_that_shows_no_secret() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(DockerConfig::load_file(folder.path()).unwrap().stores.auths.map(|auths| auths.len()), None);
    std::fs::write(folder.path().join("config.json"), r#"{"auths": {"a": {"auth": ["hunter2"]}}}"#).unwrap();
    let error = DockerConfig::load_file(folder.path()).unwrap_err().to_string();
    assert!(error.contains("config.json") && error.contains("line 1") && !error.contains("hunter2"), "{error}");
    std::fs::write(folder.path().join("config.json"), vec![b' '; (1 << 20) + 1]).unwrap();
    assert!(DockerConfig::load_file(folder.path()).is_err());
    let config = config(r#"{"auths": {"a.example": {"auth": "hunter2"}}}"#);
    let error = config.for_registry("a.example").await.unwrap_err().to_string();
    assert!(error.contains("auth of a.example") && !error.contains("hunter2"), "{error}");
}

const HELPER: &str = r#"#!/bin/sh
read -r host
case $host in
  user.example) echo '{"ServerURL":"user.example","Username":"me","Secret":"from helper"}' ;;
  token.example) echo '{"ServerURL":"","Username":"<token>","Secret":"refresh"}' ;;
  slow.example) exec sleep 30 ;;
  endless.example) exec yes ;;
  broken.example) echo 'the keyring is locked'; exit 1 ;;
  strange.example) echo '{"Secret": ["hunter2"]}' ;;
  *) echo 'credentials not found in native keychain'; exit 1 ;;
esac
"#;

/// Writes the helper. A shell does it: a file that some thread's child still has open for writing cannot be run.
fn install_helper(folder: &Path) {
    let install = "cat >docker-credential-libtrust-test; chmod +x docker-credential-libtrust-test";
    let mut shell = std::process::Command::new("sh");
    let mut shell =
        shell.args(["-c", install]).current_dir(folder).stdin(std::process::Stdio::piped()).spawn().unwrap();
    std::io::Write::write_all(&mut shell.stdin.take().unwrap(), HELPER.as_bytes()).unwrap();
    assert!(shell.wait().unwrap().success());
}

#[tokio::test]
async fn helpers_are_asked_by_host_or_for_everything() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    install_helper(folder);
    let ask = async |host: &str| helper::ask_in(Some(folder), "libtrust-test", host, Duration::from_secs(10)).await;
    assert_eq!(ask("user.example").await.unwrap(), password("me", "from helper"));
    let token = Credential::IdentityToken(Secret::from("refresh".to_owned()));
    assert_eq!(ask("token.example").await.unwrap(), Some(token));
    assert_eq!(ask("unknown.example").await.unwrap(), None);
    let error = ask("broken.example").await.unwrap_err().to_string();
    assert!(error.contains("docker-credential-libtrust-test") && error.contains("the keyring is locked"), "{error}");
    assert!(ask("endless.example").await.unwrap_err().to_string().contains("longer than"));
    let error = ask("strange.example").await.unwrap_err().to_string();
    assert!(!error.contains("hunter2"), "{error}");
    let slow = helper::ask_in(Some(folder), "libtrust-test", "slow.example", Duration::from_millis(300)).await;
    assert!(slow.unwrap_err().to_string().contains("no answer within 0.3 s"));
    for name in ["../evil", "", "a b"] {
        assert!(helper::ask_in(Some(folder), name, "user.example", Duration::from_secs(10)).await.is_err());
    }
}

#[tokio::test]
async fn a_helper_that_is_not_installed_is_named() {
    let config = config(r#"{"credsStore": "all", "credHelpers": {"one.example": "one-of-libtrust"}}"#);
    let error = config.for_registry("one.example").await.unwrap_err().to_string();
    assert!(error.starts_with("docker-credential-one-of-libtrust gave no credentials for one.example"), "{error}");
    let error = config.for_registry("docker.io").await.unwrap_err().to_string();
    assert!(error.starts_with("docker-credential-all gave no credentials for https://index.docker.io/v1/"), "{error}");
}
