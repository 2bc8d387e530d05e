//! What frames say, read apart from the code that is tried.

use spec_kitty::event::decode_body;
use spec_kitty::log::frame::{Kind, Seed};
use spec_kitty::log::header::{HEADER_BYTES, Header, HeaderRead};
use spec_kitty::log::read::Item;
use spec_kitty::log::scan::{End, Expected, Region, Scan};
use spec_kitty::position::Offset;
use spec_kitty::sync::control::Control;

use crate::cast::{Deed, Sort, Who, token_of_id, token_of_received};

/// A frame that gives events an owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bind {
    pub seq: u64,
    pub from: Who,
    pub to: Who,
}

impl Bind {
    /// What the frame says: with what was signed out goes what was recorded
    /// for the same account before it had a team.
    pub fn meaning(self) -> impl Iterator<Item = Self> {
        let also = Self {
            from: Who::AliceWithoutTeam,
            ..self
        };
        let both = self.from == Who::Nobody && self.to == Who::Alice;
        std::iter::once(self).chain(both.then_some(also))
    }
}

/// A frame and what is in it.
#[derive(Clone, Debug)]
pub struct Frame {
    pub seq: u64,
    pub clock: u64,
    pub deed: Option<Deed>,
    pub bind: Option<Bind>,
    pub node: String,
    /// Whether every byte of the body is what it must be.
    pub is_whole: bool,
}

impl Frame {
    pub fn new(seq: u64, clock: u64, kind: Kind, body: &[u8]) -> Self {
        let mut frame = Self {
            seq,
            clock,
            deed: None,
            bind: None,
            node: String::new(),
            is_whole: false,
        };
        if kind == Kind::Control {
            // Who speaks of an account that has no events says nothing here.
            if let Some(Control::Bind { from, to }) = Control::decode(body) {
                frame.is_whole = true;
                let both = Who::of(from).zip(Who::of(to.id()));
                frame.bind = both.map(|(from, to)| Bind { seq, from, to });
            }
            return frame;
        }
        let mut expected = Vec::new();
        if kind == Kind::Clock {
            let deed = token_of_received(body).map(Deed::of);
            frame.deed = deed.filter(|deed| deed.sort == Sort::Received);
        } else if let Ok((header, _)) = decode_body(body) {
            let deed = token_of_id(header.event_id).map(Deed::of);
            frame.deed = deed.filter(|deed| (deed.sort == Sort::Own) == (kind == Kind::Event));
            frame.node = header.node_id.to_owned();
        }
        if let Some(deed) = frame.deed {
            deed.body(&frame.node, clock, &mut expected);
            frame.is_whole = expected == body;
        }
        frame
    }

    pub fn of(item: &Item<'_>) -> Self {
        Self::new(item.seq.0, item.clock.0, item.kind, item.body)
    }
}

/// How a scan of this segment image begins; `None` when its header is bad.
pub fn start_of(bytes: &[u8]) -> Option<(Header, Expected)> {
    let HeaderRead::Sound { header, .. } = Header::decode(bytes) else {
        return None;
    };
    let expected = Expected {
        seed: Seed::of(&header.segment_id),
        base: Offset(HEADER_BYTES as u64),
        seq: header.first_seq,
        clock: header.predecessor.last_clock,
        end: End::Open,
    };
    Some((header, expected))
}

/// The good frames of a segment image.
pub fn frames_of(bytes: &[u8]) -> Vec<Frame> {
    let (Some((_, expected)), Some(rest)) = (start_of(bytes), bytes.get(HEADER_BYTES..)) else {
        return Vec::new();
    };
    let frames = Scan::new(rest, expected).filter_map(|region| match region {
        Region::Frame { frame, .. } => Some(Frame::new(
            frame.seq.0,
            frame.clock.0,
            frame.kind,
            frame.body,
        )),
        _ => None,
    });
    frames.collect()
}

/// Whose an event is that was recorded for `who` at `seq`.
pub fn owner(who: Who, seq: u64, binds: &[Bind]) -> Who {
    let mut owner = who;
    let mut sorted: Vec<_> = binds.iter().filter(|bind| bind.seq > seq).collect();
    sorted.sort_by_key(|bind| bind.seq);
    for bind in sorted {
        if bind.from == owner {
            owner = bind.to;
        }
    }
    owner
}
