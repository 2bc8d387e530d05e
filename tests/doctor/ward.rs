//! A home that is looked at, with nothing of the tester's own around it.

use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use crate::support::{Bench, Ran, ran};

/// A home, a home directory of its user, and a directory to stand in.
pub struct Ward {
    pub bench: Bench,
    pub dir: tempfile::TempDir,
}

impl Ward {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        for name in ["user", "here"] {
            std::fs::create_dir(dir.path().join(name)).unwrap();
        }
        Self {
            bench: Bench::of_this_machine(),
            dir,
        }
    }

    /// With a few events, somebody signed in, and everything delivered.
    pub fn healthy() -> Self {
        let ward = Self::new();
        ward.bench.sign_in("alice");
        let answers: Vec<_> = (1..=3)
            .map(|seq| {
                ward.bench.note("well");
                (
                    seq,
                    crate::support::id(seq - 1),
                    spec_kitty::state::Outcome::Delivered,
                )
            })
            .collect();
        ward.bench.answered(crate::support::PROJECT, &answers);
        ward
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// A file of the home.
    pub fn file(&self, name: &str) -> PathBuf {
        self.bench.home().join(name)
    }

    /// The program, standing in `here`.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.bench.command(arguments);
        command
            .current_dir(self.path("here"))
            .env("HOME", self.path("user"));
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Ran {
        ran(&mut self.command(arguments))
    }

    pub fn checks(&self) -> Vec<Value> {
        self.checks_of(self.command(&["--json", "doctor"]))
    }

    /// What the command found; its exit code must be the one for that.
    pub fn checks_of(&self, mut command: Command) -> Vec<Value> {
        let ran = ran(&mut command);
        let report: Value = serde_json::from_str(&ran.stdout).unwrap_or_else(|_| panic!("{ran:?}"));
        assert_eq!(
            (&report["kind"], &report["v"]),
            (&"doctor".into(), &1.into())
        );
        let checks = report["checks"].as_array().unwrap().clone();
        let is_bad = checks.iter().any(|check| check["state"] == "problem");
        assert_eq!(ran.code, Some(if is_bad { 5 } else { 0 }), "{ran:?}");
        checks
    }

    /// The one check with this name.
    pub fn check(&self, id: &str) -> Value {
        of(&self.checks(), id)
    }

    /// What is not as it should be, by name.
    pub fn findings(&self) -> Vec<(String, String)> {
        let checks = self.checks();
        let bad = checks.iter().filter(|check| check["state"] != "ok");
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        bad.map(|check| (text(&check["id"]), text(&check["state"])))
            .collect()
    }
}

pub fn of(checks: &[Value], id: &str) -> Value {
    let mut found = checks.iter().filter(|check| check["id"] == id);
    let one = found
        .next()
        .unwrap_or_else(|| panic!("no {id}: {checks:#?}"));
    assert!(found.next().is_none(), "{id} is there twice");
    one.clone()
}

/// `state` and `fix` of a check, whose detail must hold these words.
#[track_caller]
pub fn is(check: &Value, state: &str, words: &str, fix: Option<&str>) {
    assert_eq!(check["state"], state, "{check}");
    assert!(check["detail"].as_str().unwrap().contains(words), "{check}");
    match fix {
        Some(fix) => assert_eq!(check["fix"], fix, "{check}"),
        None => assert!(check["fix"].is_null(), "{check}"),
    }
}
