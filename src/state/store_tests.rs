//! When a store is opened, healed, or left alone.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

const WAIT: Duration = Duration::from_secs(20);

fn store() -> (tempfile::TempDir, Store) {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::in_dir(dir.path());
    (dir, store)
}

/// A job that fails as `fail` says the first `times` times and answers 7 then.
fn failing(times: usize, fail: fn() -> sled::Result<u8>) -> Job<u8> {
    let calls = Arc::new(AtomicUsize::new(0));
    Box::new(move |_| match calls.fetch_add(1, Ordering::SeqCst) {
        call if call < times => fail(),
        _ => Ok(7),
    })
}

fn aside(dir: &Path) -> usize {
    let names = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap());
    let names = names.map(|entry| entry.file_name().into_string().unwrap());
    names
        .filter(|name| name.starts_with("sled.corrupt-"))
        .count()
}

#[test]
fn a_panic_inside_sled_costs_the_store_and_not_the_command() {
    let (dir, store) = store();
    let done = store
        .run(
            WAIT,
            failing(1, || panic!("as sled does on a damaged page")),
        )
        .unwrap();
    assert_eq!((done.value, aside(dir.path())), (7, 1));
    assert!(matches!(&done.notes[..], [Note::Healed { moved_to, .. }] if moved_to.is_dir()));
}

#[test]
fn a_store_that_never_works_is_set_aside_once_and_named() {
    let (dir, store) = store();
    let corrupt = || Err(sled::Error::Corruption { at: None, bt: () });
    let error = store.run(WAIT, failing(usize::MAX, corrupt)).unwrap_err();
    assert!(matches!(error, StateError::Broken { .. }), "{error}");
    assert_eq!(aside(dir.path()), 1);
}

#[test]
fn a_full_disk_or_a_lack_of_rights_never_costs_a_good_store() {
    let (dir, store) = store();
    let failures: [fn() -> sled::Result<u8>; 3] = [
        || Err(sled::Error::Io(io::ErrorKind::StorageFull.into())),
        || Err(sled::Error::Io(io::ErrorKind::PermissionDenied.into())),
        || Err(sled::Error::Io(io::ErrorKind::ReadOnlyFilesystem.into())),
    ];
    for fail in failures {
        let error = store.run(WAIT, failing(1, fail)).unwrap_err();
        assert!(matches!(error, StateError::Io { .. }), "{error}");
    }
    assert_eq!(aside(dir.path()), 0);
}

#[test]
fn a_directory_that_cannot_be_written_is_blamed_instead_of_the_store() {
    let dir = tempfile::tempdir().unwrap();
    let fault = Fault::Panic;
    fs::create_dir_all(dir.path().join("sled")).unwrap();
    fs::create_dir(dir.path().join("probe.tmp")).unwrap();
    let error = healing::reason_to_set_aside(dir.path(), fault).unwrap_err();
    assert!(matches!(error, StateError::Io { .. }), "{error}");
    assert!(dir.path().join("sled").is_dir());
}

#[test]
fn a_store_that_somebody_else_has_open_is_busy_and_stays_where_it_is() {
    let (dir, store) = store();
    store.run(WAIT, failing(0, || Ok(0))).unwrap();
    let other = open(&store.sled_dir()).unwrap();
    let error = store
        .run(Duration::from_millis(20), failing(0, || Ok(0)))
        .unwrap_err();
    assert!(matches!(error, StateError::Busy { .. }), "{error}");
    let reason = healing::reason_to_set_aside(
        dir.path(),
        Fault::Error(sled::Error::Io(io::ErrorKind::Other.into())),
    );
    assert!(matches!(reason, Err(StateError::Busy { .. })));
    assert_eq!(aside(dir.path()), 0);
    drop(other);
    assert_eq!(store.run(WAIT, failing(0, || Ok(0))).unwrap().value, 7);
}

#[test]
fn only_the_newest_stores_that_were_set_aside_are_kept() {
    let (dir, store) = store();
    fs::create_dir(dir.path().join("sled.corrupt-not-ours")).unwrap();
    for _ in 0..5 {
        let done = store
            .run(
                WAIT,
                failing(1, || Err(sled::Error::ReportableBug("x".into()))),
            )
            .unwrap();
        let [Note::Healed { moved_to, .. }] = &done.notes[..] else {
            panic!("{:?}", done.notes);
        };
        assert!(moved_to.is_dir(), "the newest is there");
    }
    assert_eq!(aside(dir.path()), 3 + 1);
}

/// sled itself takes such a file for its newest snapshot and gives up.
#[test]
fn a_snapshot_that_was_never_finished_is_not_damage() {
    let (dir, store) = store();
    let put: Job<()> = Box::new(|trees| trees.clock.insert("kept", b"yes").map(drop));
    store.run(WAIT, put).unwrap();
    let unfinished = store.sled_dir().join("snap.FFFFFFFFFFFFFFFF.generating");
    fs::write(&unfinished, "half").unwrap();
    let get: Job<bool> = Box::new(|trees| trees.clock.contains_key("kept"));
    let found = store.run(WAIT, get).unwrap();
    assert_eq!((found.value, found.notes), (true, vec![]));
    assert_eq!((unfinished.exists(), aside(dir.path())), (false, 0));
}

#[test]
fn a_store_of_a_later_version_is_left_alone() {
    let (dir, store) = store();
    store.run(WAIT, failing(0, || Ok(0))).unwrap();
    let db = open(&store.sled_dir()).unwrap();
    let meta = db.open_tree("meta").unwrap();
    meta.insert("version", &[VERSION + 1]).unwrap();
    drop((db, meta));
    let error = store.run(WAIT, failing(0, || Ok(0))).unwrap_err();
    assert!(matches!(error, StateError::Newer { .. }), "{error}");
    assert_eq!(aside(dir.path()), 0);
}

#[cfg(unix)]
/// A store that was made with one segment size cannot be opened with another,
/// so a change of ours, or of sled's own ideas, must not go unseen.
#[test]
fn the_layout_of_the_store_is_fixed() {
    let (_dir, store) = store();
    store.run(Duration::ZERO, Box::new(|_| Ok(()))).unwrap();
    let conf = fs::read(store.sled_dir().join("conf")).unwrap();
    let text = b"segment_size: 65536\nuse_compression: false\nversion: 0.34\n";
    assert!(conf.starts_with(text), "{}", conf.escape_ascii());
}

#[test]
fn every_file_of_the_store_is_private() {
    use std::os::unix::fs::PermissionsExt;
    let (dir, store) = store();
    let write: fn(u8) -> Job<()> = |n| {
        Box::new(move |trees| {
            // Larger than a segment, so that sled puts it into a file of its own.
            trees.delivery.insert([n], vec![n; 3 * SEGMENT_BYTES])?;
            Ok(())
        })
    };
    for n in 0..3 {
        store.run(WAIT, write(n)).unwrap();
    }
    let mut open = vec![dir.path().join("LOCK"), store.sled_dir()];
    let mut seen = 0;
    while let Some(path) = open.pop() {
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{}", path.display());
        seen += 1;
        if path.is_dir() {
            open.extend(
                fs::read_dir(path)
                    .unwrap()
                    .map(|entry| entry.unwrap().path()),
            );
        }
    }
    assert!(seen > 5);
}
