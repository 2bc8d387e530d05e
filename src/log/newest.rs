//! Where the next frame goes: the newest segment, or the need for a successor.

use std::io;
use std::path::PathBuf;

use crate::log::append::{AppendError, Log, Note};
use crate::log::bytes::{as_u64, as_usize};
use crate::log::course::{Above, Behind, Course, Ends, Facts, Made, Node, Segment, Trust, decide};
use crate::log::fill::Fill;
use crate::log::header::{
    HEADER_BYTES, Header, HeaderRead, MOST_COUNTED, NodeId, Predecessor, Pressure,
};
use crate::log::remembered::Remembered;
use crate::log::segment::{Access, MAX_FILE_BYTES, Naming};
use crate::log::storage::{StoredFile, read_range};
use crate::log::succession::is_alien;
use crate::log::tail::{self, Ending, Tail};
use crate::log::wreck::claimed_last_seq;
use crate::position::{Lamport, Offset, Ordinal, Seq};

/// A segment that may be added to.
#[derive(Debug)]
pub(super) struct Open {
    pub(super) header: Header,
    pub(super) file: Box<dyn StoredFile>,
    /// The length of the file, prepared space included.
    pub(super) length: u64,
    pub(super) tail: Tail,
}

/// What is known of the end of the log.
pub(super) struct Newest {
    /// The newest segment when it may be added to.
    pub(super) open: Option<Open>,
    /// The segment that a successor would follow, when it may not be added to:
    /// what others wrote to it must be durable before the successor exists.
    pub(super) unsettled: Option<Box<dyn StoredFile>>,
    pub(super) notes: Vec<Note>,
    /// The highest ordinal that is taken.
    pub(super) top: Ordinal,
    /// `None` when the log is empty.
    pub(super) home_id: Option<[u8; 16]>,
    pub(super) node_id: NodeId,
    /// What a successor says of the segment before it.
    pub(super) predecessor: Predecessor,
    /// Above which a successor's lease must lie.
    pub(super) clock_floor: Lamport,
}

/// The end of the log where nothing is the matter with it, which it mostly is:
/// the newest file is the newest segment, made here, whole, and may be added to.
fn at_once(log: &Log, lock_identity: u64) -> Option<Newest> {
    let ordinal = log.dir.newest_known()?;
    let left = log.take_left();
    let Open {
        header,
        file,
        length,
        tail,
    } = left
        .and_then(|left| left.untouched(&log.dir, ordinal))
        .or_else(|| in_order(log, ordinal))?;
    let remembered = log.remembered(lock_identity);
    let is_well = is_at_home(&header, log.options.node.facts, lock_identity)
        && tail.ending == Ending::Clean
        && !remembered.is_beyond(tail.last_seq, tail.last_clock)
        && !log.gave_up_on(&header);
    is_well.then(|| {
        let resting = Resting {
            header,
            file,
            length,
            tail,
            made: Made::Here,
            put_back: false,
        };
        let mut newest = Newest::nothing_known(log, ordinal, remembered);
        newest.rest_on(log, resting, Course::Append);
        newest
    })
}

/// The segment `ordinal` with its end, when it can be read and is what its name says.
fn in_order(log: &Log, ordinal: Ordinal) -> Option<Open> {
    let opened = log.dir.open(ordinal, Access::Append).ok()?;
    let header = match opened.read {
        HeaderRead::Sound { header, .. } if opened.naming == Naming::Right => header,
        _ => return None,
    };
    let tail = tail::find(opened.file.as_ref(), &header, opened.size).ok()?;
    Some(Open {
        header,
        file: opened.file,
        length: opened.length,
        tail,
    })
}

/// Looks at the end of the log. Only under the writer lock.
pub(super) fn find(log: &Log, lock_identity: u64) -> Result<Newest, AppendError> {
    if let Some(newest) = at_once(log, lock_identity) {
        return Ok(newest);
    }
    let list = || {
        log.dir
            .ordinals()
            .map_err(failed("list", log.dir.path().to_owned()))
    };
    let mut ordinals = list()?;
    let remembered = log.remembered(lock_identity);
    let mut newest = Newest::nothing_known(log, log.dir.highest(&ordinals), remembered);
    let mut unreadable = Vec::new();
    let mut strangers = Vec::new();
    let mut resting = None;
    while let Some(ordinal) = ordinals.pop() {
        let path = log.dir.segment_path(ordinal);
        let opened = log
            .dir
            .open(ordinal, Access::Append)
            .map_err(failed("open", path.clone()))?;
        if opened.naming == Naming::Wrong {
            // Opening it sorted the names out: it may have hidden a segment.
            strangers.push(ordinal);
            ordinals = list()?;
            ordinals.retain(|other| !strangers.contains(other) && is_below(&unreadable, *other));
            continue;
        }
        let Some(header) = readable(opened.read, path.clone())? else {
            unreadable.push((ordinal, opened.file, opened.size));
            continue;
        };
        let made = if is_at_home(&header, log.options.node.facts, lock_identity) {
            Made::Here
        } else {
            Made::Elsewhere
        };
        if made == Made::Elsewhere
            && is_stranger(log, &header, &ordinals).map_err(failed("read", path.clone()))?
        {
            continue;
        }
        let tail =
            tail::find(opened.file.as_ref(), &header, opened.size).map_err(failed("read", path))?;
        let put_back = match tail.ending {
            Ending::Clean => remembered.is_beyond(tail.last_seq, tail.last_clock),
            // Frames that are missing explain values up to the lease's end.
            Ending::Debris { .. } => remembered.clock > tail.last_clock.max(header.lease.end),
        };
        let put_back = put_back && unreadable.is_empty();
        resting = Some(Resting {
            put_back: put_back && made == Made::Here,
            header,
            file: opened.file,
            length: opened.length,
            tail,
            made: if put_back { Made::Elsewhere } else { made },
        });
        break;
    }
    let behind = if unreadable.is_empty() {
        Behind::Nothing
    } else {
        Behind::Unreadable
    };
    let course = decide(Facts {
        newest: resting.as_ref().map(|resting| resting.facts(log)),
        behind,
    });
    if let Some(resting) = resting {
        newest.rest_on(log, resting, course);
    }
    newest
        .step_over(log, &unreadable)
        .map_err(failed("read", log.dir.path().to_owned()))?;
    if newest.open.is_none() {
        newest.pass_lost_numbers(remembered.seq);
    }
    Ok(newest)
}

/// Whether the readers would take this segment for a stranger behind the ones
/// before it. Asked only of one that was made elsewhere: a copied home is
/// linked to what was before, a file that was put here by mistake is not.
fn is_stranger(log: &Log, header: &Header, older: &[Ordinal]) -> io::Result<bool> {
    for ordinal in older.iter().rev() {
        let opened = match log.dir.open(*ordinal, Access::Read) {
            // Pruning removes the oldest: nothing is missing before this one.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            other => other?,
        };
        let (HeaderRead::Sound { header: before, .. }, Naming::Right | Naming::Misnamed) =
            (&opened.read, opened.naming)
        else {
            continue;
        };
        let tail = tail::find(opened.file.as_ref(), before, opened.size)?;
        let place = (before.ordinal, before.segment_id);
        return Ok(is_alien(
            header,
            place,
            before.first_seq..tail.last_seq.next(),
        ));
    }
    Ok(false)
}

/// Whether a segment comes before those that were found unreadable.
fn is_below(unreadable: &[Unreadable], ordinal: Ordinal) -> bool {
    unreadable.iter().all(|(other, ..)| ordinal < *other)
}

type Unreadable = (Ordinal, Box<dyn StoredFile>, u64);

/// The newest segment whose header can be read.
struct Resting {
    header: Header,
    file: Box<dyn StoredFile>,
    length: u64,
    tail: Tail,
    made: Made,
    /// It was made here, and what followed is gone.
    put_back: bool,
}

impl Resting {
    fn facts(&self, log: &Log) -> Segment {
        Segment {
            ends: match self.tail.ending {
                Ending::Clean => Ends::Clean,
                Ending::Debris { .. } => Ends::InDebris,
            },
            trust: if log.gave_up_on(&self.header) {
                Trust::GivenUp
            } else {
                Trust::Whole
            },
            made: self.made,
        }
    }
}

impl Newest {
    fn nothing_known(log: &Log, top: Ordinal, remembered: Remembered) -> Self {
        Self {
            open: None,
            unsettled: None,
            notes: Vec::new(),
            top,
            home_id: None,
            node_id: log.options.node.node_id,
            predecessor: Predecessor::default(),
            clock_floor: remembered.clock.min(Lamport::MAX_PLAUSIBLE),
        }
    }

    /// Takes the newest readable segment as the end of the log.
    fn rest_on(&mut self, log: &Log, resting: Resting, course: Course) {
        let Resting {
            header,
            file,
            length,
            tail,
            put_back,
            ..
        } = resting;
        self.home_id = Some(header.home_id);
        self.node_id = header.node_id;
        self.predecessor = Predecessor {
            ordinal: header.ordinal,
            id: header.segment_id,
            valid_end: tail.end,
            last_seq: tail.last_seq,
            last_clock: tail.last_clock,
        };
        // A segment without a tick of its own says with its lease alone above
        // what it was made.
        let floor = tail.last_clock.max(header.lease.start.previous());
        self.clock_floor = self.clock_floor.max(floor);
        if let Ending::Debris { bytes } = tail.ending {
            self.notes.push(Note::Debris {
                ordinal: header.ordinal,
                bytes,
            });
        }
        if let Course::Succeed { above, node } = course {
            if above == Above::Lease {
                self.clock_floor = self.clock_floor.max(header.lease.end);
            }
            if node == Node::New {
                self.node_id = random_node_id(log.ambient.random());
                self.home_id = Some(log.ambient.random());
                let node_id = self.node_id;
                self.notes.push(if put_back {
                    Note::PutBack { node_id }
                } else {
                    Note::NewNode { node_id }
                });
            }
        }
        if course == Course::Append {
            self.open = Some(Open {
                header,
                file,
                length,
                tail,
            });
        } else {
            self.unsettled = Some(file);
        }
    }

    /// Numbers up to this one were used in frames that are gone: they count as
    /// used up, so that every reader tells of the loss.
    fn pass_lost_numbers(&mut self, remembered: Seq) {
        let last_seq = self.predecessor.last_seq.max(remembered);
        if last_seq.0 < MOST_COUNTED {
            self.predecessor.last_seq = last_seq;
        }
    }

    /// Steps over segments whose headers cannot be read: their numbers and one
    /// full lease of clock values each are taken as used.
    fn step_over(&mut self, log: &Log, unreadable: &[Unreadable]) -> io::Result<()> {
        for (ordinal, file, size) in unreadable.iter().rev() {
            let mut bytes = Vec::new();
            let length = as_usize(size.saturating_sub(as_u64(HEADER_BYTES))).min(MAX_FILE_BYTES);
            read_range(file.as_ref(), as_u64(HEADER_BYTES), length, &mut bytes)?;
            let used = claimed_last_seq(&bytes, self.predecessor.last_seq.next());
            self.predecessor = Predecessor {
                ordinal: *ordinal,
                id: [0; 16],
                valid_end: Offset(*size),
                last_seq: used.unwrap_or(self.predecessor.last_seq),
                last_clock: self.predecessor.last_clock,
            };
            self.clock_floor = self.clock_floor.plus(log.options.lease_ticks);
            self.notes
                .push(Note::UnreadableHeader { ordinal: *ordinal });
        }
        Ok(())
    }
}

/// Whether the log may grow by a segment, and whether it is getting full.
pub(super) fn check_room(log: &Log) -> Result<Pressure, AppendError> {
    let fill = log
        .fill()
        .map_err(failed("list", log.dir.path().to_owned()))?;
    if fill.is_full() {
        let Fill { bytes, limit } = fill;
        return Err(AppendError::Full { bytes, limit });
    }
    Ok(fill.pressure())
}

fn failed(action: &'static str, path: PathBuf) -> impl FnOnce(io::Error) -> AppendError {
    move |source| AppendError::Io {
        action,
        path,
        source,
    }
}

/// A node id that no other home has.
fn random_node_id(random: [u8; 16]) -> NodeId {
    let [a, b, c, d, e, f, ..] = random;
    NodeId::from_bytes([a, b, c, d, e, f])
}

/// Whether a header was made by this node for this very home.
fn is_at_home(header: &Header, facts: [u8; 8], lock_identity: u64) -> bool {
    header.node_facts == facts && header.lock_identity == lock_identity
}

/// What a header that was read means for an appender.
fn readable(read: HeaderRead, path: PathBuf) -> Result<Option<Header>, AppendError> {
    match read {
        HeaderRead::Sound { header, .. } => Ok(Some(header)),
        HeaderRead::Newer { version } => Err(AppendError::Newer { path, version }),
        HeaderRead::Unreadable => Ok(None),
    }
}
