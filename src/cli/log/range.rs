//! `40..55`, `40..`, `..55`, `40`: ranges of clock values, both ends included.

/// A range of Lamport values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LamportRange {
    from: u64,
    to: u64,
}

impl LamportRange {
    pub(super) fn contains(self, value: u64) -> bool {
        (self.from..=self.to).contains(&value)
    }
}

/// Reads a range.
///
/// # Errors
/// What is wrong with the text, for a person.
pub(super) fn parse(text: &str) -> Result<LamportRange, String> {
    let number = |text: &str, otherwise| match text.trim() {
        "" => Ok(otherwise),
        digits => digits
            .parse::<u64>()
            .map_err(|_| "write it as 40..55, 40.. or ..55".to_owned()),
    };
    let range = match text.split_once("..") {
        Some((from, to)) => LamportRange {
            from: number(from, 0)?,
            to: number(to, u64::MAX)?,
        },
        None if text.trim().is_empty() => return Err("write it as 40..55, 40.. or ..55".into()),
        None => {
            let one = number(text, 0)?;
            LamportRange { from: one, to: one }
        }
    };
    if range.from > range.to {
        return Err("the first value is larger than the last".into());
    }
    Ok(range)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ends_are_included_and_either_may_be_left_out() {
        let holds = |text, value| parse(text).unwrap().contains(value);
        assert!(holds("40..55", 40) && holds("40..55", 55) && !holds("40..55", 56));
        assert!(holds("40..", u64::MAX) && !holds("40..", 39));
        assert!(holds("..55", 0) && !holds("..55", 56));
        assert!(holds("..", 7) && holds("7", 7) && !holds("7", 8));
    }

    #[test]
    fn what_is_no_range_is_refused() {
        for text in [
            "",
            "a..b",
            "5..4",
            "-1..3",
            "1...3",
            "1..2..3",
            "99999999999999999999",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
