//! The project that the demo works on: a tea timer, in three work packages.
//!
//! The layout is the one of every spec-kitty project; the files are short but
//! whole. What depends on what is said in tasks.md alone: `finalize-tasks` finds
//! it there. Names are ours and fixed, so no path comes from outside.

use std::path::{Path, PathBuf};

use uuid::Uuid;

use super::DemoError;

/// The feature.
pub(super) const FEATURE: &str = "001-tea-timer";
/// The branch that the repository is on, and that the feature targets.
pub(super) const BRANCH: &str = "main";

/// One work package.
struct Package {
    id: &'static str,
    file: &'static str,
    title: &'static str,
    subtasks: [(&'static str, &'static str); 2],
    depends_on: Option<&'static str>,
    /// The file that its work consists of, and what is in it.
    source: &'static str,
    code: &'static str,
}

const PACKAGES: [Package; 3] = [
    Package {
        id: "WP01",
        file: "WP01-read-a-duration.md",
        title: "Read a duration",
        subtasks: [
            ("T001", "Parse minutes and seconds"),
            ("T002", "Refuse what is not a duration, with an example"),
        ],
        depends_on: None,
        source: "duration.sh",
        code: "seconds() { echo $((${1%m*} * 60)); }\n",
    },
    Package {
        id: "WP02",
        file: "WP02-count-down.md",
        title: "Count down",
        subtasks: [
            ("T003", "Show the time that is left"),
            ("T004", "Survive a closed laptop lid"),
        ],
        depends_on: Some("WP01"),
        source: "countdown.sh",
        code: "count_down() { sleep \"$1\"; }\n",
    },
    Package {
        id: "WP03",
        file: "WP03-ring.md",
        title: "Ring when the tea is ready",
        subtasks: [
            ("T005", "Ring once"),
            ("T006", "Ring again until somebody comes"),
        ],
        depends_on: Some("WP02"),
        source: "ring.sh",
        code: "ring() { printf '\\a'; }\n",
    },
];

/// Writes the whole project into `root`, which exists and is empty.
pub(super) fn write(root: &Path) -> Result<(), DemoError> {
    let feature = Path::new("kitty-specs").join(FEATURE);
    let tasks = feature.join("tasks");
    put(
        root,
        Path::new("README.md"),
        "# Tea timer\n\nRings when the tea is ready.\n",
    )?;
    put(root, Path::new(".gitignore"), ".worktrees/\n")?;
    put(root, &Path::new(".kittify").join("config.yaml"), &config())?;
    put(root, &feature.join("meta.json"), &meta())?;
    put(root, &feature.join("spec.md"), SPEC)?;
    put(root, &feature.join("plan.md"), PLAN)?;
    put(root, &feature.join("tasks.md"), &tasks_md())?;
    for package in &PACKAGES {
        put(root, &tasks.join(package.file), &prompt(package))?;
    }
    Ok(())
}

/// Does the work of a package in its worktree, as an agent does between two
/// commands; the worktree, from the root.
pub(super) fn build(root: &Path, wp_id: &str) -> Result<PathBuf, DemoError> {
    let worktree = Path::new(".worktrees").join(format!("{FEATURE}-{wp_id}"));
    for package in PACKAGES.iter().filter(|package| package.id == wp_id) {
        put(root, &worktree.join(package.source), package.code)?;
    }
    Ok(worktree)
}

fn put(root: &Path, path: &Path, text: &str) -> Result<(), DemoError> {
    let full = root.join(path);
    if let Some(dir) = full.parent() {
        std::fs::create_dir_all(dir).map_err(DemoError::io("make", dir))?;
    }
    std::fs::write(&full, text).map_err(DemoError::io("write", &full))
}

fn config() -> String {
    format!(
        "vcs:\n  type: git\nagents:\n  available:\n  - claude\n  - codex\n\
         project:\n  uuid: {}\n  slug: tea-timer\n",
        Uuid::new_v4()
    )
}

fn meta() -> String {
    let meta = serde_json::json!({
        "feature_number": "001",
        "slug": FEATURE,
        "friendly_name": "Tea Timer",
        "mission": "software-dev",
        "source_description": "A timer that rings when the tea is ready.",
        "created_at": "2026-01-05T09:00:00Z",
        "target_branch": BRANCH,
        "vcs": "git",
    });
    format!("{meta:#}\n")
}

fn tasks_md() -> String {
    let mut text = "# Work Packages: Tea Timer\n".to_owned();
    for package in &PACKAGES {
        text.push_str(&format!(
            "\n---\n\n## Work Package {}: {} (Priority: P1)\n\n\
             **Prompt**: `/tasks/{}`\n\n### Included Subtasks\n",
            package.id, package.title, package.file
        ));
        for (id, what) in package.subtasks {
            text.push_str(&format!("- [ ] {id} {what}\n"));
        }
        text.push_str("\n### Dependencies\n");
        match package.depends_on {
            Some(other) => text.push_str(&format!("- Depends on {other}.\n")),
            None => text.push_str("- None.\n"),
        }
    }
    text
}

fn prompt(package: &Package) -> String {
    let [(first, first_text), (second, second_text)] = package.subtasks;
    let (id, title) = (package.id, package.title);
    format!(
        "---\nwork_package_id: {id}\ntitle: {title}\nlane: planned\n\
         dependencies: []\nsubtasks:\n- {first}\n- {second}\n\
         phase: Phase 1 - The timer\nassignee: ''\nagent: ''\nshell_pid: ''\n\
         review_status: ''\nreviewed_by: ''\nhistory:\n\
         - timestamp: '2026-01-05T09:00:00Z'\n  lane: planned\n  agent: system\n\
         \x20 shell_pid: ''\n  action: Prompt written for the demo\n---\n\n\
         # Work Package Prompt: {id} - {title}\n\n## Objectives\n\n\
         - {first_text}\n- {second_text}\n\n## Activity Log\n\n\
         - 2026-01-05T09:00:00Z – system – lane=planned – Prompt written for the demo\n"
    )
}

const SPEC: &str = "# Feature: Tea Timer\n\nSomebody makes tea and forgets it. \
    The timer takes a duration, counts down, and rings.\n";

const PLAN: &str = "# Plan: Tea Timer\n\nOne command, three parts: read the duration, \
    count down, ring.\n";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_work_on_a_package_lands_in_its_own_worktree() {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path()).unwrap();
        for package in &PACKAGES {
            let worktree = dir.path().join(build(dir.path(), package.id).unwrap());
            assert!(worktree.ends_with(format!("{FEATURE}-{}", package.id)));
            let code = std::fs::read_to_string(worktree.join(package.source)).unwrap();
            assert_eq!(code, package.code);
            assert!(!dir.path().join(package.source).exists());
        }
    }
}
