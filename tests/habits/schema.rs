//! What `--json` prints is what the shipped schema says, field by field.
//!
//! The schema is open, so that fields can be added within its version; here it
//! is closed, so that none is added without being described, and none is there
//! on some lines and absent on others.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::{Value, json};
use spec_kitty::cli::SCHEMA;
use spec_kitty::dev_server::{DevServer, Options};

use crate::agents;
use crate::project::{FEATURE, Project};
use crate::support::{program, stderr, stdout};

/// Objects that pass on what they do not know.
const OPEN: [&str; 2] = ["event", "recorded"];

/// The schema, closed.
pub(crate) struct Contract {
    defs: Value,
    /// The definitions of each kind.
    kinds: BTreeMap<String, Vec<String>>,
}

impl Contract {
    pub(crate) fn new() -> Self {
        let schema: Value = serde_json::from_str(SCHEMA).unwrap();
        let mut defs = schema["$defs"].clone();
        let mut kinds: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (name, def) in defs.as_object_mut().unwrap() {
            if let Some(kind) = def["properties"]["kind"]["const"].as_str() {
                kinds.entry(kind.to_owned()).or_default().push(name.clone());
            }
            if !OPEN.contains(&name.as_str()) {
                close(def);
            }
        }
        Self { defs, kinds }
    }

    /// Why this line is not what the schema says.
    pub(crate) fn wrong(&self, line: &Value) -> Option<String> {
        let names = match line["kind"].as_str() {
            Some(kind) => match self.kinds.get(kind) {
                Some(names) => names.clone(),
                None => return Some(format!("the kind \"{kind}\" is not in the schema")),
            },
            None if line.get("error").is_some() && line.get("local").is_none() => {
                vec!["error".to_owned()]
            }
            None if line.get("$schema").is_some() => return None,
            None if line.get("local").is_some() => vec!["event".to_owned()],
            None => vec!["recorded".to_owned()],
        };
        let mut reasons = Vec::new();
        for name in names {
            let schema = json!({"$ref": format!("#/$defs/{name}"), "$defs": self.defs});
            let options = jsonschema::options().should_validate_formats(true);
            let validator = options.build(&schema).unwrap();
            let errors: Vec<String> = validator
                .iter_errors(line)
                .map(|error| format!("{} at {}", error, error.instance_path()))
                .collect();
            if errors.is_empty() {
                return None;
            }
            reasons.push(format!("{name}: {}", errors.join("; ")));
        }
        let advice = "describe it in docs/schema/output-v1.schema.json";
        Some(format!("{} ({advice}): {line}", reasons.join(" | ")))
    }
}

fn close(schema: &mut Value) {
    match schema {
        Value::Object(map) => {
            if map.contains_key("properties") {
                map.insert("additionalProperties".to_owned(), json!(false));
            }
            map.values_mut().for_each(close);
        }
        Value::Array(items) => items.iter_mut().for_each(close),
        _ => {}
    }
}

#[test]
fn the_schema_is_a_schema_and_every_object_requires_all_its_fields() {
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    assert!(jsonschema::meta::is_valid(&schema));
    jsonschema::options().build(&schema).unwrap();
    let mut lax = Vec::new();
    let mut stack = vec![("#".to_owned(), &schema)];
    while let Some((at, value)) = stack.pop() {
        if let Some(properties) = value.get("properties").and_then(Value::as_object) {
            let required: BTreeSet<_> = value["required"]
                .as_array()
                .unwrap()
                .iter()
                .map(|name| name.as_str().unwrap())
                .collect();
            let all: BTreeSet<_> = properties.keys().map(String::as_str).collect();
            if required != all && !OPEN.iter().any(|open| at.ends_with(open)) {
                lax.push(at.clone());
            }
        }
        match value {
            Value::Object(map) => {
                stack.extend(
                    map.iter()
                        .map(|(name, inner)| (format!("{at}/{name}"), inner)),
                );
            }
            Value::Array(items) => {
                stack.extend(items.iter().map(|inner| (at.clone(), inner)));
            }
            _ => {}
        }
    }
    assert!(lax.is_empty(), "fields that may be absent: {lax:?}");
}

#[test]
fn the_program_prints_the_schema_itself() {
    let home = tempfile::tempdir().unwrap();
    let printed = crate::support::run(home.path(), &["help", "json", "--json"]);
    let printed: Value = serde_json::from_slice(&printed.stdout).unwrap();
    let shipped: Value = serde_json::from_str(SCHEMA).unwrap();
    assert_eq!(printed, shipped);
}

/// Every `"kind": "…"` that a source of the command line writes is described.
#[test]
fn every_kind_of_report_in_the_sources_is_in_the_schema() {
    let contract = Contract::new();
    let mut stack = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src/cli")];
    let mut found = BTreeSet::new();
    while let Some(path) = stack.pop() {
        if path.is_dir() {
            stack.extend(std::fs::read_dir(&path).unwrap().map(|e| e.unwrap().path()));
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        for mark in ["kind: \"", "\"kind\": \""] {
            for (at, _) in text.match_indices(mark) {
                let kind = text[at + mark.len()..].split('"').next().unwrap();
                found.insert(kind.to_owned());
            }
        }
    }
    assert!(found.len() > 25, "{found:?}");
    let unknown: Vec<_> = found
        .iter()
        .filter(|kind| !contract.kinds.contains_key(*kind))
        .collect();
    assert!(
        unknown.is_empty(),
        "describe them in docs/schema/output-v1.schema.json: {unknown:?}"
    );
}

/// A story in which most reports have something to report.
struct Story {
    contract: Contract,
    home: tempfile::TempDir,
    project: Project,
    seen: BTreeSet<String>,
    wrong: Vec<String>,
}

impl Story {
    fn new() -> Self {
        Self {
            contract: Contract::new(),
            home: tempfile::tempdir().unwrap(),
            project: Project::fresh(),
            seen: BTreeSet::new(),
            wrong: Vec::new(),
        }
    }

    /// Runs the words with `--json`, and holds both streams to the schema.
    fn tell(&mut self, words: &[&str]) -> Vec<Value> {
        self.tell_with(words, &[])
    }

    fn tell_with(&mut self, words: &[&str], environment: &[(&str, &str)]) -> Vec<Value> {
        let mut command = program(self.home.path());
        command
            .args(words)
            .arg("--json")
            .current_dir(self.project.root())
            .env("SPECIFY_FEATURE", FEATURE)
            .envs(environment.iter().copied());
        let output = command.output().unwrap();
        let error = stderr(&output);
        let error = error.lines().last().unwrap_or_default().to_owned();
        let error = (!output.status.success() && error.starts_with('{')).then_some(error);
        let lines = stdout(&output);
        let mut values = Vec::new();
        for line in lines.lines().chain(error.as_deref()) {
            let Ok(value) = serde_json::from_str::<Value>(line) else {
                self.wrong
                    .push(format!("`{}`: no JSON: {line}", words.join(" ")));
                continue;
            };
            if let Some(why) = self.contract.wrong(&value) {
                self.wrong.push(format!("`{}`: {why}", words.join(" ")));
            }
            self.seen.extend(value["kind"].as_str().map(str::to_owned));
            values.push(value);
        }
        values
    }
}

impl Story {
    /// Holds a file that a command wrote in the project to the schema.
    fn read(&mut self, name: &str) {
        let bytes = std::fs::read(self.project.root().join(name)).unwrap();
        let value: Value = serde_json::from_slice(&bytes).unwrap();
        self.wrong.extend(self.contract.wrong(&value));
        self.seen.extend(value["kind"].as_str().map(str::to_owned));
    }
}

const NOTE: &str = r#"{"wp_id":"WP01","entry_type":"note","entry_content":"begun"}"#;

fn work(story: &mut Story) {
    story.tell(&["agent", "feature", "finalize-tasks"]);
    story.tell(&["implement", "WP01", "--agent", "claude"]);
    story.tell(&["agent", "tasks", "add-history", "WP01", "--note", "begun"]);
    story.tell(&["agent", "tasks", "mark-status", "T001", "--status", "done"]);
    story.tell(&["agent", "tasks", "move-task", "WP02", "--to", "doing"]);
    story.tell(&["merge", "--dry-run"]);
    story.tell(&["accept", "--mode", "checklist"]);
    story.tell(&["orchestrate", "--status"]);
}

fn look(story: &mut Story) {
    story.tell(&["emit", "HistoryAdded", "--payload", NOTE]);
    story.tell(&["emit", "HistoryAdded", "--payload", "{}"]);
    story.tell(&["emit", "NoSuchEvent", "--payload", "{}"]);
    let events = story.tell(&["log", "tail", "-n", "all"]);
    let shapes: BTreeSet<Vec<String>> = events
        .iter()
        .map(|event| event.as_object().unwrap().keys().cloned().collect())
        .collect();
    assert!(events.len() >= 8, "{}", events.len());
    assert_eq!(
        shapes.len(),
        1,
        "a field is on some lines only: {shapes:#?}"
    );
    let newest = events.last().unwrap()["event_id"]
        .as_str()
        .unwrap()
        .to_owned();
    story.tell(&["log", "show", &newest]);
    story.tell(&["log", "why", &newest]);
    story.tell(&["log", "show", "no-such-id"]);
    for words in [
        &["log", "stats"][..],
        &["log", "verify"],
        &["log", "repair"],
        &["log", "prune", "--dry-run"],
        &["log", "export", "out.ndjson"],
        &["log", "import", "out.ndjson", "--dry-run"],
        &["config", "list"],
        &["config", "get", "sync.auto"],
        &["config", "set", "sync.interval_seconds", "7"],
        &["config", "get", "sync.atuo"],
        &["help", "files"],
        &["man"],
        &["completions", "zsh"],
        &["doctor", "--bundle", "bundle.json"],
    ] {
        story.tell(words);
    }
    story.read("bundle.json");
}

fn deliver(story: &mut Story, url: &str) {
    let password = [("SPEC_KITTY_PASSWORD", "secret")];
    story.tell(&["sync", "status"]);
    story.tell(&["sync", "now"]);
    story.tell(&["auth", "status"]);
    story.tell_with(&["auth", "login", "--server", url, "-u", "demo"], &password);
    story.tell(&["sync", "server", url]);
    story.tell(&["auth", "status"]);
    for words in [
        &["sync", "now", "--report", "report.json"][..],
        &["sync", "status"],
        &["sync", "status", "--probe"],
        &["sync", "failures", "list"],
        &["sync", "failures", "retry", "01ARZ"],
        &["sync", "failures", "drop", "01ARZ"],
        &["sync", "targets"],
        &[
            "sync",
            "targets",
            "add",
            "https://other.example",
            "--from",
            "now",
            "--yes",
        ],
        &["sync", "targets"],
        &["sync", "targets", "remove", "https://other.example"],
        &["sync", "daemon", "status"],
        &["sync", "daemon", "stop"],
        &["log", "tail", "-n", "3"],
        &["log", "why", "1"],
        &["auth", "logout"],
    ] {
        story.tell(words);
    }
    story.read("report.json");
}

fn damage(story: &mut Story) {
    let segment = story.home.path().join("log/0000000001.seg");
    let mut bytes = std::fs::read(&segment).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x40;
    std::fs::write(&segment, bytes).unwrap();
    story.tell(&["log", "verify"]);
    story.tell(&["log", "repair", "--dry-run"]);
    story.tell(&["log", "stats"]);
    story.tell(&["log", "tail", "-n", "all"]);
}

/// Kinds whose report needs more than this story: `demo` and `dev-server` are held
/// to the schema where every command is run, the others by the tests below.
const ELSEWHERE: [&str; 5] = ["accept", "demo", "dev-server", "merge", "orchestrate"];

#[test]
fn every_report_of_a_whole_story_is_what_the_schema_says() {
    let data = tempfile::tempdir().unwrap();
    let server = DevServer::start(Options::new(data.path(), "secret".into())).unwrap();
    let mut story = Story::new();
    work(&mut story);
    look(&mut story);
    deliver(&mut story, server.url());
    damage(&mut story);
    assert!(story.wrong.is_empty(), "{}", story.wrong.join("\n"));
    let all: BTreeSet<String> = story.contract.kinds.keys().cloned().collect();
    let untold: Vec<_> = all
        .difference(&story.seen)
        .filter(|kind| !ELSEWHERE.contains(&kind.as_str()))
        .collect();
    assert!(
        untold.is_empty(),
        "no part of the story tells of {untold:?}"
    );
}

/// A report of success, held to the schema.
fn reported(project: &Project, words: &[&str]) -> Value {
    let report = project.run(&[words, &["--json"]].concat()).ok().json();
    assert_eq!(Contract::new().wrong(&report), None, "{words:?}");
    report
}

#[test]
fn a_feature_that_is_built_merged_and_accepted_is_reported_as_the_schema_says() {
    let project = agents::three(agents::GOOD, agents::GOOD);
    let built = reported(&project, &["orchestrate"]);
    assert_eq!(
        (&built["kind"], &built["status"]),
        (&json!("orchestrate"), &json!("completed"))
    );
    let again = reported(&project, &["orchestrate", "--status"]);
    assert_eq!(again["status"], "completed");
    let merged = reported(&project, &["merge"]);
    assert_eq!(
        (&merged["kind"], &merged["status"]),
        (&json!("merge"), &json!("merged"))
    );
    let accepted = reported(&project, &["accept", "--actor", "Ada"]);
    assert_eq!(
        (&accepted["kind"], &accepted["accepted_by"]),
        (&json!("accept"), &json!("Ada"))
    );
    let checked = reported(&project, &["accept", "--mode", "checklist"]);
    assert_eq!(checked["kind"], "accept");
}

/// What is missing is a report as well, and says so with exit 1.
#[test]
fn a_feature_that_is_not_ready_is_reported_as_the_schema_says() {
    let contract = Contract::new();
    let project = agents::three("exit 1\n", "exit 1\n");
    for (words, kind) in [
        (&["orchestrate", "--json"][..], "orchestrate"),
        (&["accept", "--actor", "Ada", "--json"], "accept-summary"),
    ] {
        let ran = project.run(words);
        assert_eq!(ran.code, 1, "{words:?}");
        let report = ran.json();
        assert_eq!(report["kind"], kind);
        assert_eq!(contract.wrong(&report), None, "{words:?}");
    }
}
