//! What tasks.md says about who waits for whom.
//!
//! People write it in many ways: a `### Dependencies` list, a `**Dependencies**:`
//! line, "Depends on WP01 (why), WP02 (why)", ranges (`WP01-WP05`, `WP01-05`,
//! "WP01 through WP05"), "all previous WPs". A reason in parentheses names no
//! dependency, nor does a sentence about another work package or a subtask. A
//! section that says nothing is told apart from one that says "None".

use std::collections::BTreeMap;

use super::markdown::{Fences, heading, text_lines};
use super::tasks_md::work_package_heading;
use super::work_package::WpId;

/// What a section says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Stated {
    /// The dependencies, sorted, each once.
    pub ids: Vec<WpId>,
    /// Whether it says that there is none, or names some.
    pub is_explicit: bool,
}

/// What each section of `tasks` says. `all` are the work packages that there
/// are, for "all previous" and the inside of ranges.
#[must_use]
pub(crate) fn dependencies(tasks: &str, all: &[WpId]) -> BTreeMap<WpId, Stated> {
    let found = read(tasks, all, Fences::Respected);
    // Fences that nobody can untangle may hide sections; those are looked for again.
    let mut everything = read(tasks, all, Fences::Ignored);
    everything.extend(found);
    everything
}

/// Where in a section a line stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Area {
    /// Under a heading, or behind an empty field, that is called Dependencies.
    Dependencies,
    Elsewhere,
}

fn read(tasks: &str, all: &[WpId], fences: Fences) -> BTreeMap<WpId, Stated> {
    let mut found: BTreeMap<WpId, Stated> = BTreeMap::new();
    let mut owner: Option<(usize, WpId)> = None;
    let mut area = Area::Elsewhere;
    for line in text_lines(tasks, fences) {
        if let Some((level, id)) = work_package_heading(line.text) {
            owner = id.parse().ok().map(|id| (level, id));
            area = Area::Elsewhere;
            if let Some((_, id)) = owner {
                found.entry(id).or_default();
            }
            continue;
        }
        if let Some((level, title)) = heading(line.text) {
            owner = owner.filter(|(own, _)| level > *own);
            area = match field(title) {
                Some("") => Area::Dependencies,
                _ => Area::Elsewhere,
            };
            continue;
        }
        let Some((_, id)) = owner else { continue };
        let Some(stated) = found.get_mut(&id) else {
            continue;
        };
        let text = plain(line.text);
        if let Some(rest) = field(&text) {
            area = if rest.is_empty() {
                Area::Dependencies
            } else {
                Area::Elsewhere
            };
            Reader { id, all }.statement(rest, stated);
        } else if is_other_field(line.text) {
            area = Area::Elsewhere;
            Reader { id, all }.aside(&text, stated);
        } else if area == Area::Dependencies {
            Reader { id, all }.statement(&text, stated);
        } else {
            Reader { id, all }.aside(&text, stated);
        }
    }
    for stated in found.values_mut() {
        stated.ids.sort_unstable();
        stated.ids.dedup();
    }
    found
}

/// The text of a line without its bullet, emphasis, brackets, and without what
/// stands in parentheses, unless that is nothing but ids.
fn plain(line: &str) -> String {
    let line = line
        .trim()
        .trim_start_matches(['-', '*', '+', '>', ' ', '\t']);
    let line: String = line.chars().filter(|c| !"*_`[]".contains(*c)).collect();
    let (mut text, mut rest) = (String::new(), line.as_str());
    while let Some((before, after)) = rest.split_once('(') {
        text.push_str(before);
        let (inside, behind) = matching(after);
        if is_id_list(inside) {
            text.push_str(inside);
        }
        rest = behind;
    }
    text.push_str(rest);
    text.trim().to_owned()
}

/// What stands before the parenthesis that closes, and behind it.
fn matching(text: &str) -> (&str, &str) {
    let mut open = 1_usize;
    for (at, c) in text.char_indices() {
        match c {
            '(' => open += 1,
            ')' => open -= 1,
            _ => {}
        }
        if open == 0 {
            return (
                text.get(..at).unwrap_or_default(),
                text.get(at + 1..).unwrap_or_default(),
            );
        }
    }
    (text, "")
}

fn is_id_list(text: &str) -> bool {
    let mut words = text
        .split([',', ' ', '/', '&', '+', '-', '–'])
        .filter(|word| !word.is_empty());
    words.clone().next().is_some()
        && words.all(|word| id_at(word) == Some(("", word.len())) || id_of(word).is_some())
}

fn id_of(word: &str) -> Option<WpId> {
    word.parse().ok()
}

/// What stands behind the field name `Dependencies` and its colon.
fn field(text: &str) -> Option<&str> {
    let text = text.trim();
    let word = ["dependencies", "dependency", "depends on"]
        .iter()
        .find(|word| {
            text.get(..word.len())
                .is_some_and(|start| start.eq_ignore_ascii_case(word))
        })?;
    let rest = text.get(word.len()..)?.trim_start();
    match rest.strip_prefix(':') {
        Some(rest) => Some(rest.trim()),
        None => rest.is_empty().then_some(""),
    }
}

/// Whether a line starts another field, such as `**Parallel**: YES`.
fn is_other_field(line: &str) -> bool {
    let line = line.trim().trim_start_matches("- ");
    let Some((name, rest)) = line
        .strip_prefix("**")
        .and_then(|rest| rest.split_once("**"))
    else {
        return false;
    };
    (name.ends_with(':') || rest.starts_with(':')) && id_at(name).is_none()
}

/// Reads the lines of one section.
struct Reader<'a> {
    id: WpId,
    all: &'a [WpId],
}

/// Words that open a list of dependencies.
const OPENERS: [&str; 7] = [
    "depends on",
    "depend on",
    "blocked by",
    "requires",
    "needs",
    "waits for",
    "after",
];
/// Words with which a line is not about what this work package waits for.
const OTHERWISE: [&str; 11] = [
    "independent",
    "not ",
    "no ",
    "without",
    "blocks",
    "unblocks",
    "before",
    "parallel",
    "enables",
    "required by",
    "needed by",
];

impl Reader<'_> {
    /// A line that is about dependencies.
    fn statement(&self, text: &str, stated: &mut Stated) {
        let text = text.trim();
        let lower = text.to_ascii_lowercase();
        if text.is_empty() {
            return;
        }
        let none = [
            "none",
            "no dependencies",
            "no dependency",
            "nothing",
            "n/a",
            "-",
            "—",
            "–",
        ];
        if none
            .iter()
            .any(|word| lower == *word || begins_with_word(&lower, word))
        {
            stated.is_explicit = true;
            return;
        }
        let opener = OPENERS.iter().find(|word| begins_with_word(&lower, word));
        let rest = text
            .get(opener.map_or(0, |word| word.len())..)
            .unwrap_or_default();
        let mut ids = self.list(rest);
        if ids.is_empty() && !OTHERWISE.iter().any(|word| lower.contains(word)) {
            ids = every_id(text);
        }
        stated.is_explicit |= !ids.is_empty();
        stated.ids.extend(ids);
        self.aside(rest, stated);
    }

    /// A line that is about something else, and may say "depends on" all the same.
    fn aside(&self, text: &str, stated: &mut Stated) {
        let lower = text.to_ascii_lowercase();
        for opener in ["depends on", "depend on"] {
            for (at, _) in lower.match_indices(opener) {
                let before = text.get(..at).unwrap_or_default();
                let rest = text.get(at + opener.len()..).unwrap_or_default();
                let negated = ["not ", "n't "]
                    .iter()
                    .any(|word| before.to_ascii_lowercase().ends_with(word));
                if names_a_subject(before) || negated {
                    continue;
                }
                let ids = self.list(rest);
                stated.is_explicit |= !ids.is_empty();
                stated.ids.extend(ids);
            }
        }
    }

    /// The list that `text` begins with; it ends at the first other word.
    fn list(&self, text: &str) -> Vec<WpId> {
        let mut ids = Vec::new();
        let mut rest = text;
        loop {
            rest = rest.trim_start_matches([' ', '\t', ',', '&', '+', '/', ';', ':']);
            rest = ["and ", "plus "]
                .iter()
                .find_map(|word| rest.strip_prefix(word))
                .unwrap_or(rest)
                .trim_start();
            if let Some((found, behind)) = self.group(rest) {
                ids.extend(found);
                rest = behind;
            } else if let Some((id, behind)) = leading_id(rest) {
                let (last, behind) =
                    range_end(behind).map_or((id, behind), |(last, behind)| (last, behind));
                ids.extend(self.range(id, last));
                rest = behind;
            } else {
                return ids;
            }
        }
    }

    /// "all previous WPs" and the like.
    fn group<'t>(&self, text: &'t str) -> Option<(Vec<WpId>, &'t str)> {
        let lower = text.to_ascii_lowercase();
        let rest = lower.strip_prefix("all ")?;
        let rest = rest
            .strip_prefix("of the ")
            .or_else(|| rest.strip_prefix("the "))
            .unwrap_or(rest);
        let previous = ["previous", "prior", "preceding", "earlier", "above"];
        let is_previous = previous.iter().any(|word| rest.starts_with(word));
        let is_other = rest.starts_with("other ");
        let noun = ["wp", "work package", "previous", "prior"]
            .iter()
            .any(|word| rest.contains(word));
        if !(is_previous || is_other) || !noun && !rest.starts_with("above") {
            return None;
        }
        let wanted = |other: &&WpId| {
            if is_other {
                **other != self.id
            } else {
                **other < self.id
            }
        };
        Some((self.all.iter().filter(wanted).copied().collect(), ""))
    }

    /// Both ends, and what there is between them.
    fn range(&self, first: WpId, last: WpId) -> Vec<WpId> {
        let (first, last) = (first.min(last), first.max(last));
        let inside = self.all.iter().filter(|id| (first..=last).contains(id));
        let mut ids: Vec<WpId> = inside.copied().collect();
        ids.extend([first, last]);
        ids.sort_unstable();
        ids.dedup();
        ids
    }
}

fn begins_with_word(text: &str, word: &str) -> bool {
    text.strip_prefix(word)
        .is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '-'))
}

/// Whether a work package or a subtask stands in front of "depends on".
fn names_a_subject(text: &str) -> bool {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric());
    let mut names =
        words.filter(|word| id_of(word).is_some() || super::tasks_md::is_subtask_id(word));
    names.next().is_some()
}

/// The first id in `text`: what stands before it, and where it ends.
fn id_at(text: &str) -> Option<(&str, usize)> {
    text.match_indices("WP").find_map(|(at, _)| {
        let id = text.get(at..at + 4)?;
        let before = text.get(..at)?;
        let starts = !before.ends_with(|c: char| c.is_alphanumeric());
        let ends = !text
            .get(at + 4..)?
            .starts_with(|c: char| c.is_alphanumeric());
        (starts && ends && id_of(id).is_some()).then_some((before, at + 4))
    })
}

fn every_id(text: &str) -> Vec<WpId> {
    let (mut ids, mut rest) = (Vec::new(), text);
    while let Some((before, end)) = id_at(rest) {
        ids.extend(rest.get(before.len()..end).and_then(id_of));
        rest = rest.get(end..).unwrap_or_default();
    }
    ids
}

fn leading_id(text: &str) -> Option<(WpId, &str)> {
    let (before, end) = id_at(text)?;
    let id = id_of(text.get(..end)?)?;
    before.is_empty().then_some((id, text.get(end..)?))
}

/// The end of a range, and what follows: `-WP05`, `–05`, ` through WP05`, `..WP05`.
fn range_end(text: &str) -> Option<(WpId, &str)> {
    let rest = text.trim_start();
    let rest = ["-", "–", "—", "..", "through ", "thru ", "to "]
        .iter()
        .find_map(|mark| rest.strip_prefix(mark))?
        .trim_start_matches(['.', '-', ' ']);
    if let Some(found) = leading_id(rest) {
        return Some(found);
    }
    let (digits, behind) = rest.split_at_checked(2)?;
    let ends = !behind.starts_with(|c: char| c.is_alphanumeric());
    let id = format!("WP{digits}").parse().ok()?;
    ends.then_some((id, behind))
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
