//! The log behind the place where a pass was caught up, read as it grows.

use std::collections::BTreeMap;

use crate::event::splice_team;
use crate::log::frame::Kind;
use crate::log::read::Step;
use crate::log::reader::Reader;
use crate::log::segment::LogDir;
use crate::position::Seq;
use crate::state::{Project, Stream, TargetLedger};
use crate::sync::chunk::Parcel;
use crate::sync::feed::{Source, destined};
use crate::sync::report::CaughtUp;
use crate::sync::route::Bindings;
use crate::target::TargetId;

/// A larger event goes by batch: what one frame may hold nobody says.
const MAX_FRAME_BYTES: usize = 256 * 1024;

/// Follows the log for one target.
#[derive(Debug)]
pub(super) struct Follower {
    pub(super) target: TargetId,
    /// The log has grown since it was looked at.
    pub(super) has_news: bool,
    dir: LogDir,
    reader: Reader,
    bindings: Bindings,
    /// How far each stream is known to be settled.
    cursors: BTreeMap<Project, Seq>,
}

/// An event to be sent.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) stream: Project,
    parcel: Parcel,
    /// Its JSON, as a batch would carry it.
    frame: String,
}

/// What a look came to.
#[derive(Debug)]
pub(super) enum Looked {
    /// The new events that go to the target, in log order.
    Events(Vec<Found>),
    /// There is something that only a pass can deal with.
    Pass,
}

impl Follower {
    pub(super) fn new(dir: &LogDir, here: CaughtUp) -> Self {
        Self {
            target: here.target,
            has_news: true,
            dir: dir.clone(),
            reader: Reader::new(dir.clone(), here.end.next()),
            bindings: here.bindings,
            cursors: here.cursors,
        }
    }

    /// Reads on up to the frame at `end`; at most `room` events.
    pub(super) fn look(&mut self, team: &str, room: usize, end: Seq) -> Looked {
        let source = Source {
            dir: &self.dir,
            bindings: &self.bindings,
            target: self.target,
            team,
            end,
        };
        let mut events = Vec::new();
        self.has_news = false;
        loop {
            let item = match self.reader.step() {
                Ok(Step::Idle) => break,
                Ok(Step::Frame(item)) if item.seq > end => {
                    // It is read again, when nobody can leave it out any more.
                    self.has_news = true;
                    self.reader = Reader::new(self.dir.clone(), item.seq);
                    break;
                }
                // It changes whose the events before it are.
                Ok(Step::Frame(item)) if item.kind == Kind::Control => return Looked::Pass,
                Ok(Step::Frame(item)) => item,
                Ok(Step::Damage(_)) | Err(_) => return Looked::Pass,
            };
            let Some((stream, found)) = destined(&source, &item) else {
                continue;
            };
            let json = if found.has_team {
                found.json.to_vec()
            } else {
                splice_team(found.json, team)
            };
            let Ok(frame) = String::from_utf8(json) else {
                return Looked::Pass;
            };
            if frame.len() > MAX_FRAME_BYTES || events.len() >= room {
                return Looked::Pass;
            }
            events.push(Found {
                stream,
                parcel: Parcel::new(item.seq, found.id, found.past),
                frame,
            });
        }
        Looked::Events(events)
    }

    /// Where the stream is settled up to, when its cursor is still there or
    /// farther. One that went back, because the log or the ledger was replaced,
    /// must not be moved over what lies between.
    pub(super) fn still_stands(
        &self,
        stream: &Project,
        known: Option<&TargetLedger>,
    ) -> Option<Seq> {
        let expected = self.cursors.get(stream).copied().unwrap_or_default();
        let cursor = known.and_then(|target| target.stream(Some(stream)));
        let cursor = cursor.and_then(Stream::cursor);
        let cursor = cursor.map_or(Seq(0), |cursor| cursor.seq);
        (cursor >= expected).then_some(expected)
    }

    /// The stream is settled up to `last`.
    pub(super) fn settled(&mut self, stream: &Project, last: Seq) {
        self.cursors.insert(stream.clone(), last);
    }
}

impl Found {
    /// Whether the ledger has it settled already.
    pub(super) fn is_settled(&self, known: Option<&TargetLedger>) -> bool {
        let stream = known.and_then(|target| target.stream(Some(&self.stream)));
        let cursor = stream.and_then(Stream::cursor);
        cursor.is_some_and(|cursor| self.parcel.seq <= cursor.seq)
    }

    /// What is kept of it, and what is sent.
    pub(super) fn split(self) -> ((Project, Parcel), String) {
        ((self.stream, self.parcel), self.frame)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::log::storage::Disk;
    use crate::state::{Commit, EventKey, Ledger, Outcome};
    use crate::target::Target;

    /// A ledger in which the stream is settled up to `seq`.
    fn settled_up_to(target: TargetId, stream: &Project, seq: u64) -> Ledger {
        let mut ledger = Ledger::default();
        let mut commit = Commit::new(target, 0);
        let event = EventKey::new("e").unwrap();
        commit.settle(Some(stream), Seq(seq), event, Outcome::Delivered);
        ledger.apply(&commit).unwrap();
        ledger
    }

    /// A log or a ledger that was replaced leaves events between where the
    /// cursor is and what the socket carried: they must not be passed over.
    #[test]
    fn a_cursor_that_went_back_is_not_moved() {
        let target = Target::new("https://a.org", "alice", Some("acme")).id();
        let stream = Project::new("p").unwrap();
        let before = settled_up_to(target, &stream, 7);
        let here = CaughtUp::new(&before, target, Seq(9), Bindings::default());
        let dir = LogDir::new("nowhere", Arc::new(Disk));
        let mut follower = Follower::new(&dir, here);
        let stands = |follower: &Follower, seq| {
            let ledger = settled_up_to(target, &stream, seq);
            follower.still_stands(&stream, ledger.target(target))
        };
        assert_eq!(stands(&follower, 7), Some(Seq(7)));
        assert_eq!(stands(&follower, 8), Some(Seq(7)), "another sender went on");
        assert_eq!(stands(&follower, 6), None);
        assert_eq!(follower.still_stands(&stream, None), None);
        follower.settled(&stream, Seq(10));
        assert_eq!(stands(&follower, 9), None);
        let new = Project::new("q").unwrap();
        assert_eq!(follower.still_stands(&new, None), Some(Seq(0)));
    }
}
