//! What could not be taken over is not lost: it is kept beside the log, one
//! JSON object a line, for somebody to look at.
//!
//! The file only grows, and holds everything once, however often an import is
//! repeated. Nothing reads it but people.

use std::collections::HashSet;
use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::home::Home;
use crate::legacy::LegacyError;
use crate::legacy::source::Source;
use crate::legacy::stage::Stage;
use crate::platform;

/// Its name in the home.
const NAME: &str = "import-aside.ndjson";

#[derive(Serialize)]
struct Line<'a> {
    v: u8,
    sha256: &'a str,
    source: String,
    place: String,
    event_id: Option<&'a str>,
    reason: &'a str,
    /// What it was, when it is text.
    data: Option<&'a str>,
    /// What it was, in hexadecimal, when it is not.
    data_hex: Option<String>,
}

/// Keeps what the stage refused and returns the file, when there is any.
pub(super) fn keep(
    home: &Home,
    stage: &Stage,
    sources: &[Source],
) -> Result<Option<PathBuf>, LegacyError> {
    let path = home.root().join(NAME);
    let failed = |source| LegacyError::io("write", &path)(source);
    let mut file: Option<(BufWriter<File>, HashSet<String>)> = None;
    stage.each_kept(|refusal, data| {
        let (out, known) = match &mut file {
            Some(open) => open,
            none => none.insert(open(&path).map_err(failed)?),
        };
        let digest = hex(&Sha256::digest(data));
        if !known.insert(digest.clone()) {
            return Ok(());
        }
        let text = std::str::from_utf8(data).ok();
        let source = sources.get(refusal.source);
        let line = Line {
            v: 1,
            sha256: &digest,
            source: source
                .map(|source| source.path.display().to_string())
                .unwrap_or_default(),
            place: refusal.place.to_string(),
            event_id: refusal.event_id.as_deref(),
            reason: &refusal.reason,
            data: text,
            data_hex: text.is_none().then(|| hex(data)),
        };
        serde_json::to_writer(&mut *out, &line).map_err(|error| failed(error.into()))?;
        out.write_all(b"\n").map_err(failed)
    })?;
    let Some((mut out, _)) = file else {
        return Ok(None);
    };
    out.flush()
        .and_then(|()| out.get_ref().sync_all())
        .map_err(failed)?;
    platform::sync_dir(home.root()).map_err(failed)?;
    Ok(Some(path))
}

/// Opens the file at its end, behind a whole line, with the digests of what it
/// holds.
fn open(path: &std::path::Path) -> std::io::Result<(BufWriter<File>, HashSet<String>)> {
    #[derive(Deserialize)]
    struct Known {
        sha256: String,
    }
    let mut options = platform::private_options();
    let mut file = options
        .create(true)
        .truncate(false)
        .read(true)
        .write(true)
        .open(path)?;
    let mut known = HashSet::new();
    let mut reader = BufReader::new(&file);
    let mut line = Vec::new();
    let mut ends_whole = true;
    loop {
        line.clear();
        // Longer lines than this were never written; the rest of one is no line.
        let read = reader.by_ref().take(1 << 27).read_until(b'\n', &mut line)?;
        if read == 0 {
            break;
        }
        ends_whole = line.ends_with(b"\n");
        if let Ok(Known { sha256 }) = serde_json::from_slice(&line) {
            known.insert(sha256);
        }
    }
    drop(reader);
    file.seek(SeekFrom::End(0))?;
    let mut out = BufWriter::new(file);
    if !ends_whole {
        out.write_all(b"\n")?;
    }
    Ok((out, known))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
