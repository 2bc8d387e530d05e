//! Regular files, read whole within a bound.
//!
//! Most of what a command reads besides the log is a handful of files of a few
//! lines. Each costs four system calls here: open, look, read, close. A read
//! that brings exactly as many bytes as the look had promised has met the end,
//! and none is made to find that out.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::path::Path;

/// Opens a regular file for reading. A pipe or a device in its place answers
/// `InvalidInput` at once instead of blocking.
///
/// # Errors
/// Any I/O error of opening, `NotFound` included.
pub(crate) fn open_regular(path: &Path) -> io::Result<(File, Metadata)> {
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        let flags = rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOCTTY;
        options.custom_flags(i32::try_from(flags.bits()).unwrap_or(0));
    }
    let file = options.open(path)?;
    let metadata = file.metadata()?;
    if metadata.is_file() {
        Ok((file, metadata))
    } else {
        Err(io::ErrorKind::InvalidInput.into())
    }
}

/// Reads a small regular file whole; more than `max_bytes` answers `FileTooLarge`.
///
/// # Errors
/// As for [`open_regular`], and any I/O error of reading.
pub(crate) fn read_regular(path: &Path, max_bytes: usize) -> io::Result<Vec<u8>> {
    let (file, metadata) = open_regular(path)?;
    read_whole(file, &metadata, max_bytes)
}

/// Reads the rest of a file that was just opened and looked at; more than
/// `max_bytes` answers `FileTooLarge`.
///
/// # Errors
/// Any I/O error of reading.
pub(crate) fn read_whole(
    mut source: impl Read,
    metadata: &Metadata,
    max_bytes: usize,
) -> io::Result<Vec<u8>> {
    let expected = usize::try_from(metadata.len()).unwrap_or(usize::MAX);
    if expected > max_bytes {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    // One byte more than the length: a file that grew shows it.
    let mut bytes = vec![0; expected.saturating_add(1)];
    let mut filled = 0;
    loop {
        let rest = bytes.get_mut(filled..).unwrap_or_default();
        match source.read(rest) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        }
        if filled == expected {
            break;
        }
        if filled > max_bytes {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        if filled == bytes.len() {
            let more = bytes
                .len()
                .max(256)
                .min(max_bytes.saturating_add(1) - filled);
            bytes.resize(filled + more, 0);
        }
    }
    bytes.truncate(filled);
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives its bytes in pieces, and counts how often it was asked.
    struct Pieces<'a> {
        left: &'a [u8],
        most: usize,
        asked: usize,
    }

    impl Read for Pieces<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.asked += 1;
            if self.asked == 1 {
                return Err(io::ErrorKind::Interrupted.into());
            }
            let most = self.most.min(buffer.len());
            self.left
                .take(u64::try_from(most).unwrap())
                .read(buffer)
                .inspect(|count| {
                    self.left = &self.left[*count..];
                })
        }
    }

    fn of_length(bytes: usize) -> (tempfile::TempDir, Metadata) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        std::fs::write(&path, vec![b'x'; bytes]).unwrap();
        let metadata = std::fs::metadata(&path).unwrap();
        (dir, metadata)
    }

    #[test]
    fn whatever_is_there_is_read_whole_also_when_the_look_said_otherwise() {
        let text: Vec<u8> = (0..1000_u32)
            .map(|at| u8::try_from(at % 251).unwrap())
            .collect();
        for said in [0, 1, 999, 1000] {
            let (_dir, metadata) = of_length(said);
            for most in [1, 7, 500, 4096] {
                let pieces = Pieces {
                    left: &text,
                    most,
                    asked: 0,
                };
                let read = read_whole(pieces, &metadata, 1000);
                // What grew while it was read may be cut where it ended before.
                let read = read.unwrap();
                assert!(read == text || read == text[..said], "{said} {most}");
                assert!(
                    said != 0 || read == text,
                    "a file of /proc says nothing of its length"
                );
            }
        }
    }

    #[test]
    fn a_file_that_is_as_long_as_it_said_takes_one_read() {
        let text = [b'x'; 300];
        let (_dir, metadata) = of_length(text.len());
        let mut pieces = Pieces {
            left: &text,
            most: 4096,
            asked: 0,
        };
        assert_eq!(read_whole(&mut pieces, &metadata, 300).unwrap(), text);
        assert_eq!(pieces.asked, 2, "the first answer was an interruption");
    }

    #[test]
    fn more_than_the_bound_is_never_read() {
        let text = [b'x'; 300];
        for said in [0, 200, 300] {
            let (_dir, metadata) = of_length(said);
            for most in [1, 4096] {
                let pieces = Pieces {
                    left: &text,
                    most,
                    asked: 0,
                };
                match read_whole(pieces, &metadata, 299) {
                    Ok(read) => assert_eq!(read.len(), said),
                    Err(error) => assert_eq!(error.kind(), io::ErrorKind::FileTooLarge),
                }
            }
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_file_of_the_system_that_says_it_is_empty_is_read() {
        let read = read_regular(Path::new("/proc/self/maps"), 1 << 20);
        assert!(read.is_err() || !read.unwrap().is_empty());
    }
}
