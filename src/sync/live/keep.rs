//! Keeping the connection: for whom it is wanted, when it is opened, what came
//! over it, and what it means that it ended.

use std::time::Instant;

use crate::auth::client;
use crate::auth::http::dial::Way;
use crate::auth::http::{Client, SetupError};
use crate::auth::{Credentials, Recipient};
use crate::config::SyncConfig;
use crate::sync::gate::account_gate;
use crate::sync::live::ladder::{Failure, Ladder};
use crate::sync::live::open::{self, Call, Down};
use crate::sync::live::socket::{News, Socket};
use crate::sync::live::{Live, Wanted};

impl Live {
    /// Opens and closes the connection as the recipient and the ladder want it.
    pub(super) fn want(
        &mut self,
        config: &SyncConfig,
        recipient: &Recipient,
        sync_off: bool,
        now: Instant,
    ) {
        let ready = match recipient {
            Recipient::Ready(ready) if account_gate(recipient, sync_off).is_none() => ready,
            _ => return self.unwanted(),
        };
        let target = ready.account.target().id();
        if self.wanted.as_ref().is_none_or(|w| w.target != target) {
            self.unwanted();
            self.ladder = Ladder::new(now);
            self.wanted = Some(Wanted {
                target,
                refused: None,
            });
        }
        let refused = self.wanted.as_mut().map(|wanted| &mut wanted.refused);
        if let Some(refused) = refused
            && refused
                .as_ref()
                .is_some_and(|with| !with.same_tokens(ready))
        {
            // Somebody has signed in.
            *refused = None;
            self.ladder = Ladder::new(now);
        }
        if self.socket.is_none() && self.ladder.is_due(now) {
            self.ladder.dialling();
            match self.dial(config, ready) {
                Ok(socket) => self.socket = Some(socket),
                Err(down) => self.lost(down, ready, now),
            }
        }
    }

    pub(super) fn unwanted(&mut self) {
        self.owed |= self.flight.len() > 0;
        self.flight.clear();
        (self.wanted, self.socket, self.here, self.why) = (None, None, None, None);
    }

    fn dial(&self, config: &SyncConfig, credentials: &Credentials) -> Result<Socket, Down> {
        let server = &credentials.account.server;
        let ca_file = config.ca_file.as_deref();
        let lasting = |error: SetupError| open::lasting(error.to_string());
        let call = Call {
            client: Client::new(server, ca_file, client::LIMITS).map_err(lasting)?,
            way: Way::to(server, ca_file).map_err(lasting)?,
            store: self.store.clone(),
            credentials: credentials.clone(),
        };
        Socket::open(call).map_err(|error| open::passing(error.to_string()))
    }

    pub(super) fn lost(&mut self, down: Down, with: &Credentials, now: Instant) {
        let [high, low, ..] = self.ambient.random();
        let chance = u16::from_le_bytes([high, low]);
        self.ladder.down(now, down.failure, chance);
        if let Some(wanted) = &mut self.wanted {
            let lasting = down.failure == Failure::Lasting;
            wanted.refused = lasting.then(|| with.clone());
        }
        self.why = Some(down.why);
        self.socket = None;
        // Whether it arrived or not: the next pass finds out.
        self.owed |= self.flight.len() > 0;
        self.flight.clear();
    }

    pub(super) fn take_news(&mut self, now: Instant) {
        let Some(socket) = &self.socket else { return };
        for (event, said) in socket.answers.try_iter() {
            self.flight.answer(&event, &said);
        }
        let mut down = None;
        for news in socket.news.try_iter() {
            match news {
                News::Up => {
                    self.ladder.up(now);
                    self.why = None;
                }
                News::Written => {}
                News::Down(why, with) => down = Some((why, with)),
            }
        }
        if let Some((down, with)) = down {
            self.settle(now);
            self.lost(down, &with, now);
        }
    }
}
