//! HTTP requests, cut anywhere and damaged anyhow.

use proptest::prelude::*;

use super::*;

/// A stream that gives its bytes in pieces of one size and keeps what is written.
struct Pieces<'a> {
    left: &'a [u8],
    size: usize,
    written: Vec<u8>,
}

impl Read for Pieces<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let size = self.size.min(self.left.len()).min(buffer.len());
        let (now, later) = self.left.split_at(size);
        buffer[..size].copy_from_slice(now);
        self.left = later;
        Ok(size)
    }
}

impl Write for Pieces<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.written.extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn reader(bytes: &[u8], size: usize) -> RequestReader<Pieces<'_>> {
    RequestReader::new(Pieces {
        left: bytes,
        size,
        written: Vec::new(),
    })
}

fn refusal(bytes: &[u8]) -> u16 {
    match reader(bytes, 4096).read() {
        Err(ReadError::Refused(response)) => response.status(),
        other => panic!("{other:?} for {:?}", String::from_utf8_lossy(bytes)),
    }
}

#[test]
fn requests_come_out_the_same_however_the_bytes_are_cut() {
    let bytes = b"POST /a/?q HTTP/1.1\r\nHost: 127.0.0.1:1\r\nContent-Length: 3\r\n\r\nabc\
        POST /b/ HTTP/1.1\r\nhost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n\
        2;x=y\r\nde\r\n1\r\nf\r\n0\r\nTrailer: no\r\n\r\n\
        GET /c/ HTTP/1.0\r\n\r\n";
    for size in 1..=bytes.len() {
        let mut reader = reader(bytes, size);
        let mut seen = Vec::new();
        while reader.wait().unwrap() {
            let received = reader.read().unwrap();
            let body = String::from_utf8(received.request.body().to_vec()).unwrap();
            seen.push((
                received.request.path().to_owned(),
                body,
                received.persistent,
            ));
        }
        let expected = [
            ("/a/", "abc", true),
            ("/b/", "def", true),
            ("/c/", "", false),
        ];
        assert!(
            seen.iter()
                .map(|(path, body, more)| (path.as_str(), body.as_str(), *more))
                .eq(expected),
            "pieces of {size}: {seen:?}"
        );
    }
}

#[test]
fn what_cannot_be_understood_is_refused_with_its_reason() {
    let post = |rest: &str| format!("POST / HTTP/1.1\r\nHost: localhost\r\n{rest}").into_bytes();
    assert_eq!(refusal(b"\x00\x01\x02garbage\r\n\r\n"), 400);
    assert_eq!(refusal(b"\r\n\r\nGET / HTTP/1.1\r\n\r\n"), 400);
    assert_eq!(refusal(b"GET / HTTP/1.1\r\n\r\n"), 400, "no host");
    assert_eq!(
        refusal(b"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n"),
        421
    );
    assert_eq!(
        refusal(&post(
            "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"
        )),
        400
    );
    assert_eq!(
        refusal(&post("Content-Length: 1\r\nContent-Length: 2\r\n\r\n")),
        400
    );
    assert_eq!(refusal(&post("Content-Length: +1\r\n\r\n")), 400);
    assert_eq!(refusal(&post("Content-Length: 2097153\r\n\r\n")), 413);
    assert_eq!(
        refusal(&post("Content-Length: 99999999999999999999999\r\n\r\n")),
        413
    );
    assert_eq!(
        refusal(&post("Transfer-Encoding: gzip, chunked\r\n\r\n")),
        501
    );
    assert_eq!(
        refusal(&post("Transfer-Encoding: chunked\r\n\r\nzz\r\n")),
        400
    );
    assert_eq!(
        refusal(&post("Transfer-Encoding: chunked\r\n\r\n200001\r\n")),
        413
    );
    assert_eq!(
        refusal(&post(&format!("{}\r\n", "x: y\r\n".repeat(101)))),
        431
    );
    assert_eq!(
        refusal(&post(&format!("x: {}\r\n\r\n", "y".repeat(MAX_HEAD)))),
        431
    );
}

#[test]
fn a_client_that_asks_first_is_told_to_go_on_once_its_length_is_accepted() {
    let bytes =
        b"POST / HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\nx";
    let mut reader = reader(bytes, 1);
    reader.read().unwrap();
    assert_eq!(reader.stream.written, b"HTTP/1.1 100 Continue\r\n\r\n");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn garbage_never_panics_and_never_holds_more_than_its_bounds(
        bytes in prop::collection::vec(any::<u8>(), 0..400),
        head in prop::sample::select(vec![
            "", "GET / HTTP/1.1\r\n", "POST / HTTP/1.1\r\nHost: localhost\r\n",
            "POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n",
        ]),
        size in 1_usize..50,
    ) {
        let bytes = [head.as_bytes(), &bytes].concat();
        let mut reader = reader(&bytes, size);
        let _ = reader.read();
        prop_assert!(reader.buffer.len() <= MAX_HEAD + 16 * 1024);
    }
}
