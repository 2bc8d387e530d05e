//! At a terminal: colours, its width, the line below what is followed, Ctrl-C.
//!
//! The terminal is made by `script`; where there is none, nothing is tested.

use std::io::{Read, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use spec_kitty::cli::output::width;

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
        let mut command = Command::new("script");
        clean(&mut command);
        let child = command
            .args(["-qefc", &line, "/dev/null"])
            .env("SPEC_KITTY_NO_DAEMON", "1")
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
    let shown = screen(&written);
    assert!(
        !shown.iter().any(|line| line.contains("following")),
        "{shown:#?}"
    );
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
    let shown = screen(&written);
    assert!(
        !shown.iter().any(|line| line.contains("following")),
        "{shown:#?}"
    );
}

#[test]
fn a_pipe_gets_no_line_below() {
    let bench = Bench::new();
    bench.note("the first");
    let shown = bench.prints(&["log", "tail", "-f", "--idle-exit", "300ms"]);
    assert_eq!(shown.lines().count(), 1, "{shown:?}");
    assert!(!shown.contains("following"));
}
