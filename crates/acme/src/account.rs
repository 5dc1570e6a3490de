//! Opening an account (RFC 8555 §7.3) with a key that is already stored.
//!
//! instant-acme makes the key itself where a contact or an external account is given, and hands it out
//! with the answer: who is killed between the two would have an account without its key.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use aws_lc_rs::{digest, hmac};
use http::header::{CONTENT_TYPE, DATE, LOCATION};
use http::{Method, Request, Response};
use hyper::body::Bytes;
use instant_acme::{BodyWrapper, Error, Problem};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::base64url;
use crate::client::Client;

/// Nonces that are refused before it is taken for more than bad luck.
const NONCES_MAX: usize = 10;
const BAD_NONCE: &str = "urn:ietf:params:acme:error:badNonce";

/// What of a directory is needed here (RFC 8555 §7.1.1).
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Directory {
    pub new_nonce: String,
    pub new_account: String,
    #[serde(default)]
    pub meta: Meta,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Meta {
    #[serde(default)]
    pub external_account_required: bool,
    /// Who may issue, as in CAA records (RFC 8659 §4.2).
    #[serde(default)]
    pub caa_identities: Vec<String>,
}

/// The binding to a customer's account (RFC 8555 §7.3.4).
pub struct External<'a> {
    pub key_id: &'a str,
    pub key: &'a [u8],
}

/// And what time it is there (RFC 9110 §6.6.1), in Unix seconds.
pub async fn directory(client: &Client, url: &str) -> Result<(Directory, Option<i64>), Error> {
    let request = Request::builder().uri(url).body(BodyWrapper::default())?;
    let response = client.ask(request).await?;
    checked(&response)?;
    let date = response.headers().get(DATE).and_then(|value| value.to_str().ok());
    let date = date.and_then(|text| jiff::fmt::rfc2822::parse(text).ok());
    let theirs = date.map(|date| date.timestamp().as_second());
    Ok((serde_json::from_slice(response.body())?, theirs))
}

/// A key for an account, as PKCS #8. The library takes P-256 only.
pub fn new_key() -> Result<Vec<u8>, Error> {
    let random = SystemRandom::new();
    let made = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random);
    Ok(made.map_err(|_| Error::Crypto)?.as_ref().to_vec())
}

/// The account's address. One that the key has already is found, and not made a second time (RFC 8555
/// §7.3.1).
pub async fn open(
    client: &Client,
    directory: &Directory,
    key: &[u8],
    contact: &[String],
    external: Option<External<'_>>,
) -> Result<String, Error> {
    let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, key)
        .map_err(|_| Error::KeyRejected)?;
    let jwk = jwk(&key);
    let url = &directory.new_account;
    let mut payload = json!({ "contact": contact, "termsOfServiceAgreed": true });
    if let Some(external) = external {
        payload["externalAccountBinding"] = binding(&external, &jwk, url);
    }
    for _ in 0..NONCES_MAX {
        let header = json!({
            "alg": "ES256", "jwk": jwk, "nonce": nonce(client, directory).await?, "url": url,
        });
        let body = signed(&header, &payload, |message| {
            let signature = key.sign(&SystemRandom::new(), message);
            Ok(signature.map_err(|_| Error::Crypto)?.as_ref().to_vec())
        })?;
        let request = Request::builder()
            .method(Method::POST)
            .uri(url)
            .header(CONTENT_TYPE, "application/jose+json")
            .body(BodyWrapper::from(serde_json::to_vec(&body)?))?;
        let response = client.ask(request).await?;
        match checked(&response) {
            Err(Error::Api(problem)) if problem.r#type.as_deref() == Some(BAD_NONCE) => {}
            Err(error) => return Err(error),
            Ok(()) => {
                let location = response.headers().get(LOCATION);
                let location = location.and_then(|value| value.to_str().ok());
                return location.map(str::to_owned).ok_or(Error::Str("no account URL found"));
            }
        }
    }
    Err(Error::Api(Problem {
        r#type: Some(BAD_NONCE.to_owned()),
        detail: None,
        status: Some(400),
        subproblems: Vec::new(),
    }))
}

async fn nonce(client: &Client, directory: &Directory) -> Result<String, Error> {
    let request = Request::builder()
        .method(Method::HEAD)
        .uri(&directory.new_nonce)
        .body(BodyWrapper::default())?;
    let response = client.ask(request).await?;
    let nonce = response.headers().get("replay-nonce").and_then(|value| value.to_str().ok());
    nonce.map(str::to_owned).ok_or(Error::Str("no nonce found"))
}

fn checked(response: &Response<Bytes>) -> Result<(), Error> {
    match response.status().is_success() {
        true => Ok(()),
        false => Err(Error::Api(serde_json::from_slice(response.body())?)),
    }
}

/// RFC 7518 §6.2.
fn jwk(key: &EcdsaKeyPair) -> Value {
    // An uncompressed point: 4, x, y.
    let point = key.public_key().as_ref();
    let half = |from: usize| base64url::encode(point.get(from..from + 32).unwrap_or_default());
    json!({ "kty": "EC", "crv": "P-256", "x": half(1), "y": half(33) })
}

fn binding(external: &External<'_>, jwk: &Value, url: &str) -> Value {
    let key = hmac::Key::new(hmac::HMAC_SHA256, external.key);
    let header = json!({ "alg": "HS256", "kid": external.key_id, "url": url });
    let signed = signed(&header, jwk, |message| Ok(hmac::sign(&key, message).as_ref().to_vec()));
    signed.unwrap_or_default()
}

/// RFC 7515 §7.2.2.
fn signed(
    header: &Value,
    payload: &Value,
    sign: impl FnOnce(&[u8]) -> Result<Vec<u8>, Error>,
) -> Result<Value, Error> {
    let protected = base64url::encode(header.to_string().as_bytes());
    let payload = base64url::encode(payload.to_string().as_bytes());
    let signature = sign(format!("{protected}.{payload}").as_bytes())?;
    let signature = base64url::encode(&signature);
    Ok(json!({ "protected": protected, "payload": payload, "signature": signature }))
}

/// Which account it is: one for each directory and each customer's account.
pub fn id(directory: &str, key_id: Option<&str>) -> String {
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(directory.as_bytes());
    context.update(&[0]);
    context.update(key_id.unwrap_or_default().as_bytes());
    base64url::encode(context.finish().as_ref().get(..12).unwrap_or_default())
}
