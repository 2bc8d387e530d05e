//! Did you mean? The nearest of a few words, if one is near enough.
//!
//! Case, `_`, `-` and spaces do not count, so that `wp_created` finds
//! `WPCreated`; two letters that changed places count as one. Hostile input costs
//! nothing: a text much longer than every word is near none of them.

/// The index of the word nearest to `text`; when even that one differs in more
/// than a third of its letters, of the only word that begins like `text`; or none.
#[must_use]
pub(crate) fn nearest(text: &str, words: &[&str]) -> Option<usize> {
    const LONGEST: usize = 64;
    /// Fewer letters are the beginning of too much.
    const SHORTEST_BEGINNING: usize = 3;
    const LONGER_BEGINNING: usize = 6;
    if text.len() > LONGEST {
        return None;
    }
    let typed = letters(text);
    let words: Vec<_> = words.iter().map(|word| letters(word)).collect();
    let near = words
        .iter()
        .enumerate()
        .map(|(index, word)| (index, distance(&typed, word), word.len() / 3))
        .filter(|(_, distance, allowed)| distance <= allowed)
        .min_by_key(|(_, distance, _)| *distance)
        .map(|(index, _, _)| index);
    // In a longer beginning there may be a slip.
    let slips = usize::from(typed.len() >= LONGER_BEGINNING);
    let begins = |(index, word): (usize, &Vec<char>)| {
        let start = word.get(..typed.len())?;
        (distance(&typed, start) <= slips).then_some(index)
    };
    let mut begun = words.iter().enumerate().filter_map(begins);
    let only = match (begun.next(), begun.next()) {
        (Some(index), None) if typed.len() >= SHORTEST_BEGINNING => Some(index),
        _ => None,
    };
    near.or(only)
}

fn letters(text: &str) -> Vec<char> {
    text.chars()
        .filter(|letter| !matches!(letter, '_' | '-' | ' '))
        .flat_map(char::to_lowercase)
        .collect()
}

/// How many letters have to be inserted, removed, replaced, or swapped with the
/// next one, none of them twice (optimal string alignment), two rows at a time.
fn distance(left: &[char], right: &[char]) -> usize {
    let mut above: Vec<usize> = (0..=right.len()).collect();
    let mut two_above = above.clone();
    let mut last_from = None;
    for (index, from) in left.iter().enumerate() {
        let mut row = Vec::with_capacity(above.len());
        let mut before = index + 1;
        row.push(before);
        let mut last_to = None;
        // The distances up to, and without, this letter and the one before it.
        let without_two = std::iter::once(&0).chain(&two_above);
        let columns = right.iter().zip(&above).zip(above.iter().skip(1));
        for (((to, diagonal), over), crossed) in columns.zip(without_two) {
            let replaced = diagonal + usize::from(from != to);
            before = replaced.min(over + 1).min(before + 1);
            if last_from == Some(to) && last_to == Some(from) {
                before = before.min(crossed + 1);
            }
            row.push(before);
            last_to = Some(to);
        }
        last_from = Some(from);
        two_above = std::mem::replace(&mut above, row);
    }
    above.last().copied().unwrap_or(left.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn distance(left: &str, right: &str) -> usize {
        let [left, right] = [left, right].map(|text| text.chars().collect::<Vec<_>>());
        super::distance(&left, &right)
    }

    #[test]
    fn the_distance_counts_inserted_removed_and_replaced_letters() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("abc", ""), 3);
        assert_eq!(distance("same", "same"), 0);
    }

    #[test]
    fn two_letters_that_changed_places_count_as_one() {
        assert_eq!(distance("tial", "tail"), 1);
        assert_eq!(distance("ab", "ba"), 1);
        assert_eq!(distance("abcd", "badc"), 2);
        assert_eq!(distance("ca", "abc"), 3, "no letter is moved twice");
        assert_eq!(nearest("oding", &["done", "doing"]), Some(1));
    }

    #[test]
    fn a_beginning_is_enough_when_one_word_alone_begins_so() {
        let words = ["config", "completions", "conflict"];
        assert_eq!(nearest("compl", &words), Some(1));
        assert_eq!(nearest("con", &words), None);
        assert_eq!(nearest("co", &["completions"]), None);
        assert_eq!(nearest("Histroy", &["HistoryAdded", "WPCreated"]), Some(0));
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

    proptest::proptest! {
        /// As the table of the whole matrix has it.
        #[test]
        fn the_distance_is_that_of_its_definition(left in "[abc]{0,7}", right in "[abc]{0,7}") {
            let (left, right): (Vec<char>, Vec<char>) =
                (left.chars().collect(), right.chars().collect());
            let mut table = vec![vec![0; right.len() + 1]; left.len() + 1];
            for i in 0..=left.len() {
                for j in 0..=right.len() {
                    table[i][j] = if i == 0 || j == 0 {
                        i + j
                    } else {
                        let cost = usize::from(left[i - 1] != right[j - 1]);
                        let edited = (table[i - 1][j] + 1)
                            .min(table[i][j - 1] + 1)
                            .min(table[i - 1][j - 1] + cost);
                        let swaps = i > 1 && j > 1
                            && left[i - 1] == right[j - 2] && left[i - 2] == right[j - 1];
                        if swaps { edited.min(table[i - 2][j - 2] + 1) } else { edited }
                    };
                }
            }
            proptest::prop_assert_eq!(super::distance(&left, &right), table[left.len()][right.len()]);
        }
    }
}
