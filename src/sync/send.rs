//! The line to a real server: gzip, one POST, the session's token.
//!
//! Deadlines: connecting 10 s, standing still 30 s, a whole exchange 60 s. A
//! response is read up to 4 MiB. What the server echoes of the access token is
//! blotted out before anybody can store or print it.

use std::io::Write;
use std::path::Path;
use std::sync::mpsc::RecvTimeoutError;
use std::thread;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};

use crate::auth::client::{self, RefreshError};
use crate::auth::http::{Answer, Client, Encoding, Limits, NoAnswer, SetupError};
use crate::auth::{Credentials, Store};
use crate::platform::Worker;
use crate::sync::chunk::ChunkLimits;
use crate::sync::courier::Line;
use crate::sync::outcome;
use crate::sync::pass::Interrupt;

/// The batch route; the slash at its end is required.
const PATH: &str = "/api/v1/events/batch/";

/// What a request with events may cost.
const LIMITS: Limits = Limits {
    total: Duration::from_secs(60),
    body_bytes: 4 * 1024 * 1024,
};

/// The pieces in which a pause looks whether it should end.
const TICK: Duration = Duration::from_millis(50);

/// How long a refresh may go on after somebody wants the pass to end. It has
/// spent the old token; what it brings back should be stored.
const REFRESH_GRACE: Duration = Duration::from_millis(700);

/// Where a server says what it takes in one request.
const HEALTH_PATH: &str = "/api/v1/sync/health/";

/// The line to the server of `credentials`.
///
/// Requests run on a thread of their own, because nothing breaks off a look-up
/// of a name or a connection that is being made. One that nobody waits for any
/// more goes on to its own deadline, and what it brings is dropped.
pub(super) struct HttpLine<'a> {
    client: Client,
    store: Store,
    credentials: Credentials,
    interrupt: Interrupt<'a>,
    worker: Worker,
}

impl<'a> HttpLine<'a> {
    pub(super) fn new(
        credentials: Credentials,
        store: Store,
        ca_file: Option<&Path>,
        interrupt: Interrupt<'a>,
    ) -> Result<Self, SetupError> {
        let client = Client::new(&credentials.account.server, ca_file, LIMITS)?;
        Ok(Self {
            client,
            store,
            credentials,
            interrupt,
            worker: Worker::named("sync-request"),
        })
    }

    /// Runs `job` on that thread, and `meanwhile` here; `None` when somebody
    /// wants the pass to end and `grace` is over.
    fn attended<T: Send + 'static>(
        &self,
        grace: Duration,
        meanwhile: &mut dyn FnMut(),
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        let receiver = self.worker.begin(job).ok()?;
        meanwhile();
        let mut left = grace;
        loop {
            match receiver.recv_timeout(TICK) {
                Ok(done) => return Some(done),
                Err(RecvTimeoutError::Disconnected) => return None,
                Err(RecvTimeoutError::Timeout) if !self.interrupted() => {}
                Err(RecvTimeoutError::Timeout) => match left.checked_sub(TICK) {
                    Some(rest) => left = rest,
                    None => {
                        self.worker.abandon();
                        return None;
                    }
                },
            }
        }
    }

    fn request(
        &self,
        meanwhile: &mut dyn FnMut(),
        job: impl FnOnce(Client, SecretString) -> Result<Answer, NoAnswer> + Send + 'static,
    ) -> Result<Answer, NoAnswer> {
        let (client, token) = (self.client.clone(), self.credentials.access.clone());
        let answer = self.attended(Duration::ZERO, meanwhile, move || job(client, token));
        match answer {
            Some(answer) => answer.map(|answer| self.without_token(answer)),
            None => {
                self.client.hang_up();
                Err(NoAnswer::Abandoned)
            }
        }
    }

    fn without_token(&self, mut answer: Answer) -> Answer {
        let token = self.credentials.access.expose_secret().as_bytes();
        blot_out(&mut answer.body, token);
        for text in [&mut answer.location, &mut answer.retry_after]
            .into_iter()
            .flatten()
        {
            let mut bytes = std::mem::take(text).into_bytes();
            blot_out(&mut bytes, token);
            *text = String::from_utf8(bytes).unwrap_or_default();
        }
        answer
    }
}

impl Line for HttpLine<'_> {
    fn pack(body: &[u8]) -> Vec<u8> {
        gzip(body)
    }

    fn post(&mut self, packed: &[u8]) -> (Result<Answer, NoAnswer>, u64) {
        self.post_and(packed, &mut || ())
    }

    fn post_and(
        &mut self,
        packed: &[u8],
        meanwhile: &mut dyn FnMut(),
    ) -> (Result<Answer, NoAnswer>, u64) {
        let packed = packed.to_vec();
        let bytes = u64::try_from(packed.len()).unwrap_or(u64::MAX);
        let answer = self.request(meanwhile, move |client, token| {
            client.post_json(PATH, Some(&token), &packed, Encoding::Gzip)
        });
        (answer, bytes)
    }

    fn ensure_fresh(&mut self) -> Result<(), RefreshError> {
        if self.credentials.access_is_fresh(Timestamp::now()) {
            return Ok(());
        }
        self.refresh()
    }

    fn refresh(&mut self) -> Result<(), RefreshError> {
        let client = self.client.within(client::LIMITS);
        let (store, used) = (self.store.clone(), self.credentials.clone());
        let next = self
            .attended(REFRESH_GRACE, &mut || (), move || {
                client::refresh(&client, &store, &used)
            })
            .unwrap_or(Err(RefreshError::NoAnswer(NoAnswer::Abandoned)))?;
        if next.account.target() != self.credentials.account.target() {
            return Err(RefreshError::Changed);
        }
        self.credentials = next;
        Ok(())
    }

    fn advertised(&mut self) -> Option<ChunkLimits> {
        let team = self.credentials.account.team.clone();
        let answer = self.request(&mut || (), move |client, token| {
            let team = team.as_deref().unwrap_or_default();
            let client = client.within(client::LIMITS);
            client.get(HEALTH_PATH, &token, &[("X-Team-Slug", team)])
        });
        outcome::advertised(&answer.ok()?)
    }

    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn pause(&mut self, pause: Duration) {
        let mut left = pause;
        while !left.is_zero() && !self.interrupted() {
            thread::sleep(left.min(TICK));
            left = left.saturating_sub(TICK);
        }
    }

    fn interrupted(&self) -> bool {
        (self.interrupt)()
    }

    fn reads_ahead(&self) -> bool {
        true
    }
}

/// Level 6 takes a third more time, and what it sends is at most 7 % shorter.
const GZIP_LEVEL: u32 = 4;

fn gzip(body: &[u8]) -> Vec<u8> {
    let level = Compression::new(GZIP_LEVEL);
    let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 8), level);
    // Writing to memory does not fail.
    let _ = encoder.write_all(body);
    encoder.finish().unwrap_or_default()
}

/// A token shorter than this is no secret, and would be found in every answer.
const MIN_SECRET_BYTES: usize = 6;

/// Replaces every occurrence of `secret` by asterisks of the same length.
fn blot_out(bytes: &mut [u8], secret: &[u8]) {
    if secret.len() < MIN_SECRET_BYTES {
        return;
    }
    // Few places of a long answer both begin and end as it does.
    let ends = (secret.first(), secret.last());
    let is_it = |window: &[u8]| (window.first(), window.last()) == ends && window == secret;
    let mut rest = bytes;
    while let Some(at) = rest.windows(secret.len()).position(is_it) {
        let (found, after) = std::mem::take(&mut rest)
            .split_at_mut(at)
            .1
            .split_at_mut(secret.len());
        found.fill(b'*');
        rest = after;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_echoed_token_is_blotted_out() {
        let mut body = b"{\"error\":\"token SECRET is bad: SECRETSECRET\"}".to_vec();
        blot_out(&mut body, b"SECRET");
        assert_eq!(body, b"{\"error\":\"token ****** is bad: ************\"}");
        let mut ids = b"{\"event_id\":\"01JA\"}".to_vec();
        blot_out(&mut ids, b"A");
        assert_eq!(ids, b"{\"event_id\":\"01JA\"}");
    }
}
