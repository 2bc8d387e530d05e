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
/// identifier has no control character in it.
const ADOPTED: &str = "\u{1}";
/// Begins the name of a stream of events that belong to somebody else.
const COPIED: char = '\u{2}';
/// Begins the name of a stream of such events that were adopted.
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
    /// The frame that says so.
    pub since: Seq,
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

/// What a target is to an event that goes there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// The event is its own.
    Owner,
    /// It gets the events of its team.
    Further,
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
                let since = at;
                let other = Other {
                    target,
                    after,
                    since,
                };
                self.note_other(at, other.target.id(), Some(other));
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
    fn owner(&self, seq: Seq, target: TargetId) -> (TargetId, Option<(Seq, &Target)>) {
        let later = self.binds.iter().filter(|(at, ..)| *at > seq);
        later.fold((target, None), |(owner, by), (at, from, to)| {
            if *from == owner {
                (to.id(), Some((*at, to)))
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
        if !EventKey::can_be(header.event_id) {
            return Route::Nameless;
        }
        let (target, _) = self.owner(seq, header.target);
        if target == TargetId::SIGNED_OUT {
            return Route::Unbound;
        }
        let adopted = target != header.target;
        let prefix = if adopted { ADOPTED } else { "" };
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
        let team = match bound {
            Some((_, bound)) => bound.team.clone(),
            None => header.team.map(|team| team.trim().to_lowercase()),
        };
        let Some(project) = header.project else {
            return Vec::new();
        };
        if owner == TargetId::SIGNED_OUT || team.is_none() {
            return Vec::new();
        }
        self.others()
            .filter(|other| other.target.team == team && seq > other.after)
            .map(|other| (other.target.id(), other.since))
            .filter(|(id, _)| *id != owner && !self.is_dropped(*id, seq, header))
            .filter_map(|(id, since)| {
                let prefix = copied(since, bound.map(|(at, _)| at));
                Some((id, stream_name(project, &prefix)?))
            })
            .collect()
    }

    /// The stream in which the event at `seq` goes to `target`, if it goes there,
    /// and as whose.
    #[must_use]
    pub(super) fn stream_to(
        &self,
        seq: Seq,
        header: &EventHeader<'_>,
        target: TargetId,
    ) -> Option<(Project, Role)> {
        match self.route(seq, header) {
            Route::Stream { target: to, stream } if to == target => Some((stream, Role::Owner)),
            Route::Nameless => None,
            _ => {
                let mut copies = self.copies(seq, header).into_iter();
                copies.find_map(|(to, stream)| (to == target).then_some((stream, Role::Further)))
            }
        }
    }

    /// Where the events lie that were given up.
    pub(super) fn dropped_seqs(&self) -> impl Iterator<Item = Seq> + '_ {
        self.dropped.keys().map(|(_, seq)| *seq)
    }

    /// Whether one between these two, both included, was given up for `target`.
    pub(super) fn drops_any(&self, target: TargetId, first: Seq, last: Seq) -> bool {
        let mut between = self.dropped.range((target, first)..=(target, last));
        between.next().is_some()
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
    let mut parts = stream.as_str().rsplit(char::is_control);
    parts.next().unwrap_or_default()
}

/// What stands before the project of events that belong to somebody else. It
/// names the frame that lets the target have them, and of adopted events the
/// frame that gave them their owner: each such frame speaks at once of events
/// that may lie before others which the target has long since, so each has a
/// cursor of its own.
fn copied(since: Seq, bound_at: Option<Seq>) -> String {
    match bound_at {
        Some(bound_at) => format!("{COPIED_ADOPTED}{since}.{bound_at}{COPIED_ADOPTED}"),
        None => format!("{COPIED}{since}{COPIED}"),
    }
}

/// The name of a stream; `None` when the project has no usable identifier.
fn stream_name(project: &str, prefix: &str) -> Option<Project> {
    if project.is_empty() || has_control(project) {
        return None;
    }
    match prefix {
        "" => Project::new(project).ok(),
        _ => Project::new(&format!("{prefix}{project}")).ok(),
    }
}

/// The same for ASCII, where nearly every identifier is, without looking at each
/// character by itself.
fn has_control(text: &str) -> bool {
    let is_plain = text
        .bytes()
        .fold(true, |plain, byte| plain & (0x20..0x7f).contains(&byte));
    !is_plain && text.contains(char::is_control)
}

#[cfg(test)]
#[path = "route_tests.rs"]
mod tests;
