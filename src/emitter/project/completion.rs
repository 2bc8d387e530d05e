//! The text of `.kittify/config.yaml`, completed.
//!
//! Pure: text in, text out. Completing only ever inserts, so every byte, key
//! and comment of the user's stays where it was. The result is parsed back and
//! refused unless it says what the old text said and the added values besides.

use uuid::Uuid;
use yaml_edit::{Mapping, MappingEntry, YamlNode};

use super::file::{FileFault, Section, root_of, section_of};

/// The keys of the section `project` that are ours to fill in.
const OURS: [&str; 3] = ["uuid", "slug", "node_id"];

/// The three values that every project has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Values {
    pub(super) uuid: Uuid,
    pub(super) slug: String,
    pub(super) node_id: String,
}

/// The text with the values that `parse` found missing added to it.
///
/// # Errors
/// The fault of the file, or [`FileFault::Uncompletable`].
pub(super) fn complete(text: &str, values: &Values) -> Result<String, FileFault> {
    let root = root_of(text)?;
    let section = root.as_ref().map_or(Ok(Section::default()), section_of)?;
    let wanted = [
        ("uuid", section.uuid.is_none(), values.uuid.to_string()),
        ("slug", section.slug.is_none(), values.slug.clone()),
        ("node_id", section.node_id.is_none(), values.node_id.clone()),
    ];
    let missing: Vec<(&'static str, String)> = wanted
        .into_iter()
        .filter(|(_, is_missing, _)| *is_missing)
        .map(|(key, _, value)| (key, plain_or_quoted(&value)))
        .collect();
    if missing.is_empty() {
        return Ok(text.to_owned());
    }
    let insertions = plan(text, root.as_ref(), &missing).ok_or(FileFault::Uncompletable)?;
    let completed = insert(text, insertions).ok_or(FileFault::Uncompletable)?;
    verify(root.as_ref(), &completed, section, values)
        .then_some(completed)
        .ok_or(FileFault::Uncompletable)
}

/// A text to put in at a byte offset.
type Insertion = (usize, String);

/// Where the missing values go; `None` where there is no place for them.
fn plan(
    text: &str,
    root: Option<&Mapping>,
    missing: &[(&'static str, String)],
) -> Option<Vec<Insertion>> {
    let newline = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let lines = |indent: &str| -> String {
        missing
            .iter()
            .map(|(key, value)| format!("{newline}{indent}{key}: {value}"))
            .collect()
    };
    let Some(entry) = root.and_then(|root| root.find_entry_by_key("project")) else {
        let gap = match text.is_empty() || text.ends_with('\n') {
            true => "",
            // A line break at the end of a block scalar would become part of it.
            false if root.is_some_and(ends_in_block_scalar) => return None,
            false => newline,
        };
        return Some(vec![(
            text.len(),
            format!("{gap}project:{}{newline}", lines("  ")),
        )]);
    };
    match entry.value_node()? {
        YamlNode::Scalar(_) => {
            let at = empty_position(text, &entry)?;
            let indent = format!("{}  ", indentation(text, at)?);
            Some(vec![(line_end(text, at)?, lines(&indent))])
        }
        YamlNode::Mapping(project) if project.is_flow_style() => {
            let start = usize::try_from(project.byte_range().start).ok()?;
            let pairs: Vec<String> = missing
                .iter()
                .map(|(key, value)| format!("{key}: {value}"))
                .collect();
            let tail = if project.is_empty() { "" } else { ", " };
            Some(vec![(start + 1, pairs.join(", ") + tail)])
        }
        YamlNode::Mapping(project) => plan_block(text, &project, missing, newline),
        _ => None,
    }
}

fn ends_in_block_scalar(root: &Mapping) -> bool {
    let mut last = root.entries().last().and_then(|entry| entry.value_node());
    loop {
        last = match last {
            Some(YamlNode::Scalar(scalar)) => return scalar.is_block(),
            Some(YamlNode::Mapping(mapping)) => mapping
                .entries()
                .last()
                .and_then(|entry| entry.value_node()),
            Some(YamlNode::Sequence(sequence)) => sequence.last(),
            // What a tag hides is not worth the risk.
            Some(YamlNode::TaggedNode(_)) => return true,
            Some(YamlNode::Alias(_)) | None => return false,
        }
    }
}

/// Fills empty values where they stand and adds missing keys behind the last one.
fn plan_block(
    text: &str,
    project: &Mapping,
    missing: &[(&'static str, String)],
    newline: &str,
) -> Option<Vec<Insertion>> {
    let last = project.entries().last()?;
    let last_end = usize::try_from(last.value_node()?.byte_range().end).ok()?;
    let first_key = project.entries().next()?.key_node()?;
    let indent = indentation(text, usize::try_from(first_key.byte_range().start).ok()?)?;
    let mut insertions = Vec::new();
    let mut added = String::new();
    for (key, value) in missing {
        match project.find_entry_by_key(*key) {
            Some(entry) => {
                insertions.push((empty_position(text, &entry)?, format!(" {value}")));
            }
            None => added.push_str(&format!("{newline}{indent}{key}: {value}")),
        }
    }
    if !added.is_empty() {
        insertions.push((line_end(text, last_end)?, added));
    }
    Some(insertions)
}

/// Where the value of an entry would stand that has none, right behind its
/// colon; `None` for an entry that has one (`~` and `""` are values).
fn empty_position(text: &str, entry: &MappingEntry) -> Option<usize> {
    let value = entry.value_node()?.byte_range();
    let key_end = usize::try_from(entry.key_node()?.byte_range().end).ok()?;
    let is_empty = value.start == value.end && text.get(key_end..)?.starts_with(':');
    is_empty.then_some(key_end + 1)
}

/// The white space that the line around `at` begins with.
fn indentation(text: &str, at: usize) -> Option<&str> {
    let before = text.get(..at)?;
    let line = before.rsplit('\n').next()?.trim_start_matches('\u{feff}');
    let code = line.trim_start_matches(' ');
    line.get(..line.len() - code.len())
}

/// Where the line around `at` ends, its line break not included. A value that
/// already took the line break along ends on the line before.
fn line_end(text: &str, at: usize) -> Option<usize> {
    let before = text.get(..at)?;
    let end = match text.get(at..)?.find('\n') {
        _ if before.ends_with('\n') => at - 1,
        Some(distance) => at + distance,
        None => text.len(),
    };
    let line = text.get(..end)?;
    Some(line.len() - usize::from(line.ends_with('\r')))
}

fn insert(text: &str, mut insertions: Vec<Insertion>) -> Option<String> {
    insertions.sort_by_key(|(at, _)| *at);
    let mut result = String::with_capacity(text.len() + 128);
    let mut copied = 0;
    for (at, added) in insertions {
        result.push_str(text.get(copied..at)?);
        result.push_str(&added);
        copied = at;
    }
    result.push_str(text.get(copied..)?);
    Some(result)
}

/// A scalar that every YAML version reads as this text.
fn plain_or_quoted(value: &str) -> String {
    let is_uuid = value.len() == 36 && Uuid::parse_str(value).is_ok();
    let is_word = value.starts_with(|first: char| first.is_ascii_lowercase())
        && value
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        && !matches!(
            value,
            "true" | "false" | "null" | "yes" | "no" | "on" | "off" | "y" | "n"
        );
    if is_uuid || is_word {
        value.to_owned()
    } else {
        format!("'{}'", value.replace('\'', "''"))
    }
}

/// Whether `completed` says what the old text said, and the wanted values.
fn verify(old: Option<&Mapping>, completed: &str, section: Section, values: &Values) -> bool {
    let Ok(Some(new)) = root_of(completed) else {
        return false;
    };
    let expected = Section {
        uuid: section.uuid.or(Some(values.uuid)),
        slug: section.slug.or_else(|| Some(values.slug.clone())),
        node_id: section.node_id.or_else(|| Some(values.node_id.clone())),
        repo_slug: section.repo_slug,
    };
    let kept = old.map(everything_else).unwrap_or_default();
    section_of(&new) == Ok(expected) && everything_else(&new) == kept
}

/// The data of a file apart from the three values, in one comparable list.
fn everything_else(root: &Mapping) -> Vec<String> {
    let mut data = Vec::new();
    for (key, value) in pairs(root) {
        match value {
            Some(YamlNode::Mapping(project)) if key == "project" => {
                for (key, value) in pairs(&project) {
                    if !OURS.contains(&key.as_str()) {
                        flatten(key, value, &mut data);
                    }
                }
            }
            // An empty section: what is put into it is checked by its values.
            Some(YamlNode::Scalar(scalar)) if key == "project" && scalar.is_null() => {}
            value => flatten(key, value, &mut data),
        }
    }
    data
}

fn pairs(mapping: &Mapping) -> impl Iterator<Item = (String, Option<YamlNode>)> {
    mapping.entries().map(|entry| {
        let key = match entry.key_node() {
            Some(YamlNode::Scalar(scalar)) => scalar.as_string(),
            Some(other) => other.to_string(),
            None => String::new(),
        };
        (key, entry.value_node())
    })
}

/// Appends the data under `key`. The parser bounds the depth.
fn flatten(key: String, value: Option<YamlNode>, data: &mut Vec<String>) {
    data.push(key);
    match value {
        Some(YamlNode::Scalar(scalar)) => {
            data.push(scalar.as_string());
            data.push(scalar.value().trim_end().to_owned());
        }
        Some(YamlNode::Mapping(mapping)) => {
            data.push("{".to_owned());
            for (key, value) in pairs(&mapping) {
                flatten(key, value, data);
            }
            data.push("}".to_owned());
        }
        Some(YamlNode::Sequence(sequence)) => {
            data.push("[".to_owned());
            for value in sequence.values() {
                flatten("-".to_owned(), Some(value), data);
            }
            data.push("]".to_owned());
        }
        Some(other) => data.push(other.to_string().trim_end().to_owned()),
        None => data.push(String::new()),
    }
}

#[cfg(test)]
#[path = "completion_tests.rs"]
mod tests;
