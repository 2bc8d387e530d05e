//! Keeping the home directory, and with it the user's name, out of events.

use std::borrow::Cow;

/// The text with the home directory written as `~`.
///
/// Only where it stands as a path of its own: `/home/al` is not found in
/// `/home/alice` nor in `/mnt/home/al`. A home of `/` or an empty one is left
/// alone, since everything would be in it.
///
/// ```
/// use spec_kitty::event::redact_home;
/// assert_eq!(redact_home("open /home/al/x: no", "/home/al"), "open ~/x: no");
/// assert_eq!(redact_home("/home/alice/x", "/home/al"), "/home/alice/x");
/// ```
#[must_use]
pub fn redact_home<'a>(text: &'a str, home_dir: &str) -> Cow<'a, str> {
    let home = home_dir.trim_end_matches(is_separator);
    if home.is_empty() || !text.contains(home) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(home) {
        let starts = out
            .chars()
            .chain(before.chars())
            .next_back()
            .is_none_or(|last| !is_part(last) && !is_separator(last));
        let ends = after.chars().next().is_none_or(|next| !is_part(next));
        out.push_str(before);
        out.push_str(if starts && ends { "~" } else { home });
        rest = after;
    }
    out.push_str(rest);
    Cow::Owned(out)
}

const fn is_separator(letter: char) -> bool {
    matches!(letter, '/' | '\\')
}

/// Whether a letter next to a path would make it a longer name.
fn is_part(letter: char) -> bool {
    letter.is_alphanumeric() || matches!(letter, '_' | '-' | '.')
}
