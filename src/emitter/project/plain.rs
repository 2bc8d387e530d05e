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
    let mut nesting = Nesting::default();
    let mut sections = Sections::default();
    for (indent, line) in lines(text) {
        match line? {
            Line::Item => {
                nesting.item(indent)?;
                sections.item()?;
            }
            Line::Pair(key, word) => {
                let depth = nesting.pair(indent, word.is_some())?;
                sections.pair(depth, key, word)?;
            }
        }
    }
    let project = sections.project.unwrap_or_default();
    if project.word.is_some() {
        return None;
    }
    let value = |key| Named::value(&project, key).map(str::to_owned);
    Some(ProjectFile {
        wishes: wishes(&sections.sync.unwrap_or_default()),
        section: section_from(value),
    })
}

/// How deep a line lies, from its indentation and the lines above it. `None`
/// where YAML sees something else than mappings and lists of words.
#[derive(Default)]
struct Nesting {
    /// The indentations of the mappings that are open.
    open: Vec<usize>,
    /// That of the last line, if it may have something below it.
    opener: Option<usize>,
    /// That of the list which the last line belongs to.
    items_at: Option<usize>,
}

impl Nesting {
    /// The depth of a pair; 1 at the top.
    fn pair(&mut self, indent: usize, has_word: bool) -> Option<usize> {
        self.open.retain(|other| *other <= indent);
        if self.open.last() != Some(&indent) {
            let begins = if self.open.is_empty() {
                indent == 0
            } else {
                self.opener.is_some()
            };
            if !begins {
                return None;
            }
            self.open.push(indent);
        }
        self.items_at = None;
        self.opener = (!has_word).then_some(indent);
        Some(self.open.len())
    }

    fn item(&mut self, indent: usize) -> Option<()> {
        let begins = self.opener.is_some_and(|above| indent >= above);
        if !begins && self.items_at != Some(indent) {
            return None;
        }
        (self.items_at, self.opener) = (Some(indent), None);
        Some(())
    }
}

/// The sections of which something is asked.
#[derive(Default)]
struct Sections<'t> {
    /// The one that the last line belongs to.
    current: &'t str,
    project: Option<Named<'t>>,
    sync: Option<Named<'t>>,
}

impl<'t> Sections<'t> {
    fn of(&mut self, name: &str) -> Option<&mut Option<Named<'t>>> {
        match name {
            "project" => Some(&mut self.project),
            "sync" => Some(&mut self.sync),
            _ => None,
        }
    }

    /// Takes in a pair; `None` when it is more than a word, or there twice.
    fn pair(&mut self, depth: usize, key: &'t str, word: Option<&'t str>) -> Option<()> {
        if depth == 1 {
            self.current = key;
        }
        let current = self.current;
        let Some(place) = self.of(current) else {
            return Some(());
        };
        if depth == 1 {
            let pairs = Vec::new();
            return place.replace(Named { word, pairs }).is_none().then_some(());
        }
        let pairs = &mut place.as_mut()?.pairs;
        let is_new = pairs.iter().all(|(other, _)| *other != key);
        pairs.push((key, word));
        (depth == 2 && is_new).then_some(())
    }

    /// No list is asked for.
    fn item(&mut self) -> Option<()> {
        let current = self.current;
        self.of(current).is_none().then_some(())
    }
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
