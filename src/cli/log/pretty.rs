//! JSON over several lines, token by token: only the space between the tokens
//! changes, so that a number reads as it was recorded.

use crate::cli::output::visible_line;

/// Deeper levels are not moved further to the right.
const DEEPEST: usize = 16;

/// The lines of `json`, escaped for a terminal. Anything that is not JSON comes
/// out in lines all the same.
pub(super) fn lines(json: &str) -> Vec<String> {
    let mut page = Page::default();
    let mut letters = json.chars().peekable();
    let mut token = String::new();
    while let Some(letter) = letters.next() {
        match letter {
            '"' => {
                token.push(letter);
                let mut escaped = false;
                for letter in letters.by_ref() {
                    token.push(letter);
                    match letter {
                        '"' if !escaped => break,
                        '\\' => escaped = !escaped,
                        _ => escaped = false,
                    }
                }
            }
            ' ' | '\t' | '\n' | '\r' => {}
            '{' | '[' => {
                while letters.next_if(char::is_ascii_whitespace).is_some() {}
                token.push(letter);
                if let Some(close) = letters.next_if(|next| matches!(next, '}' | ']')) {
                    token.push(close);
                } else {
                    page.line(&mut token);
                    page.depth += 1;
                }
            }
            '}' | ']' => {
                page.line(&mut token);
                page.depth = page.depth.saturating_sub(1);
                token.push(letter);
            }
            ',' => {
                token.push(letter);
                page.line(&mut token);
            }
            ':' => token.push_str(": "),
            other => token.push(other),
        }
    }
    page.line(&mut token);
    page.lines
}

#[derive(Default)]
struct Page {
    lines: Vec<String>,
    depth: usize,
}

impl Page {
    fn line(&mut self, token: &mut String) {
        if !token.is_empty() {
            let indent = "  ".repeat(self.depth.min(DEEPEST));
            self.lines.push(indent + &visible_line(token));
            token.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    #[test]
    fn only_the_space_between_tokens_changes() {
        let json = r#"{"a":1.10,"b":[1e5 , {}],"c":"x, {y}: \"z\"\\","d":[ ],"e":{"f":null}}"#;
        assert_eq!(
            lines(json),
            [
                "{",
                r#"  "a": 1.10,"#,
                r#"  "b": ["#,
                "    1e5,",
                "    {}",
                "  ],",
                r#"  "c": "x, {y}: \"z\"\\","#,
                r#"  "d": [],"#,
                r#"  "e": {"#,
                r#"    "f": null"#,
                "  }",
                "}"
            ]
        );
        assert_eq!(lines("7"), ["7"]);
        assert!(lines("").is_empty());
    }

    proptest! {
        #[test]
        fn what_is_shown_means_the_same(
            texts in prop::collection::vec("[^\\p{C}\\p{Zl}\\p{Zp}]{0,8}|[\\\\\"{},: ]{0,6}", 0..6), number: i64,
        ) {
            let value = serde_json::json!({"texts": texts, "n": number, "o": {"x": [texts.clone(), {}]}});
            let shown = lines(&value.to_string()).join("\n");
            prop_assert_eq!(serde_json::from_str::<Value>(&shown).unwrap(), value);
        }

        #[test]
        fn no_text_is_too_strange(text in any::<String>()) {
            let _ = lines(&text);
        }
    }
}
