//! Setting a key to a list of simple words, in the style that the list has.
//!
//! A list in brackets stays in brackets, a list of `- ` lines stays one. What
//! lies between the items (comments, nested values) is not understood, and the
//! edit is then refused.

use super::data::{Data, Datum};
use super::{EditError, INSERT_BEFORE, continues_below, key_line, replaced, scalar};
use crate::workflow::text::{Line, line_ending_of, lines};

/// `front` with the top-level `key` set to the list `items`.
///
/// # Errors
/// When the front matter cannot be read, the present value is neither empty nor
/// a list of simple items, or the result does not read as intended.
///
/// ```
/// use spec_kitty::workflow::frontmatter::set_list;
/// let front = "dependencies: []  # none\nhistory: []\n";
/// let front = set_list(front, "dependencies", &["WP01"], "\n").unwrap();
/// assert_eq!(front, "dependencies: [\"WP01\"]  # none\nhistory: []\n");
/// ```
pub fn set_list(front: &str, key: &str, items: &[&str], ending: &str) -> Result<String, EditError> {
    let before = Data::parse(front)?;
    let edited = splice(front, key, items, ending)?;
    let intended = intended(before, key, items);
    match Data::parse(&edited) {
        Ok(after) if after == intended => Ok(edited),
        _ => Err(EditError::Unsafe { key: key.into() }),
    }
}

fn intended(mut data: Data, key: &str, items: &[&str]) -> Data {
    let list = items.iter().map(|item| Datum::Text((*item).to_owned()));
    let list = Datum::List(list.collect());
    let position = |name: &str| data.pairs.iter().position(|(other, _)| other == name);
    match (position(key), position(INSERT_BEFORE)) {
        (Some(at), _) => {
            if let Some(pair) = data.pairs.get_mut(at) {
                pair.1 = list;
            }
        }
        (None, Some(at)) => data.pairs.insert(at, (key.to_owned(), list)),
        (None, None) => data.pairs.push((key.to_owned(), list)),
    }
    data
}

fn splice(front: &str, key: &str, items: &[&str], ending: &str) -> Result<String, EditError> {
    let Some((line, after_colon)) = key_line(front, key) else {
        return Ok(inserted(front, key, items, ending));
    };
    let not_simple = || EditError::NotSimple {
        key: key.to_owned(),
        // The front matter starts on the second line of the file.
        line: front.get(..line.start).unwrap_or_default().lines().count() + 2,
    };
    let value = line.text.get(after_colon..).unwrap_or_default();
    let word = value.trim_start_matches([' ', '\t']);
    let at = line.start + after_colon + (value.len() - word.len());
    if word.starts_with('[') {
        let end = word.find(']').ok_or_else(not_simple)? + 1;
        if word.get(..end).is_none_or(|list| list.contains('#')) {
            return Err(not_simple());
        }
        return Ok(replaced(front, at..at + end, &flow(items)));
    }
    if !word.is_empty() && !word.starts_with('#') {
        if continues_below(front, line.end) {
            return Err(not_simple());
        }
        // A single text where a list should be, as an old tool wrote it.
        let old = scalar::find(line.text, after_colon).ok_or_else(not_simple)?;
        let range = line.start + old.range.start..line.start + old.range.end;
        return Ok(replaced(front, range, &flow(items)));
    }
    let block: Vec<Line<'_>> = lines(front, line.end)
        .take_while(|line| is_item(line.text))
        .collect();
    let end = block.last().map_or(line.end, |last| last.end);
    if continues_below(front, end) {
        return Err(not_simple());
    }
    if let (Some(first), false) = (block.first(), items.is_empty()) {
        return Ok(replaced(
            front,
            line.end..end,
            &block_of(first, front, items),
        ));
    }
    // No items there, or none any more.
    let without = replaced(front, line.end..end, "");
    let at = line.start + after_colon;
    Ok(replaced(&without, at..at, &format!(" {}", flow(items))))
}

fn inserted(front: &str, key: &str, items: &[&str], ending: &str) -> String {
    let at = key_line(front, INSERT_BEFORE).map_or(front.len(), |(line, _)| line.start);
    let near = lines(front, 0)
        .next()
        .and_then(|line| front.get(..line.end));
    let ending = near.map_or(ending, |line| line_ending_of(line));
    replaced(front, at..at, &format!("{key}: {}{ending}", flow(items)))
}

fn is_item(line: &str) -> bool {
    line.trim_start_matches([' ', '\t']).starts_with("- ")
}

/// `["WP01", "WP02"]`
fn flow(items: &[&str]) -> String {
    let items: Vec<String> = items
        .iter()
        .map(|item| scalar::render(item, scalar::Style::Double))
        .collect();
    format!("[{}]", items.join(", "))
}

/// The items as lines like `first`: its indentation, its quotes, its line ending.
fn block_of(first: &Line<'_>, front: &str, items: &[&str]) -> String {
    let dash = first.text.find('-').unwrap_or_default();
    let indent = first.text.get(..dash).unwrap_or_default();
    let style = match first.text.get(dash + 1..).unwrap_or_default().trim_start() {
        word if word.starts_with('"') => scalar::Style::Double,
        word if word.starts_with('\'') => scalar::Style::Single,
        _ => scalar::Style::Plain,
    };
    let ending = line_ending_of(front.get(first.start..first.end).unwrap_or_default());
    items
        .iter()
        .map(|item| format!("{indent}- {}{ending}", scalar::render(item, style)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn set(front: &str, items: &[&str]) -> String {
        set_list(front, "deps", items, "\n").unwrap_or_else(|error| panic!("{front:?}: {error}"))
    }

    #[test]
    fn each_style_stays_what_it_is() {
        for (front, items, expected) in [
            ("deps: []\n", &["A"][..], "deps: [\"A\"]\n"),
            (
                "deps: [x, y] # n\r\nb: 1\r\n",
                &[],
                "deps: [] # n\r\nb: 1\r\n",
            ),
            (
                "deps:\n- \"x\"\nb: 1\n",
                &["A", "B"],
                "deps:\n- \"A\"\n- \"B\"\nb: 1\n",
            ),
            (
                "deps:\n  - x\n  - y\nb: 1\n",
                &["A"],
                "deps:\n  - A\nb: 1\n",
            ),
            (
                "deps:\r\n  - 'x'\r\nb: 1\r\n",
                &["A"],
                "deps:\r\n  - 'A'\r\nb: 1\r\n",
            ),
            ("deps:\n- x\nb: 1\n", &[], "deps: []\nb: 1\n"),
            (
                "deps:   # why\nb: 1\n",
                &["A"],
                "deps: [\"A\"]   # why\nb: 1\n",
            ),
            ("deps: \"['x']\"\n", &["A"], "deps: [\"A\"]\n"),
            (
                "a: 1\nhistory:\n- x\n",
                &["A"],
                "a: 1\ndeps: [\"A\"]\nhistory:\n- x\n",
            ),
            ("a: 1\r\n", &[], "a: 1\r\ndeps: []\r\n"),
            ("", &["A"], "deps: [\"A\"]\n"),
        ] {
            assert_eq!(set(front, items), expected, "{front:?}");
            assert_eq!(set(expected, items), expected, "twice is once");
        }
    }

    #[test]
    fn what_is_not_a_simple_list_is_refused() {
        for front in [
            "deps: [x,\n  y]\n",
            "deps: {a: b}\n",
            "deps:\n- x\n# why\n- y\n",
            "deps:\n- a: 1\n  b: 2\n",
            "deps: |\n  text\n",
            "deps:\n  a: 1\n",
        ] {
            let edited = set_list(front, "deps", &["A"], "\n");
            assert!(edited.is_err(), "{front:?}: {edited:?}");
        }
    }

    proptest! {
        #[test]
        fn an_edit_changes_the_list_and_nothing_else(
            head in "(a: 1\n|b: 'x'  # c\n|\n|# note\n){0,3}",
            list in "(deps:( \\[(WP0[1-3](, \"WP04\")?)?\\])?( # n)?\n(- WP0[1-3]\n){0,3})?",
            tail in "(c: \"y\"\n|d: [1, 2]\n|history:\n- x\n){0,1}",
            items in prop::collection::vec("WP0[1-9]", 0..4),
        ) {
            let front = format!("{head}{list}{tail}");
            let items: Vec<&str> = items.iter().map(String::as_str).collect();
            if let Ok(edited) = set_list(&front, "deps", &items, "\n") {
                let (before, after) = (Data::parse(&front).unwrap(), Data::parse(&edited).unwrap());
                prop_assert_eq!(after.texts("deps"), items);
                for (key, value) in before.pairs.iter().filter(|(key, _)| key != "deps") {
                    prop_assert_eq!(after.get(key), Some(value));
                }
                for line in front.lines().filter(|line| line.starts_with('#')) {
                    prop_assert!(edited.contains(line));
                }
            }
        }
    }
}
