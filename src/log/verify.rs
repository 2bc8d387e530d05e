//! Verifying: everything is read once, and everything wrong is named.

use std::thread;
use std::time::Duration;

use crate::log::bytes::as_u64;
use crate::log::read::{Damage, Item, ReadError, Step, Unfinished};
use crate::log::reader::Reader;
use crate::log::segment::LogDir;
use crate::position::{Lamport, Offset, Ordinal, Seq};

/// How often, and how long apart, a bad end is looked at again before it is
/// taken for what it is: a writer may be in the middle of it.
const LOOKS: u32 = 3;
const PAUSE: Duration = Duration::from_millis(20);

/// Whether somebody may be writing while the log is verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writers {
    /// A bad end is looked at again before it is judged.
    Possible,
    /// Nobody writes: what is there is what there is.
    None,
}

/// What a whole log looks like.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Segments that were read.
    pub segments: u64,
    /// Good frames.
    pub frames: u64,
    /// Good frames that are events.
    pub events: u64,
    /// Bytes of writes that never finished. They were never confirmed.
    pub torn_bytes: u64,
    /// Where the newest segment is torn, if it is.
    pub torn_at: Option<(Ordinal, Offset)>,
    /// Everything that is wrong.
    pub damage: Vec<Damage>,
    /// The last sequence number that is used up.
    pub last_seq: Seq,
    /// This home's clock at the end.
    pub clock: Lamport,
}

impl Verdict {
    /// Whether nothing is damaged. A torn tail is not damage.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.damage.is_empty()
    }
}

/// Reads the whole log in `dir`, handing each good frame to `visit`.
///
/// Takes no lock and may run while others write: then it judges what was there
/// when it reached the end.
///
/// # Errors
/// [`ReadError`] when the log cannot be read at all; damage is no error.
///
/// ```
/// use spec_kitty::emitter::{EventEmitter, log_of};
/// use spec_kitty::event::{EntryType, HistoryAdded};
/// use spec_kitty::home::Home;
/// use spec_kitty::log::read::Item;
/// use spec_kitty::log::verify::{Verdict, Writers, verify};
///
/// let dir = tempfile::tempdir()?;
/// let home = Home::at(dir.path());
/// let emitter = EventEmitter::new(home.clone(), dir.path());
/// emitter.emit_payload(HistoryAdded::new("WP01", EntryType::Note, "begun"), None);
///
/// let mut bytes = 0;
/// let count = |item: &Item<'_>| bytes += item.body.len();
/// let log = log_of(&home).dir().clone();
/// let verdict: Verdict = verify(log, Writers::Possible, count)?;
/// assert!(verdict.is_sound() && bytes > 0);
/// assert_eq!((verdict.segments, verdict.events, verdict.lost()), (1, 1, 0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn verify(
    dir: LogDir,
    writers: Writers,
    mut visit: impl FnMut(&Item<'_>),
) -> Result<Verdict, ReadError> {
    let mut reader = Reader::new(dir, Seq(1));
    let mut verdict = Verdict::default();
    let mut looks = 0;
    loop {
        match reader.step()? {
            Step::Frame(item) => {
                verdict.frames += 1;
                verdict.events += u64::from(item.kind.is_event());
                looks = 0;
                visit(&item);
                continue;
            }
            Step::Damage(damage) => {
                verdict.damage.push(damage);
                continue;
            }
            Step::Idle => {}
        }
        if reader.unfinished().is_none() || looks == LOOKS || writers == Writers::None {
            break;
        }
        looks += 1;
        thread::sleep(PAUSE);
    }
    verdict.segments = reader.segments();
    verdict.torn_bytes = reader.debris_bytes();
    verdict.last_seq = reader.next_seq().previous();
    verdict.clock = reader.clock();
    match reader.unfinished() {
        Some(Unfinished::Torn {
            ordinal,
            offset,
            bytes,
        }) => {
            verdict.torn_bytes = verdict.torn_bytes.saturating_add(bytes);
            verdict.torn_at = Some((ordinal, offset));
        }
        Some(Unfinished::Damage(damage)) => {
            let used_up = damage.lost.map_or(verdict.last_seq, |lost| lost.to);
            verdict.last_seq = verdict.last_seq.max(used_up);
            verdict.damage.push(damage);
        }
        None => {}
    }
    Ok(verdict)
}

impl Verdict {
    /// How many sequence numbers are lost.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.damage
            .iter()
            .filter_map(|damage| damage.lost)
            .map(|range| range.count())
            .sum()
    }

    /// The number of damaged places.
    #[must_use]
    pub fn places(&self) -> u64 {
        as_u64(self.damage.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::append::Record;
    use crate::log::header::HEADER_BYTES;
    use crate::log::test_support::{DEADLINE, dir_at, log_at, own, placed, small};

    fn verdict(dir: &std::path::Path) -> Verdict {
        verify(dir_at(dir), Writers::None, |_| {}).unwrap()
    }

    #[test]
    fn a_log_that_does_not_exist_is_sound_and_empty() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(verdict(dir.path()), Verdict::default());
        assert!(
            !dir.path().join("log").exists(),
            "verifying creates nothing"
        );
    }

    /// For a small log of three segments: each flipped bit is seen, costs at
    /// most its own frame, and never yields a frame that nobody wrote.
    #[test]
    fn every_flipped_bit_is_noticed_and_costs_at_most_one_event() {
        let dir = tempfile::tempdir().unwrap();
        let log = log_at(dir.path(), small(1130));
        for index in 0..6 {
            let mut record = own(&format!("r{index}"));
            log.append(&mut [&mut record as &mut dyn Record], None, DEADLINE);
        }
        let mut whole = Vec::new();
        verify(dir_at(dir.path()), Writers::None, |item| {
            whole.push(item.body.to_vec())
        })
        .unwrap();
        for ordinal in dir_at(dir.path()).ordinals().unwrap() {
            let path = dir_at(dir.path()).segment_path(ordinal);
            let good = std::fs::read(&path).unwrap();
            // In the header, whose copies are checked bit by bit elsewhere, one
            // bit a byte is enough.
            let in_header = (0..HEADER_BYTES).map(|byte| byte * 8 + byte % 8);
            for bit in in_header.step_by(7).chain(HEADER_BYTES * 8..good.len() * 8) {
                let mut bad = good.clone();
                bad[bit / 8] ^= 1 << (bit % 8);
                std::fs::write(&path, &bad).unwrap();
                let mut bodies = Vec::new();
                let verdict = verify(dir_at(dir.path()), Writers::None, |item| {
                    bodies.push(item.body.to_vec())
                });
                // A flipped version number may look like a newer format only
                // when its checksum is right, which one flip cannot do.
                let verdict = verdict.unwrap();
                assert!(!verdict.is_sound(), "segment {ordinal}, bit {bit}");
                assert!(
                    bodies.iter().all(|body| whole.contains(body)),
                    "{ordinal} bit {bit}"
                );
                let costs = usize::from(bit / 8 >= HEADER_BYTES);
                assert_eq!(bodies.len(), whole.len() - costs, "{ordinal} bit {bit}");
                assert_eq!(verdict.lost(), as_u64(costs), "{ordinal} bit {bit}");
            }
            std::fs::write(&path, &good).unwrap();
        }
        assert!(verdict(dir.path()).is_sound());
    }

    #[test]
    fn every_cut_of_the_newest_segment_is_a_torn_tail_or_a_shorter_log() {
        let dir = tempfile::tempdir().unwrap();
        let log = log_at(dir.path(), small(8192));
        placed(&log, &["a", "b", "c"]);
        let path = dir_at(dir.path()).segment_path(Ordinal(1));
        let good = std::fs::read(&path).unwrap();
        let frame_bytes = (good.len() - HEADER_BYTES) / 3;
        for length in HEADER_BYTES..good.len() {
            std::fs::write(&path, &good[..length]).unwrap();
            let verdict = verdict(dir.path());
            assert!(verdict.is_sound(), "cut at {length}: {:?}", verdict.damage);
            assert_eq!(
                verdict.events,
                as_u64((length - HEADER_BYTES) / frame_bytes)
            );
            let torn = (length - HEADER_BYTES) % frame_bytes;
            assert_eq!(verdict.torn_bytes, as_u64(torn), "cut at {length}");
        }
    }
}
