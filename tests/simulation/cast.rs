//! Who plays: the accounts, the projects, and every event that there can be.
//!
//! All about an event follows from its number, so whatever is read anywhere
//! can be held to what it must be: whose it is, in which project, to the byte.

use std::sync::LazyLock;

use spec_kitty::auth::Account;
use spec_kitty::event::{EventHeader, Flags, encode_body};
use spec_kitty::log::append::{Record, Refused, Stamp, Tick};
use spec_kitty::log::frame::Kind;
use spec_kitty::position::Lamport;
use spec_kitty::server_url::ServerUrl;
use spec_kitty::target::TargetId;

use crate::rng::mix;

/// The accounts that are spoken to, and one that had no team yet.
pub struct Accounts {
    pub alice: Account,
    pub alice_without_team: Account,
    pub bob: Account,
    pub ids: [TargetId; 4],
}

pub static ACCOUNTS: LazyLock<Accounts> = LazyLock::new(|| {
    let account = |server: &str, user: &str, team: Option<&str>| Account {
        server: ServerUrl::parse(server).unwrap(),
        user: user.to_owned(),
        team: team.map(str::to_owned),
    };
    let alice = account("https://a.example.org", "alice", Some("acme"));
    let alice_without_team = account("https://a.example.org", "alice", None);
    let bob = account("https://b.example.org", "bob", Some("acme"));
    let id = |account: &Account| account.target().id();
    let ids = [
        TargetId::SIGNED_OUT,
        id(&alice_without_team),
        id(&alice),
        id(&bob),
    ];
    Accounts {
        alice,
        alice_without_team,
        bob,
        ids,
    }
});

/// For whom an event was recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Who {
    Nobody,
    AliceWithoutTeam,
    Alice,
    Bob,
}

impl Who {
    pub const ALL: [Self; 4] = [Self::Nobody, Self::AliceWithoutTeam, Self::Alice, Self::Bob];

    pub fn id(self) -> TargetId {
        ACCOUNTS.ids[self as usize]
    }

    pub fn of(id: TargetId) -> Option<Self> {
        Self::ALL.into_iter().find(|who| who.id() == id)
    }

    pub fn account(self) -> &'static Account {
        match self {
            Self::AliceWithoutTeam => &ACCOUNTS.alice_without_team,
            Self::Bob => &ACCOUNTS.bob,
            Self::Nobody | Self::Alice => &ACCOUNTS.alice,
        }
    }
}

/// What kind of frame a record becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    Own,
    Foreign,
    Received,
}

/// A record: all that follows from its number.
#[derive(Clone, Copy, Debug)]
pub struct Deed {
    pub token: u64,
    pub sort: Sort,
    pub who: Who,
    pub project: Option<&'static str>,
    pub opted_out: bool,
    /// Its server refuses it for good.
    pub poisoned: bool,
    padding: usize,
    remote: u64,
}

/// From this number on all events are Alice's, in one project, and welcome: so
/// that whole segments are confirmed soon, and pruned.
pub const ALICE_ALONE: u64 = 1_000_000;

impl Deed {
    pub fn of(token: u64) -> Self {
        let deed = Self::in_company(token);
        if token < ALICE_ALONE {
            return deed;
        }
        Self {
            who: Who::Alice,
            project: Some("p1"),
            opted_out: false,
            poisoned: false,
            ..deed
        }
    }

    fn in_company(token: u64) -> Self {
        let word = mix(token.wrapping_mul(0x2545_F491_4F6C_DD1D));
        let part = |shift: u64, of: u64| (word >> shift) % of;
        Self {
            token,
            sort: match part(0, 12) {
                0 => Sort::Foreign,
                1 => Sort::Received,
                _ => Sort::Own,
            },
            who: match part(8, 10) {
                0 | 1 => Who::Nobody,
                2 => Who::AliceWithoutTeam,
                3..=6 => Who::Alice,
                _ => Who::Bob,
            },
            project: match part(16, 40) {
                0 => None,
                1..=24 => Some("p1"),
                _ => Some("p2"),
            },
            opted_out: part(24, 14) == 0,
            poisoned: part(32, 60) == 0,
            padding: usize::try_from(part(40, 260)).unwrap(),
            remote: part(52, 60),
        }
    }

    pub fn is_event(&self) -> bool {
        self.sort != Sort::Received
    }

    /// Whether it waits for a project that it will never get.
    pub fn goes_nowhere(&self) -> bool {
        !self.is_event() || self.opted_out || self.project.is_none()
    }

    pub fn id(&self) -> String {
        format!("event-{}", self.token)
    }

    /// The event as it goes over the wire.
    pub fn json(&self) -> String {
        let Self { token, padding, .. } = self;
        format!(
            "{{\"event_id\":\"event-{token}\",\"n\":1.0,\"pad\":\"{:.<padding$}\",\"team_slug\":\"acme\"}}",
            ""
        )
    }

    /// The event as it is recorded: without a team where there was none.
    fn recorded(&self) -> String {
        let json = self.json();
        match self.who {
            Who::Alice | Who::Bob => json,
            _ => json.replace(",\"team_slug\":\"acme\"", ""),
        }
    }

    pub fn body(&self, node: &str, lamport: u64, out: &mut Vec<u8>) {
        if self.sort == Sort::Received {
            out.extend_from_slice(format!("received {}", self.token).as_bytes());
            return;
        }
        let team = match self.who {
            Who::Alice | Who::Bob => Some("acme"),
            _ => None,
        };
        let header = EventHeader {
            event_id: &self.id(),
            event_type: "WPCreated",
            aggregate_type: "WorkPackage",
            aggregate_id: "WP01",
            node_id: node,
            lamport,
            timestamp_us: 0,
            team,
            project: self.project,
            feature: None,
            causation_id: None,
            target: self.who.id(),
            flags: Flags::default().with_opted_out(self.opted_out),
        };
        encode_body(&header, self.recorded().as_bytes(), out).unwrap();
    }
}

/// The number in an event's id.
pub fn token_of_id(id: &str) -> Option<u64> {
    id.strip_prefix("event-")?.parse().ok()
}

/// The number in the body of a clock frame.
pub fn token_of_received(body: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(body).ok()?;
    text.strip_prefix("received ")?.parse().ok()
}

impl Record for Deed {
    fn kind(&self) -> Kind {
        match self.sort {
            Sort::Own => Kind::Event,
            Sort::Foreign => Kind::ForeignEvent,
            Sort::Received => Kind::Clock,
        }
    }

    fn tick(&self) -> Tick {
        match self.sort {
            Sort::Own => Tick::Own,
            Sort::Foreign => Tick::Still,
            Sort::Received => Tick::Past(Lamport(self.remote)),
        }
    }

    fn encode(&mut self, stamp: &Stamp<'_>, out: &mut Vec<u8>) -> Result<(), Refused> {
        self.body(&stamp.node_id.to_string(), stamp.clock.0, out);
        Ok(())
    }
}
