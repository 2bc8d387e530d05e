//! Did you mean? The nearest of a few words, if one is near enough.
//!
//! Case, `_`, `-` and spaces do not count, so that `wp_created` finds
//! `WPCreated`. Hostile input costs nothing: a text much longer than every word
//! is near none of them.

/// The index of the word nearest to `text`, or none when even that one differs
/// in more than a third of its letters.
#[must_use]
pub(crate) fn nearest(text: &str, words: &[&str]) -> Option<usize> {
    const LONGEST: usize = 64;
    if text.len() > LONGEST {
        return None;
    }
    let typed = letters(text);
    words
        .iter()
        .enumerate()
        .map(|(index, word)| {
            let word = letters(word);
            let allowed = word.len() / 3;
            (index, distance(&typed, &word), allowed)
        })
        .filter(|(_, distance, allowed)| distance <= allowed)
        .min_by_key(|(_, distance, _)| *distance)
        .map(|(index, _, _)| index)
}

fn letters(text: &str) -> Vec<char> {
    text.chars()
        .filter(|letter| !matches!(letter, '_' | '-' | ' '))
        .flat_map(char::to_lowercase)
        .collect()
}

/// Levenshtein's edit distance, one row at a time.
fn distance(left: &[char], right: &[char]) -> usize {
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (index, from) in left.iter().enumerate() {
        let mut diagonal = index;
        let mut before = index + 1;
        let mut columns = row.iter_mut();
        if let Some(first) = columns.next() {
            *first = before;
        }
        for (cell, to) in columns.zip(right) {
            let replaced = diagonal + usize::from(from != to);
            diagonal = *cell;
            before = replaced.min(diagonal + 1).min(before + 1);
            *cell = before;
        }
    }
    row.last().copied().unwrap_or(left.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_distance_counts_inserted_removed_and_replaced_letters() {
        let distance = |left: &str, right: &str| {
            super::distance(
                &left.chars().collect::<Vec<_>>(),
                &right.chars().collect::<Vec<_>>(),
            )
        };
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("abc", ""), 3);
        assert_eq!(distance("same", "same"), 0);
    }

    #[test]
    fn nothing_is_suggested_for_something_else_altogether() {
        assert_eq!(nearest("dependency", &["planned", "doing"]), None);
        assert_eq!(nearest(&"x".repeat(1_000_000), &["planned"]), None);
        assert_eq!(nearest("", &["done"]), None);
    }

    #[test]
    fn the_nearest_wins() {
        assert_eq!(nearest("WPAssignd", &["WPCreated", "WPAssigned"]), Some(1));
    }

    #[test]
    fn a_slip_is_found_and_another_word_is_not() {
        assert_eq!(nearest("plannd", &["doing", "planned"]), Some(1));
        assert_eq!(nearest("lunch", &["doing", "planned"]), None);
    }
}
