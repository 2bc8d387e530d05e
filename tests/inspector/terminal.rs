//! At a terminal: colours, its width, the line below what is followed, Ctrl-C.
//!
//! The terminal is made by `script`; where there is none, nothing is tested.

use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use spec_kitty::cli::output::width;
use spec_kitty::target::Target;

use crate::servers::{FakeServer, Reply};
use crate::support::{Bench, clean};

/// Longer than anything takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A program that runs at a terminal of its own.
struct Terminal {
    child: Child,
    keys: ChildStdin,
    output: Receiver<Vec<u8>>,
    seen: String,
}

impl Terminal {
    /// `None` where no terminal can be made.
    fn run(bench: &Bench, columns: usize, arguments: &str) -> Option<Self> {
        let program = env!("CARGO_BIN_EXE_spec-kitty");
        let home = bench.home();
        let line = format!(
            "stty cols {columns} rows 24; exec {program} --home {} {arguments}",
            home.display()
        );
        Self::of(&line, &[])
    }

    /// The same; the process writes its id into a file.
    fn noting_its_id(bench: &Bench, file: &Path, arguments: &str) -> Option<Self> {
        let program = env!("CARGO_BIN_EXE_spec-kitty");
        let (home, file) = (bench.home(), file.display());
        let line = format!(
            "echo $$ > {file}; exec {program} --home {} {arguments}",
            home.display()
        );
        Self::of(&line, &[])
    }

    /// A line of the shell, at a terminal of its own.
    fn of(line: &str, environment: &[(&str, String)]) -> Option<Self> {
        let mut command = Command::new("script");
        clean(&mut command);
        let child = command
            .args(["-qefc", line, "/dev/null"])
            .env("SPEC_KITTY_NO_DAEMON", "1")
            .env("SHELL", "/bin/sh")
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        let mut child = match child {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return None,
            other => other.unwrap(),
        };
        let keys = child.stdin.take().unwrap();
        let mut stdout = child.stdout.take().unwrap();
        let (send, output) = channel();
        thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = stdout.read(&mut bytes) {
                if send.send(bytes[..count].to_vec()).is_err() {
                    return;
                }
            }
        });
        Some(Self {
            child,
            keys,
            output,
            seen: String::new(),
        })
    }

    fn wait_for(&mut self, text: &str) {
        let begun = Instant::now();
        while !self.seen.contains(text) {
            assert!(begun.elapsed() < PATIENCE, "no {text:?}: {:?}", self.seen);
            if let Ok(bytes) = self.output.recv_timeout(Duration::from_millis(100)) {
                self.seen.push_str(&String::from_utf8_lossy(&bytes));
            }
        }
    }

    fn press(&mut self, key: &[u8]) {
        self.keys.write_all(key).unwrap();
        self.keys.flush().unwrap();
    }

    /// Everything that was written, and how it ended.
    fn end(mut self) -> (String, Option<i32>) {
        let status = self.child.wait().unwrap();
        while let Ok(bytes) = self.output.recv() {
            self.seen.push_str(&String::from_utf8_lossy(&bytes));
        }
        (self.seen, status.code())
    }
}

/// The process that wrote its id into this file.
fn process_in(file: &Path) -> Pid {
    let id = std::fs::read_to_string(file).unwrap();
    Pid::from_raw(id.trim().parse().unwrap()).unwrap()
}

fn send(file: &Path, signal: Signal) {
    kill_process(process_in(file), signal).unwrap();
}

/// Whether it is there, and more than the entry of one that ended.
fn is_there(file: &Path) -> bool {
    let pid = process_in(file);
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero()));
    let is_zombie = stat.is_ok_and(|stat| stat.contains(") Z "));
    test_kill_process(pid).is_ok() && !is_zombie
}

/// A server that confirms everything, but keeps the second request waiting
/// until it is told to go on.
struct SlowServer {
    server: FakeServer,
    go: std::sync::mpsc::Sender<()>,
}

impl SlowServer {
    fn start() -> Self {
        let (go, may_go) = channel();
        let mut asked = 0;
        let server = FakeServer::start(move |request| {
            if request.path != "/api/v1/events/batch/" {
                return Reply::text(404, "");
            }
            asked += 1;
            match asked {
                // Long enough for a bar to be shown after it.
                1 => thread::sleep(Duration::from_millis(500)),
                2 => {
                    let _ = may_go.recv_timeout(PATIENCE);
                }
                _ => {}
            }
            let sent = request.json();
            let events = sent["events"].as_array().unwrap().iter();
            let results: Vec<_> = events
                .map(
                    |event| serde_json::json!({"event_id": event["event_id"], "status": "success"}),
                )
                .collect();
            Reply::json(200, &serde_json::json!({"results": results}))
        });
        Self { server, go }
    }

    fn url(&self) -> String {
        self.server.url()
    }

    fn go_on(&self) {
        self.go.send(()).unwrap();
    }
}

/// What is left to be seen: a return goes back to the beginning of its line, and
/// what comes then stands over what was there.
fn screen(written: &str) -> Vec<String> {
    let plain = anstream::adapter::strip_str(written).to_string();
    let shown = plain.split('\n').map(|line| {
        let mut cells: Vec<char> = Vec::new();
        let mut at = 0;
        for letter in line.chars() {
            if letter == '\r' {
                at = 0;
                continue;
            }
            if at < cells.len() {
                cells[at] = letter;
            } else {
                cells.push(letter);
            }
            at += 1;
        }
        cells.iter().collect::<String>().trim_end().to_owned()
    });
    shown.collect()
}

/// The line that says that it follows is not left on the screen.
fn nothing_follows(written: &str) {
    let shown = screen(written);
    assert!(
        !shown.iter().any(|line| line.contains("following")),
        "{shown:#?}"
    );
}

#[test]
fn a_terminal_gets_colours_and_lines_of_its_width() {
    let bench = Bench::new();
    bench.moved("WP01", "planned", "doing", "claude");
    bench.note(&"日本語 and more words ".repeat(9));
    for columns in [120, 80, 50, 40] {
        let Some(terminal) = Terminal::run(&bench, columns, "log tail --utc") else {
            return;
        };
        let (written, code) = terminal.end();
        assert_eq!(code, Some(0), "{written}");
        assert!(written.contains("\u{1b}["), "no colours: {written:?}");
        let shown = screen(&written);
        assert!(
            shown.iter().all(|line| width(line) <= columns),
            "{shown:#?}"
        );
        let widest = shown.iter().map(|line| width(line)).max().unwrap();
        assert!(
            widest > columns - 8,
            "{columns} columns are not used: {shown:#?}"
        );
    }
}

#[test]
fn the_line_below_makes_room_and_leaves_nothing_behind() {
    let bench = Bench::new();
    bench.note("the first");
    let Some(mut terminal) = Terminal::run(&bench, 60, "log tail -f --utc") else {
        return;
    };
    terminal.wait_for("following · 1 event so far");
    bench.note("the second");
    terminal.wait_for("following · 2 events so far");
    terminal.press(b"\x03");
    let (written, code) = terminal.end();
    assert_eq!(code, Some(130), "{written:?}");
    assert!(
        !written.contains("\u{1b}[?25"),
        "the cursor is nobody's business"
    );
    nothing_follows(&written);
    let shown = screen(&written);
    let notes = shown.iter().filter(|line| line.contains("HistoryAdded"));
    assert_eq!(notes.count(), 2, "{shown:#?}");
}

#[test]
fn it_is_gone_too_when_nothing_comes_any_more() {
    let bench = Bench::new();
    bench.note("the first");
    let Some(mut terminal) = Terminal::run(&bench, 60, "log tail -f --utc --idle-exit 2s") else {
        return;
    };
    terminal.wait_for("following");
    let (written, code) = terminal.end();
    assert_eq!(code, Some(0), "{written:?}");
    nothing_follows(&written);
}

#[test]
fn a_pipe_gets_no_line_below() {
    let bench = Bench::new();
    bench.note("the first");
    let shown = bench.prints(&["log", "tail", "-f", "--idle-exit", "300ms"]);
    assert_eq!(shown.lines().count(), 1, "{shown:?}");
    assert!(!shown.contains("following"));
}

/// Bash at a terminal of its own, for what needs a shell that can suspend a job.
/// `None` where there is none, or no terminal can be made.
fn shell(bench: &Bench) -> Option<Terminal> {
    if !Command::new("bash")
        .arg("--version")
        .output()
        .is_ok_and(|bash| bash.status.success())
    {
        return None;
    }
    let mut terminal = Terminal::of(
        "stty cols 80 rows 24; PS1='$ ' exec bash --norc --noprofile -i",
        &[("SPEC_KITTY_HOME", bench.home().display().to_string())],
    )?;
    terminal.wait_for("$ ");
    Some(terminal)
}

impl Terminal {
    /// Types a line, and goes on when what is wanted was written after it.
    fn ask(&mut self, line: &str, wanted: &str) {
        self.seen.clear();
        self.press(format!("{line}\n").as_bytes());
        self.wait_for(wanted);
    }

    /// How the terminal is set: echo, line by line, which key does what.
    fn settings(&mut self) -> String {
        // The word is cut in two in what is typed, and whole in what is printed.
        self.ask("stty -g; echo se''t", "set");
        let written = anstream::adapter::strip_str(&self.seen).to_string();
        let settings = written.lines().find(|line| line.matches(':').count() > 10);
        settings
            .unwrap_or_else(|| panic!("{written:?}"))
            .trim()
            .to_owned()
    }
}

/// No command of the terminal's but colours: nothing hides the cursor, switches
/// the screen or the mouse, so nothing has to be put right by anybody.
fn only_colours(written: &str) {
    for (at, _) in written.match_indices('\u{1b}') {
        let command: String = written[at + 1..]
            .chars()
            .take_while(|letter| !letter.is_ascii_alphabetic())
            .collect();
        let end = written[at + 1 + command.len()..].chars().next();
        // Bracketed paste is switched by bash itself, while it reads a line.
        let is_of_bash = command == "[?2004";
        assert!(
            end == Some('m') || is_of_bash,
            "ESC{command}{end:?} in {written:?}"
        );
    }
}

#[test]
fn a_follower_that_is_suspended_leaves_the_terminal_as_it_was_and_misses_nothing() {
    let bench = Bench::new();
    bench.note("the first");
    let Some(mut terminal) = shell(&bench) else {
        return;
    };
    let before = terminal.settings();
    let program = env!("CARGO_BIN_EXE_spec-kitty");
    terminal.ask(
        &format!("{program} log tail -f --utc"),
        "following · 1 event",
    );
    only_colours(&terminal.seen);
    terminal.seen.clear();
    terminal.press(b"\x1a");
    terminal.wait_for("Stopped");
    assert_eq!(terminal.settings(), before, "while it is suspended");
    bench.note("the second");
    bench.note("the third");
    terminal.ask("fg", "following · 3 events");
    let shown = screen(&terminal.seen).join("\n");
    for note in ["the second", "the third"] {
        assert_eq!(shown.matches(note).count(), 1, "{shown}");
    }
    only_colours(&terminal.seen);
    terminal.seen.clear();
    terminal.press(b"\x03");
    terminal.ask("echo ended $?", "ended 130");
    assert_eq!(terminal.settings(), before, "after it was interrupted");
    terminal.press(b"exit\n");
    terminal.end();
}

/// A request hangs while the bar stands there, so that it is suspended with it.
#[test]
fn a_bar_that_is_suspended_leaves_the_terminal_as_it_was_and_goes_on() {
    let (bench, server) = (Bench::new(), SlowServer::start());
    bench.sign_in_at(&server.url(), "alice");
    let alice = Target::new(&server.url(), "alice", Some("acme-corp"));
    let payload = r#"{"wp_id":"WP01","entry_type":"note","entry_content":"x"}"#;
    for _ in 0..6 {
        bench.emit_with("HistoryAdded", payload, |context| {
            context.target = alice.id()
        });
    }
    let settings = "[sync]\nmax_events_per_batch = 2\n";
    std::fs::write(bench.home().join("config.toml"), settings).unwrap();
    let Some(mut terminal) = shell(&bench) else {
        return;
    };
    let before = terminal.settings();
    let program = env!("CARGO_BIN_EXE_spec-kitty");
    terminal.ask(&format!("{program} sync now"), "Sending  2 of 6 events");
    only_colours(&terminal.seen);
    terminal.press(b"\x1a");
    terminal.wait_for("Stopped");
    assert_eq!(terminal.settings(), before, "while it is suspended");
    terminal.seen.clear();
    terminal.press(b"fg\n");
    server.go_on();
    terminal.wait_for("6 delivered");
    only_colours(&terminal.seen);
    let shown = screen(&terminal.seen);
    let bars = shown.iter().filter(|line| line.contains("Sending"));
    assert_eq!(bars.count(), 0, "the bar is gone: {shown:#?}");
    assert_eq!(terminal.settings(), before, "after it");
    terminal.press(b"exit\n");
    terminal.end();
}

#[test]
fn a_follower_that_is_terminated_takes_its_line_with_it() {
    let bench = Bench::new();
    bench.note("the first");
    let pid_file = bench.home().join("pid");
    let arguments = "log tail -f --utc";
    let Some(mut terminal) = Terminal::noting_its_id(&bench, &pid_file, arguments) else {
        return;
    };
    terminal.wait_for("following");
    send(&pid_file, Signal::TERM);
    let (written, code) = terminal.end();
    assert_eq!(code, Some(143), "{written:?}");
    only_colours(&written);
    nothing_follows(&written);
}

#[test]
fn a_terminal_that_closes_ends_the_follower() {
    let bench = Bench::new();
    bench.note("the first");
    let pid_file = bench.home().join("pid");
    let arguments = "log tail -f --utc";
    let Some(mut terminal) = Terminal::noting_its_id(&bench, &pid_file, arguments) else {
        return;
    };
    terminal.wait_for("following");
    only_colours(&terminal.seen);
    // With `script` goes the terminal that it made; the follower gets SIGHUP.
    terminal.child.kill().unwrap();
    terminal.child.wait().unwrap();
    let begun = Instant::now();
    while is_there(&pid_file) {
        assert!(begun.elapsed() < PATIENCE, "it follows for nobody");
        thread::sleep(Duration::from_millis(10));
    }
    // Whoever looks next finds everything as it was.
    assert_eq!(bench.prints(&["log", "tail"]).lines().count(), 1);
}

/// Each read of the disk takes a while, so that there is something to wait for.
const SLOW_READS: &str =
    "strace -f -qq -o /dev/null -e trace=pread64 -e inject=pread64:delay_enter=120000";

#[test]
fn what_reads_the_whole_log_says_how_far_it_is_and_takes_that_back() {
    let probe = format!("{SLOW_READS} true");
    if !Command::new("sh")
        .args(["-c", &probe])
        .status()
        .is_ok_and(|status| status.success())
    {
        eprintln!("skipped: strace cannot slow anything down here");
        return;
    }
    let bench = Bench::with_segments(4096);
    for number in 0..30 {
        bench.note(&number.to_string());
    }
    let program = env!("CARGO_BIN_EXE_spec-kitty");
    let home = bench.home();
    for (command, end) in [
        ("log verify", "Sound"),
        ("log repair", "Nothing to repair"),
        ("log prune --dry-run", "Nothing to prune"),
    ] {
        let line = format!(
            "stty cols 80 rows 24; exec {SLOW_READS} {program} --home {} {command}",
            home.display()
        );
        let Some(mut terminal) = Terminal::of(&line, &[]) else {
            return;
        };
        terminal.wait_for("Reading  ");
        let (written, code) = terminal.end();
        assert_eq!(code, Some(0), "{command}: {written}");
        only_colours(&written);
        let shown = screen(&written);
        assert!(
            shown.iter().any(|line| line.contains(end)),
            "{command}: {shown:#?}"
        );
        assert!(
            !shown.iter().any(|line| line.contains("Reading")),
            "{command}: {shown:#?}"
        );
    }
}
