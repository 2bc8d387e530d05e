//! The lines of an NDJSON file, one at a time and bounded.

use std::io::{self, BufRead, Read};

use crate::event::MAX_IMPORTED_JSON;

/// Whitespace around an event may make a line longer than the event.
const MAX_LINE_BYTES: usize = MAX_IMPORTED_JSON + 4096;

/// Reads lines; an overlong one is measured and not kept.
pub(super) struct Lines<R> {
    input: R,
    number: u64,
    line: Vec<u8>,
}

/// One line: its number, counted from 1, and its bytes, or how many there are
/// when they are too many.
pub(super) type Line<'a> = (u64, Result<&'a [u8], usize>);

impl<R: BufRead> Lines<R> {
    pub(super) fn new(input: R) -> Self {
        Self {
            input,
            number: 0,
            line: Vec::new(),
        }
    }

    /// The next line that is not blank; `None` at the end.
    pub(super) fn next(&mut self) -> io::Result<Option<Line<'_>>> {
        loop {
            self.line.clear();
            let limit = u64::try_from(MAX_LINE_BYTES).unwrap_or(u64::MAX);
            let read = self
                .input
                .by_ref()
                .take(limit)
                .read_until(b'\n', &mut self.line)?;
            if read == 0 {
                return Ok(None);
            }
            self.number = self.number.saturating_add(1);
            if self.line.last() != Some(&b'\n') && read >= MAX_LINE_BYTES {
                let rest = self.skip_line()?;
                if rest > 0 {
                    return Ok(Some((self.number, Err(read.saturating_add(rest)))));
                }
            }
            if self.number == 1 && self.line.starts_with("\u{feff}".as_bytes()) {
                self.line.drain(..3);
            }
            if !self.line.trim_ascii().is_empty() {
                return Ok(Some((self.number, Ok(self.line.trim_ascii()))));
            }
        }
    }

    /// Passes over the rest of a line and says how long it was.
    fn skip_line(&mut self) -> io::Result<usize> {
        let mut skipped = 0_usize;
        loop {
            let buffer = self.input.fill_buf()?;
            let end = buffer.iter().position(|byte| *byte == b'\n');
            let used = end.map_or(buffer.len(), |at| at + 1);
            if used == 0 {
                return Ok(skipped);
            }
            self.input.consume(used);
            skipped = skipped.saturating_add(used);
            if end.is_some() {
                return Ok(skipped);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blank_lines_count_and_overlong_ones_are_passed_over() {
        let long = "x".repeat(MAX_LINE_BYTES + 5);
        let text = format!("\u{feff}a\r\n\n {long}\n b");
        let mut lines = Lines::new(text.as_bytes());
        assert_eq!(lines.next().unwrap(), Some((1, Ok(&b"a"[..]))));
        assert_eq!(lines.next().unwrap(), Some((3, Err(long.len() + 2))));
        assert_eq!(lines.next().unwrap(), Some((4, Ok(&b"b"[..]))));
        assert_eq!(lines.next().unwrap(), None);
    }
}
