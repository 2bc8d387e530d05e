//! `log why ID`: what led to an event, what followed, and where it is now.
//!
//! Works without the network and writes nothing. The one thing it decides is
//! the first closed gate ([`crate::sync::obstacle`]); everything else is told
//! as it stands in the log and in the sender's view.

use clap::Args;
use jiff::Timestamp;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::auth::{Recipient, Store};
use crate::cli::Session;
use crate::cli::auth::{load_config, named_server};
use crate::cli::columns::terminal_columns;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::time::{self, Zone};
use crate::sync::gate::sync_is_off;

use super::entry::Entry;
use super::{find, json, show, understood};

use chain::{Chain, End, Link, Named};
use fate::Fate;

mod chain;
mod fate;
mod page;

/// Options of `log why`.
#[derive(Debug, Args)]
pub(in crate::cli) struct WhyArgs {
    /// The event's id, how it begins, its number in the log, or @ and its Lamport clock
    #[arg(value_name = "ID")]
    id: String,
    /// Show times in UTC
    #[arg(long, env = "SPEC_KITTY_UTC", hide_env_values = true, value_parser = clap::builder::FalseyValueParser::new())]
    utc: bool,
}

/// Everything that is told of one event.
struct Story {
    subject: Link,
    glyph: String,
    /// What else the event says of its place: branch, commit.
    git: String,
    /// The event as `log show --json` gives it.
    object: Option<Box<RawValue>>,
    chain: Chain,
    fate: Fate,
}

pub(super) fn run(args: &WhyArgs, session: &mut Session) -> Result<(), Failure> {
    let dir = super::log_dir(session);
    let seq = find::named(&dir, &args.id)?;
    let named = named_server(None)?;
    let config = load_config(session).config;
    let stored = Store::new(&session.home).load();
    let recipient = Recipient::resolve(named.as_ref(), &config, stored.session);
    let deliveries = super::deliveries(session, &dir);
    let zone = Zone::chosen(args.utc);
    let out = &mut session.out;
    show::at(&dir, seq, |item| {
        let Some(entry) = understood(item, &dir, out)? else {
            if item.kind.is_event() {
                return Err(Failure::silent(Exit::Damage));
            }
            let text = format!("record {seq} is no event, and nothing leads to it");
            return Err(find::not_found(text, false));
        };
        let fate = Fate::of(&entry, &deliveries, &recipient, sync_is_off());
        let story = Story {
            subject: Link::of(&entry, 0),
            glyph: super::line::glyph(&deliveries.of(&entry)),
            git: page::git(&entry),
            object: object(&entry, &deliveries.of(&entry)),
            chain: Chain::around(&dir, &entry)?,
            fate,
        };
        if out.json() {
            return out.object(&story.report());
        }
        let columns = out.stdout_is_terminal().then(terminal_columns);
        let lines = story.page(&zone, columns, Timestamp::now());
        lines.into_iter().try_for_each(|line| out.line(line))
    })
}

/// `None` when what was recorded is no JSON object.
fn object(entry: &Entry<'_>, delivery: &super::delivery::Delivery<'_>) -> Option<Box<RawValue>> {
    RawValue::from_string(json::object(entry, delivery).ok()?).ok()
}

#[derive(serde::Serialize)]
struct Report<'a> {
    kind: &'static str,
    v: u8,
    event: Option<&'a RawValue>,
    causes: Vec<Value>,
    /// `first`, `missing`, `circle` or `long`.
    causes_end: &'static str,
    /// The id at which the chain of causes breaks off.
    missing_cause: Option<&'a str>,
    effects: Vec<Value>,
    more_effects: u64,
    together: Vec<Value>,
    more_together: u64,
    /// Part of the log cannot be read: something may be missing above.
    incomplete: bool,
    delivery: Value,
}

impl Story {
    fn report(&self) -> Report<'_> {
        let chain = &self.chain;
        let (causes_end, missing_cause) = match &chain.end {
            End::First => ("first", None),
            End::Missing(id) => ("missing", Some(id.as_str())),
            End::Circle(id) => ("circle", Some(id.as_str())),
            End::Long => ("long", None),
        };
        Report {
            kind: "why",
            v: 1,
            event: self.object.as_deref(),
            causes: chain.causes.iter().map(Link::in_json).collect(),
            causes_end,
            missing_cause,
            effects: chain.effects.in_json(),
            more_effects: chain.effects.more,
            together: chain.together.in_json(),
            more_together: chain.together.more,
            incomplete: chain.gaps,
            delivery: self.fate.in_json(),
        }
    }
}

impl Link {
    fn in_json(&self) -> Value {
        json!({
            "seq": self.seq.0, "event_id": self.event_id, "event_type": self.event_type,
            "aggregate_id": self.aggregate_id, "lamport_clock": self.lamport,
            "timestamp": time::utc(self.timestamp_us), "causation_id": self.causation_id,
            "distance": self.distance,
        })
    }
}

impl Named {
    fn in_json(&self) -> Vec<Value> {
        self.links.iter().map(Link::in_json).collect()
    }
}
