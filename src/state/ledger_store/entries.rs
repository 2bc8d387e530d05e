//! The ledger as entries of the tree `delivery`.
//!
//! ```text
//! key                                       value (after one version byte)
//! r                                         revision
//! t target                                  contact
//! s target project                          a stream without its exceptions
//! x target project seq                      one exception
//! ```
//!
//! `target` is 16 bytes, `project` one length byte (zero for none) and the
//! text, `seq` eight bytes, big endian. An entry that cannot be read is dropped
//! and named. A lost exception would make a refused event look delivered, so
//! its stream starts over then.

use std::collections::BTreeSet;

use crate::position::Seq;
use crate::state::codec::{self, CodecError};
use crate::state::ground::Entry;
use crate::state::ledger::{
    Changes, Contact, Exception, FormerContact, Ledger, Stream, StreamHead,
};
use crate::state::store::Trees;
use crate::state::text::Project;
use crate::target::TargetId;

/// The version of every value but a contact.
const VERSION: u8 = 1;
/// The version of a contact: with latencies. One without is still read.
const CONTACT_VERSION: u8 = 2;

/// What a key says.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Key {
    Revision,
    Contact(TargetId),
    Stream(TargetId, Option<Project>),
    Exception(TargetId, Option<Project>, Seq),
}

impl Key {
    fn encode(&self) -> Vec<u8> {
        match self {
            Self::Revision => b"r".to_vec(),
            Self::Contact(target) => head(b't', *target),
            Self::Stream(target, project) => stream(b's', *target, project.as_ref()),
            Self::Exception(target, project, seq) => {
                let mut key = stream(b'x', *target, project.as_ref());
                key.extend(seq.0.to_be_bytes());
                key
            }
        }
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (kind, rest) = bytes.split_first()?;
        if (*kind, rest.is_empty()) == (b'r', true) {
            return Some(Self::Revision);
        }
        let (target, rest) = rest.split_first_chunk()?;
        let target = TargetId(*target);
        if (*kind, rest.is_empty()) == (b't', true) {
            return Some(Self::Contact(target));
        }
        let (length, rest) = rest.split_first()?;
        let (project, rest) = rest.split_at_checked(usize::from(*length))?;
        let project = match std::str::from_utf8(project).ok()? {
            "" => None,
            text => Some(Project::new(text).ok()?),
        };
        match (*kind, rest) {
            (b's', []) => Some(Self::Stream(target, project)),
            (b'x', seq) => {
                let seq = u64::from_be_bytes(seq.try_into().ok()?);
                Some(Self::Exception(target, project, Seq(seq)))
            }
            _ => None,
        }
    }
}

fn head(kind: u8, target: TargetId) -> Vec<u8> {
    let mut key = vec![kind];
    key.extend(target.0);
    key
}

fn stream(kind: u8, target: TargetId, project: Option<&Project>) -> Vec<u8> {
    let mut key = head(kind, target);
    let text = project.map_or("", Project::as_str);
    key.push(u8::try_from(text.len()).unwrap_or(u8::MAX));
    key.extend(text.as_bytes());
    key
}

fn value<T: serde::Serialize>(content: &T) -> Result<Vec<u8>, CodecError> {
    versioned(VERSION, content)
}

fn contact_value(contact: &Contact) -> Result<Vec<u8>, CodecError> {
    versioned(CONTACT_VERSION, contact)
}

fn versioned<T: serde::Serialize>(version: u8, content: &T) -> Result<Vec<u8>, CodecError> {
    let mut bytes = vec![version];
    bytes.extend(codec::encode(content)?);
    Ok(bytes)
}

fn content<T: serde::de::DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    match bytes.split_first() {
        Some((&VERSION, rest)) => codec::decode(rest).ok(),
        _ => None,
    }
}

fn contact(bytes: &[u8]) -> Option<Contact> {
    match bytes.split_first() {
        Some((&CONTACT_VERSION, rest)) => codec::decode(rest).ok(),
        _ => content::<FormerContact>(bytes).map(Contact::from),
    }
}

/// The entries that `changes` touched in `ledger`.
pub(in crate::state) fn changed(
    ledger: &Ledger,
    target: TargetId,
    changes: &Changes,
) -> Result<Vec<Entry>, CodecError> {
    let mut entries = vec![(Key::Revision.encode(), Some(value(&ledger.revision)?))];
    let Some(known) = ledger.target(target) else {
        return Ok(entries);
    };
    if changes.contact {
        let key = Key::Contact(target).encode();
        entries.push((key, Some(contact_value(&known.contact)?)));
    }
    for project in &changes.streams {
        let head = known.streams.get(project).map(|stream| value(&stream.head));
        let key = Key::Stream(target, project.clone()).encode();
        entries.push((key, head.transpose()?));
    }
    for (project, seq) in &changes.exceptions {
        let stream = known.streams.get(project);
        let kept = stream.and_then(|stream| stream.exceptions.get(seq));
        let key = Key::Exception(target, project.clone(), *seq).encode();
        entries.push((key, kept.map(value).transpose()?));
    }
    Ok(entries)
}

/// All entries of `ledger`.
pub(in crate::state) fn all(ledger: &Ledger) -> Result<Vec<Entry>, CodecError> {
    let mut entries = vec![(Key::Revision.encode(), Some(value(&ledger.revision)?))];
    for (&target, known) in &ledger.targets {
        let key = Key::Contact(target).encode();
        entries.push((key, Some(contact_value(&known.contact)?)));
        for (project, stream) in &known.streams {
            let key = Key::Stream(target, project.clone()).encode();
            entries.push((key, Some(value(&stream.head)?)));
            for (&seq, exception) in &stream.exceptions {
                let key = Key::Exception(target, project.clone(), seq).encode();
                entries.push((key, Some(value(exception)?)));
            }
        }
    }
    Ok(entries)
}

/// Writes `entries` in one atomic batch.
pub(in crate::state) fn update(trees: &Trees, entries: &[Entry]) -> sled::Result<()> {
    trees.delivery.apply_batch(batch(entries))
}

/// Makes `entries` all that there is, in one atomic batch.
pub(in crate::state) fn replace(trees: &Trees, entries: &[Entry]) -> sled::Result<()> {
    let wanted: BTreeSet<&[u8]> = entries.iter().map(|(key, _)| key.as_slice()).collect();
    let mut batch = batch(entries);
    for key in trees.delivery.iter().keys() {
        let key = key?;
        if !wanted.contains(key.as_ref()) {
            batch.remove(key);
        }
    }
    trees.delivery.apply_batch(batch)
}

fn batch(entries: &[Entry]) -> sled::Batch {
    let mut batch = sled::Batch::default();
    for (key, value) in entries {
        match value {
            Some(value) => batch.insert(key.as_slice(), value.as_slice()),
            None => batch.remove(key.as_slice()),
        }
    }
    batch
}

/// Everything in the store.
pub(in crate::state) fn read(trees: &Trees) -> sled::Result<Vec<(Vec<u8>, Vec<u8>)>> {
    let entries = trees.delivery.iter();
    entries
        .map(|entry| entry.map(|(key, value)| (key.to_vec(), value.to_vec())))
        .collect()
}

/// The ledger that these entries are, and the keys of those that were dropped.
pub(in crate::state) fn load(entries: &[(Vec<u8>, Vec<u8>)]) -> (Ledger, Vec<String>) {
    let mut ledger = Ledger::default();
    let mut dropped = Vec::new();
    let mut start_over = Vec::new();
    for (key, bytes) in entries {
        let known = Key::decode(key);
        if known
            .as_ref()
            .and_then(|key| add(&mut ledger, key, bytes))
            .is_none()
        {
            dropped.push(key.iter().map(|byte| format!("{byte:02x}")).collect());
            start_over.push(known);
        }
    }
    for lost in start_over {
        forget_cursors(&mut ledger, lost.as_ref());
    }
    if !ledger.is_within_limits() {
        dropped.push("all".into());
        ledger = Ledger::default();
    }
    (ledger, dropped)
}

/// Puts one entry into its place; `None` when its value cannot be read.
fn add(ledger: &mut Ledger, key: &Key, bytes: &[u8]) -> Option<()> {
    match key {
        Key::Revision => ledger.revision = content(bytes)?,
        Key::Contact(target) => {
            let contact = contact(bytes)?;
            ledger.targets.entry(*target).or_default().contact = contact;
        }
        Key::Stream(target, project) => {
            let head: StreamHead = content(bytes)?;
            stream_of(ledger, *target, project).head = head;
        }
        Key::Exception(target, project, seq) => {
            let exception: Exception = content(bytes)?;
            let stream = stream_of(ledger, *target, project);
            stream.exceptions.insert(*seq, exception);
        }
    }
    Some(())
}

fn stream_of<'a>(
    ledger: &'a mut Ledger,
    target: TargetId,
    project: &Option<Project>,
) -> &'a mut Stream {
    let target = ledger.targets.entry(target).or_default();
    target.streams.entry(project.clone()).or_default()
}

/// Makes the stream of a lost exception start over, and every stream when it
/// is not known which exception was lost. What is sent again for it is not timed.
fn forget_cursors(ledger: &mut Ledger, lost: Option<&Key>) {
    match lost {
        Some(Key::Exception(target, project, _)) => {
            stream_of(ledger, *target, project).head.start_over();
        }
        Some(_) => {}
        None => {
            for target in ledger.targets.values_mut() {
                for stream in target.streams.values_mut() {
                    stream.head.start_over();
                }
            }
        }
    }
    for target in ledger.targets.values_mut() {
        target.contact.timed_since_ms = None;
    }
}

#[cfg(test)]
#[path = "entries_tests.rs"]
mod tests;
