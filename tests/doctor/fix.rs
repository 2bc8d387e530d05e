//! `doctor --fix`: what is safe, and nothing else, and never unasked.

use std::fs;

use crate::ward::Ward;

fn sick() -> Ward {
    let ward = Ward::healthy();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let wide = fs::Permissions::from_mode(0o777);
        fs::set_permissions(ward.bench.home(), wide).unwrap();
        let wide = fs::Permissions::from_mode(0o666);
        fs::set_permissions(ward.file("credentials"), wide).unwrap();
    }
    let path = ward.file("state/delivery.view");
    spec_kitty::private_file::replace(&path, b"garbage").unwrap();
    let dir = ward.file("daemon");
    spec_kitty::platform::create_private_dir(&dir).unwrap();
    spec_kitty::private_file::replace(&dir.join("stop"), b"").unwrap();
    ward
}

#[test]
fn nothing_is_done_without_a_yes() {
    let ward = sick();
    let before = ward.findings();
    for arguments in [&["doctor", "--fix"][..], &["--json", "doctor", "--fix"]] {
        let ran = ward.run(arguments);
        assert_eq!(ran.code, Some(9), "{ran:?}");
        assert!(
            ran.stderr.contains("spec-kitty doctor --fix --yes"),
            "{ran:?}"
        );
    }
    assert_eq!(ward.findings(), before);
}

#[test]
fn everything_safe_is_done_and_no_event_or_answer_is_lost() {
    let ward = sick();
    let segment = fs::read(ward.bench.segment(1)).unwrap();
    let ran = ward.run(&["doctor", "--fix", "--yes"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_eq!(ward.findings(), []);
    assert_eq!(fs::read(ward.bench.segment(1)).unwrap(), segment);
    let states = ward.bench.json(&["log", "tail"]);
    assert!(
        states
            .iter()
            .all(|event| event["local"]["state"] == "delivered")
    );
    let again = ward.run(&["doctor", "--fix", "--yes"]);
    assert_eq!(again.code, Some(0), "{again:?}");
}

#[test]
fn what_it_cannot_mend_stays_and_is_still_a_problem() {
    let ward = sick();
    let placed = ward.bench.note("damaged");
    ward.bench.note("behind");
    ward.bench.flip(1, placed.offset.0 + 100);
    let ran = ward.run(&["doctor", "--fix", "--yes"]);
    assert_eq!(ran.code, Some(5), "{ran:?}");
    let found = ward.findings();
    assert!(
        found.contains(&("log".to_owned(), "problem".to_owned())),
        "{found:?}"
    );
    assert!(
        !found.iter().any(|(id, _)| id == "permissions"),
        "{found:?}"
    );
}

#[test]
fn a_sender_at_work_is_not_disturbed() {
    let ward = sick();
    let state = spec_kitty::state::State::at(ward.file("state"));
    let held = state.sender_lock(crate::support::WAIT).unwrap().unwrap();
    let ran = ward.run(&["doctor", "--fix", "--yes"]);
    assert_eq!(ran.code, Some(6), "{ran:?}");
    drop(held);
}
