//! TOML in the spelling that almost every small file has, read in one go.
//!
//! The whole parser costs a command that records one event more than anything
//! else it does. What the tools write is far less than TOML: `[section]`, and
//! `key = value` with a text, a whole number, `true` or `false`. That is read
//! here; whatever goes beyond it in any line is left to the parser. Both say the
//! same, which a test holds them to.
//!
//! Pure. What a key means is its reader's business.

/// Whether a key is there twice is found out by looking at all others: a file
/// with more of them is left to the parser.
const MAX_KEYS: usize = 64;

/// A value of a plain file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Value<'t> {
    /// Between double quotes, without anything that would have to be unescaped.
    Text(&'t str),
    /// Of at most 18 digits, without a sign.
    Number(i64),
    /// `true` or `false`.
    Flag(bool),
}

/// A plain file.
#[derive(Debug)]
pub(crate) struct Plain<'t> {
    /// Section, key and value, in the order of the file.
    entries: Vec<(&'t str, &'t str, Value<'t>)>,
}

impl<'t> Plain<'t> {
    /// Reads the text; `None` when only a TOML parser can.
    pub(crate) fn read(text: &'t str) -> Option<Self> {
        if text.bytes().any(|b| (b < b' ' && b != b'\n') || b == 0x7f) {
            return None;
        }
        let mut sections: Vec<&str> = Vec::new();
        let mut entries: Vec<(&str, &str, Value<'_>)> = Vec::new();
        for line in text.split('\n') {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            if let Some(header) = line.strip_prefix('[') {
                let section = header.strip_suffix(']').filter(|name| is_bare(name))?;
                if sections.contains(&section) || sections.len() == MAX_KEYS {
                    return None;
                }
                sections.push(section);
                continue;
            }
            let section = *sections.last()?;
            let (key, rest) = line.split_at_checked(bare_bytes(line))?;
            let value = rest.strip_prefix(" = ")?;
            let is_known =
                |(in_section, named, _): &(&str, &str, _)| *in_section == section && *named == key;
            if key.is_empty() || entries.iter().any(is_known) || entries.len() == MAX_KEYS {
                return None;
            }
            entries.push((section, key, value_of(value)?));
        }
        Some(Self { entries })
    }

    /// The value of a key, if the file has it.
    pub(crate) fn get(&self, section: &str, key: &str) -> Option<Value<'t>> {
        let mut entries = self.entries.iter();
        let found = entries.find(|(of, named, _)| *of == section && *named == key);
        found.map(|(_, _, value)| *value)
    }
}

fn value_of(text: &str) -> Option<Value<'_>> {
    if let Some(quoted) = text.strip_prefix('"') {
        let inside = quoted.strip_suffix('"')?;
        let is_plain = !inside.bytes().any(|b| matches!(b, b'"' | b'\\'));
        return is_plain.then_some(Value::Text(inside));
    }
    match text {
        "true" => return Some(Value::Flag(true)),
        "false" => return Some(Value::Flag(false)),
        _ => {}
    }
    let is_number = (1..=18).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_digit())
        && (text.len() == 1 || !text.starts_with('0'));
    is_number.then(|| text.parse().ok().map(Value::Number))?
}

/// Whether TOML takes this for a key without quotes.
fn is_bare(name: &str) -> bool {
    !name.is_empty() && bare_bytes(name) == name.len()
}

/// How much of the beginning of a text is such a key.
fn bare_bytes(text: &str) -> usize {
    let is_letter = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-');
    let end = text.bytes().position(|b| !is_letter(b));
    end.unwrap_or(text.len())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use toml_edit::{Document, Item};

    use super::*;

    /// Whatever the parser sees in a file, in its order; `None` when it is none.
    fn parsed(text: &str) -> Option<Vec<(String, String, String)>> {
        let document = Document::parse(text).ok()?;
        let mut all = Vec::new();
        for (section, table) in document.iter() {
            for (key, item) in table.as_table_like()?.iter() {
                all.push((section.to_owned(), key.to_owned(), told(item)?));
            }
        }
        Some(all)
    }

    fn told(item: &Item) -> Option<String> {
        let text = item.as_str().map(|text| format!("{:?}", Value::Text(text)));
        let number = item.as_integer().map(|n| format!("{:?}", Value::Number(n)));
        let flag = item
            .as_bool()
            .map(|flag| format!("{:?}", Value::Flag(flag)));
        text.or(number).or(flag)
    }

    fn read(text: &str) -> Option<Vec<(String, String, String)>> {
        let entry = |(section, key, value): &(&str, &str, Value<'_>)| {
            (
                (*section).to_owned(),
                (*key).to_owned(),
                format!("{value:?}"),
            )
        };
        Some(Plain::read(text)?.entries.iter().map(entry).collect())
    }

    #[test]
    fn the_files_of_the_tools_need_no_parser() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        let folder = folder.join("tests/fixtures/python-home");
        let mut by_parser = Vec::new();
        for dir in ["config", "credentials"] {
            for entry in std::fs::read_dir(folder.join(dir)).unwrap() {
                let entry = entry.unwrap();
                let text = std::fs::read_to_string(entry.path()).unwrap();
                match read(&text) {
                    Some(all) => assert_eq!(Some(all), parsed(&text), "{:?}", entry.path()),
                    None => by_parser.push(entry.file_name().into_string().unwrap()),
                }
            }
        }
        by_parser.sort();
        let odd = [
            "config-malformed.toml",
            "config-unknown-keys.toml",
            "credentials-malformed",
            "credentials-toml-datetime",
        ];
        assert_eq!(by_parser, odd);
    }

    #[test]
    fn whatever_is_not_plain_is_left_to_the_parser() {
        for odd in [
            "a = 1",
            "[a]\nb = 1\nb = 2",
            "[a]\n[a]",
            "[a.b]",
            "[[a]]",
            "[a] # b",
            "[a]\nb = 'c'",
            "[a]\nb = \"c\\n\"",
            "[a]\nb = \"c\" # d",
            "[a]\nb = \"\"\"c\"\"\"",
            "[a]\nb.c = 1",
            "[a]\n\"b\" = 1",
            "[a]\nb=1",
            "[a]\n b = 1",
            "[a]\nb = 01",
            "[a]\nb = -1",
            "[a]\nb = 1_0",
            "[a]\nb = 0x1",
            "[a]\nb = 1.0",
            "[a]\nb = 1234567890123456789",
            "[a]\nb = 2099-01-01",
            "[a]\nb = ",
            "[a]\nb = []",
            "[a]\nb = \"\"\"",
            "[a]\r\n",
            "# \u{1}",
            "\u{feff}[a]",
        ] {
            assert!(Plain::read(odd).is_none(), "{odd:?}");
        }
        let long = |keys: usize| (0..keys).map(|n| format!("k{n} = 1\n")).collect::<String>();
        assert!(Plain::read(&format!("[a]\n{}", long(MAX_KEYS))).is_some());
        assert!(Plain::read(&format!("[a]\n{}", long(MAX_KEYS + 1))).is_none());
        let empty = Plain::read("").unwrap();
        assert_eq!(empty.get("a", "b"), None);
    }

    proptest! {
        /// Whatever is read here, the parser reads in the same way.
        #[test]
        fn what_is_read_without_a_parser_is_what_a_parser_reads(
            text in "(\\[[ab.]{1,2}\\]\n|[ab-]{1,2} ?= ?(\"[\"\\\\#é =a]{0,4}\"|[0-9tx_]{1,3}|true|false)\n|# é?\n|\n){0,7}"
        ) {
            if let Some(all) = read(&text) {
                prop_assert_eq!(Some(all), parsed(&text), "{:?}", text);
            }
        }
    }
}
