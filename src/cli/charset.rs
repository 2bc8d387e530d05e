//! Which letters a terminal can show: one rule, in one place.
//!
//! A terminal shows UTF-8 when the locale says so: the first of `LC_ALL`,
//! `LC_CTYPE` and `LANG` that is set and not empty names it. Where none is set
//! the locale is C, which has ASCII only, but for Windows and macOS, whose
//! terminals show UTF-8 without being told. A terminal that does not is given
//! ASCII alone: our own signs have a stand-in each of the same width, and every
//! other letter is a question mark, because the bytes of a letter in UTF-8 can be
//! commands to such a terminal. Pipes and files always get UTF-8.

use crate::cli::output::columns_of;
use crate::platform;

/// Whether this process's terminal shows more than ASCII.
#[must_use]
pub(super) fn is_unicode() -> bool {
    let names = ["LC_ALL", "LC_CTYPE", "LANG"];
    let set = names.iter().filter_map(|name| std::env::var(name).ok());
    says_unicode(set).unwrap_or(platform::shows_unicode_untold())
}

/// What the first of these that is not empty says.
fn says_unicode(mut values: impl Iterator<Item = String>) -> Option<bool> {
    let locale = values.find(|value| !value.is_empty())?;
    let charset = locale.split('.').nth(1).unwrap_or_default();
    let charset = charset.split('@').next().unwrap_or_default();
    let charset: String = charset.chars().filter(|c| *c != '-').collect();
    Some(charset.eq_ignore_ascii_case("utf8"))
}

/// `text` in ASCII, as wide as it was.
#[must_use]
pub(super) fn ascii(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for letter in text.chars() {
        match stand_in(letter) {
            Some(sign) => shown.push(sign),
            None => {
                let columns = columns_of(letter);
                shown.extend(std::iter::repeat_n('?', columns));
            }
        }
    }
    shown
}

fn stand_in(letter: char) -> Option<char> {
    Some(match letter {
        '\0'..='\x7f' => letter,
        '○' => '.',
        '◔' => '>',
        '●' | '✓' => '+',
        '◌' => '=',
        '✗' => 'x',
        '·' => '-',
        '→' => '>',
        '“' | '”' => '"',
        '…' => '~',
        '└' => '`',
        '─' => '-',
        '▁' => '_',
        '▂' => '.',
        '▃' => ':',
        '▄' => '-',
        '▅' => '=',
        '▆' => '+',
        '▇' => '*',
        '█' => '#',
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn in_ascii_a_text_is_as_wide_as_it_was() {
        assert_eq!(ascii("● WP01 → “日本”…"), "+ WP01 > \"????\"~");
    }
    use crate::cli::output::{visible_line, width};

    #[test]
    fn the_first_locale_that_is_set_decides() {
        let says = |values: &[&str]| says_unicode(values.iter().map(|v| (*v).to_owned()));
        for (values, expected) in [
            (&["C.UTF-8"][..], Some(true)),
            (&["", "de_DE.utf8", "C"], Some(true)),
            (&["de_DE.UTF-8@euro"], Some(true)),
            (&["C", "de_DE.UTF-8"], Some(false)),
            (&["POSIX"], Some(false)),
            (&["de_DE.ISO-8859-1"], Some(false)),
            (&["", ""], None),
            (&[], None),
        ] {
            assert_eq!(says(values), expected, "{values:?}");
        }
    }

    proptest! {
        #[test]
        fn what_stands_in_is_ascii_and_as_wide(text in any::<String>()) {
            let shown = visible_line(&text);
            let plain = ascii(&shown);
            prop_assert!(plain.is_ascii());
            prop_assert_eq!(width(&plain), width(&shown));
        }
    }
}
