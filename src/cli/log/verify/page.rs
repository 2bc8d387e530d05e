//! What `log verify` tells a person: the answer in the first line, then where,
//! what, what is lost, and what to do.

use crate::cli::columns::{counted, grouped, size};
use crate::cli::log::layout::Line;
use crate::cli::log::{damage, full};
use crate::cli::output::visible_line;
use crate::cli::style::{BOLD, DIM, RED};
use crate::cli::time::Zone;
use crate::log::read::{Damage, Reason};
use crate::log::scan::SeqRange;
use crate::log::segment::LogDir;
use crate::platform;
use crate::target::TargetId;

use super::Findings;
use super::witness::Stranger;

/// So many places are described one by one.
const MOST_PLACES: usize = 20;
const LABEL_COLUMNS: usize = 6;

impl Findings {
    /// All lines, none of them wider than `columns`.
    pub(super) fn page(&self, dir: &LogDir, zone: &Zone, columns: usize) -> Vec<String> {
        let lines = self.lines(dir, zone);
        lines
            .iter()
            .flat_map(|line| line.laid_out(LABEL_COLUMNS, columns))
            .collect()
    }

    fn lines(&self, dir: &LogDir, zone: &Zone) -> Vec<Line> {
        let mut lines = vec![self.headline()];
        let damaged = self.verdict.damage.iter();
        let damaged = damaged.map(|damage| self.damaged(damage, dir, zone));
        let strange = self.witness.strangers().iter();
        let strange = strange.map(|stranger| not_understood(stranger, dir));
        let places: Vec<_> = damaged.chain(strange).collect();
        let more = places.len().saturating_sub(MOST_PLACES);
        for place in places.into_iter().take(MOST_PLACES) {
            lines.push(Line::Empty);
            lines.extend(place);
        }
        if more > 0 {
            let more = grouped(u64::try_from(more).unwrap_or(u64::MAX));
            let text = format!("and {more} places more; all of them: spec-kitty log verify --json");
            lines.extend([Line::Empty, Line::Text(DIM, text)]);
        }
        if let Some(missing) = self.missing_end() {
            lines.extend([
                Line::Empty,
                Line::fact("Where", "the end of the log"),
                Line::fact("What", "more was recorded here than the log holds"),
            ]);
            lines.extend(self.lost_lines(missing, zone));
        }
        lines.extend(self.torn(dir));
        lines.extend(platform::network_file_system(dir.path()).map(|kind| {
            let text = format!(
                "Note: the log lies on a network file system ({kind}); see docs/platforms.md."
            );
            Line::Text(DIM, text)
        }));
        if !self.is_ok() {
            lines.extend([
                Line::Empty,
                Line::fact("Safe", "everything else; the log stays writable"),
                Line::fact("next:", "spec-kitty log tail -n all --json"),
                Line::fact("", "(copies what can be read)"),
            ]);
            if self.verdict.damage.iter().any(can_be_mended) {
                lines.extend([
                    Line::fact("", "spec-kitty log repair --dry-run"),
                    Line::fact("", "(shows which files can be put in order)"),
                ]);
            }
        }
        lines
    }

    fn headline(&self) -> Line {
        let events = counted(self.events(), "event", "events");
        if self.is_ok() {
            let segments = counted(self.verdict.segments, "segment", "segments");
            let text = match self.verdict.segments {
                0 => "Sound. There is no log yet.".to_owned(),
                _ => format!("Sound. {events} in {segments}."),
            };
            return Line::Text(BOLD, text);
        }
        let lost: u64 = self.lost().map(|lost| lost.count()).sum();
        let strange = self.witness.strange();
        let lost_text = counted(lost, "record is lost", "records are lost");
        let strange_text = counted(
            strange,
            "event is not understood",
            "events are not understood",
        );
        let what = match (lost, strange) {
            (0, 0) => "nothing is lost".to_owned(),
            (_, 0) => lost_text,
            (0, _) => strange_text,
            _ => format!("{lost_text}, {strange_text}"),
        };
        Line::Text(RED, format!("Damage: {what}. {events} can be read."))
    }

    fn damaged(&self, damage: &Damage, dir: &LogDir, zone: &Zone) -> Vec<Line> {
        let mut place = damage::place(dir, damage);
        if damage.bytes > 0 {
            place.push_str(&format!(" ({})", size(damage.bytes)));
        }
        let mut lines = vec![
            Line::fact("Where", place),
            Line::fact("What", damage::reason(damage.reason)),
        ];
        if let Some(lost) = damage.lost {
            lines.extend(self.lost_lines(lost, zone));
        }
        lines
    }

    /// What is lost, by number, clock and time, and who may have a copy.
    fn lost_lines(&self, lost: SeqRange, zone: &Zone) -> Vec<Line> {
        let around = self.witness.around(lost);
        let mut what = damage::records(lost);
        if let Some(clocks) = around.clocks(lost) {
            what.push_str(&format!(", {clocks}"));
        }
        let mut lines = vec![Line::fact("Lost", what)];
        lines.extend(around.times(zone).map(|when| Line::fact("When", when)));
        lines.push(Line::fact("Known", self.known(lost)));
        lines
    }

    /// Who may have a copy of lost records.
    fn known(&self, lost: SeqRange) -> String {
        let holders = self.evidence.holders(lost);
        let refused = self.evidence.refused(lost);
        let them = if lost.count() == 1 { "it" } else { "them" };
        if !holders.is_empty() {
            return format!("delivered before: {} has {them}", self.named(&holders));
        }
        if refused == lost.count() {
            return format!("the server had refused {them}");
        }
        if refused > 0 {
            return format!("the server had refused {refused} of them");
        }
        let passed = self.evidence.passed_by(lost);
        if !passed.is_empty() {
            let named = self.named(&passed);
            return format!("the sender had gone past {them}: {named} may have a copy");
        }
        let known = match lost.count() {
            _ if self.possibly_unacknowledged(lost) => {
                "perhaps never confirmed to the command that wrote it"
            }
            1 if self.remembered.by_mark == Some(lost.to) => {
                "it was confirmed to the command that wrote it"
            }
            _ if self.remembered.by_mark == Some(lost.to) => {
                "the last of them was confirmed to the command that wrote it"
            }
            _ => "a later record was confirmed; nothing says that it was delivered",
        };
        known.to_owned()
    }

    /// The server of these targets, where it is known by name.
    fn named(&self, targets: &[TargetId]) -> String {
        match &self.account {
            Some(account) if targets == [account.id()] => visible_line(&account.server),
            _ => "the server".to_owned(),
        }
    }

    fn torn(&self, dir: &LogDir) -> Option<Line> {
        let bytes = self.verdict.torn_bytes;
        if bytes == 0 {
            return None;
        }
        let place = self.verdict.torn_at.map(|(ordinal, offset)| {
            let name = full::file_name(dir, ordinal);
            format!(" at the end of {name}, byte {}", grouped(offset.0))
        });
        let bytes = counted(bytes, "byte", "bytes");
        let place = place.unwrap_or_default();
        // What is missing may be what these bytes were.
        let text = if self.missing_end().is_none() {
            format!("Note: {bytes} of an unfinished write{place}; never confirmed to any command.")
        } else {
            format!("Note: {bytes}{place} are no whole record.")
        };
        Some(Line::Text(DIM, text))
    }
}

/// Whether a repair could do something about it.
fn can_be_mended(damage: &Damage) -> bool {
    matches!(damage.reason, Reason::Alien | Reason::Misnamed)
}

fn not_understood(stranger: &Stranger, dir: &LogDir) -> Vec<Line> {
    let name = full::file_name(dir, stranger.ordinal);
    let at = grouped(stranger.offset.0);
    let why = visible_line(&stranger.why);
    vec![
        Line::fact(
            "Where",
            format!("{name}, byte {at} (record {})", stranger.seq),
        ),
        Line::fact("What", format!("whole, but not to be understood: {why}")),
    ]
}
