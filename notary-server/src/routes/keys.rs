//! `GET` and `POST` of the server's public keys.

use axum::body::Body;
use axum::response::Response;
use base64::prelude::{BASE64_STANDARD, Engine as _};
use http::HeaderValue;
use http::header::CONTENT_TYPE;
use libtrust::keys::PublicKey;
use libtrust::names::{Gun, RoleName};

use super::App;
use crate::error::ApiError;

/// The key with which the server signs this role, in whichever dialect, made if there is none.
pub(super) async fn get(app: &App, gun: &Gun, role: &RoleName) -> Result<Response, ApiError> {
    for collections in app.both() {
        if let Some(key) = collections.listed_key(gun, role).await? {
            return Ok(answer(&key));
        }
    }
    rotate(app, gun, role).await
}

/// A key for the next root to name.
pub(super) async fn rotate(app: &App, gun: &Gun, role: &RoleName) -> Result<Response, ApiError> {
    Ok(answer(&app.notary.new_key(gun, role).await?))
}

/// The member order is the one Notary sends.
fn answer(key: &PublicKey) -> Response {
    let (key_type, public) = (key.key_type.as_str(), BASE64_STANDARD.encode(&key.public));
    let body = format!(r#"{{"keytype":"{key_type}","keyval":{{"public":"{public}","private":null}}}}"#);
    let mut response = Response::new(Body::from(body));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
