//! What became of an event on its way, in words, and what a person can do.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::auth::Recipient;
use crate::cli::columns::counted;
use crate::cli::log::delivery::{Deliveries, DeliveryState, Whereabouts};
use crate::cli::log::entry::Entry;
use crate::cli::output::visible_line;
use crate::cli::time::{Zone, utc};
use crate::state::{Exception, Ledger, Standing};
use crate::sync::gate::Closed;
use crate::sync::obstacle;
use crate::sync::route::Route;
use crate::target::Target;

/// What is known of one event's delivery, for people and for programs.
#[derive(Debug)]
pub(super) struct Fate {
    state: Option<DeliveryState>,
    /// Why it is never sent.
    never: Option<&'static str>,
    target: Option<Target>,
    refusal: Option<Exception>,
    /// The first closed gate, where it still has to be sent.
    gate: Option<Closed>,
    /// The ledger cannot be read: nothing is claimed.
    blind: bool,
    event_id: String,
}

impl Fate {
    pub(super) fn of(
        entry: &Entry<'_>,
        deliveries: &Deliveries,
        recipient: &Recipient,
        sync_off: bool,
    ) -> Self {
        let delivery = deliveries.of(entry);
        let nothing = Ledger::default();
        let ledger = deliveries.ledger().unwrap_or(&nothing);
        let (route, known) = match deliveries.whereabouts(entry) {
            Whereabouts::Never(route) | Whereabouts::Unknown(route) => (route, None),
            Whereabouts::Told { route, known } => (route, Some(known)),
        };
        let owner = match &route {
            Route::Stream { target, .. } | Route::NoProject { target } => Some(*target),
            _ => None,
        };
        let ours = recipient.account().map(|account| account.target());
        let target = owner.and_then(|owner| {
            let ours = ours.filter(|ours| ours.id() == owner);
            ours.or_else(|| deliveries.named(owner))
        });
        let gate = delivery
            .is_undelivered()
            .then(|| obstacle::first_closed(&route, recipient, sync_off, ledger));
        Self {
            state: delivery.state,
            never: never(&route),
            target,
            refusal: known.and_then(|known| known.exceptions().get(&entry.seq).cloned()),
            gate: gate.flatten(),
            blind: deliveries.ledger().is_none(),
            event_id: entry.header.event_id.to_owned(),
        }
    }

    /// The first line: whether to worry.
    pub(super) fn headline(&self, zone: &Zone) -> String {
        let server = self.target.as_ref();
        let server = server.map_or("the server".to_owned(), |t| visible_line(&t.server));
        if let Some(never) = self.never {
            return format!("Never sent: {never}.");
        }
        if self.blind {
            return "Delivery is not known: the ledger cannot be read.".to_owned();
        }
        match (self.state, &self.refusal) {
            (Some(DeliveryState::Delivered), _) => format!("Delivered: {server} confirmed it."),
            (Some(DeliveryState::Duplicate), _) => format!("Delivered: {server} had it already."),
            (Some(DeliveryState::Sent), _) => {
                format!(
                    "Sent: it is on the live connection, and {server} has not confirmed it yet."
                )
            }
            (_, Some(found)) if found.standing == Standing::Unanswered => {
                format!(
                    "Not delivered yet: {server} answered about its neighbours and not about it."
                )
            }
            (_, Some(found)) => {
                let status = found.trouble.http_status();
                let status = status.map_or_else(String::new, |status| format!(" ({status})"));
                let when = at(found.refused_at_ms, zone);
                let tries = counted(found.attempts.into(), "try", "tries");
                format!("Not delivered: {server} refused it{status} on {when}, {tries} so far.")
            }
            _ => match &self.gate {
                Some(closed) => format!("Not delivered yet: {}.", visible_line(&closed.reason)),
                None => "Not delivered yet: it waits for the next pass.".to_owned(),
            },
        }
    }

    /// What comes below the first line; each a paragraph.
    pub(super) fn explained(&self, zone: &Zone, now: Timestamp) -> Vec<String> {
        let Some(found) = self.refusal.as_ref().filter(|_| self.is_open()) else {
            return Vec::new();
        };
        let category = visible_line(found.trouble.category());
        let words = visible_line(found.trouble.message());
        let mut lines = vec![format!("{category}: “{words}”")];
        lines.push(match found.standing {
            Standing::Unanswered => "The next pass sends it again.".to_owned(),
            Standing::Parked => {
                "It is not tried again by itself. It is kept here, and holds up no other event."
                    .to_owned()
            }
            Standing::Rejected { next_try_at_ms } => {
                let later = instant(next_try_at_ms).filter(|at| *at > now);
                let when = later.map_or("with the next pass".to_owned(), |_| {
                    format!("after {}", at(next_try_at_ms, zone))
                });
                format!("It is tried again {when}. It is kept here, and holds up no other event.")
            }
        });
        if let Some(closed) = &self.gate {
            lines.push(format!(
                "Nothing is sent at present: {}.",
                visible_line(&closed.reason)
            ));
        }
        lines
    }

    /// The commands that change something, the first that helps first.
    pub(super) fn next(&self) -> Vec<String> {
        if !self.is_open() {
            return Vec::new();
        }
        let mut next: Vec<String> = self.gate.iter().map(|closed| closed.next.clone()).collect();
        let refused = self.refusal.as_ref();
        if refused.is_some_and(|found| found.standing != Standing::Unanswered) {
            let id = &self.event_id;
            next.push(format!("spec-kitty sync failures retry {id}"));
            next.push(format!("spec-kitty sync failures drop {id}"));
        } else if next.is_empty() {
            next.push("spec-kitty sync now".to_owned());
        }
        next
    }

    /// Whether it still has to reach the server.
    fn is_open(&self) -> bool {
        let done = [DeliveryState::Delivered, DeliveryState::Duplicate];
        self.never.is_none() && self.state.is_some_and(|state| !done.contains(&state))
    }

    pub(super) fn in_json(&self) -> Value {
        let refusal = self.refusal.as_ref();
        let time = |ms: Option<u64>| {
            let at = ms.and_then(instant);
            at.map(|at| utc(at.as_microsecond()))
        };
        let next_try = refusal.and_then(|found| match found.standing {
            Standing::Rejected { next_try_at_ms } => Some(next_try_at_ms),
            Standing::Parked | Standing::Unanswered => None,
        });
        json!({
            "state": self.state.map(DeliveryState::as_str),
            "never": self.never,
            "target": self.target.as_ref().map(
                |target| json!({"server": target.server, "user": target.user, "team": target.team})
            ),
            "attempts": refusal.map_or(0, |found| found.attempts),
            "category": refusal.map(|found| found.trouble.category()),
            "last_error": refusal.map(|found| found.trouble.message()),
            "http_status": refusal.and_then(|found| found.trouble.http_status()),
            "refused_at": time(refusal.map(|found| found.refused_at_ms)),
            "next_try_at": time(next_try),
            "gate": self.gate.as_ref().map(|closed| json!({
                "name": closed.gate.as_str(), "reason": closed.reason, "next": closed.next,
            })),
            "next": self.next(),
        })
    }
}

/// Why an event with this route is never sent.
fn never(route: &Route) -> Option<&'static str> {
    match route {
        Route::OptedOut => Some("its project opted out"),
        Route::Dropped { .. } => Some("a person gave it up"),
        Route::Nameless => Some("it has no id that a server could name"),
        Route::Unbound | Route::NoProject { .. } | Route::Stream { .. } => None,
    }
}

/// A time in milliseconds as people read it.
fn at(ms: u64, zone: &Zone) -> String {
    let us = i64::try_from(ms).unwrap_or(i64::MAX).saturating_mul(1000);
    zone.second(us)
}

fn instant(ms: u64) -> Option<Timestamp> {
    Timestamp::from_millisecond(i64::try_from(ms).ok()?).ok()
}
