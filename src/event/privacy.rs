//! Keeping the home directory, and with it the user's name, out of events.

use std::borrow::Cow;

/// The text with the home directory written as `~`.
///
/// Only where it stands as a path of its own: `/home/al` is not found in
/// `/home/alice`, `/home/al.old` or `/mnt/home/al`; a full stop that ends a
/// sentence is no part of a name. A home of `/` or an empty one is left alone,
/// since everything would be in it. The text is compared letter by letter: other
/// spellings of the same directory are not found.
///
/// ```
/// use spec_kitty::event::redact_home;
/// assert_eq!(redact_home("open /home/al/x: no", "/home/al"), "open ~/x: no");
/// assert_eq!(redact_home("/home/alice/x", "/home/al"), "/home/alice/x");
/// ```
#[must_use]
pub fn redact_home<'a>(text: &'a str, home_dir: &str) -> Cow<'a, str> {
    let home = home_dir.trim_end_matches(['/', '\\']);
    if home.is_empty() || !text.contains(home) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(home) {
        out.push_str(before);
        let alone = !continues_a_name(&out) && !is_continued(after);
        out.push_str(if alone { "~" } else { home });
        rest = after;
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// Whether what stands before a path makes it the end of a longer one.
fn continues_a_name(before: &str) -> bool {
    let last = before.chars().next_back();
    last.is_some_and(|last| is_letter(last) || matches!(last, '.' | '-' | '~'))
}

/// Whether what follows a path makes its last name a longer one.
fn is_continued(after: &str) -> bool {
    let next = after.trim_start_matches(['.', '-']).chars().next();
    next.is_some_and(is_letter)
}

fn is_letter(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn redacted(text: &str) -> Cow<'_, str> {
        redact_home(text, "/home/al")
    }

    #[test]
    fn the_home_is_found_wherever_it_stands_as_a_path() {
        assert_eq!(redacted("/home/al"), "~");
        assert_eq!(redacted("in /home/al."), "in ~.");
        assert_eq!(redacted("\"/home/al/a b\":'/home/al'"), "\"~/a b\":'~'");
        assert_eq!(redacted("file:///home/al/x"), "file://~/x");
        assert_eq!(redacted("A=/home/al:/home/al/bin"), "A=~:~/bin");
        assert_eq!(redact_home("x /home/al/ y", "/home/al/"), "x ~/ y");
        assert_eq!(
            redact_home("at C:\\Users\\al\\x", "C:\\Users\\al"),
            "at ~\\x"
        );
    }

    #[test]
    fn a_longer_path_is_another_path() {
        for text in [
            "/home/alice",
            "/home/al.old",
            "/home/al-2/x",
            "/mnt/home/al",
            "./home/al",
        ] {
            assert!(
                matches!(redacted(text), Cow::Owned(same) if same == text),
                "{text}"
            );
        }
    }

    #[test]
    fn a_home_that_holds_everything_is_left_alone() {
        for home in ["", "/", "//"] {
            assert!(matches!(
                redact_home("/etc/x", home),
                Cow::Borrowed("/etc/x")
            ));
        }
    }

    proptest! {
        #[test]
        fn no_path_below_the_home_is_left(before in "[ :'\"(]{0,3}", path in "(/[a-z.]{1,5}){0,3}") {
            let text = format!("{before}/home/al{path}");
            prop_assert_eq!(redacted(&text), format!("{before}~{path}"));
        }

        #[test]
        fn it_is_done_once(text in "[/a-z. ]{0,12}(/home/al[/a-z. ]{0,6}){0,3}") {
            let once = redacted(&text).into_owned();
            prop_assert_eq!(redacted(&once), once.as_str());
        }
    }
}
