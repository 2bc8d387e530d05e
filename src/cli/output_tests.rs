//! What holds for every text that goes to a terminal.

use super::*;

#[test]
fn nothing_in_a_text_can_drive_a_terminal() {
    for code in 0..=0x10_ffff_u32 {
        let Some(character) = char::from_u32(code) else {
            continue;
        };
        let shown = visible_line(&format!("a{character}b"));
        assert!(
            !shown
                .chars()
                .any(|c| c.is_control() || ('\u{202a}'..='\u{202e}').contains(&c)),
            "U+{code:04X} came through as {shown:?}"
        );
    }
}

#[test]
fn clipping_counts_wide_glyphs() {
    assert_eq!(clip("日本語", 6), "日本語");
    assert_eq!(clip("日本語", 5), "日本…");
    assert_eq!(clip("abc", 2), "a…");
    assert_eq!(clip("abc", 0), "");
}
