//! A work package file's front matter. Input: the length of the new value
//! (1 byte), the value, then the file's text.
//!
//! Promised: no panic; the parts of a split file are the file; an edit makes
//! the key say exactly the new value, changes no other key, leaves every line
//! but one as it was, and made once more changes nothing.

use spec_kitty::workflow::frontmatter::{Data, Datum, set};
use spec_kitty::workflow::text::Split;

use super::input::Input;

const KEYS: [&str; 4] = ["lane", "agent", "history", "review_status"];

/// Reads and edits the file and holds the results to the promises.
pub fn run(data: &[u8]) {
    let mut input = Input(data);
    let length = usize::from(input.byte());
    let (Ok(value), Ok(text)) = (
        std::str::from_utf8(input.take(length)),
        std::str::from_utf8(input.0),
    ) else {
        return;
    };
    let Ok(split) = Split::of(text) else {
        return;
    };
    assert_eq!(
        split.join(split.front, split.body),
        text,
        "the parts are not the file"
    );
    let Ok(before) = Data::parse(split.front) else {
        return;
    };
    for key in KEYS {
        let Ok(edited) = set(split.front, key, value, split.line_ending()) else {
            continue;
        };
        let after = Data::parse(&edited).expect("an edited front matter can be read");
        assert_eq!(after.get(key), Some(&Datum::Text(value.to_owned())));
        for other in KEYS.iter().filter(|other| **other != key) {
            assert_eq!(
                after.get(other),
                before.get(other),
                "{other} changed with {key}"
            );
        }
        assert_lines_kept(split.front, &edited);
        let again = set(&edited, key, value, split.line_ending());
        assert_eq!(
            again.as_deref(),
            Ok(edited.as_str()),
            "{key} set to the same again"
        );
    }
}

/// Every old line but one is there, in order; one line is new.
fn assert_lines_kept(before: &str, after: &str) {
    let (old, new): (Vec<_>, Vec<_>) = (
        before.split_inclusive('\n').collect(),
        after.split_inclusive('\n').collect(),
    );
    let same = |(one, other): &(&&str, &&str)| one == other;
    let head = old.iter().zip(&new).take_while(same).count();
    let (old, new) = (&old[head..], &new[head..]);
    let tail = old
        .iter()
        .rev()
        .zip(new.iter().rev())
        .take_while(same)
        .count();
    assert!(old.len() - tail <= 1, "more than one line was touched");
    assert!(new.len() - tail <= 1, "more than one line is new");
}
