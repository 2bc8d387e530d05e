//! What an appender does at the end of the log: a pure decision over few facts.
//!
//! [`decide`] is total: it has an answer for every combination of facts, and a
//! test walks through all of them and finds each in the table of
//! `docs/recovery.md`. What the facts are is found out in [`super::newest`];
//! the rest of the table, what bytes mean, is decided in [`super::scan`] and
//! for whole files in [`super::succession`].
//!
//! The rule behind all of it: bytes are added behind a good frame or a header
//! of this very home and nowhere else. In every other case a successor begins,
//! which costs a file and never an event.

/// What is known of the end of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Facts {
    /// The newest segment whose header can be read.
    pub(super) newest: Option<Segment>,
    /// What lies behind it.
    pub(super) behind: Behind,
}

/// The newest segment whose header can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Segment {
    pub(super) ends: Ends,
    pub(super) trust: Trust,
    pub(super) made: Made,
}

/// With what a segment ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ends {
    /// With a good frame, or with its header.
    Clean,
    /// With a torn tail, or with a damaged frame.
    InDebris,
}

/// Whether this process has seen a write or a sync of the segment fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trust {
    Whole,
    GivenUp,
}

/// Where a segment was made, by host, user and lock file. One behind which the
/// end of the log is missing counts as made elsewhere: it was put back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Made {
    Here,
    Elsewhere,
}

/// What lies behind the newest segment that can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Behind {
    Nothing,
    /// Segments of which neither copy of the header can be read.
    Unreadable,
}

/// What the appender does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Course {
    /// Makes the first segment of a home.
    Begin,
    /// Adds to the newest segment.
    Append,
    /// Makes a successor, above this clock value, as this node.
    Succeed { above: Above, node: Node },
}

/// The value that the clock goes on above. Segments with unreadable headers
/// add a full lease each, whatever this says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Above {
    /// The clock after the last frame.
    LastFrame,
    /// The end of the last lease: values behind the last frame may be known
    /// elsewhere once a frame was lost or could have been.
    Lease,
}

/// Who issues the events of the successor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Node {
    Same,
    /// The home was copied: the same node id would issue values twice.
    New,
}

/// What to do about the end of a log.
pub(super) const fn decide(facts: Facts) -> Course {
    let Some(Segment { ends, trust, made }) = facts.newest else {
        return Course::Begin;
    };
    let lossy = matches!(
        (ends, trust, facts.behind),
        (Ends::InDebris, ..) | (_, Trust::GivenUp, _) | (.., Behind::Unreadable)
    );
    match (lossy, made) {
        (false, Made::Here) => Course::Append,
        (false, Made::Elsewhere) => Course::Succeed {
            above: Above::LastFrame,
            node: Node::New,
        },
        (true, Made::Here) => Course::Succeed {
            above: Above::Lease,
            node: Node::Same,
        },
        (true, Made::Elsewhere) => Course::Succeed {
            above: Above::Lease,
            node: Node::New,
        },
    }
}

#[cfg(test)]
#[path = "course_tests.rs"]
mod tests;
