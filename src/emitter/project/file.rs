//! The text of `.kittify/config.yaml`, read.
//!
//! Pure: text in, values out. What is not understood is a fault that names
//! itself, never a guess, with one exception on the side of privacy: a `sync`
//! section that cannot be understood counts as "do not send".

use thiserror::Error;
use uuid::Uuid;
use yaml_edit::{Document, Mapping, YamlNode};

use super::plain;

/// Values are names: longer ones are not taken over.
const MAX_VALUE_BYTES: usize = 256;

/// Why a project's file cannot be used as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum FileFault {
    /// The file is no YAML mapping.
    #[error("is not valid YAML")]
    Malformed,
    /// A key that may stand there once stands there twice, or is merged in from elsewhere.
    #[error("leaves open what `{0}` is")]
    Ambiguous(&'static str),
    /// `project` is neither empty nor a mapping of names to values.
    #[error("has a `{0}` that cannot be used")]
    Unusable(&'static str),
    /// The missing values cannot be added without touching anything else.
    #[error("cannot be completed without changing other parts of it")]
    Uncompletable,
}

/// What the section `sync` asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::emitter) struct Wishes {
    /// Events of this project stay on this machine.
    pub(in crate::emitter) opted_out: bool,
    /// Commands in this project start no background sender. Only an explicit
    /// `auto_start: false` says so, as in the Python tool.
    pub(in crate::emitter) no_auto_start: bool,
}

/// What the file says about the project.
#[derive(Debug)]
pub(super) struct ProjectFile {
    /// The section `sync`.
    pub(super) wishes: Wishes,
    /// The section `project`.
    pub(super) section: Result<Section, FileFault>,
}

/// The section `project`; a missing or empty value is `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Section {
    pub(super) uuid: Option<Uuid>,
    pub(super) slug: Option<String>,
    pub(super) node_id: Option<String>,
    pub(super) repo_slug: Option<String>,
}

/// Reads the text of the file; an empty text is a file without any section.
pub(super) fn parse(text: &str) -> ProjectFile {
    plain::parse(text).unwrap_or_else(|| parse_yaml(text))
}

/// The same, whatever YAML it is.
pub(super) fn parse_yaml(text: &str) -> ProjectFile {
    match root_of(text) {
        Ok(None) => ProjectFile {
            wishes: Wishes::default(),
            section: Ok(Section::default()),
        },
        Ok(Some(root)) => ProjectFile {
            wishes: Wishes {
                opted_out: opted_out(&root),
                no_auto_start: no_auto_start(&root),
            },
            section: section_of(&root),
        },
        Err(fault) => ProjectFile {
            wishes: Wishes::default(),
            section: Err(fault),
        },
    }
}

/// The mapping at the top of the text; `None` when there is nothing but comments.
pub(super) fn root_of(text: &str) -> Result<Option<Mapping>, FileFault> {
    if text.chars().any(|character| {
        character.is_control() && !matches!(character, '\n' | '\r' | '\t' | '\u{85}')
    }) {
        return Err(FileFault::Malformed);
    }
    let document = Document::from_str_ignoring_comments(text).map_err(|_| FileFault::Malformed)?;
    if let Some(mapping) = document.as_mapping() {
        return Ok(Some(mapping));
    }
    let something = document.as_sequence().is_some()
        || document.as_scalar().is_some()
        || document.as_tagged().is_some();
    let only_comments = text
        .trim_start_matches('\u{feff}')
        .lines()
        .map(str::trim)
        .all(|line| line.is_empty() || line.starts_with('#') || line == "---");
    if something || !only_comments {
        return Err(FileFault::Malformed);
    }
    Ok(None)
}

/// What a mapping says under a key.
enum Found {
    Absent,
    Value(YamlNode),
    /// Twice there, or possibly merged in by `<<`.
    Unclear,
}

fn lookup(mapping: &Mapping, key: &'static str) -> Found {
    let mut entries = mapping.find_all_entries_by_key(key);
    match (entries.next(), entries.next()) {
        (None, _) if mapping.contains_key("<<") => Found::Unclear,
        (None, _) => Found::Absent,
        (Some(entry), None) => entry.value_node().map_or(Found::Absent, Found::Value),
        (Some(_), Some(_)) => Found::Unclear,
    }
}

fn opted_out(root: &Mapping) -> bool {
    match lookup(root, "sync") {
        Found::Absent => false,
        Found::Value(YamlNode::Mapping(sync)) => match lookup(&sync, "enabled") {
            Found::Absent => false,
            Found::Value(value) => !says_yes(&value),
            Found::Unclear => true,
        },
        Found::Value(value) => !says_yes(&value),
        Found::Unclear => true,
    }
}

fn no_auto_start(root: &Mapping) -> bool {
    let Found::Value(YamlNode::Mapping(sync)) = lookup(root, "sync") else {
        return false;
    };
    match lookup(&sync, "auto_start") {
        Found::Absent => false,
        Found::Value(value) => !says_yes(&value),
        Found::Unclear => true,
    }
}

/// Nothing said is a yes; everything that is not clearly a yes is a no.
fn says_yes(value: &YamlNode) -> bool {
    let YamlNode::Scalar(scalar) = value else {
        return false;
    };
    scalar.is_null() || means_yes(&scalar.as_string())
}

pub(super) fn means_yes(word: &str) -> bool {
    let yes = ["true", "yes", "on", "y", "1"];
    yes.iter().any(|yes| word.eq_ignore_ascii_case(yes))
}

/// The section of which these are the values.
pub(super) fn section_from(
    value: impl Fn(&'static str) -> Option<String>,
) -> Result<Section, FileFault> {
    let text = |key| value(key).map(|text| usable(text, key)).transpose();
    let uuid = text("uuid")?;
    Ok(Section {
        uuid: uuid.map(|text| uuid_of(&text)).transpose()?,
        slug: text("slug")?,
        node_id: text("node_id")?,
        repo_slug: text("repo_slug")?,
    })
}

fn usable(text: String, key: &'static str) -> Result<String, FileFault> {
    let usable = text.len() <= MAX_VALUE_BYTES
        && !text.trim().is_empty()
        && !text.chars().any(char::is_control);
    usable
        .then(|| text.trim().to_owned())
        .ok_or(FileFault::Unusable(key))
}

pub(super) fn section_of(root: &Mapping) -> Result<Section, FileFault> {
    match lookup(root, "project") {
        Found::Absent => Ok(Section::default()),
        Found::Value(YamlNode::Scalar(scalar)) if scalar.is_null() => Ok(Section::default()),
        Found::Value(YamlNode::Mapping(project)) => Ok(Section {
            uuid: text_of(&project, "uuid")?
                .map(|text| uuid_of(&text))
                .transpose()?,
            slug: text_of(&project, "slug")?,
            node_id: text_of(&project, "node_id")?,
            repo_slug: text_of(&project, "repo_slug")?,
        }),
        Found::Value(_) => Err(FileFault::Unusable("project")),
        Found::Unclear => Err(FileFault::Ambiguous("project")),
    }
}

fn text_of(project: &Mapping, key: &'static str) -> Result<Option<String>, FileFault> {
    match lookup(project, key) {
        Found::Absent => Ok(None),
        Found::Value(YamlNode::Scalar(scalar)) if scalar.is_null() => Ok(None),
        Found::Value(YamlNode::Scalar(scalar)) => usable(scalar.as_string(), key).map(Some),
        Found::Value(_) => Err(FileFault::Unusable(key)),
        Found::Unclear => Err(FileFault::Ambiguous(key)),
    }
}

fn uuid_of(text: &str) -> Result<Uuid, FileFault> {
    Uuid::parse_str(text)
        .ok()
        .filter(|uuid| !uuid.is_nil())
        .ok_or(FileFault::Unusable("uuid"))
}

#[cfg(test)]
#[path = "file_tests.rs"]
mod tests;
