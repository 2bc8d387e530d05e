//! Finding one event by its number or by its id, or by how its id begins.

use std::collections::BTreeMap;

use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::output::visible_line;
use crate::event::decode_body;
use crate::log::segment::LogDir;
use crate::position::Seq;

use super::newest::NewestFirst;

/// How many ids are named when none or several fit.
const MOST_NAMED: usize = 5;

/// What a person names an event by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Name<'a> {
    /// Its number in the log: digits that do not begin with a zero.
    Number(Seq),
    /// Its id, or the beginning of it.
    Id(&'a str),
}

impl<'a> Name<'a> {
    pub(super) fn of(text: &'a str) -> Self {
        let is_number = !text.starts_with('0') && text.bytes().all(|byte| byte.is_ascii_digit());
        match text.parse() {
            Ok(number) if is_number => Self::Number(Seq(number)),
            _ => Self::Id(text),
        }
    }
}

/// The ids that were seen while looking for one.
#[derive(Debug, Default)]
struct Search {
    /// Ids that begin as asked, newest first, with their numbers.
    begins: BTreeMap<String, Seq>,
    begins_count: u64,
    nearest: Vec<(usize, String)>,
    gaps: bool,
}

/// The number of the event with this id, or with the one id that begins so.
///
/// # Errors
/// Exit 3 when there is none, exit 2 when there are several, naming ids that
/// may have been meant.
pub(super) fn by_id(dir: &LogDir, id: &str) -> Result<Seq, Failure> {
    if id.is_empty() {
        return Err(Failure::usage("an event's id or number is needed"));
    }
    let mut search = Search::default();
    let mut frames = NewestFirst::new(dir)?;
    while let Some((item, missing)) = frames.step()? {
        search.gaps |= missing.is_some();
        if !item.kind.is_event() {
            continue;
        }
        let Ok((header, _)) = decode_body(item.body) else {
            continue;
        };
        if header.event_id == id {
            return Ok(item.seq);
        }
        search.look_at(header.event_id, id, item.seq);
    }
    search.answer(id)
}

impl Search {
    fn look_at(&mut self, found: &str, wanted: &str, seq: Seq) {
        let begins = found
            .as_bytes()
            .get(..wanted.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(wanted.as_bytes()));
        if begins && !self.begins.contains_key(found) {
            self.begins_count = self.begins_count.saturating_add(1);
            if self.begins.len() <= MOST_NAMED {
                self.begins.insert(found.to_owned(), seq);
            }
        }
        if self.begins.is_empty() {
            self.note_near(found, wanted);
        }
    }

    fn note_near(&mut self, found: &str, wanted: &str) {
        let alike = alike(found, wanted);
        let weakest = self.nearest.last().map_or(0, |(alike, _)| *alike);
        let has_room = self.nearest.len() < MOST_NAMED;
        if alike * 3 < wanted.len() * 2 || (!has_room && alike <= weakest) {
            return;
        }
        self.nearest.push((alike, found.to_owned()));
        self.nearest.sort_by_key(|(alike, _)| usize::MAX - alike);
        self.nearest.truncate(MOST_NAMED);
    }

    fn answer(self, wanted: &str) -> Result<Seq, Failure> {
        let shown = visible_line(wanted);
        match (self.begins_count, self.begins.first_key_value()) {
            (1, Some((_, seq))) => Ok(*seq),
            (0, _) => Err(self.not_found(&shown)),
            (count, _) => {
                let named: Vec<_> = self.begins.keys().take(MOST_NAMED).collect();
                let more = count.saturating_sub(u64::try_from(named.len()).unwrap_or(count));
                let mut message = format!("{count} events have an id that begins with {shown}:");
                for id in named {
                    message.extend(["\n  ", &visible_line(id)]);
                }
                if more > 0 {
                    message.push_str(&format!("\n  and {more} more"));
                }
                Err(Failure::new("ambiguous-id", Exit::Usage, message).hint("name more of the id"))
            }
        }
    }

    fn not_found(self, shown: &str) -> Failure {
        let mut message = format!("no event has the id {shown}");
        let ids: Vec<_> = self
            .nearest
            .iter()
            .map(|(_, id)| visible_line(id))
            .collect();
        if !ids.is_empty() {
            message.push_str(&format!("\n  did you mean {}?", ids.join(", ")));
        }
        not_found(message, self.gaps)
    }
}

/// There is no such event; where part of the log cannot be read it may have
/// been there.
pub(super) fn not_found(message: impl Into<String>, gaps: bool) -> Failure {
    let hint = if gaps {
        "part of the log cannot be read, see: spec-kitty log verify"
    } else {
        "see what there is: spec-kitty log tail"
    };
    Failure::new("no-such-event", Exit::NotFound, message).hint(hint)
}

/// How many letters two ids share at their beginnings and ends.
fn alike(left: &str, right: &str) -> usize {
    let same = |(left, right): &(u8, u8)| left.eq_ignore_ascii_case(right);
    let from_start = left.bytes().zip(right.bytes()).take_while(same).count();
    let from_end = left.bytes().rev().zip(right.bytes().rev()).take_while(same);
    (from_start + from_end.count()).min(left.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_a_number_unless_they_begin_like_an_id() {
        assert_eq!(Name::of("436"), Name::Number(Seq(436)));
        assert_eq!(Name::of("01"), Name::Id("01"));
        assert_eq!(Name::of("0"), Name::Id("0"));
        assert_eq!(Name::of("4a"), Name::Id("4a"));
        assert_eq!(Name::of(""), Name::Id(""));
        assert_eq!(
            Name::of("99999999999999999999"),
            Name::Id("99999999999999999999")
        );
    }

    #[test]
    fn one_wrong_letter_leaves_the_rest_alike() {
        assert_eq!(alike("ABCDEF", "ABXDEF"), 5);
        assert_eq!(alike("ABC", "ABC"), 3);
        assert_eq!(alike("ABC", "xyz"), 0);
    }
}
