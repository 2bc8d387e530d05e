//! The routes: a request in, a response out, no socket in sight.
//!
//! Every path has its trailing slash; without it there is nothing. Time comes
//! in as an argument. The same [`Service`] answers all connections at once.

use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::batch::{self, Judgement};
use super::http::{BodyRefused, Request, Response};
use super::hub::{Hub, Listener};
use super::store::Store;
use super::tokens::{Tokens, Use};
use super::{Account, Limits};

/// The path of the websocket.
pub(crate) const SOCKET_PATH: &str = "/ws/v1/events/";
/// The largest body of the routes other than the batch, in bytes.
const MAX_SMALL_BODY: usize = 64 * 1024;

/// Everything behind the routes.
pub(crate) struct Service {
    accounts: Vec<Account>,
    password: SecretString,
    limits: Limits,
    tokens: Mutex<Tokens>,
    store: Mutex<Store>,
    hub: Hub,
}

#[derive(Deserialize)]
struct Login {
    username: String,
    #[serde(deserialize_with = "secret")]
    password: SecretString,
}

#[derive(Deserialize)]
struct Refresh {
    #[serde(deserialize_with = "secret")]
    refresh: SecretString,
}

fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SecretString, D::Error> {
    String::deserialize(deserializer).map(SecretString::from)
}

impl Service {
    pub(crate) fn new(
        accounts: Vec<Account>,
        password: SecretString,
        limits: Limits,
        tokens: Tokens,
        store: Store,
    ) -> Self {
        Self {
            accounts,
            password,
            limits,
            tokens: Mutex::new(tokens),
            store: Mutex::new(store),
            hub: Hub::default(),
        }
    }

    /// Answers everything except the websocket itself.
    pub(crate) fn handle(&self, request: &Request, now: Timestamp) -> Response {
        let now_s = now.as_second();
        let (method, answer): (_, fn(&Self, &Request, i64) -> Response) = match request.path() {
            "/api/v1/token/" => ("POST", Self::log_in),
            "/api/v1/token/refresh/" => ("POST", Self::refresh),
            "/api/v1/ws-token/" => ("POST", Self::socket_token),
            "/api/v1/events/batch/" => ("POST", Self::batch),
            "/api/v1/sync/health/" => ("GET", Self::health),
            SOCKET_PATH => ("GET", |_, _, _| {
                error(400, "This path speaks the websocket protocol only")
            }),
            _ => return Response::json(404, &json!({"detail": "Not found."})),
        };
        if request.method() != method {
            let detail = format!("Method \"{}\" not allowed.", request.method());
            return Response::json(405, &json!({"detail": detail})).with_header("Allow", method);
        }
        answer(self, request, now_s)
    }

    fn log_in(&self, request: &Request, now_s: i64) -> Response {
        let login: Login = match small_json(request) {
            Ok(login) => login,
            Err(response) => return response,
        };
        let right = same_secret(&login.password, &self.password);
        let account = self.account(&login.username).filter(|_| right);
        let Some(account) = account else {
            let detail = "No active account found with the given credentials";
            return Response::json(401, &json!({"detail": detail}));
        };
        self.token_pair(account, now_s)
    }

    fn refresh(&self, request: &Request, now_s: i64) -> Response {
        let refresh: Refresh = match small_json(request) {
            Ok(refresh) => refresh,
            Err(response) => return response,
        };
        let owner = self.tokens().spend(&refresh.refresh, now_s);
        match owner.and_then(|owner| self.account(&owner)) {
            Some(account) => self.token_pair(account, now_s),
            None => unauthorized(),
        }
    }

    fn token_pair(&self, account: &Account, now_s: i64) -> Response {
        let mut tokens = self.tokens();
        let access = tokens.issue(Use::Access, &account.name, now_s);
        let refresh = tokens.issue(Use::Refresh, &account.name, now_s);
        if let Err(why) = tokens.save() {
            return error(500, "Internal error: sessions cannot be stored")
                .with_note(format!("cannot store sessions: {why}"));
        }
        let mut reply = json!({
            "access": access.expose_secret(),
            "refresh": refresh.expose_secret(),
            "access_lifetime": tokens.lifetimes().access_s,
            "refresh_lifetime": tokens.lifetimes().refresh_s,
        });
        if let (Some(team), Some(fields)) = (&account.team, reply.as_object_mut()) {
            fields.insert("team_slug".to_owned(), team.as_str().into());
        }
        Response::json(200, &reply).with_header("Cache-Control", "no-store")
    }

    fn socket_token(&self, request: &Request, now_s: i64) -> Response {
        let account = match self.caller(request, Use::Access, now_s) {
            Ok(account) => account,
            Err(response) => return response,
        };
        if account.team.is_none() {
            return error(403, "not_a_team_member");
        }
        let mut tokens = self.tokens();
        let token = tokens.issue(Use::Socket, &account.name, now_s);
        let reply = json!({
            "ws_token": token.expose_secret(),
            "expires_in": tokens.lifetimes().socket_s,
        });
        Response::json(200, &reply).with_header("Cache-Control", "no-store")
    }

    fn batch(&self, request: &Request, now_s: i64) -> Response {
        let account = match self.caller(request, Use::Access, now_s) {
            Ok(account) => account,
            Err(response) => return response,
        };
        if let Some(response) = not_json(request) {
            return response;
        }
        let body = match request.plain_body(self.limits.max_decompressed_bytes) {
            Ok(body) => body,
            Err(BodyRefused::TooLong(_)) => return self.too_large(),
            Err(refused) => return undecodable(refused),
        };
        let events = match batch::events_of(&body) {
            Ok(events) => events,
            Err(response) => return response,
        };
        if events.is_empty() {
            return error(400, "No events provided");
        }
        if events.len() > self.limits.max_events {
            let why = format!("Max {} events per batch", self.limits.max_events);
            return error(400, &why);
        }
        match self.receive(&events, account, None) {
            Ok(judgement) => Response::json(200, &judgement.results()).with_note(judgement.note()),
            Err(response) => response,
        }
    }

    fn health(&self, request: &Request, now_s: i64) -> Response {
        match self.caller(request, Use::Access, now_s) {
            Ok(_) => Response::json(
                200,
                &json!({"sync_ingress": {
                    "contract_version": "sync-ingress-limits.v1",
                    "limits": self.advertised(),
                }}),
            ),
            Err(response) => response,
        }
    }

    /// Judges and stores events, and tells the other listeners of the team.
    pub(crate) fn receive<'a>(
        &self,
        events: &[&'a RawValue],
        account: &Account,
        from: Option<u64>,
    ) -> Result<Judgement<'a>, Response> {
        let team = account.team.as_deref();
        let judgement = batch::judge(events, team, &mut self.store())?;
        if let Some(team) = team {
            self.hub.publish(team, &judgement.stored, from);
        }
        Ok(judgement)
    }

    /// The account that a bearer token stands for.
    ///
    /// # Errors
    /// 401 for a token that is missing, unknown, spent or of another use; 403
    /// for an `X-Team-Slug` that is not the account's team.
    pub(crate) fn caller(
        &self,
        request: &Request,
        used_for: Use,
        now_s: i64,
    ) -> Result<&Account, Response> {
        let token = bearer(request).ok_or_else(unauthorized)?;
        let account = self
            .tokens()
            .owner(&token, used_for, now_s)
            .and_then(|owner| self.account(owner))
            .ok_or_else(unauthorized)?;
        match request.header("x-team-slug") {
            Some(team) if Some(team) != account.team.as_deref() => {
                Err(error(403, "Insufficient permissions for this team"))
            }
            _ => Ok(account),
        }
    }

    /// Takes a place among the listeners and says how things stand. Joining
    /// comes first: what happens between the two is told twice, never not at all.
    pub(crate) fn listen(&self, team: &str) -> (Listener, String) {
        let listener = self.hub.join(team);
        let store = self.store();
        let standings: Vec<_> = store.board().of_team(team).collect();
        let snapshot = json!({
            "type": "snapshot",
            "work_packages": standings,
            "lamport_clock": store.board().clock_of(team),
        });
        (listener, snapshot.to_string())
    }

    pub(crate) fn max_message_bytes(&self) -> usize {
        self.limits.max_decompressed_bytes
    }

    fn account(&self, name: &str) -> Option<&Account> {
        self.accounts.iter().find(|account| account.name == name)
    }

    fn too_large(&self) -> Response {
        let body = json!({
            "error": "Batch payload exceeds decompressed byte limit",
            "error_code": "sync_batch_too_large",
            "category": "request_too_large",
            "limits": self.advertised(),
        });
        Response::json(413, &body)
    }

    fn advertised(&self) -> Value {
        json!({
            "max_events_per_batch": self.limits.max_events,
            "max_decompressed_bytes_per_batch": self.limits.max_decompressed_bytes,
            "retry_after_min_seconds": self.limits.retry_after_min_s,
            "retry_after_max_seconds": self.limits.retry_after_max_s,
        })
    }

    fn tokens(&self) -> MutexGuard<'_, Tokens> {
        self.tokens.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn store(&self) -> MutexGuard<'_, Store> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn bearer(request: &Request) -> Option<SecretString> {
    let (scheme, token) = request.header("authorization")?.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then(|| SecretString::from(token.trim()))
}

fn small_json<T: for<'a> Deserialize<'a>>(request: &Request) -> Result<T, Response> {
    if let Some(response) = not_json(request) {
        return Err(response);
    }
    let body = request.plain_body(MAX_SMALL_BODY).map_err(undecodable)?;
    // The parser's own words could repeat a password: none of them go out.
    serde_json::from_slice(&body).map_err(|_| error(400, "Malformed request body"))
}

fn not_json(request: &Request) -> Option<Response> {
    let media = request.header("content-type").unwrap_or_default();
    let essence = media.split(';').next().unwrap_or_default().trim();
    (!essence.eq_ignore_ascii_case("application/json")).then(|| {
        let detail = "Unsupported media type in request; application/json is needed.";
        Response::json(415, &json!({"detail": detail}))
    })
}

fn undecodable(refused: BodyRefused) -> Response {
    match refused {
        BodyRefused::TooLong(_) => error(413, "Request body too large"),
        BodyRefused::Corrupt => error(400, "Request body is not valid gzip"),
        BodyRefused::UnknownEncoding => error(415, "Unsupported content encoding"),
    }
}

/// Compares digests, so that the time it takes says nothing about the password.
fn same_secret(one: &SecretString, other: &SecretString) -> bool {
    let digest = |secret: &SecretString| Sha256::digest(secret.expose_secret().as_bytes());
    digest(one) == digest(other)
}

fn unauthorized() -> Response {
    error(401, "Token expired or invalid").with_header("WWW-Authenticate", "Bearer")
}

fn error(status: u16, why: &str) -> Response {
    Response::json(status, &json!({"error": why}))
}

#[cfg(test)]
mod tests;
