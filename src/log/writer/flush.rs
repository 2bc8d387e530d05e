//! The one write of a call, or of what of it lies in one segment.

use std::io;

use crate::log::bytes::as_u64;
use crate::log::creation::make_findable;
use crate::log::header::HEADER_BYTES;
use crate::log::left::last_event_in;
use crate::log::outcome::AppendError;
use crate::log::writer::Writer;
use crate::log::writing::{Written, short, write_out};

/// Where the next frames go.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// Into the same segment, in a later call.
    Later,
    /// Into the successor.
    Successor,
}

impl Writer<'_> {
    /// Writes the buffer, and the space for later calls with it.
    pub(super) fn flush(&mut self, next: Next) -> Result<(), AppendError> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let name = self.create_file()?;
        let Some(segment) = &mut self.segment else {
            return Ok(());
        };
        let Some(file) = segment.file.as_deref() else {
            return Ok(());
        };
        let (dir, ordinal) = (&self.log.dir, segment.header.ordinal);
        let path = || dir.segment_path(ordinal);
        if segment.written.0 == as_u64(HEADER_BYTES) {
            make_findable(self.log, &segment.header, name)?;
        }
        let (offset, action) = (segment.written, "write");
        let written_event = last_event_in(&self.buffer, segment.seed);
        let wanted = self.buffer.len();
        if next == Next::Later {
            let zeros = segment.zeros_behind(&self.log.options);
            self.buffer.resize(wanted.saturating_add(zeros), 0);
        }
        match write_out(file, &self.buffer, wanted, offset) {
            // Whoever has replaced the lock since may not have seen these frames,
            // and have ended the segment in front of them. Whoever replaces it
            // from now on does see them.
            Written::All { .. } if !self.held.is_current() => {
                self.log.give_up_on(&segment.header);
                return Err(AppendError::Unknown {
                    action: "keep others out of",
                    path: path(),
                    offset,
                    source: io::Error::other("the lock file was replaced"),
                });
            }
            Written::All { bytes } => segment.length = segment.length.max(offset.plus(bytes).0),
            Written::Short(count) => {
                self.log.give_up_on(&segment.header);
                self.landed = Some(offset.plus(count));
                let source = short(count, wanted);
                return Err(AppendError::Io {
                    action,
                    path: path(),
                    source,
                });
            }
            Written::Failed(source) => {
                self.log.give_up_on(&segment.header);
                return Err(AppendError::Unknown {
                    action,
                    path: path(),
                    offset,
                    source,
                });
            }
        }
        segment.written = segment.end;
        self.written_event = written_event;
        self.buffer.clear();
        Ok(())
    }
}
