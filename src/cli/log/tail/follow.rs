//! Following: waiting for what others write.
//!
//! The reader is asked again and again, soon after something came and less
//! often while nothing does: at most a quarter of a second passes before an
//! event is seen, and an idle follower costs four looks a second.

use std::thread;
use std::time::{Duration, Instant};

use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::output::Output;
use crate::cli::signals::Signals;
use crate::home::Home;
use crate::log::read::{Damage, Step};
use crate::log::reader::Reader;
use crate::log::scan::SeqRange;
use crate::position::Seq;

use super::live::Live;
use super::{Tail, damage};

const SHORTEST_PAUSE: Duration = Duration::from_millis(25);
const LONGEST_PAUSE: Duration = Duration::from_millis(200);
/// How old the delivery states may be that new events are shown with.
const STATES_AGE: Duration = Duration::from_secs(1);

/// Longer and longer pauses while nothing comes.
struct Pause(Duration);

impl Pause {
    fn wait(&mut self) {
        thread::sleep(self.0);
        self.0 = (self.0 * 2).min(LONGEST_PAUSE);
    }

    fn reset(&mut self) {
        self.0 = SHORTEST_PAUSE;
    }
}

/// The numbers that came so far, without a hole: segments that are pruned before
/// a follower has read them are no damage to the reader, and would be missed by
/// nobody if they were not missed here.
#[derive(Default)]
struct Unbroken {
    next: Option<Seq>,
}

impl Unbroken {
    /// The numbers that were passed over before this one.
    fn comes(&mut self, seq: Seq) -> Option<SeqRange> {
        let next = self.next.replace(seq.next());
        next.and_then(|next| SeqRange::before(next, seq))
    }

    /// What is told as damage is accounted for.
    fn told(&mut self, found: &Damage) {
        let behind = found.lost.map(|lost| lost.to.next());
        self.next = self.next.map(|next| behind.unwrap_or(next).max(next));
    }
}

impl Tail<'_> {
    /// Prints everything from `from` on, until told to stop.
    pub(super) fn follow(
        &mut self,
        from: Seq,
        home: &Home,
        out: &mut Output,
    ) -> Result<(), Failure> {
        let signals = Signals::watch()
            .map_err(|error| Failure::new("signals", Exit::Failed, error.to_string()))?;
        let mut states_at = Instant::now();
        let mut printed_at = Instant::now();
        let mut pause = Pause(SHORTEST_PAUSE);
        let mut reader = Reader::new(self.dir.clone(), from);
        let mut live = Live::new(self.printer.is_for_people(), out);
        let mut unbroken = Unbroken::default();
        out.flush()?;
        while !self.is_done() {
            if let Some(exit) = signals.caught() {
                live.erase(out)?;
                out.flush()?;
                return Err(Failure::silent(exit));
            }
            match reader.step()? {
                Step::Frame(item) => {
                    if states_at.elapsed() > STATES_AGE {
                        self.deliveries.renew(home);
                        states_at = Instant::now();
                    }
                    live.erase(out)?;
                    if let Some(gone) = unbroken.comes(item.seq) {
                        out.flush()?;
                        out.warn(damage::pruned(gone));
                    }
                    if self.print(&item, out)? {
                        out.flush()?;
                        printed_at = Instant::now();
                    }
                    pause.reset();
                }
                Step::Damage(found) => {
                    unbroken.told(&found);
                    live.erase(out)?;
                    out.flush()?;
                    self.report(&found, from, out);
                }
                Step::Idle => {
                    let idle = self.args.idle_exit;
                    if idle.is_some_and(|idle| printed_at.elapsed() >= idle) {
                        break;
                    }
                    if out.reader_has_gone() {
                        return Err(Failure::silent(Exit::Done));
                    }
                    live.draw(self.printer.printed(), out)?;
                    pause.wait();
                }
            }
        }
        live.erase(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::read::Reason;
    use crate::position::{Lamport, Offset, Ordinal};

    fn range(from: u64, to: u64) -> Option<SeqRange> {
        SeqRange::before(Seq(from), Seq(to + 1))
    }

    #[test]
    fn a_hole_is_missed_unless_it_was_told_as_damage() {
        let mut unbroken = Unbroken::default();
        assert_eq!(
            unbroken.comes(Seq(5)),
            None,
            "where a log begins is no hole"
        );
        assert_eq!(unbroken.comes(Seq(6)), None);
        assert_eq!(unbroken.comes(Seq(9)), range(7, 8));
        unbroken.told(&Damage {
            ordinal: Ordinal(1),
            offset: Offset(0),
            bytes: 0,
            reason: Reason::Missing,
            lost: range(10, 12),
            clock: Lamport(1),
        });
        assert_eq!(unbroken.comes(Seq(13)), None);
    }
}
