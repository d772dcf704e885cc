//! A token service as registries use it, for users with passwords. It lives in the stories alone.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD, Engine as _};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, KeyPair};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use serde_json::json;

/// What a user may do with every repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rights {
    /// Everything.
    All,
    /// Pull and push; not what needs every right, as deleting does.
    Push,
    /// Only pull.
    Pull,
}

/// A user of the token service.
#[derive(Clone, Debug)]
pub struct User {
    /// Name.
    pub name: &'static str,
    /// Password.
    pub password: &'static str,
    /// What their tokens grant.
    pub rights: Rights,
}

/// A running token service.
pub struct TokenIssuer {
    port: u16,
    bundle: PathBuf,
    lifetime: Arc<AtomicI64>,
}

struct Signer {
    key: EcdsaKeyPair,
    certificate: String,
    users: Vec<User>,
    lifetime: Arc<AtomicI64>,
}

impl TokenIssuer {
    /// The `iss` of its tokens.
    pub const NAME: &'static str = "story issuer";

    /// Starts the service; its certificate goes to `FOLDER/issuer.crt`. It ends with the story.
    pub fn start(folder: &Path, users: &[User]) -> Result<Self> {
        let pair = KeyPair::generate()?;
        let mut params = CertificateParams::new(Vec::new())?;
        params.distinguished_name.push(DnType::CommonName, Self::NAME);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&pair)?;
        let bundle = folder.join("issuer.crt");
        std::fs::write(&bundle, certificate.pem())?;
        let random = SystemRandom::new();
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &pair.serialize_der(), &random)
            .map_err(|error| anyhow::anyhow!("the issuer's key: {error}"))?;
        let lifetime = Arc::new(AtomicI64::new(300));
        let certificate = BASE64_STANDARD.encode(certificate.der());
        let signer = Arc::new(Signer { key, certificate, users: users.to_vec(), lifetime: lifetime.clone() });
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let port = listener.local_addr()?.port();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let signer = Arc::clone(&signer);
                std::thread::spawn(move || signer.serve(&stream));
            }
        });
        Ok(Self { port, bundle, lifetime })
    }

    /// Where clients ask for tokens.
    pub fn realm(&self) -> String {
        format!("http://127.0.0.1:{}/token", self.port)
    }

    /// The certificate its tokens are checked with.
    pub fn bundle(&self) -> &Path {
        &self.bundle
    }

    /// How long new tokens live, in seconds; below zero they have expired already.
    pub fn set_lifetime(&self, seconds: i64) {
        self.lifetime.store(seconds, Ordering::SeqCst);
    }
}

impl Signer {
    /// One request; a client that goes away is its own affair.
    fn serve(&self, stream: &TcpStream) {
        if let Ok((status, body)) = self.answer(stream) {
            let head = format!(
                "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                body.len()
            );
            let _ = (&*stream).write_all(format!("{head}{body}").as_bytes());
        }
    }

    fn answer(&self, stream: &TcpStream) -> Result<(&'static str, String)> {
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        let mut lines = BufReader::new(stream.take(64 << 10)).lines();
        let request = lines.next().context("a request line")??;
        let mut credentials = None;
        for line in lines {
            let line = line?;
            match line.split_once(": ") {
                Some((name, value)) if name.eq_ignore_ascii_case("authorization") => {
                    credentials = value.strip_prefix("Basic ").map(str::to_owned);
                }
                _ if line.is_empty() => break,
                _ => {}
            }
        }
        let target = request.strip_prefix("GET ").and_then(|rest| rest.split(' ').next());
        let Some(target) = target else { return Ok(("405 Method Not Allowed", "{}".to_owned())) };
        let user = match credentials {
            None => None,
            Some(credentials) => {
                let credentials = String::from_utf8(BASE64_STANDARD.decode(credentials)?)?;
                let known = self.users.iter().find(|user| format!("{}:{}", user.name, user.password) == credentials);
                match known {
                    None => {
                        return Ok(("401 Unauthorized", r#"{"details":"incorrect username or password"}"#.to_owned()));
                    }
                    user => user,
                }
            }
        };
        let query = reqwest::Url::parse(&format!("http://issuer{target}"))?;
        let token = self.token(user, &query)?;
        let lifetime = self.lifetime.load(Ordering::SeqCst).max(60);
        Ok(("200 OK", json!({"token": token, "access_token": token, "expires_in": lifetime}).to_string()))
    }

    fn token(&self, user: Option<&User>, query: &reqwest::Url) -> Result<String> {
        let now = i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs())?;
        let (mut service, mut access) = (String::new(), Vec::new());
        for (name, value) in query.query_pairs() {
            match &*name {
                "service" => service = value.into_owned(),
                // Names hold colons: the type ends at the first one, the actions begin after the last.
                "scope" => access.extend(value.split(' ').filter_map(|scope| {
                    let (kind, rest) = scope.split_once(':')?;
                    let (name, actions) = rest.rsplit_once(':')?;
                    let actions: Vec<&str> =
                        actions.split(',').filter(|action| user.is_some_and(|user| user.may(action))).collect();
                    Some(json!({"type": kind, "name": name, "actions": actions}))
                })),
                _ => {}
            }
        }
        let header = json!({"typ": "JWT", "alg": "ES256", "x5c": [self.certificate]});
        let claims = json!({
            "iss": TokenIssuer::NAME,
            "sub": user.map_or("", |user| user.name),
            "aud": service,
            "exp": now + self.lifetime.load(Ordering::SeqCst),
            "nbf": now - 600,
            "iat": now - 600,
            "jti": "1",
            "access": access,
        });
        let encode = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
        let message = format!("{}.{}", encode(header.to_string().as_bytes()), encode(claims.to_string().as_bytes()));
        let signature = self.key.sign(&SystemRandom::new(), message.as_bytes());
        let signature = signature.map_err(|error| anyhow::anyhow!("signing a token: {error}"))?;
        Ok(format!("{message}.{}", encode(signature.as_ref())))
    }
}

impl User {
    fn may(&self, action: &str) -> bool {
        match self.rights {
            Rights::All => true,
            Rights::Push => ["pull", "push"].contains(&action),
            Rights::Pull => action == "pull",
        }
    }
}
