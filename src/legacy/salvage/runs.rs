//! Sets of row numbers, most of which follow upon another.

use std::collections::BTreeMap;

/// Numbers, kept as runs: the first of each with its last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::legacy) struct Runs(BTreeMap<i64, i64>);

impl Runs {
    /// Adds a number.
    pub(in crate::legacy) fn add(&mut self, number: i64) {
        let before = self.0.range(..=number).next_back();
        let before = before.map(|(first, last)| (*first, *last));
        let mut run = (number, number);
        match before {
            Some((_, last)) if last >= number => return,
            Some((first, last)) if last.checked_add(1) == Some(number) => run.0 = first,
            _ => {}
        }
        if let Some(next) = number.checked_add(1)
            && let Some(last) = self.0.remove(&next)
        {
            run.1 = last;
        }
        self.0.insert(run.0, run.1);
    }

    /// The runs, ascending.
    pub(in crate::legacy) fn iter(&self) -> impl Iterator<Item = (i64, i64)> {
        self.0.iter().map(|(first, last)| (*first, *last))
    }

    /// What of the numbers from `from` to `to` is not there.
    pub(in crate::legacy) fn missing(&self, from: i64, to: i64) -> Vec<(i64, i64)> {
        let mut missing = Vec::new();
        let mut next = Some(from);
        for (first, last) in self.iter() {
            let Some(begins) = next.filter(|next| *next <= to) else {
                return missing;
            };
            if last < begins {
                continue;
            }
            if first > to {
                break;
            }
            if first > begins {
                missing.push((begins, first - 1));
            }
            next = last.checked_add(1);
        }
        if let Some(begins) = next.filter(|next| *next <= to) {
            missing.push((begins, to));
        }
        missing
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn runs_are_a_set(numbers in prop::collection::vec(-20_i64..20, 0..40), from in -25_i64..25, to in -25_i64..25) {
            let mut runs = Runs::default();
            let mut set = BTreeSet::new();
            for number in numbers {
                runs.add(number);
                set.insert(number);
            }
            let listed: Vec<i64> = runs.iter().flat_map(|(first, last)| first..=last).collect();
            prop_assert_eq!(&listed, &set.iter().copied().collect::<Vec<_>>());
            let missing: Vec<i64> =
                runs.missing(from, to).into_iter().flat_map(|(first, last)| first..=last).collect();
            let expected: Vec<i64> = (from..=to).filter(|number| !set.contains(number)).collect();
            prop_assert_eq!(missing, expected);
        }
    }

    #[test]
    fn the_ends_of_the_numbers_are_no_trouble() {
        let mut runs = Runs::default();
        for number in [i64::MAX, i64::MIN, i64::MAX - 1] {
            runs.add(number);
        }
        assert_eq!(runs.iter().count(), 2);
        assert_eq!(
            runs.missing(i64::MAX - 2, i64::MAX),
            [(i64::MAX - 2, i64::MAX - 2)]
        );
    }
}
