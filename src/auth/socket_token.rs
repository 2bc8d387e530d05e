//! The token that opens the live connection: bought with the access token, from
//! the server that issued that, and good for nothing else.

use secrecy::SecretString;
use serde_json::Value;

use super::credentials::is_token;
use super::http::{Answer, Client, Encoding, NoAnswer};

/// Where it is asked for; the slash at its end is required.
const PATH: &str = "/api/v1/ws-token/";

/// Asks the client's server for a token.
///
/// # Errors
/// [`NoAnswer`] when no status came back.
pub(crate) fn ask(client: &Client, access: &SecretString) -> Result<Answer, NoAnswer> {
    client.post_json(PATH, Some(access), b"", Encoding::Plain)
}

/// The token in an answer with status 200. Another address that the server may
/// name beside it is not read: a token goes to no host but its issuer.
pub(crate) fn read(answer: &Answer) -> Option<SecretString> {
    let body: Value = serde_json::from_slice(&answer.body).ok()?;
    let token = body.get("ws_token")?.as_str()?;
    is_token(token).then(|| SecretString::from(token))
}
