//! The project file in the spelling that almost every one has, read in one go.
//!
//! Reading a file with a whole YAML parser costs a command that records one
//! event a fifth of its work. What the tools write is far less than YAML: keys
//! and one-word values by indentation. That is read here; whatever goes beyond
//! it in any line is left to the parser. Both say the same, which a test holds
//! them to.

use super::file::{ProjectFile, Wishes, means_yes, section_from};

/// One line with something in it.
#[derive(Clone, Copy)]
enum Line<'t> {
    /// `key:` or `key: word`.
    Pair(&'t str, Option<&'t str>),
    /// `- word`.
    Item,
}

/// A section of which something is asked.
#[derive(Default)]
struct Named<'t> {
    /// The word behind it.
    word: Option<&'t str>,
    pairs: Vec<(&'t str, Option<&'t str>)>,
}

/// Reads the text; `None` when only a YAML parser can.
pub(super) fn parse(text: &str) -> Option<ProjectFile> {
    let (mut project, mut sync) = (None, None);
    // The indentations of the mappings that are open, and whether the last line
    // may have something below it.
    let (mut open, mut opener) = (Vec::<usize>::new(), Some(0));
    let mut items_at = None;
    let mut section = "";
    for (indent, line) in lines(text) {
        let Line::Pair(key, word) = line? else {
            let below = opener.is_some_and(|above| indent >= above) && !open.is_empty();
            if !below && items_at != Some(indent) || is_asked_for(section) {
                return None;
            }
            (items_at, opener) = (Some(indent), None);
            continue;
        };
        open.retain(|other| *other <= indent);
        if open.last() != Some(&indent) {
            let begins = if open.is_empty() {
                indent == 0
            } else {
                opener.is_some()
            };
            if !begins {
                return None;
            }
            open.push(indent);
        }
        items_at = None;
        opener = word.is_none().then_some(indent);
        match open.len() {
            1 => {
                section = key;
                let place = match key {
                    "project" => &mut project,
                    "sync" => &mut sync,
                    _ => continue,
                };
                let named = Named {
                    word,
                    ..Named::default()
                };
                if place.replace(named).is_some() {
                    return None;
                }
            }
            depth if is_asked_for(section) => {
                let named = if section == "sync" {
                    &mut sync
                } else {
                    &mut project
                };
                let pairs = &mut named.as_mut()?.pairs;
                if depth > 2 || pairs.iter().any(|(other, _)| *other == key) {
                    return None;
                }
                pairs.push((key, word));
            }
            _ => {}
        }
    }
    let project = project.unwrap_or_default();
    if project.word.is_some() {
        return None;
    }
    let value = |key| Named::value(&project, key).map(str::to_owned);
    Some(ProjectFile {
        wishes: wishes(&sync.unwrap_or_default()),
        section: section_from(value),
    })
}

fn is_asked_for(section: &str) -> bool {
    matches!(section, "project" | "sync")
}

fn wishes(sync: &Named<'_>) -> Wishes {
    let is_no = |word: Option<&str>| word.is_some_and(|word| !means_yes(word));
    Wishes {
        opted_out: is_no(sync.word) || is_no(sync.value("enabled")),
        no_auto_start: is_no(sync.value("auto_start")),
    }
}

impl<'t> Named<'t> {
    fn value(&self, key: &str) -> Option<&'t str> {
        self.pairs.iter().find(|(other, _)| *other == key)?.1
    }
}

/// The lines that say something, with their indentation; `None` for one that
/// needs a parser.
fn lines(text: &str) -> impl Iterator<Item = (usize, Option<Line<'_>>)> {
    let spoken = |line: &&str| !line.is_empty() && !line.starts_with('#');
    text.split('\n').filter(spoken).map(|line| {
        let rest = line.trim_start_matches(' ');
        let indent = line.len().saturating_sub(rest.len());
        (indent, line_of(rest))
    })
}

fn line_of(text: &str) -> Option<Line<'_>> {
    if let Some(item) = text.strip_prefix("- ") {
        return is_word(item).then_some(Line::Item);
    }
    let (key, word) = text.split_once(':')?;
    let mut letters = key.bytes();
    let is_key = letters.next().is_some_and(|b| b.is_ascii_alphabetic())
        && letters.all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'));
    match (is_key, word.strip_prefix(' ')) {
        (true, None) if word.is_empty() => Some(Line::Pair(key, None)),
        (true, Some(word)) if is_word(word) => Some(Line::Pair(key, Some(word))),
        _ => None,
    }
}

/// Whether YAML can take this for nothing but these letters.
fn is_word(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b'/'))
        && !text.eq_ignore_ascii_case("null")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::file;
    use super::*;

    fn told(file: &ProjectFile) -> String {
        format!("{file:?}")
    }

    #[test]
    fn the_files_of_the_tools_need_no_parser() {
        let text = "vcs:\n  type: git\nagents:\n  available:\n  - claude\n  - opencode\n  selection:\n    \
                    strategy: random\n    preferred_reviewer:\nproject:\n  uuid: \
                    8a4a7da6-a97c-4bb4-893a-b31664abfee4\n  slug: spec-kitty\n  node_id: d036a097a835\n\
                    sync:\n  enabled: false\n  auto_start: no\n";
        let file = parse(text).unwrap();
        assert!(file.wishes.opted_out && file.wishes.no_auto_start);
        assert_eq!(told(&file), told(&file::parse_yaml(text)));
        for odd in [
            "project: {}",
            "project:\n\tuuid: x",
            "project:\n  slug: \"x\"",
            "---\nproject:",
            "project:\n  slug: a b",
            "a: b\n  c: d",
            "project:\nproject:",
            "project: x",
            "project:\n  slug: x # y",
            "project:\n  slug: null",
            "  project:",
            "sync: &x yes",
            "project:\n  - x",
            "project:\r\n",
            "project:\n  uuid:\n    more: x",
            "x: |\nproject:",
        ] {
            assert!(parse(odd).is_none(), "{odd:?}");
        }
    }

    proptest! {
        /// Whatever is read here, a parser reads in the same way.
        #[test]
        fn what_is_read_without_a_parser_is_what_a_parser_reads(
            lines in proptest::collection::vec((0..5_usize, 0..14_usize, 0..10_usize), 0..9)
        ) {
            let keys = ["project", "sync", "enabled", "auto_start", "uuid", "slug", "node_id", "repo_slug",
                "other", "- x", "# x", "", "-", "project"];
            let words = ["", " yes", " false", " 1.0", " a/b", " 3a3819b1-a27d-4152-a493-ad2ef5a006cd",
                " NULL", " a b", " 0x1F", " off"];
            let mut text = String::new();
            for (indent, key, word) in lines {
                let colon = if key < 9 || key == 13 { ":" } else { "" };
                let word = if colon.is_empty() { "" } else { words[word] };
                text += &format!("{}{}{colon}{word}\n", " ".repeat(indent), keys[key]);
            }
            if let Some(file) = parse(&text) {
                prop_assert_eq!(told(&file), told(&file::parse_yaml(&text)), "{:?}", text);
            }
        }
    }
}
