//! What is in a segment, as far as it matters whether it may go.

use std::collections::BTreeMap;
use std::time::Instant;

use crate::event::{EventHeader, decode_body};
use crate::log::frame::Kind;
use crate::log::read::{Item, ReadError, Step};
use crate::log::reader::Reader;
use crate::log::segment::LogDir;
use crate::position::{Ordinal, Seq};
use crate::retention::rules::Hold;
use crate::state::{DeliveryState, Ledger};
use crate::sync::control::Control;
use crate::sync::fit::Fits;
use crate::sync::route::{Bindings, Route};
use crate::target::TargetId;

/// One segment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Holding {
    /// Its ordinal.
    pub ordinal: Ordinal,
    /// Its id; `None` when its header cannot be read.
    pub id: Option<[u8; 16]>,
    /// The bytes of its file.
    pub bytes: u64,
    /// The numbers of its first and last good frame; `None` without any.
    pub seqs: Option<(Seq, Seq)>,
    /// Its events.
    pub events: u64,
    /// Those of them that their recipient has confirmed.
    pub confirmed: u64,
    /// Those of them that stay on this machine by their project's wish.
    pub opted_out: u64,
    /// Those of them that wait, by what for; control frames that are not
    /// understood count as well.
    pub waiting: BTreeMap<Hold, u64>,
    /// Whether something in it cannot be read.
    pub damaged: bool,
    /// When its last frame was written, at the latest, in microseconds since
    /// 1970.
    pub ended_us: i64,
}

/// Who owns events that were recorded before it was known whose they are.
#[derive(Debug)]
pub enum Owners {
    /// Only what the events themselves say is known. Enough for everything
    /// that was recorded for an account with a team: no bind frame speaks of
    /// those.
    AsRecorded,
    /// All bind frames of the log are known.
    Bound {
        /// These.
        bindings: Bindings,
        /// Control frames, and other kinds of frames, that this version does
        /// not understand: they may say anything about any event.
        not_understood: u64,
    },
}

impl Owners {
    /// Reads all control frames of the log in `dir`, handing each frame to `see`;
    /// `None` when that was not done by `until`.
    ///
    /// # Errors
    /// [`ReadError`] when the log cannot be read.
    pub fn read(
        dir: &LogDir,
        until: Option<Instant>,
        see: &mut dyn FnMut(&Item<'_>),
    ) -> Result<Option<Self>, ReadError> {
        let mut reader = Reader::new(dir.clone(), Seq(1));
        let mut bindings = Bindings::default();
        let mut not_understood = 0_u64;
        while !is_over(until) {
            let item = match reader.step()? {
                Step::Idle => {
                    return Ok(Some(Self::Bound {
                        bindings,
                        not_understood,
                    }));
                }
                Step::Damage(_) => continue,
                Step::Frame(item) => item,
            };
            see(&item);
            if is_understood(&item) {
                if item.kind == Kind::Control {
                    bindings.note(item.seq, item.body);
                }
            } else {
                not_understood = not_understood.saturating_add(1);
            }
        }
        Ok(None)
    }

    fn are_as_recorded(&self) -> bool {
        matches!(self, Self::AsRecorded)
    }

    fn route(&self, seq: Seq, header: &EventHeader<'_>) -> Option<Route> {
        match self {
            Self::Bound { bindings, .. } => Some(bindings.route(seq, header)),
            Self::AsRecorded if header.flags.opted_out() || is_settled_owner(header) => {
                Some(Bindings::default().route(seq, header))
            }
            Self::AsRecorded => None,
        }
    }
}

/// Whether no bind frame can give the event another owner: those speak of
/// events recorded signed out, or for an account that had no team.
fn is_settled_owner(header: &EventHeader<'_>) -> bool {
    // A team of this name has the target of an account without one.
    let has_team = header.team.is_some_and(|team| team != "no-team");
    header.target != TargetId::SIGNED_OUT && has_team
}

/// Whether this version knows what the frame means for other frames.
fn is_understood(item: &Item<'_>) -> bool {
    match item.kind {
        Kind::Event | Kind::ForeignEvent | Kind::Clock => true,
        Kind::Control => match Control::decode(item.body) {
            // It speaks of events before it, which go before it.
            Some(Control::Bind { .. } | Control::Drop { .. }) => true,
            // They stay: see `speaks_of_what_comes`.
            Some(Control::AddTarget { .. } | Control::RemoveTarget { .. }) => true,
            None => false,
        },
        Kind::Other(_) => false,
    }
}

/// Whether the frame says something about events behind it, so that it has to
/// stay as long as the log.
fn speaks_of_what_comes(item: &Item<'_>) -> bool {
    item.kind == Kind::Control
        && matches!(
            Control::decode(item.body),
            Some(Control::AddTarget { .. } | Control::RemoveTarget { .. })
        )
}

pub(super) fn is_over(until: Option<Instant>) -> bool {
    until.is_some_and(|until| Instant::now() >= until)
}

/// What every look at a segment needs.
#[derive(Debug)]
pub(super) struct Known<'a> {
    pub(super) ledger: &'a Ledger,
    pub(super) owners: &'a Owners,
    pub(super) fits: &'a Fits,
    /// Whether there are further targets as far as the ledger knows.
    pub(super) has_others: bool,
}

/// What a frame means for its segment.
enum Lot {
    Confirmed,
    OptedOut,
    Waits(Hold),
}

impl Known<'_> {
    fn lot(&self, seq: Seq, header: &EventHeader<'_>) -> Lot {
        let routed = self.owners.route(seq, header);
        // Who gets it as well is said by control frames alone.
        let routed = routed.filter(|_| !(self.has_others && self.owners.are_as_recorded()));
        let Some(route) = routed else {
            return Lot::Waits(Hold::OwnerOpen);
        };
        let (target, stream) = match route {
            Route::OptedOut | Route::Dropped { .. } => {
                return self.copied(seq, header, Lot::OptedOut);
            }
            Route::Nameless => return Lot::Waits(Hold::NotUnderstood),
            Route::Unbound => return Lot::Waits(Hold::Unbound),
            Route::NoProject { .. } => return Lot::Waits(Hold::NoProject),
            Route::Stream { target, stream } => (target, stream),
        };
        let known = self.ledger.target(target);
        let known = known.and_then(|target| target.stream(Some(&stream)));
        let Some(known) = known.filter(|known| self.fits.fits(target, &stream, known)) else {
            return Lot::Waits(Hold::Pending);
        };
        match known.state_of(seq) {
            DeliveryState::Delivered | DeliveryState::Duplicate => {
                self.copied(seq, header, Lot::Confirmed)
            }
            DeliveryState::Pending | DeliveryState::Sent => Lot::Waits(Hold::Pending),
            DeliveryState::Rejected | DeliveryState::Parked => Lot::Waits(Hold::Refused),
        }
    }
}

impl Known<'_> {
    /// `lot`, unless the event is still on its way to a further target.
    fn copied(&self, seq: Seq, header: &EventHeader<'_>, lot: Lot) -> Lot {
        let Owners::Bound { bindings, .. } = self.owners else {
            // With further targets everything is looked at with all control frames.
            return lot;
        };
        let open = bindings
            .copies(seq, header)
            .into_iter()
            .any(|(target, stream)| {
                let known = self.ledger.target(target);
                let known = known.and_then(|target| target.stream(Some(&stream)));
                !known.is_some_and(|known| {
                    let state = known.state_of(seq);
                    self.fits.fits(target, &stream, known)
                        && matches!(state, DeliveryState::Delivered | DeliveryState::Duplicate)
                })
            });
        if open { Lot::Waits(Hold::Pending) } else { lot }
    }
}

impl Holding {
    /// Takes in one frame of the segment.
    pub(super) fn add(&mut self, item: &Item<'_>, known: &Known<'_>) {
        let first = self.seqs.map_or(item.seq, |(first, _)| first);
        self.seqs = Some((first, item.seq));
        if !is_understood(item) {
            self.hold(Hold::NotUnderstood);
            return;
        }
        if speaks_of_what_comes(item) {
            self.hold(Hold::Target);
        }
        if !item.kind.is_event() {
            return;
        }
        self.events = self.events.saturating_add(1);
        let Ok((header, _)) = decode_body(item.body) else {
            self.hold(Hold::NotUnderstood);
            return;
        };
        if item.kind == Kind::Event {
            self.ended_us = self.ended_us.max(header.timestamp_us);
        }
        match known.lot(item.seq, &header) {
            Lot::Confirmed => self.confirmed = self.confirmed.saturating_add(1),
            Lot::OptedOut => self.opted_out = self.opted_out.saturating_add(1),
            Lot::Waits(hold) => self.hold(hold),
        }
    }

    fn hold(&mut self, hold: Hold) {
        let count = self.waiting.entry(hold).or_default();
        *count = count.saturating_add(1);
    }
}
