//! Commands from standard input, answers to standard output.

use std::io::{self, BufRead, BufReader, Read, Write};

use dev_server::server::ServerHandle;

/// The maximum length of a command.
const MAX_LINE_BYTES: u64 = 64 * 1024;

/// Executes commands until standard input ends. The server keeps running then: it may have been
/// started without a terminal. It also ignores errors on standard output, which may be closed.
pub(crate) fn serve(handle: &ServerHandle) {
    let mut input = BufReader::new(io::stdin());
    while let Some(line) = next_line(&mut input) {
        let (answer, quit) = match line {
            Ok(line) => match handle.with_core(move |core| core.control(&line)) {
                Some(answer) => (answer.line, answer.quit),
                None => return,
            },
            Err(error) => (format!("error {error}"), false),
        };
        let mut out = io::stdout();
        if let Err(error) = writeln!(out, "{answer}").and_then(|()| out.flush()) {
            log::debug!("cannot write an answer to standard output: {error}");
        }
        if quit {
            return handle.stop();
        }
    }
    log::debug!("standard input has ended: no more commands");
}

/// The next line that is not empty, or an error text; `None` at the end of input.
fn next_line(input: &mut impl BufRead) -> Option<Result<String, &'static str>> {
    loop {
        let mut line = Vec::new();
        match input
            .by_ref()
            .take(MAX_LINE_BYTES)
            .read_until(b'\n', &mut line)
        {
            Ok(0) => return None,
            Ok(_) => {}
            Err(error) => {
                log::debug!("cannot read standard input: {error}");
                return None;
            }
        }
        if line.last() != Some(&b'\n') && line.len() as u64 == MAX_LINE_BYTES {
            // Skips the rest of the line.
            while line.last().is_some_and(|byte| *byte != b'\n') {
                line.clear();
                let _ = input
                    .by_ref()
                    .take(MAX_LINE_BYTES)
                    .read_until(b'\n', &mut line);
            }
            return Some(Err("the command is too long: write less than 65536 bytes"));
        }
        match String::from_utf8(line) {
            Ok(line) if line.trim().is_empty() => {}
            Ok(line) => return Some(Ok(line)),
            Err(_) => return Some(Err("the command is not UTF-8: write it in UTF-8")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_command_line_is_reported_and_the_next_one_is_read() {
        let mut text = b"one\r\n\n  \ntwo\n".to_vec();
        for length in [65_536, 200_000] {
            text.extend(vec![b'x'; length]);
            text.push(b'\n');
        }
        text.extend(b"\xFF\nlast");
        let mut input = text.as_slice();
        let mut next =
            || next_line(&mut input).map(|line| line.map_err(|error| error[..20].to_owned()));
        assert_eq!(next(), Some(Ok("one\r\n".to_owned())));
        assert_eq!(next(), Some(Ok("two\n".to_owned())));
        assert_eq!(next(), Some(Err("the command is too l".to_owned())));
        assert_eq!(next(), Some(Err("the command is too l".to_owned())));
        assert_eq!(next(), Some(Err("the command is not U".to_owned())));
        assert_eq!(next(), Some(Ok("last".to_owned())));
        assert_eq!(next(), None);
    }
}
