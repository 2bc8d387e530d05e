//! Sending what is new, and writing down what was acknowledged. Both only with
//! the right to send in hand, and neither waits for it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::auth::{Credentials, Recipient};
use crate::log::horizon::Horizon;
use crate::state::{Ledger, TargetLedger};
use crate::sync::book::{Book, COMMIT_DEADLINE};
use crate::sync::courier::Carried;
use crate::sync::feed::Pick;
use crate::sync::gate::account_gate;
use crate::sync::live::follow::{Found, Looked};
use crate::sync::live::ladder::Rung;
use crate::sync::live::open::passing;
use crate::sync::live::socket::News;
use crate::sync::live::{Live, Resolve};
use crate::sync::report::Report;
use crate::target::TargetId;

/// The ledger is written at most this often.
const COMMIT_EVERY: Duration = Duration::from_millis(500);
/// How long it may take to give frames to the network.
const WRITE_PATIENCE: Duration = Duration::from_secs(1);
/// With so many unconfirmed events the others go in batches.
const MAX_IN_FLIGHT: usize = 256;

/// How long a look waits for a moment in which nobody writes.
const WRITER_PATIENCE: Duration = Duration::from_millis(100);

/// How much of what is new went over the socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sent {
    All,
    NotAll,
}

impl Live {
    /// Writes into the ledger what was acknowledged. What cannot be written
    /// goes by batch.
    pub(super) fn settle(&mut self, now: Instant) {
        let early = (self.committed).is_some_and(|at| now.duration_since(at) < COMMIT_EVERY);
        let Some(here) = self.here.as_mut().filter(|_| !early) else {
            return;
        };
        let ready = self.flight.ready();
        if ready.is_empty() {
            return;
        }
        let Ok(Some(sender)) = self.state.sender_lock(Duration::ZERO) else {
            return;
        };
        self.committed = Some(now);
        let Ok(opened) = self.state.open_ledger(sender, COMMIT_DEADLINE) else {
            self.owed = true;
            return;
        };
        let ambient = Arc::clone(&self.ambient);
        let mut book = Book::new(opened.value, here.target, opened.notes, ambient);
        for (stream, ready) in ready {
            let known = book.ledger().target(here.target);
            let Some(after) = here.still_stands(&stream, known) else {
                self.owed = true;
                continue;
            };
            let last = ready.last().map(|(parcel, _)| parcel.seq).unwrap_or(after);
            let mut carried = Carried::default();
            let mut parcels = Vec::with_capacity(ready.len());
            for (parcel, said) in ready {
                carried.answers.push(Some(said.answer));
                carried.read_ms.push(Some(said.read_ms));
                carried.sent = carried.sent.saturating_add(1);
                parcels.push(parcel);
            }
            let pick = Pick::After(after);
            book.settle(&stream, &pick, parcels, &carried, &mut Report::default());
            here.settled(&stream, last);
            self.flight.settled(&stream, last);
        }
        if book.close(None, true).is_err() {
            self.owed = true;
            self.here = None;
        }
    }

    /// Sends what is new; whether everything new was sent, or there was none.
    pub(super) fn send(&mut self, resolve: Resolve<'_>, sync_off: bool) -> bool {
        let is_up = self.ladder.rung() == Rung::Connected;
        let news = self.here.as_ref().is_some_and(|here| here.has_news);
        if !is_up || !news {
            return false;
        }
        let Ok(Some(sender)) = self.state.sender_lock(Duration::ZERO) else {
            return false;
        };
        let (_, recipient) = resolve();
        let sent = match &recipient {
            Recipient::Ready(ready) if account_gate(&recipient, sync_off).is_none() => {
                self.send_to(ready)
            }
            _ => None,
        };
        drop(sender);
        if sent.is_none() {
            self.here = None;
            self.owed = true;
        }
        sent == Some(Sent::All)
    }

    /// The same to this account, which may send. `None`: a pass has to see to
    /// what is new.
    fn send_to(&mut self, ready: &Credentials) -> Option<Sent> {
        let (here, socket) = (self.here.as_mut()?, self.socket.as_ref()?);
        let account = &ready.account;
        if account.target().id() != here.target {
            return None;
        }
        let team = account.team.as_deref()?;
        let room = MAX_IN_FLIGHT.checked_sub(self.flight.len())?;
        let Horizon::At(end) = self.dir.horizon(WRITER_PATIENCE).ok()? else {
            return Some(Sent::NotAll);
        };
        let looked = here.look(team, room, end);
        let Looked::Events(mut found) = looked else {
            return None;
        };
        let sent = if here.has_news {
            Sent::NotAll
        } else {
            Sent::All
        };
        let ledger = self.state.view().ok()?.unwrap_or_default();
        let known = ledger.target(here.target);
        let all_stand = found
            .iter()
            .all(|found| here.still_stands(&found.stream, known).is_some());
        if !all_stand || asked_to_wait(&ledger, here.target) {
            return None;
        }
        // Somebody else may have sent them meanwhile.
        found.retain(|found| !found.is_settled(known));
        if found.is_empty() {
            return Some(sent);
        }
        // Nothing is shipped which a power cut could still take from here.
        self.dir.sync_newest().ok()?;
        let now = Instant::now();
        let (parcels, frames): (Vec<_>, Vec<_>) = found.into_iter().map(Found::split).unzip();
        if !socket.send(frames) {
            return None;
        }
        self.flight.add(parcels, now);
        // Frames leave while the right to send is in hand. On a connection that
        // does not take them in time nothing more is sent.
        let down = loop {
            let left = WRITE_PATIENCE.saturating_sub(now.elapsed());
            match socket.news.recv_timeout(left) {
                Ok(News::Written) => return Some(sent),
                Ok(News::Up) => {}
                Ok(News::Down(down, with)) => break (down, with),
                Err(_) => {
                    let down = passing("the network did not take what was sent in time");
                    break (down, Box::new(ready.clone()));
                }
            }
        };
        self.lost(down.0, &down.1, now);
        None
    }
}

/// Whether the server asked not to be called yet.
fn asked_to_wait(ledger: &Ledger, target: TargetId) -> bool {
    let until = ledger
        .target(target)
        .and_then(TargetLedger::retry_not_before_ms);
    let now = u64::try_from(Timestamp::now().as_millisecond()).unwrap_or(0);
    until.is_some_and(|until| until > now)
}
