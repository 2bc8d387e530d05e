//! Finding one event: by its number, its id, how its id begins, or its clock value.
//!
//! One reading of such a name for every command that takes one. The log is read
//! from its end, and no further than it must be: to the event of a whole id, and
//! to the beginning for everything that several events could share.

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
    /// Its Lamport clock: digits behind an `@`.
    Lamport(u64),
    /// Its id, or the beginning of it.
    Id(&'a str),
}

impl<'a> Name<'a> {
    pub(super) fn of(text: &'a str) -> Self {
        let clock = text.strip_prefix('@').filter(|rest| is_digits(rest));
        if let Some(Ok(value)) = clock.map(str::parse) {
            return Self::Lamport(value);
        }
        let is_number = !text.starts_with('0') && is_digits(text);
        match text.parse() {
            Ok(number) if is_number => Self::Number(Seq(number)),
            _ => Self::Id(text),
        }
    }
}

fn is_digits(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The number of the event that `text` names. A number is not looked up.
///
/// # Errors
/// Exit 3 when there is none, exit 2 when there are several, naming those that
/// may have been meant.
pub(super) fn named(dir: &LogDir, text: &str) -> Result<Seq, Failure> {
    match Name::of(text) {
        Name::Number(seq) => Ok(seq),
        Name::Lamport(value) => by_lamport(dir, value),
        Name::Id(id) => by_id(dir, id),
    }
}

/// The number of the event with this clock value. An import may have brought
/// one that is here already.
fn by_lamport(dir: &LogDir, value: u64) -> Result<Seq, Failure> {
    let mut found = Vec::new();
    let mut count = 0_usize;
    let mut gaps = false;
    let mut frames = NewestFirst::new(dir)?;
    while let Some((item, missing)) = frames.step()? {
        gaps |= missing.is_some();
        if !item.kind.is_event() {
            continue;
        }
        match decode_body(item.body) {
            Ok((header, _)) if header.lamport == value => {
                count += 1;
                if found.len() < MOST_NAMED {
                    found.push((item.seq, visible_line(header.event_id)));
                }
            }
            _ => {}
        }
    }
    match (count, found.first()) {
        (1, Some((seq, _))) => Ok(*seq),
        (0, _) => Err(not_found(
            format!("no event has the clock value {value}"),
            gaps,
        )),
        _ => {
            let named = found.iter().map(|(_, id)| id.as_str());
            let message = format!("{count} events have the clock value {value}:");
            Err(ambiguous(message, named, count).hint("name one by its id"))
        }
    }
}

/// An error has five lines: there is room for three, or for two and how many more.
fn ambiguous<'a>(
    mut message: String,
    named: impl Iterator<Item = &'a str>,
    count: usize,
) -> Failure {
    let room = if count <= 3 { count } else { 2 };
    for id in named.take(room) {
        message.extend(["\n  ", id]);
    }
    let more = count.saturating_sub(room);
    if more > 0 {
        message.push_str(&format!("\n  and {more} more"));
    }
    Failure::new("ambiguous-id", Exit::Usage, message)
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
fn by_id(dir: &LogDir, id: &str) -> Result<Seq, Failure> {
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
                let named: Vec<_> = named.into_iter().map(|id| visible_line(id)).collect();
                let message = format!("{count} events have an id that begins with {shown}:");
                let named = named.iter().map(String::as_str);
                let count = usize::try_from(count).unwrap_or(usize::MAX);
                Err(ambiguous(message, named, count).hint("name more of the id"))
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
    fn a_clock_value_stands_behind_an_at_sign() {
        assert_eq!(Name::of("@434"), Name::Lamport(434));
        assert_eq!(Name::of("@0"), Name::Lamport(0));
        for text in ["@", "@4a", "@-1", "@99999999999999999999"] {
            assert_eq!(Name::of(text), Name::Id(text));
        }
    }

    #[test]
    fn one_wrong_letter_leaves_the_rest_alike() {
        assert_eq!(alike("ABCDEF", "ABXDEF"), 5);
        assert_eq!(alike("ABC", "ABC"), 3);
        assert_eq!(alike("ABC", "xyz"), 0);
    }
}
