//! A home whose commands are watched, and what the kernel was asked by them.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use spec_kitty::home::Home;

use crate::stage::Stage;

const CALLS: &str = "trace=mkdir,rename,renameat2,unlink,fsync,fdatasync,sync_file_range,syncfs,\
                     write,pwrite64,pwritev,ftruncate,connect,close";

/// One call that changed something or made it durable: `fdatasync log/1.seg`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    pub text: String,
    pub fd: Option<u32>,
}

/// A home whose commands are watched.
pub struct Watched {
    pub stage: Stage,
    pub home: Home,
}

impl Watched {
    /// `None`, and said, where nothing can be watched.
    pub fn new() -> Option<Self> {
        let works = Command::new("strace")
            .args(["-qq", "-e", "trace=none", "true"])
            .stderr(Stdio::null())
            .status();
        if !works.is_ok_and(|status| status.success()) {
            println!("skipped: strace is missing or may not trace");
            return None;
        }
        let stage = Stage::new();
        let home = stage.home("home");
        Some(Self { stage, home })
    }

    /// Runs a command, which has to succeed; what it did, in order.
    pub fn run(&self, arguments: &[&str]) -> Vec<Call> {
        let options = ["-y", "-s", "0", "-e", CALLS];
        calls(&self.traced(&options, arguments), self.home.root())
    }

    /// The trace of a command, which has to succeed, with these options of strace.
    fn traced(&self, options: &[&str], arguments: &[&str]) -> String {
        let plain = self.stage.command(&self.home, arguments);
        let trace = self.stage.path("trace");
        let mut command = Command::new("strace");
        command.args(["-f", "-qq"]).args(options);
        command.arg("-o").arg(&trace);
        command.arg(plain.get_program()).args(plain.get_args());
        command.current_dir(plain.get_current_dir().unwrap());
        for (name, value) in plain.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        let output = command.output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{stderr}");
        fs::read_to_string(trace).unwrap()
    }

    pub fn emit(&self) -> Vec<Call> {
        let payload = r#"{"wp_id":"WP01","entry_type":"note","entry_content":"begun"}"#;
        self.run(&["emit", "HistoryAdded", "--payload", payload])
    }
}

/// The calls of a trace that succeeded, each where it ended; closing is left in
/// only for the descriptors of segments.
fn calls(trace: &str, home: &Path) -> Vec<Call> {
    let mut begun: BTreeMap<&str, &str> = BTreeMap::new();
    let mut calls = Vec::new();
    for line in trace.lines() {
        let (thread, rest) = line.split_once(' ').unwrap();
        let rest = rest.trim_start();
        let (start, end) = if let Some(start) = rest.strip_suffix(" <unfinished ...>") {
            begun.insert(thread, start);
            continue;
        } else if rest.starts_with("<...") {
            let Some(start) = begun.remove(thread) else {
                continue;
            };
            (start, rest)
        } else {
            (rest, rest)
        };
        let result = end.rsplit_once(" = ").map_or("", |(_, result)| result);
        // A connection that is still being made is an error to the caller.
        if !result.starts_with('-') || start.starts_with("connect") {
            calls.extend(call(start, home));
        }
    }
    calls
}

fn call(text: &str, home: &Path) -> Option<Call> {
    let (name, arguments) = text.split_once('(')?;
    let quoted = |nth: usize| arguments.split('"').nth(2 * nth + 1);
    let opened = || {
        let (fd, rest) = arguments.split_once('<')?;
        let (path, _) = rest.split_once('>')?;
        Some((fd.parse::<u32>().ok()?, path))
    };
    let (what, fd) = match name {
        "rename" | "renameat2" => {
            let (from, to) = (short(quoted(0)?, home)?, short(quoted(1)?, home)?);
            (format!("rename {from} {to}"), None)
        }
        "mkdir" | "unlink" => (format!("{name} {}", short(quoted(0)?, home)?), None),
        "connect" => ("connect".to_owned(), None),
        _ => {
            let (fd, path) = opened()?;
            let path = if fd == 1 {
                "stdout".to_owned()
            } else {
                short(path, home)?
            };
            let name = if name.starts_with("pwrite") {
                "write"
            } else {
                name
            };
            (format!("{name} {path}"), Some(fd))
        }
    };
    let closes = what.starts_with("close ") && !what.ends_with(".seg");
    (!closes).then_some(Call { text: what, fd })
}

/// The path as seen from the home; temporary names are all the same.
fn short(path: &str, home: &Path) -> Option<String> {
    let path = Path::new(path);
    if let Ok(down) = home.strip_prefix(path)
        && path != home
    {
        return Some(vec![".."; down.iter().count()].join("/"));
    }
    let inside = path.strip_prefix(home).ok()?.to_str().unwrap();
    Some(match inside {
        "" => ".".to_owned(),
        inside if inside.starts_with("log/.") => "log/new".to_owned(),
        inside => inside.to_owned(),
    })
}

/// The trace of these calls of a command, which has to succeed.
pub fn traced(watched: &Watched, calls: &str, arguments: &[&str]) -> String {
    watched.traced(&["-s", "4096", "-e", calls], arguments)
}

/// What a command opened below its directory, in order.
pub fn opened(watched: &Watched, arguments: &[&str]) -> Vec<String> {
    let trace = traced(watched, "trace=openat", arguments);
    let below = trace.lines().filter_map(|line| {
        let path = Path::new(line.split('"').nth(1)?);
        let inside = path.strip_prefix(watched.stage.path("")).ok()?;
        (!line.contains(" = -1 ")).then(|| inside.to_str().unwrap().to_owned())
    });
    below.collect()
}

/// The segments that a command opened, in order.
pub fn segments_opened(watched: &Watched, arguments: &[&str]) -> Vec<String> {
    let names = opened(watched, arguments).into_iter().filter_map(|path| {
        let name = Path::new(&path).file_name()?.to_str()?;
        name.ends_with(".seg").then(|| name.to_owned())
    });
    names.collect()
}
