//! What a front matter says, read by a YAML parser.
//!
//! The edits of this room are made by a line surgeon that knows nothing of YAML
//! structure; this reading knows nothing of lines. The two are independent on
//! purpose: an edit counts only when both agree on what it did.

use std::collections::HashSet;

use thiserror::Error;
use yaml_edit::{YamlFile, YamlNode};

/// Limits that keep a hostile file from keeping the parser busy: it needs
/// quadratic time for what nests, and what nests needs brackets or one long line.
const MAX_LINE_BYTES: usize = 8 * 1024;
const MAX_OPEN_BRACKETS: usize = 64;

/// Why a front matter cannot be read as data.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum DataError {
    /// The parser refused it.
    #[error("its front matter is not valid YAML: line {line} of the file: {message}")]
    Syntax {
        /// The line in the file, counted from 1.
        line: usize,
        /// What the parser says.
        message: String,
    },
    /// Valid YAML, but not keys and values.
    #[error("its front matter is not a mapping of keys to values")]
    NotAMapping,
    /// Nested, or lines longer, than any file of people.
    #[error("its front matter nests too deeply or has a line of more than {MAX_LINE_BYTES} bytes")]
    TooDeep,
    /// The same key stands twice.
    #[error("the key '{0}' stands twice in its front matter")]
    Twice(String),
}

/// A value of the front matter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Datum {
    /// Nothing: an empty value, `~` or `null`.
    Null,
    /// A plain, quoted or block text; numbers and booleans are texts here.
    Text(String),
    /// A list.
    List(Vec<Datum>),
    /// A mapping, in the order of the file.
    Map(Vec<(Datum, Datum)>),
    /// A tag, anchor or alias, as it stands in the file.
    Other(String),
}

/// The top-level keys and values of a front matter, in the order of the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Data {
    pub(super) pairs: Vec<(String, Datum)>,
}

impl Data {
    /// Reads the YAML between the `---` lines.
    ///
    /// # Errors
    /// When it is not YAML, not one mapping with text keys, or a key stands twice.
    ///
    /// ```
    /// use spec_kitty::workflow::frontmatter::Data;
    /// let data = Data::parse("lane: 'doing'\nsubtasks: [T001]\n").unwrap();
    /// assert_eq!(data.text("lane"), Some("doing"));
    /// ```
    pub fn parse(front: &str) -> Result<Self, DataError> {
        if nests_too_deeply(front) {
            return Err(DataError::TooDeep);
        }
        let parsed = YamlFile::parse(front);
        if let Some(first) = parsed.positioned_errors().first() {
            return Err(DataError::Syntax {
                // The front matter starts on the second line of the file.
                line: first.start_position(front).line + 1,
                message: first.message.clone(),
            });
        }
        let file = parsed.tree();
        let mut documents = file.documents();
        let Some(document) = documents.next() else {
            return Ok(Self::default());
        };
        if documents.next().is_some() {
            return Err(DataError::NotAMapping);
        }
        let mapping = document.as_mapping().ok_or(DataError::NotAMapping)?;
        let mut data = Self::default();
        let mut keys = HashSet::new();
        for entry in mapping.entries() {
            let Some(Datum::Text(key)) = entry.key_node().as_ref().map(datum) else {
                return Err(DataError::NotAMapping);
            };
            if !keys.insert(key.clone()) {
                return Err(DataError::Twice(key));
            }
            let value = entry.value_node().as_ref().map_or(Datum::Null, datum);
            data.pairs.push((key, value));
        }
        Ok(data)
    }

    /// The value of a key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Datum> {
        self.pairs
            .iter()
            .find_map(|(name, value)| (name == key).then_some(value))
    }

    /// The text of a key, trimmed; `None` when it is missing, empty or not a text.
    #[must_use]
    pub fn text(&self, key: &str) -> Option<&str> {
        match self.get(key)? {
            Datum::Text(text) => Some(text.trim()).filter(|text| !text.is_empty()),
            _ => None,
        }
    }

    /// The texts of a list; a single text counts as a list of one.
    #[must_use]
    pub fn texts(&self, key: &str) -> Vec<&str> {
        match self.get(key) {
            Some(Datum::Text(text)) => vec![text.as_str()],
            Some(Datum::List(items)) => items
                .iter()
                .filter_map(|item| match item {
                    Datum::Text(text) => Some(text.as_str()),
                    _ => None,
                })
                .collect(),
            _ => Vec::new(),
        }
    }
}

/// Judged without regard to quotes: texts with 64 unbalanced brackets do not occur.
fn nests_too_deeply(front: &str) -> bool {
    let mut open = 0_usize;
    front.lines().any(|line| line.len() > MAX_LINE_BYTES)
        || front.bytes().any(|byte| {
            match byte {
                b'[' | b'{' => open += 1,
                b']' | b'}' => open = open.saturating_sub(1),
                _ => {}
            }
            open > MAX_OPEN_BRACKETS
        })
}

/// The parser bounds how deep nodes nest, so this recursion is bounded too.
fn datum(node: &YamlNode) -> Datum {
    match node {
        YamlNode::Scalar(scalar) if scalar.is_null() => Datum::Null,
        YamlNode::Scalar(scalar) => Datum::Text(scalar.as_string()),
        YamlNode::Sequence(list) => Datum::List(list.values().map(|item| datum(&item)).collect()),
        YamlNode::Mapping(mapping) => Datum::Map(
            mapping
                .entries()
                .map(|entry| {
                    let part = |node: Option<YamlNode>| node.as_ref().map_or(Datum::Null, datum);
                    (part(entry.key_node()), part(entry.value_node()))
                })
                .collect(),
        ),
        YamlNode::Alias(_) | YamlNode::TaggedNode(_) => Datum::Other(node.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_style_of_the_fixtures_reads_as_the_same_data() {
        for front in [
            "lane: doing\ndependencies: [WP01, WP02]\n",
            "lane: \"doing\"\ndependencies: [\"WP01\", 'WP02']\n",
            "lane: 'doing'\r\ndependencies:\r\n- WP01\r\n- \"WP02\"\r\n",
            "lane: doing # now\ndependencies:\n  - WP01\n  - WP02\n",
        ] {
            let data = Data::parse(front).unwrap();
            assert_eq!(data.text("lane"), Some("doing"), "{front:?}");
            assert_eq!(data.texts("dependencies"), ["WP01", "WP02"], "{front:?}");
        }
    }

    #[test]
    fn quotes_and_escapes_are_read_as_what_they_mean() {
        let data = Data::parse("a: 'it''s'\nb: \"say \\\"hi\\\"\"\nc:\nd: ''\ne: ~\n").unwrap();
        assert_eq!(data.text("a"), Some("it's"));
        assert_eq!(data.text("b"), Some("say \"hi\""));
        assert_eq!(data.get("c"), Some(&Datum::Null));
        assert_eq!(data.get("d"), Some(&Datum::Text(String::new())));
        assert_eq!(data.get("e"), Some(&Datum::Null));
        assert_eq!(data.text("d"), None);
    }

    #[test]
    fn what_is_not_a_mapping_is_refused() {
        assert_eq!(Data::parse("").unwrap(), Data::default());
        assert_eq!(Data::parse("- a\n- b\n"), Err(DataError::NotAMapping));
        let broken = Data::parse("a: 1\nb: 2\ntitle: \"x\n").unwrap_err();
        assert!(
            broken.to_string().contains("line 4 of the file"),
            "{broken}"
        );
        assert_eq!(
            Data::parse("a: 1\nb: 2\na: 3\n"),
            Err(DataError::Twice("a".into()))
        );
    }

    #[test]
    fn a_hostile_file_neither_exhausts_the_stack_nor_keeps_the_parser_busy() {
        for unit in [
            "[", "{a: ", "- ", "? ", "- [", "!!x ", "'", "\"\\", "&a ", "|\n ", "'\n", "!\n",
        ] {
            let text = unit.repeat(crate::workflow::text::MAX_FRONT_BYTES / unit.len());
            let _ = Data::parse(&text);
            let _ = Data::parse(&format!("a: {text}"));
            let cut: String = text.chars().take(MAX_LINE_BYTES - 10).collect();
            let _ = Data::parse(&format!("a:\n  {cut}"));
        }
        assert_eq!(Data::parse(&"[".repeat(99)), Err(DataError::TooDeep));
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in "([a-z]{1,3}|[-:#?!&*|>%@`'\"\\[\\]{}, \n\r\t~\\\\]|: |- |é){0,60}") {
            let _ = Data::parse(&text);
        }
    }
}
