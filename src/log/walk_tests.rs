//! A walk that passes over segments tells what a reader tells, whatever was done
//! to the log meanwhile.

use std::path::Path;

use super::*;
use crate::log::append::Record;
use crate::log::test_support::{DEADLINE, dir_at, log_at, own, placed, read_dir, small};

type Told = Vec<(u64, String)>;

/// What was learned of a log: the segments, and what was read in each.
#[derive(Clone, Default)]
struct Learned {
    known: BTreeMap<Ordinal, Sealed>,
    texts: BTreeMap<Ordinal, Told>,
}

/// Everything in the log as a walk tells it, what can be learned from it, and
/// how many segments were passed over.
fn walked(dir: &Path, with: &Learned) -> (Told, Vec<Damage>, Learned, usize) {
    let (mut told, mut damage, mut passed) = (Told::new(), Vec::new(), 0);
    let mut learned = with.clone();
    let mut behind = Told::new();
    let known: Vec<_> = with.known.values().collect();
    walk(&dir_at(dir), &known, &mut |stride| {
        match stride {
            Stride::Begin(oldest) => {
                assert_eq!(dir_at(dir).ordinals().unwrap().first(), Some(&oldest));
                assert!(told.is_empty() && behind.is_empty());
            }
            Stride::Frame(item) => {
                behind.push((item.seq.0, String::from_utf8_lossy(item.body).into_owned()));
            }
            Stride::Damage(found) => damage.push(found),
            Stride::Sealed(sealed) => {
                learned.known.insert(sealed.ordinal(), sealed);
                learned.texts.insert(sealed.ordinal(), behind.clone());
                told.append(&mut behind);
            }
            Stride::Read(_) | Stride::End(_) => told.append(&mut behind),
            Stride::Known(ordinal) => {
                passed += 1;
                told.extend(with.texts[&ordinal].iter().cloned());
            }
        }
        Onward::GoOn
    })
    .unwrap();
    assert!(behind.is_empty());
    (told, damage, learned, passed)
}

/// A log of ten segments with three frames each, and what a walk learns of it.
fn learned() -> (tempfile::TempDir, Learned) {
    let dir = tempfile::tempdir().unwrap();
    let log = log_at(dir.path(), small(1170));
    for index in 0..30 {
        placed(&log, &[&format!("r{index}")]);
    }
    let (told, damage, learned, passed) = walked(dir.path(), &Learned::default());
    assert_eq!((told.len(), damage.len(), passed), (30, 0, 0));
    assert_eq!(learned.known.len(), 9, "all but the newest");
    (dir, learned)
}

/// What happens to a log behind the back of whoever knows it.
fn after(what: &str, happened: impl FnOnce(&Path)) -> usize {
    let (dir, learned) = learned();
    // No two looks fall into one tick of the file system's clock.
    std::thread::sleep(std::time::Duration::from_millis(10));
    happened(dir.path());
    let (read, found) = read_dir(dir.path());
    let (told, damage, more, passed) = walked(dir.path(), &learned);
    assert_eq!((&told, &damage), (&read, &found), "{what}");
    let (told, damage, ..) = walked(dir.path(), &more);
    assert_eq!((told, damage), (read, found), "{what}, again");
    passed
}

fn file(dir: &Path, ordinal: u64) -> std::path::PathBuf {
    dir_at(dir).segment_path(Ordinal(ordinal))
}

#[test]
fn what_is_known_is_passed_over_and_the_newest_is_read() {
    assert_eq!(after("nothing", |_| ()), 9);
    let grown = |dir: &Path| {
        let mut records: Vec<_> = (0..9).map(|index| own(&format!("n{index}"))).collect();
        let mut records: Vec<_> = records.iter_mut().map(|r| r as &mut dyn Record).collect();
        log_at(dir, small(1170)).append(&mut records, None, DEADLINE);
    };
    assert_eq!(after("more", grown), 9);
    let pruned = |dir: &Path| {
        for ordinal in 1..4 {
            std::fs::remove_file(file(dir, ordinal)).unwrap();
        }
    };
    assert_eq!(after("pruned", pruned), 6);
}

/// A walk that was spared the reading never tells anything else than a reader.
#[test]
fn whatever_happens_to_a_known_segment_it_is_read_again() {
    for (ordinal, at) in [(1, 1024 + 40), (4, 1024 + 5), (9, 20), (9, 700), (5, 1130)] {
        let passed = after("a flipped bit", |dir| {
            let mut bytes = std::fs::read(file(dir, ordinal)).unwrap();
            let at = bytes.len().min(at + 1) - 1;
            bytes[at] ^= 4;
            std::fs::write(file(dir, ordinal), bytes).unwrap();
        });
        assert!(passed >= 7, "{passed} around segment {ordinal}");
    }
    after("a lost segment", |dir| {
        std::fs::remove_file(file(dir, 4)).unwrap();
    });
    after("the newest is lost", |dir| {
        std::fs::remove_file(file(dir, 10)).unwrap();
    });
    after("cut", |dir| {
        let bytes = std::fs::read(file(dir, 6)).unwrap();
        std::fs::write(file(dir, 6), &bytes[..1100]).unwrap();
    });
    after("longer", |dir| {
        let bytes = std::fs::read(file(dir, 6)).unwrap();
        std::fs::write(file(dir, 6), [&bytes[..], b"debris"].concat()).unwrap();
    });
    after("no header", |dir| {
        let mut bytes = std::fs::read(file(dir, 6)).unwrap();
        bytes[..1024].fill(0);
        std::fs::write(file(dir, 6), &bytes).unwrap();
    });
}

#[test]
fn a_segment_is_known_by_its_own_name_and_in_its_own_place_only() {
    let renamed =
        |from, to| move |dir: &Path| std::fs::rename(file(dir, from), file(dir, to)).unwrap();
    for (from, to) in [(1, 50), (4, 50), (9, 50), (10, 50), (4, 5), (10, 4)] {
        after("renamed", renamed(from, to));
    }
    for (from, to) in [(1, 50), (4, 50), (10, 50), (4, 9), (10, 9)] {
        after("copied", move |dir| {
            std::fs::copy(file(dir, from), file(dir, to)).unwrap();
        });
    }
    after("exchanged", |dir| {
        let aside = dir.join("aside");
        std::fs::rename(file(dir, 3), &aside).unwrap();
        std::fs::rename(file(dir, 7), file(dir, 3)).unwrap();
        std::fs::rename(aside, file(dir, 7)).unwrap();
    });
    after("another log", |dir| {
        let (other, _) = learned();
        std::fs::copy(file(other.path(), 4), file(dir, 4)).unwrap();
    });
    let copied = |dir: &Path| {
        let other = dir.join("other");
        std::fs::rename(dir.join("log"), &other).unwrap();
        std::fs::create_dir(dir.join("log")).unwrap();
        for entry in std::fs::read_dir(&other).unwrap() {
            let path = entry.unwrap().path();
            std::fs::copy(&path, dir.join("log").join(path.file_name().unwrap())).unwrap();
        }
    };
    assert_eq!(after("a copy of the whole log", copied), 0);
}
