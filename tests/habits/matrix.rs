//! What holds for every command, whatever it does: it ends without a terminal
//! and without input, it asks nothing, its JSON is JSON, a reader that goes away
//! is no error, and colour follows one rule.
//!
//! Required arguments are made up from the command tree, so that a new command
//! is run here without being named. Where a made-up value will not do, `TYPED`
//! says what to type.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use crate::project::{FEATURE, Project};
use crate::schema::Contract;
use crate::support::{Place, everything, program, run, stderr, stdout, wrong_command};
use serde_json::Value;
use spec_kitty::cli::exit::Exit;
use spec_kitty::cli::failure::codes;

/// No command may take longer without input, also on a busy machine.
const DEADLINE: Duration = Duration::from_secs(120);

/// Words for commands that need more than made-up arguments to be run here.
const TYPED: &[(&str, &[&str])] = &[
    ("emit", &["HistoryAdded", "--payload", NOTE]),
    ("log tail", &["-n", "5"]),
    ("config set", &["sync.auto", "false"]),
    ("config get", &["sync.auto"]),
];
const NOTE: &str = r#"{"wp_id":"WP01","entry_type":"note","entry_content":"\u001b[31mred"}"#;

/// Commands that serve until they are told to stop.
pub(crate) const SERVING: &[&str] = &["dev-server", "sync daemon run"];
/// Commands that take long for what they do; they are run once.
pub(crate) const LONG: &[&str] = &["demo", "sync daemon start"];

/// The words that run a command: what `TYPED` says, else made-up values for
/// what is required.
pub(crate) fn words(place: &Place) -> Vec<String> {
    let mut words = place.words.clone();
    if let Some((_, typed)) = TYPED.iter().find(|(name, _)| *name == place.name()) {
        words.extend(typed.iter().map(ToString::to_string));
        return words;
    }
    for argument in place.command.get_arguments() {
        if !argument.is_required_set() {
            continue;
        }
        let names = argument.get_value_names().unwrap_or_default();
        let named = names.first().map(ToString::to_string).unwrap_or_default();
        let possible = argument.get_possible_values();
        let value = match (possible.first(), named.as_str()) {
            (Some(value), _) => value.get_name().to_owned(),
            (None, "WPxx") => "WP01".to_owned(),
            (None, "LANE") => "doing".to_owned(),
            (None, "STATUS") => "done".to_owned(),
            (None, "ID") => "01ARZ3NDEKTSV4RRFFQ69G5FAV".to_owned(),
            (None, "URL") => "https://127.0.0.1:9".to_owned(),
            (None, _) => "nothing-here".to_owned(),
        };
        if let Some(long) = argument.get_long() {
            words.push(format!("--{long}"));
        }
        words.push(value);
    }
    words
}

fn commands() -> impl Iterator<Item = Place> {
    everything()
        .into_iter()
        .filter(|place| !SERVING.contains(&place.name().as_str()))
}

fn quick() -> impl Iterator<Item = Place> {
    commands().filter(|place| !LONG.contains(&place.name().as_str()))
}

/// A home with two events, and a project around it.
struct Room {
    project: Project,
    home: tempfile::TempDir,
}

impl Room {
    fn new() -> Self {
        let room = Self {
            project: Project::new(),
            home: tempfile::tempdir().unwrap(),
        };
        for _ in 0..2 {
            let words = ["emit", "HistoryAdded", "--payload", NOTE];
            let done = room.command(&words).output().unwrap();
            assert!(done.status.success(), "{}", stderr(&done));
        }
        room
    }

    fn command<T: AsRef<std::ffi::OsStr>>(&self, words: &[T]) -> Command {
        let mut command = program(self.home.path());
        command
            .args(words)
            .current_dir(self.project.root())
            .env("SPECIFY_FEATURE", FEATURE);
        command
    }

    /// Runs it with a deadline, and says what it was that hung.
    fn run(&self, words: &[String], environment: &[(&str, &str)]) -> Output {
        let mut command = self.command(words);
        command.envs(environment.iter().copied());
        ended(command, &words.join(" "))
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let _ = self.command(&["sync", "daemon", "stop"]).output();
    }
}

fn ended(mut command: Command, what: &str) -> Output {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let out = drained(child.stdout.take().unwrap());
    let err = drained(child.stderr.take().unwrap());
    let status = wait(&mut child, what);
    Output {
        status,
        stdout: out.join().unwrap(),
        stderr: err.join().unwrap(),
    }
}

fn drained(mut from: impl Read + Send + 'static) -> thread::JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = from.read_to_end(&mut bytes);
        bytes
    })
}

fn wait(child: &mut Child, what: &str) -> std::process::ExitStatus {
    let begun = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        if begun.elapsed() > DEADLINE {
            let _ = child.kill();
            panic!("`spec-kitty {what}` hangs without input and without a terminal");
        }
        thread::sleep(Duration::from_millis(5));
    }
}

/// Runs `check` for each command, and shows all complaints at once.
fn for_each(places: impl Iterator<Item = Place>, mut check: impl FnMut(&Place, &mut Vec<String>)) {
    let mut complaints = Vec::new();
    for place in places {
        let mut of_this = Vec::new();
        check(&place, &mut of_this);
        let name = place.name();
        complaints.extend(
            of_this
                .iter()
                .map(|complaint| format!("`{name}`: {complaint}")),
        );
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

/// What is wrong with how a failed command told of its failure as JSON.
fn wrong_error(output: &Output) -> Option<String> {
    let text = stderr(output);
    let code = output.status.code()?;
    let line = text.lines().next_back().unwrap_or_default();
    let Ok(object) = serde_json::from_str::<Value>(line) else {
        // A report on stdout may have said it all.
        return (stdout(output).is_empty() && code != 0)
            .then(|| format!("exit {code}, and no error object: {text}"));
    };
    let error = &object["error"];
    let word = error["code"].as_str().unwrap_or_default();
    let Some(known) = codes::find(word) else {
        return Some(format!("the code \"{word}\" is in no table"));
    };
    if error["exit"] != code
        || !known
            .exits
            .iter()
            .any(|exit| i32::from(exit.code()) == code)
    {
        return Some(format!(
            "{word} comes with exit {code}, told as {}",
            error["exit"]
        ));
    }
    let hint = error["hint"].as_str().unwrap_or_default();
    let hinted = hint.find("spec-kitty ").map(|at| &hint[at..]);
    let hinted = hinted.map(|hint| hint.split([',', ';', ')']).next().unwrap());
    let wrong = hinted.and_then(wrong_command);
    wrong.map(|why| format!("the hint \"{hint}\" cannot be typed: {why}"))
}

/// cli-anchors §6.8: all verbs, with stdin closed and no terminal.
#[test]
fn no_command_hangs_or_asks_without_a_terminal() {
    let room = Room::new();
    let empty = tempfile::tempdir().unwrap();
    for_each(commands(), |place, wrong| {
        let words = words(place);
        let mut outputs = vec![room.run(&words, &[])];
        if !LONG.contains(&place.name().as_str()) {
            let mut outside = program(empty.path());
            outside.args(&words);
            outputs.push(ended(outside, &words.join(" ")));
        }
        for output in outputs {
            wrong.extend(ended_badly(&output));
        }
    });
}

/// What is wrong with how a command ended that nobody can answer.
fn ended_badly(output: &Output) -> Vec<String> {
    let mut wrong = Vec::new();
    let code = output.status.code();
    let known = Exit::ALL
        .iter()
        .any(|exit| Some(i32::from(exit.code())) == code);
    if !known {
        wrong.push(format!("ended with {code:?}"));
    }
    let text = stderr(output);
    if text.contains("[y/N]") || text.contains("assword: ") {
        wrong.push(format!("asked: {text}"));
    }
    if text.contains("panicked") {
        wrong.push(text.clone());
    }
    // A first line that ends with a colon begins a list of what is in the way.
    let mut lines = text.lines().skip_while(|line| !line.starts_with("error["));
    let list = lines.next().is_some_and(|line| line.ends_with(':'));
    if !list && lines.count() > 4 {
        wrong.push(format!("an error of more than five lines:\n{text}"));
    }
    wrong
}

/// The same where there is no stdin at all, in a session without a terminal: what
/// a service manager or a hook starts.
#[cfg(unix)]
#[test]
fn no_command_hangs_or_asks_when_stdin_is_closed() {
    let room = Room::new();
    let has_sessions = Command::new("setsid").args(["-w", "true"]).status();
    let shell = ["sh", "-c", "exec \"$@\" <&-", "sh"];
    for_each(quick(), |place, wrong| {
        let words = words(place);
        let told = room.command(&words);
        let mut command = if has_sessions.as_ref().is_ok_and(|status| status.success()) {
            let mut command = Command::new("setsid");
            command.arg("-w").args(shell);
            command
        } else {
            let mut command = Command::new(shell[0]);
            command.args(&shell[1..]);
            command
        };
        command.arg(told.get_program()).args(told.get_args());
        for (name, value) in told.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command.current_dir(room.project.root());
        wrong.extend(ended_badly(&ended(command, &words.join(" "))));
    });
}

#[test]
fn with_json_every_command_says_nothing_but_json() {
    let room = Room::new();
    let contract = Contract::new();
    for_each(commands(), |place, wrong| {
        let mut words = words(place);
        words.push("--json".into());
        let output = room.run(&words, &[]);
        for line in stdout(&output).lines() {
            match serde_json::from_str::<Value>(line) {
                Ok(value) if value.is_object() => wrong.extend(contract.wrong(&value)),
                _ => wrong.push(format!("no JSON object on stdout: {line}")),
            }
        }
        if stdout(&output).is_empty() && output.status.success() {
            wrong.push("ended well and printed no object".to_owned());
        }
        wrong.extend(wrong_error(&output));
    });
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let room = Room::new();
    let other = Room::new();
    for_each(quick(), |place, wrong| {
        let words = words(place);
        let usual = other.run(&words, &[]);
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = room.command(&words);
        let output = command
            .stdout(writer)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
            .wait_with_output()
            .unwrap();
        let text = stderr(&output);
        if usual.status.success() && output.status.code() != Some(0) {
            wrong.push(format!("{:?}: {text}", output.status.code()));
        }
        if text.contains("roken pipe") || text.contains("panicked") {
            wrong.push(text);
        }
    });
}

/// A name, what is typed, and what is in the environment.
type Setting<'a> = (&'a str, &'a [&'a str], &'a [(&'a str, &'a str)]);

fn coloured(output: &Output) -> bool {
    output.stdout.contains(&0x1b) || output.stderr.contains(&0x1b)
}

/// flag > NO_COLOR > CLICOLOR_FORCE > CLICOLOR=0 > terminal.
#[test]
fn colour_follows_one_rule_in_every_command() {
    let room = Room::new();
    let styled = Mutex::new(0);
    for_each(quick(), |place, wrong| {
        let words = words(place);
        let with = |flag: &[&str], environment: &[(&str, &str)]| {
            let flag = flag.iter().map(ToString::to_string);
            let words: Vec<String> = words.iter().cloned().chain(flag).collect();
            coloured(&room.run(&words, environment))
        };
        let (no_color, force) = (("NO_COLOR", "1"), ("CLICOLOR_FORCE", "1"));
        let plain: &[Setting<'_>] = &[
            ("no terminal", &[], &[]),
            ("--color never", &["--color", "never"], &[force]),
            ("NO_COLOR", &[], &[no_color, force]),
            (
                "SPEC_KITTY_COLOR=never",
                &[],
                &[("SPEC_KITTY_COLOR", "never"), force],
            ),
        ];
        for (why, flag, environment) in plain {
            if with(flag, environment) {
                wrong.push(format!("coloured in spite of: {why}"));
            }
        }
        let always = with(&["--color", "always"], &[no_color]);
        *styled.lock().unwrap() += usize::from(always);
        if with(&[], &[force, ("CLICOLOR", "0")]) != always {
            wrong.push("CLICOLOR_FORCE is not as --color always".to_owned());
        }
        if with(&[], &[("SPEC_KITTY_COLOR", "always"), no_color]) != always {
            wrong.push("SPEC_KITTY_COLOR=always is not as --color always".to_owned());
        }
    });
    assert!(
        styled.into_inner().unwrap() >= 5,
        "nothing is coloured at all"
    );
}

/// A terminal is needed for the rest of the rule; `script` makes one.
#[cfg(target_os = "linux")]
#[test]
fn on_a_terminal_clicolor_and_a_dumb_terminal_switch_colour_off() {
    let room = Room::new();
    let on_terminal = |environment: &[(&str, &str)]| {
        let mut script = Command::new("script");
        let line = format!("{} log verify", env!("CARGO_BIN_EXE_spec-kitty"));
        script
            .args(["-qec", &line, "/dev/null"])
            .stdin(Stdio::null());
        for name in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "CI"] {
            script.env_remove(name);
        }
        script.env("SPEC_KITTY_HOME", room.home.path());
        script.env("SPEC_KITTY_NO_DAEMON", "1");
        script.env("TERM", "xterm-256color");
        script.envs(environment.iter().copied());
        script.output().ok().map(|output| {
            assert!(stdout(&output).contains("Sound"), "{}", stdout(&output));
            coloured(&output)
        })
    };
    let Some(coloured) = on_terminal(&[]) else {
        return;
    };
    assert!(coloured, "a terminal is coloured");
    for off in [("CLICOLOR", "0"), ("TERM", "dumb"), ("NO_COLOR", "1")] {
        assert_eq!(on_terminal(&[off]), Some(false), "{off:?}");
    }
}

#[test]
fn the_reference_server_ends_when_it_is_told_to() {
    let home = tempfile::tempdir().unwrap();
    let mut child = program(home.path())
        .args(["dev-server", "--port", "0", "--json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = String::new();
    let out = child.stdout.take().unwrap();
    let mut out = BufReader::new(out);
    out.read_line(&mut first).unwrap();
    let ready: Value = serde_json::from_str(&first).unwrap();
    assert_eq!(Contract::new().wrong(&ready), None);
    let id = child.id().to_string();
    let told = Command::new("kill").args(["-TERM", &id]).status().unwrap();
    assert!(told.success());
    let status = wait(&mut child, "dev-server");
    assert!(matches!(status.code(), Some(0 | 143)), "{status:?}");
}

/// A question is refused with 9, and what would have been asked about is kept.
#[test]
fn what_needs_a_yes_says_so_and_changes_nothing() {
    let room = Room::new();
    let log = room.home.path().join("log");
    std::fs::write(log.join(".0000000099.00000000.tmp"), "x").unwrap();
    let before = listing(&log);
    let output = run(room.home.path(), &["log", "repair", "--json"]);
    assert_eq!(output.status.code(), Some(9), "{}", stderr(&output));
    assert_eq!(wrong_error(&output), None);
    assert_eq!(listing(&log), before);
}

fn listing(dir: &Path) -> Vec<(PathBuf, u64)> {
    let mut found: Vec<_> = std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            (entry.path(), entry.metadata().unwrap().len())
        })
        .collect();
    found.sort();
    found
}

/// Wrong usage is told as every other failure, in both forms.
#[test]
fn wrong_usage_has_a_code_and_a_next_step_everywhere() {
    let home = tempfile::tempdir().unwrap();
    for_each(everything().into_iter(), |place, wrong| {
        let mut words: Vec<&str> = place.words.iter().map(String::as_str).collect();
        words.push("--no-such-option");
        let output = run(home.path(), &words);
        let text = stderr(&output);
        let next = text.lines().next_back().unwrap_or_default();
        if output.status.code() != Some(2) || !text.starts_with("error[usage]: ") {
            wrong.push(text.clone());
        }
        let hinted = next.strip_prefix("  next: ").and_then(wrong_command);
        if !next.contains("--help") || hinted.is_some() {
            wrong.push(format!("no next step: {text}"));
        }
        words.push("--json");
        wrong.extend(wrong_error(&run(home.path(), &words)));
    });
}

#[test]
fn an_empty_variable_is_no_variable_and_a_wrong_one_is_named() {
    let room = Room::new();
    let names =
        ["JSON", "QUIET", "VERBOSE", "COLOR", "UTC"].map(|name| format!("SPEC_KITTY_{name}"));
    let empty: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "")).collect();
    let words = ["log".to_owned(), "tail".to_owned()];
    let output = room.run(&words, &empty);
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(stdout(&output), stdout(&room.run(&words, &[])));
    for (name, value) in [
        ("SPEC_KITTY_COLOR", "rainbow"),
        ("SPEC_KITTY_VERBOSE", "loud"),
    ] {
        let output = room.run(&words, &[(name, value)]);
        assert_eq!(output.status.code(), Some(2));
        let text = stderr(&output);
        assert!(text.contains(name) && text.lines().count() <= 5, "{text}");
    }
    let typed = [&words[..], &["--color".into(), "never".into()]].concat();
    let output = room.run(&typed, &[("SPEC_KITTY_COLOR", "always")]);
    assert!(!coloured(&output), "what is typed wins");
    for (quiet, loud) in [("-q", "SPEC_KITTY_VERBOSE"), ("-v", "SPEC_KITTY_QUIET")] {
        let typed = [&words[..], &[quiet.into()]].concat();
        assert!(room.run(&typed, &[(loud, "1")]).status.success());
    }
}
