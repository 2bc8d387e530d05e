//! `orchestrate` where no process may be started: it sends by a thread of its own.

use std::fs;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use spec_kitty::dev_server::{DevServer, Options};
use spec_kitty::home::Home;
use spec_kitty::sync::daemon;

use crate::agents::{GOOD, dir, three};

#[test]
fn events_arrive_while_agents_work_and_nothing_is_left_running() {
    // The second agent waits until somebody says that the events are there.
    let slow = format!("while [ ! -e DIR/arrived ]; do sleep 0.05; done\n{GOOD}");
    let project = three(GOOD, &slow);
    let data = tempfile::tempdir().unwrap();
    let server = DevServer::start(Options::new(data.path(), "a password".into())).unwrap();
    let login = ["auth", "login", "--server", server.url(), "-u", "demo"];
    let mut login = project.program(&project.root(), &login);
    let signed_in = login.env("SPEC_KITTY_PASSWORD", "a password").output();
    assert!(signed_in.unwrap().status.success());

    let mut run = project.program(&project.root(), &["orchestrate"]);
    let run = run.stdout(Stdio::null()).stderr(Stdio::null());
    let mut run = run.spawn().unwrap();
    let begun = Instant::now();
    let arrived = || {
        let stored = fs::read_to_string(server.data_file()).unwrap_or_default();
        stored.lines().count()
    };
    let home = Home::at(project.home());
    while arrived() < 2 {
        assert!(begun.elapsed() < Duration::from_secs(60), "{}", arrived());
        thread::sleep(Duration::from_millis(20));
    }
    let told = daemon::read_status(&home);
    assert_eq!(
        told.map(|told| told.pid),
        Some(run.id()),
        "it is the command"
    );
    fs::write(dir(&project).join("arrived"), "").unwrap();
    assert!(run.wait().unwrap().success());
    assert!(!daemon::is_running(&home));
    // What was not sent in time is here, and goes with the next pass.
    assert!(project.run(&["sync", "now"]).code == 0);
    assert_eq!(arrived(), project.told().len());
    server.stop();
}
