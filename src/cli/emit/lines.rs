//! Lines out of a stream, as many as can be had without waiting for more.
//!
//! Memory is bounded whatever comes in: a line that is longer than the limit is
//! counted and passed over, never kept.

use std::collections::VecDeque;
use std::io::{self, Read};

/// The most lines of one batch.
pub(super) const MAX_BATCH_LINES: usize = 1024;

/// The most bytes of one batch, a last line not counted.
const MAX_BATCH_BYTES: usize = 4 * 1024 * 1024;

/// How much is asked for at once.
const READ_BYTES: usize = 256 * 1024;

/// One line without its line break. Empty lines are left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// Counted from 1, empty lines included.
    pub(super) number: u64,
    /// The line, or its length when that is beyond the limit.
    pub(super) content: Result<Vec<u8>, usize>,
}

/// Cuts a stream into batches of lines.
pub(super) struct Lines<R> {
    input: R,
    max_line_bytes: usize,
    ready: VecDeque<Line>,
    /// The beginning of a line whose end has not been seen.
    partial: Vec<u8>,
    /// How long that line is so far, when it is beyond the limit.
    overlong: Option<usize>,
    number: u64,
    has_ended: bool,
    chunk: Vec<u8>,
}

impl<R: Read> Lines<R> {
    pub(super) fn new(input: R, max_line_bytes: usize) -> Self {
        Self {
            input,
            max_line_bytes,
            ready: VecDeque::new(),
            partial: Vec::new(),
            overlong: None,
            number: 0,
            has_ended: false,
            chunk: vec![0; READ_BYTES],
        }
    }

    /// The lines that are there now: waits for the first one and for no other.
    /// Empty at the end of the stream.
    pub(super) fn next_batch(&mut self) -> io::Result<Vec<Line>> {
        while self.ready.is_empty() && !self.has_ended {
            self.read_once()?;
        }
        let mut batch = Vec::new();
        let mut bytes = 0;
        while batch.len() < MAX_BATCH_LINES && bytes < MAX_BATCH_BYTES {
            let Some(line) = self.ready.pop_front() else {
                break;
            };
            bytes += line.content.as_ref().map_or(0, Vec::len);
            batch.push(line);
        }
        Ok(batch)
    }

    fn read_once(&mut self) -> io::Result<()> {
        let read = match self.input.read(&mut self.chunk) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(()),
            other => other?,
        };
        let chunk = std::mem::take(&mut self.chunk);
        let bytes = chunk.get(..read).unwrap_or_default();
        if read == 0 {
            self.has_ended = true;
            self.end_line();
        } else {
            let mut pieces = bytes.split(|byte| *byte == b'\n');
            // What stands before the first line break ends the line before.
            self.add(pieces.next().unwrap_or_default());
            for piece in pieces {
                self.end_line();
                self.add(piece);
            }
        }
        self.chunk = chunk;
        Ok(())
    }

    fn add(&mut self, bytes: &[u8]) {
        let length = self.overlong.unwrap_or(self.partial.len()) + bytes.len();
        if length > self.max_line_bytes {
            self.overlong = Some(length);
            self.partial = Vec::new();
        } else {
            self.partial.extend_from_slice(bytes);
        }
    }

    fn end_line(&mut self) {
        self.number += 1;
        let line = std::mem::take(&mut self.partial);
        let content = match self.overlong.take() {
            Some(length) => Err(length),
            None if line.trim_ascii().is_empty() => return,
            None => Ok(line),
        };
        self.ready.push_back(Line {
            number: self.number,
            content,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Hands out one piece a read.
    struct Pieces(VecDeque<Vec<u8>>);

    impl Read for Pieces {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            match self.0.pop_front() {
                Some(piece) => {
                    buffer[..piece.len()].copy_from_slice(&piece);
                    Ok(piece.len())
                }
                None => Ok(0),
            }
        }
    }

    fn lines_of(pieces: &[&str]) -> Lines<Pieces> {
        let pieces = pieces.iter().map(|piece| piece.as_bytes().to_vec());
        Lines::new(Pieces(pieces.collect()), 8)
    }

    fn text(line: &Line) -> (u64, Result<&str, usize>) {
        let content = line.content.as_ref().map_err(|length| *length);
        (
            line.number,
            content.map(|bytes| std::str::from_utf8(bytes).unwrap()),
        )
    }

    #[test]
    fn a_batch_is_what_one_read_brought() {
        let mut lines = lines_of(&["a\nb\nc", "d\n", "\n \r\n", "e"]);
        let batch = lines.next_batch().unwrap();
        assert_eq!(
            batch.iter().map(text).collect::<Vec<_>>(),
            [(1, Ok("a")), (2, Ok("b"))]
        );
        let batch = lines.next_batch().unwrap();
        assert_eq!(batch.iter().map(text).collect::<Vec<_>>(), [(3, Ok("cd"))]);
        let batch = lines.next_batch().unwrap();
        assert_eq!(batch.iter().map(text).collect::<Vec<_>>(), [(6, Ok("e"))]);
        assert!(lines.next_batch().unwrap().is_empty());
    }

    #[test]
    fn a_line_beyond_the_limit_is_passed_over_and_the_next_one_is_not() {
        let mut lines = lines_of(&["12345678\n123", "456", "789", "0\nok\n"]);
        assert_eq!(text(&lines.next_batch().unwrap()[0]), (1, Ok("12345678")));
        let batch = lines.next_batch().unwrap();
        assert_eq!(
            batch.iter().map(text).collect::<Vec<_>>(),
            [(2, Err(10)), (3, Ok("ok"))]
        );
        assert_eq!(lines.partial.capacity(), 0, "nothing of it is kept");
    }

    #[test]
    fn a_batch_is_bounded_and_the_rest_comes_without_reading() {
        let many = "x\n".repeat(MAX_BATCH_LINES + 5);
        let mut lines = Lines::new(many.as_bytes(), 8);
        assert_eq!(lines.next_batch().unwrap().len(), MAX_BATCH_LINES);
        assert_eq!(lines.next_batch().unwrap().len(), 5);
        assert!(lines.next_batch().unwrap().is_empty());
    }

    proptest! {
        #[test]
        fn however_it_is_cut_the_lines_are_the_same(
            text in "[ab\n]{0,60}",
            cuts in proptest::collection::vec(1_usize..9, 0..20),
        ) {
            let mut rest = text.as_bytes();
            let mut pieces = VecDeque::new();
            for cut in cuts {
                let (piece, after) = rest.split_at(cut.min(rest.len()));
                if !piece.is_empty() {
                    pieces.push_back(piece.to_vec());
                }
                rest = after;
            }
            if !rest.is_empty() {
                pieces.push_back(rest.to_vec());
            }
            let mut lines = Lines::new(Pieces(pieces), 6);
            let mut found = Vec::new();
            loop {
                let batch = lines.next_batch().unwrap();
                if batch.is_empty() {
                    break;
                }
                found.extend(batch);
            }
            let expected: Vec<Line> = text
                .split('\n')
                .zip(1..)
                .filter(|(line, _)| !line.is_empty())
                .map(|(line, number)| Line {
                    number,
                    content: if line.len() > 6 {
                        Err(line.len())
                    } else {
                        Ok(line.as_bytes().to_vec())
                    },
                })
                .collect();
            prop_assert_eq!(found, expected);
        }
    }
}
