//! Which event types are meant by `--type`: any case, and none that exists
//! neither here nor in the log.

use std::collections::BTreeMap;

use crate::cli::columns::grouped;
use crate::cli::failure::Failure;
use crate::cli::output::visible_line;
use crate::event::{EventType, decode_body};
use crate::log::read::{ReadError, Step};
use crate::log::reader::Reader;
use crate::log::segment::LogDir;
use crate::position::Seq;
use crate::suggest::nearest;

/// Types are counted up to this many different ones.
const MOST_TYPES: usize = 256;
const MOST_NAMED: usize = 5;

/// The types as they are written in the log.
///
/// # Errors
/// Bad usage when one is neither a type of ours nor of any event in the log.
pub(super) fn resolve(dir: &LogDir, wanted: &[String]) -> Result<Vec<String>, Failure> {
    let known = |wanted: &String| {
        let mut words = EventType::WORDS.iter();
        words.find(|word| word.eq_ignore_ascii_case(wanted))
    };
    if wanted.iter().all(|wanted| known(wanted).is_some()) {
        return Ok(wanted
            .iter()
            .filter_map(known)
            .map(|word| (*word).to_owned())
            .collect());
    }
    let held = held(dir)?;
    let mut types = Vec::new();
    for wanted in wanted {
        let before = types.len();
        types.extend(known(wanted).map(|word| (*word).to_owned()));
        types.extend(
            held.keys()
                .filter(|held| held.eq_ignore_ascii_case(wanted))
                .cloned(),
        );
        if types.len() == before {
            return Err(unknown(wanted, &held));
        }
    }
    Ok(types)
}

/// The types of the events in the log, with how many there are.
fn held(dir: &LogDir) -> Result<BTreeMap<String, u64>, ReadError> {
    let mut held = BTreeMap::new();
    let mut reader = Reader::new(dir.clone(), Seq(1));
    loop {
        let item = match reader.step()? {
            Step::Idle => return Ok(held),
            Step::Frame(item) if item.kind.is_event() => item,
            _ => continue,
        };
        let Ok((header, _)) = decode_body(item.body) else {
            continue;
        };
        if let Some(count) = held.get_mut(header.event_type) {
            *count += 1;
        } else if held.len() < MOST_TYPES {
            held.insert(header.event_type.to_owned(), 1);
        }
    }
}

fn unknown(wanted: &str, held: &BTreeMap<String, u64>) -> Failure {
    let mut message = format!("no event type \"{}\"", visible_line(wanted));
    let ours = EventType::WORDS.iter().copied();
    let words: Vec<&str> = ours.chain(held.keys().map(String::as_str)).collect();
    if let Some(meant) = nearest(wanted, &words).and_then(|index| words.get(index)) {
        message.push_str(&format!("\n  did you mean {}?", visible_line(meant)));
    }
    if !held.is_empty() {
        let mut most: Vec<_> = held.iter().collect();
        most.sort_by_key(|(_, count)| u64::MAX - **count);
        let named = most.iter().take(MOST_NAMED);
        let named: Vec<_> = named
            .map(|(name, count)| format!("{} {}", visible_line(name), grouped(**count)))
            .collect();
        message.push_str(&format!("\n  the log holds: {}", named.join(", ")));
        if most.len() > MOST_NAMED {
            message.push_str(&format!(", +{}", most.len() - MOST_NAMED));
        }
    }
    Failure::usage(message).hint("spec-kitty log stats")
}
