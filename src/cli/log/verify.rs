//! `log verify`: the whole log is read, and everything wrong is named.
//!
//! Damage within the log, and an end that is missing although the sender
//! remembers it, end with exit 5. A torn tail does not: it is the rest of a
//! write that never finished and that no command was told of.

use serde::Serialize;

use crate::cli::Session;
use crate::cli::columns::{counted, grouped, size};
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::style::{BOLD, DIM, RED, paint};
use crate::cli::time::Zone;
use crate::event::decode_body;
use crate::log::read::{Damage, Item};
use crate::log::scan::SeqRange;
use crate::log::segment::LogDir;
use crate::log::verify::{Verdict, Writers, verify};
use crate::position::Seq;

use super::{damage, full};

#[derive(Serialize)]
struct Report {
    kind: &'static str,
    v: u8,
    ok: bool,
    segments: u64,
    events: u64,
    torn_bytes: u64,
    damage: Vec<DamageReport>,
    lost: Vec<LostReport>,
}

#[derive(Serialize)]
struct DamageReport {
    segment: u64,
    offset: u64,
    bytes: u64,
    reason: &'static str,
}

#[derive(Serialize)]
struct LostReport {
    from_seq: u64,
    to_seq: u64,
    possibly_unacknowledged: bool,
}

/// What was found, beyond the verdict of the log itself.
struct Findings {
    verdict: Verdict,
    /// The highest number that the sender's ledger knows.
    remembered: Option<Seq>,
    gaps: Gaps,
}

pub(super) fn run(session: &mut Session) -> Result<(), Failure> {
    let dir = super::log_dir(session);
    let deliveries = super::deliveries(session, &dir);
    let mut gaps = Gaps::default();
    let findings = Findings {
        verdict: verify(dir.clone(), Writers::Possible, |item| gaps.see(item))?,
        remembered: deliveries
            .ledger()
            .and_then(crate::state::Ledger::highest_seq),
        gaps,
    };
    let out = &mut session.out;
    if out.json() {
        out.object(&findings.report())?;
    } else {
        let margin = if out.stdout_is_terminal() { "  " } else { "" };
        for line in findings.lines(&dir, &Zone::chosen(false)) {
            let line = format!("{margin}{line}");
            out.line(line.trim_end())?;
        }
    }
    if findings.is_ok() {
        Ok(())
    } else {
        Err(Failure::silent(Exit::Damage))
    }
}

impl Findings {
    fn is_ok(&self) -> bool {
        self.verdict.is_sound() && self.missing_end().is_none()
    }

    /// Records behind the end of the log that the sender has dealt with.
    fn missing_end(&self) -> Option<SeqRange> {
        let remembered = self.remembered?;
        SeqRange::before(self.verdict.last_seq.next(), remembered.next())
    }

    fn lost(&self) -> impl Iterator<Item = SeqRange> {
        let lost = self.verdict.damage.iter().filter_map(|damage| damage.lost);
        lost.chain(self.missing_end())
    }

    /// Whether the records of this range may never have been confirmed to the
    /// commands that wrote them. The sender goes only as far as is on disk.
    fn possibly_unacknowledged(&self, lost: SeqRange) -> bool {
        self.remembered
            .is_none_or(|remembered| remembered < lost.to)
    }

    fn report(&self) -> Report {
        let damage = |damage: &Damage| DamageReport {
            segment: damage.ordinal.0,
            offset: damage.offset.0,
            bytes: damage.bytes,
            reason: damage.reason.word(),
        };
        let lost = |lost: SeqRange| LostReport {
            from_seq: lost.from.0,
            to_seq: lost.to.0,
            possibly_unacknowledged: self.possibly_unacknowledged(lost),
        };
        Report {
            kind: "log-verify",
            v: 1,
            ok: self.is_ok(),
            segments: self.verdict.segments,
            events: self.verdict.events,
            torn_bytes: self.verdict.torn_bytes,
            damage: self.verdict.damage.iter().map(damage).collect(),
            lost: self.lost().map(lost).collect(),
        }
    }

    fn lines(&self, dir: &LogDir, zone: &Zone) -> Vec<String> {
        let mut lines = vec![self.headline()];
        for damage in &self.verdict.damage {
            lines.push(String::new());
            lines.extend(self.damaged(damage, dir, zone));
        }
        if let Some(missing) = self.missing_end() {
            lines.push(String::new());
            lines.extend([
                labelled("Where", "the end of the log"),
                labelled("What", "the sender has dealt with more than the log holds"),
                labelled("Lost", &damage::records(missing)),
            ]);
        }
        lines.extend(self.torn(dir));
        if !self.is_ok() {
            lines.extend([
                String::new(),
                labelled("Safe", "everything else; the log stays writable"),
                labelled(
                    "next:",
                    "spec-kitty log tail -n all --json   (copies what can be read)",
                ),
            ]);
        }
        lines
    }

    fn headline(&self) -> String {
        let events = counted(self.verdict.events, "event", "events");
        let segments = counted(self.verdict.segments, "segment", "segments");
        if self.is_ok() {
            return match self.verdict.segments {
                0 => "Sound. There is no log yet.".to_owned(),
                _ => format!("Sound. {events} in {segments}."),
            };
        }
        let lost: u64 = self.lost().map(|lost| lost.count()).sum();
        let headline = if lost == 0 {
            format!("Damage, and nothing is lost: {events} can be read.")
        } else {
            let lost = counted(lost, "record is", "records are");
            format!("Damage: {lost} lost. {events} can be read.")
        };
        paint(RED, &headline)
    }

    fn damaged(&self, damage: &Damage, dir: &LogDir, zone: &Zone) -> Vec<String> {
        let mut place = damage::place(dir, damage);
        if damage.bytes > 0 {
            place.push_str(&format!(" ({})", size(damage.bytes)));
        }
        let mut lines = vec![
            labelled("Where", &place),
            labelled("What", damage::reason(damage.reason)),
        ];
        if let Some(lost) = damage.lost {
            let mut text = damage::records(lost);
            text.push_str(&self.gaps.around(lost, zone));
            lines.push(labelled("Lost", &text));
            let known = if self.possibly_unacknowledged(lost) {
                "perhaps never confirmed to the command that wrote it"
            } else {
                "the sender had gone past it: ask the server for a copy"
            };
            lines.push(labelled("Known", known));
        }
        lines
    }

    fn torn(&self, dir: &LogDir) -> Option<String> {
        let bytes = self.verdict.torn_bytes;
        if bytes == 0 {
            return None;
        }
        let place = self
            .verdict
            .torn_at
            .map_or_else(String::new, |(ordinal, offset)| {
                let name = full::file_name(dir, ordinal);
                format!(" at the end of {name}, byte {}", grouped(offset.0))
            });
        let text = format!(
            "Note: {} of an unfinished write{place}; never confirmed to any command.",
            counted(bytes, "byte", "bytes")
        );
        Some(paint(DIM, &text))
    }
}

fn labelled(label: &str, text: &str) -> String {
    format!(
        "{} {text}",
        paint(BOLD, &crate::cli::columns::left(label, 6))
    )
}

/// The times of the events on both sides of every hole in the numbers.
#[derive(Debug, Default)]
struct Gaps {
    before: Option<(Seq, Option<i64>)>,
    holes: Vec<Hole>,
}

/// A hole: the last number before it and the times on both sides.
#[derive(Debug)]
struct Hole {
    after: Seq,
    from_us: Option<i64>,
    to_us: Option<i64>,
}

/// Holes are remembered up to this many.
const MOST_HOLES: usize = 1024;

impl Gaps {
    fn see(&mut self, item: &Item<'_>) {
        let own = item.kind == crate::log::frame::Kind::Event;
        let at_us = decode_body(item.body).ok().filter(|_| own);
        let at_us = at_us.map(|(header, _)| header.timestamp_us);
        let (last, last_us) = self.before.unwrap_or((Seq(0), None));
        if item.seq != last.next() && self.holes.len() < MOST_HOLES {
            self.holes.push(Hole {
                after: last,
                from_us: last_us,
                to_us: at_us,
            });
        }
        self.before = Some((item.seq, at_us.or(last_us)));
    }

    /// `, between 2026-02-02 16:20:11 and …`, as far as it is known.
    fn around(&self, lost: SeqRange, zone: &Zone) -> String {
        let hole = self
            .holes
            .iter()
            .find(|hole| hole.after.next() == lost.from);
        let shown = |at_us: Option<i64>| at_us.map(|at_us| zone.full(at_us));
        let at_end = self.before.filter(|(last, _)| last.next() == lost.from);
        let (from, to) = match (hole, at_end) {
            (Some(hole), _) => (shown(hole.from_us), shown(hole.to_us)),
            (None, Some((_, last_us))) => (shown(last_us), None),
            (None, None) => (None, None),
        };
        match (from, to) {
            (Some(from), Some(to)) => format!(", between {from} and {to}"),
            (Some(from), None) => format!(", after {from}"),
            (None, Some(to)) => format!(", before {to}"),
            (None, None) => String::new(),
        }
    }
}
