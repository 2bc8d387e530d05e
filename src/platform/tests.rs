//! What the platform layer promises, on the platform that runs the tests.

use super::*;

fn lock_file(dir: &Path) -> File {
    private_options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(dir.join("LOCK"))
        .unwrap()
}

#[test]
fn an_abandoned_waiter_gives_the_lock_back() {
    let dir = tempfile::tempdir().unwrap();
    let holder = lock_exclusive(lock_file(dir.path()), Duration::ZERO)
        .unwrap()
        .unwrap();
    let waited = lock_exclusive(lock_file(dir.path()), Duration::from_millis(20)).unwrap();
    assert!(
        waited.is_none(),
        "the lock was held, so the wait must time out"
    );
    drop(holder);
    let again = lock_exclusive(lock_file(dir.path()), Duration::from_secs(5)).unwrap();
    assert!(
        again.is_some(),
        "the abandoned waiter must not keep the lock"
    );
}

#[cfg(unix)]
#[test]
fn a_pipe_in_the_place_of_a_file_is_refused_without_waiting() {
    let dir = tempfile::tempdir().unwrap();
    let pipe = dir.path().join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    if !made.is_ok_and(|status| status.success()) {
        return;
    }
    let kind = |path: &Path| read_regular(path, 8).unwrap_err().kind();
    assert_eq!(kind(&pipe), io::ErrorKind::InvalidInput);
    assert_eq!(kind(dir.path()), io::ErrorKind::InvalidInput);
}

#[test]
fn a_file_above_the_limit_is_not_read() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file");
    std::fs::write(&path, "12345678").unwrap();
    assert_eq!(read_regular(&path, 8).unwrap(), b"12345678");
    let error = read_regular(&path, 7).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::FileTooLarge);
}

#[test]
fn renaming_onto_an_existing_name_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("a"), "a").unwrap();
    std::fs::write(dir.path().join("b"), "b").unwrap();
    let error = rename_new(&dir.path().join("a"), &dir.path().join("b")).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
    assert_eq!(std::fs::read(dir.path().join("b")).unwrap(), b"b");
}

#[cfg(unix)]
#[test]
fn what_is_created_is_private_whatever_the_umask() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    create_private_dir(&dir.path().join("d")).unwrap();
    let _file = lock_file(&dir.path().join("d"));
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&dir.path().join("d")), 0o700);
    assert_eq!(mode(&dir.path().join("d/LOCK")), 0o600);
}
