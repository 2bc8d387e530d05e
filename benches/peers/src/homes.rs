//! Homes, projects and processes of the program that is measured.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use spec_kitty::emitter::EventEmitter;
use spec_kitty::event::Draft;
use spec_kitty::home::Home;

/// The program: `SPEC_KITTY_BIN`, else the one beside this.
pub fn program() -> PathBuf {
    let beside = std::env::current_exe()
        .unwrap()
        .with_file_name("spec-kitty");
    let path = std::env::var_os("SPEC_KITTY_BIN").map_or(beside, PathBuf::from);
    assert!(
        path.exists(),
        "{} is missing: see benches/README.md",
        path.display()
    );
    path
}

/// The program of the same size that does nothing: what stands beside this one.
pub fn noop() -> PathBuf {
    let path = std::env::current_exe()
        .unwrap()
        .with_file_name("spec-kitty-noop");
    assert!(path.exists(), "{} is missing", path.display());
    path
}

/// A directory for one measurement, on the disk of the target directory unless
/// `TMPDIR` says otherwise, and gone afterwards.
pub fn scratch() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

/// A git project, and a home that is signed in to `server`.
pub struct Place {
    pub home: Home,
    pub project: PathBuf,
}

impl Place {
    pub fn new(dir: &Path, server: &str, config: &str) -> Self {
        let (home, project) = (Home::at(dir.join("home")), dir.join("project"));
        home.create().unwrap();
        std::fs::create_dir_all(project.join(".kittify")).unwrap();
        let text = "project:\n  uuid: 3a3819b1-a27d-4152-a493-ad2ef5a006cd\n  slug: widgets\n  node_id: b805cd5cee74\n";
        std::fs::write(project.join(".kittify/config.yaml"), text).unwrap();
        for arguments in [
            &["init", "-q", "-b", "main"][..],
            &[
                "-c",
                "user.name=n",
                "-c",
                "user.email=e@x",
                "commit",
                "-q",
                "--allow-empty",
                "-m",
                "x",
            ],
            &[
                "remote",
                "add",
                "origin",
                "https://example.org/acme/widgets.git",
            ],
        ] {
            let status = Command::new("git")
                .args(arguments)
                .current_dir(&project)
                .status();
            assert!(status.unwrap().success());
        }
        let credentials = format!(
            "[tokens]\naccess = \"A\"\nrefresh = \"R\"\naccess_expires_at = \"2099-01-01T00:00:00Z\"\n\
             refresh_expires_at = \"2099-01-01T00:00:00Z\"\n[user]\nusername = \"alice\"\nteam_slug = \"acme\"\n\
             [server]\nurl = \"{server}\"\n"
        );
        spec_kitty::private_file::replace(&home.credentials_file(), credentials.as_bytes())
            .unwrap();
        std::fs::write(home.config_file(), config).unwrap();
        Self { home, project }
    }

    /// Signs in to a server of the program's own, which has live connections.
    pub fn signed_in(&self) -> Server {
        let mut command = self.command(&["--json", "dev-server", "--port", "0"]);
        command
            .args(["--user", "alice:acme"])
            .env("SPEC_KITTY_DEV_PASSWORD", "for a measurement")
            .stdout(Stdio::piped());
        let mut server = Server(command.spawn().unwrap());
        let mut line = String::new();
        let mut stdout = BufReader::new(server.0.stdout.take().unwrap());
        stdout.read_line(&mut line).unwrap();
        let ready: serde_json::Value = serde_json::from_str(&line).unwrap();
        let url = ready["url"].as_str().unwrap();
        let mut command = self.command(&["auth", "login", "-u", "alice", "--server", url]);
        command.env("SPEC_KITTY_PASSWORD", "for a measurement");
        assert!(command.status().unwrap().success());
        server
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(program());
        command
            .args(arguments)
            .current_dir(&self.project)
            .env("SPEC_KITTY_HOME", self.home.root())
            .env("SPEC_KITTY_NO_DAEMON", "1")
            .env("USER", "alice")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command
    }

    pub fn run(&self, arguments: &[&str]) {
        let status = self.command(arguments).status().unwrap();
        assert!(status.success(), "{arguments:?}: {status}");
    }

    /// Records `events` events in calls of at most 10,000.
    pub fn fill(&self, events: usize) {
        let emitter = EventEmitter::new(self.home.clone(), &self.project);
        let mut left = events;
        while left > 0 {
            let now = left.min(10_000);
            let emission = emitter.emit_all(drafts(now));
            assert!(emission.is_recorded());
            left -= now;
        }
    }
}

pub fn drafts(events: usize) -> Vec<Draft> {
    (0..events).map(|_| draft()).collect()
}

pub const PAYLOAD: &str = r#"{"wp_id":"WP01","entry_type":"note","entry_content":"begun"}"#;

pub fn draft() -> Draft {
    Draft::from_json("HistoryAdded", PAYLOAD, None).unwrap()
}

/// What a process used, all its threads together, those that ended included:
/// processor time to 10 ms, and the most memory in KiB, as far as it was still
/// there to be asked.
#[derive(Clone, Copy, Debug, Default)]
pub struct Used {
    pub cpu: Duration,
    pub peak_kib: u64,
}

pub fn used(pid: u32) -> Option<Used> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let peak = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let peak_kib = peak.trim().trim_end_matches(" kB").parse().ok()?;
    Some(Used {
        cpu: cpu(&pid.to_string(), 11)?,
        peak_kib,
    })
}

/// Two neighbouring times in `/proc/…/stat`, user and system, counted from
/// behind the name: 11 is the process's own, 13 that of children that ended.
fn cpu(process: &str, from: usize) -> Option<Duration> {
    const TICK: Duration = Duration::from_millis(10);
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let fields = stat.rsplit_once(") ")?.1.split(' ').skip(from).take(2);
    let ticks: u32 = fields.filter_map(|text| text.parse::<u32>().ok()).sum();
    Some(TICK * ticks)
}

/// Waits for a process and says the most memory it was seen to use.
pub fn watched(mut child: Child) -> Used {
    let of_children = || cpu("self", 13).unwrap_or_default();
    let before = of_children();
    let mut last = Used::default();
    loop {
        if let Some(now) = used(child.id()) {
            last = now;
        }
        if let Some(status) = child.try_wait().unwrap() {
            assert!(status.success(), "{status}");
            let cpu = of_children() - before;
            return Used { cpu, ..last };
        }
        // Looking costs time on a machine with two cores.
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// The interpreter that has the Python original: `SPEC_KITTY_PYTHON`, else
/// `python3`.
pub fn original() -> Option<String> {
    let named = std::env::var("SPEC_KITTY_PYTHON").ok();
    let python = named.unwrap_or_else(|| "python3".to_owned());
    let check = "import importlib.metadata as m; assert m.version('spec-kitty-cli') == '2.1.0'; \
                 import specify_cli.sync.batch";
    let output = Command::new(&python).args(["-c", check]).output();
    match output.is_ok_and(|output| output.status.success()) {
        true => Some(python),
        false => {
            println!(
                "   not measured: {python} has no spec-kitty-cli 2.1.0 (SPEC_KITTY_PYTHON names one \
                 that has, see benches/README.md)"
            );
            None
        }
    }
}

/// The original sends the queue at `queue` to `server`: what its own function
/// took, without the start of the interpreter and the imports, and what the
/// process used.
pub fn drained_by(python: &str, queue: &Path, server: &str) -> (Duration, Used) {
    const SCRIPT: &str = "import sys, time
from pathlib import Path
from specify_cli.sync.batch import sync_all_queued_events
from specify_cli.sync.queue import OfflineQueue
queue = OfflineQueue(Path(sys.argv[1]), max_queue_size=10**9)
began = time.perf_counter()
result = sync_all_queued_events(queue, 'A', sys.argv[2], show_progress=False)
took = time.perf_counter() - began
assert queue.size() == 0 and result.error_count == 0, result.error_messages[:3]
print(took)";
    let mut child = Command::new(python)
        .args(["-c", SCRIPT])
        .args([queue.to_str().unwrap(), server])
        .env("HOME", queue.parent().unwrap())
        .env("SPEC_KITTY_ENABLE_SAAS_SYNC", "1")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdout = child.stdout.take().unwrap();
    let used = watched(child);
    let mut text = String::new();
    stdout.read_to_string(&mut text).unwrap();
    (Duration::from_secs_f64(text.trim().parse().unwrap()), used)
}

/// A receiver that takes whatever comes and calls it stored, in a process of its
/// own. The answers are put together while a request is read: nothing is stored
/// or checked.
pub struct Receiver {
    child: Child,
    pub url: String,
}

impl Receiver {
    pub fn start() -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["child", "receiver"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        Self {
            child,
            url: line.trim().to_owned(),
        }
    }

    pub fn used(&self) -> Used {
        used(self.child.id()).unwrap_or_default()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The server of the program itself, until it is dropped.
pub struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The receiver's side.
pub fn receive() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    println!("http://{}", listener.local_addr().unwrap());
    std::io::stdout().flush().unwrap();
    for stream in listener.incoming() {
        let stream = stream.unwrap();
        std::thread::spawn(move || {
            let _ = stream.set_nodelay(true);
            let mut reader = BufReader::with_capacity(256 * 1024, stream.try_clone().unwrap());
            let mut writer = stream;
            while serve(&mut reader, &mut writer).is_some() {}
        });
    }
}

fn serve(reader: &mut impl BufRead, writer: &mut impl Write) -> Option<()> {
    let (mut length, mut gzip, mut line) = (0, false, String::new());
    let mut first = String::new();
    loop {
        line.clear();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let lower = line.trim().to_ascii_lowercase();
        if first.is_empty() {
            first.clone_from(&lower);
        }
        if let Some(value) = lower.strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
        gzip |= lower.starts_with("content-encoding:") && lower.contains("gzip");
        if lower.is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    if gzip {
        let mut plain = Vec::with_capacity(1 << 20);
        flate2::read::GzDecoder::new(&body[..])
            .read_to_end(&mut plain)
            .ok()?;
        body = plain;
    }
    let answer = answer(&body);
    let status = if first.starts_with("post") {
        "200 OK"
    } else {
        "404 Not Found"
    };
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        answer.len()
    );
    writer.write_all(&[head.as_bytes(), &answer].concat()).ok()
}

fn answer(body: &[u8]) -> Vec<u8> {
    // Python writes a space behind the colon.
    const KEY: &[u8] = b"\"event_id\":";
    let mut answer = b"{\"results\":[".to_vec();
    let mut rest = body;
    while let Some(at) = rest.windows(KEY.len()).position(|window| window == KEY) {
        let quote = at + KEY.len() + usize::from(rest[at + KEY.len()] == b' ');
        let id = &rest[quote + 1..quote + 27];
        if answer.len() > 12 {
            answer.push(b',');
        }
        answer.extend_from_slice(b"{\"event_id\":\"");
        answer.extend_from_slice(id);
        answer.extend_from_slice(b"\",\"status\":\"success\"}");
        rest = rest.get(at + 500..).unwrap_or_default();
    }
    answer.extend_from_slice(b"]}");
    answer
}
