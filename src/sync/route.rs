//! Whose an event is, who gets it, and in which stream of the ledger that is kept.
//!
//! An event recorded while signed in is bound by its own header. One recorded
//! while signed out, or before its account had a team, belongs to the first
//! bind frame behind it. So does one that was imported for an account of which
//! only a part of its id was known, when that account signs in. Both kinds may interleave in the log, and a late bind
//! may lie behind events that were delivered long ago; so adopted events have
//! a cursor of their own, and no cursor ever passes an event that is not
//! settled.

use std::collections::BTreeMap;

use crate::event::EventHeader;
use crate::log::frame::Kind;
use crate::log::read::{ReadError, Step};
use crate::log::reader::Reader;
use crate::log::segment::LogDir;
use crate::position::Seq;
use crate::state::{EventKey, Project};
use crate::sync::control::{Beginning, Control};
use crate::target::{Target, TargetId};

/// Stands before the project of adopted events in the ledger. A project's own
/// identifier never begins with a control character.
const ADOPTED: char = '\u{1}';
/// Stands before the project of events that belong to somebody else.
const COPIED: char = '\u{2}';
/// Stands before the project of such events that were adopted.
const COPIED_ADOPTED: char = '\u{3}';

/// The control frames of a log: what they say about events.
#[derive(Clone, Debug, Default)]
pub struct Bindings {
    binds: Vec<(Seq, TargetId, Target)>,
    dropped: BTreeMap<(TargetId, Seq), EventKey>,
    /// Targets that get the events of others, by what the newest frame says;
    /// `None` when they were removed.
    others: BTreeMap<TargetId, (Seq, Option<Other>)>,
}

/// A target that gets the events of others of its team.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Other {
    /// Which.
    pub target: Target,
    /// It gets what lies behind this position.
    pub after: Seq,
}

/// Where one event is to go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    /// Nowhere: its project opted out.
    OptedOut,
    /// Not any more: a person gave it up.
    Dropped {
        /// The owner.
        target: TargetId,
        /// The stream's name in the ledger.
        stream: Project,
    },
    /// Nowhere: it has no id that an answer could name. We never record such
    /// events; a forged or damaged log may hold one.
    Nameless,
    /// To nobody yet: recorded while signed out, and not bound since.
    Unbound,
    /// It has an owner and no project, which no server takes.
    NoProject {
        /// The owner.
        target: TargetId,
    },
    /// To a target, in a stream.
    Stream {
        /// The owner.
        target: TargetId,
        /// The stream's name in the ledger.
        stream: Project,
    },
}

impl Bindings {
    /// Reads the control frames of the log in `dir`.
    ///
    /// # Errors
    /// [`ReadError`] when the log cannot be read.
    pub fn read(dir: &LogDir) -> Result<Self, ReadError> {
        let mut reader = Reader::new(dir.clone(), Seq(1));
        let mut bindings = Self::default();
        loop {
            match reader.step()? {
                Step::Idle => return Ok(bindings),
                Step::Frame(item) if item.kind == Kind::Control => {
                    bindings.note(item.seq, item.body);
                }
                Step::Frame(_) | Step::Damage(_) => {}
            }
        }
    }

    /// Takes in one control frame; in whatever order they are read, and however
    /// often. A frame that would give one account's events to another is not
    /// believed, and only what lies before it can be dropped.
    pub(crate) fn note(&mut self, at: Seq, body: &[u8]) {
        match Control::decode(body) {
            Some(Control::Bind { from, to }) => self.note_bind(at, from, to),
            Some(Control::Drop { target, seq, event }) if seq < at => {
                self.dropped.insert((target, seq), event);
            }
            Some(Control::AddTarget { target, from }) if target.team.is_some() => {
                let after = match from {
                    Beginning::Beginning => Seq(0),
                    Beginning::Now => at,
                };
                self.note_other(at, target.id(), Some(Other { target, after }));
            }
            Some(Control::RemoveTarget { target }) => self.note_other(at, target, None),
            _ => {}
        }
    }

    /// One frame speaks of what was signed out, of what had no team, and of what
    /// was imported for the account, so that none can come without the others:
    /// an event that got its owner later could lie before a cursor.
    fn note_bind(&mut self, at: Seq, from: TargetId, to: Target) {
        let same_account = [to.without_team().id(), to.stand_in()];
        let froms = match from {
            TargetId::SIGNED_OUT => [&[from], same_account.as_slice()].concat(),
            from if same_account.contains(&from) => vec![from],
            _ => return,
        };
        for from in froms {
            let bind = (at, from, to.clone());
            if let Err(place) = self.binds.binary_search(&bind) {
                self.binds.insert(place, bind);
            }
        }
    }

    fn note_other(&mut self, at: Seq, id: TargetId, other: Option<Other>) {
        let known = self.others.entry(id).or_default();
        if at >= known.0 {
            *known = (at, other);
        }
    }

    /// The targets that get the events of others of their team.
    pub fn others(&self) -> impl Iterator<Item = &Other> + '_ {
        self.others.values().filter_map(|(_, other)| other.as_ref())
    }

    /// The targets that bind frames speak of.
    pub fn owners(&self) -> impl Iterator<Item = &Target> + '_ {
        self.binds.iter().map(|(_, _, to)| to)
    }

    /// The owner of the event at `seq` that was recorded for `target`. Signed
    /// out, then an account without a team, then its team: each step is the
    /// next bind frame that speaks of the present owner.
    fn owner(&self, seq: Seq, target: TargetId) -> (TargetId, Option<&Target>) {
        let later = self.binds.iter().filter(|(at, ..)| *at > seq);
        later.fold((target, None), |(owner, by), (_, from, to)| {
            if *from == owner {
                (to.id(), Some(to))
            } else {
                (owner, by)
            }
        })
    }

    /// Where the event at `seq` goes.
    #[must_use]
    pub fn route(&self, seq: Seq, header: &EventHeader<'_>) -> Route {
        if header.flags.opted_out() {
            return Route::OptedOut;
        }
        if EventKey::new(header.event_id).is_err() {
            return Route::Nameless;
        }
        let (target, _) = self.owner(seq, header.target);
        if target == TargetId::SIGNED_OUT {
            return Route::Unbound;
        }
        let prefix = (target != header.target).then_some(ADOPTED);
        match header.project.and_then(|p| stream_name(p, prefix)) {
            Some(stream) if self.is_dropped(target, seq, header) => {
                Route::Dropped { target, stream }
            }
            Some(stream) => Route::Stream { target, stream },
            None => Route::NoProject { target },
        }
    }

    /// Where else the event at `seq` goes: to targets of its owner's team that
    /// were added for it. Adopted events have a stream of their own here, too.
    #[must_use]
    pub fn copies(&self, seq: Seq, header: &EventHeader<'_>) -> Vec<(TargetId, Project)> {
        if self.others.is_empty() || header.flags.opted_out() {
            return Vec::new();
        }
        let (owner, bound) = self.owner(seq, header.target);
        let adopted = owner != header.target;
        let team = match bound {
            Some(bound) => bound.team.clone(),
            None => header.team.map(|team| team.trim().to_lowercase()),
        };
        let prefix = if adopted { COPIED_ADOPTED } else { COPIED };
        let Some(stream) = header.project.and_then(|p| stream_name(p, Some(prefix))) else {
            return Vec::new();
        };
        if owner == TargetId::SIGNED_OUT || team.is_none() {
            return Vec::new();
        }
        self.others()
            .filter(|other| other.target.team == team && seq > other.after)
            .map(|other| other.target.id())
            .filter(|id| *id != owner && !self.is_dropped(*id, seq, header))
            .map(|id| (id, stream.clone()))
            .collect()
    }

    /// Whether the event at `seq` is one of this stream.
    #[must_use]
    pub(super) fn leads_to(
        &self,
        seq: Seq,
        header: &EventHeader<'_>,
        (target, stream): (TargetId, &Project),
    ) -> bool {
        let is_it = |to: TargetId, of: &Project| to == target && of == stream;
        match self.route(seq, header) {
            Route::Stream { target, stream } if is_it(target, &stream) => true,
            Route::Nameless => false,
            _ => (self.copies(seq, header).iter()).any(|(target, stream)| is_it(*target, stream)),
        }
    }

    fn is_dropped(&self, target: TargetId, seq: Seq, header: &EventHeader<'_>) -> bool {
        let dropped = self.dropped.get(&(target, seq));
        dropped.is_some_and(|event| event.as_str() == header.event_id)
    }
}

/// Whether a stream of this name holds events that belong to somebody else.
#[must_use]
pub fn is_of_others(stream: &Project) -> bool {
    stream.as_str().starts_with([COPIED, COPIED_ADOPTED])
}

/// The project's own identifier in the name of a stream.
#[must_use]
pub fn project_of(stream: &Project) -> &str {
    stream.as_str().trim_start_matches(char::is_control)
}

/// The name of a stream; `None` when the project has no usable identifier.
fn stream_name(project: &str, prefix: Option<char>) -> Option<Project> {
    if project.is_empty() || project.starts_with(char::is_control) {
        return None;
    }
    let prefix = prefix.map_or_else(String::new, String::from);
    Project::new(&(prefix + project)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Flags;
    use crate::target::Target;

    fn header(target: TargetId, project: Option<&'static str>) -> EventHeader<'static> {
        EventHeader {
            event_id: "id",
            event_type: "WPCreated",
            aggregate_type: "WorkPackage",
            aggregate_id: "WP01",
            node_id: "node",
            lamport: 1,
            timestamp_us: 0,
            team: None,
            project,
            feature: None,
            causation_id: None,
            target,
            flags: Flags::default(),
        }
    }

    fn bound(at: u64, from: TargetId, to: &Target) -> Bindings {
        let mut bindings = Bindings::default();
        bindings.note(
            Seq(at),
            &Control::Bind {
                from,
                to: to.clone(),
            }
            .encode(),
        );
        bindings
    }

    #[test]
    fn signed_out_events_belong_to_the_first_sign_in_behind_them() {
        let alice = Target::new("https://a.org", "alice", Some("acme"));
        let bob = Target::new("https://a.org", "bob", Some("acme"));
        let mut bindings = bound(10, TargetId::SIGNED_OUT, &alice);
        let to_bob = Control::Bind {
            from: TargetId::SIGNED_OUT,
            to: bob.clone(),
        };
        bindings.note(Seq(20), &to_bob.encode());
        let owner = |seq| match bindings.route(Seq(seq), &header(TargetId::SIGNED_OUT, Some("p"))) {
            Route::Stream { target, .. } => Some(target),
            _ => None,
        };
        assert_eq!(owner(9), Some(alice.id()));
        assert_eq!(owner(11), Some(bob.id()));
        assert_eq!(owner(21), None, "nobody has signed in since");
    }

    #[test]
    fn events_of_an_account_known_by_half_its_id_go_to_that_account_alone() {
        let alice = Target::new("https://a.org", "alice", Some("acme"));
        let bob = Target::new("https://a.org", "bob", Some("acme"));
        let half = header(alice.stand_in(), Some("p"));
        let theft = bound(10, alice.stand_in(), &bob);
        assert!(
            matches!(theft.route(Seq(5), &half), Route::Stream { target, .. } if target == alice.stand_in())
        );
        let bindings = bound(10, alice.stand_in(), &alice);
        assert!(
            matches!(bindings.route(Seq(5), &half), Route::Stream { target, .. } if target == alice.id())
        );
    }

    #[test]
    fn a_bound_event_stays_with_its_account() {
        let alice = Target::new("https://a.org", "alice", Some("acme"));
        let bob = Target::new("https://a.org", "bob", Some("acme"));
        let bindings = bound(10, TargetId::SIGNED_OUT, &bob);
        let route = bindings.route(Seq(5), &header(alice.id(), Some("p")));
        assert!(matches!(route, Route::Stream { target, .. } if target == alice.id()));
    }

    #[test]
    fn events_follow_their_account_into_its_team_and_never_to_another() {
        let alice = Target::new("https://a.org", "alice", Some("acme"));
        let alone = alice.without_team();
        let bob = Target::new("https://a.org", "bob", Some("acme"));
        let mut bindings = bound(10, TargetId::SIGNED_OUT, &alone);
        let into_team = Control::Bind {
            from: alone.id(),
            to: alice.clone(),
        };
        bindings.note(Seq(20), &into_team.encode());
        let theft = Control::Bind {
            from: alice.id(),
            to: bob.clone(),
        };
        bindings.note(Seq(30), &theft.encode());
        for (seq, recorded_for) in [
            (5, TargetId::SIGNED_OUT),
            (15, alone.id()),
            (25, alice.id()),
        ] {
            let route = bindings.route(Seq(seq), &header(recorded_for, Some("p")));
            assert!(matches!(route, Route::Stream { target, .. } if target == alice.id()));
        }
    }

    /// They were several frames once. Of several, one can be lost: torn, in
    /// another segment, rotten. Then its events got their owner at the next
    /// sign-in, when the cursor of adopted events had passed them, and counted
    /// as delivered without ever being sent.
    #[test]
    fn one_frame_binds_all_that_a_sign_in_gives_to_an_account() {
        let alice = Target::new("https://a.org", "alice", Some("acme"));
        let bindings = bound(10, TargetId::SIGNED_OUT, &alice);
        let teamless = alice.without_team().id();
        for recorded_for in [TargetId::SIGNED_OUT, teamless, alice.stand_in()] {
            let route = bindings.route(Seq(5), &header(recorded_for, Some("p")));
            assert!(matches!(route, Route::Stream { target, .. } if target == alice.id()));
        }
        let bob = Target::new("https://a.org", "bob", Some("acme"));
        let route = bindings.route(Seq(5), &header(bob.without_team().id(), Some("p")));
        assert!(matches!(route, Route::Stream { target, .. } if target != alice.id()));
    }

    #[test]
    fn adopted_events_have_a_stream_of_their_own() {
        let alice = Target::new("https://a.org", "alice", Some("acme"));
        let bindings = bound(10, TargetId::SIGNED_OUT, &alice);
        let own = bindings.route(Seq(5), &header(alice.id(), Some("p")));
        let adopted = bindings.route(Seq(5), &header(TargetId::SIGNED_OUT, Some("p")));
        assert_ne!(own, adopted);
        let forged = bindings.route(Seq(5), &header(alice.id(), Some("\u{1}p")));
        assert!(matches!(forged, Route::NoProject { .. }));
    }

    #[test]
    fn what_opted_out_goes_nowhere_and_what_has_no_project_waits() {
        let alice = Target::new("https://a.org", "alice", Some("acme"));
        let bindings = Bindings::default();
        let mut opted_out = header(alice.id(), Some("p"));
        opted_out.flags = Flags::default().with_opted_out(true);
        assert_eq!(bindings.route(Seq(1), &opted_out), Route::OptedOut);
        for project in [None, Some("")] {
            let route = bindings.route(Seq(1), &header(alice.id(), project));
            assert_eq!(route, Route::NoProject { target: alice.id() });
        }
    }
}
