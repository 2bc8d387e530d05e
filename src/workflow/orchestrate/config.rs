//! Which agents there are, and what they may do: `.kittify/agents.yaml`, the
//! selection in `.kittify/config.yaml`, and what the command line says.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::time::Duration;

use super::error::OrchestrateError;
use crate::workflow::file::{FileError, read_text};
use crate::workflow::frontmatter::{Data, Datum};

const MAX_BYTES: u64 = 32 * 1024;

/// How an agent gets its prompt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Prompt {
    Stdin,
    Argument,
}

/// An agent, and how it is run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Agent {
    pub(super) id: String,
    pub(super) implement: Vec<String>,
    pub(super) review: Vec<String>,
    pub(super) prompt: Prompt,
    pub(super) max_concurrent: usize,
    pub(super) timeout: Duration,
}

/// What happens when an agent cannot do it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fallback {
    Next,
    None,
}

/// Everything that decides who does what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Config {
    /// In the order in which they are tried.
    pub(super) implementers: Vec<Agent>,
    pub(super) reviewers: Vec<Agent>,
    pub(super) fallback: Fallback,
    pub(super) max_retries: u32,
    pub(super) retry_delay: Duration,
    pub(super) concurrency: usize,
}

/// What the command line says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Choices {
    /// `--implementer`
    pub implementer: Option<String>,
    /// `--reviewer`
    pub reviewer: Option<String>,
    /// `--max-parallel`
    pub max_parallel: Option<usize>,
}

/// The agents that are known without configuration: id, program, arguments to
/// implement, arguments to review. All take their prompt from stdin.
const KNOWN: [(&str, &str, &[&str], &[&str]); 5] = [
    (
        "claude",
        "claude",
        &[
            "-p",
            "--output-format",
            "json",
            "--dangerously-skip-permissions",
            "--allowedTools",
            "Read,Write,Edit,Bash,Glob,Grep,TodoWrite",
        ],
        &[
            "-p",
            "--output-format",
            "json",
            "--dangerously-skip-permissions",
            "--allowedTools",
            "Read,Glob,Grep,Bash",
        ],
    ),
    (
        "codex",
        "codex",
        &["exec", "-", "--json", "--full-auto"],
        &["exec", "-", "--json", "--full-auto"],
    ),
    (
        "opencode",
        "opencode",
        &["run", "--agent", "build", "--format", "json"],
        &["run", "--agent", "build", "--format", "json"],
    ),
    (
        "gemini",
        "gemini",
        &["-p", "--yolo", "--output-format", "json"],
        &["-p", "--yolo", "--output-format", "json"],
    ),
    (
        "qwen",
        "qwen",
        &["-p", "--yolo", "--output-format", "json"],
        &["-p", "--yolo", "--output-format", "json"],
    ),
];

/// A configuration in which nobody does anything.
pub(super) fn nobody() -> Config {
    Config {
        implementers: Vec::new(),
        reviewers: Vec::new(),
        fallback: Fallback::None,
        max_retries: 0,
        retry_delay: Duration::ZERO,
        concurrency: 1,
    }
}

/// Reads the configuration of the project at `root`.
pub(super) fn read(root: &Path, choices: &Choices) -> Result<Config, OrchestrateError> {
    let agents = yaml(&root.join(".kittify/agents.yaml"))?;
    let project = yaml(&root.join(".kittify/config.yaml"))?;
    let retries = number(agents.get("max_retries"), "max_retries", 3)?;
    let limit = number(agents.get("global_concurrency"), "global_concurrency", 5)?;
    let timeout = number(agents.get("global_timeout"), "global_timeout", 3600)?;
    let delay = number(agents.get("retry_delay_seconds"), "retry_delay_seconds", 5)?;
    let fallback = match text(agents.get("fallback_strategy")) {
        None | Some("next_in_list") => Fallback::Next,
        Some("same_agent" | "fail") => Fallback::None,
        Some(other) => return Err(invalid("fallback_strategy", other)),
    };
    let known = all(&agents, Duration::from_secs(timeout))?;
    let choose =
        |role: &str, named: Option<&String>| chosen(&known, &agents, &project, role, named);
    let implementers = choose("implementation", choices.implementer.as_ref())?;
    let mut reviewers = choose("review", choices.reviewer.as_ref())?;
    if choices.reviewer.is_none() {
        // Better another pair of eyes.
        let first = implementers.first().map(|agent| agent.id.clone());
        reviewers.sort_by_key(|agent| Some(&agent.id) == first.as_ref());
    }
    let limit = choices
        .max_parallel
        .unwrap_or(usize::try_from(limit).unwrap_or(1));
    Ok(Config {
        implementers,
        reviewers,
        fallback,
        max_retries: u32::try_from(retries).unwrap_or(u32::MAX),
        retry_delay: Duration::from_secs(delay),
        concurrency: limit.max(1),
    })
}

/// A configuration file; one that is missing says nothing.
fn yaml(path: &Path) -> Result<Data, OrchestrateError> {
    let text = match read_text(path, MAX_BYTES) {
        Err(FileError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
            return Ok(Data::default());
        }
        other => other?,
    };
    Data::parse(&text).map_err(|error| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        OrchestrateError::Config(format!("{name} cannot be read: {error}"))
    })
}

fn all(file: &Data, limit: Duration) -> Result<BTreeMap<String, Agent>, OrchestrateError> {
    let words = |program: &str, args: &[&str]| -> Vec<String> {
        let all = std::iter::once(&program).chain(args);
        all.map(|word| (*word).to_owned()).collect()
    };
    let mut found: BTreeMap<String, Agent> = KNOWN
        .iter()
        .filter(|(_, program, _, _)| is_installed(program))
        .map(|(id, program, implement, review)| {
            let agent = Agent {
                id: (*id).to_owned(),
                implement: words(program, implement),
                review: words(program, review),
                prompt: Prompt::Stdin,
                max_concurrent: usize::MAX,
                timeout: limit,
            };
            ((*id).to_owned(), agent)
        })
        .collect();
    for (key, settings) in map(file.get("agents")) {
        let Some(id) = text(Some(key)).map(canonical) else {
            continue;
        };
        let get = |name: &str| member(settings, name);
        if text(get("enabled")) == Some("false") {
            found.remove(id);
            continue;
        }
        let command = texts(get("command"));
        if !command.is_empty() {
            let review = texts(get("review_command"));
            found.insert(
                id.to_owned(),
                Agent {
                    id: id.to_owned(),
                    review: if review.is_empty() {
                        command.clone()
                    } else {
                        review
                    },
                    implement: command,
                    prompt: Prompt::Stdin,
                    max_concurrent: usize::MAX,
                    timeout: limit,
                },
            );
        }
        let Some(agent) = found.get_mut(id) else {
            continue;
        };
        if text(get("prompt")) == Some("argument") {
            agent.prompt = Prompt::Argument;
        }
        let at_once = number(get("max_concurrent"), "max_concurrent", 2)?;
        agent.max_concurrent = usize::try_from(at_once).unwrap_or(usize::MAX).max(1);
        let seconds = number(get("timeout_seconds"), "timeout_seconds", limit.as_secs())?;
        agent.timeout = Duration::from_secs(seconds).min(limit);
    }
    Ok(found)
}

/// The agents for a role, in the order in which they are tried: the named one,
/// else the defaults, else the preferred one and then all others.
fn chosen(
    known: &BTreeMap<String, Agent>,
    agents: &Data,
    project: &Data,
    role: &str,
    named: Option<&String>,
) -> Result<Vec<Agent>, OrchestrateError> {
    if let Some(name) = named {
        let agent = known.get(canonical(name)).cloned();
        return agent
            .map(|agent| vec![agent])
            .ok_or_else(|| OrchestrateError::NoSuchAgent {
                name: name.clone(),
                known: known.keys().cloned().collect(),
            });
    }
    let mut ids: Vec<&str> = texts_of(agents.get("defaults").and_then(|map| member(map, role)));
    if ids.is_empty() {
        let section = project.get("agents");
        let key = if role == "review" {
            "preferred_reviewer"
        } else {
            "preferred_implementer"
        };
        let selection = section.and_then(|map| member(map, "selection"));
        ids.extend(text(selection.and_then(|map| member(map, key))));
        ids.extend(texts_of(section.and_then(|map| member(map, "available"))));
        ids.extend(KNOWN.iter().map(|(id, ..)| *id));
        ids.extend(known.keys().map(String::as_str));
    }
    let mut found: Vec<Agent> = Vec::new();
    for id in ids.into_iter().map(canonical) {
        if let Some(agent) = known.get(id).filter(|agent| !found.contains(agent)) {
            found.push(agent.clone());
        }
    }
    if found.is_empty() {
        return Err(OrchestrateError::NoAgent);
    }
    Ok(found)
}

fn canonical(id: &str) -> &str {
    if id == "claude-code" { "claude" } else { id }
}

fn is_installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|dir| dir.join(program).is_file())
}

fn invalid(key: &str, value: &str) -> OrchestrateError {
    OrchestrateError::Config(format!("agents.yaml: '{value}' is no value for {key}"))
}

fn map(datum: Option<&Datum>) -> &[(Datum, Datum)] {
    match datum {
        Some(Datum::Map(pairs)) => pairs,
        _ => &[],
    }
}

fn member<'a>(datum: &'a Datum, name: &str) -> Option<&'a Datum> {
    map(Some(datum))
        .iter()
        .find(|(key, _)| text(Some(key)) == Some(name))
        .map(|(_, value)| value)
}

fn text(datum: Option<&Datum>) -> Option<&str> {
    match datum {
        Some(Datum::Text(text)) => Some(text.trim()).filter(|text| !text.is_empty()),
        _ => None,
    }
}

fn texts_of(datum: Option<&Datum>) -> Vec<&str> {
    match datum {
        Some(Datum::List(items)) => items.iter().filter_map(|item| text(Some(item))).collect(),
        other => text(other).into_iter().collect(),
    }
}

fn texts(datum: Option<&Datum>) -> Vec<String> {
    texts_of(datum).into_iter().map(str::to_owned).collect()
}

fn number(datum: Option<&Datum>, key: &str, default: u64) -> Result<u64, OrchestrateError> {
    match text(datum) {
        None => Ok(default),
        Some(word) => word.parse().map_err(|_| invalid(key, word)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn config(agents: &str, choices: &Choices) -> Result<Config, OrchestrateError> {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join(".kittify")).unwrap();
        fs::write(dir.path().join(".kittify/agents.yaml"), agents).unwrap();
        read(dir.path(), choices)
    }

    const TWO: &str = "defaults:\n  implementation: [one, two]\n  review: [one, two]\nagents:\n  one:\n    command: [sh, one.sh]\n    timeout_seconds: 7\n  two:\n    command: [sh, two.sh]\n    review_command: [sh, review.sh]\n    prompt: argument\n";

    #[test]
    fn custom_agents_are_taken_as_they_are_described() {
        let config = config(TWO, &Choices::default()).unwrap();
        let names =
            |agents: &[Agent]| -> Vec<String> { agents.iter().map(|a| a.id.clone()).collect() };
        assert_eq!(names(&config.implementers), ["one", "two"]);
        assert_eq!(
            names(&config.reviewers),
            ["two", "one"],
            "another pair of eyes"
        );
        assert_eq!(config.implementers[0].timeout, Duration::from_secs(7));
        assert_eq!(config.implementers[1].review, ["sh", "review.sh"]);
        assert_eq!(config.implementers[1].prompt, Prompt::Argument);
    }

    #[test]
    fn what_is_named_wins_and_what_is_wrong_is_named() {
        let named = |name: &str| Choices {
            implementer: Some(name.into()),
            ..Choices::default()
        };
        assert_eq!(config(TWO, &named("two")).unwrap().implementers.len(), 1);
        assert!(matches!(
            config(TWO, &named("ten")),
            Err(OrchestrateError::NoSuchAgent { .. })
        ));
        for bad in ["max_retries: many\n", "fallback_strategy: hope\n", "a: [\n"] {
            let read = config(bad, &Choices::default());
            assert!(matches!(read, Err(OrchestrateError::Config(_))), "{bad}");
        }
    }
}
