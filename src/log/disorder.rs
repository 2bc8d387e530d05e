//! What is out of order among the files of a log.
//!
//! Reads only. What belongs to the log is judged in `kinship.rs`, by the
//! lock file among other things; where that leaves a doubt a file stays where it
//! is. Nothing that readers return, and that may be ours, is ever on the list to
//! be set aside.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use crate::log::header::{HEADER_BYTES, Header, HeaderRead, MAGIC};
use crate::log::kinship::{self, Belongs, Made, Member, contradict, linked};
use crate::log::misnamed::{self, Seen};
use crate::log::names::{file_name, is_leftover, ordinal_of};
use crate::log::prepared::end_of;
use crate::log::read::{Damage, Item, ReadError, Reason, Step, Unfinished};
use crate::log::reader::Reader;
use crate::log::segment::LogDir;
use crate::log::storage::read_range;
use crate::position::{Lamport, Ordinal, Seq};

/// What is done with a file, in the order in which it is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Action {
    /// It is what an interrupted creation left: removed.
    Remove,
    /// It is moved to `aside/`.
    SetAside(Aside),
    /// It is this segment under another name: gets its own.
    Rename(Ordinal),
}

/// Why a file is set aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Aside {
    /// It is a copy of this segment, which is there.
    Copy(Ordinal),
    /// It belongs to another log.
    OtherLog,
    /// It looks like a segment and cannot be read as one.
    NoSegment,
    /// It cannot be read, and has the name of this segment, which is there
    /// under another one.
    InTheWay(Ordinal),
}

/// One file that is out of order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disorder {
    /// Its name in the directory of the log.
    pub name: String,
    /// Its length in bytes.
    pub bytes: u64,
    /// What is to be done with it.
    pub action: Action,
    /// What its header says, where it has one.
    header: Option<Header>,
}

impl Disorder {
    /// Whether it is the same file with the same need, however long by now.
    pub(super) fn is_still(&self, before: &Self) -> bool {
        (&self.name, self.action, &self.header) == (&before.name, before.action, &before.header)
    }
}

/// What is out of order in a log.
#[derive(Debug, Default)]
pub struct Findings {
    /// What can be put in order, in the order in which it is done.
    pub files: Vec<Disorder>,
    /// What is wrong besides and cannot be mended.
    pub damage: Vec<Damage>,
    /// This home's clock at the end of the log.
    pub clock: Lamport,
    /// The highest clock value that a segment may issue.
    pub leased_to: Lamport,
}

/// The file name that a segment has by right.
#[must_use]
pub fn name_of(ordinal: Ordinal) -> String {
    file_name(ordinal)
}

/// Looks for what is out of order, as the host and user of these facts (see
/// [`super::append::NodeIdentity`]). Changes nothing, takes no lock; reads the
/// whole log, and hands each good frame to `see`.
///
/// # Errors
/// [`ReadError`] when the log cannot be read.
pub fn look(
    dir: &LogDir,
    facts: [u8; 8],
    see: &mut dyn FnMut(&Item<'_>),
) -> Result<Findings, ReadError> {
    let listed = ReadError::io("list", dir.path().to_owned());
    let files = find(dir, facts).map_err(listed)?;
    let mut reader = Reader::new(dir.clone(), Seq(1));
    let damage = damage(&mut reader, &files, see)?;
    Ok(Findings {
        files,
        damage,
        clock: reader.clock(),
        leased_to: leased_to(dir),
    })
}

/// A file that is, or looks like, a segment.
#[derive(Debug)]
struct File {
    name: String,
    /// The number in its name, when that is the name of a segment.
    number: Option<Ordinal>,
    header: Option<Header>,
    bytes: u64,
    /// Where its bytes end, prepared space left out.
    end: u64,
}

impl File {
    fn is_right(&self) -> bool {
        let ordinal = self.header.as_ref().map(|header| header.ordinal);
        ordinal.is_some() && ordinal == self.number
    }
}

/// What is in the directory.
#[derive(Debug, Default)]
struct Listing {
    names: BTreeSet<String>,
    leftovers: Vec<(String, u64)>,
    files: Vec<File>,
}

/// The files that are out of order, by their headers alone.
pub(super) fn find(dir: &LogDir, facts: [u8; 8]) -> io::Result<Vec<Disorder>> {
    let listing = list(dir)?;
    let belongs = belongs(dir, &listing.files, facts);
    let files: Vec<_> = listing.files.iter().zip(belongs).collect();
    let places = places(&listing.names, &files);
    let leftovers = listing.leftovers.iter().map(|(name, bytes)| Disorder {
        name: name.clone(),
        bytes: *bytes,
        action: Action::Remove,
        header: None,
    });
    let others = files.iter().filter_map(|(file, belongs)| {
        Some(Disorder {
            name: file.name.clone(),
            bytes: file.bytes,
            action: action(file, *belongs, &places, &files)?,
            header: file.header.clone(),
        })
    });
    let mut found: Vec<_> = leftovers.chain(others).collect();
    keep_possible(&listing.names, &mut found);
    found.sort_by(|one, other| (one.action, &one.name).cmp(&(other.action, &other.name)));
    Ok(found)
}

/// Reads the directory and all headers in it.
fn list(dir: &LogDir) -> io::Result<Listing> {
    let mut listing = Listing::default();
    listing.names = match dir.storage().list(dir.path()) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(listing),
        other => other?.into_iter().collect(),
    };
    for name in &listing.names {
        let name = name.clone();
        if is_leftover(&name) {
            let bytes = dir.storage().size_of(&dir.path().join(&name));
            listing.leftovers.push((name, bytes.unwrap_or(0)));
            continue;
        }
        let number = ordinal_of(&name);
        let is_named = number.is_some() || name.ends_with(".seg");
        let (head, read, [bytes, end]) = match head_of(dir, &name) {
            Ok(read) => read,
            // A directory or a pipe, or gone again.
            Err(error) if is_no_file(&error) => continue,
            // What cannot be read is not taken for anything.
            Err(error) if is_named => return Err(error),
            Err(_) => continue,
        };
        if !is_named && !head.starts_with(&MAGIC) {
            continue;
        }
        let header = match read {
            HeaderRead::Sound { header, .. } => Some(header),
            // What a later version wrote is not ours to judge.
            HeaderRead::Newer { .. } => continue,
            HeaderRead::Unreadable => None,
        };
        listing.files.push(File {
            name,
            number,
            header,
            bytes,
            end,
        });
    }
    Ok(listing)
}

/// The first bytes of a file, what they are, its length, and where the segment in
/// it ends.
fn head_of(dir: &LogDir, name: &str) -> io::Result<(Vec<u8>, HeaderRead, [u64; 2])> {
    let file = dir.storage().open_read(&dir.path().join(name))?;
    let mut head = Vec::new();
    read_range(file.as_ref(), 0, HEADER_BYTES, &mut head)?;
    let read = Header::decode(&head);
    let bytes = file.size()?;
    let end = end_of(file.as_ref(), bytes, read.space())?;
    Ok((head, read, [bytes, end]))
}

fn is_no_file(error: &io::Error) -> bool {
    use io::ErrorKind::{InvalidInput, NotFound};
    matches!(error.kind(), InvalidInput | NotFound)
}

/// Whose each file is; unknown for those without a header.
fn belongs(dir: &LogDir, files: &[File], facts: [u8; 8]) -> Vec<Belongs> {
    let here = dir.storage().identity_of(&dir.lock_path()).ok();
    let made = |header: &Header| match (Some(header.lock_identity), header.node_facts) {
        made if made == (here, facts) => Made::Here,
        _ => Made::Elsewhere,
    };
    let headers = files.iter().filter_map(|file| file.header.as_ref());
    let members: Vec<_> = headers
        .map(|header| Member {
            header,
            made: made(header),
        })
        .collect();
    let mut answers = kinship::judge(&members).into_iter();
    let answer = |file: &File| match file.header {
        Some(_) => answers.next().unwrap_or(Belongs::Unknown),
        None => Belongs::Unknown,
    };
    files.iter().map(answer).collect()
}

/// The segments whose files have other names, each with that name.
///
/// They are those that the readers find, who do not look at every name, and
/// besides those of our home or linked to a segment that is in its place.
fn places(names: &BTreeSet<String>, files: &[(&File, Belongs)]) -> BTreeMap<Ordinal, String> {
    let seen: Vec<Seen> = files
        .iter()
        .filter(|(_, belongs)| *belongs != Belongs::No)
        .filter_map(|(file, _)| {
            Some(Seen {
                file: file.number?,
                header: file.header.clone()?,
                size: file.end,
            })
        })
        .collect();
    let mut places: BTreeMap<_, _> = misnamed::sort_out(&seen)
        .into_iter()
        .map(|(ordinal, file)| (ordinal, file_name(file)))
        .collect();
    let right = || {
        let right = files.iter().filter(|(file, _)| file.is_right());
        right.filter(|(_, belongs)| *belongs != Belongs::No)
    };
    // What lies before the beginning may have been pruned on purpose.
    let first = right().filter_map(|(file, _)| file.number).min();
    let is_kept = |name: &String| {
        let moves = |(file, _): &(&File, _)| file.header.is_some() && !file.is_right();
        names.contains(name) && !files.iter().any(|file| file.0.name == *name && moves(file))
    };
    let mut found: BTreeMap<Ordinal, &File> = BTreeMap::new();
    for (file, belongs) in files {
        let Some(header) = file.header.as_ref().filter(|_| !file.is_right()) else {
            continue;
        };
        let ordinal = header.ordinal;
        let is_placed = places.contains_key(&ordinal) || is_kept(&file_name(ordinal));
        if is_placed || first.is_none_or(|first| ordinal < first) {
            continue;
        }
        let others =
            || right().filter_map(|(file, belongs)| Some((file.header.as_ref()?, belongs)));
        let is_ours = *belongs == Belongs::Yes || others().any(|(other, _)| linked(other, header));
        let is_refuted = |(other, whose): (&Header, &Belongs)| {
            (*whose == Belongs::Yes || *belongs != Belongs::Yes) && contradict(other, header)
        };
        if !is_ours || others().any(is_refuted) {
            continue;
        }
        let longest = found.entry(ordinal).or_insert(file);
        if file.bytes > longest.bytes {
            *longest = file;
        }
    }
    places.extend(
        found
            .iter()
            .map(|(ordinal, file)| (*ordinal, file.name.clone())),
    );
    places
}

/// What is to be done with a file, if anything.
fn action(
    file: &File,
    belongs: Belongs,
    places: &BTreeMap<Ordinal, String>,
    files: &[(&File, Belongs)],
) -> Option<Action> {
    let Some(header) = &file.header else {
        let Some(number) = file.number else {
            return Some(Action::SetAside(Aside::NoSegment));
        };
        // Readers would take it for damaged; where its segment is found under
        // another name they do not see it at all.
        let is_hidden = places.contains_key(&number);
        return is_hidden.then_some(Action::SetAside(Aside::InTheWay(number)));
    };
    let ordinal = header.ordinal;
    if places.get(&ordinal) == Some(&file.name) {
        return Some(Action::Rename(ordinal));
    }
    if belongs == Belongs::No {
        return Some(Action::SetAside(Aside::OtherLog));
    }
    let is_there = |other: &File| {
        let is_same =
            other.header.as_ref().map(|other| other.segment_id) == Some(header.segment_id);
        is_same && (other.is_right() || places.get(&ordinal) == Some(&other.name))
    };
    let is_copy = !file.is_right() && files.iter().any(|(other, _)| is_there(other));
    is_copy.then_some(Action::SetAside(Aside::Copy(ordinal)))
}

/// Leaves out the renames whose name will not become free.
fn keep_possible(names: &BTreeSet<String>, found: &mut Vec<Disorder>) {
    loop {
        let leaving: BTreeSet<_> = found.iter().map(|file| file.name.clone()).collect();
        let before = found.len();
        found.retain(|file| match file.action {
            Action::Rename(ordinal) => {
                let name = file_name(ordinal);
                !names.contains(&name) || leaving.contains(&name)
            }
            Action::Remove | Action::SetAside(_) => true,
        });
        if found.len() == before {
            return;
        }
    }
}

/// Everything that is wrong and stays wrong when `found` is put in order.
fn damage(
    reader: &mut Reader,
    found: &[Disorder],
    see: &mut dyn FnMut(&Item<'_>),
) -> Result<Vec<Damage>, ReadError> {
    let mut damage = Vec::new();
    loop {
        match reader.step()? {
            Step::Frame(item) => see(&item),
            Step::Idle => break,
            Step::Damage(found) => damage.push(found),
        }
    }
    if let Some(Unfinished::Damage(last)) = reader.unfinished() {
        damage.push(last);
    }
    let is_mended = |damage: &Damage| match damage.reason {
        Reason::Misnamed => found
            .iter()
            .any(|file| file.action == Action::Rename(damage.ordinal)),
        Reason::Alien => {
            let name = file_name(damage.ordinal);
            found.iter().any(|file| file.name == name)
        }
        _ => false,
    };
    damage.retain(|damage| !is_mended(damage));
    Ok(damage)
}

/// The highest end of a lease in the headers that can be read.
fn leased_to(dir: &LogDir) -> Lamport {
    let headers = dir.ordinals().unwrap_or_default().into_iter();
    let headers = headers.filter_map(|ordinal| dir.header(ordinal).ok().flatten());
    headers
        .map(|header| header.lease.end)
        .max()
        .unwrap_or_default()
}
