//! What must hold, whatever happened: the promises, one by one.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use spec_kitty::log::read::{Damage, Step, Unfinished};
use spec_kitty::log::reader::Reader;
use spec_kitty::position::Seq;
use spec_kitty::state::{DeliveryState, Ledger};
use spec_kitty::sync::fit::Fits;
use spec_kitty::sync::route::{Bindings, Route};

use crate::cast::{Deed, Sort, Who};
use crate::coverage::{Coverage, Situation};
use crate::facts::{Bind, Frame, owner};
use crate::process::{Seen, log_dir, state};
use crate::server::server_of;
use crate::store::SimShelf;
use crate::world::{Lasting, Process, World};

/// What is known from outside, over the epochs of a run.
#[derive(Debug, Default)]
pub struct Memory {
    /// The records that were confirmed, and where.
    promised: BTreeMap<u64, u64>,
    /// The records that were called not written.
    never: BTreeSet<u64>,
    /// Where each record was last seen.
    places: BTreeMap<u64, u64>,
    binds: Vec<Bind>,
    /// Which record got which clock value of which node.
    issued: BTreeMap<(String, u64), u64>,
    /// Whether bits have rotted.
    pub rotted: bool,
    /// Whether a sync has failed.
    pub foul: bool,
    /// What was pruned before the state room lost what it knew, or got an old
    /// copy of it.
    forgotten: BTreeSet<u64>,
}

/// What a reader finds after everything has stopped.
#[derive(Debug, Default)]
struct Found {
    frames: Vec<Frame>,
    damage: Vec<Damage>,
    ledger: Ledger,
    /// What the ledger says of each event that belongs to somebody.
    lots: BTreeMap<u64, DeliveryState>,
    /// What the ledger says of events that were pruned.
    pruned_lots: BTreeMap<u64, DeliveryState>,
}

type Verdict = Result<(), String>;

impl Memory {
    /// Takes in what the processes were told.
    pub fn note(&mut self, seen: &[Vec<Seen>], coverage: &mut Coverage) -> Verdict {
        // Whoever wrote under a lock that was none is told that it is unknown,
        // and a successor may leave it out; who read it before cannot know.
        let lock_replaced = coverage.of(Situation::LockReplaced) > 0;
        for journal in seen {
            let (mut last_read, mut whole) = (0, true);
            for entry in journal {
                match *entry {
                    Seen::Recorded { token, seq } => {
                        coverage.saw(Situation::Recorded);
                        self.promised.insert(token, seq);
                        self.places.insert(token, seq);
                    }
                    Seen::Unknown => coverage.saw(Situation::Unknown),
                    Seen::NotWritten { token } => {
                        coverage.saw(Situation::NotWritten);
                        self.never.insert(token);
                    }
                    Seen::Damage => whole = false,
                    Seen::Read { seq } => {
                        if lock_replaced {
                            continue;
                        }
                        if seq <= last_read {
                            return Err(format!("a follower read {seq} behind {last_read}"));
                        }
                        if whole && last_read > 0 && seq != last_read + 1 {
                            return Err(format!("a follower read {seq} after {last_read}"));
                        }
                        (last_read, whole) = (seq, true);
                    }
                }
            }
        }
        Ok(())
    }

    /// Holds what is there to what was promised.
    pub fn judge(&mut self, lasting: &Lasting) -> Verdict {
        let found = look(lasting);
        // A bind frame that is lost gives nothing to anybody any more; one on
        // which somebody acted must not be lost.
        self.binds.clear();
        let here = found.frames.iter().filter_map(|frame| frame.bind);
        let binds = lasting.pruned_binds.iter().copied().chain(here);
        self.binds.extend(binds.flat_map(Bind::meaning));
        self.binds.sort_by_key(|bind| bind.seq);
        self.binds.dedup();
        let pruned = lasting.pruned.iter();
        self.places
            .extend(pruned.map(|(token, gone)| (*token, gone.seq)));
        let tokens = self.judge_frames(&found.frames)?;
        self.judge_promises(&tokens, &found, lasting)?;
        self.judge_ledger(&found, lasting)?;
        self.judge_servers(&tokens, lasting)
    }

    /// The state room has lost something.
    pub fn forget(&mut self, lasting: &Lasting) {
        self.forgotten.extend(lasting.pruned.keys());
    }

    /// Order, wholeness, uniqueness. Returns where each record is.
    fn judge_frames(&mut self, frames: &[Frame]) -> Result<BTreeMap<u64, u64>, String> {
        let mut tokens = BTreeMap::new();
        let (mut last_seq, mut last_clock) = (0, 0);
        for frame in frames {
            let Frame { seq, clock, .. } = *frame;
            if seq <= last_seq || clock < last_clock {
                return Err(format!("frame {seq} (clock {clock}) is out of order"));
            }
            let own = frame.deed.is_some_and(|deed| deed.sort == Sort::Own);
            if own && clock == last_clock {
                return Err(format!("the event at {seq} did not move the clock"));
            }
            (last_seq, last_clock) = (seq, clock);
            if !frame.is_whole {
                return Err(format!("nobody wrote what is at {seq}"));
            }
            let Some(deed) = frame.deed else { continue };
            let token = deed.token;
            if tokens.insert(token, seq).is_some() {
                return Err(format!("record {token} is there twice"));
            }
            if self.never.contains(&token) {
                return Err(format!("record {token} was called not written"));
            }
            self.places.insert(token, seq);
            if own {
                let value = (frame.node.clone(), clock);
                let before = self.issued.insert(value, token);
                if before.is_some_and(|other| other != token && self.promised.contains_key(&other))
                {
                    return Err(format!("clock {clock} of {} was issued twice", frame.node));
                }
            }
        }
        Ok(tokens)
    }

    /// Confirmed is there, where it was confirmed, exactly once.
    fn judge_promises(
        &self,
        tokens: &BTreeMap<u64, u64>,
        found: &Found,
        lasting: &Lasting,
    ) -> Verdict {
        let first = found.frames.first().map_or(u64::MAX, |frame| frame.seq);
        let excused = |seq: u64| {
            let reported = |damage: &Damage| {
                let lost = damage.lost;
                lost.is_some_and(|lost| lost.from.0 <= seq && seq <= lost.to.0)
            };
            let gone_with_time = seq < first && lasting.coverage.of(Situation::Prune) > 0;
            gone_with_time || found.damage.iter().any(reported)
        };
        for (token, promised) in &self.promised {
            let pruned = lasting.pruned.get(token).map(|gone| gone.seq);
            match tokens.get(token).copied().or(pruned) {
                Some(seq) if seq == *promised => {}
                Some(seq) => {
                    return Err(format!("record {token} moved from {promised} to {seq}"));
                }
                None if self.rotted && excused(*promised) => {}
                None => {
                    return Err(format!(
                        "record {token} (seq {promised}) was confirmed and is gone"
                    ));
                }
            }
        }
        Ok(())
    }

    /// Delivered is with the server; what was pruned is known as delivered.
    fn judge_ledger(&self, found: &Found, lasting: &Lasting) -> Verdict {
        for (token, lot) in &found.lots {
            if is_confirmed(*lot) && !lasting.servers.iter().any(|server| server.holds(*token)) {
                return Err(format!(
                    "record {token} counts as {lot:?}; no server has it"
                ));
            }
        }
        if self.rotted || self.foul {
            return Ok(());
        }
        let pruned = found.pruned_lots.iter();
        let mut known = pruned.filter(|(token, _)| !self.forgotten.contains(token));
        let unknown = known.find(|(_, lot)| !is_confirmed(**lot));
        match unknown {
            None => Ok(()),
            Some((token, lot)) => Err(format!("record {token} was pruned and counts as {lot:?}")),
        }
    }

    /// A server has what is here, and what is its own.
    fn judge_servers(&self, tokens: &BTreeMap<u64, u64>, lasting: &Lasting) -> Verdict {
        if self.foul || self.rotted {
            return Ok(());
        }
        // What was written under a lock that was none may be read and shipped before
        // a successor leaves it out, or while that cannot be read. Nobody was told
        // that it is recorded.
        let lock_replaced = lasting.coverage.of(Situation::LockReplaced) > 0;
        let left_out = |token: &u64| lock_replaced && !self.promised.contains_key(token);
        for who in [Who::Alice, Who::Bob] {
            for token in lasting.servers[server_of(who)].held() {
                let is_here = tokens.contains_key(&token) || lasting.pruned.contains_key(&token);
                if !is_here && !left_out(&token) {
                    return Err(format!("record {token} was shipped and is gone here"));
                }
                let deed = Deed::of(token);
                let Some(seq) = self.places.get(&token) else {
                    continue;
                };
                let owner = owner(deed.who, *seq, &self.binds);
                if owner != who {
                    return Err(format!("record {token} of {owner:?} is with {who:?}"));
                }
            }
        }
        Ok(())
    }

    /// After peace, whatever could be delivered is.
    pub fn judge_drained(&self, lasting: &Lasting) -> Verdict {
        let found = look(lasting);
        for frame in &found.frames {
            let Some(deed) = frame.deed.filter(|deed| !deed.goes_nowhere()) else {
                continue;
            };
            let owner = owner(deed.who, frame.seq, &self.binds);
            if !matches!(owner, Who::Alice | Who::Bob) {
                return Err(format!("record {} still has no owner", deed.token));
            }
            let server = &lasting.servers[server_of(owner)];
            let lot = found.lots.get(&deed.token).copied();
            let refused =
                server.refused.contains(&deed.token) && lot == Some(DeliveryState::Parked);
            if !server.holds(deed.token) && !refused {
                let token = deed.token;
                return Err(format!(
                    "record {token} of {owner:?} never arrived: {lot:?}"
                ));
            }
        }
        Ok(())
    }
}

fn is_confirmed(lot: DeliveryState) -> bool {
    matches!(lot, DeliveryState::Delivered | DeliveryState::Duplicate)
}

/// Reads everything, with a process to which nothing happens, from a copy.
fn look(lasting: &Lasting) -> Found {
    let world = World::quiet(lasting.clone());
    let process = Process::new(&world, 0);
    let dir = log_dir(&process);
    let mut found = Found::default();
    let mut reader = Reader::new(dir.clone(), Seq(1));
    let mut bodies = Vec::new();
    let mut bindings = Bindings::default();
    loop {
        match reader.step().expect("a disk that works is readable") {
            Step::Frame(item) => {
                let frame = Frame::of(&item);
                if frame.deed.is_some_and(|deed| deed.is_event()) {
                    bodies.push((item.seq, item.body.to_vec()));
                }
                found.frames.push(frame);
            }
            Step::Damage(damage) => found.damage.push(damage),
            Step::Idle => break,
        }
    }
    if let Some(Unfinished::Damage(damage)) = reader.unfinished() {
        found.damage.push(damage);
    }
    if let Ok(read) = Bindings::read(&dir) {
        bindings = read;
    }
    let opened = state(&process).open_ledger_on(SimShelf(process.clone()), Duration::ZERO);
    found.ledger = opened.map_or_else(
        |_| Ledger::default(),
        |opened| opened.value.ledger().clone(),
    );
    let fits = Fits::new(dir);
    let lot = |seq: Seq, header: &spec_kitty::event::EventHeader<'_>| {
        let Route::Stream { target, stream } = bindings.route(seq, header) else {
            return None;
        };
        let known = found.ledger.target(target)?.stream(Some(&stream))?;
        let fitting = fits.fits(target, &stream, known);
        Some(if fitting {
            known.state_of(seq)
        } else {
            DeliveryState::Pending
        })
    };
    for (seq, body) in &bodies {
        let (header, _) = spec_kitty::event::decode_body(body).unwrap();
        let token = crate::cast::token_of_id(header.event_id).unwrap();
        if let Some(lot) = lot(*seq, &header) {
            found.lots.insert(token, lot);
        }
    }
    for (token, gone) in &lasting.pruned {
        let deed = Deed::of(*token);
        if deed.goes_nowhere() || !matches!(deed.who, Who::Alice | Who::Bob) {
            continue;
        }
        let mut body = Vec::new();
        deed.body("node", 0, &mut body);
        let (header, _) = spec_kitty::event::decode_body(&body).unwrap();
        let lot = lot(Seq(gone.seq), &header).unwrap_or(DeliveryState::Pending);
        found.pruned_lots.insert(*token, lot);
    }
    found
}
